//! How a time budget is split over scenarios for a harness that wants a least number of samples.
//!
//! Pure arithmetic on what a sample of each scenario costs. Without a budget every scenario is
//! measured; with one, what cannot have its least number of samples is left out, with the budget
//! that would hold it.

use std::time::Duration;

use crate::campaign::KnownCost;

/// Fewest samples that Criterion accepts ("assertion failed: n >= 10").
pub const LEAST_SAMPLES: u32 = 10;
/// Samples beyond which a scenario gains little: Criterion's own default.
const MOST_SAMPLES: u32 = 100;
/// Time of a scenario where there is no budget.
const UNHURRIED: Duration = Duration::from_secs(30);
/// Pairs that start each arm's benchmark and count for neither arm, and one for costs that turn
/// out higher than they were.
const EXTRA_PAIRS: u32 = 3;
/// Analysis and plots of a scenario's two benchmarks, in seconds: a rough figure of two cores.
const ANALYSIS_S: f64 = 4.0;
/// Share of the budget that is given away; the rest is for pairs that take longer than expected.
const PLANNED_SHARE: f64 = 0.9;

/// What a scenario asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Its group: the cheapest of every group comes first.
    pub group: String,
    /// Pairs that only warm the workers up.
    pub warmup: u32,
    /// What one arm's start and one arm's sample take.
    pub cost: KnownCost,
}

/// What a scenario gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// It is measured.
    Measured(Sampling),
    /// Its least does not fit.
    LeftOut {
        /// A budget that would hold it, and all that come before it.
        needs: Duration,
    },
}

/// How a scenario's samples are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Samples of each arm, at least [`LEAST_SAMPLES`].
    pub samples: u32,
    /// Pairs whose mean makes one sample.
    pub pairs_per_sample: u32,
    /// What a pair is expected to take.
    pub pair: Duration,
}

impl Sampling {
    /// A measurement time from which Criterion's flat sampling derives about
    /// `pairs_per_sample`: it rounds (time ÷ samples ÷ time of a pair) up.
    pub fn measurement_time(&self) -> Duration {
        let pairs = f64::from(self.samples) * (f64::from(self.pairs_per_sample) - 0.3);
        (self.pair.mul_f64(pairs)).max(Duration::from_nanos(1))
    }
}

/// Splits `budget` over `wishes`: the cheapest of every group first, then by ascending cost; what
/// is left over is shared out evenly.
pub fn allot(wishes: &[Wish], budget: Option<Duration>) -> Vec<Share> {
    let Some(budget) = budget else {
        let share = |wish| Share::Measured(sampling(wish, UNHURRIED.as_secs_f64()));
        return wishes.iter().map(share).collect();
    };
    let available_s = budget.as_secs_f64() * PLANNED_SHARE;
    let order = order(wishes);
    let chosen = select(wishes, &order, available_s);
    let least_s: f64 = chosen.iter().map(|&index| minimum_s(&wishes[index])).sum();
    let rest_s = (available_s - least_s).max(0.0) / chosen.len().max(1) as f64;
    let share = |(index, wish): (usize, &Wish)| {
        if chosen.contains(&index) {
            let pairs_s = f64::from(LEAST_SAMPLES) * pair_s(wish);
            return Share::Measured(sampling(wish, pairs_s + rest_s));
        }
        // Enough for it and for all that comes before it.
        let before = order.iter().take_while(|&&other| other != index);
        let before_s: f64 = before.map(|&other| minimum_s(&wishes[other])).sum();
        let needs_s = (before_s + minimum_s(wish)) / PLANNED_SHARE;
        Share::LeftOut {
            needs: Duration::from_secs_f64(needs_s.ceil()),
        }
    };
    wishes.iter().enumerate().map(share).collect()
}

/// Indices in the order in which scenarios get their least: the cheapest of every group, then the
/// others, each by ascending cost.
fn order(wishes: &[Wish]) -> Vec<usize> {
    let mut by_cost: Vec<usize> = (0..wishes.len()).collect();
    by_cost.sort_by(|&a, &b| minimum_s(&wishes[a]).total_cmp(&minimum_s(&wishes[b])));
    let mut seen: Vec<&str> = Vec::new();
    let (mut leaders, others): (Vec<usize>, Vec<usize>) = by_cost.into_iter().partition(|&index| {
        let first = !seen.contains(&wishes[index].group.as_str());
        seen.push(&wishes[index].group);
        first
    });
    leaders.extend(others);
    leaders
}

