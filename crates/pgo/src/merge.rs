//! From the profiles of all workloads to the one that the candidate is built with.
//!
//! Takes [`WorkloadProfile`]s, of the declared training or gathered elsewhere; gives a
//! [`MergedProfile`] whose file name carries its content's hash.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::{Error, Result};
use crate::optimize::DISCARDED_SHARE_MAX;
use crate::profile::counts::Counts;
use crate::profile::profdata::Weighted;
use crate::stage::Whole;
use crate::toolchain::LlvmProfdata;
use crate::train::WorkloadProfile;

/// The weight of the workload that counts least. The tool takes whole numbers: with this, rounding
/// moves a share by at most 5 %.
const LEAST_WEIGHT: f64 = 10.0;

/// Digits of the hash in the file's name: enough that cargo sees another flag for another profile.
const NAME_DIGITS: usize = 16;

/// Above this share of counts in functions with several control flows, the profiles are of different
/// versions of the program: the same share that the compiler may discard.
const SPLIT_SHARE_MAX: f64 = DISCARDED_SHARE_MAX;

/// The largest count that a profile can hold: LLVM keeps the two numbers above it for marks
/// (`getInstrMaxCountValue` in its `ProfileData/InstrProf.h`).
const COUNT_MAX: u64 = u64::MAX - 2;

/// A profile that the compiler can be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedProfile {
    /// The file; its name carries the hash.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Functions with counters.
    pub functions_total: u64,
    /// Functions that ran.
    pub functions_covered: u64,
    /// Sum of all counts, above zero.
    pub counts_total: u64,
    /// Blocks with counters.
    pub blocks_total: u64,
    /// The fewest blocks that hold 99 % of the counts.
    pub blocks_for_99_percent: u64,
    /// What it was merged from.
    pub workloads: Vec<WorkloadProfile>,
}

impl Whole for MergedProfile {
    fn is_whole(&self) -> bool {
        digest::file(&self.path).is_ok_and(|digest| digest == self.sha256)
    }
}

/// Merges the profiles of all workloads: normalised to equal totals, then weighted.
///
/// # Errors
/// [`Error::Verification`] when a profile cannot be merged, or the counts would be too large.
pub fn workloads(
    workloads: Vec<WorkloadProfile>,
    tool: &LlvmProfdata,
    directory: &Path,
) -> Result<MergedProfile> {
    if let Some(damaged) = workloads.iter().find(|workload| !workload.is_whole()) {
        return Err(Error::Verification {
            check: "training-profile",
            message: format!(
                "the profile of workload `{}` is no longer what training left",
                damaged.name
            ),
            hint: "leave the output directory alone while it is in use; run again with --fresh"
                .into(),
        });
    }
    let declared: Vec<(f64, u64)> = workloads
        .iter()
        .map(|workload| (workload.weight, workload.counts_total))
        .collect();
    let weights = weights(&declared);
    check_room(&workloads, &weights)?;
    let inputs: Vec<Weighted> = weights
        .into_iter()
        .zip(&workloads)
        .map(|(weight, workload)| Weighted {
            path: workload.path.clone(),
            weight,
        })
        .collect();
    into_named(&inputs, workloads, tool, directory)
}

/// Merges profiles that were gathered apart, as [`workloads`] does, after proof that they are of one
/// version of the program. Merged with those of another version, their counts stand under the same
/// names with other hashes, and the compiler passes over them without a word.
///
/// # Errors
/// [`Error::Verification`] when they are of several versions, or one of them cannot be merged.
pub fn gathered(
    profiles: Vec<WorkloadProfile>,
    tool: &LlvmProfdata,
    directory: &Path,
) -> Result<MergedProfile> {
    let merged = workloads(profiles, tool, directory)?;
    let split = tool.counts(&merged.path)?.split_share();
    let Some(split) = split.filter(|&share| share > SPLIT_SHARE_MAX) else {
        return Ok(merged);
    };
    Err(Error::Verification {
        check: "one-version",
        message: format!(
            "{:.1} % of the counts stand under functions that not all of the profiles have with the same control flow: they are of different versions of the program",
            split * 100.0
        ),
        hint: "gather all of them with one binary of the step `instrument`: see docs/profiles.md#gathered-elsewhere".into(),
    })
}

