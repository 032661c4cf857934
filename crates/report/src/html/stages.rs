//! Where the time of the run went: a bar per stage, in a table that says the same in figures.

use inferno_measure::record::{Stage, StageKind, StageState, Timings};
use maud::{Markup, html};

use super::blocks::printable;
use crate::figures::{percent, seconds};

/// The stages with their bars; nothing where none was recorded.
pub(super) fn table(timings: &Timings) -> Markup {
    let longest = timings
        .stages
        .iter()
        .map(|stage| stage.wall_s)
        .fold(0.0, f64::max);
    html! {
        @if !timings.stages.is_empty() {
            table.stages {
                thead { tr {
                    th scope="col" { "stage" }
                    th scope="col" { span.hidden { "bar" } }
                    th.n scope="col" { "time" }
                    th.n scope="col" { "share" }
                } }
                tbody { @for stage in &timings.stages { (row(stage, longest, timings.total_wall_s)) } }
            }
        }
    }
}

fn row(stage: &Stage, longest_s: f64, total_s: f64) -> Markup {
    let length = if longest_s > 0.0 {
        stage.wall_s / longest_s * 100.0
    } else {
        0.0
    };
    html! {
        tr {
            th scope="row" { (printable(&stage.name)) }
            td.bar {
                @if stage.state == StageState::Ran {
                    svg.plot height="12" aria-hidden="true" {
                        rect class=(class(stage.kind)) width=(format!("{length:.2}%")) height="12" rx="2" {}
                    }
                }
            }
            @match stage.state {
                StageState::Ran => {
                    td.n { (seconds(stage.wall_s)) }
                    td.n { @if total_s > 0.0 { (percent(stage.wall_s / total_s)) } }
                }
                StageState::Reused => {
                    td.n { span.faint { "reused" } }
                    td {}
                }
            }
        }
    }
}

fn class(kind: StageKind) -> &'static str {
    match kind {
        StageKind::Build => "k-build",
        StageKind::Train => "k-train",
        StageKind::Measure => "k-measure",
        StageKind::Verify => "k-verify",
        StageKind::Other => "k-other",
    }
}
