//! The pairs of a scenario in the order in which they were taken: drift, restarts, disturbances.

use std::collections::BTreeSet;

use inferno_measure::record::ScenarioResult;
use inferno_measure::samples::{Phase, Restart};
use maud::{Markup, html};

use super::marks;
use super::plot::{WIDTH, dots, number, reach, stretched};
use super::scale::{Scale, change_label, ratio_ticks};
use crate::figures::plural;

/// Height of the plot, in pixels.
const HEIGHT: f64 = 176.0;
/// Labels on the axis of changes.
const TICKS_MAX: usize = 5;
/// The pairs begin here, so that the labels have room.
const LEFT: f64 = WIDTH * 0.13;

/// The pairs of one restart.
struct Block<'a> {
    /// ln(candidate ÷ baseline) of each judged pair.
    ratios: Vec<f64>,
    disturbed: Option<&'a str>,
}

/// The plot; nothing where nothing was judged.
pub(super) fn plot(scenario: &ScenarioResult) -> Markup {
    let blocks: Vec<Block<'_>> = scenario
        .samples
        .restarts
        .iter()
        .map(block)
        .filter(|block| !block.ratios.is_empty())
        .collect();
    let mut sorted: Vec<f64> = blocks
        .iter()
        .flat_map(|block| &block.ratios)
        .copied()
        .collect();
    sorted.sort_by(f64::total_cmp);
    let Some((low, high)) = reach(&sorted) else {
        return Markup::default();
    };
    let interval = scenario.ci_low.zip(scenario.ci_high);
    let bounds = interval.map_or((low, high), |(ci_low, ci_high)| {
        (low.min(ci_low.ln()), high.max(ci_high.ln()))
    });
    let scale = Scale::new(
        (bounds.0.min(0.0), bounds.1.max(0.0)),
        (HEIGHT - 10.0, 22.0),
    );
    let drawing = Drawing {
        scale,
        pairs: sorted.len(),
        blocks,
    };
    html! {
        figure {
            (caption(scenario, &drawing))
            svg.plot height=(HEIGHT) role="img" {
                title { "Change of time per pair, in the order in which the pairs were taken" }
                desc { (plural(sorted.len(), "pair")) " in " (plural(drawing.blocks.len(), "restart")) "." }
                (drawing.grid())
                (stretched(0.0, HEIGHT, &html! {
                    (drawing.disturbed())
                    (drawing.restarts())
                    (drawing.effect(scenario))
                    (drawing.pairs())
                }))
            }
        }
    }
}

fn block(restart: &Restart) -> Block<'_> {
    let judged = restart
        .pairs
        .iter()
        .filter(|pair| pair.phase == Phase::Measured);
    Block {
        ratios: judged
            .map(|pair| (pair.candidate.wall_ns as f64 / pair.baseline.wall_ns as f64).ln())
            .filter(|ratio| ratio.is_finite())
            .collect(),
        disturbed: restart
            .host
            .as_ref()
            .and_then(|host| host.disturbed.as_deref()),
    }
}

fn caption(scenario: &ScenarioResult, drawing: &Drawing<'_>) -> Markup {
    let all = scenario
        .samples
        .restarts
        .iter()
        .flat_map(|restart| &restart.pairs);
    let unjudged = all.filter(|pair| pair.phase != Phase::Measured).count();
    let disturbed = drawing
        .blocks
        .iter()
        .filter(|block| block.disturbed.is_some())
        .count();
    let beyond = drawing
        .points()
        .filter(|(_, ratio)| !drawing.scale.holds(*ratio))
        .count();
    html! {
        figcaption {
            b { "Pairs over time." }
            " Change of time from baseline to candidate in each pair, in the order taken, on a logarithmic axis; "
            @if drawing.has_restarts_of_several() { "upright lines separate restarts, the" } @else { "each is a restart of its own, the" }
            " band is the 95 % interval of the effect."
            @if unjudged > 0 { " " (plural(unjudged, "warm-up pair")) " not drawn." }
            @if disturbed > 0 { " " (plural(disturbed, "restart")) " on shaded ground: the machine was disturbed (" (drawing.causes()) ")." }
            @if beyond > 0 { " " (plural(beyond, "pair")) " beyond the edge of the plot, drawn at it." }
        }
    }
}

