//! Answers that are kept because they may be asked for again, and those that are on their way.
//!
//! Takes flights; gives a kept answer, a place among those who wait for the same one, or nothing.
//! Two requests are the same when their tokens and limits are: the cache belongs to one engine,
//! and so to one model. Random answers are decided by their seeds, so they are kept as well.
//! Eviction, expiry and weights are moka's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::flight::{Flight, Kept, Subscriber};
use super::request::{AtEnd, Limits};
use crate::sampling::Sampling;

/// How answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseCacheConfig {
    /// Memory for keys and answers; what was asked for least is evicted beyond it.
    pub max_bytes: u64,
    /// How long an answer is kept.
    pub time_to_live: Duration,
}

/// What happened to requests and answers, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseCounts {
    /// Requests answered with a kept answer.
    pub hits: u64,
    /// Requests that had to be computed.
    pub misses: u64,
    /// Requests that waited for the answer to another one.
    pub coalesced: u64,
    /// Answers dropped because their time was over.
    pub expired: u64,
    /// Answers dropped for want of memory.
    pub evicted: u64,
    /// Answers that are kept now.
    pub entries: u64,
    /// Memory of keys and answers that are kept now.
    pub size_bytes: u64,
}

/// What makes two requests the same. Floating-point settings are compared by their bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    prompt: Arc<[u32]>,
    max_tokens: usize,
    at_end: AtEnd,
    stop_texts: Vec<String>,
    sampling: Option<(u32, u32, u64)>,
}

impl Key {
    fn of(flight: &Flight) -> Self {
        let Limits {
            max_tokens,
            sampling,
            at_end,
            stop_texts,
        } = flight.limits();
        Self {
            prompt: Arc::from(flight.prompt()),
            max_tokens: max_tokens.get(),
            at_end: *at_end,
            stop_texts: stop_texts.clone(),
            sampling: match *sampling {
                Sampling::Greedy => None,
                Sampling::Random {
                    temperature,
                    top_p,
                    seed,
                } => Some((temperature.to_bits(), top_p.to_bits(), seed)),
            },
        }
    }

    fn size_bytes(&self) -> usize {
        let texts: usize = self
            .stop_texts
            .iter()
            .map(|text| size_of::<String>() + text.len())
            .sum();
        size_of::<Self>() + size_of_val::<[u32]>(&self.prompt) + texts
    }
}

/// Memory of one entry, without the cache's own.
fn entry_bytes(key: &Key, kept: &Kept) -> u32 {
    let answer = size_of::<Kept>() + kept.text.len() + size_of_val::<[u32]>(&kept.tokens);
    u32::try_from(key.size_bytes() + answer).unwrap_or(u32::MAX)
}

/// What looking for an answer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// The subscriber has its answer.
    Answered,
    /// It waits for an answer that is on its way.
    Joined,
    /// It waits for the flight that it came with, which has to be computed.
    Missing,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
    expired: AtomicU64,
    evicted: AtomicU64,
}

/// Kept answers and flights; shared by reference.
#[derive(Debug)]
pub(super) struct ResponseCache {
    kept: Cache<Key, Arc<Kept>>,
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    counters: Arc<Counters>,
}

impl ResponseCache {
    pub(super) fn new(config: &ResponseCacheConfig) -> Self {
        let counters = Arc::new(Counters::default());
        let of_listener = Arc::clone(&counters);
        let kept = Cache::builder()
            .max_capacity(config.max_bytes)
            .time_to_live(config.time_to_live)
            .weigher(|key: &Key, kept: &Arc<Kept>| entry_bytes(key, kept))
            .eviction_listener(move |_, _, cause| {
                let counter = match cause {
                    RemovalCause::Expired => &of_listener.expired,
                    RemovalCause::Size => &of_listener.evicted,
                    RemovalCause::Explicit | RemovalCause::Replaced => return,
                };
                counter.fetch_add(1, Ordering::Relaxed);
            })
            .build();
        Self {
            kept,
            flights: Mutex::default(),
            counters,
        }
    }

    /// Looks for the answer that `flight` would compute; without one `subscriber` joins a flight.
    pub(super) fn look(&self, flight: &Arc<Flight>, subscriber: Subscriber) -> Looked {
        let key = Key::of(flight);
        // Under the lock an answer is either on its way or kept, never between.
        let mut flights = self.lock();
        if let Some(kept) = self.kept.get(&key) {
            drop(flights);
            self.counters.hits.fetch_add(1, Ordering::Relaxed);
            subscriber.answer_kept(&kept);
            return Looked::Answered;
        }
        let subscriber = match flights.get(&key) {
            None => subscriber,
            Some(other) => match other.try_join(subscriber) {
                Ok(()) => {
                    self.counters.coalesced.fetch_add(1, Ordering::Relaxed);
                    return Looked::Joined;
                }
                // It ended for want of subscribers and is about to be forgotten.
                Err(subscriber) => subscriber,
            },
        };
        flight.join(subscriber);
        flights.insert(key, Arc::clone(flight));
        self.counters.misses.fetch_add(1, Ordering::Relaxed);
        Looked::Missing
    }

