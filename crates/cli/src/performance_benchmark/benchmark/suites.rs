//! What each suite asks of a process.
//!
//! Takes a setup and how much one process may do; gives the job. Nothing is started here. Before
//! anything is measured, every process answers until its times have settled.

use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroUsize};

use inferno_measure::performance::{CacheSettings, Suite, Task};
use inferno_measure::samples::Phase;

use super::job::{Amount, EngineKind, Job, Step};
use super::prompts;

/// Numbers of clients of the concurrent suite, one after the other.
pub(crate) const CLIENTS: [NonZeroUsize; 6] = [
    NonZeroUsize::new(1).unwrap(),
    NonZeroUsize::new(2).unwrap(),
    NonZeroUsize::new(4).unwrap(),
    NonZeroUsize::new(8).unwrap(),
    NonZeroUsize::new(16).unwrap(),
    NonZeroUsize::new(25).unwrap(),
];

/// Requests of each client at least, so that all of them are at work for most of the time.
const LEAST_PER_CLIENT: u64 = 2;

/// Longest warm-up where requests are counted, in seconds.
const WARM_UP_LIMIT_S: f64 = 60.0;

/// Share of a process's time for its warm-up, where time is counted.
const WARM_UP_SHARE: f64 = 0.25;

/// Different prompts by which the memory of an answer is found.
const PROBED_KEYS: u32 = 8;

/// Keys that are drawn where the number of requests is not known; they are gone through again. A cache that
/// is not full after so many will not be: what else there is is hardly ever asked for.
const DRAWN_KEYS: u64 = 10_000;

/// Memory of a cache that evicts nothing.
const UNLIMITED_BYTES: u64 = 1 << 40;

/// Shares of the keys that caches have room for.
const CAPACITY_SHARES: [f64; 4] = [0.1, 0.25, 0.5, 1.0];

/// The share that the fields at the top of the cache suite's result are about.
const HEADLINE_SHARE: f64 = 0.5;

/// What all suites of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What is loaded.
    pub(crate) engine: EngineKind,
    /// What it does.
    pub(crate) task: Task,
    /// Requests that are computed together.
    pub(crate) slots: NonZeroUsize,
    /// Tokens of each answer.
    pub(crate) max_tokens: NonZeroUsize,
    /// What is asked.
    pub(crate) prompts: Vec<String>,
    /// Different prompts of the cache suite.
    pub(crate) cache_keys: NonZeroU32,
    /// How unequally popular they are.
    pub(crate) zipf_exponent: f64,
    /// Decides the draws.
    pub(crate) seed: u64,
}

/// How much one process measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Share {
    /// So many requests, of each number of clients.
    Requests(u64),
    /// So long, its warm-up included.
    Seconds(f64),
}

impl Setup {
    /// The cache suite's part of the settings.
    pub(crate) fn cache_settings(&self) -> CacheSettings {
        CacheSettings {
            keys: self.cache_keys.get(),
            zipf_exponent: self.zipf_exponent,
            seed: self.seed,
            capacities: self.capacities(),
        }
    }

    /// Answers that the caches have room for, one after the other.
    pub(crate) fn capacities(&self) -> Vec<u64> {
        let keys = f64::from(self.cache_keys.get());
        let mut capacities: Vec<u64> = CAPACITY_SHARES
            .iter()
            .map(|share| (share * keys).ceil() as u64)
            .collect();
        capacities.dedup();
        capacities
    }

    /// The job of one process of `suite`; the cache suite has jobs of its own.
    pub(crate) fn job(&self, suite: Suite, share: Share) -> Job {
        let measured = match suite {
            Suite::Inference | Suite::Memory | Suite::Cache => {
                let step = Self::measured(NonZeroUsize::MIN, share.amount(1, 1));
                vec![Step {
                    is_headline: true,
                    watches_memory: suite == Suite::Memory,
                    ..step
                }]
            }
            Suite::Concurrent => Self::levels(share),
        };
        let steps = std::iter::once(Self::warm_up(share)).chain(measured);
        Job {
            has_reference: true,
            ..self.with_steps(steps.collect())
        }
    }

