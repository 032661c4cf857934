//! What a method says of one run. Plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One of the tables: what is compared by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Unmodified programs, a fresh process per sample: ours and hyperfine.
    Cold,
    /// Warm workers against a benchmark binary: ours and Criterion.
    Warm,
}

/// A method of comparison.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// This project's.
    Ours,
    /// One command after the other.
    Hyperfine,
    /// The same, all processes kept on the core that ours are kept on.
    HyperfineOneCore,
    /// One benchmark binary after the other.
    Criterion,
}

impl Table {
    /// The methods that the table compares, each as its users call it.
    pub fn methods(self) -> [Method; 2] {
        match self {
            Self::Cold => [Method::Ours, Method::Hyperfine],
            Self::Warm => [Method::Ours, Method::Criterion],
        }
    }

    /// Whether the table can hold runs of `method`.
    pub fn admits(self, method: Method) -> bool {
        let is_variant = self == Self::Cold && method == Method::HyperfineOneCore;
        is_variant || self.methods().contains(&method)
    }
}

impl Method {
    /// Whether it runs hyperfine.
    pub fn is_hyperfine(self) -> bool {
        matches!(self, Self::Hyperfine | Self::HyperfineOneCore)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::Hyperfine => "hyperfine",
            Self::HyperfineOneCore => "hyperfine, one core",
            Self::Criterion => "Criterion",
        })
    }
}

/// Whether a statement says that the times differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// The candidate takes less time.
    Faster,
    /// The candidate takes more time.
    Slower,
    /// It says that there is no difference that matters.
    NoDifference,
    /// It says that it does not know, or nothing.
    Unsure,
}

/// What one run of a method gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Time of the candidate ÷ time of the baseline.
    pub ratio: f64,
    /// Lower bound of the 95 % interval of the ratio.
    pub low: f64,
    /// Upper bound of it.
    pub high: f64,
    /// Samples per side.
    pub samples: u32,
    /// What the method itself concludes, by the name of the statement.
    pub claims: BTreeMap<String, Claim>,
}

impl Outcome {
    /// What the 95 % interval says, the same for every method: a difference where it excludes 1.
    pub fn claim(&self) -> Claim {
        if self.high < 1.0 {
            Claim::Faster
        } else if self.low > 1.0 {
            Claim::Slower
        } else {
            Claim::Unsure
        }
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}
