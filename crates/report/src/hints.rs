//! How to read a result: what speaks for a working optimisation, and what is a warning sign.
//!
//! Takes a record, gives sentences with the section of the troubleshooting document that goes on
//! from there. Judges nothing: verdicts are taken as they are.

use inferno_measure::record::{ExpectationResult, Record, Regime, ScenarioResult, Verdict};

use crate::expectations::{self, is_in, judged, of_all, result};
use crate::figures::{JOINER, change, change_interval, limit, percent, value};
use crate::headline::Counts;
use crate::metrics::INFERENCE_SHARE;

/// Warm scenarios should gain at least this share (the PGO benchmark document, "Interpreting
/// Results").
const WARM_GAIN: f64 = 0.10;
/// A request is bound by inference when it makes more than this share of its time (same source).
const INFERENCE_BOUND: f64 = 0.50;
/// Training is unlike the holdout below this overlap of the profiles, as a share.
const OVERLAP_LOW: f64 = 0.70;

/// One observation on a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Stable identifier.
    pub id: &'static str,
    /// What kind of observation it is.
    pub sign: Sign,
    /// One or two sentences; the names of scenarios are as the spec has them.
    pub text: String,
    /// Section of `docs/troubleshooting.md` that goes on from here.
    pub section: Option<&'static str>,
}

/// What kind of observation a [`Hint`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Something that a successful optimisation shows, and whether it is there.
    Indicator(ExpectationResult),
    /// Something that deserves a look before the result is believed.
    Warning,
}

/// The indicators that can be told of such a record, then the warnings that apply.
pub fn hints(record: &Record) -> Vec<Hint> {
    let indicators = [
        warm_gain(record),
        inference_share(record),
        cpu_intensive(record),
        cold_unchanged(record),
    ];
    let indicators = indicators
        .into_iter()
        .filter(|_| expectations::apply(record));
    let warnings = [
        no_difference(record),
        regression(record),
        identical_results(record),
        low_overlap(record),
        control_differs(record),
        idle_arm_ran(record),
        turns_differ(record),
        disturbed(record),
    ];
    let plain = |hint: Hint| Hint {
        text: hint.text.replace(JOINER, " "),
        ..hint
    };
    indicators
        .flatten()
        .chain(warnings.into_iter().flatten())
        .map(plain)
        .collect()
}

fn warm_gain(record: &Record) -> Option<Hint> {
    let is_warm = |scenario: &&ScenarioResult| scenario.scenario.kind == Regime::Warm;
    let counts = Counts::of(record.scenarios.iter().filter(is_warm));
    let reached = judged(record)
        .filter(is_warm)
        .filter(|scenario| gain(scenario) >= WARM_GAIN)
        .count();
    let outcome = of_all(counts, reached);
    let text = if counts.judged() == 0 {
        format!(
            "No warm scenario has an answer; a gain of {} was looked for.",
            limit(WARM_GAIN)
        )
    } else {
        format!(
            "Warm scenarios with a gain of {} or more: {reached} of {}{}.",
            limit(WARM_GAIN),
            counts.judged(),
            still_open(counts)
        )
    };
    (counts.all() > 0).then(|| Hint {
        id: "warm-gain",
        sign: Sign::Indicator(outcome),
        text,
        section: unless_met(outcome, "no-difference"),
    })
}

/// What is not known yet of the scenarios that were counted.
fn still_open(counts: Counts) -> String {
    match counts.inconclusive {
        0 => String::new(),
        open => format!(", {open} open"),
    }
}

