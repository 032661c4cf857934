//! One suite on two programs: pairs of processes, one of each, in an order that is drawn for each pair.
//!
//! Takes two plans that differ in nothing but the program; gives the second one's result. Whatever the
//! machine does from minute to minute, it does to both.

use inferno_measure::performance::samples::Process;
use inferno_measure::performance::{PerformanceResult, Suite};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::super::runner::Runner;
use super::super::suites::Share;
use super::{Plan, Volume};
use crate::failure::Failure;

impl Plan {
    /// Carries both out, in an order that `seed` decides; gives the result of the second. Both are kept.
    ///
    /// # Errors
    /// Those of [`Plan::run`], and what was measured by then is kept all the same.
    pub(in crate::performance_benchmark::benchmark) fn run_in_turns(
        plans: [&Self; 2],
        runners: [&Runner; 2],
        seed: u64,
    ) -> Result<PerformanceResult, Failure> {
        let mut done: [Vec<Process>; 2] = Default::default();
        for plan in plans {
            (plan.save)(&plan.result(&[], false))?;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let outcome = Self::turns(plans, runners, &mut random, &mut done);
        let is_complete = outcome.is_ok();
        let [other, own] = [0, 1].map(|side| plans[side].result(&done[side], is_complete));
        (plans[0].save)(&other)?;
        (plans[1].save)(&own)?;
        outcome.map(|()| own)
    }

    fn turns(
        plans: [&Self; 2],
        runners: [&Runner; 2],
        random: &mut ChaCha8Rng,
        done: &mut [Vec<Process>; 2],
    ) -> Result<(), Failure> {
        let plan = plans[0];
        let share = match (plan.suite, plan.volume) {
            // One process for each capacity: there are no pairs to be made of them.
            (Suite::Cache, _) | (_, Volume::Time(_)) => {
                for side in drawn(random) {
                    plans[side].carry_out(runners[side], &mut done[side])?;
                }
                return Ok(());
            }
            (_, Volume::Requests(requests)) => plan.share(requests),
        };
        for _ in 0..share.processes {
            let job = plan.setup.job(plan.suite, Share::Requests(share.requests));
            for side in drawn(random) {
                plans[side].process(runners[side], &job, share.processes, &mut done[side])?;
            }
        }
        Ok(())
    }
}

/// The order of a pair.
fn drawn(random: &mut ChaCha8Rng) -> [usize; 2] {
    if random.random() { [0, 1] } else { [1, 0] }
}
