//! `inferno performance-benchmark compare`: what has changed from one result to another.
//!
//! Takes two files of results, or folders of them; gives a verdict per figure and exits with 10 when one
//! of them is worse: the interval of the change excludes none, and it is at least as large as what
//! matters. If it is to be strict, it exits with 11 when one of them says nothing. Results of another
//! machine, model or workload are refused, as their difference would say nothing about the program. The
//! judgement is `inferno_measure::performance::comparison`'s.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use inferno_measure::performance::comparison::{PerformanceComparison, Rule, compare};
use inferno_measure::record::Verdict;
use inferno_measure::write_atomically;
use inferno_report::performance::{
    comparison_html, comparison_markdown, comparison_terminal, obstacles,
};

use super::benchmark::{print, style, width};
use super::results;
use crate::exit;
use crate::failure::Failure;

/// What is compared, and by which rule.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// What is there now: a file of `benchmark` or `baseline`, or the folder of a `benchmark` of all suites
    #[arg(long, value_name = "PATH")]
    current: PathBuf,

    /// What was there before
    #[arg(long, value_name = "PATH")]
    baseline: PathBuf,

    /// The smallest change that matters: of a hit ratio in percentage points, of the error rate 0.1 at most
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "3")]
    threshold: f64,

    /// How far the machine may have drifted between the two runs [default: 0 where both timed the fixed computation, else 15]
    #[arg(long, value_name = "PERCENT", value_parser = percent_or_zero)]
    drift: Option<f64>,

    /// Compare absolute times, not those relative to the fixed computation
    #[arg(long)]
    no_reference: bool,

    /// Also write the comparison as Markdown and HTML, beside the current file or into the current folder
    #[arg(long)]
    report: bool,

    /// Compare what differs in machine, model or workload all the same
    #[arg(long)]
    force: bool,

    /// Exit with 11 when nothing is slower and a row is inconclusive: silence is then no approval
    #[arg(long)]
    strict: bool,
}

/// A number of per cent above 0, as a share.
fn percent(text: &str) -> Result<f64, String> {
    percent_or_zero(text)
        .ok()
        .filter(|share| *share > 0.0)
        .ok_or_else(|| format!("{text:?} is no number of per cent above 0"))
}

/// A number of per cent, as a share.
fn percent_or_zero(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().trim_end_matches('%').trim_end().parse().ok();
    number
        .filter(|number| (0.0..=1000.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("{text:?} is no number of per cent"))
}

/// Compares; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let comparison = arguments.compare()?;
    let mut told = comparison_terminal(&comparison, width(), style());
    if arguments.report {
        for path in write(&comparison, &arguments.current)? {
            // Writing to a string does not fail.
            let _ = writeln!(told, "report: {}", path.display());
        }
    }
    print(&told)?;
    Ok(if comparison.has(Verdict::Slower) {
        exit::SLOWER
    } else if arguments.strict && comparison.has(Verdict::Inconclusive) {
        exit::INCONCLUSIVE
    } else {
        exit::ANSWERED
    })
}

impl Arguments {
    fn compare(&self) -> Result<PerformanceComparison, Failure> {
        let older = results::read(&self.baseline)?;
        let newer = results::read(&self.current)?;
        let rule = Rule {
            threshold: self.threshold,
            drift: self.drift,
            uses_reference: !self.no_reference,
        };
        let [baseline, current] = self.names();
        let comparison = compare(&older, &newer, [&baseline, &current], rule);
        let mut differences = obstacles(&comparison);
        // Whatever is forced, nothing is no answer.
        if comparison.rows.is_empty() {
            differences.push("there is no figure that both have".to_owned());
            return Err(Failure::NothingAlike {
                current,
                baseline,
                differences,
            });
        }
        if self.force || differences.is_empty() {
            return Ok(comparison);
        }
        Err(Failure::Unlike {
            current,
            baseline,
            differences,
        })
    }

    /// What the files are called: their names, or their paths where the names are the same.
    fn names(&self) -> [String; 2] {
        let paths = [&self.baseline, &self.current];
        let names = paths.map(|path| results::file_name(path));
        if names[0] == names[1] {
            paths.map(|path| path.display().to_string())
        } else {
            names
        }
    }
}

/// Writes the reports beside `current`, or into it where it is a folder; gives their paths.
fn write(comparison: &PerformanceComparison, current: &Path) -> Result<[PathBuf; 2], Failure> {
    let stem = current.file_stem().unwrap_or(current.as_os_str());
    let path = |extension: &str| {
        if current.is_dir() {
            return current.join(format!("comparison.{extension}"));
        }
        let name = format!("{}_comparison.{extension}", stem.to_string_lossy());
        current.with_file_name(name)
    };
    let paths = [path("md"), path("html")];
    write_atomically(&paths[0], comparison_markdown(comparison).as_bytes())?;
    write_atomically(&paths[1], comparison_html(comparison).as_bytes())?;
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_are_shares() {
        for (text, share) in [("10.0", 0.1), (" 3 %", 0.03), ("5%", 0.05)] {
            assert!((percent(text).expect(text) - share).abs() < 1e-12, "{text}");
        }
        assert_eq!(percent_or_zero("0"), Ok(0.0));
        for bad in ["0", "", "-1", "nan", "inf", "much"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_of_the_same_name_are_told_by_their_folders() {
        let arguments = |baseline: &str, current: &str| Arguments {
            current: current.into(),
            baseline: baseline.into(),
            threshold: 0.03,
            drift: None,
            no_reference: false,
            report: false,
            force: false,
            strict: false,
        };
        assert_eq!(
            arguments("a/old.json", "b/new.json").names(),
            ["old.json", "new.json"]
        );
        let same = arguments("a/x.json", "b/x.json").names();
        assert_eq!(same, ["a/x.json", "b/x.json"]);
    }
}
