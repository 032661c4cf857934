//! What is asked: texts, one after the other or drawn.
//!
//! Takes a file with a prompt per line; gives one prompt per request. The same file, order and seed
//! give the same prompts, whatever becomes of the requests.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::failure::Failure;

/// What is asked when no file says it: prompts that no profile is trained on.
const BUILT_IN: &str = include_str!("../../../../profiles/prompts/holdout-short.txt");

/// The stream of the generator that draws prompts; those of clients are counted from 0.
const STREAM: u64 = u64::MAX;

/// Which prompt is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PromptOrder {
    /// The one behind, and after the last the first.
    InTurn,
    /// Any, each as likely as the others.
    Drawn,
}

/// Prompts to come.
#[derive(Debug, Clone)]
pub(crate) struct Prompts {
    texts: Vec<Arc<str>>,
    order: PromptOrder,
    random: ChaCha8Rng,
    next: usize,
}

impl Prompts {
    /// The prompts of this program.
    pub(crate) fn built_in(order: PromptOrder, seed: u64) -> Self {
        Self::new(lines(BUILT_IN), order, seed)
    }

    /// The lines of the file at `path` that are not empty.
    pub(crate) fn read(path: &Path, order: PromptOrder, seed: u64) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|source| Failure::Read {
            path: path.to_owned(),
            source,
        })?;
        let texts = lines(&text);
        if texts.is_empty() {
            return Err(Failure::NoPrompts(path.to_owned()));
        }
        Ok(Self::new(texts, order, seed))
    }

    fn new(texts: Vec<Arc<str>>, order: PromptOrder, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(STREAM);
        Self {
            texts,
            order,
            random,
            next: 0,
        }
    }

    /// How many different ones there are.
    pub(crate) fn count(&self) -> usize {
        self.texts.len()
    }

    /// The prompt of the next request.
    pub(crate) fn take(&mut self) -> Arc<str> {
        let index = match self.order {
            PromptOrder::InTurn => {
                let index = self.next;
                self.next = (index + 1) % self.texts.len();
                index
            }
            PromptOrder::Drawn => self.random.random_range(0..self.texts.len()),
        };
        Arc::clone(&self.texts[index])
    }
}

fn lines(text: &str) -> Vec<Arc<str>> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(Arc::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("a text");
        file
    }

    fn first(prompts: &mut Prompts, count: usize) -> Vec<Arc<str>> {
        std::iter::repeat_with(|| prompts.take())
            .take(count)
            .collect()
    }

    #[test]
    fn lines_are_asked_in_turn_and_from_the_beginning_again() {
        let file = file("one\n\n  two \r\nthree\n");
        let mut prompts = Prompts::read(file.path(), PromptOrder::InTurn, 0).expect("prompts");
        assert_eq!(prompts.count(), 3);
        let asked: Vec<_> = first(&mut prompts, 4)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(asked, ["one", "two", "three", "one"]);
    }

    #[test]
    fn drawn_prompts_are_those_of_their_seed() {
        let draw = |seed| first(&mut Prompts::built_in(PromptOrder::Drawn, seed), 500);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let drawn = draw(1);
        assert!(lines(BUILT_IN).iter().all(|text| drawn.contains(text)));
    }

    #[test]
    fn a_file_without_prompts_is_refused() {
        let empty = Prompts::read(file("\n \n").path(), PromptOrder::InTurn, 0);
        let failure = empty.expect_err("no prompt");
        assert_eq!(failure.exit_code(), crate::exit::USAGE);
        assert!(Prompts::read(Path::new("nowhere"), PromptOrder::InTurn, 0).is_err());
    }
}
