//! Random orders, the same whenever a run is repeated or resumed.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

use crate::samples::Arm;

/// The generator of restart `index` of what `label` names.
pub(crate) fn generator(seed: u64, label: &str, index: u32) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(label.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// The items in random order.
pub(crate) fn shuffled<T>(mut items: Vec<T>, random: &mut ChaCha8Rng) -> Vec<T> {
    items.shuffle(random);
    items
}

/// Builds a pair from samples by arm, which must hold baseline and candidate.
pub(crate) fn pair_of<T, P>(
    mut samples: BTreeMap<Arm, T>,
    build: impl FnOnce(T, Option<T>, T) -> P,
) -> P {
    let mut take = |arm| samples.remove(&arm);
    let baseline = take(Arm::Baseline).expect("every turn has a baseline");
    let control = take(Arm::Control);
    let candidate = take(Arm::Candidate).expect("every turn has a candidate");
    build(baseline, control, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_repeat_and_differ_between_restarts() {
        let order = |index| {
            shuffled(
                (0..20).collect::<Vec<_>>(),
                &mut generator(1, "warm/short", index),
            )
        };
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
    }
}
