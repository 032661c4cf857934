//! What every backend must do, written once over the traits and run for each backend.
#![cfg(feature = "candle")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "all checks have one signature; most need the model for themselves"
)]

mod models;

use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use inferno_inference::backend::{Context, ContextSize, Logits, Model, Sequence, Step};
use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_inference::engine::{
    AtEnd, Completion, Engine, EngineConfig, Event, Limits, Prompt, Request, Source, StopReason,
};
use inferno_inference::sampling::Sampling;
use inferno_inference::{Error, single};

/// Runs each check of the suite on one model, one test per check.
macro_rules! conformance {
    ($backend:ident, $model:expr, [$($check:ident),+ $(,)?]) => {
        mod $backend {
            $(
                #[test]
                fn $check() {
                    super::$check($model);
                }
            )+
        }
    };
}

/// All checks, for each backend that is compiled in.
macro_rules! conforming {
    ($backend:ident, $model:expr) => {
        conformance!(
            $backend,
            $model,
            [
                the_same_request_gives_the_same_answer,
                a_seed_decides_random_answers,
                an_answer_stops_at_its_most_tokens,
                an_answer_stops_at_a_stop_text,
                end_tokens_can_be_ignored,
                an_answer_stops_when_the_context_is_full,
                an_empty_prompt_is_an_error,
                a_prompt_beyond_the_context_is_an_error,
                unknown_tokens_are_an_error,
                an_error_leaves_the_sequence_as_it_was,
                an_emptied_sequence_is_like_a_new_one,
                prefill_equals_decoding_one_by_one,
                sequences_do_not_disturb_each_other,
                a_shared_beginning_is_like_a_computed_one,
                concurrent_requests_equal_serial_ones,
                a_long_prompt_is_taken_in_over_several_passes,
                timings_add_up,
                an_overloaded_engine_refuses_and_serves_the_others,
                a_withdrawn_request_ends,
                a_request_ends_at_its_deadline,
                memory_for_few_tokens_serves_many_requests,
                a_request_without_memory_keeps_its_place_in_the_queue,
                the_text_grows_as_it_is_said,
                equal_requests_are_computed_once,
                a_conversation_goes_on_where_it_was,
                a_stopped_engine_refuses,
                text_survives_the_tokenizer,
                characters_lie_across_tokens,
                control_tokens_are_tokens_and_not_text,
                chat_prompts_are_templated,
            ]
        );
    };
}

conforming!(candle, super::models::synthetic());
#[cfg(feature = "llama")]
conforming!(llama, super::models::synthetic_llama());

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

fn limits(max_tokens: usize) -> Limits {
    Limits {
        max_tokens: count(max_tokens),
        sampling: Sampling::Greedy,
        at_end: AtEnd::Stop,
        stop_texts: Vec::new(),
    }
}

fn raw(text: &str, limits: Limits) -> Request {
    Request::new(Prompt::Raw(text.to_owned()), limits)
}

fn engine<M: Model>(model: Arc<M>, slots: usize, queue_capacity: usize) -> Engine<M> {
    let config = EngineConfig {
        slots: count(slots),
        queue_capacity: count(queue_capacity),
        ..EngineConfig::default()
    };
    Engine::new(model, config).expect("an engine")
}

fn serve<M: Model>(model: Arc<M>, request: Request) -> Result<Completion, Error> {
    engine(model, 1, 1).submit(request)?.wait()
}

fn encode(model: &impl Model, text: &str) -> Vec<u32> {
    model.tokenizer().encode(text).expect("encoding")
}

/// How far logits may differ with the number of tokens in a pass: the root mean square of the
/// differences, as a share of that of the logits. Numbers of something else differ by more than 1.
trait Rounding {
    const SHARE: f64;
}

/// Each row is computed on its own.
#[cfg(feature = "candle")]
impl Rounding for inferno_inference::candle::CandleModel {
    const SHARE: f64 = 0.0;
}

