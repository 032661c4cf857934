//! Pairs of two arms one after the other, for a caller that keeps its own statistics.
//!
//! Takes a scenario and two binaries; gives one [`Pair`] per call, in random order, through warm
//! workers (the one whose turn it is not is stopped) or fresh processes, as the scenario says.
//! [`Alternation`] hands the pairs to a harness that wants all times of one arm before the first
//! of the other; [`allotment`] splits a time budget over scenarios. Judges nothing, keeps nothing
//! on the disk: verdicts come from [`crate::campaign`], whose unit is the restart.

pub mod allotment;

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::arms::Arms;
use crate::cold::Cold;
use crate::error::{Error, Result};
use crate::order;
use crate::samples::{Arm, Pair, Phase};
use crate::scenario::{Kind, Scenario};
use crate::warm::{Block, Session};

/// Two arms that are ready to be measured pair by pair. Dropping it ends their processes.
#[derive(Debug)]
pub struct Pairing<'a> {
    scenario: &'a Scenario,
    source: Source<'a>,
    random: ChaCha8Rng,
    /// Input number of the next pair.
    next: u32,
}

#[derive(Debug)]
enum Source<'a> {
    Warm(Session),
    Cold(Cold<'a>, &'a Arms),
}

impl<'a> Pairing<'a> {
    /// Starts the workers of a warm scenario and sends them its warm-up requests; of a cold one,
    /// reads the inputs so that they are in memory. `seed` decides the orders.
    ///
    /// # Errors
    /// When `arms` has a control, which a pair has no place for here; when a worker does not start
    /// or does not answer as the scenario declares; when a signal asks the program to end.
    pub fn start(scenario: &'a Scenario, arms: &'a Arms, seed: u64) -> Result<Self> {
        if arms.present().contains(&Arm::Control) {
            return Err(Error::Invalid {
                subject: "the arms".to_owned(),
                problem: "pairs are of two arms, and here is a control".to_owned(),
            });
        }
        let mut random = order::generator(seed, &scenario.name, 0);
        let (source, warmup) = match &scenario.kind {
            Kind::Cold { cache, .. } => (Source::Cold(Cold::prepare(scenario, *cache)?, arms), 0),
            Kind::Warm { warmup, .. } => {
                let session = Session::start(scenario, arms, scenario.timeout, &mut random)?;
                (Source::Warm(session), *warmup)
            }
        };
        let mut pairing = Self {
            scenario,
            source,
            random,
            next: 0,
        };
        for _ in 0..warmup {
            pairing.pair()?;
        }
        Ok(pairing)
    }

    /// Takes the next pair. Both arms get the same input; which is first is drawn.
    ///
    /// # Errors
    /// When a process or worker does not do what the scenario declares, or a signal asks the
    /// program to end.
    pub fn pair(&mut self) -> Result<Pair> {
        let index = self.next;
        self.next += 1;
        let mut taken = match &mut self.source {
            Source::Cold(cold, arms) => {
                cold.pair(arms, index, Phase::Measured, &mut self.random)?
            }
            Source::Warm(session) => {
                let block = Block {
                    index: 0,
                    first_seq: u64::from(index),
                    warmup: 0,
                    pairs: 1,
                    phase: Phase::Measured,
                    turn_requests: 1,
                };
                session.block(self.scenario, &block, &mut self.random)?
            }
        };
        Ok(taken.pairs.pop().expect("one pair was asked for"))
    }

    /// Ends the workers by the end of their input.
    ///
    /// # Errors
    /// When one does not end with exit code 0.
    pub fn close(self) -> Result<()> {
        match self.source {
            Source::Warm(session) => session.close(&self.scenario.name),
            Source::Cold(..) => Ok(()),
        }
    }
}

/// Hands out the times of whole pairs to a harness that asks for one arm after the other.
///
/// Criterion runs one benchmark to its end before the next: asked plainly, it would time the
/// whole baseline first and the whole candidate afterwards, and a machine that wanders would be
/// taken for a difference. So whichever arm is asked for, a *pair* is taken, and the other arm's
/// time waits in a queue until that arm is asked for. Each time is handed out at most once, in the
/// order in which it was taken. The arm that is asked second takes new pairs only when its queue is
/// empty; the other arm's times of those are never handed out, and counted as unused.
#[derive(Debug, Default)]
pub struct Alternation {
    baseline: VecDeque<u64>,
    candidate: VecDeque<u64>,
    pairs: Vec<[u64; 2]>,
}

