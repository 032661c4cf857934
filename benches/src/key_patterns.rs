//! Sequences of keys, as caches are asked for them.
//!
//! Takes a pattern, the number of keys and a seed; gives the keys in order. For patterns whose
//! requests are independent of each other it also gives how popular each key is, which the theory
//! of [`inferno_measure::performance::cache`] needs. No cache is asked here.

use std::collections::HashSet;
use std::fmt;

use inferno_measure::performance::cache;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Zipf};

/// One request in so many goes on with the scan where a scan is mixed in.
const SCAN_EVERY: u32 = 5;

/// Exponent of the requests that a scan is mixed into.
const MIXED_EXPONENT: f64 = 1.0;

/// Share of the keys that is hot at a time.
const HOT_SHARE: f64 = 0.05;

/// Share of the requests that go to hot keys.
const TO_HOT: f64 = 0.9;

/// So often the hot set moves on, as requests per key of the set.
const MOVES_AFTER: usize = 20;

/// How keys follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    /// Drawn by Zipf's law with this exponent.
    Zipf(f64),
    /// Drawn, each with the same probability.
    Uniform,
    /// One after the other, again and again.
    Scan,
    /// Four of five drawn by Zipf's law, the fifth from a scan of all keys.
    ScanAndZipf,
    /// Nine of ten from a small set that moves on through the keys, the tenth from all.
    ShiftingHotSet,
}

impl Pattern {
    /// All that are measured.
    pub const ALL: [Self; 8] = [
        Self::Zipf(0.6),
        Self::Zipf(0.8),
        Self::Zipf(1.0),
        Self::Zipf(1.2),
        Self::Uniform,
        Self::Scan,
        Self::ScanAndZipf,
        Self::ShiftingHotSet,
    ];

    /// Probability of each of `keys` keys, the most popular first; nothing where requests depend on
    /// those before.
    pub fn popularity(self, keys: usize) -> Option<Vec<f64>> {
        match self {
            Self::Zipf(exponent) => Some(cache::zipf(keys as u32, exponent)),
            Self::Uniform => Some(cache::zipf(keys as u32, 0.0)),
            Self::Scan | Self::ScanAndZipf | Self::ShiftingHotSet => None,
        }
    }

    /// The first `count` requests for `keys` keys, which are numbered from 0.
    ///
    /// # Panics
    /// When there are no keys, or the exponent is negative.
    pub fn requests(self, keys: usize, count: usize, seed: u64) -> Vec<usize> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        match self {
            Self::Zipf(exponent) => {
                let law = Law::new(keys, exponent);
                (0..count).map(|_| law.draw(&mut random)).collect()
            }
            Self::Uniform => (0..count).map(|_| random.random_range(0..keys)).collect(),
            Self::Scan => (0..keys).cycle().take(count).collect(),
            Self::ScanAndZipf => {
                let law = Law::new(keys, MIXED_EXPONENT);
                let mut scan = (0..keys).cycle();
                let mut draw = || {
                    if random.random_range(0..SCAN_EVERY) == 0 {
                        scan.next().unwrap_or_default()
                    } else {
                        law.draw(&mut random)
                    }
                };
                (0..count).map(|_| draw()).collect()
            }
            Self::ShiftingHotSet => {
                let hot = ((keys as f64 * HOT_SHARE) as usize).max(1);
                let draw = |number| shifting(number, keys, hot, &mut random);
                (0..count).map(draw).collect()
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Zipf(exponent) => return formatter.pad(&format!("zipf {exponent:.1}")),
            Self::Uniform => "uniform",
            Self::Scan => "scan",
            Self::ScanAndZipf => "scan + zipf 1.0",
            Self::ShiftingHotSet => "shifting hot set",
        };
        formatter.pad(name)
    }
}

/// Share of `requests` for keys that were asked for before, in `earlier` or in `requests`: what a
/// cache hits that never drops anything.
pub fn share_of_repeats(earlier: &[usize], requests: &[usize]) -> f64 {
    let mut seen: HashSet<usize> = earlier.iter().copied().collect();
    let repeated = requests.iter().filter(|&&key| !seen.insert(key)).count();
    repeated as f64 / requests.len() as f64
}

