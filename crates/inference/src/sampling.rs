//! Chooses the next token from logits.
//!
//! Takes logits and gives a token: the best one, or one drawn with a temperature from the most
//! likely ones. The same seed and the same logits give the same tokens on each machine. What a
//! token means is not this module's business.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::Error;

/// How a token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// The best token; of equals the one with the lowest number.
    Greedy,
    /// A random token: logits are divided by `temperature`, and of the resulting probabilities
    /// the smallest set of the most likely tokens that reaches `top_p` is drawn from
    /// (nucleus sampling: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020).
    Random {
        /// Greater than 0; 1 leaves the model's own distribution.
        temperature: f32,
        /// A share, greater than 0 and at most 1.
        top_p: f32,
        /// Decides the draws.
        seed: u64,
    },
}

impl Sampling {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a temperature that is not greater than 0 or a `top_p` that
    /// is no share.
    pub fn check(&self) -> Result<(), Error> {
        match *self {
            Self::Greedy => Ok(()),
            Self::Random {
                temperature, top_p, ..
            } => check_random(temperature, top_p),
        }
    }
}

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub struct Sampler {
    strategy: Strategy,
}

#[derive(Debug)]
enum Strategy {
    Greedy,
    Random {
        temperature: f32,
        top_p: f32,
        random: Box<ChaCha8Rng>,
        candidates: Vec<(f32, u32)>,
    },
}

impl Sampler {
    /// Begins an answer.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a temperature that is not greater than 0 or a `top_p` that
    /// is no share.
    pub fn new(sampling: Sampling) -> Result<Self, Error> {
        sampling.check()?;
        let strategy = match sampling {
            Sampling::Greedy => Strategy::Greedy,
            Sampling::Random {
                temperature,
                top_p,
                seed,
            } => Strategy::Random {
                temperature,
                top_p,
                random: Box::new(ChaCha8Rng::seed_from_u64(seed)),
                candidates: Vec::new(),
            },
        };
        Ok(Self { strategy })
    }

    /// Chooses a token; those in `excluded` are never chosen.
    ///
    /// # Errors
    /// [`Error::NotFinite`] when a logit is not a finite number or every token is excluded.
    pub fn sample(&mut self, logits: &[f32], excluded: &[u32]) -> Result<u32, Error> {
        let (best, best_logit) = best_token(logits, excluded)?;
        match &mut self.strategy {
            Strategy::Greedy => Ok(best),
            Strategy::Random {
                temperature,
                top_p,
                random,
                candidates,
            } => {
                candidates.clear();
                candidates.extend(
                    (0_u32..)
                        .zip(logits)
                        .filter(|(token, _)| !excluded.contains(token))
                        .map(|(token, logit)| (((logit - best_logit) / *temperature).exp(), token)),
                );
                Ok(draw(candidates, *top_p, random.random::<f32>()))
            }
        }
    }
}

fn check_random(temperature: f32, top_p: f32) -> Result<(), Error> {
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::InvalidSetting {
            setting: "temperature",
            value: temperature.to_string(),
            expected: "a finite number greater than 0 (greedy is chosen by its own name)",
        });
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(Error::InvalidSetting {
            setting: "top-p",
            value: top_p.to_string(),
            expected: "a share, greater than 0 and at most 1",
        });
    }
    Ok(())
}

fn best_token(logits: &[f32], excluded: &[u32]) -> Result<(u32, f32), Error> {
    let mut best = None;
    for (token, &logit) in (0_u32..).zip(logits) {
        if !logit.is_finite() {
            return Err(Error::NotFinite);
        }
        if best.is_none_or(|(_, best_logit)| logit > best_logit) && !excluded.contains(&token) {
            best = Some((token, logit));
        }
    }
    best.ok_or(Error::NotFinite)
}

/// Draws from weighted `candidates`; `point`, from 0 to below 1, says where in the nucleus.
fn draw(candidates: &mut [(f32, u32)], top_p: f32, point: f32) -> u32 {
    // By weight, heaviest first; by number where weights are equal, so that the order is fixed.
    candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let total: f32 = candidates.iter().map(|(weight, _)| weight).sum();
    let mut nucleus = 0.0;
    let mut size = 0;
    for (weight, _) in candidates.iter() {
        nucleus += weight;
        size += 1;
        if nucleus >= top_p * total {
            break;
        }
    }
    let mut rest = point * nucleus;
    for (weight, token) in &candidates[..size] {
        rest -= weight;
        if rest < 0.0 {
            return *token;
        }
    }
    // Rounding may leave a sliver beyond the last token of the nucleus.
    candidates[size - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling::Random {
            temperature,
            top_p,
            seed,
        })
        .expect("valid settings")
    }

    #[test]
    fn greedy_takes_the_best_and_the_first_of_equals() {
        let mut sampler = Sampler::new(Sampling::Greedy).expect("greedy");
        assert_eq!(sampler.sample(&[0.0, 2.0, 2.0], &[]).expect("finite"), 1);
        assert_eq!(sampler.sample(&[0.0, 2.0, 2.0], &[1]).expect("finite"), 2);
        assert_eq!(sampler.sample(&[-3.0], &[]).expect("finite"), 0);
    }

    #[test]
    fn logits_that_are_not_finite_are_an_error() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut sampler = Sampler::new(Sampling::Greedy).expect("greedy");
            assert!(matches!(
                sampler.sample(&[0.0, bad], &[]),
                Err(Error::NotFinite)
            ));
        }
        let mut sampler = Sampler::new(Sampling::Greedy).expect("greedy");
        assert!(matches!(
            sampler.sample(&[0.0], &[0]),
            Err(Error::NotFinite)
        ));
        assert!(matches!(sampler.sample(&[], &[]), Err(Error::NotFinite)));
    }

    #[test]
    fn settings_are_checked() {
        for (temperature, top_p) in [
            (0.0, 1.0),
            (-1.0, 1.0),
            (f32::NAN, 1.0),
            (1.0, 0.0),
            (1.0, 1.1),
        ] {
            let sampler = Sampler::new(Sampling::Random {
                temperature,
                top_p,
                seed: 0,
            });
            assert!(sampler.is_err(), "{temperature} {top_p}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        let logits: Vec<f32> = (0..100_u8).map(|i| f32::from(i % 7)).collect();
        let draws = |seed| -> Vec<u32> {
            let mut sampler = random(1.0, 1.0, seed);
            (0..20)
                .map(|_| sampler.sample(&logits, &[]).expect("finite"))
                .collect()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn draws_follow_the_probabilities() {
        // softmax of (ln 1, ln 3) is (1/4, 3/4)
        let logits = [0.0, 3.0_f32.ln()];
        let mut sampler = random(1.0, 1.0, 1);
        let ones: u32 = (0..4000)
            .map(|_| sampler.sample(&logits, &[]).expect("finite"))
            .sum();
        // Six standard deviations of a binomial: 6 · √(4000 · 3/16) ≈ 164.
        assert!((2836..=3164).contains(&ones), "{ones}");
    }

    #[test]
    fn top_p_leaves_out_the_tail_and_excluded_tokens_are_never_drawn() {
        let logits = [0.0, 3.0_f32.ln(), 0.0];
        let mut nucleus = random(1.0, 0.6, 2);
        assert!((0..200).all(|_| nucleus.sample(&logits, &[]).expect("finite") == 1));
        let mut excluding = random(1.0, 1.0, 2);
        assert!((0..200).all(|_| excluding.sample(&logits, &[1]).expect("finite") != 1));
    }
}