fn inference_share(record: &Record) -> Option<Hint> {
    let shares: Vec<(f64, &str)> = record
        .scenarios
        .iter()
        .filter_map(|scenario| {
            let metric = INFERENCE_SHARE.of(scenario)?;
            let scale = if metric.unit.contains('%') { 0.01 } else { 1.0 };
            Some((
                metric.baseline.median * scale,
                scenario.scenario.name.as_str(),
            ))
        })
        .collect();
    let lowest = shares
        .iter()
        .min_by(|left, right| left.0.total_cmp(&right.0));
    let bound = shares
        .iter()
        .filter(|(share, _)| *share > INFERENCE_BOUND)
        .count();
    let outcome = result(!shares.is_empty(), bound == shares.len());
    let text = match lowest {
        None => "The share of inference in the request time was not measured.".to_owned(),
        Some((share, name)) => format!(
            "Scenarios in which inference makes more than {} of the request time: {bound} of {}; \
             the lowest share is {} ({name}).",
            limit(INFERENCE_BOUND),
            shares.len(),
            percent(*share)
        ),
    };
    let is_declared = record
        .scenarios
        .iter()
        .any(|scenario| INFERENCE_SHARE.is_declared(scenario));
    is_declared.then_some(Hint {
        id: "inference-share",
        sign: Sign::Indicator(outcome),
        text,
        section: None,
    })
}

fn cpu_intensive(record: &Record) -> Option<Hint> {
    let counts = Counts::of(
        record
            .scenarios
            .iter()
            .filter(|scenario| is_in(scenario, "cpu-intensive")),
    );
    let outcome = of_all(counts, counts.faster);
    let text = match counts.occurring() {
        Some(occurring) if counts.judged() > 0 => {
            format!("CPU-intensive scenarios should all gain: {occurring}.")
        }
        _ => "No CPU-intensive scenario has an answer; a gain in all was looked for.".to_owned(),
    };
    (counts.all() > 0).then(|| Hint {
        id: "cpu-intensive-consistent",
        sign: Sign::Indicator(outcome),
        text,
        section: unless_met(outcome, "no-difference"),
    })
}

fn cold_unchanged(record: &Record) -> Option<Hint> {
    let members = record
        .scenarios
        .iter()
        .filter(|scenario| is_in(scenario, "cold-start"));
    let counts = Counts::of(members);
    let outcome = of_all(counts, counts.no_difference);
    let text = match counts.occurring() {
        Some(occurring) if counts.judged() > 0 => {
            format!("Cold starts should not change: {occurring}.")
        }
        _ => "No cold start has an answer; no change was looked for.".to_owned(),
    };
    let section = if counts.slower > 0 {
        Some("slower")
    } else {
        None
    };
    (counts.all() > 0).then_some(Hint {
        id: "cold-unchanged",
        sign: Sign::Indicator(outcome),
        text,
        section,
    })
}

fn no_difference(record: &Record) -> Option<Hint> {
    let counts = Counts::of(&record.scenarios);
    let none = counts.judged() > 0 && counts.no_difference == counts.judged();
    none.then(|| {
        let covered = record.profile.as_ref().and_then(|profile| profile.counts_discarded_share).map_or(
            String::new(),
            |discarded| format!(" The compiler used the profile ({} of the counts discarded), so the build is not at fault.", percent(discarded)),
        );
        warning("no-difference", "no-difference", format!("No scenario shows a difference.{covered}"))
    })
}

fn regression(record: &Record) -> Option<Hint> {
    let slower = listed(record, |scenario| {
        (scenario.verdict == Verdict::Slower).then(|| change_of(scenario).unwrap_or_default())
    });
    let fit = record.profile.as_ref().map_or_else(String::new, |profile| {
        let discarded = share_or_unknown(profile.counts_discarded_share);
        let overlap = share_or_unknown(profile.holdout_overlap);
        format!(" A profile that does not fit can do that: counts discarded {discarded}, overlap with the holdout {overlap}.")
    });
    (!slower.is_empty())
        .then(|| warning("regression", "slower", format!("Slower in {slower}.{fit}")))
}

fn identical_results(record: &Record) -> Option<Hint> {
    let same = names(record, has_identical_times);
    (!same.is_empty()).then(|| {
        warning(
            "identical-results",
            "identical-results",
            format!(
                "Both arms gave exactly the same times in {same}: they may not be two programs."
            ),
        )
    })
}

fn low_overlap(record: &Record) -> Option<Hint> {
    let overlap = record.profile.as_ref()?.holdout_overlap?;
    (overlap < OVERLAP_LOW).then(|| {
        warning(
            "low-overlap",
            "low-overlap",
            format!("The training profile overlaps with one of the holdout by {}, less than {}: the training is unlike what is measured.", percent(overlap), limit(OVERLAP_LOW)),
        )
    })
}

