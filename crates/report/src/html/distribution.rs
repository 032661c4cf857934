//! The times of both arms as cumulative distributions: how many samples took at most how long.

use inferno_measure::record::ScenarioResult;
use inferno_measure::samples::{Arm, Phase};
use maud::{Markup, html};

use super::plot::{WIDTH, number, percent, reach, stretched};
use super::scale::{Scale, ticks, time_label};
use crate::figures::{plural, value};

/// Height of the plot without its axis, in pixels.
const HEIGHT: f64 = 150.0;
/// Room above the plot, for its highest line.
const TOP: f64 = 8.0;
/// Room for the labels.
const AXIS: f64 = 26.0;
/// Labels on the axis; more would touch on a narrow page.
const TICKS_MAX: usize = 4;

/// The plot; nothing where nothing was judged.
pub(super) fn plot(scenario: &ScenarioResult) -> Markup {
    let baseline = times(scenario, Arm::Baseline);
    let candidate = times(scenario, Arm::Candidate);
    let (Some(first), Some(second)) = (reach(&baseline), reach(&candidate)) else {
        return Markup::default();
    };
    let bounds = (first.0.min(second.0), first.1.max(second.1));
    let scale = Scale::new(bounds, (WIDTH * 0.1, WIDTH * 0.97));
    let beyond = [&baseline, &candidate]
        .into_iter()
        .flatten()
        .filter(|&&time| !scale.holds(time))
        .count();
    html! {
        figure {
            figcaption {
                b { "Times of both arms." } " Share of samples that took at most so long; "
                (plural(baseline.len(), "sample")) " per arm."
                @if beyond > 0 { " " (plural(beyond, "sample")) " beyond the edge of the plot." }
            }
            (legend())
            svg.plot height=(TOP + HEIGHT + AXIS) role="img" {
                title { "Distribution of the times of both arms" }
                desc {
                    "Median of the baseline " (value(median(&baseline), "ns"))
                    ", of the candidate " (value(median(&candidate), "ns")) "."
                }
                (grid(&scale))
                (stretched(TOP, HEIGHT, &html! {
                    path.arm-baseline d=(steps(&baseline, &scale)) {}
                    path.arm-candidate d=(steps(&candidate, &scale)) {}
                }))
            }
        }
    }
}

/// The judged times of an arm in nanoseconds, ascending.
fn times(scenario: &ScenarioResult, arm: Arm) -> Vec<f64> {
    let pairs = scenario
        .samples
        .restarts
        .iter()
        .flat_map(|restart| &restart.pairs);
    let mut times: Vec<f64> = pairs
        .filter(|pair| pair.phase == Phase::Measured)
        .filter_map(|pair| Some(pair.sample(arm)?.wall_ns as f64))
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) && middle > 0 {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

/// A staircase from no sample to all. Steps that fall on the same third of a pixel are one step of
/// their joint height.
fn steps(sorted: &[f64], scale: &Scale) -> String {
    let mut path = vec![format!("M0 {}", number(HEIGHT))];
    let mut drawn = f64::NEG_INFINITY;
    for (index, &time) in sorted.iter().enumerate() {
        if !scale.holds(time) && time > scale.domain.1 {
            break;
        }
        let x = scale.within(time);
        let is_last_here = sorted
            .get(index + 1)
            .is_none_or(|&next| scale.at(next) - x > 1.0 / 3.0 || x - drawn > 1.0);
        if is_last_here {
            let share = (index + 1) as f64 / sorted.len() as f64;
            path.push(format!("H{}V{}", number(x), number(HEIGHT * (1.0 - share))));
            drawn = x;
        }
    }
    path.push(format!("H{}", number(WIDTH)));
    path.concat()
}

fn grid(scale: &Scale) -> Markup {
    let (low, high) = scale.domain;
    let ticks = ticks(low, high, TICKS_MAX);
    html! {
        @for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
            @let y = TOP + HEIGHT * (1.0 - share);
            line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
            text.tick x="0" y=(if share < 1.0 { y - 4.0 } else { y + 13.0 }) { (label) }
        }
        @for &tick in &ticks.values {
            line.grid x1=(percent(scale.at(tick))) x2=(percent(scale.at(tick))) y1=(TOP) y2=(TOP + HEIGHT) {}
            text.tick x=(percent(scale.at(tick))) y=(TOP + HEIGHT + 18.0) text-anchor="middle" {
                (time_label(tick, high, ticks.step))
            }
        }
    }
}

fn legend() -> Markup {
    let key = |class: &'static str| {
        html! {
            svg.key viewBox="0 0 32 16" width="32" height="16" aria-hidden="true" {
                path class=(class) d="M2 8H30" {}
            }
        }
    };
    html! {
        ul.legend {
            li { (key("arm-baseline")) " baseline" }
            li { (key("arm-candidate")) " candidate" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_ends_at_all_samples() {
        let scale = Scale::new((0.0, 100.0), (0.0, WIDTH));
        let path = steps(&[10.0, 20.0, 30.0, 40.0], &scale);
        assert_eq!(path, "M0 150H100V112.5H200V75H300V37.5H400V0H1000");
    }

    #[test]
    fn samples_beyond_the_axis_keep_the_staircase_below_its_top() {
        let scale = Scale::new((0.0, 100.0), (0.0, WIDTH));
        assert_eq!(steps(&[10.0, 500.0], &scale), "M0 150H100V75H1000");
    }

    #[test]
    fn many_samples_make_few_steps() {
        let scale = Scale::new((0.0, 1e6), (0.0, WIDTH));
        let many: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let path = steps(&many, &scale);
        assert!(path.len() < 60_000, "{}", path.len());
        assert!(path.ends_with("V0H1000"), "{}", &path[path.len() - 40..]);
    }

    #[test]
    fn medians() {
        assert!((median(&[1.0, 2.0, 9.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[1.0, 2.0, 4.0, 9.0]) - 3.0).abs() < 1e-12);
    }
}
