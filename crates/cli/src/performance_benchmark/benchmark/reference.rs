//! A fixed computation, timed beside the requests: how fast the machine is at that moment.
//!
//! Takes a number of threads; gives a time. Sums of products over more memory than the first caches
//! hold, on as many threads as the engine has, because that is what the engine does as well. It must
//! never change: results of different versions are compared by it. Whatever makes the machine slower
//! for both is then told apart from a slower engine.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Values of each thread: 2 MiB.
const VALUES: usize = 512 * 1024;

/// How often they are gone through: some milliseconds. A debug build takes as long for one round; it is
/// compared with no other.
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 64 };

/// Sums that are kept apart, so that the processor can work on several at once.
const LANES: usize = 16;

/// The values that the computation goes through.
pub(super) struct Reference {
    /// Those of each thread.
    values: Vec<Vec<f32>>,
}

impl Reference {
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        // Any finite values do; these stay so in a sum.
        let of_thread = |_| {
            (0..VALUES)
                .map(|index| (index % 7) as f32 * 0.125)
                .collect()
        };
        Self {
            values: (0..threads.get()).map(of_thread).collect(),
        }
    }

    /// Does it once on all threads; gives the time until the last of them was done.
    pub(super) fn time(&self) -> Duration {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for values in &self.values {
                scope.spawn(move || black_box(sum(black_box(values))));
            }
        });
        started.elapsed()
    }
}

fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for round in 1..=ROUNDS {
        let factor = round as f32;
        for chunk in values.chunks_exact(LANES) {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value * factor;
            }
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_all_rounds() {
        let rounds = (ROUNDS * (ROUNDS + 1) / 2) as f32;
        let found = sum(&[1.0; 2 * LANES]);
        assert!(
            (found - 2.0 * LANES as f32 * rounds).abs() < 1e-3,
            "{found}"
        );
    }

    #[test]
    fn it_takes_a_time() {
        assert!(Reference::new(NonZeroUsize::MIN).time() > Duration::ZERO);
    }
}
