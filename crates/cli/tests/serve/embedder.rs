//! The model that embeds texts, and texts whose directions are known.

use std::path::Path;
use std::sync::OnceLock;

use crate::tiny_bert;

/// Texts to embed, and the tokens that they have for the embedder.
pub(crate) const TEXTS: [(&str, &[usize]); 3] = [
    ("sun", &[2, 4, 3]),
    ("rain winds cloud", &[2, 5, 6, 7, 8, 3]),
    ("unheard-of wind", &[2, 1, 1, 1, 6, 3]),
];

/// The folder of a model that embeds texts, written once.
pub(crate) fn embedder() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-bert");
        tiny_bert::write(&path, &tiny_bert::tensors(), &tiny_bert::config());
        path.to_str().expect("a path that is text").to_owned()
    })
}
