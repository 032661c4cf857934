//! What documents expect of classes of scenarios and of PGO at large, beside what was measured.
//!
//! Takes judged scenarios; gives met / not met / not measured. An expectation changes no verdict.
//! The classes and figures are those of the PGO benchmark document of the inference engine.

use inferno_measure::record::{ExpectationResult, Record, Regime, ScenarioResult, Verdict};

use crate::headline::Counts;

/// Gain that PGO is said to bring to CPU-intensive applications, as shares of time saved.
pub(crate) const HEADLINE_GAIN: [f64; 2] = [0.10, 0.30];

/// Whether PGO should pay for a class of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prospect {
    Gain,
    LittleGain,
}

impl std::fmt::Display for Prospect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gain => "gain",
            Self::LittleGain => "little",
        })
    }
}

/// A class that documents have an expectation of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// The tag in the spec.
    pub(crate) tag: &'static str,
    pub(crate) prospect: Prospect,
}

/// The classes in the documents' order.
pub(crate) const CLASSES: [Class; 8] = [
    Class {
        tag: "warm",
        prospect: Prospect::Gain,
    },
    Class {
        tag: "cpu-bound",
        prospect: Prospect::Gain,
    },
    Class {
        tag: "cpu-intensive",
        prospect: Prospect::Gain,
    },
    Class {
        tag: "high-concurrency",
        prospect: Prospect::Gain,
    },
    Class {
        tag: "cold-start",
        prospect: Prospect::LittleGain,
    },
    Class {
        tag: "io-bound",
        prospect: Prospect::LittleGain,
    },
    Class {
        tag: "low-concurrency",
        prospect: Prospect::LittleGain,
    },
    Class {
        tag: "simple-prompts",
        prospect: Prospect::LittleGain,
    },
];

/// The measured set of a class beside its expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClassResult {
    pub(crate) class: Class,
    pub(crate) counts: Counts,
    pub(crate) result: ExpectationResult,
}

/// Whether the documents speak of this record: it has a profile, and its spec tags a scenario with
/// one of their classes. Of any other comparison they say nothing.
pub(crate) fn apply(record: &Record) -> bool {
    let tagged =
        |scenario: &ScenarioResult| CLASSES.iter().any(|class| is_tagged(scenario, class.tag));
    record.profile.is_some() && record.scenarios.iter().any(tagged)
}

/// The known classes to which scenarios of the record belong.
pub(crate) fn classes(record: &Record) -> Vec<ClassResult> {
    CLASSES
        .iter()
        .map(|&class| class_result(record, class))
        .filter(|class| class.counts.all() > 0)
        .collect()
}

fn class_result(record: &Record, class: Class) -> ClassResult {
    let members = record
        .scenarios
        .iter()
        .filter(|scenario| is_in(scenario, class.tag));
    let counts = Counts::of(members);
    let as_expected = match class.prospect {
        Prospect::Gain => counts.faster,
        Prospect::LittleGain => counts.no_difference,
    };
    ClassResult {
        class,
        counts,
        result: of_all(counts, as_expected),
    }
}

/// "A gain in CPU-bound scenarios, little effect in the others": needs both sides.
pub(crate) fn hypothesis(record: &Record) -> ExpectationResult {
    let side = |prospect: Prospect| -> Vec<ExpectationResult> {
        classes(record)
            .into_iter()
            .filter(|class| class.class.prospect == prospect)
            .map(|class| class.result)
            .filter(|result| *result != ExpectationResult::NotMeasured)
            .collect()
    };
    let (gain, little) = (side(Prospect::Gain), side(Prospect::LittleGain));
    let contradicted = gain
        .iter()
        .chain(&little)
        .any(|result| *result == ExpectationResult::NotMet);
    result(
        contradicted || !(gain.is_empty() || little.is_empty()),
        !contradicted,
    )
}

/// Whether some scenario for which PGO should pay is faster by [`HEADLINE_GAIN`].
pub(crate) fn headline_gain(record: &Record) -> ExpectationResult {
    let mut gains = judged(record)
        .filter(|scenario| should_gain(scenario))
        .filter_map(|scenario| Some((scenario.verdict, 1.0 - scenario.effect?)))
        .peekable();
    let measured = gains.peek().is_some();
    let reached =
        gains.any(|(verdict, gain)| verdict == Verdict::Faster && gain >= HEADLINE_GAIN[0]);
    result(measured, reached)
}

/// The scenarios with an answer.
pub(crate) fn judged(record: &Record) -> impl Iterator<Item = &ScenarioResult> {
    record
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict != Verdict::Inconclusive)
}

/// Whether `scenario` is of the class `tag`: it carries the tag, or is warm, or is cold and carries
/// none (a cold process may well be bound by its computing).
pub(crate) fn is_in(scenario: &ScenarioResult, tag: &str) -> bool {
    let declared = &scenario.scenario;
    let by_kind = match declared.kind {
        Regime::Warm => tag == "warm",
        Regime::Cold => tag == "cold-start" && declared.class.is_empty(),
    };
    by_kind || is_tagged(scenario, tag)
}

/// Whether the spec tags `scenario` with `tag`.
pub(crate) fn is_tagged(scenario: &ScenarioResult, tag: &str) -> bool {
    scenario.scenario.class.iter().any(|class| class == tag)
}

/// Whether documents say that PGO should pay for `scenario`.
pub(crate) fn should_gain(scenario: &ScenarioResult) -> bool {
    CLASSES
        .iter()
        .any(|class| class.prospect == Prospect::Gain && is_in(scenario, class.tag))
}

/// `Met` or `NotMet` by `as_expected`, where there is something to tell it by.
pub(crate) fn result(measured: bool, as_expected: bool) -> ExpectationResult {
    match (measured, as_expected) {
        (false, _) => ExpectationResult::NotMeasured,
        (true, true) => ExpectationResult::Met,
        (true, false) => ExpectationResult::NotMet,
    }
}

/// An expectation of all scenarios of a kind, of which `as_expected` are as expected. One that
/// contradicts is enough; as long as one is open, it is not known of all.
pub(crate) fn of_all(counts: Counts, as_expected: usize) -> ExpectationResult {
    let contradicted = as_expected < counts.judged();
    let known = counts.judged() > 0 && counts.inconclusive == 0;
    result(contradicted || known, !contradicted)
}

/// The words of the report.
pub(crate) fn words(result: ExpectationResult) -> &'static str {
    match result {
        ExpectationResult::Met => "met",
        ExpectationResult::NotMet => "not met",
        ExpectationResult::NotMeasured => "not measured",
    }
}
