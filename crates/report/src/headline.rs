//! The verdict on a whole run: counts and one sentence. Never a bare percentage.

use inferno_measure::record::{Record, ScenarioResult, Verdict};

use crate::document::Text;
use crate::figures::{change, change_interval, limit, plural};

/// How many scenarios have which verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) faster: usize,
    pub(crate) slower: usize,
    pub(crate) no_difference: usize,
    pub(crate) inconclusive: usize,
}

impl Counts {
    /// Counts the verdicts of `scenarios`.
    pub(crate) fn of<'a>(scenarios: impl IntoIterator<Item = &'a ScenarioResult>) -> Self {
        let mut counts = Self::default();
        for scenario in scenarios {
            *match scenario.verdict {
                Verdict::Faster => &mut counts.faster,
                Verdict::Slower => &mut counts.slower,
                Verdict::NoDifference => &mut counts.no_difference,
                Verdict::Inconclusive => &mut counts.inconclusive,
            } += 1;
        }
        counts
    }

    /// Scenarios with an answer.
    pub(crate) fn judged(self) -> usize {
        self.faster + self.slower + self.no_difference
    }

    /// All scenarios.
    pub(crate) fn all(self) -> usize {
        self.judged() + self.inconclusive
    }

    /// Each verdict with its number, in the order of the report.
    fn named(self) -> [(usize, &'static str); 4] {
        [
            (self.faster, "faster"),
            (self.slower, "slower"),
            (self.no_difference, "no difference"),
            (self.inconclusive, "inconclusive"),
        ]
    }

    /// All scenarios and all four verdicts, also those that do not occur.
    pub(crate) fn sentence(self) -> String {
        format!("{}: {self}.", plural(self.all(), "scenario"))
    }

    /// The verdicts that occur, such as `1 faster, 2 inconclusive`; `None` without scenarios.
    pub(crate) fn occurring(self) -> Option<String> {
        let occurring = self.named().into_iter().filter(|(count, _)| *count > 0);
        let occurring: Vec<String> = occurring
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        (!occurring.is_empty()).then(|| occurring.join(", "))
    }
}

/// All four verdicts, also those that do not occur.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            &self
                .named()
                .map(|(count, name)| format!("{count} {name}"))
                .join(", "),
        )
    }
}

/// What the run says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Faster somewhere, slower nowhere.
    Pays,
    /// Faster in some, slower in others.
    Mixed,
    /// Slower somewhere, faster nowhere.
    Costs,
    /// Answers, and none of them is a change.
    DoesNotPay,
    /// No answer.
    Open,
}

impl Outcome {
    /// The outcome of these verdicts.
    pub(crate) fn of(counts: Counts) -> Self {
        match (counts.faster, counts.slower, counts.no_difference) {
            (0, 0, 0) => Self::Open,
            (0, 0, _) => Self::DoesNotPay,
            (0, _, _) => Self::Costs,
            (_, 0, _) => Self::Pays,
            _ => Self::Mixed,
        }
    }
}

/// One sentence for the whole run: whether PGO pays where the record has a profile, else which
/// program is faster.
pub(crate) fn sentence(record: &Record) -> String {
    let counts = Counts::of(&record.scenarios);
    if counts.all() == 0 {
        return "Nothing was measured: the spec has no scenarios.".to_owned();
    }
    let not_run = record
        .scenarios
        .iter()
        .filter(|scenario| scenario.samples.not_run.is_some());
    let open = match (counts.inconclusive, not_run.count()) {
        (0, _) => String::new(),
        (open, 0) => format!(" ({open} inconclusive)"),
        (open, not_run) if open == not_run => format!(" ({open} inconclusive for want of time)"),
        (open, not_run) => format!(" ({open} inconclusive, {not_run} of them for want of time)"),
    };
    let threshold = limit(record.judging.threshold);
    if record.profile.is_some() {
        on_pgo(counts, &open, &threshold)
    } else {
        on_programs(counts, &open, &threshold)
    }
}

/// Whether PGO pays; `open` says of how many scenarios it is not known, and why.
fn on_pgo(counts: Counts, open: &str, threshold: &str) -> String {
    let all = counts.all();
    let answered = match counts.inconclusive {
        0 => "these scenarios",
        _ => "the scenarios that have an answer",
    };
    match Outcome::of(counts) {
        Outcome::Open => {
            format!("Whether PGO pays is open: none of the {all} scenarios is conclusive.")
        }
        Outcome::Pays if all == 1 => "PGO pays on this scenario: faster.".to_owned(),
        Outcome::Pays if counts.faster == all => {
            format!("PGO pays on these scenarios: faster in all {all}.")
        }
        Outcome::Pays => format!(
            "PGO pays on some of these scenarios: faster in {} of {all}, slower in none{open}.",
            counts.faster
        ),
        Outcome::Mixed => format!(
            "PGO pays on some of these scenarios and costs on others: faster in {}, slower in {} of {all}{open}.",
            counts.faster, counts.slower
        ),
        Outcome::Costs => format!(
            "PGO costs on {answered}: slower in {} of {all}, faster in none{open}.",
            counts.slower
        ),
        Outcome::DoesNotPay => format!(
            "PGO does not pay on {answered}: no difference beyond ±{threshold} in {} of {all}, faster in none{open}.",
            counts.no_difference
        ),
    }
}

/// Which of two programs is faster.
fn on_programs(counts: Counts, open: &str, threshold: &str) -> String {
    let all = plural(counts.all(), "scenario");
    match Outcome::of(counts) {
        Outcome::Open => {
            format!("Whether the candidate is faster is open: of {all} none is conclusive.")
        }
        Outcome::Pays => format!(
            "The candidate is faster in {} of {all}, slower in none{open}.",
            counts.faster
        ),
        Outcome::Mixed => format!(
            "The candidate is faster in {}, slower in {} of {all}{open}.",
            counts.faster, counts.slower
        ),
        Outcome::Costs => format!(
            "The candidate is slower in {} of {all}, faster in none{open}.",
            counts.slower
        ),
        Outcome::DoesNotPay => format!(
            "No difference beyond ±{threshold} in {} of {all}, faster in none{open}.",
            counts.no_difference
        ),
    }
}

/// The largest change that a verdict stands for, with its interval; `None` without such a verdict.
pub(crate) fn largest_change(record: &Record) -> Option<Text> {
    let size = |scenario: &&ScenarioResult| scenario.effect.map_or(0.0, |effect| effect.ln().abs());
    let scenario = record
        .scenarios
        .iter()
        .filter(|scenario| matches!(scenario.verdict, Verdict::Faster | Verdict::Slower))
        // The first of equals.
        .rev()
        .max_by(|left, right| size(left).total_cmp(&size(right)))?;
    let interval = change_interval(scenario.ci_low?, scenario.ci_high?);
    Some(
        Text::from("The largest change of time is in ")
            .then(Text::literal(&scenario.scenario.name))
            .then(format!(
                ": {} (95 % interval {interval}).",
                change(scenario.effect?)
            )),
    )
}
