//! Whether times have settled, so that measuring may begin.

use inferno_measure::stats::median;

/// Fewest requests of a warm-up.
const LEAST: usize = 3;

/// Most requests of a warm-up: what has not settled by then does not settle.
const MOST: usize = 20;

/// Running medians that are looked at.
const LOOKED_AT: usize = 5;

/// How far they may lie apart, as a share.
const MOVES_AT_MOST: f64 = 0.02;

/// Whether the median of all times so far has stopped moving, or will not.
pub(super) fn is_settled(times: &[f64]) -> bool {
    if times.len() < LEAST.max(LOOKED_AT) {
        return false;
    }
    if times.len() >= MOST {
        return true;
    }
    let first = times.len() + 1 - LOOKED_AT;
    let medians: Vec<f64> = (first..=times.len())
        .filter_map(|count| median(&times[..count]))
        .collect();
    let least = medians.iter().copied().fold(f64::INFINITY, f64::min);
    let most = medians.iter().copied().fold(0.0, f64::max);
    most <= least * (1.0 + MOVES_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_times_settle_and_falling_ones_are_given_up_on() {
        assert!(!is_settled(&[]));
        assert!(!is_settled(&[1.0; 4]));
        assert!(is_settled(&[1.0; 5]));
        let falling: Vec<f64> = (0..MOST)
            .map(|number| 100.0 / (number + 1) as f64)
            .collect();
        assert!(!is_settled(&falling[..MOST - 1]));
        assert!(is_settled(&falling));
    }

    #[test]
    fn a_slow_start_is_outlived() {
        let mut times = vec![9.0, 5.0];
        times.extend([1.0; 9]);
        assert!(is_settled(&times));
    }
}