struct Drawing<'a> {
    scale: Scale,
    pairs: usize,
    blocks: Vec<Block<'a>>,
}

impl Drawing<'_> {
    fn x(&self, pair: f64) -> f64 {
        LEFT + pair / self.pairs as f64 * (WIDTH - LEFT)
    }

    fn has_restarts_of_several(&self) -> bool {
        self.blocks.iter().any(|block| block.ratios.len() > 1)
    }

    /// First pair and number of pairs of each restart.
    fn places(&self) -> impl Iterator<Item = (&Block<'_>, f64, f64)> {
        let mut first = 0;
        self.blocks.iter().map(move |block| {
            let start = first;
            first += block.ratios.len();
            (block, self.x(start as f64), self.x(first as f64))
        })
    }

    /// Place along the page, and ln ratio, of each pair.
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let ratios = self.blocks.iter().flat_map(|block| &block.ratios);
        ratios
            .enumerate()
            .map(|(index, &ratio)| (self.x(index as f64 + 0.5), ratio))
    }

    fn grid(&self) -> Markup {
        let (low, high) = self.scale.domain;
        let ticks = ratio_ticks(low, high, TICKS_MAX);
        html! {
            @for &tick in &ticks.values {
                @let y = self.scale.at(tick.ln_1p());
                @let class = if tick.abs() < ticks.step / 2.0 { "zero" } else { "grid" };
                line class=(class) x1="0" x2="100%" y1=(number(y)) y2=(number(y)) {}
                text.tick x="0" y=(number(y - 4.0)) { (change_label(tick, ticks.step)) }
            }
        }
    }

    /// What disturbed the machine, each cause once.
    fn causes(&self) -> String {
        let causes: BTreeSet<&str> = self
            .blocks
            .iter()
            .filter_map(|block| block.disturbed)
            .collect();
        let causes: Vec<&str> = causes.into_iter().collect();
        super::blocks::printable(&causes.join("; "))
    }

    fn disturbed(&self) -> Markup {
        html! {
            @for (block, start, end) in self.places() {
                @if let Some(cause) = block.disturbed {
                    rect.disturbed x=(number(start)) y="0" width=(number(end - start)) height=(HEIGHT) {
                        title { (super::blocks::printable(cause)) }
                    }
                }
            }
        }
    }

    fn restarts(&self) -> Markup {
        if !self.has_restarts_of_several() {
            return Markup::default();
        }
        let lines: Vec<String> = self
            .places()
            .map(|(_, start, _)| format!("M{} 0V{HEIGHT}", number(start)))
            .collect();
        html! { path.restart d=(lines.concat()) {} }
    }

    fn effect(&self, scenario: &ScenarioResult) -> Markup {
        let class = marks::class(scenario.verdict);
        let y = |ratio: f64| self.scale.within(ratio.ln());
        html! {
            @if let (Some(low), Some(high)) = (scenario.ci_low, scenario.ci_high) {
                rect class=(format!("band {class}")) x=(LEFT) width=(WIDTH - LEFT) y=(number(y(high)))
                    height=(number((y(low) - y(high)).max(1.0))) {}
            }
            @if let Some(effect) = scenario.effect {
                path class=(format!("effect-line {class}")) d=(format!("M{LEFT} {}H{WIDTH}", number(y(effect)))) {}
            }
        }
    }

    fn pairs(&self) -> Markup {
        let (inside, outside): (Vec<_>, Vec<_>) = self
            .points()
            .partition(|(_, ratio)| self.scale.holds(*ratio));
        let drawn = |points: Vec<(f64, f64)>| {
            dots(
                points
                    .into_iter()
                    .map(|(x, ratio)| (x, self.scale.within(ratio))),
            )
        };
        html! {
            path.dot d=(drawn(inside)) {}
            @if !outside.is_empty() { path.dot.out d=(drawn(outside)) {} }
        }
    }
}