    /// Finds the memory of one kept answer.
    pub(crate) fn cache_probe(&self) -> Job {
        let keys = self.cache_keys.get().min(PROBED_KEYS);
        let step = Step {
            name: "one answer for each of some prompts".to_owned(),
            phase: Phase::Pilot,
            keys: Some((0..keys).collect()),
            cache_capacity: Some(u64::from(keys)),
            ..Self::measured(NonZeroUsize::MIN, Amount::Requests(u64::from(keys)))
        };
        self.with_cache(UNLIMITED_BYTES, vec![step])
    }

    /// Fills and measures a cache with room for `capacity` answers of `answer_bytes` each. It is filled
    /// whatever the time: the hit ratio of one that is not full depends on how fast the engine is.
    pub(crate) fn cache_job(&self, capacity: u64, answer_bytes: u64, share: Share) -> Job {
        let keys = u64::from(self.cache_keys.get());
        let filling = self.filling(capacity);
        let enough = Amount::Requests(filling.len() as u64);
        let fill = Step {
            name: "the cache is filled".to_owned(),
            phase: Phase::Warmup,
            keys: Some(filling),
            cache_capacity: Some(capacity),
            ..Self::measured(NonZeroUsize::MIN, enough)
        };
        let amount = share.amount(1, 1);
        let drawn = match amount {
            Amount::Requests(requests) => requests,
            Amount::Seconds(_) | Amount::Settled { .. } => DRAWN_KEYS,
        };
        let measured = Step {
            name: format!("room for {capacity} of {keys} answers"),
            is_headline: capacity == self.headline_capacity(),
            keys: Some(self.drawn(self.seed, drawn)),
            cache_capacity: Some(capacity),
            ..Self::measured(NonZeroUsize::MIN, amount)
        };
        // Answers differ a little in size: one that has room for all of them evicts none.
        let bytes = if capacity >= keys {
            UNLIMITED_BYTES
        } else {
            capacity * answer_bytes + answer_bytes / 2
        };
        self.with_cache(bytes, vec![fill, measured])
    }

    fn headline_capacity(&self) -> u64 {
        (HEADLINE_SHARE * f64::from(self.cache_keys.get())).ceil() as u64
    }

    /// Keys that fill a cache with room for `capacity` answers, and no more, so that each answer is computed
    /// once. Draws are independent: the first so many different ones are distributed like the last so many,
    /// and these are what a cache holds in the long run that evicts what was asked for longest ago.
    fn filling(&self, capacity: u64) -> Vec<u32> {
        if capacity >= u64::from(self.cache_keys.get()) {
            // All of them, however rare.
            return (0..self.cache_keys.get()).collect();
        }
        let mut keys = self.drawn(self.seed.wrapping_add(1), DRAWN_KEYS);
        let mut different = HashSet::new();
        let is_last = |key: &u32| different.insert(*key) && different.len() as u64 == capacity;
        if let Some(last) = keys.iter().position(is_last) {
            keys.truncate(last + 1);
        }
        keys
    }

    fn drawn(&self, seed: u64, requests: u64) -> Vec<u32> {
        prompts::drawn(self.cache_keys, self.zipf_exponent, seed, requests)
    }

    fn levels(share: Share) -> Vec<Step> {
        let most = CLIENTS[CLIENTS.len() - 1];
        CLIENTS
            .into_iter()
            .map(|clients| Step {
                is_headline: clients == most,
                ..Self::measured(clients, share.amount(clients.get() as u64, CLIENTS.len()))
            })
            .collect()
    }

    fn measured(clients: NonZeroUsize, amount: Amount) -> Step {
        let noun = if clients.get() == 1 {
            "client"
        } else {
            "clients"
        };
        Step {
            name: format!("{clients} {noun}"),
            phase: Phase::Measured,
            is_headline: false,
            clients,
            amount,
            keys: None,
            cache_capacity: None,
            watches_memory: false,
        }
    }

    fn warm_up(share: Share) -> Step {
        let seconds = match share {
            Share::Requests(_) => WARM_UP_LIMIT_S,
            Share::Seconds(seconds) => seconds * WARM_UP_SHARE,
        };
        Step {
            name: "warm-up".to_owned(),
            phase: Phase::Warmup,
            ..Self::measured(NonZeroUsize::MIN, Amount::Settled { seconds })
        }
    }

    fn with_steps(&self, steps: Vec<Step>) -> Job {
        Job {
            engine: self.engine.clone(),
            slots: self.slots,
            cache_bytes: None,
            max_tokens: self.max_tokens,
            prompts: self.prompts.clone(),
            has_reference: false,
            steps,
            profile: None,
        }
    }

