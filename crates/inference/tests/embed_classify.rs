//! What every model that answers inputs in batches must do, written once over the traits.
//!
//! The embedder on candle always runs, on a model that the tests write themselves. The real models
//! run where a variable names them: see `variables`.
#![cfg(any(feature = "candle", feature = "onnx"))]

#[cfg(feature = "candle")]
mod tiny_bert;
mod variables;

use std::num::NonZeroUsize;
#[cfg(feature = "candle")]
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use inferno_inference::Error;
use inferno_inference::backend::{Backend, BatchModel, Embedding};
use inferno_inference::batching::{Batcher, BatcherConfig, Request};
#[cfg(feature = "candle")]
use inferno_inference::candle::bert::{CandleEmbedder, CandleEmbeddingBackend, DeviceName};
#[cfg(feature = "onnx")]
use inferno_inference::onnx::{OnnxEmbedder, OnnxEmbeddingBackend, OnnxSettings};
use variables::named;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(30);

/// Embeds texts.
trait Embedder: BatchModel<Input = String, Output = Embedding> {}

impl<M: BatchModel<Input = String, Output = Embedding>> Embedder for M {}

/// A model, and what may be expected of it.
struct Subject<M> {
    model: Arc<M>,
    /// Least cosine between directions that would be equal in exact arithmetic.
    min_cosine: f32,
    /// Tokens of the longest text.
    max_tokens: usize,
}

/// Runs each check of the suite on one model, one test per check. A model that is not there is
/// skipped.
macro_rules! conformance {
    ($name:ident, $subject:path, [$($check:ident),+ $(,)?]) => {
        mod $name {
            $(
                #[test]
                fn $check() {
                    if let Some(subject) = $subject(stringify!($check)) {
                        super::$check(&subject);
                    }
                }
            )+
        }
    };
}

#[cfg(feature = "candle")]
conformance!(
    tiny,
    super::tiny,
    [
        the_same_texts_give_the_same_directions,
        a_batch_equals_its_texts_alone,
        directions_have_length_one,
        texts_that_are_empty_or_too_long_fail_alone,
        no_text_is_cut_off,
        any_text_is_embedded,
        no_texts_give_no_directions,
        texts_through_a_batcher_equal_those_alone,
        a_text_that_is_withdrawn_is_told_so,
    ]
);

#[cfg(feature = "candle")]
conformance!(
    candle,
    super::candle,
    [
        the_same_texts_give_the_same_directions,
        a_batch_equals_its_texts_alone,
        directions_have_length_one,
        texts_that_are_empty_or_too_long_fail_alone,
        no_text_is_cut_off,
        any_text_is_embedded,
        no_texts_give_no_directions,
        texts_through_a_batcher_equal_those_alone,
        a_text_that_is_withdrawn_is_told_so,
        like_texts_have_like_directions,
    ]
);

#[cfg(feature = "onnx")]
conformance!(
    onnx,
    super::onnx,
    [
        the_same_texts_give_the_same_directions,
        a_batch_equals_its_texts_alone,
        directions_have_length_one,
        texts_that_are_empty_or_too_long_fail_alone,
        no_text_is_cut_off,
        any_text_is_embedded,
        no_texts_give_no_directions,
        texts_through_a_batcher_equal_those_alone,
        a_text_that_is_withdrawn_is_told_so,
        like_texts_have_like_directions,
    ]
);

#[cfg(feature = "candle")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "subjects have one signature, and the others may not be there"
)]
fn tiny(_test: &str) -> Option<Subject<CandleEmbedder>> {
    static MODEL: OnceLock<Arc<CandleEmbedder>> = OnceLock::new();
    let model = MODEL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-bert");
        tiny_bert::write(&folder, &tiny_bert::tensors(), &tiny_bert::config());
        Arc::new(
            CandleEmbeddingBackend::default()
                .load(&folder)
                .expect("the tiny model"),
        )
    });
    Some(Subject {
        model: Arc::clone(model),
        min_cosine: 0.999_99,
        max_tokens: tiny_bert::POSITIONS,
    })
}