fn control_differs(record: &Record) -> Option<Hint> {
    let excludes_one = |scenario: &ScenarioResult| {
        scenario
            .aa
            .is_some_and(|control| control.ci_low > 1.0 || control.ci_high < 1.0)
    };
    let differing = names(record, excludes_one);
    (!differing.is_empty()).then(|| {
        warning(
            "control-differs",
            "noisy-machine",
            format!("The A/A control, the same program, differs at 95 % in {differing}. By chance that happens in one of twenty scenarios."),
        )
    })
}

fn idle_arm_ran(record: &Record) -> Option<Hint> {
    let busy = listed(record, |scenario| {
        let idle_ns = scenario.idle_cpu_ns.filter(|idle_ns| *idle_ns > 0)?;
        Some(value(idle_ns as f64, "ns"))
    });
    (!busy.is_empty()).then(|| {
        warning(
            "idle-arm-ran",
            "noisy-machine",
            format!(
                "Arms used the processor while it was not their turn in {busy}: that pulls effects \
                 towards none."
            ),
        )
    })
}

fn disturbed(record: &Record) -> Option<Hint> {
    let disturbed = listed(record, |scenario| {
        let causes = scenario
            .validity
            .notes
            .iter()
            .filter(|note| !is_on_turns(note));
        let causes: Vec<&str> = causes.map(String::as_str).collect();
        (scenario.validity.disturbed > 0).then(|| causes.join("; "))
    });
    (!disturbed.is_empty()).then(|| {
        warning(
            "disturbed",
            "noisy-machine",
            format!("The machine was disturbed in {disturbed}."),
        )
    })
}

/// The sampler compares the first request of a turn with the later ones, which find warm caches.
fn turns_differ(record: &Record) -> Option<Hint> {
    let differing = listed(record, |scenario| {
        let note = scenario
            .validity
            .notes
            .iter()
            .find(|note| is_on_turns(note))?;
        note.contains(" differ").then(|| note.clone())
    });
    (!differing.is_empty()).then(|| {
        warning(
            "turns-differ",
            "noisy-machine",
            format!("The length of a turn changes the effect in {differing}."),
        )
    })
}

fn is_on_turns(note: &str) -> bool {
    note.starts_with("first and later requests of a turn")
}

/// Real times differ in their last digits; equal distributions mean that one thing was measured twice.
fn has_identical_times(scenario: &ScenarioResult) -> bool {
    scenario
        .costs
        .get("wall_ns")
        .is_some_and(|wall| wall.baseline.count > 1 && wall.baseline == wall.candidate)
}

fn warning(id: &'static str, section: &'static str, text: String) -> Hint {
    Hint {
        id,
        sign: Sign::Warning,
        text,
        section: Some(section),
    }
}

fn unless_met(outcome: ExpectationResult, section: &'static str) -> Option<&'static str> {
    (outcome == ExpectationResult::NotMet).then_some(section)
}

/// The change of time with its 95 % interval.
fn change_of(scenario: &ScenarioResult) -> Option<String> {
    let interval = change_interval(scenario.ci_low?, scenario.ci_high?);
    Some(format!("{}; {interval}", change(scenario.effect?)))
}

/// Share of time saved.
fn gain(scenario: &ScenarioResult) -> f64 {
    scenario.effect.map_or(0.0, |effect| 1.0 - effect)
}

fn share_or_unknown(share: Option<f64>) -> String {
    share.map_or_else(|| "not measured".to_owned(), percent)
}

/// The scenarios for which `applies`.
fn names(record: &Record, applies: impl Fn(&ScenarioResult) -> bool) -> String {
    listed(record, |scenario| applies(scenario).then(String::new))
}

/// The scenarios that have a detail, with it in parentheses where it says something.
fn listed(record: &Record, detail: impl Fn(&ScenarioResult) -> Option<String>) -> String {
    let listed: Vec<String> = record
        .scenarios
        .iter()
        .filter_map(|scenario| Some((&scenario.scenario.name, detail(scenario)?)))
        .map(|(name, detail)| {
            if detail.is_empty() {
                name.clone()
            } else {
                format!("{name} ({detail})")
            }
        })
        .collect();
    listed.join(", ")
}
