//! A shape and a colour per verdict, so that neither is needed to tell them apart.

use inferno_measure::record::Verdict;
use maud::{Markup, html};

/// The CSS class of a verdict.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faster => "v-faster",
        Verdict::Slower => "v-slower",
        Verdict::NoDifference => "v-same",
        Verdict::Inconclusive => "v-open",
    }
}

/// What the report calls a verdict.
pub(super) fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faster => "faster",
        Verdict::Slower => "slower",
        Verdict::NoDifference => "no difference",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// The shape around the origin: triangles point to where the time went, a square stays, a ring is
/// open.
fn outline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faster => "M-7 0L4.5-6V6Z",
        Verdict::Slower => "M7 0L-4.5-6V6Z",
        Verdict::NoDifference => "M-4.5-4.5h9v9h-9Z",
        Verdict::Inconclusive => "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    }
}

/// The mark at a place of a plot: `x` in per cent of its width, `y` in pixels.
pub(super) fn mark_at(verdict: Verdict, x_percent: f64, y: f64) -> Markup {
    html! {
        svg x=(format!("{x_percent:.2}%")) y=(y) overflow="visible" {
            path class=(format!("mark {}", class(verdict))) d=(outline(verdict)) {}
        }
    }
}

/// The mark beside words that say the same.
pub(super) fn icon(verdict: Verdict) -> Markup {
    html! {
        svg class="icon" viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            path class=(format!("mark {}", class(verdict))) d=(outline(verdict)) {}
        }
    }
}