/// Attention adds up in half precision, in another order for one row than for many; where that moves an
/// activation across a step of its 8 bits, later layers see a whole step.
#[cfg(feature = "llama")]
impl Rounding for inferno_inference::llama::LlamaModel {
    const SHARE: f64 = 0.1;
}

fn assert_close(left: &[f32], right: &[f32], share: f64) {
    assert_eq!(left.len(), right.len());
    let squares = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|value| f64::from(value).powi(2)).sum()
    };
    let differences = squares(&mut left.iter().zip(right).map(|(left, right)| left - right));
    let found = (differences / squares(&mut right.iter().copied())).sqrt();
    assert!(found <= share, "{found} instead of {share} at most");
}

fn the_same_request_gives_the_same_answer(model: Arc<impl Model>) {
    let answer = || serve(Arc::clone(&model), raw("Once upon a time", limits(12))).expect("served");
    let (first, second) = (answer(), answer());
    assert_eq!(first.tokens, second.tokens);
    assert_eq!(first.text, second.text);
    assert_eq!(first.tokens.len(), 12);
}

fn a_seed_decides_random_answers(model: Arc<impl Model>) {
    let answer = |seed| {
        let sampling = Sampling::Random {
            temperature: 1.5,
            top_p: 1.0,
            seed,
        };
        let limits = Limits {
            sampling,
            ..limits(12)
        };
        serve(Arc::clone(&model), raw("Once upon a time", limits)).expect("served")
    };
    assert_eq!(answer(1).tokens, answer(1).tokens);
    assert_ne!(answer(1).tokens, answer(2).tokens);
}

fn an_answer_stops_at_its_most_tokens(model: Arc<impl Model>) {
    for most in [1, 5] {
        let served = serve(Arc::clone(&model), raw("A few words", limits(most))).expect("served");
        assert_eq!(
            (served.tokens.len(), served.stop),
            (most, StopReason::MaxTokens)
        );
    }
}

fn an_answer_stops_at_a_stop_text(model: Arc<impl Model>) {
    let whole = serve(Arc::clone(&model), raw("A few words", limits(8))).expect("served");
    let last = whole.text.chars().next_back().expect("text").to_string();
    let first = whole.text.find(&last).expect("it is there");
    let limits = Limits {
        stop_texts: vec!["no such text".to_owned(), last],
        ..limits(8)
    };
    let stopped = serve(model, raw("A few words", limits)).expect("served");
    assert_eq!(stopped.text, whole.text[..first]);
    assert_eq!(stopped.stop, StopReason::StopText);
    assert_eq!(stopped.tokens, whole.tokens[..stopped.tokens.len()]);
}

fn end_tokens_can_be_ignored(model: Arc<impl Model>) {
    let end_tokens = model.tokenizer().end_tokens().to_vec();
    let limits = Limits {
        at_end: AtEnd::Continue,
        // Hot enough that every token comes up now and then.
        sampling: Sampling::Random {
            temperature: 50.0,
            top_p: 1.0,
            seed: 3,
        },
        ..limits(100)
    };
    let served = serve(model, raw("A few words", limits)).expect("served");
    assert_eq!(served.tokens.len(), 100);
    assert!(!served.tokens.iter().any(|token| end_tokens.contains(token)));
}

fn an_answer_stops_when_the_context_is_full(model: Arc<impl Model>) {
    let context = model.context_tokens();
    let word = encode(model.as_ref(), " word");
    let text = " word".repeat((context - 3) / word.len());
    let prompt_tokens = encode(model.as_ref(), &text).len();
    let limits = Limits {
        at_end: AtEnd::Continue,
        ..limits(50)
    };
    let served = serve(Arc::clone(&model), raw(&text, limits)).expect("served");
    // What comes after the last that fits in is chosen but not taken in.
    assert_eq!(served.tokens.len(), context - prompt_tokens + 1);
    assert_eq!(served.stop, StopReason::ContextFull);
    let mut sequence = single(model.as_ref()).expect("a sequence");
    sequence.prefill(&vec![word[0]; context]).expect("prefill");
    assert_eq!(sequence.position(), context);
    assert!(matches!(
        sequence.decode(word[0]),
        Err(Error::ContextFull { .. })
    ));
}