    /// Keeps the answer of `flight`, which is then not on its way any more.
    pub(super) fn keep(&self, flight: &Arc<Flight>, kept: &Kept) {
        let key = Key::of(flight);
        let mut flights = self.lock();
        self.kept.insert(key.clone(), Arc::new(kept.clone()));
        remove(&mut flights, &key, flight);
    }

    /// `flight` will have no answer.
    pub(super) fn forget(&self, flight: &Arc<Flight>) {
        let key = Key::of(flight);
        remove(&mut self.lock(), &key, flight);
    }

    /// No flight will have an answer. It says so when it is dropped.
    pub(super) fn forget_all(&self) {
        // Sinks are called without the lock.
        let flights = std::mem::take(&mut *self.lock());
        drop(flights);
    }

    pub(super) fn counts(&self) -> ResponseCounts {
        self.kept.run_pending_tasks();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ResponseCounts {
            hits: count(&self.counters.hits),
            misses: count(&self.counters.misses),
            coalesced: count(&self.counters.coalesced),
            expired: count(&self.counters.expired),
            evicted: count(&self.counters.evicted),
            entries: self.kept.entry_count(),
            size_bytes: self.kept.weighted_size(),
        }
    }

    /// A map of flights is whole at any time.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes `flight`, unless another one has its place by now.
fn remove(flights: &mut HashMap<Key, Arc<Flight>>, key: &Key, flight: &Arc<Flight>) {
    if flights
        .get(key)
        .is_some_and(|other| Arc::ptr_eq(other, flight))
    {
        flights.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::flight::tests::{computed, flight, subscriber};
    use super::super::request::Event;
    use super::*;
    use crate::error::Error;

    const HOUR: Duration = Duration::from_hours(1);

    fn cache(max_bytes: u64, time_to_live: Duration) -> ResponseCache {
        ResponseCache::new(&ResponseCacheConfig {
            max_bytes,
            time_to_live,
        })
    }

    fn look(cache: &ResponseCache, flight: &Arc<Flight>) -> Looked {
        cache.look(flight, subscriber(None).0)
    }

    fn keep(cache: &ResponseCache, flight: &Arc<Flight>) {
        let computed = computed("text");
        cache.keep(flight, &computed.kept);
        flight.finish(&Ok(computed));
    }

    #[test]
    fn an_answer_is_missing_then_on_its_way_then_kept() {
        let cache = cache(1 << 20, HOUR);
        let first = flight(1, "a");
        assert_eq!(look(&cache, &first), Looked::Missing);
        assert_eq!(look(&cache, &flight(1, "b")), Looked::Joined);
        assert_eq!(look(&cache, &flight(2, "a")), Looked::Missing);
        keep(&cache, &first);
        let (asking, _, events) = subscriber(None);
        assert_eq!(cache.look(&flight(1, "c"), asking), Looked::Answered);
        let heard: Vec<_> = events.try_iter().collect();
        assert!(matches!(&heard[..], [Event::Text(text), Event::Done(Ok(_))] if text == "text"));
        let counts = cache.counts();
        assert_eq!((counts.misses, counts.coalesced, counts.hits), (2, 1, 1));
        assert_eq!((counts.expired, counts.evicted, counts.entries), (0, 0, 1));
    }

    #[test]
    fn a_flight_that_failed_is_computed_anew() {
        let cache = cache(1 << 20, HOUR);
        let first = flight(1, "");
        assert_eq!(look(&cache, &first), Looked::Missing);
        cache.forget(&first);
        first.finish(&Err(Error::NotFinite));
        assert_eq!(look(&cache, &flight(1, "")), Looked::Missing);
    }

    #[test]
    fn a_flight_that_nobody_wants_makes_room_for_another() {
        let cache = cache(1 << 20, HOUR);
        let (first, second) = (flight(1, ""), flight(1, ""));
        let (asking, handle, _events) = subscriber(None);
        assert_eq!(cache.look(&first, asking), Looked::Missing);
        handle.cancel();
        assert!(!first.is_wanted());
        assert_eq!(look(&cache, &second), Looked::Missing);
        // Forgetting the first one late does not touch the second.
        cache.forget(&first);
        assert_eq!(look(&cache, &flight(1, "")), Looked::Joined);
    }

    #[test]
    fn answers_expire() {
        let cache = cache(1 << 20, Duration::from_millis(1));
        let first = flight(1, "");
        assert_eq!(look(&cache, &first), Looked::Missing);
        keep(&cache, &first);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(look(&cache, &flight(1, "")), Looked::Missing);
        let counts = cache.counts();
        assert_eq!((counts.expired, counts.evicted, counts.hits), (1, 0, 0));
    }

    #[test]
    fn memory_bounds_what_is_kept() {
        let max_bytes = 4096;
        let cache = cache(max_bytes, HOUR);
        for number in 0..200 {
            let flight = flight(number, "");
            assert_eq!(look(&cache, &flight), Looked::Missing);
            keep(&cache, &flight);
        }
        let counts = cache.counts();
        assert!(counts.size_bytes <= max_bytes, "{counts:?}");
        assert!(counts.entries > 0, "{counts:?}");
        assert_eq!(counts.entries + counts.evicted, 200, "{counts:?}");
    }
}
