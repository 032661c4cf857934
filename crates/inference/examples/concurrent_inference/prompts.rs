//! Prompts in their order, beginning again after the last.

use std::path::Path;

use crate::failure::Failure;

/// At least one prompt.
#[derive(Debug, Clone)]
pub(crate) struct PromptSource {
    prompts: Vec<String>,
}

impl PromptSource {
    /// A single prompt.
    pub(crate) fn one(text: &str) -> Self {
        Self {
            prompts: vec![text.to_owned()],
        }
    }

    /// The lines of a file that are not empty.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|source| Failure::Read {
            path: path.to_owned(),
            source,
        })?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let prompts: Vec<String> = lines.map(str::to_owned).collect();
        if prompts.is_empty() {
            return Err(Failure::NoPrompts(path.to_owned()));
        }
        Ok(Self { prompts })
    }

    /// Prompt number `index`, counted modulo the number of prompts, and that remainder.
    pub(crate) fn get(&self, index: u64) -> (usize, &str) {
        let number = (index % self.prompts.len() as u64) as usize;
        (number, &self.prompts[number])
    }
}
