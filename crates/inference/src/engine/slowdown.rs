//! A slowdown on purpose, to try whether it is found: only with the feature `slowdown`, which no release
//! has.
//!
//! Takes the time of a pass; computes on for so many per cent of it as [`VARIABLE`] says. It changes no
//! answer.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// By how many per cent each pass takes longer; unset, by none.
pub const VARIABLE: &str = "INFERNO_SLOWDOWN_PERCENT";

static SHARE: LazyLock<f64> = LazyLock::new(|| {
    let Ok(text) = std::env::var(VARIABLE) else {
        return 0.0;
    };
    let percent: Option<f64> = text.parse().ok().filter(|share| *share >= 0.0);
    percent.unwrap_or_else(|| panic!("{VARIABLE} is a number of per cent, not {text:?}")) / 100.0
});

/// Keeps the processor busy after a pass that took `wall`.
pub(super) fn prolong(wall: Duration) {
    let begun = Instant::now();
    let longer = wall.mul_f64(*SHARE);
    while begun.elapsed() < longer {
        std::hint::spin_loop();
    }
}
