//! Cutting, filling up and pooling, on a tokenizer of a few words.

use super::*;

/// The numbers of the tokens that begin and end a text, and of the one that fills up.
const BEGIN: u32 = 2;
const END: u32 = 3;
const FILL: u32 = 0;

/// A tokenizer file that asks for four tokens, as files of this kind do.
const TOKENIZER: &str = r###"{
  "version": "1.0",
  "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
  "padding": {"strategy": {"Fixed": 4}, "direction": "Right", "pad_to_multiple_of": null,
    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
  "added_tokens": [
    {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 1, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 2, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
  ],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
      "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
      "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}
    }
  },
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {
    "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "sun": 4, "##flower": 5, "rain": 6}
  }
}"###;

fn load(text: &str, max_tokens: usize) -> Result<TextEncoder, Error> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(TOKENIZER_FILE);
    std::fs::write(&path, text).expect("writing");
    TextEncoder::load(&path, max_tokens)
}

fn encoder() -> TextEncoder {
    load(TOKENIZER, 8).expect("a tokenizer")
}

#[test]
fn text_is_cut_into_pieces_of_words_between_two_marks() {
    let encoder = encoder();
    let encode = |text| encoder.encode(text).expect("tokens");
    assert_eq!(encode("Sunflower RAIN"), [BEGIN, 4, 5, 6, END]);
    assert_eq!(encode("snow 雨"), [BEGIN, 1, 1, END]);
    #[cfg(feature = "candle")]
    assert_eq!(encoder.largest_token(), 6);
}

#[test]
fn what_the_file_says_of_cutting_off_and_filling_up_is_not_done() {
    let encoder = encoder();
    let encode = |text| encoder.encode(text).expect("tokens");
    assert_eq!(encode("rain"), [BEGIN, 6, END]);
    assert_eq!(encode("rain rain rain rain rain rain").len(), 8);
}

#[test]
fn texts_without_words_and_long_ones_are_errors() {
    let encoder = encoder();
    for text in ["", " \n\t "] {
        let result = encoder.encode(text);
        assert!(matches!(result, Err(Error::EmptyPrompt)), "{result:?}");
    }
    let long = "rain ".repeat(7);
    let result = encoder.encode(&long);
    assert!(
        matches!(
            result,
            Err(Error::PromptTooLong {
                prompt_tokens: 9,
                context_tokens: 8
            })
        ),
        "{result:?}"
    );
}

#[test]
fn other_tokenizers_are_refused() {
    let error = load("{}", 8).expect_err("refused");
    assert!(matches!(error, Error::CorruptModel { .. }), "{error:?}");
    let mut unmarked: serde_json::Value = serde_json::from_str(TOKENIZER).expect("JSON");
    unmarked["post_processor"] = serde_json::Value::Null;
    let error = load(&unmarked.to_string(), 8).expect_err("refused");
    assert!(matches!(error, Error::UnsupportedModel { .. }), "{error:?}");
    assert!(error.to_string().contains(TOKENIZER_FILE), "{error}");
}

#[test]
fn shorter_texts_are_filled_up() {
    let batch = PaddedBatch::new(&[&[BEGIN, 4, END], &[BEGIN, 4, 5, 6, END]], FILL);
    assert_eq!((batch.rows(), batch.columns()), (2, 5));
    assert_eq!(
        batch.tokens(),
        [BEGIN, 4, END, FILL, FILL, BEGIN, 4, 5, 6, END]
    );
    let mask: Vec<bool> = batch.mask().collect();
    assert_eq!(mask[..5], [true, true, true, false, false]);
    assert!(mask[5..].iter().all(|&is_text| is_text));
}

#[test]
fn filling_counts_for_nothing() {
    let batch = PaddedBatch::new(&[&[BEGIN, END], &[BEGIN, 4, END]], FILL);
    let hidden = [
        [3.0, 0.0],
        [0.0, 4.0],
        [900.0, 900.0],
        [1.0, 1.0],
        [1.0, 1.0],
        [-2.0, 1.0],
    ];
    let pooled = batch
        .pool(hidden.as_flattened())
        .expect("as many as there are");
    let [first, second] = &pooled[..] else {
        panic!("two texts: {pooled:?}");
    };
    let first = first.as_ref().expect("a direction");
    assert_eq!(
        (first.values.as_slice(), first.tokens),
        ([0.6, 0.8].as_slice(), 2)
    );
    let second = second.as_ref().expect("a direction");
    assert_eq!(
        (second.values.as_slice(), second.tokens),
        ([0.0, 1.0].as_slice(), 3)
    );
}

#[test]
fn nonsense_is_the_error_of_its_text() {
    let batch = PaddedBatch::new(&[&[BEGIN, END], &[BEGIN, END]], FILL);
    for nonsense in [f32::NAN, f32::INFINITY, 0.0] {
        let pooled = batch
            .pool(&[nonsense, 0.0, 1.0, 0.0])
            .expect("as many as there are");
        assert!(matches!(pooled[0], Err(Error::NotFinite)), "{pooled:?}");
        assert!(pooled[1].is_ok(), "{pooled:?}");
    }
    for values in [0, 3, 5] {
        let result = batch.pool(&vec![1.0; values]);
        assert!(matches!(result, Err(Error::Backend(_))), "{result:?}");
    }
}

#[test]
fn each_text_gets_its_own_result() {
    let texts = ["rain", "", "sunflower"].map(str::to_owned);
    let results = embed(&encoder(), &texts, |batch| {
        assert_eq!((batch.rows(), batch.columns()), (2, 4));
        let states: Vec<f32> = batch.tokens().iter().map(|&token| token as f32).collect();
        batch.pool(&states)
    });
    let results = results.expect("computed");
    assert_eq!(results[0].as_ref().expect("computed").tokens, 3);
    assert!(matches!(results[1], Err(Error::EmptyPrompt)), "{results:?}");
    assert_eq!(results[2].as_ref().expect("computed").tokens, 4);

    let nothing = [String::new()];
    let results = embed(&encoder(), &nothing, |_| {
        panic!("there is nothing to compute")
    });
    assert_eq!(results.expect("no failure").len(), 1);
}