    fn with_cache(&self, bytes: u64, steps: Vec<Step>) -> Job {
        Job {
            cache_bytes: Some(bytes),
            prompts: prompts::numbered(self.cache_keys.get()),
            has_reference: true,
            ..self.with_steps(steps)
        }
    }
}

impl Share {
    /// How much is measured with `clients`, being one of `levels` numbers of clients.
    fn amount(self, clients: u64, levels: usize) -> Amount {
        match self {
            Self::Requests(requests) => Amount::Requests(requests.max(LEAST_PER_CLIENT * clients)),
            Self::Seconds(seconds) => {
                Amount::Seconds(seconds * (1.0 - WARM_UP_SHARE) / levels.max(1) as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            engine: EngineKind::Generator("tiny.gguf".into()),
            task: Task::Generate,
            slots: NonZeroUsize::MIN,
            max_tokens: NonZeroUsize::MIN,
            prompts: vec!["a".to_owned()],
            cache_keys: NonZeroU32::new(50).expect("not zero"),
            zipf_exponent: 1.0,
            seed: 1,
        }
    }

    #[test]
    fn every_suite_warms_up_and_has_one_headline() {
        for suite in [Suite::Inference, Suite::Memory, Suite::Concurrent] {
            let job = setup().job(suite, Share::Requests(13));
            assert_eq!(job.steps[0].phase, Phase::Warmup, "{suite}");
            let measured = &job.steps[1..];
            assert!(measured.iter().all(|step| step.phase == Phase::Measured));
            assert_eq!(measured.iter().filter(|step| step.is_headline).count(), 1);
            assert!(job.has_reference, "{suite}");
        }
    }

    #[test]
    fn more_clients_have_more_requests_and_shares_of_time_add_up() {
        let amounts = |share| -> Vec<Amount> {
            let job = setup().job(Suite::Concurrent, share);
            job.steps[1..].iter().map(|step| step.amount).collect()
        };
        let requests = [13, 13, 13, 16, 32, 50].map(Amount::Requests);
        assert_eq!(amounts(Share::Requests(13)), requests);
        let seconds: f64 = amounts(Share::Seconds(10.0))
            .iter()
            .map(|amount| match amount {
                Amount::Seconds(seconds) => *seconds,
                _ => panic!("{amount:?}"),
            })
            .sum();
        assert!((seconds - 7.5).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn caches_are_filled_and_one_of_them_is_the_headline() {
        let setup = setup();
        assert_eq!(setup.capacities(), [5, 13, 25, 50]);
        let job = |capacity| setup.cache_job(capacity, 400, Share::Requests(100));
        assert_eq!(job(25).cache_bytes, Some(25 * 400 + 200));
        assert_eq!(job(50).cache_bytes, Some(UNLIMITED_BYTES));
        assert!(job(25).steps[1].is_headline && !job(5).steps[1].is_headline);
        let keys = job(5).steps[1].keys.clone().expect("keys");
        assert_eq!(keys.len(), 100);
        assert!(keys.iter().all(|key| *key < 50));
        // Every cache is asked for the same.
        assert_eq!(Some(keys), job(50).steps[1].keys);
        // Every cache is full before it is measured, whatever the time.
        for capacity in setup.capacities() {
            let fill = &setup.cache_job(capacity, 400, Share::Seconds(0.1)).steps[0];
            let keys = fill.keys.clone().expect("keys");
            assert_eq!(fill.amount, Amount::Requests(keys.len() as u64));
            let different: HashSet<u32> = keys.iter().copied().collect();
            assert_eq!(different.len() as u64, capacity);
            let before_last: HashSet<&u32> = keys[..keys.len() - 1].iter().collect();
            assert_eq!(
                before_last.len() as u64,
                capacity - 1,
                "no request is wasted"
            );
        }
        assert_eq!(setup.cache_probe().steps[0].amount, Amount::Requests(8));
        let one = Setup {
            cache_keys: NonZeroU32::MIN,
            ..setup
        };
        assert_eq!(one.capacities(), [1]);
        // A law so steep that hardly anything but the first is asked for.
        let steep = Setup {
            cache_keys: NonZeroU32::new(50).expect("not zero"),
            zipf_exponent: 10.0,
            ..one
        };
        assert_eq!(steep.filling(25).len() as u64, DRAWN_KEYS);
        assert_eq!(steep.filling(50).len(), 50);
    }
}