fn an_empty_prompt_is_an_error(model: Arc<impl Model>) {
    let mut sequence = single(model.as_ref()).expect("a sequence");
    assert!(matches!(sequence.prefill(&[]), Err(Error::EmptyPrompt)));
    let chat = Prompt::Chat(vec![Message {
        role: Role::User,
        content: String::new(),
    }]);
    for prompt in [Prompt::Raw(String::new()), chat, Prompt::Chat(Vec::new())] {
        let request = Request::new(prompt, limits(1));
        let result = serve(Arc::clone(&model), request);
        assert!(matches!(result, Err(Error::EmptyPrompt)), "{result:?}");
    }
}

fn a_prompt_beyond_the_context_is_an_error(model: Arc<impl Model>) {
    let text = "many words ".repeat(model.context_tokens());
    let result = serve(Arc::clone(&model), raw(&text, limits(1)));
    let Err(Error::PromptTooLong {
        prompt_tokens,
        context_tokens,
    }) = result
    else {
        panic!("{result:?}");
    };
    assert_eq!(context_tokens, model.context_tokens());
    assert!(prompt_tokens > context_tokens);
    let mut sequence = single(model.as_ref()).expect("a sequence");
    let tokens = vec![1; context_tokens + 1];
    assert!(matches!(
        sequence.prefill(&tokens),
        Err(Error::PromptTooLong { .. })
    ));
}

fn unknown_tokens_are_an_error(model: Arc<impl Model>) {
    let unknown = model.tokenizer().vocabulary_size() as u32;
    let mut sequence = single(model.as_ref()).expect("a sequence");
    for result in [
        sequence.prefill(&[1, unknown]).err(),
        sequence.decode(u32::MAX).err(),
    ] {
        assert!(
            matches!(result, Some(Error::UnknownToken { .. })),
            "{result:?}"
        );
    }
}

fn an_error_leaves_the_sequence_as_it_was(model: Arc<impl Model>) {
    let tokens = encode(model.as_ref(), "A few words");
    let mut disturbed = single(model.as_ref()).expect("a sequence");
    disturbed.prefill(&tokens).expect("prefill");
    assert!(disturbed.prefill(&[u32::MAX]).is_err());
    assert!(disturbed.decode(u32::MAX).is_err());
    assert_eq!(disturbed.position(), tokens.len());
    let mut undisturbed = single(model.as_ref()).expect("a sequence");
    undisturbed.prefill(&tokens).expect("prefill");
    let expected = undisturbed.decode(tokens[0]).expect("decode");
    assert_eq!(disturbed.decode(tokens[0]).expect("decode"), expected);
}

fn an_emptied_sequence_is_like_a_new_one(model: Arc<impl Model>) {
    let (one, two) = (
        encode(model.as_ref(), "One story"),
        encode(model.as_ref(), "Another"),
    );
    let mut reused = single(model.as_ref()).expect("a sequence");
    reused.prefill(&one).expect("prefill");
    reused.reset().expect("emptied");
    assert_eq!(reused.position(), 0);
    let mut new = single(model.as_ref()).expect("a sequence");
    let expected = new.prefill(&two).expect("prefill");
    assert_eq!(reused.prefill(&two).expect("prefill"), expected);
}

