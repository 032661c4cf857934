//! What the compiler said about the profile while it built the candidate.
//!
//! Takes the compiler's messages; gives [`ProfileUse`]. A profile that the compiler cannot read is
//! only a warning to it, and the build succeeds without PGO: here it is fatal.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Counts that did not reach the code, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileUse {
    /// Functions whose control flow is no longer what was counted.
    pub functions_mismatched: u64,
    /// Functions that the profile does not know.
    pub functions_missing: u64,
    /// Upper bound of the counts thrown away with the mismatched functions.
    pub counts_discarded: u64,
    /// Messages that say the profile as a whole was not read.
    pub unreadable: Vec<String>,
}

/// `… function control flow change detected (hash mismatch) NAME Hash = H up to N count discarded`
/// (LLVM `PGOInstrumentation.cpp`, `annotateAllFunctions`).
static MISMATCHED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"hash mismatch\) (\S.*) Hash = \d+ up to (\d+) count discarded")
        .expect("a valid pattern")
});

/// `… no profile data available for function NAME Hash = H up to 0 count discarded`.
static MISSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"no profile data available for function (\S.*) Hash = ").expect("a valid pattern")
});

/// Words by which LLVM and rustc refuse a whole profile (LLVM `InstrProf.cpp`, `getInstrProfErrString`).
const REFUSALS: [&str; 9] = [
    "the profile may be stale",
    "malformed instrumentation profile",
    "invalid instrumentation profile",
    "unsupported instrumentation profile",
    "bad magic",
    "truncated profile",
    "empty raw profile",
    "profile data may be corrupt",
    "failed to load profile",
];

/// The function that `message` says the profile does not know.
pub(crate) fn missing_function(message: &str) -> Option<&str> {
    MISSING
        .captures(message)?
        .get(1)
        .map(|function| function.as_str())
}

impl ProfileUse {
    /// Reads compiler messages. Functions compiled in several units count once, with the largest
    /// loss.
    pub fn parse<'a>(messages: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mismatched: HashMap<String, u64> = HashMap::new();
        let mut missing = std::collections::HashSet::new();
        let mut unreadable = Vec::new();
        for message in messages {
            if let Some(found) = MISMATCHED.captures(message) {
                let discarded = found[2].parse().unwrap_or(u64::MAX);
                let most = mismatched.entry(found[1].to_owned()).or_default();
                *most = discarded.max(*most);
            } else if let Some(function) = missing_function(message) {
                missing.insert(function.to_owned());
            } else if REFUSALS.iter().any(|refusal| message.contains(refusal)) {
                unreadable.push(message.to_owned());
            }
        }
        unreadable.dedup();
        Self {
            functions_mismatched: mismatched.len() as u64,
            functions_missing: missing.len() as u64,
            counts_discarded: mismatched
                .values()
                .fold(0, |sum, &count| sum.saturating_add(count)),
            unreadable,
        }
    }

    /// Both together, of two parts of a program.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.functions_mismatched += other.functions_mismatched;
        self.functions_missing += other.functions_missing;
        self.counts_discarded = self.counts_discarded.saturating_add(other.counts_discarded);
        self.unreadable.extend(other.unreadable.iter().cloned());
        self
    }

    /// Discarded counts as a share of the profile's total.
    pub fn discarded_share(&self, counts_total: u64) -> f64 {
        if counts_total == 0 {
            1.0
        } else {
            self.counts_discarded as f64 / counts_total as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_changed_source() {
        let used = ProfileUse::parse([
            "x.rs: no profile data available for function _ZN1a3newE Hash = 742261418966908927 up to 0 count discarded",
            "x.rs: function control flow change detected (hash mismatch) _ZN1a3hotE Hash = 4 up to 212247807 count discarded",
            "x.rs: function control flow change detected (hash mismatch) _ZN1a3hotE Hash = 4 up to 212247807 count discarded",
            "unused variable: `n`",
        ]);
        assert_eq!((used.functions_missing, used.functions_mismatched), (1, 1));
        assert_eq!(used.counts_discarded, 212_247_807);
        assert!(used.unreadable.is_empty());
        assert!((used.discarded_share(424_495_614) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn losses_of_both_languages_add_up() {
        let of = |functions_mismatched, counts_discarded| ProfileUse {
            functions_mismatched,
            counts_discarded,
            ..ProfileUse::default()
        };
        assert_eq!(of(1, 5).and(&of(2, 10)), of(3, 15));
        assert_eq!(of(1, 5).and(&of(0, u64::MAX)), of(1, u64::MAX));
    }

    #[test]
    fn a_profile_that_was_not_read() {
        for message in [
            "m.profdata: malformed instrumentation profile data: corrupted binary ids",
            "m.profdata: invalid instrumentation profile data (bad magic)",
            "m.profdata: unsupported instrumentation profile format version",
        ] {
            assert_eq!(ProfileUse::parse([message]).unreadable, [message]);
        }
    }

    #[test]
    fn nothing_counted_is_everything_discarded() {
        assert!((ProfileUse::default().discarded_share(0) - 1.0).abs() < f64::EPSILON);
    }
}
