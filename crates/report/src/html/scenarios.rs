//! Each scenario in full, folded: why its verdict is what it is, its samples drawn, its figures.

use inferno_measure::record::{Record, ScenarioResult};
use maud::{Markup, html};

use super::blocks::{self, printable};
use super::{distribution, marks, series};
use crate::figures::{change, change_interval};
use crate::sections::scenario;

/// All scenarios of the record, in its order.
pub(super) fn all(record: &Record) -> Markup {
    html! {
        @for (index, scenario) in record.scenarios.iter().enumerate() { (one(index, scenario)) }
    }
}

fn one(index: usize, scenario: &ScenarioResult) -> Markup {
    let name = printable(&scenario.scenario.name);
    html! {
        details.scenario {
            summary {
                (marks::icon(scenario.verdict)) " "
                b.name { (name) } " "
                span class=(format!("verdict {}", marks::class(scenario.verdict))) { (marks::words(scenario.verdict)) } " "
                span.figures { (figures(scenario)) }
            }
            // Inside, so that a link to it unfolds the scenario.
            div.body id=(format!("scenario-{}", index + 1)) {
                p { (blocks::text(&scenario::reason(scenario))) }
                div.pair { (distribution::plot(scenario)) (series::plot(scenario)) }
                (blocks::facts(&scenario::facts(scenario)))
                (blocks::table(&scenario::figures(scenario), &format!("Figures of {name}")))
            }
        }
    }
}

fn figures(scenario: &ScenarioResult) -> Markup {
    html! {
        @match (scenario.effect, scenario.ci_low, scenario.ci_high) {
            (Some(effect), Some(low), Some(high)) => { (change(effect)) " (" (change_interval(low, high)) ")" }
            (Some(effect), ..) => { (change(effect)) }
            _ => { "not measured" }
        }
    }
}