/// Request number `number` where the hot set has `hot` of `keys` keys.
fn shifting(number: usize, keys: usize, hot: usize, random: &mut ChaCha8Rng) -> usize {
    if random.random::<f64>() < TO_HOT {
        let moved = number / (MOVES_AFTER * hot);
        (moved * hot + random.random_range(0..hot)) % keys
    } else {
        random.random_range(0..keys)
    }
}

/// Zipf's law, as numbers from 0.
struct Law {
    zipf: Zipf<f64>,
    keys: usize,
}

impl Law {
    fn new(keys: usize, exponent: f64) -> Self {
        let zipf = Zipf::new(keys as f64, exponent).expect("keys, and an exponent of at least 0");
        Self { zipf, keys }
    }

    /// Ranks are whole numbers from 1; rounding may give one more than there are.
    fn draw(&self, random: &mut ChaCha8Rng) -> usize {
        (self.zipf.sample(random) as usize).clamp(1, self.keys) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: usize = 1000;

    #[test]
    fn every_pattern_gives_keys_that_there_are_and_the_same_ones_again() {
        for pattern in Pattern::ALL {
            let requests = pattern.requests(KEYS, 5000, 7);
            assert_eq!(requests.len(), 5000, "{pattern}");
            assert!(requests.iter().all(|key| *key < KEYS), "{pattern}");
            assert_eq!(requests, pattern.requests(KEYS, 5000, 7), "{pattern}");
        }
    }

    #[test]
    fn keys_are_as_popular_as_theory_is_told() {
        for pattern in [Pattern::Zipf(1.0), Pattern::Uniform] {
            let requests = pattern.requests(KEYS, 200_000, 1);
            let popularity = pattern.popularity(KEYS).expect("independent requests");
            for key in [0, 1, 9] {
                let found = requests.iter().filter(|other| **other == key).count();
                let expected = popularity[key] * 200_000.0;
                let deviation = expected.sqrt() * 5.0;
                assert!(
                    (found as f64 - expected).abs() < deviation,
                    "{pattern} {key}"
                );
            }
        }
    }

    #[test]
    fn a_key_that_was_there_before_is_repeated() {
        let share = share_of_repeats(&[1, 2], &[2, 3, 3, 4]);
        assert!((share - 0.5).abs() < 1e-12);
    }

    /// Hit ratio of a cache that really drops the key used longest ago, after it was filled.
    fn simulated(capacity: usize, fill: &[usize], requests: &[usize]) -> f64 {
        // The one used last is the last.
        let mut kept: Vec<usize> = Vec::new();
        let mut ask = |key: usize| {
            let place = kept.iter().rposition(|other| *other == key);
            if let Some(place) = place {
                kept.remove(place);
            } else if kept.len() == capacity {
                kept.remove(0);
            }
            kept.push(key);
            place.is_some()
        };
        for &key in fill {
            ask(key);
        }
        let hits = requests.iter().filter(|&&key| ask(key)).count();
        hits as f64 / requests.len() as f64
    }

    #[test]
    fn theory_is_near_a_cache_that_is_simulated() {
        for pattern in Pattern::ALL {
            let Some(popularity) = pattern.popularity(500) else {
                continue;
            };
            let requests = pattern.requests(500, 30_000, 3);
            let (fill, counted) = requests.split_at(10_000);
            for capacity in [25, 125] {
                let found = simulated(capacity, fill, counted);
                let expected = cache::lru_hit_ratio(&popularity, capacity as u64);
                assert!(
                    (found - expected).abs() < 0.02,
                    "{pattern}, {capacity}: {found} ≠ {expected}"
                );
            }
        }
    }

    #[test]
    fn a_scan_comes_to_every_key_before_it_comes_again() {
        let requests = Pattern::Scan.requests(3, 7, 0);
        assert_eq!(requests, [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(Pattern::Scan.popularity(3), None);
    }

    #[test]
    fn the_hot_set_moves_on() {
        let requests = Pattern::ShiftingHotSet.requests(KEYS, 3000, 2);
        let within = |requests: &[usize], from: usize| {
            let hot = from..from + 50;
            requests.iter().filter(|key| hot.contains(*key)).count()
        };
        // 50 hot keys, which move on after 1000 requests.
        for (number, from) in [(0, 0), (1, 50), (2, 100)] {
            let part = &requests[number * 1000..(number + 1) * 1000];
            assert!(within(part, from) > 850, "{number}");
        }
    }
}
