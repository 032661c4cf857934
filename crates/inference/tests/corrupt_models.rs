//! Damaged, truncated and absurd model files: each gives a model or a clear error, never a panic,
//! and never asks for much memory.
#![cfg(feature = "candle")]

mod models;

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use inferno_inference::Error;
use inferno_inference::backend::{Backend, Model};
use inferno_inference::candle::CandleBackend;
use inferno_inference::single;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most memory that all allocations together may hold, in bytes. The model has 1.4 MB; loading it
/// undamaged stays below a tenth of this.
const MEMORY_LIMIT_BYTES: usize = 256 << 20;

/// An allocator that counts and refuses what is beyond the limit, so that a runaway aborts the
/// test instead of the machine.
struct Limited;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Limited = Limited;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: every call goes to the system's allocator unchanged, or is refused.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        if held > MEMORY_LIMIT_BYTES {
            HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What is done to a file; applied one by one, because together they would be the runaway.
struct Mutant {
    damage: String,
    /// Whether the file cannot be taken for a model any more; after others it may.
    must_be_refused: bool,
    /// Bytes that remain.
    length: usize,
    /// Bytes written over what is at a place.
    writes: Vec<(usize, Vec<u8>)>,
}

impl Mutant {
    fn apply(&self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original[..self.length].to_vec();
        for (place, written) in &self.writes {
            bytes[*place..place + written.len()].copy_from_slice(written);
        }
        bytes
    }
}

fn original() -> Vec<u8> {
    std::fs::read(models::synthetic_path()).expect("reading the synthetic model")
}

/// Where the tensor data begin, about: everything before is header.
fn header_bytes(bytes: &[u8]) -> usize {
    let last = b"output_norm.weight";
    let position = bytes.windows(last.len()).position(|window| window == last);
    position.expect("the last tensor's name") + last.len() + 24
}

fn flipped_bytes(original: &[u8], random: &mut ChaCha8Rng) -> Vec<Mutant> {
    let header = header_bytes(original);
    (0..120)
        .map(|_| {
            let writes: Vec<_> = (0..random.random_range(1..=4))
                .map(|_| {
                    let place = random.random_range(0..header);
                    let flipped = original[place] ^ random.random_range(1..=255_u8);
                    (place, vec![flipped])
                })
                .collect();
            Mutant {
                damage: format!("flipped bytes: {writes:?}"),
                must_be_refused: false,
                length: original.len(),
                writes,
            }
        })
        .collect()
}

fn truncated(original: &[u8], random: &mut ChaCha8Rng) -> Vec<Mutant> {
    let header = header_bytes(original);
    let early = (0..40).map(|length| length * 2);
    let in_header: Vec<usize> = (0..30).map(|_| random.random_range(0..header)).collect();
    let in_data: Vec<usize> = (0..15)
        .map(|_| random.random_range(header..original.len()))
        .collect();
    early
        .chain(in_header)
        .chain(in_data)
        .map(|length| Mutant {
            damage: format!("truncated to {length} bytes"),
            must_be_refused: true,
            length,
            writes: Vec::new(),
        })
        .collect()
}

/// Absurd numbers over each of the header's first fields and over lengths found by their text.
fn absurd_lengths(original: &[u8]) -> Vec<Mutant> {
    let absurd = [1 << 40, 1 << 60, u64::MAX, u64::MAX / 2 + 1, 0];
    let mut places = vec![
        ("the number of tensors".to_owned(), 8),
        ("the number of keys".to_owned(), 16),
        ("the first key's length".to_owned(), 24),
    ];
    // A key's length stands before it; behind it the type, the type of the items, their number
    // and the first item, which begins with its own length where it is a string.
    for key in ["tokenizer.ggml.tokens", "tokenizer.ggml.merges"] {
        let place = find(original, key);
        let count = place + key.len() + 8;
        places.push((format!("the length of {key}"), place - 8));
        places.push((format!("the number of values of {key}"), count));
        places.push((format!("the length of the first of {key}"), count + 8));
    }
    // Behind a tensor's name: 4 bytes of dimensions, 8 per dimension, 4 of type, 8 of offset.
    for tensor in ["token_embd.weight", "blk.1.ffn_down.weight"] {
        let behind = find(original, tensor) + tensor.len();
        places.push((format!("the columns of {tensor}"), behind + 4));
        places.push((format!("the rows of {tensor}"), behind + 12));
        places.push((format!("the offset of {tensor}"), behind + 24));
    }
    places
        .iter()
        .flat_map(|(what, place)| absurd.map(|number| mutant(original, what, *place, number)))
        .collect()
}