#[cfg(feature = "candle")]
fn candle(test: &str) -> Option<Subject<CandleEmbedder>> {
    static MODEL: OnceLock<Arc<CandleEmbedder>> = OnceLock::new();
    let path = named("INFERNO_TEST_MINILM", test)?;
    let load = || {
        Arc::new(
            CandleEmbeddingBackend::default()
                .load(&path)
                .expect("the model"),
        )
    };
    Some(Subject {
        model: Arc::clone(MODEL.get_or_init(load)),
        min_cosine: 0.999_99,
        max_tokens: 256,
    })
}

#[cfg(feature = "onnx")]
fn onnx(test: &str) -> Option<Subject<OnnxEmbedder>> {
    static MODEL: OnceLock<Arc<OnnxEmbedder>> = OnceLock::new();
    let (path, library) = (
        named("INFERNO_TEST_MINILM_ONNX", test)?,
        named("ORT_DYLIB_PATH", test)?,
    );
    let backend = OnnxEmbeddingBackend::new(OnnxSettings::new(library));
    let load = || Arc::new(backend.load(&path).expect("the model"));
    Some(Subject {
        model: Arc::clone(MODEL.get_or_init(load)),
        // Activations are rounded to 8 bits by the range of the whole batch.
        min_cosine: 0.98,
        max_tokens: 256,
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The directions of `texts`, computed in one batch.
fn embed(model: &impl Embedder, texts: &[String]) -> Vec<Embedding> {
    let results = model.run(texts).expect("a batch");
    results
        .into_iter()
        .map(|result| result.expect("a direction"))
        .collect()
}

fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    assert_eq!(a.values.len(), b.values.len());
    a.values.iter().zip(&b.values).map(|(a, b)| a * b).sum()
}

/// Texts of different lengths, with words that each vocabulary here has.
fn samples() -> Vec<String> {
    texts(&[
        "sun",
        "rain and wind",
        "cloud",
        "sun rain wind cloud sun",
        "winds",
    ])
}

fn the_same_texts_give_the_same_directions(subject: &Subject<impl Embedder>) {
    let embed = || embed(&*subject.model, &samples());
    assert_eq!(embed(), embed());
}

fn a_batch_equals_its_texts_alone(subject: &Subject<impl Embedder>) {
    let samples = samples();
    let together = embed(&*subject.model, &samples);
    for (text, together) in samples.iter().zip(&together) {
        let alone = &embed(&*subject.model, std::slice::from_ref(text))[0];
        assert_eq!(alone.tokens, together.tokens);
        let cosine = cosine(alone, together);
        assert!(cosine >= subject.min_cosine, "{text:?}: {cosine}");
    }
}

fn directions_have_length_one(subject: &Subject<impl Embedder>) {
    for embedding in embed(&*subject.model, &samples()) {
        assert!((cosine(&embedding, &embedding) - 1.0).abs() < 1e-5);
        assert!(embedding.tokens >= 3, "a word and the two marks around it");
    }
}

fn texts_that_are_empty_or_too_long_fail_alone(subject: &Subject<impl Embedder>) {
    let huge = "sun ".repeat(100_000);
    let batch = texts(&["", "sun", &huge, " \n"]);
    let results = subject.model.run(&batch).expect("a batch");
    assert_eq!(results.len(), 4);
    assert!(matches!(results[0], Err(Error::EmptyPrompt)));
    assert!(results[1].is_ok());
    let Err(Error::PromptTooLong {
        prompt_tokens,
        context_tokens,
    }) = results[2]
    else {
        panic!("too long: {:?}", results[2]);
    };
    assert_eq!(
        (prompt_tokens, context_tokens),
        (100_002, subject.max_tokens)
    );
    assert!(matches!(results[3], Err(Error::EmptyPrompt)));
}

fn no_text_is_cut_off(subject: &Subject<impl Embedder>) {
    let longest = vec!["sun"; subject.max_tokens - 2].join(" ");
    let batch = [longest.clone(), format!("{longest} sun")];
    let results = subject.model.run(&batch).expect("a batch");
    let tokens = results[0].as_ref().expect("it fits").tokens;
    assert_eq!(tokens, subject.max_tokens);
    assert!(matches!(results[1], Err(Error::PromptTooLong { .. })));
}

fn any_text_is_embedded(subject: &Subject<impl Embedder>) {
    let batch = texts(&[
        "naïve café",
        "日本語",
        "\u{1f600}",
        "a\u{301}",
        "\u{202e}right to left",
        "[SEP] [MASK]",
        "\u{0}",
        "<|endoftext|>",
    ]);
    for (text, result) in batch
        .iter()
        .zip(subject.model.run(&batch).expect("a batch"))
    {
        match result {
            Ok(embedding) => assert!(embedding.values.iter().all(|value| value.is_finite())),
            // Control characters count for nothing, so that nothing may be left.
            Err(Error::EmptyPrompt) => assert_eq!(text, "\u{0}"),
            Err(error) => panic!("{text:?}: {error}"),
        }
    }
}

fn no_texts_give_no_directions(subject: &Subject<impl Embedder>) {
    assert!(embed(&*subject.model, &[]).is_empty());
    let results = subject.model.run(&texts(&[""])).expect("a batch");
    assert!(matches!(results[..], [Err(Error::EmptyPrompt)]));
}

fn batcher<M: BatchModel>(model: &Arc<M>, max_batch: usize, max_wait: Duration) -> Batcher<M> {
    let config = BatcherConfig {
        max_batch: NonZeroUsize::new(max_batch).expect("not zero"),
        max_wait,
        ..BatcherConfig::default()
    };
    Batcher::new(Arc::clone(model), &config).expect("a batcher")
}

fn texts_through_a_batcher_equal_those_alone(subject: &Subject<impl Embedder>) {
    let batcher = batcher(&subject.model, 3, Duration::from_millis(5));
    let samples = samples();
    let answers = batcher.run(samples.clone());
    for (text, answer) in samples.iter().zip(answers) {
        let answer = answer.expect("an answer");
        let alone = &embed(&*subject.model, std::slice::from_ref(text))[0];
        let cosine = cosine(alone, &answer.output);
        assert!(cosine >= subject.min_cosine, "{text:?}: {cosine}");
        assert!((1..=3).contains(&answer.timings.batch_size));
    }
    let counts = batcher.counts();
    assert_eq!((counts.inputs, counts.batch_inputs), (5, 5));
}

fn a_text_that_is_withdrawn_is_told_so(subject: &Subject<impl Embedder>) {
    // The first one waits for company, so it is withdrawn before its batch begins.
    let batcher = batcher(&subject.model, 2, LONG);
    let submit = |text: &str| batcher.submit(Request::new(text.to_owned())).expect("room");
    let withdrawn = submit("sun");
    withdrawn.cancel_handle().cancel();
    let kept = submit("rain");
    batcher.drain();
    assert!(matches!(withdrawn.wait(), Err(Error::Cancelled)));
    assert_eq!(kept.wait().expect("an answer").timings.batch_size, 1);
    let late = batcher.submit(Request::new("late".to_owned()));
    assert!(matches!(late, Err(Error::EngineStopped)));
}

fn like_texts_have_like_directions(subject: &Subject<impl Embedder>) {
    let batch = texts(&[
        "A man is eating food.",
        "Somebody is having a meal.",
        "The stock market fell by two per cent.",
    ]);
    let directions = embed(&*subject.model, &batch);
    assert_eq!(directions[0].values.len(), 384);
    let (like, unlike) = (
        cosine(&directions[0], &directions[1]),
        cosine(&directions[0], &directions[2]),
    );
    assert!(like > 0.4 && unlike < 0.2, "{like} and {unlike}");
}

#[cfg(all(feature = "candle", feature = "onnx"))]
#[test]
fn the_two_embedders_agree() {
    let test = "the_two_embedders_agree";
    let (Some(candle), Some(onnx)) = (candle(test), onnx(test)) else {
        return;
    };
    let mut batch = samples();
    batch.push("A longer text, with punctuation; 42 numbers, and naïve accents.".to_owned());
    for text in &batch {
        let text = std::slice::from_ref(text);
        let (left, right) = (
            &embed(&*candle.model, text)[0],
            &embed(&*onnx.model, text)[0],
        );
        assert_eq!(left.tokens, right.tokens);
        // One of them has weights of 8 bits.
        let cosine = cosine(left, right);
        assert!(cosine > 0.98, "{text:?}: {cosine}");
    }
}

#[cfg(feature = "candle")]
#[test]
fn the_arithmetic_is_that_of_bert() {
    let subject = tiny("the_arithmetic_is_that_of_bert").expect("it is always there");
    for (text, tokens) in [
        ("sun", &[2, 4, 3][..]),
        (
            "Rain winds unheard-of cloud",
            &[2, 5, 6, 7, 1, 1, 1, 8, 3][..],
        ),
    ] {
        let embedding = &embed(&*subject.model, &texts(&[text]))[0];
        assert_eq!(embedding.tokens, tokens.len());
        let expected = tiny_bert::direction(tokens);
        for (value, expected) in embedding.values.iter().zip(expected) {
            let difference = (f64::from(*value) - expected).abs();
            assert!(difference < 1e-4, "{text:?}: {value} and {expected}");
        }
    }
}

#[cfg(feature = "candle")]
#[test]
fn a_damaged_or_foreign_model_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let load = || {
        CandleEmbeddingBackend::default()
            .load(folder)
            .expect_err("refused")
    };
    let (tensors, config) = (tiny_bert::tensors(), tiny_bert::config());
    assert!(matches!(load(), Error::Io { .. }), "there is nothing");

    let changed = |key: &str, value: serde_json::Value| {
        let mut config = config.clone();
        config[key] = value;
        config
    };
    for (config, problem) in [
        (changed("hidden_act", "relu".into()), "relu"),
        (changed("vocab_size", 8.into()), "token 8"),
        (
            changed("intermediate_size", 13.into()),
            "intermediate.dense",
        ),
        (changed("num_hidden_layers", 1.into()), "encoder.layer.1."),
        (changed("num_hidden_layers", 3.into()), "encoder.layer.2."),
    ] {
        tiny_bert::write(folder, &tensors, &config);
        let error = load();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(error.hint().is_some());
    }

    tiny_bert::write(folder, &tensors, &config);
    let main = folder.join("model.safetensors");
    let whole = std::fs::read(&main).expect("reading");
    for damaged in [&whole[..whole.len() - 1], &whole[..20], b"", b"GGUF"] {
        std::fs::write(&main, damaged).expect("writing");
        let error = load();
        assert!(matches!(error, Error::CorruptModel { .. }), "{error:?}");
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    std::fs::write(&main, &whole).expect("writing");
    std::fs::remove_file(folder.join("tokenizer.json")).expect("removing");
    assert!(load().to_string().contains("tokenizer.json"));
}

#[cfg(all(feature = "candle", not(feature = "cuda")))]
#[test]
fn a_device_that_is_not_there_is_an_error_with_a_next_step() {
    let device = DeviceName::Cuda;
    let error = CandleEmbeddingBackend { device }
        .load(Path::new("/nonexistent"))
        .expect_err("there is no such device");
    assert!(matches!(error, Error::NoDevice { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("cuda")));
    assert_eq!(error.exit_code(), 20);
}
