//! How far a stored profile is from one of a fresh training of the program as it is now.
//!
//! Takes the counts of both and their overlap; gives a [`Staleness`], judged by what could renew the
//! profile. Pure functions: nothing here trains or reads a file.

use inferno_measure::record::{Check, CheckOutcome, Staleness};

use crate::error::{Error, Result};
use crate::optimize::DISCARDED_SHARE_MAX;
use crate::profile::counts::Counts;
use crate::store::Renewal;

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

/// The largest of the shares that tell a profile's age, where the overlap counts as what it lacks.
///
/// Parts that were gathered elsewhere distribute their counts otherwise than training by design, so
/// that with them the overlap tells nothing of age.
pub fn share(staleness: &Staleness, renewal: &Renewal) -> f64 {
    let Staleness {
        counts_discarded_share,
        counts_missing_share,
        training_overlap,
        ..
    } = *staleness;
    let of_functions = counts_discarded_share.max(counts_missing_share);
    match renewal {
        Renewal::Training => of_functions.max(1.0 - training_overlap),
        Renewal::Gathering(_) => of_functions,
    }
}

/// One sentence with all figures, for people.
pub fn told(staleness: &Staleness, renewal: &Renewal) -> String {
    let not_judged = match renewal {
        Renewal::Training => String::new(),
        Renewal::Gathering(parts) => {
            format!(", which is not judged: gathered elsewhere was {parts}")
        }
    };
    format!(
        "staleness {:.1} % (limit {:.0} %): {:.1} % of the stored counts discarded, {} functions missing with {:.1} % of a fresh training's counts, {:.1} % overlap with it{not_judged}",
        share(staleness, renewal) * 100.0,
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
pub fn check(staleness: Option<&Staleness>, renewal: &Renewal) -> Result<Check> {
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
    let told = told(staleness, renewal);
    if share(staleness, renewal) <= staleness.limit && discarded <= DISCARDED_SHARE_MAX {
        return Ok(check(CheckOutcome::Passed, told));
    }
    let renew = match renewal {
        Renewal::Training => "renew it with the step `refresh`".to_owned(),
        Renewal::Gathering(parts) => format!(
            "gather {parts} anew with a binary of these sources, remove the store's directory, run the step `refresh` where training is a part too, and merge with `merge DIR=WEIGHT --into-stored`: see docs/profiles.md#made-anew"
        ),
    };
    Err(Error::Verification {
        check: "profile-staleness",
        message: format!("the stored profile is stale: {told}"),
        hint: format!(
            "{renew}. The limit is `max_staleness` of [store] in the spec, and {:.0} % for what is discarded: see docs/profiles.md#staleness",
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
            assert!(
                close(share(&found, &Renewal::Training), largest),
                "{found:?}"
            );
            let elsewhere = share(&found, &elsewhere());
            assert!(close(elsewhere, discarded.max(missing)), "{found:?}");
            assert_eq!(found.functions_missing, functions, "{found:?}");
        }
    }

    fn elsewhere() -> Renewal {
        Renewal::Gathering("`prod-a`, `prod-b`".into())
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
            let figures = staleness(discarded, missing, overlap);
            for renewal in [Renewal::Training, elsewhere()] {
                let check = check(Some(&figures), &renewal).expect("it is fresh");
                assert_eq!(check.outcome, CheckOutcome::Passed);
                assert!(check.detail.contains("7 functions missing"), "{check:?}");
            }
        }
        let unknown = check(None, &Renewal::Training).expect("nothing to compare with");
        assert_eq!(unknown.outcome, CheckOutcome::NotMeasured);
    }

    #[test]
    fn what_was_gathered_elsewhere_need_not_be_like_training() {
        let other_use = staleness(0.0, 0.01, 0.3);
        let check = check(Some(&other_use), &elsewhere()).expect("the program is the same");
        assert_eq!(check.outcome, CheckOutcome::Passed);
        for part in [
            "staleness 1.0 %",
            "30.0 % overlap",
            "not judged",
            "`prod-b`",
        ] {
            assert!(check.detail.contains(part), "no `{part}` in {check:?}");
        }
        super::check(Some(&other_use), &Renewal::Training).expect_err("training is like itself");
    }

    #[test]
    fn what_is_above_a_limit_is_refused() {
        let trained = |discarded, missing, overlap| {
            let renew = "renew it with the step `refresh`";
            (
                Renewal::Training,
                staleness(discarded, missing, overlap),
                renew,
            )
        };
        let gathered = |discarded, missing, overlap| {
            let renew = "gather `prod-a`, `prod-b` anew";
            (elsewhere(), staleness(discarded, missing, overlap), renew)
        };
        for (renewal, stale, renew) in [
            trained(0.02, 0.0, 1.0),
            trained(0.0, 0.11, 1.0),
            trained(0.0, 0.0, 0.89),
            gathered(0.02, 0.0, 1.0),
            gathered(0.0, 0.11, 1.0),
        ] {
            let error = check(Some(&stale), &renewal).expect_err("it is stale");
            assert!(error.to_string().contains("is stale: staleness"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("max_staleness"), "{hint}");
            assert!(hint.starts_with(renew), "{hint}");
        }
    }
}