fn prefill_equals_decoding_one_by_one<M: Model + Rounding>(model: Arc<M>) {
    let tokens = encode(
        model.as_ref(),
        &"A sentence with a few more words. ".repeat(12),
    );
    let mut at_once = single(model.as_ref()).expect("a sequence");
    let expected = at_once.prefill(&tokens).expect("prefill").to_vec();
    let mut one_by_one = single(model.as_ref()).expect("a sequence");
    let mut logits = Vec::new();
    for &token in &tokens {
        logits = one_by_one.decode(token).expect("decode").to_vec();
    }
    assert_close(&logits, &expected, M::SHARE);
    let mut in_parts = single(model.as_ref()).expect("a sequence");
    in_parts.prefill(&tokens[..5]).expect("prefill");
    let in_parts = in_parts.prefill(&tokens[5..]).expect("prefill");
    assert_close(in_parts, &expected, M::SHARE);
}

fn sequences_do_not_disturb_each_other(model: Arc<impl Model>) {
    let (one, two) = (
        encode(model.as_ref(), "One story"),
        encode(model.as_ref(), "Another"),
    );
    let mut alone = single(model.as_ref()).expect("a sequence");
    alone.prefill(&one).expect("prefill");
    let expected = alone.decode(one[0]).expect("decode");
    let mut first = single(model.as_ref()).expect("a sequence");
    let mut second = single(model.as_ref()).expect("a sequence");
    first.prefill(&one).expect("prefill");
    second.prefill(&two).expect("prefill");
    assert_eq!(first.decode(one[0]).expect("decode"), expected);
}

fn concurrent_requests_equal_serial_ones(model: Arc<impl Model>) {
    let prompts: Vec<String> = (0..9)
        .map(|number| format!("Story number {number}"))
        .collect();
    let answers = |slots| -> Vec<Vec<u32>> {
        let engine = engine(Arc::clone(&model), slots, 16);
        let requests = prompts
            .iter()
            .map(|prompt| raw(prompt, limits(6)))
            .collect();
        let served = engine.run(requests).into_iter();
        served
            .map(|result| result.expect("served").tokens)
            .collect()
    };
    assert_eq!(answers(1), answers(3));
}

fn a_shared_beginning_is_like_a_computed_one<M: Model + Rounding>(model: Arc<M>) {
    let tokens = encode(model.as_ref(), "One story that begins like another");
    let rest = encode(model.as_ref(), " and ends in its own way");
    let whole = [&tokens[..], &rest].concat();
    let mut alone = single(model.as_ref()).expect("a sequence");
    let expected = alone.prefill(&whole).expect("prefill").to_vec();
    let size = ContextSize {
        sequences: count(2),
        tokens: count(512),
        pass_tokens: count(128),
    };
    let mut context = model.context(size).expect("a context");
    let step = |sequence, tokens| Step {
        sequence: Sequence(sequence),
        tokens,
        logits: Logits::Wanted,
    };
    context.forward(&[step(0, &whole)]).expect("a pass");
    context
        .share(Sequence(0), Sequence(1), tokens.len())
        .expect("shared");
    assert_eq!(context.position(Sequence(1)), tokens.len());
    // The first one goes another way meanwhile.
    context.truncate(Sequence(0), 3).expect("truncated");
    context
        .forward(&[step(0, &rest), step(1, &rest)])
        .expect("a pass");
    assert_close(context.logits(1).expect("wanted"), &expected, M::SHARE);
    assert_eq!(context.position(Sequence(0)), 3 + rest.len());
}

fn a_long_prompt_is_taken_in_over_several_passes(model: Arc<impl Model>) {
    let long = "a sentence of a few words, ".repeat(12);
    let prompts = ["short", &long, "also short", &long];
    let answers = |slots, pass_tokens| -> Vec<Vec<u32>> {
        let config = EngineConfig {
            slots: count(slots),
            pass_tokens: count(pass_tokens),
            ..EngineConfig::default()
        };
        let engine = Engine::new(Arc::clone(&model), config).expect("an engine");
        let requests = prompts.iter().map(|prompt| raw(prompt, limits(6)));
        let served = engine.run(requests.collect()).into_iter();
        served
            .map(|result| result.expect("served").tokens)
            .collect()
    };
    assert_eq!(answers(4, 8), answers(1, 256));
}

