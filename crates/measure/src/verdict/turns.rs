//! Whether the first request of a turn gives another effect than the later ones, as it would
//! if what the other arms left in the shared caches mattered.

use super::{judged, stats};
use crate::samples::{Pair, Restart};

/// Error probability of the comparison: a note that cries wolf is read once.
const ALPHA: f64 = 0.01;

/// A sentence on it; `None` where turns hold one request or restarts are too few.
pub(super) fn note(restarts: &[&Restart]) -> Option<String> {
    let differences: Vec<f64> = restarts
        .iter()
        .filter_map(|restart| difference(restart))
        .collect();
    let interval = stats::t_interval(&differences, ALPHA)?;
    let agreement = if interval.excludes(0.0) {
        "differ"
    } else {
        "agree"
    };
    Some(format!(
        "first and later requests of a turn {agreement}: their effects' ratio is {:.4} … {:.4} at 99 %",
        interval.low.exp(),
        interval.high.exp()
    ))
}

/// Later requests' ln(candidate ÷ baseline) less the first ones', within a restart.
fn difference(restart: &Restart) -> Option<f64> {
    let effect = |is_wanted: fn(&Pair) -> bool| {
        let logs: Vec<f64> = judged(restart)
            .filter(|pair| is_wanted(pair))
            .map(log_ratio)
            .collect();
        stats::hodges_lehmann(&logs)
    };
    Some(effect(|pair| pair.turn_position > 0)? - effect(|pair| pair.turn_position == 0)?)
}

fn log_ratio(pair: &Pair) -> f64 {
    (pair.candidate.wall_ns as f64 / pair.baseline.wall_ns as f64).ln()
}
