//! The order of runs: pure.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::outcome::Method;

/// One run of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// Number of the repetition, from 0.
    pub repetition: u32,
    /// True difference in per cent of the baseline's work.
    pub difference: u32,
    /// The method.
    pub method: Method,
}

/// All runs in their order. A repetition takes every difference before the next one begins, so that
/// an early stop leaves them balanced; the methods of a difference follow each other, in random
/// order, so that they see the same machine.
pub fn order(repetitions: u32, differences: &[u32], methods: &[Method]) -> Vec<Run> {
    (0..repetitions)
        .flat_map(|repetition| of_repetition(repetition, differences, methods))
        .collect()
}

fn of_repetition(repetition: u32, differences: &[u32], methods: &[Method]) -> Vec<Run> {
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(repetition));
    let (mut differences, mut methods) = (differences.to_vec(), methods.to_vec());
    differences.shuffle(&mut random);
    let mut runs = Vec::new();
    for difference in differences {
        methods.shuffle(&mut random);
        runs.extend(methods.iter().map(|&method| Run {
            repetition,
            difference,
            method,
        }));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Table;

    #[test]
    fn an_early_stop_leaves_the_differences_balanced() {
        let runs = order(3, &[0, 1, 2, 5], &Table::Cold.methods());
        assert_eq!(runs.len(), 3 * 4 * 2);
        for repetition in runs.chunks(8) {
            let mut sorted = repetition.to_vec();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 8);
            assert!(
                repetition
                    .chunks(2)
                    .all(|pair| pair[0].difference == pair[1].difference)
            );
        }
        assert_eq!(runs, order(3, &[0, 1, 2, 5], &Table::Cold.methods()));
        assert_eq!(runs[..16], order(2, &[0, 1, 2, 5], &Table::Cold.methods()));
    }
}
