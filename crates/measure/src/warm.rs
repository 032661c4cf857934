//! Warm samples: requests to one long-lived worker per arm.
//!
//! A session is one set of workers. It serves every scenario that shares their command
//! line and pinning, one block of pairs each. Arms take turns in random order; the others
//! are stopped meanwhile, so that a worker that spins after its work disturbs nobody.

mod worker;

pub(crate) use worker::{Answer, Launch, Worker, check_request};

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::arms::Arms;
use crate::error::{Error, Result};
use crate::host::{BlockProbe, Watch, involuntary_switches};
use crate::order;
use crate::samples::{Arm, HostBlock, Output, Pair, PerArm, Phase, Restart, Sample};
use crate::scenario::{Kind, Pin, Scenario};

/// One set of workers.
#[derive(Debug)]
pub(crate) struct Session {
    workers: Vec<Worker>,
    start_order: Vec<Arm>,
    pin: Pin,
}

/// What a block of pairs consists of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// Number of the restart.
    pub(crate) index: u32,
    /// Input number of the first pair.
    pub(crate) first_seq: u64,
    /// Pairs that only warm up.
    pub(crate) warmup: u32,
    /// Pairs after them.
    pub(crate) pairs: u32,
    /// What the pairs after the warm-up are for.
    pub(crate) phase: Phase,
    /// Requests per turn.
    pub(crate) turn_requests: u32,
}

/// The pairs of one turn of every arm.
struct Turn<'a> {
    seqs: &'a [u64],
    phase: Phase,
    number: u32,
}

impl Session {
    /// Makes the arms' files anew and starts a worker per arm, in random order, each stopped as soon as it is ready.
    /// `scenario` stands for all that share the session.
    pub(crate) fn start(
        scenario: &Scenario,
        arms: &Arms,
        timeout: Duration,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let start_order = order::shuffled(arms.present(), random);
        arms.renew(random)?;
        let mut workers = Vec::with_capacity(start_order.len());
        for &arm in &start_order {
            let launch = Launch {
                scenario,
                binary: arms.path(arm),
                arm,
                timeout,
            };
            let mut worker = Worker::start(&launch)?;
            worker.pause(&scenario.name)?;
            workers.push(worker);
        }
        Ok(Self {
            workers,
            start_order,
            pin: scenario.kind.pin(),
        })
    }

    /// Takes a block of pairs of `scenario`.
    pub(crate) fn block(
        &mut self,
        scenario: &Scenario,
        block: &Block,
        random: &mut ChaCha8Rng,
    ) -> Result<Restart> {
        let probe = BlockProbe::start();
        let switches_before = self.involuntary_switches();
        for worker in &mut self.workers {
            worker.reset_idle();
            worker.reset_surroundings();
        }
        let seqs: Vec<u64> = (0..u64::from(block.warmup + block.pairs))
            .map(|i| block.first_seq + i)
            .collect();
        let (warmup, pairs) = seqs.split_at(block.warmup as usize);
        let per_turn = block.turn_requests.max(1) as usize;
        let turns = warmup
            .chunks(per_turn)
            .map(|seqs| (seqs, Phase::Warmup))
            .chain(pairs.chunks(per_turn).map(|seqs| (seqs, block.phase)));
        let mut taken = Vec::with_capacity(seqs.len());
        for (number, (seqs, phase)) in (0..).zip(turns) {
            taken.extend(self.turn(
                scenario,
                &Turn {
                    seqs,
                    phase,
                    number,
                },
                random,
            )?);
        }
        for worker in &mut self.workers {
            worker.settle_idle();
        }
        let switches = self
            .involuntary_switches()
            .zip(switches_before)
            .map(|(after, before)| after.saturating_sub(before));
        Ok(Restart {
            index: block.index,
            layout: None,
            start_order: self.start_order.clone(),
            startup_ns: self.per_arm(|worker| Some(worker.startup_ns())),
            idle_cpu_ns: self.per_arm(Worker::idle_cpu_ns),
            surroundings: self.per_arm(|worker| Some(worker.surroundings())),
            host: Some(self.block_state(&probe, switches)),
            pairs: taken,
        })
    }