fn into_named(
    inputs: &[Weighted],
    workloads: Vec<WorkloadProfile>,
    tool: &LlvmProfdata,
    directory: &Path,
) -> Result<MergedProfile> {
    let temporary =
        tempfile::NamedTempFile::new_in(directory).map_err(Error::io("write", directory))?;
    tool.merge(inputs, temporary.path())?;
    let sha256 = digest::file(temporary.path())?;
    let path = directory.join(file_name(&sha256));
    let counts = tool.counts(temporary.path())?;
    let merged = describe(&counts, path, sha256, workloads)?;
    temporary
        .persist(&merged.path)
        .map_err(|error| Error::io("write", &merged.path)(error.error))?;
    Ok(merged)
}

/// Takes over a profile that was merged elsewhere.
///
/// # Errors
/// [`Error::Verification`] when it is unusable.
pub fn adopt(profile: &Path, tool: &LlvmProfdata, directory: &Path) -> Result<MergedProfile> {
    let counts = tool.counts(profile)?;
    let content = std::fs::read(profile).map_err(Error::io("read", profile))?;
    let sha256 = digest::bytes(&content);
    let path = directory.join(file_name(&sha256));
    let merged = describe(&counts, path, sha256, Vec::new())?;
    inferno_measure::write_atomically(&merged.path, &content)?;
    Ok(merged)
}

/// The name of the file of a merged profile with this hash.
pub(crate) fn file_name(sha256: &str) -> String {
    let digits: String = sha256.chars().take(NAME_DIGITS).collect();
    format!("merged-{digits}.profdata")
}

fn describe(
    counts: &Counts,
    path: PathBuf,
    sha256: String,
    workloads: Vec<WorkloadProfile>,
) -> Result<MergedProfile> {
    if counts.total() == 0 {
        return Err(Error::Verification {
            check: "profile-counts",
            message: "the merged profile counts nothing".into(),
            hint: "the training must execute the code that is to be optimised".into(),
        });
    }
    Ok(MergedProfile {
        path,
        sha256,
        functions_total: counts.functions_total(),
        functions_covered: counts.functions_covered(),
        counts_total: counts.total(),
        blocks_total: counts.blocks_total(),
        blocks_for_99_percent: counts.blocks_for_99_percent(),
        workloads,
    })
}

/// Whole-number weights, of declared weights and totals of counts, such that totals × weights stand
/// in the ratio of the declared weights: without this the longest run would drown the others. They
/// are the smallest of their ratio, so that one workload alone keeps its counts: the compiler's
/// limits are not all relative.
pub(crate) fn weights(workloads: &[(f64, u64)]) -> Vec<u64> {
    let wanted: Vec<f64> = workloads
        .iter()
        .map(|&(weight, counts_total)| weight / counts_total as f64)
        .collect();
    let least = wanted.iter().copied().fold(f64::INFINITY, f64::min);
    let weights = wanted
        .iter()
        .map(|wanted| (wanted / least * LEAST_WEIGHT).round() as u64);
    let divisor = weights.clone().fold(0, greatest_common_divisor).max(1);
    weights.map(|weight| weight / divisor).collect()
}

/// Fails where the weighted counts could exceed what a profile holds, all of them in one place: the tool
/// cuts them there and goes on, and the profile no longer tells what is hot.
///
/// A merge into a merged profile begins from counts that were multiplied before.
fn check_room(workloads: &[WorkloadProfile], weights: &[u64]) -> Result<()> {
    let weighted = workloads
        .iter()
        .zip(weights)
        .map(|(workload, &weight)| u128::from(workload.counts_total) * u128::from(weight));
    // Of two products the sum may exceed this type as well.
    let all = weighted.fold(0, u128::saturating_add);
    let largest = workloads
        .iter()
        .max_by_key(|workload| workload.counts_total);
    match largest {
        Some(largest) if all > u128::from(COUNT_MAX) => Err(Error::Verification {
            check: "profile-room",
            message: format!(
                "with their weights, the counts of {} profiles could exceed what a profile holds: `{}` alone counts {}",
                workloads.len(),
                largest.name,
                largest.counts_total
            ),
            hint: "gather less of it. Where it is the stored profile, its counts were multiplied by each merge before: make it anew with the step `refresh`, and merge all that was gathered elsewhere at once: see docs/profiles.md#made-anew".into(),
        }),
        _ => Ok(()),
    }
}

