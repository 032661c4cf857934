//! How far a stored profile is from one of a fresh training of the program as it is now.
//!
//! Takes the counts of both and their overlap; gives a [`Staleness`]. Pure functions: nothing here
//! trains or reads a file.

use inferno_measure::record::{Check, CheckOutcome, Staleness};

use crate::error::{Error, Result};
use crate::optimize::DISCARDED_SHARE_MAX;
use crate::profile::counts::Counts;

/// Compares `stored` with `fresh`; `overlap` is what `llvm-profdata overlap` says of the two.
pub fn measure(stored: &Counts, fresh: &Counts, overlap: f64, limit: f64) -> Staleness {
    let discarded = stored.absent_from(fresh);
    let missing = fresh.absent_from(stored);
    Staleness {
        counts_discarded_share: discarded.share,
        functions_missing: missing.functions,
        counts_missing_share: missing.share,
        training_overlap: overlap,
        limit,
    }
}

/// The largest of the three shares, where the overlap counts as what it lacks.
pub fn share(staleness: &Staleness) -> f64 {
    let Staleness {
        counts_discarded_share,
        counts_missing_share,
        training_overlap,
        ..
    } = *staleness;
    counts_discarded_share
        .max(counts_missing_share)
        .max(1.0 - training_overlap)
}

/// One sentence with all figures, for people.
pub fn told(staleness: &Staleness) -> String {
    format!(
        "staleness {:.1} % (limit {:.0} %): {:.1} % of the stored counts discarded, {} functions missing with {:.1} % of a fresh training's counts, {:.1} % overlap with it",
        share(staleness) * 100.0,
        staleness.limit * 100.0,
        staleness.counts_discarded_share * 100.0,
        staleness.functions_missing,
        staleness.counts_missing_share * 100.0,
        staleness.training_overlap * 100.0
    )
}

/// Fails above the limit, and where the compiler would discard more than verification allows.
///
/// # Errors
/// [`Error::Verification`] with all figures.
pub fn check(staleness: Option<&Staleness>) -> Result<Check> {
    let check = |outcome, detail| Check {
        name: "profile-staleness".into(),
        outcome,
        detail,
    };
    let Some(staleness) = staleness else {
        let detail = "no [[train]] is declared, so there is no fresh training to compare with";
        return Ok(check(CheckOutcome::NotMeasured, detail.into()));
    };
    let discarded = staleness.counts_discarded_share;
    if share(staleness) <= staleness.limit && discarded <= DISCARDED_SHARE_MAX {
        return Ok(check(CheckOutcome::Passed, told(staleness)));
    }
    Err(Error::Verification {
        check: "profile-staleness",
        message: format!("the stored profile is stale: {}", told(staleness)),
        hint: format!(
            "renew it with the step `refresh`. The limit is `max_staleness` of [store] in the spec, and {:.0} % for what is discarded: see docs/profiles.md#staleness",
            DISCARDED_SHARE_MAX * 100.0
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of functions with one block each, by name and hash of the control flow.
    fn profile(functions: &[(&str, &str, u64)]) -> Counts {
        let text: Vec<String> = functions
            .iter()
            .map(|(name, hash, count)| {
                format!("  {name}:\n    Hash: {hash}\n    Block counts: [{count}]\n")
            })
            .collect();
        Counts::parse(&text.concat())
    }

    #[test]
    fn each_way_to_be_stale_is_measured_and_the_largest_share_counts() {
        let stored = [("hot", "0x1", 900), ("warm", "0x2", 100)];
        for (fresh, overlap, discarded, missing, functions, largest) in [
            // As it was.
            (
                &[("hot", "0x1", 900), ("warm", "0x2", 100)][..],
                1.0,
                0.0,
                0.0,
                0,
                0.0,
            ),
            // The same functions, used otherwise.
            (
                &[("hot", "0x1", 100), ("warm", "0x2", 900)],
                0.2,
                0.0,
                0.0,
                0,
                0.8,
            ),
            // A function has another control flow.
            (
                &[("hot", "0x1", 900), ("warm", "0x3", 100)],
                0.9,
                0.1,
                0.1,
                1,
                0.1,
            ),
            // A function is gone.
            (&[("hot", "0x1", 900)], 0.9, 0.1, 0.0, 0, 0.1),
            // A function is new; one that never ran does not count.
            (
                &[
                    ("hot", "0x1", 900),
                    ("warm", "0x2", 100),
                    ("new", "0x4", 1000),
                    ("cold", "0x5", 0),
                ],
                0.5,
                0.0,
                0.5,
                1,
                0.5,
            ),
        ] {
            let found = measure(&profile(&stored), &profile(fresh), overlap, 0.3);
            let close = |one: f64, other: f64| (one - other).abs() < 1e-12;
            assert!(close(found.counts_discarded_share, discarded), "{found:?}");
            assert!(close(found.counts_missing_share, missing), "{found:?}");
            assert!(close(share(&found), largest), "{found:?}");
            assert_eq!(found.functions_missing, functions, "{found:?}");
        }
    }

    fn staleness(discarded: f64, missing: f64, overlap: f64) -> Staleness {
        Staleness {
            counts_discarded_share: discarded,
            functions_missing: 7,
            counts_missing_share: missing,
            training_overlap: overlap,
            limit: 0.1,
        }
    }

    #[test]
    fn what_is_within_the_limits_is_used() {
        for (discarded, missing, overlap) in [(0.0, 0.0, 1.0), (0.01, 0.1, 0.95), (0.0, 0.0, 0.91)]
        {
            let check = check(Some(&staleness(discarded, missing, overlap))).expect("it is fresh");
            assert_eq!(check.outcome, CheckOutcome::Passed);
            assert!(check.detail.contains("7 functions missing"), "{check:?}");
        }
        let unknown = check(None).expect("nothing to compare with");
        assert_eq!(unknown.outcome, CheckOutcome::NotMeasured);
    }

    #[test]
    fn what_is_above_a_limit_is_refused() {
        for (discarded, missing, overlap) in [(0.02, 0.0, 1.0), (0.0, 0.11, 1.0), (0.0, 0.0, 0.89)]
        {
            let stale = staleness(discarded, missing, overlap);
            let error = check(Some(&stale)).expect_err("it is stale");
            assert!(error.to_string().contains("is stale: staleness"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("max_staleness"), "{hint}");
        }
    }
}