    /// State of the machine over a block, and of what was done to the workers.
    fn block_state(&self, probe: &BlockProbe, switches: Option<u64>) -> HostBlock {
        let mut state = probe.finish(switches, self.pin);
        let stopped = |worker: &Worker| worker.surroundings().stops > 0;
        if self.workers.iter().any(stopped) {
            state.disturbed = Some("a worker was stopped from outside".to_owned());
        }
        state
    }

    /// One turn of every arm, in random order, over the same inputs.
    fn turn(
        &mut self,
        scenario: &Scenario,
        turn: &Turn<'_>,
        random: &mut ChaCha8Rng,
    ) -> Result<Vec<Pair>> {
        let order = order::shuffled(self.start_order.clone(), random);
        let mut answers: Vec<BTreeMap<Arm, Answer>> = vec![BTreeMap::new(); turn.seqs.len()];
        for &arm in &order {
            let worker = self.worker(arm);
            let watch = Watch::start(worker.own());
            worker.resume();
            for (&seq, answers) in turn.seqs.iter().zip(&mut answers) {
                answers.insert(arm, worker.request(scenario, seq)?);
            }
            worker.pause(&scenario.name)?;
            worker.note_turn(&watch);
        }
        let numbered = (0..).zip(turn.seqs).zip(answers);
        Ok(numbered
            .map(|((position, &seq), answers)| {
                let output = Some(output_of(&answers));
                let samples = answers
                    .into_iter()
                    .map(|(arm, answer)| (arm, answer.sample))
                    .collect();
                order::pair_of::<Sample, _>(samples, |baseline, control, candidate| Pair {
                    seq,
                    phase: turn.phase,
                    turn: turn.number,
                    turn_position: position,
                    order: order.clone(),
                    baseline,
                    control,
                    candidate,
                    output,
                })
            })
            .collect())
    }

    /// Ends the workers by the end of their input; each must exit with code 0.
    pub(crate) fn close(self, scenario: &str) -> Result<()> {
        for worker in self.workers {
            worker.close(scenario)?;
        }
        Ok(())
    }

    fn worker(&mut self, arm: Arm) -> &mut Worker {
        self.workers
            .iter_mut()
            .find(|worker| worker.arm() == arm)
            .expect("the session has a worker per arm")
    }

    fn involuntary_switches(&self) -> Option<u64> {
        self.workers
            .iter()
            .map(|worker| involuntary_switches(worker.id()))
            .sum()
    }

    fn per_arm<T>(&self, value: impl Fn(&Worker) -> Option<T>) -> Option<PerArm<T>> {
        let of = |arm| {
            self.workers
                .iter()
                .find(|worker| worker.arm() == arm)
                .and_then(&value)
        };
        Some(PerArm {
            baseline: of(Arm::Baseline)?,
            control: of(Arm::Control),
            candidate: of(Arm::Candidate)?,
        })
    }
}

/// Whether two scenarios can be served by the same workers.
pub(crate) fn share_workers(one: &Scenario, other: &Scenario) -> bool {
    let warm = |scenario: &Scenario| matches!(scenario.kind, Kind::Warm { .. });
    warm(one)
        && warm(other)
        && one.kind.pin() == other.kind.pin()
        && one.args == other.args
        && one.env == other.env
        && one.directory == other.directory
}

fn output_of(answers: &BTreeMap<Arm, Answer>) -> Output {
    let hash = |arm| answers.get(&arm).map(|answer| answer.output_sha256.clone());
    let hashes = PerArm {
        baseline: hash(Arm::Baseline).unwrap_or_default(),
        control: hash(Arm::Control),
        candidate: hash(Arm::Candidate).unwrap_or_default(),
    };
    let control_agrees = hashes
        .control
        .as_ref()
        .is_none_or(|control| *control == hashes.baseline);
    if hashes.baseline == hashes.candidate && control_agrees {
        Output::Same(hashes.baseline)
    } else {
        Output::Differ(hashes)
    }
}

/// An error that names the scenario and the arm.
fn workload(scenario: &str, arm: Arm, problem: String, output_tail: String) -> Error {
    Error::Workload {
        scenario: scenario.to_owned(),
        arm,
        problem,
        output_tail,
    }
}