/// By Euclid's algorithm; that of zero and a number is the number.
fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 {
        one
    } else {
        greatest_common_divisor(other, one % other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_smallest_of_their_ratio() {
        assert_eq!(weights(&[(1.0, 70)]), [1]);
        assert_eq!(weights(&[(3.0, 70), (3.0, 70)]), [1, 1]);
        assert_eq!(weights(&[(1.0, 50), (1.0, 20)]), [2, 5]);
        assert_eq!(weights(&[(1.0, 70), (1.0, 10)]), [1, 7]);
        assert_eq!(weights(&[]), [0; 0]);
    }

    fn workload(name: &str, counts_total: u64) -> WorkloadProfile {
        WorkloadProfile {
            name: name.into(),
            path: name.into(),
            sha256: digest::text(name),
            weight: 1.0,
            counts_total,
            raw_files: 1,
            wall_s: 0.0,
        }
    }

    #[test]
    fn counts_that_a_profile_could_not_hold_are_refused() {
        for (parts, fits) in [
            (&[(COUNT_MAX, 1)][..], true),
            (&[(COUNT_MAX + 1, 1)], false),
            (&[(COUNT_MAX - 10, 1), (5, 2)], true),
            (&[(COUNT_MAX - 10, 1), (11, 1)], false),
            (&[(COUNT_MAX / 2, 2), (1, COUNT_MAX % 2)], true),
            (&[(COUNT_MAX / 2, 2), (1, COUNT_MAX % 2 + 1)], false),
            (&[(u64::MAX, u64::MAX), (u64::MAX - 1, u64::MAX)], false),
            (&[], true),
        ] {
            let names = ["stored", "new"].into_iter().zip(parts);
            let (workloads, weights): (Vec<WorkloadProfile>, Vec<u64>) = names
                .map(|(name, &(counts_total, weight))| (workload(name, counts_total), weight))
                .unzip();
            match check_room(&workloads, &weights) {
                Ok(()) => assert!(fits, "{parts:?}"),
                Err(error) => {
                    assert!(!fits, "{parts:?}: {error}");
                    assert!(error.to_string().contains("`stored` alone"), "{error}");
                    assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
                    assert!(error.hint().is_some_and(|hint| hint.contains("`refresh`")));
                }
            }
        }
    }

    #[test]
    fn counts_are_checked_before_the_tool_runs() {
        let scratch = tempfile::tempdir().expect("a directory");
        let kept = |name: &str, counts_total| {
            let path = scratch.path().join(name);
            std::fs::write(&path, name).expect("a file");
            WorkloadProfile {
                path,
                ..workload(name, counts_total)
            }
        };
        let tool = LlvmProfdata {
            path: scratch.path().join("no-such-tool"),
            version: "22.1.8".into(),
        };
        let merged = |stored| {
            let profiles = vec![kept("stored", stored), kept("new", 1000)];
            workloads(profiles, &tool, scratch.path()).expect_err("there is no tool")
        };
        let refused = merged(COUNT_MAX);
        assert!(refused.to_string().contains("profile-room"), "{refused}");
        let ran = merged(1_000_000);
        assert!(!ran.to_string().contains("profile-room"), "{ran}");
    }

    #[test]
    fn totals_are_normalised_then_weighted() {
        for (declared, totals) in [
            ([1.0, 1.0], [1000, 10]),
            ([1.0, 3.0], [500, 70]),
            ([2.0, 1.0], [10, 999]),
        ] {
            let list: Vec<(f64, u64)> = declared.into_iter().zip(totals).collect();
            let weights = weights(&list);
            let shares: Vec<f64> = weights
                .iter()
                .zip(totals)
                .map(|(&weight, total)| weight as f64 * total as f64)
                .collect();
            let ratio = shares[0] / shares[1] / (declared[0] / declared[1]);
            assert!((ratio - 1.0).abs() < 0.05, "{weights:?}");
            assert!(weights.iter().all(|&weight| weight >= 1));
        }
    }
}