fn find(bytes: &[u8], text: &str) -> usize {
    let found = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes());
    found.unwrap_or_else(|| panic!("{text} is in the model"))
}

fn mutant(original: &[u8], what: &str, place: usize, number: u64) -> Mutant {
    Mutant {
        damage: format!("{what} is {number}"),
        // A zero may be what is there already.
        must_be_refused: original[place..place + 8] != number.to_le_bytes(),
        length: original.len(),
        writes: vec![(place, number.to_le_bytes().to_vec())],
    }
}

/// Absurd values over each number that describes the model.
fn absurd_hyper_parameters(original: &[u8]) -> Vec<Mutant> {
    let keys = [
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.head_count_kv",
        "llama.rope.dimension_count",
        "llama.vocab_size",
        "llama.rope.freq_base",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.bos_token_id",
    ];
    let absurd = [
        0_u32,
        1,
        7,
        u32::MAX,
        f32::NAN.to_bits(),
        f32::INFINITY.to_bits(),
    ];
    let mut mutants = Vec::new();
    for key in keys {
        // "…head_count" is also the beginning of "…head_count_kv": a key ends at its type.
        let with_type = |kind: u8| [key.as_bytes(), &[kind, 0, 0, 0]].concat();
        let place = [with_type(4), with_type(6)].iter().find_map(|key| {
            let found = original.windows(key.len()).position(|window| window == key);
            found.map(|place| place + key.len())
        });
        let place = place.unwrap_or_else(|| panic!("{key} is in the model"));
        for number in absurd {
            mutants.push(Mutant {
                damage: format!("{key} is {number:#x}"),
                must_be_refused: false,
                length: original.len(),
                writes: vec![(place, number.to_le_bytes().to_vec())],
            });
        }
    }
    mutants
}

/// Loads the file and, where that succeeds, uses it.
fn load_and_use(path: &Path) -> Result<(), Error> {
    let model = CandleBackend.load(path)?;
    let tokens = model.tokenizer().encode("a few words")?;
    let mut sequence = single(&model)?;
    let logits = sequence.prefill(&tokens)?;
    assert_eq!(logits.len(), model.tokenizer().vocabulary_size());
    Ok(())
}

#[test]
fn damaged_files_give_a_model_or_a_clear_error() {
    let original = original();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let mut mutants = flipped_bytes(&original, &mut random);
    mutants.extend(truncated(&original, &mut random));
    mutants.extend(absurd_lengths(&original));
    mutants.extend(absurd_hyper_parameters(&original));
    assert!(mutants.len() >= 200, "{} mutants", mutants.len());

    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("mutant.gguf");
    for mutant in &mutants {
        std::fs::write(&path, mutant.apply(&original)).expect("writing the mutant");
        let outcome = catch_unwind(|| load_and_use(&path));
        let result = outcome.unwrap_or_else(|_| panic!("{}: a panic", mutant.damage));
        match result {
            Ok(()) => assert!(!mutant.must_be_refused, "{} was accepted", mutant.damage),
            Err(error) => check_message(&error, &path, &mutant.damage),
        }
    }
}

/// A refusal at loading names the file; a model that loads may still refuse to be used.
fn check_message(error: &Error, path: &Path, damage: &str) {
    match error {
        Error::CorruptModel { .. } | Error::UnsupportedModel { .. } => {
            assert!(
                error.to_string().contains(&path.display().to_string()),
                "{damage}: {error}"
            );
            assert!(error.hint().is_some(), "{damage}: {error}");
        }
        Error::PromptTooLong { .. } | Error::UnknownToken { .. } | Error::EmptyPrompt => {}
        other => panic!("{damage}: {other:?}"),
    }
}

#[test]
fn what_is_no_model_at_all_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert!(matches!(
        CandleBackend.load(directory.path()),
        Err(Error::Io { .. } | Error::CorruptModel { .. })
    ));
    let missing = CandleBackend.load(&directory.path().join("missing.gguf"));
    let error = missing.expect_err("no such file");
    assert!(error.to_string().contains("missing.gguf"), "{error}");
    let text = directory.path().join("text.gguf");
    std::fs::write(&text, "not a model").expect("writing");
    assert!(matches!(
        CandleBackend.load(&text),
        Err(Error::CorruptModel { .. })
    ));
}