/// The scenarios whose least fits, by index.
fn select(wishes: &[Wish], order: &[usize], available_s: f64) -> Vec<usize> {
    let (mut chosen, mut spent_s) = (Vec::new(), 0.0);
    for &index in order {
        if spent_s + minimum_s(&wishes[index]) <= available_s {
            spent_s += minimum_s(&wishes[index]);
            chosen.push(index);
        }
    }
    chosen
}

/// Seconds of a pair.
fn pair_s(wish: &Wish) -> f64 {
    2.0 * wish.cost.sample.as_secs_f64()
}

/// Seconds of a scenario with the least number of samples.
fn minimum_s(wish: &Wish) -> f64 {
    let pairs = wish.warmup + EXTRA_PAIRS + LEAST_SAMPLES;
    2.0 * wish.cost.startup.as_secs_f64() + f64::from(pairs) * pair_s(wish) + ANALYSIS_S
}

/// What fits into `available_s` seconds of pairs.
fn sampling(wish: &Wish, available_s: f64) -> Sampling {
    let pair_s = pair_s(wish).max(1e-6);
    let pairs = available_s / pair_s;
    // A float beyond u32 becomes its maximum.
    let samples = (pairs as u32).clamp(LEAST_SAMPLES, MOST_SAMPLES);
    let pairs_per_sample = ((pairs / f64::from(samples)) as u32).max(1);
    Sampling {
        samples,
        pairs_per_sample,
        pair: Duration::from_secs_f64(pair_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(group: &str, sample_ms: u64) -> Wish {
        Wish {
            group: group.to_owned(),
            warmup: 1,
            cost: KnownCost {
                startup: Duration::from_millis(500),
                sample: Duration::from_millis(sample_ms),
            },
        }
    }

    fn is_measured(share: &Share) -> bool {
        matches!(share, Share::Measured(_))
    }

    #[test]
    fn without_a_budget_all_are_measured() {
        let wishes = [wish("a", 1), wish("a", 6000), wish("b", 60_000)];
        let shares = allot(&wishes, None);
        assert!(shares.iter().all(is_measured));
        let Share::Measured(slow) = shares[2] else {
            unreachable!()
        };
        assert_eq!((slow.samples, slow.pairs_per_sample), (LEAST_SAMPLES, 1));
        let Share::Measured(quick) = shares[0] else {
            unreachable!()
        };
        assert_eq!((quick.samples, quick.pairs_per_sample), (100, 150));
    }

    #[test]
    fn groups_come_before_further_members_and_what_is_left_out_says_its_need() {
        let wishes = [
            wish("a", 100),
            wish("a", 150),
            wish("b", 1000),
            wish("b", 9000),
        ];
        // The leaders take 1 + 2.8 + 4 and 1 + 28 + 4 seconds.
        let shares = allot(&wishes, Some(Duration::from_secs(46)));
        let measured: Vec<bool> = shares.iter().map(is_measured).collect();
        assert_eq!(measured, [true, false, true, false]);
        let Share::LeftOut { needs } = shares[3] else {
            unreachable!()
        };
        let enough = allot(&wishes, Some(needs));
        assert!(is_measured(&enough[3]));
        for share in &shares {
            if let Share::Measured(sampling) = share {
                assert!(sampling.samples >= LEAST_SAMPLES);
            }
        }
    }

    #[test]
    fn what_is_measured_stays_within_the_budget() {
        let wishes: Vec<Wish> = [3, 30, 300, 900, 2000]
            .iter()
            .map(|&sample| wish(&sample.to_string(), sample))
            .collect();
        for budget_s in [20, 60, 300, 3000] {
            let shares = allot(&wishes, Some(Duration::from_secs(budget_s)));
            let taken = |(share, wish): (&Share, &Wish)| match share {
                Share::LeftOut { .. } => 0.0,
                Share::Measured(sampling) => {
                    let pairs = sampling.samples * sampling.pairs_per_sample;
                    minimum_s(wish) + f64::from(pairs - LEAST_SAMPLES) * sampling.pair.as_secs_f64()
                }
            };
            let all: f64 = shares.iter().zip(&wishes).map(taken).sum();
            assert!(all <= budget_s as f64, "{all} s of {budget_s} s");
        }
    }

    #[test]
    fn a_measurement_time_gives_the_pairs_per_sample_back() {
        for pairs_per_sample in [1, 2, 7, 150] {
            let sampling = Sampling {
                samples: 10,
                pairs_per_sample,
                pair: Duration::from_millis(20),
            };
            // As Criterion's flat sampling computes it.
            let per_sample = sampling.measurement_time().as_secs_f64() / 10.0;
            let derived = (per_sample / 0.020).ceil();
            assert!((derived - f64::from(pairs_per_sample)).abs() < 0.5);
        }
    }
}
