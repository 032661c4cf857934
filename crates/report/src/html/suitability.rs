//! The suitability score on its scale of 0 to 100, with its prediction interval.

use inferno_measure::record::Suitability;
use maud::{Markup, html};

use super::plot::{WIDTH, percent};
use super::scale::Scale;

/// The scale; none without a score.
pub(super) fn gauge(suitability: &Suitability) -> Option<Markup> {
    let (score, low, high) = (suitability.score?, suitability.low?, suitability.high?);
    let scale = Scale::new((0.0, 100.0), (WIDTH * 0.02, WIDTH * 0.98));
    let x = |points: f64| percent(scale.within(points));
    Some(html! {
        figure.gauge {
            svg.plot height="44" role="img" {
                title { (format!("Suitability {:.0} of 100", score)) }
                desc { (format!("Prediction interval {:.0} to {:.0}.", low, high)) }
                line.zero x1=(x(0.0)) x2=(x(100.0)) y1="14" y2="14" {}
                @for tick in [0.0, 25.0, 50.0, 75.0, 100.0] {
                    line.zero x1=(x(tick)) x2=(x(tick)) y1="10" y2="18" {}
                    text.tick x=(x(tick)) y="36" text-anchor="middle" { (tick) }
                }
                line.interval.v-same x1=(x(low)) x2=(x(high)) y1="14" y2="14" {}
                svg x=(x(score)) y="14" overflow="visible" {
                    path.mark.v-same d="M0-7L6 0L0 7L-6 0Z" {}
                }
            }
        }
    })
}
