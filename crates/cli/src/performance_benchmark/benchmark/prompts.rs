//! What is asked: one prompt per line of a file, or those of this program.
//!
//! Takes a path; gives texts. Which text a request has is decided elsewhere.

use std::num::NonZeroU32;
use std::path::Path;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Zipf};

use crate::failure::Failure;

/// Prompts that no profile is trained on.
const BUILT_IN: &str = include_str!("../../../../../profiles/prompts/holdout-short.txt");

/// The prompts of the file at `path`, or those of this program.
pub(crate) fn read(path: Option<&Path>) -> Result<Vec<String>, Failure> {
    let Some(path) = path else {
        return Ok(lines(BUILT_IN));
    };
    let text = std::fs::read_to_string(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })?;
    let prompts = lines(&text);
    if prompts.is_empty() {
        return Err(Failure::NoPrompts(path.to_owned()));
    }
    Ok(prompts)
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `keys` prompts that are all different and about equally long, for the cache.
pub(crate) fn numbered(keys: u32) -> Vec<String> {
    (0..keys)
        .map(|key| format!("Question number {key:05}: what comes after it?"))
        .collect()
}

/// `requests` keys below `keys`, drawn by Zipf's law: key 0 is the most popular. There is at least one
/// key, and the exponent is not negative.
pub(crate) fn drawn(keys: NonZeroU32, exponent: f64, seed: u64, requests: u64) -> Vec<u32> {
    let law = Zipf::new(f64::from(keys.get()), exponent).expect("a law for at least one key");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..requests)
        // Ranks count from 1.
        .map(|_| (law.sample(&mut random) as u32).clamp(1, keys.get()) - 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use inferno_measure::performance::cache::zipf;

    use super::*;

    #[test]
    fn there_are_prompts_and_they_differ() {
        let prompts = read(None).expect("prompts");
        assert!(prompts.len() >= 40, "{}", prompts.len());
        let mut distinct = numbered(50);
        distinct.dedup();
        assert_eq!(distinct.len(), 50);
        assert!(
            distinct
                .iter()
                .all(|prompt| prompt.len() == distinct[0].len())
        );
    }

    #[test]
    fn an_empty_file_is_an_error_that_names_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = read(Some(file.path())).expect_err("no prompts");
        let name = file.path().display().to_string();
        assert!(error.to_string().contains(&name), "{error}");
        assert!(read(Some(Path::new("nowhere.txt"))).is_err());
    }

    #[test]
    fn popular_keys_are_drawn_as_often_as_the_law_says() {
        let ten = NonZeroU32::new(10).expect("not zero");
        let keys = drawn(ten, 1.0, 1, 20_000);
        let share = |key: u32| {
            let hits = keys.iter().filter(|drawn| **drawn == key).count();
            hits as f64 / keys.len() as f64
        };
        // What the expected hit ratios are computed from.
        for (key, expected) in (0..).zip(zipf(10, 1.0)) {
            assert!((share(key) - expected).abs() < 0.015, "{key}");
        }
        assert_eq!(drawn(ten, 1.0, 1, 50), keys[..50]);
        assert_ne!(drawn(ten, 1.0, 2, 50), keys[..50]);
        let only = drawn(NonZeroU32::MIN, 2.0, 1, 9);
        assert!(only.iter().all(|key| *key == 0));
    }
}
