//! The effect of every scenario with its intervals, beside what the machine shows without a change.
//!
//! A row per scenario: on a wide page beside its name and figures, on a narrow one below them.

use inferno_measure::record::{Record, ScenarioResult, Verdict};
use maud::{Markup, html};

use super::blocks::{printable, text};
use super::marks;
use super::plot::{WIDTH, percent};
use super::scale::{Scale, Ticks, change_label, ticks};
use crate::figures::{change, change_interval, limit, percent as share};
use crate::sections::scenario::reason;

/// Height of a scenario's row, in pixels.
const ROW: f64 = 40.0;
/// Height of the axis, in pixels.
const AXIS: f64 = 40.0;
/// Intervals beyond this many times what the effects need are cut and end in an arrow.
const STRETCH_MAX: f64 = 2.5;
/// What the axis shows at least, on each side of no change.
const LEAST: f64 = 0.005;
/// Labels on the axis; more would touch on a narrow page.
const TICKS_MAX: usize = 6;

/// The plot; nothing where no scenario is in the record.
pub(super) fn plot(record: &Record) -> Markup {
    if record.scenarios.is_empty() {
        return Markup::default();
    }
    let axis = Axis::of(record);
    html! {
        figure.effects {
            figcaption {
                "Change of time, candidate against baseline. Left of zero is faster. "
                "The table below has the same figures."
            }
            (legend(&axis))
            (axis_row(&axis))
            @for (index, scenario) in record.scenarios.iter().enumerate() {
                @if starts_group(record, index) {
                    p.group { (printable(&scenario.scenario.group)) }
                }
                (row(&axis, index, scenario))
            }
            (axis_row(&axis))
        }
    }
}

/// A group of one scenario of the same name needs no title.
fn starts_group(record: &Record, index: usize) -> bool {
    let declared = &record.scenarios[index].scenario;
    let before = index.checked_sub(1).map(|before| &record.scenarios[before]);
    before.is_none_or(|before| before.scenario.group != declared.group)
        && declared.group != declared.name
}

/// What all rows share.
struct Axis {
    scale: Scale,
    ticks: Ticks,
    /// ±δ as ratios of times.
    threshold: (f64, f64),
    limit: String,
}

impl Axis {
    /// Reaches every effect with its 95 % interval, δ, and the wider intervals as far as these leave
    /// the effects readable.
    fn of(record: &Record) -> Self {
        let delta = record.judging.threshold;
        let threshold = (1.0 / (1.0 + delta), 1.0 + delta);
        let mut needed = (threshold.0.min(1.0 - LEAST), threshold.1.max(1.0 + LEAST));
        let mut wished = needed;
        for scenario in &record.scenarios {
            let shown = [scenario.effect, scenario.ci_low, scenario.ci_high];
            let wide = [
                scenario.simultaneous_low,
                scenario.simultaneous_high,
                scenario.noise_floor.map(|floor| 1.0 - floor),
                scenario.noise_floor.map(|floor| 1.0 + floor),
            ];
            shown
                .into_iter()
                .flatten()
                .for_each(|ratio| extend(&mut needed, ratio));
            wide.into_iter()
                .flatten()
                .for_each(|ratio| extend(&mut wished, ratio));
        }
        let room = (needed.1 - needed.0) * (STRETCH_MAX - 1.0) / 2.0;
        let domain = (
            needed.0.min(wished.0.max(needed.0 - room)),
            needed.1.max(wished.1.min(needed.1 + room)),
        );
        // Marks and labels at the ends have a width of their own.
        let scale = Scale::new(domain, (WIDTH * 0.04, WIDTH * 0.96));
        Self {
            ticks: ticks(domain.0 - 1.0, domain.1 - 1.0, TICKS_MAX),
            scale,
            threshold,
            limit: limit(delta),
        }
    }

    fn x(&self, ratio: f64) -> String {
        percent(self.scale.within(ratio))
    }
}

fn extend(bounds: &mut (f64, f64), ratio: f64) {
    if ratio.is_finite() {
        *bounds = (bounds.0.min(ratio), bounds.1.max(ratio));
    }
}

fn axis_row(axis: &Axis) -> Markup {
    html! {
        div.effect.axis aria-hidden="true" {
            svg.plot height=(AXIS) {
                @for &tick in &axis.ticks.values {
                    text.tick x=(axis.x(1.0 + tick)) y="16" text-anchor="middle" {
                        (change_label(tick, axis.ticks.step))
                    }
                }
                text.tick x="0" y="33" { "← faster" }
                text.tick x="100%" y="33" text-anchor="end" { "slower →" }
            }
        }
    }
}

fn row(axis: &Axis, index: usize, scenario: &ScenarioResult) -> Markup {
    let name = printable(&scenario.scenario.name);
    html! {
        div.effect {
            div.name {
                a href=(format!("#scenario-{}", index + 1)) { (name) }
                " " small { (scenario.scenario.kind) }
            }
            @match scenario.effect {
                Some(effect) => {
                    (drawn(axis, scenario, effect))
                    div.figures {
                        b { (change(effect)) }
                        @if let (Some(low), Some(high)) = (scenario.ci_low, scenario.ci_high) {
                            " " span { (change_interval(low, high)) }
                        }
                    }
                }
                None => {
                    div.gap { (gap(scenario)) }
                    div.figures { span.faint { "not measured" } }
                }
            }
            div class=(format!("verdict {}", marks::class(scenario.verdict))) {
                (marks::icon(scenario.verdict)) " " (marks::words(scenario.verdict))
            }
        }
    }
}