/// No check of the file finds these; nothing that is computed from them may look like an answer.
#[test]
fn a_damaged_scale_leaves_no_number_in_the_logits() {
    models::one_thread();
    let not_a_number = 0x7e00_u16.to_le_bytes();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("model.gguf");
    let original = inferno_provision::synthetic::model();
    // One in what the attention mixes, one in what the last layer adds.
    for name in ["blk.0.attn_v.weight", "blk.3.ffn_down.weight"] {
        let mut file = original.clone();
        let tensor = file.tensors.iter_mut().find(|tensor| tensor.name == name);
        tensor.expect("the tensor").data[..2].copy_from_slice(&not_a_number);
        let mut bytes = Vec::new();
        file.write_to(&mut bytes).expect("writing to memory");
        std::fs::write(&path, bytes).expect("writing the model");
        let model = CandleBackend.load(&path).expect("a model");
        let tokens = model.tokenizer().encode("a few words").expect("encoding");
        let mut sequence = single(&model).expect("a sequence");
        let are_lost = |logits: &[f32]| logits.iter().all(|logit| logit.is_nan());
        assert!(
            are_lost(sequence.prefill(&tokens).expect("prefill")),
            "{name}"
        );
        assert!(
            are_lost(sequence.decode(tokens[0]).expect("decode")),
            "{name}"
        );
    }
}

/// Changes to the model's description that keep the file well-formed, with a word of the message.
#[test]
fn well_formed_files_that_make_no_sense_say_why() {
    use inferno_provision::gguf::{File, Value};

    fn set(file: &mut File, key: &str, value: Value) {
        let entry = file.metadata.iter_mut().find(|(name, _)| name == key);
        entry.expect("the key is in the model").1 = value;
    }
    type Change = fn(&mut File);
    let cases: [(&str, Change); 13] = [
        ("general.architecture\" is missing", |file| {
            file.metadata.clear();
        }),
        ("architecture is \"qwen2\"", |file| {
            set(file, "general.architecture", Value::String("qwen2".into()));
        }),
        ("\"llama.block_count\" is a string", |file| {
            set(file, "llama.block_count", Value::String("four".into()));
        }),
        ("llama.block_count is 0", |file| {
            set(file, "llama.block_count", Value::U32(0));
        }),
        ("\"blk.4.attn_norm.weight\" is missing", |file| {
            set(file, "llama.block_count", Value::U32(5));
        }),
        ("for which this engine has no use", |file| {
            set(file, "llama.block_count", Value::U32(3));
        }),
        ("do not divide", |file| {
            set(file, "llama.attention.head_count", Value::U32(5));
        }),
        ("the hyper-parameters call for", |file| {
            set(file, "llama.feed_forward_length", Value::U32(544));
        }),
        ("tokenizer is \"llama\"", |file| {
            set(file, "tokenizer.ggml.model", Value::String("llama".into()));
        }),
        ("pre-tokenizer is \"qwen2\"", |file| {
            set(file, "tokenizer.ggml.pre", Value::String("qwen2".into()));
        }),
        ("vocabulary has", |file| {
            set(
                file,
                "tokenizer.ggml.tokens",
                Value::Strings(vec!["a".into(); 1]),
            );
            set(file, "tokenizer.ggml.token_type", Value::I32s(vec![1]));
            set(file, "tokenizer.ggml.merges", Value::Strings(Vec::new()));
            set(file, "tokenizer.ggml.eos_token_id", Value::U32(0));
        }),
        // Longer than any token.
        ("makes no token", |file| {
            let merge = format!("{} b", "a".repeat(1000));
            set(file, "tokenizer.ggml.merges", Value::Strings(vec![merge]));
        }),
        ("is there twice", |file| {
            let again = file.tensors[0].clone();
            file.tensors.push(again);
        }),
    ];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("model.gguf");
    let original = inferno_provision::synthetic::model();
    for (expected, change) in cases {
        let mut file = original.clone();
        change(&mut file);
        let mut bytes = Vec::new();
        file.write_to(&mut bytes).expect("writing to memory");
        std::fs::write(&path, bytes).expect("writing the model");
        let error = CandleBackend.load(&path).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}
