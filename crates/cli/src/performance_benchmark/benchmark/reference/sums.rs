//! What is computed: the sum of many numbers.
//!
//! Takes a number of threads, each of which has numbers of its own. Nothing is made of the sums. There is
//! so little to compute that memory decides how long it takes, as it does for one token of a language
//! model: of the fixed computations that were tried beside one, it was the one whose time went up and down
//! with the model's (docs/measuring.md).

use std::hint::black_box;
use std::num::NonZeroUsize;

/// Numbers of all threads together, 40 MiB: more than caches hold. A debug build takes as long for
/// fewer; it is compared with no other.
const NUMBERS: usize =
    (if cfg!(debug_assertions) { 1 } else { 40 } * 1024 * 1024) / size_of::<u64>();

/// How often they are gone through, which takes some milliseconds.
const ROUNDS: u64 = 3;

/// Sums that are kept apart, so that the processor can work on several at once.
const LANES: usize = 16;

/// The numbers of each thread.
pub(super) struct Sums(Vec<Vec<u64>>);

impl Sums {
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        let each = (NUMBERS / threads) as u64;
        Self(
            (0..threads.get())
                .map(|_| (0..each).map(|number| number * 7).collect())
                .collect(),
        )
    }

    /// Adds all of them up, each thread its own.
    pub(super) fn compute(&self) {
        let one = |numbers: &[u64]| {
            for round in 0..ROUNDS {
                black_box(sum(black_box(numbers), round));
            }
        };
        match self.0.as_slice() {
            [numbers] => one(numbers),
            all => std::thread::scope(|scope| {
                for numbers in all {
                    scope.spawn(|| one(numbers));
                }
            }),
        }
    }
}

/// The sum of whole lanes of `numbers`, each with the bits of `mask` flipped.
fn sum(numbers: &[u64], mask: u64) -> u64 {
    let mut sums = [0_u64; LANES];
    for chunk in numbers.chunks_exact(LANES) {
        for (sum, number) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(number ^ mask);
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts() {
        let numbers: Vec<u64> = (0..3 * LANES as u64).collect();
        assert_eq!(sum(&numbers, 0), 47 * 48 / 2);
        assert_eq!(sum(&[6; LANES], 2), 4 * LANES as u64);
    }

    #[test]
    fn threads_share_the_numbers() {
        for threads in [1, 2, 3] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let sums = Sums::new(threads);
            let numbers: usize = sums.0.iter().map(Vec::len).sum();
            assert!(numbers <= NUMBERS && numbers > NUMBERS - threads.get());
            sums.compute();
        }
    }
}
