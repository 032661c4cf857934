//! One scenario in full: why its verdict is what it is, how it was measured, all of its figures.

use inferno_measure::record::ScenarioResult;
use inferno_measure::scenario::{PageCache, Pin, Role};

use super::{interval, measurements, outcome, result};
use crate::document::{Table, Text, Tone};
use crate::figures::{change, change_interval, percent, plural, value};

/// Why the verdict is what it is, and what it would take to know more.
pub(crate) fn reason(scenario: &ScenarioResult) -> Text {
    let reason = Text::from(result::sentence(&scenario.reason));
    match &scenario.remedy {
        Some(remedy) => reason.then(" ").then(result::sentence(remedy)),
        None => reason,
    }
}

/// How the scenario was measured and what that gave.
pub(crate) fn facts(scenario: &ScenarioResult) -> Vec<(&'static str, Text)> {
    let declared = &scenario.scenario;
    let mut facts = vec![
        ("group", Text::literal(&declared.group)),
        ("kind", kind(scenario)),
    ];
    if !declared.class.is_empty() {
        let tags = declared.class.iter().map(Text::literal);
        facts.push(("class", Text::join(tags, ", ")));
    }
    if declared.role == Role::Guard {
        facts.push(("role", "guard: must not get slower".into()));
    }
    if let Some(expected) = declared.expected {
        let found = scenario
            .expectation
            .map_or_else(Text::not_measured, outcome);
        let words = Text::from(super::interpretation::expected(&expected));
        facts.push(("expected", words.then(": ").then(found)));
    }
    if scenario.effect.is_some() {
        facts.extend(measured(scenario));
    }
    facts
}

/// The parts of a cold start, and every other figure.
pub(crate) fn figures(scenario: &ScenarioResult) -> Table {
    measurements::scenario(scenario)
}

fn kind(scenario: &ScenarioResult) -> Text {
    let declared = &scenario.scenario;
    let cache = match declared.cache {
        Some(PageCache::Warm) => ", input files in the page cache",
        Some(PageCache::Disk) => ", input files dropped from the page cache",
        None => "",
    };
    let pin = match declared.pin {
        Some(Pin::OneCore) => ", pinned to one core",
        Some(Pin::None) => ", not pinned",
        None => "",
    };
    format!("{}{cache}{pin}", declared.kind).into()
}

fn measured(scenario: &ScenarioResult) -> Vec<(&'static str, Text)> {
    let share = |share: Option<f64>| Text::fact(share.map(percent));
    let control = scenario.aa.map(|control| {
        format!(
            "{} ({})",
            change(control.effect),
            change_interval(control.ci_low, control.ci_high)
        )
    });
    let mut facts = vec![
        ("change", Text::figure(scenario.effect.map(change))),
        ("95 % interval", interval(scenario.ci_low, scenario.ci_high)),
        (
            "interval that decides",
            interval(scenario.simultaneous_low, scenario.simultaneous_high),
        ),
        ("A/A control", Text::fact(control)),
        ("noise floor", share(scenario.noise_floor)),
        ("minimum detectable effect", share(scenario.mde)),
        (
            "samples",
            format!(
                "{} in {}",
                plural(scenario.pairs as usize, "pair"),
                plural(scenario.restarts as usize, "restart")
            )
            .into(),
        ),
        ("spread of restarts", share(scenario.restart_sd)),
    ];
    if let Some(layouts) = scenario.layouts {
        facts.push((
            "code layouts",
            format!("{layouts}, the unit of the intervals").into(),
        ));
        facts.push(("spread of layouts", share(scenario.layout_sd)));
    }
    if scenario.pair_sd.is_some() {
        facts.push(("spread of pairs", share(scenario.pair_sd)));
    }
    facts.push(("machine", machine(scenario)));
    if let Some(idle_ns) = scenario.idle_cpu_ns {
        facts.push(("idle arms' CPU time", value(idle_ns as f64, "ns").into()));
    }
    facts
}

fn machine(scenario: &ScenarioResult) -> Text {
    let validity = &scenario.validity;
    let state = if validity.disturbed == 0 {
        Text::from("undisturbed")
    } else {
        Text::toned(
            format!(
                "disturbed in {} of {} blocks",
                validity.disturbed, validity.blocks
            ),
            Tone::Open,
        )
    };
    validity
        .notes
        .iter()
        .fold(state, |text, note| text.then("; ").then(note.as_str()))
}