fn a_withdrawn_request_ends(model: Arc<impl Model>) {
    let engine = engine(model, 1, 8);
    let endless = Limits {
        at_end: AtEnd::Continue,
        ..limits(100_000)
    };
    let ticket = engine
        .submit(raw("A few words", endless.clone()))
        .expect("room");
    let waiting = engine.submit(raw("Other words", endless)).expect("room");
    assert!(matches!(ticket.next(), Event::Text(_)));
    waiting.cancel_handle().cancel();
    assert!(matches!(waiting.wait(), Err(Error::Cancelled)));
    ticket.cancel_handle().cancel();
    assert!(matches!(ticket.wait(), Err(Error::Cancelled)));
    let served = engine.submit(raw("A few words", limits(2))).expect("room");
    assert_eq!(served.wait().expect("served").tokens.len(), 2);
}

fn a_request_ends_at_its_deadline(model: Arc<impl Model>) {
    let engine = engine(model, 1, 8);
    let endless = Limits {
        at_end: AtEnd::Continue,
        ..limits(100_000)
    };
    let request = || Request {
        deadline: Some(Duration::from_millis(30)),
        ..raw("A few words", endless.clone())
    };
    for result in engine.run(vec![request(), request()]) {
        assert!(
            matches!(result, Err(Error::DeadlineExceeded { .. })),
            "{result:?}"
        );
    }
}

fn memory_for_few_tokens_serves_many_requests(model: Arc<impl Model>) {
    let config = EngineConfig {
        slots: count(4),
        cache_tokens: Some(count(64)),
        kept_prefixes: 2,
        ..EngineConfig::default()
    };
    let engine = Engine::new(model, config).expect("an engine");
    let request = |number| raw(&format!("Story number {number} begins"), limits(20));
    for result in engine.run((0..20).map(request).collect()) {
        assert_eq!(result.expect("served").tokens.len(), 20);
    }
    let long = raw(&"many words ".repeat(64), limits(1));
    let result = engine.submit(long).map(|_| ());
    assert!(
        matches!(
            result,
            Err(Error::PromptTooLong {
                context_tokens: 64,
                ..
            })
        ),
        "{result:?}"
    );
}

fn a_request_without_memory_keeps_its_place_in_the_queue(model: Arc<impl Model>) {
    let config = EngineConfig {
        slots: count(2),
        queue_capacity: count(1),
        cache_tokens: Some(count(64)),
        ..EngineConfig::default()
    };
    let engine = Engine::new(model, config).expect("an engine");
    let all_memory = Limits {
        at_end: AtEnd::Continue,
        ..limits(100)
    };
    // The engine goes on from one piece of text to the next when it is told to.
    let (said, texts) = mpsc::channel();
    let (going_on, go_on) = mpsc::channel::<()>();
    let first = raw("A few words", all_memory.clone());
    engine
        .submit_to(first, move |_| {
            let _ = said.send(());
            let _ = go_on.recv();
        })
        .expect("room");
    texts.recv().expect("a text");
    let waiting = engine.submit(raw("Other words", all_memory)).expect("room");
    going_on.send(()).expect("it waits");
    texts.recv().expect("a text");
    // By now it has been looked at: there is a slot for it and no memory.
    assert_eq!(engine.counts().waiting, 1);
    let refused = engine.submit(raw("More words", limits(1))).map(|_| ());
    assert!(
        matches!(refused, Err(Error::Overloaded { capacity: 1 })),
        "{refused:?}"
    );
    engine.stop();
    assert!(matches!(waiting.wait(), Err(Error::EngineStopped)));
}

fn the_text_grows_as_it_is_said(model: Arc<impl Model>) {
    let engine = engine(model, 2, 8);
    let tickets: Vec<_> = ["Once upon a time", "A few words"]
        .into_iter()
        .map(|prompt| engine.submit(raw(prompt, limits(12))).expect("room"))
        .collect();
    for ticket in tickets {
        let mut text = String::new();
        let completion = loop {
            match ticket.next() {
                Event::Text(piece) => text.push_str(&piece),
                Event::Done(result) => break result.expect("served"),
            }
        };
        assert_eq!(text, completion.text);
        assert_eq!(completion.token_times.len(), completion.tokens.len());
        assert!(completion.token_times.is_sorted());
        assert_eq!(completion.token_times[0], completion.timings.first_token);
    }
}

