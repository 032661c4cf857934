//! Clients that each send their next request when the last one is answered.
//!
//! Takes an engine, a number of clients and a time; gives every answer with the moment it was sent
//! at. A closed loop says what the engine can do for so many clients, not what users wait who come
//! when they please: for that there is `inferno performance-benchmark stress`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inferno_inference::backend::Model;
use inferno_inference::engine::{Completion, Engine, Request, Ticket};

/// Blocks into which the time is cut: their rates are the sample of which the throughput's interval
/// is made.
const BLOCKS: usize = 10;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// When it was asked for, from the start on.
    pub sent: Duration,
    /// What the engine says of it.
    pub completion: Completion,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The answers; those on their way at the end are among them.
    pub answers: Vec<Answer>,
    /// Requests that were not answered.
    pub failures: u64,
    /// For so long requests were sent.
    pub window: Duration,
}

/// Has `clients` clients send requests for the time of `window`, at least one each. `request` makes
/// the request with a number, which no two have.
///
/// # Panics
/// When `request` does.
pub fn run<M: Model>(
    engine: &Engine<M>,
    clients: usize,
    window: Duration,
    request: impl Fn(u64) -> Request + Sync,
) -> Observed {
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let client = || {
        let (mut answers, mut failures) = (Vec::new(), 0);
        loop {
            let sent = started.elapsed();
            let request = request(next.fetch_add(1, Ordering::Relaxed));
            match engine.submit(request).and_then(Ticket::wait) {
                Ok(completion) => answers.push(Answer { sent, completion }),
                Err(_) => failures += 1,
            }
            if started.elapsed() >= window {
                return (answers, failures);
            }
        }
    };
    let mut observed = Observed {
        answers: Vec::new(),
        failures: 0,
        window,
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        for thread in threads {
            let (answers, failures) = thread.join().expect("a client's own thread");
            observed.answers.extend(answers);
            observed.failures += failures;
        }
    });
    observed
}

impl Observed {
    /// Requests that ended.
    pub fn count(&self) -> u64 {
        self.answers.len() as u64 + self.failures
    }

    /// Answers per second, in each block of the window.
    pub fn answer_rates(&self) -> Vec<f64> {
        let ends = self.answers.iter().map(Answer::end);
        rates(ends, self.window)
    }

    /// Tokens per second, in each block of the window. Tokens after its end do not count.
    pub fn token_rates(&self) -> Vec<f64> {
        let moments = self.answers.iter().flat_map(|answer| {
            let times = answer.completion.token_times.iter();
            times.map(|time| answer.sent + *time)
        });
        rates(moments, self.window)
    }

    /// The part of all requests' time that they spent in the queue.
    pub fn queue_share(&self) -> Option<f64> {
        let timings = || self.answers.iter().map(|answer| answer.completion.timings);
        let total: Duration = timings().map(|timings| timings.total).sum();
        let waited: Duration = timings().map(|timings| timings.queue_wait).sum();
        (!total.is_zero()).then(|| waited.as_secs_f64() / total.as_secs_f64())
    }

    /// A value per answer, in milliseconds.
    pub fn milliseconds(&self, of: impl Fn(&Completion) -> Duration) -> Vec<f64> {
        let times = self.answers.iter().map(|answer| of(&answer.completion));
        times.map(|time| time.as_secs_f64() * 1e3).collect()
    }
}

impl Answer {
    fn end(&self) -> Duration {
        self.sent + self.completion.timings.total
    }
}

/// How many of `moments` there are per second in each block of `window`.
fn rates(moments: impl Iterator<Item = Duration>, window: Duration) -> Vec<f64> {
    let block_s = window.as_secs_f64() / BLOCKS as f64;
    let mut counts = [0_u32; BLOCKS];
    for moment in moments {
        if let Some(count) = counts.get_mut((moment.as_secs_f64() / block_s) as usize) {
            *count += 1;
        }
    }
    counts.map(|count| f64::from(count) / block_s).to_vec()
}

#[cfg(test)]
mod tests {
    use inferno_inference::engine::{Source, StopReason, Timings};

    use super::*;

    fn answer(sent_ms: u64, waited_ms: u64, total_ms: u64) -> Answer {
        let milliseconds = Duration::from_millis;
        Answer {
            sent: milliseconds(sent_ms),
            completion: Completion {
                text: String::new(),
                tokens: vec![1, 2],
                token_times: vec![milliseconds(total_ms / 2), milliseconds(total_ms)],
                prompt_tokens: 1,
                reused_tokens: 0,
                stop: StopReason::MaxTokens,
                source: Source::Computed,
                timings: Timings {
                    queue_wait: milliseconds(waited_ms),
                    total: milliseconds(total_ms),
                    ..Timings::default()
                },
            },
        }
    }

    fn observed() -> Observed {
        Observed {
            answers: vec![
                answer(0, 10, 100),
                answer(150, 30, 300),
                answer(900, 0, 400),
            ],
            failures: 1,
            window: Duration::from_secs(1),
        }
    }

    #[test]
    fn what_comes_after_the_window_is_not_in_its_rates() {
        let observed = observed();
        assert_eq!(observed.count(), 4);
        // Ends at 100, 450 and 1300 ms; blocks of 100 ms.
        let answers = observed.answer_rates();
        assert!(
            (answers.iter().sum::<f64>() - 20.0).abs() < 1e-9,
            "{answers:?}"
        );
        // Tokens at 50, 100, 300, 450, 1100 and 1300 ms.
        let tokens = observed.token_rates();
        assert!(
            (tokens.iter().sum::<f64>() - 40.0).abs() < 1e-9,
            "{tokens:?}"
        );
        assert!((tokens[0] - 10.0).abs() < 1e-9, "{tokens:?}");
    }

    #[test]
    fn the_queue_s_share_is_of_all_time() {
        let share = observed().queue_share().unwrap();
        assert!((share - 40.0 / 800.0).abs() < 1e-12, "{share}");
        let none = Observed {
            answers: Vec::new(),
            failures: 0,
            window: Duration::from_secs(1),
        };
        assert_eq!(none.queue_share(), None);
    }
}