impl Alternation {
    /// Time of `pairs` runs of `arm`, in all; `pair` takes a pair where none is waiting, and gives
    /// the nanoseconds of baseline and candidate.
    ///
    /// # Errors
    /// Those of `pair`.
    ///
    /// # Panics
    /// For the control, which is in no pair here.
    pub fn take<E>(
        &mut self,
        arm: Arm,
        pairs: u64,
        mut pair: impl FnMut() -> Result<[u64; 2], E>,
    ) -> Result<Duration, E> {
        let mut total = Duration::ZERO;
        for _ in 0..pairs {
            if self.waiting(arm).is_empty() {
                let taken = pair()?;
                self.pairs.push(taken);
                self.baseline.push_back(taken[0]);
                self.candidate.push_back(taken[1]);
            }
            let wall_ns = self.waiting(arm).pop_front().expect("a pair was taken");
            total += Duration::from_nanos(wall_ns);
        }
        Ok(total)
    }

    fn waiting(&mut self, arm: Arm) -> &mut VecDeque<u64> {
        match arm {
            Arm::Baseline => &mut self.baseline,
            Arm::Candidate => &mut self.candidate,
            Arm::Control => panic!("pairs are of baseline and candidate"),
        }
    }

    /// All pairs that were taken, as nanoseconds of baseline and candidate.
    pub fn pairs(&self) -> &[[u64; 2]] {
        &self.pairs
    }

    /// How many times of `arm` were measured and not handed out.
    pub fn unused(&self, arm: Arm) -> usize {
        match arm {
            Arm::Baseline => self.baseline.len(),
            Arm::Candidate => self.candidate.len(),
            Arm::Control => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs 1 and 101, 2 and 102, …
    fn counting() -> impl FnMut() -> Result<[u64; 2], ()> {
        let mut number = 0;
        move || {
            number += 1;
            Ok([number, 100 + number])
        }
    }

    #[test]
    fn the_second_arm_gets_the_times_of_the_first_ones_pairs() {
        let (mut alternation, mut pair) = (Alternation::default(), counting());
        let mut take = |arm, pairs| {
            alternation
                .take(arm, pairs, &mut pair)
                .map(|t| t.as_nanos())
        };
        assert_eq!(take(Arm::Baseline, 3), Ok(1 + 2 + 3));
        assert_eq!(take(Arm::Candidate, 2), Ok(101 + 102));
        assert_eq!(take(Arm::Candidate, 2), Ok(103 + 104));
        assert_eq!(alternation.pairs().len(), 4);
        assert_eq!(alternation.unused(Arm::Baseline), 1);
        assert_eq!(alternation.unused(Arm::Candidate), 0);
    }

    #[test]
    fn no_time_is_handed_out_twice() {
        let (mut alternation, mut pair) = (Alternation::default(), counting());
        let mut handed_out = [0; 2];
        for (arm, pairs) in [
            (Arm::Baseline, 5),
            (Arm::Candidate, 9),
            (Arm::Baseline, 2),
            (Arm::Candidate, 1),
        ] {
            let total = alternation.take(arm, pairs, &mut pair).expect("pairs");
            handed_out[usize::from(arm == Arm::Candidate)] += total.as_nanos() as u64;
        }
        let measured = |side: usize| alternation.pairs().iter().map(|p| p[side]).sum::<u64>();
        let waiting: u64 = alternation.baseline.iter().sum();
        assert_eq!(handed_out[0] + waiting, measured(0));
        let waiting: u64 = alternation.candidate.iter().sum();
        assert_eq!(handed_out[1] + waiting, measured(1));
    }

    #[test]
    fn a_pair_that_fails_is_told() {
        let mut alternation = Alternation::default();
        let failed = alternation.take(Arm::Baseline, 1, || Err("gone"));
        assert_eq!(failed, Err("gone"));
        assert!(alternation.pairs().is_empty());
    }
}
