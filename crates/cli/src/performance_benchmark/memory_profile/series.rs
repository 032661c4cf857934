//! What is judged of a reading, and by which limits.
//!
//! Takes the cycles; gives a judgement per series, and nothing for one that this platform does not
//! tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inferno_measure::leak::judge::overall;
use inferno_measure::leak::{
    Cycle, Growth, Judgement, Limits, Phase, Reading, Reason, Verdict, cycles, judge,
};

/// Blocks of the allocator are multiples of this, in bytes: twice a pointer (malloc(3) of glibc).
const BLOCK: usize = 2 * size_of::<usize>();

/// Growth of a count per cycle that would not matter: one in a hundred cycles.
const COUNT_TOLERANCE: f64 = 0.01;

/// One value of a reading, over all cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Series {
    /// Resident memory that is no mapped file.
    Anonymous,
    /// Memory that was asked of the allocator.
    Allocated,
    /// Open file descriptors.
    OpenFiles,
    /// Threads.
    Threads,
}

impl Series {
    const ALL: [Self; 4] = [
        Self::Anonymous,
        Self::Allocated,
        Self::OpenFiles,
        Self::Threads,
    ];

    /// Its name in the document.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous_bytes",
            Self::Allocated => "allocated_bytes",
            Self::OpenFiles => "open_files",
            Self::Threads => "threads",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous memory",
            Self::Allocated => "allocated memory",
            Self::OpenFiles => "open files",
            Self::Threads => "threads",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Anonymous | Self::Allocated => "bytes per cycle",
            Self::OpenFiles | Self::Threads => "per cycle",
        }
    }

    fn read(self, reading: &Reading) -> Option<u64> {
        match self {
            Self::Anonymous => reading.anonymous_bytes,
            Self::Allocated => reading.allocated_bytes,
            Self::OpenFiles => reading.open_files,
            Self::Threads => reading.threads,
        }
    }

    fn limits(self, tolerance_bytes: f64) -> Limits {
        let (tolerance, grain) = match self {
            Self::Anonymous => (tolerance_bytes, rustix::param::page_size()),
            Self::Allocated => (tolerance_bytes, BLOCK),
            Self::OpenFiles | Self::Threads => (COUNT_TOLERANCE, 1),
        };
        Limits {
            tolerance,
            grain: grain as f64,
        }
    }
}

/// A judgement per series; nothing for one that was not measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgements(BTreeMap<Series, Option<Judgement>>);

impl Judgements {
    /// Judges each series of `cycles`; growth of `tolerance_bytes` per cycle would not matter.
    pub(super) fn of(cycles: &[Cycle], tolerance_bytes: f64) -> Self {
        let judged = |series: Series| {
            let of = |phase| cycles::series(cycles, phase, |reading| series.read(reading));
            let (measured, control) = (of(Phase::Measured)?, of(Phase::Control)?);
            Some(judge(&measured, &control, series.limits(tolerance_bytes)))
        };
        Self(Series::ALL.map(|series| (series, judged(series))).into())
    }

    /// The judgements by the names of their series.
    pub(super) fn by_key(&self) -> BTreeMap<&'static str, Option<Judgement>> {
        let named = self
            .0
            .iter()
            .map(|(series, judgement)| (series.key(), *judgement));
        named.collect()
    }

    /// What all of them say together.
    pub(super) fn verdict(&self) -> Verdict {
        overall(self.0.values().flatten().map(|judgement| judgement.verdict))
    }

    /// A line per series, for people.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for (series, judgement) in &self.0 {
            let said = match judgement {
                None => "not measured: this platform does not tell".to_owned(),
                Some(judgement) => said(judgement, series.unit()),
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:<17} {said}", series.name());
        }
        text
    }
}

/// The verdict by the name that the document has for it.
pub(super) fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Leak => "leak",
        Verdict::None => "none",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn said(judgement: &Judgement, unit: &str) -> String {
    let mut text = name(judgement.verdict).to_owned();
    if let Some(reason) = &judgement.reason {
        text.push_str(": ");
        text.push_str(&because(reason));
    }
    if let Some(growth) = &judgement.growth {
        text.push_str("; ");
        text.push_str(&figures(growth, unit));
    }
    text
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::TooFew { needs } => {
            format!("it takes {needs} cycles after the warm-up; run more with `--cycles`")
        }
        Reason::Step { at, size } => format!(
            "it moved once, by {size:.0}, about cycle {at} after the warm-up; more cycles show \
             whether it does again"
        ),
        Reason::Unconfirmed => {
            "it rises, but no more than without requests, or it came down again".to_owned()
        }
        Reason::Noise { needs } => {
            format!("it wanders too much; about {needs} cycles after the warm-up would do")
        }
    }
}

fn figures(growth: &Growth, unit: &str) -> String {
    format!(
        "{:+.2} {unit} (95 % interval {:+.2} to {:+.2}, p {:.4}, floor {:.2}); a leak of {:.2} would \
         have been seen",
        growth.slope, growth.low, growth.high, growth.p_value, growth.floor, growth.smallest_leak
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cycles without and with work; `anonymous` gives what is read after cycle number so and so.
    fn cycles(anonymous: impl Fn(usize) -> Option<u64>) -> Vec<Cycle> {
        let cycle = |(number, phase)| Cycle {
            number,
            phase,
            reading: Reading {
                anonymous_bytes: anonymous(number),
                open_files: Some(9),
                ..Reading::default()
            },
        };
        let phases = [Phase::Control; 20]
            .into_iter()
            .chain([Phase::Measured; 60]);
        (0..).zip(phases).map(cycle).collect()
    }

    #[test]
    fn what_was_not_measured_has_no_judgement() {
        let judgements = Judgements::of(&cycles(|_| Some(1 << 20)), 2048.0);
        let by_key = judgements.by_key();
        assert_eq!(by_key.len(), 4);
        assert_eq!(by_key["allocated_bytes"], None);
        let judged = by_key["anonymous_bytes"].expect("a judgement");
        assert_eq!(judged.verdict, Verdict::None);
        assert_eq!(judgements.verdict(), Verdict::None);
        let lines = judgements.lines();
        let threads = lines.lines().find(|line| line.starts_with("threads"));
        assert!(
            threads.is_some_and(|line| line.contains("not measured")),
            "{lines}"
        );
    }

    #[test]
    fn a_leak_is_said_with_its_size() {
        let rising = |number: usize| Some((1 << 20) + number.saturating_sub(20) as u64 * 8192);
        let judgements = Judgements::of(&cycles(rising), 2048.0);
        assert_eq!(judgements.verdict(), Verdict::Leak);
        let lines = judgements.lines();
        assert!(lines.contains("leak; +8192.00 bytes per cycle"), "{lines}");
    }

    #[test]
    fn nothing_measured_is_inconclusive() {
        assert_eq!(Judgements::of(&[], 1.0).verdict(), Verdict::Inconclusive);
    }
}