/// What stands where nothing was measured, with what it would take.
fn gap(scenario: &ScenarioResult) -> Markup {
    let state = match scenario.samples.not_run {
        Some(_) => "Not run. ",
        None => "No effect. ",
    };
    html! { b { (state) } (text(&reason(scenario))) }
}

fn drawn(axis: &Axis, scenario: &ScenarioResult, effect: f64) -> Markup {
    let middle = ROW / 2.0;
    let class = marks::class(scenario.verdict);
    let band = scenario.noise_floor.map(|floor| (1.0 - floor, 1.0 + floor));
    let interval = scenario.ci_low.zip(scenario.ci_high);
    let simultaneous = scenario.simultaneous_low.zip(scenario.simultaneous_high);
    html! {
        svg.plot height=(ROW) role="img" {
            title { (title(scenario, effect)) }
            desc { (description(scenario)) }
            @if let Some((low, high)) = band {
                rect.floor x=(axis.x(low)) y="4" width=(width(axis, low, high)) height=(ROW - 8.0) {}
            }
            @for &tick in &axis.ticks.values { (upright(axis, 1.0 + tick, "grid")) }
            (upright(axis, axis.threshold.0, "delta"))
            (upright(axis, axis.threshold.1, "delta"))
            (upright(axis, 1.0, "zero"))
            @if let Some((low, high)) = simultaneous { (whisker(axis, low, high, class)) }
            @if let Some((low, high)) = interval {
                line class=(format!("interval {class}")) x1=(axis.x(low)) x2=(axis.x(high)) y1=(middle) y2=(middle) {}
            }
            (marks::mark_at(scenario.verdict, axis.scale.within(effect) / WIDTH * 100.0, middle))
        }
    }
}

fn width(axis: &Axis, low: f64, high: f64) -> String {
    percent(axis.scale.within(high) - axis.scale.within(low))
}

fn upright(axis: &Axis, ratio: f64, class: &'static str) -> Markup {
    html! { line class=(class) x1=(axis.x(ratio)) x2=(axis.x(ratio)) y1="0" y2="100%" {} }
}

/// The interval that decides, ending in caps, or in arrows where it goes on beyond the axis.
fn whisker(axis: &Axis, low: f64, high: f64, class: &'static str) -> Markup {
    let middle = ROW / 2.0;
    let end = |ratio: f64, arrow: &'static str| {
        let path = if axis.scale.holds(ratio) {
            "M0-5V5"
        } else {
            arrow
        };
        html! {
            svg x=(axis.x(ratio)) y=(middle) overflow="visible" {
                path class=(format!("whisker {class}")) d=(path) {}
            }
        }
    };
    html! {
        line class=(format!("whisker {class}")) x1=(axis.x(low)) x2=(axis.x(high)) y1=(middle) y2=(middle) {}
        (end(low, "M6-5L0 0L6 5"))
        (end(high, "M-6-5L0 0L-6 5"))
    }
}

fn title(scenario: &ScenarioResult, effect: f64) -> String {
    let interval = scenario.ci_low.zip(scenario.ci_high).map_or_else(
        || "interval not measured".to_owned(),
        |(low, high)| format!("95 % interval {}", change_interval(low, high)),
    );
    format!(
        "{}: {}, {} ({interval})",
        printable(&scenario.scenario.name),
        marks::words(scenario.verdict),
        change(effect)
    )
}

fn description(scenario: &ScenarioResult) -> String {
    let simultaneous = scenario
        .simultaneous_low
        .zip(scenario.simultaneous_high)
        .map_or_else(
            || "not measured".to_owned(),
            |(low, high)| change_interval(low, high),
        );
    let floor = scenario.noise_floor.map_or_else(
        || "not measured".to_owned(),
        |floor| format!("±{}", share(floor)),
    );
    format!("Interval that decides: {simultaneous}. Noise floor: {floor}.")
}

fn legend(axis: &Axis) -> Markup {
    let verdicts = [
        Verdict::Faster,
        Verdict::Slower,
        Verdict::NoDifference,
        Verdict::Inconclusive,
    ];
    html! {
        ul.legend {
            @for verdict in verdicts { li { (marks::icon(verdict)) " " (marks::words(verdict)) } }
            li { (key("interval v-same", "M2 8H30")) " 95 % interval" }
            li { (key("whisker v-same", "M2 8H30M2 3v10M30 3v10")) " interval that decides" }
            li { svg.key viewBox="0 0 32 16" width="32" height="16" aria-hidden="true" { rect.floor x="2" y="2" width="28" height="12" {} } " noise floor" }
            li { (key("delta", "M16 0V16")) " ±δ (" (axis.limit) ")" }
        }
    }
}

fn key(class: &'static str, path: &'static str) -> Markup {
    html! {
        svg.key viewBox="0 0 32 16" width="32" height="16" aria-hidden="true" {
            path class=(class) d=(path) {}
        }
    }
}
