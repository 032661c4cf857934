//! What a cache can be expected to do when keys are asked for by Zipf's law.
//!
//! Takes probabilities and a capacity; gives hit ratios in the long run, once the cache is full. A real
//! cache lies between these: least-recently-used evicts what was only quiet for a while, and none can
//! do better than to hold the most popular keys.

/// Beyond this time nothing more is waited for: keys that are so rare are not asked for.
const LONGEST: f64 = 1e300;

/// Halvings of the interval in which a time is looked for: more than a double can tell apart.
const BISECTIONS: u32 = 100;

/// Probabilities of `keys` keys, the most popular first: proportional to 1 ÷ rank^`exponent`.
pub fn zipf(keys: u32, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=keys)
        .map(|rank| f64::from(rank).powf(-exponent))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// The best hit ratio that a cache of `capacity` keys can have: it holds those with the largest
/// probabilities, which stand first.
pub fn best_hit_ratio(probabilities: &[f64], capacity: u64) -> f64 {
    let held = usize::try_from(capacity).unwrap_or(usize::MAX);
    probabilities.iter().take(held).sum::<f64>().min(1.0)
}

/// The hit ratio of a cache of `capacity` keys that evicts what was asked for longest ago.
///
/// Che, Tung and Wang, "Hierarchical Web caching systems: modeling, design and experimental results",
/// IEEE Journal on Selected Areas in Communications 20 (2002), 1305–1314: a key is there when it was
/// asked for within a time T, at which Σ (1 − e^(−pT)) is the capacity.
pub fn lru_hit_ratio(probabilities: &[f64], capacity: u64) -> f64 {
    let capacity = capacity as f64;
    if capacity >= probabilities.len() as f64 {
        return 1.0;
    }
    let held = |time: f64| -> f64 { probabilities.iter().map(|p| 1.0 - (-p * time).exp()).sum() };
    let mut low = 0.0;
    let mut high = 1.0;
    while held(high) < capacity && high < LONGEST {
        low = high;
        high *= 2.0;
    }
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if held(middle) < capacity {
            low = middle;
        } else {
            high = middle;
        }
    }
    probabilities
        .iter()
        .map(|p| p * (1.0 - (-p * high).exp()))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn popularity_falls_with_the_rank() {
        let probabilities = zipf(4, 1.0);
        // 1, 1/2, 1/3, 1/4 of 25/12.
        for (found, expected) in probabilities.iter().zip([0.48, 0.24, 0.16, 0.12]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert!((best_hit_ratio(&probabilities, 2) - 0.72).abs() < 1e-12);
        assert!((best_hit_ratio(&probabilities, 9) - 1.0).abs() < 1e-12);
        assert!(zipf(3, 0.0).iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-12));
    }

    #[test]
    fn a_cache_for_all_keys_has_all_of_them() {
        let probabilities = zipf(10, 0.8);
        assert!((lru_hit_ratio(&probabilities, 10) - 1.0).abs() < 1e-12);
        assert!(lru_hit_ratio(&probabilities, 0).abs() < 1e-9);
    }

    #[test]
    fn the_approximation_agrees_with_a_simulated_cache() {
        let (keys, capacity) = (100, 20);
        let probabilities = zipf(keys, 1.0);
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut held: VecDeque<usize> = VecDeque::new();
        let (mut hits, requests) = (0_u32, 40_000_u32);
        for _ in 0..requests {
            let mut left: f64 = random.random();
            let key = probabilities
                .iter()
                .position(|p| {
                    left -= p;
                    left < 0.0
                })
                .unwrap_or(0);
            if let Some(place) = held.iter().position(|other| *other == key) {
                held.remove(place);
                hits += 1;
            } else if held.len() == capacity {
                held.pop_back();
            }
            held.push_front(key);
        }
        let measured = f64::from(hits) / f64::from(requests);
        let expected = lru_hit_ratio(&probabilities, capacity as u64);
        assert!((measured - expected).abs() < 0.015, "{measured} {expected}");
        assert!(expected < best_hit_ratio(&probabilities, capacity as u64));
    }
}
