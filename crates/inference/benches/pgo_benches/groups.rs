//! Scenarios as Criterion's benchmarks.
//!
//! Takes an opened pair and a budget; gives the times of the pairs beside what Criterion writes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, Criterion, SamplingMode};
use inferno_measure::pairing::allotment::{self, Sampling, Share, Wish};
use inferno_measure::pairing::{Alternation, Pairing};
use inferno_measure::samples::Arm;
use inferno_measure::scenario::{Kind, Scenario};
use inferno_measure::trial;
use inferno_pgo::reopen::OpenedPair;
use inferno_pgo::spec::{Output, Spec};
use inferno_pgo::{Error, Result, verify};

/// Seed of the orders within the pairs.
const SEED: u64 = 1;

/// Any measured pair takes longer, so Criterion's warm-up is a single call.
const WARM_UP: Duration = Duration::from_nanos(1);

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// A scenario and what it gets.
pub(crate) struct Planned<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) share: Share,
}

/// Splits the budget by what each scenario costs.
pub(crate) fn plan(pair: &OpenedPair, budget: Option<Duration>) -> Result<Vec<Planned<'_>>> {
    let known = pair.known_costs();
    let wish = |scenario: &Scenario| {
        let cost = if let Some(cost) = known.get(&scenario.name) {
            *cost
        } else {
            eprintln!("{}: a trial, to learn what it costs", scenario.name);
            trial::run(scenario, pair.arms().path(Arm::Baseline), Arm::Baseline, 1)?.cost
        };
        let warmup = match scenario.kind {
            Kind::Warm { warmup, .. } => warmup,
            Kind::Cold { .. } => 0,
        };
        Ok(Wish {
            group: scenario.group.clone(),
            warmup,
            cost,
        })
    };
    let wishes = pair
        .scenarios()
        .iter()
        .map(wish)
        .collect::<Result<Vec<_>>>()?;
    let shares = allotment::allot(&wishes, budget);
    let planned = pair.scenarios().iter().zip(shares);
    Ok(planned
        .map(|(scenario, share)| Planned { scenario, share })
        .collect())
}

/// Runs the planned scenarios that Criterion's own filter lets pass. Gives the pairs by scenario.
pub(crate) fn run<'a>(
    spec: &Spec,
    pair: &'a OpenedPair,
    plan: &[Planned<'a>],
) -> Result<BTreeMap<&'a str, Alternation>> {
    let results = RefCell::new(BTreeMap::new());
    let through_criterion = || {
        let mut criterion = Criterion::default().configure_from_args();
        for (name, members) in by_group(plan) {
            let mut group = criterion.benchmark_group(name);
            group
                .sampling_mode(SamplingMode::Flat)
                .warm_up_time(WARM_UP);
            for (scenario, sampling) in members {
                let bench = Bench::new(scenario, pair, spec.output());
                let alternation = bench.run(&mut group, &sampling);
                if !alternation.pairs().is_empty() {
                    results.borrow_mut().insert(&*scenario.name, alternation);
                }
            }
            group.finish();
        }
        criterion.final_summary();
    };
    // Criterion's closures cannot fail, so an arm's failure unwinds through it; workers end on
    // the way.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Error>() {
            hook(panic);
        }
    }));
    match catch_unwind(AssertUnwindSafe(through_criterion)) {
        Ok(()) => Ok(results.into_inner()),
        Err(payload) => Err(match payload.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::Internal("Criterion gave up, see above".into()),
        }),
    }
}

/// The scenarios that are measured, by group, in the spec's order: Criterion writes a report for
/// each group when it is finished.
fn by_group<'a>(plan: &[Planned<'a>]) -> Vec<(&'a str, Vec<(&'a Scenario, Sampling)>)> {
    let mut groups: Vec<(&str, Vec<(&Scenario, Sampling)>)> = Vec::new();
    for planned in plan {
        if let Share::Measured(sampling) = planned.share {
            let (name, member) = (&*planned.scenario.group, (planned.scenario, sampling));
            match groups.iter_mut().find(|(group, _)| *group == name) {
                Some((_, members)) => members.push(member),
                None => groups.push((name, vec![member])),
            }
        }
    }
    groups
}

/// One scenario's two benchmarks.
struct Bench<'a> {
    scenario: &'a Scenario,
    pair: &'a OpenedPair,
    output: &'a Output,
    /// Started by the first benchmark that runs: a filter may leave both out.
    pairing: Option<Pairing<'a>>,
    alternation: Alternation,
}

impl<'a> Bench<'a> {
    fn new(scenario: &'a Scenario, pair: &'a OpenedPair, output: &'a Output) -> Self {
        Self {
            scenario,
            pair,
            output,
            pairing: None,
            alternation: Alternation::default(),
        }
    }

    fn run(mut self, group: &mut Group<'_>, sampling: &Sampling) -> Alternation {
        group
            .sample_size(sampling.samples as usize)
            .measurement_time(sampling.measurement_time());
        for arm in [Arm::Baseline, Arm::Candidate] {
            let mut warm_up = Some(sampling.pair);
            group.bench_function(self.id(arm), |bencher| {
                or_unwind(self.serve(bencher, arm, warm_up.take()));
            });
        }
        if let Some(pairing) = self.pairing.take() {
            or_unwind(pairing.close().map_err(Error::from));
        }
        self.alternation
    }

    /// A scenario without a group of its own would have its name twice.
    fn id(&self, arm: Arm) -> String {
        if self.scenario.group == self.scenario.name {
            return arm.to_string();
        }
        format!("{}/{arm}", self.scenario.name)
    }

    /// Answers a call of Criterion; its first is the warm-up, which is to last `warm_up`.
    fn serve(
        &mut self,
        bencher: &mut Bencher<'_>,
        arm: Arm,
        warm_up: Option<Duration>,
    ) -> Result<()> {
        if self.pairing.is_none() {
            self.pairing = Some(Pairing::start(self.scenario, self.pair.arms(), SEED)?);
        }
        let mut failed = None;
        bencher.iter_custom(|pairs| {
            let taken = match warm_up {
                Some(length) => self.warm_up(length),
                None => self.take(arm, pairs),
            };
            taken.unwrap_or_else(|error| {
                failed = Some(error);
                Duration::MAX
            })
        });
        failed.map_or(Ok(()), Err)
    }

    /// A pair that counts for neither arm. From how long it takes, Criterion derives how many pairs
    /// make a sample; so it lasts at least as long as the plan takes a pair to be, or one quick
    /// pair would change the plan.
    fn warm_up(&mut self, length: Duration) -> Result<Duration> {
        let started = Instant::now();
        self.next_pair()?;
        std::thread::sleep(length.saturating_sub(started.elapsed()));
        Ok(started.elapsed())
    }

    fn take(&mut self, arm: Arm, pairs: u64) -> Result<Duration> {
        let mut alternation = std::mem::take(&mut self.alternation);
        let taken = alternation.take(arm, pairs, || self.next_pair());
        self.alternation = alternation;
        taken
    }

    fn next_pair(&mut self) -> Result<[u64; 2]> {
        let pairing = self.pairing.as_mut();
        let pairing = pairing.ok_or_else(|| Error::Internal("no pairing was started".into()))?;
        let pair = pairing.pair()?;
        verify::pair_agrees(&self.scenario.name, &pair, self.output)?;
        Ok([pair.baseline.wall_ns, pair.candidate.wall_ns])
    }
}

fn or_unwind<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic_any(error))
}