fn equal_requests_are_computed_once(model: Arc<impl Model>) {
    let config = EngineConfig {
        responses: Some(ResponseCacheConfig {
            max_bytes: 1 << 20,
            time_to_live: Duration::from_mins(1),
        }),
        ..EngineConfig::default()
    };
    let engine = Engine::new(model, config).expect("an engine");
    let request = || raw("Once upon a time", limits(12));
    let mut served = engine.run(vec![request(), request(), request()]);
    served.push(
        engine
            .submit(request())
            .and_then(inferno_inference::engine::Ticket::wait),
    );
    let served: Vec<_> = served
        .into_iter()
        .map(|result| result.expect("served"))
        .collect();
    assert_eq!(served[0].source, Source::Computed);
    assert_eq!(served[3].source, Source::Cached);
    for other in &served[1..] {
        assert_eq!(
            (&other.text, &other.tokens),
            (&served[0].text, &served[0].tokens)
        );
        assert!(other.timings.inference().is_zero());
    }
    let counts = engine.counts();
    let responses = counts.responses.expect("kept");
    assert_eq!(responses.misses, 1, "{responses:?}");
    assert_eq!(responses.hits + responses.coalesced, 3, "{responses:?}");
    assert_eq!(counts.answer_tokens, 12, "each is counted once");
    // Another seed, another length: other requests.
    let other = engine
        .submit(raw("Once upon a time", limits(11)))
        .expect("room");
    assert_eq!(other.wait().expect("served").source, Source::Computed);
}

fn a_conversation_goes_on_where_it_was(model: Arc<impl Model>) {
    let config = |kept_prefixes| EngineConfig {
        slots: count(2),
        kept_prefixes,
        ..EngineConfig::default()
    };
    let opening = "You are a helpful assistant who answers in few words. ";
    let prompts: Vec<String> = ["Who?", "Where?", "When was that, and why?"]
        .iter()
        .map(|question| format!("{opening}{question}"))
        .collect();
    let answers = |kept_prefixes| {
        let engine = Engine::new(Arc::clone(&model), config(kept_prefixes)).expect("an engine");
        let served: Vec<Completion> = prompts
            .iter()
            .map(|prompt| {
                let ticket = engine.submit(raw(prompt, limits(6))).expect("room");
                ticket.wait().expect("served")
            })
            .collect();
        (served, engine.counts())
    };
    let (keeping, counts) = answers(4);
    let (computing, _) = answers(0);
    for (keeping, computing) in keeping.iter().zip(&computing) {
        assert_eq!(keeping.tokens, computing.tokens);
        assert_eq!(computing.reused_tokens, 0);
    }
    assert_eq!(keeping[0].reused_tokens, 0);
    assert!(keeping[1..].iter().all(|served| served.reused_tokens >= 8));
    assert_eq!((counts.prefixes.hits, counts.prefixes.misses), (2, 1));
}

fn a_stopped_engine_refuses(model: Arc<impl Model>) {
    let engine = engine(model, 1, 8);
    let tickets: Vec<_> = (0..4)
        .map(|_| engine.submit(raw("A few words", limits(40))).expect("room"))
        .collect();
    engine.stop();
    assert!(matches!(
        engine.submit(raw("late", limits(1))),
        Err(Error::EngineStopped)
    ));
    let refused = tickets
        .into_iter()
        .filter_map(|ticket| ticket.wait().err())
        .map(|error| assert!(matches!(error, Error::EngineStopped), "{error:?}"))
        .count();
    assert!(refused >= 2, "only {refused} were refused");
}

fn timings_add_up(model: Arc<impl Model>) {
    let engine = engine(model, 1, 16);
    let started = Instant::now();
    let tickets: Vec<_> = (0..3)
        .map(|_| engine.submit(raw("A few words", limits(20))).expect("room"))
        .collect();
    let submitting = started.elapsed();
    let served: Vec<Completion> = tickets
        .into_iter()
        .map(|ticket| ticket.wait().expect("served"))
        .collect();
    for timings in served.iter().map(|served| served.timings) {
        assert!(timings.prefill.as_nanos() > 0 && timings.decode.as_nanos() > 0);
        assert!(timings.tokenize + timings.inference() <= timings.service());
        assert!(timings.queue_wait + timings.tokenize + timings.prefill <= timings.first_token);
        assert!(timings.first_token <= timings.total);
    }
    // With one slot the last waits while the others are served.
    let [first, second, last] = [0, 1, 2].map(|index: usize| served[index].timings);
    let others = first.inference() + second.inference();
    assert!(last.queue_wait + submitting >= others);
}

fn an_overloaded_engine_refuses_and_serves_the_others(model: Arc<impl Model>) {
    let engine = engine(model, 1, 2);
    let requests = (0..10).map(|_| raw("A few words", limits(30))).collect();
    let results = engine.run(requests);
    let refused = |result: &&Result<_, _>| matches!(result, Err(Error::Overloaded { capacity: 2 }));
    let refusals = results.iter().filter(refused).count();
    let served = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(refusals + served, 10);
    // Two may wait and one be served before the last is submitted.
    assert!(served >= 2 && refusals >= 1, "{served} served");
}

fn text_survives_the_tokenizer(model: Arc<impl Model>) {
    for text in [
        "plain words",
        " leading and trailing ",
        "line\nbreaks\r\n\ttabs",
        "1984 and 365",
        "it's we'll",
        "Zürich, naïve, 日本語, 🦀🧪, e\u{301}",
        "\u{0}\u{7f}\u{ad}\u{fffd}",
    ] {
        let tokens = encode(model.as_ref(), text);
        assert_eq!(model.tokenizer().decode(&tokens), text);
    }
}

fn characters_lie_across_tokens(model: Arc<impl Model>) {
    let text = "🧪ꙮ𒀱";
    let tokens = encode(model.as_ref(), text);
    assert!(
        tokens.len() > text.chars().count(),
        "each character has several tokens"
    );
    let mut stream = model.tokenizer().text_stream();
    let mut grown = String::new();
    for &token in &tokens {
        let piece = stream.push(token);
        assert!(
            !piece.contains(char::REPLACEMENT_CHARACTER),
            "half a character came out"
        );
        grown.push_str(&piece);
    }
    assert_eq!(grown, text);
    assert_eq!(stream.finish(), "");
    // An answer that ends inside a character says so.
    let cut = model.tokenizer().decode(&tokens[..tokens.len() - 1]);
    assert!(cut.ends_with(char::REPLACEMENT_CHARACTER), "{cut:?}");
}

fn control_tokens_are_tokens_and_not_text(model: Arc<impl Model>) {
    let end = model.tokenizer().end_tokens()[0];
    let word = encode(model.as_ref(), "word");
    let mut marked = word.clone();
    marked.push(end);
    assert_eq!(model.tokenizer().decode(&marked), "word");
    assert_eq!(encode(model.as_ref(), "word<|im_end|>"), marked);
}

fn chat_prompts_are_templated(model: Arc<impl Model>) {
    let request = |prompt| Request::new(prompt, limits(1));
    let chat = Prompt::Chat(vec![Message {
        role: Role::User,
        content: "Hello".to_owned(),
    }]);
    let templated = serve(Arc::clone(&model), request(chat)).expect("served");
    let raw = serve(model, request(Prompt::Raw("Hello".to_owned()))).expect("served");
    assert!(templated.prompt_tokens > raw.prompt_tokens);
}
