//! The generator on targets that answer after a fixed time, or never.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::load::Ending;
use crate::load::prompts::PromptOrder;
use crate::load::schedule::{ArrivalProcess, ClosedLoop, OpenLoop};
use crate::load::target::{Ended, Sink, Withdraw};

/// Answers one request after the other, each in `service` time, as a single server with a queue does.
struct Server {
    service: Duration,
    free_at: Mutex<Option<std::time::Instant>>,
    withdrawn: Arc<AtomicUsize>,
}

impl Server {
    fn new(service_ms: u64) -> Self {
        Self {
            service: Duration::from_millis(service_ms),
            free_at: Mutex::default(),
            withdrawn: Arc::default(),
        }
    }
}

impl Target for Server {
    fn send(&self, _: &LoadRequest, mut sink: Sink) -> Result<Withdraw, Ended> {
        let now = std::time::Instant::now();
        let mut free_at = self.free_at.lock().expect("no panic");
        let end = free_at.map_or(now, |at| at.max(now)) + self.service;
        *free_at = Some(end);
        thread::spawn(move || {
            thread::sleep(end.saturating_duration_since(std::time::Instant::now()));
            sink(Progress::Text);
            sink(Progress::Ended(Ended::served()));
        });
        let withdrawn = Arc::clone(&self.withdrawn);
        Ok(Box::new(move || {
            withdrawn.fetch_add(1, Ordering::Relaxed);
        }))
    }

    fn sending_cpu_time(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// Refuses everything.
struct Full;

impl Target for Full {
    fn send(&self, _: &LoadRequest, _: Sink) -> Result<Withdraw, Ended> {
        Err(Ended::unserved(Ending::Refused, "full"))
    }

    fn sending_cpu_time(&self) -> Option<Duration> {
        None
    }
}

fn open(rate: f64, max_in_flight: usize, grace: Duration) -> Load {
    Load {
        schedule: Schedule::Open(OpenLoop {
            clients: NonZeroU32::new(2).expect("not zero"),
            rate,
            process: ArrivalProcess::Constant,
            seed: 1,
        }),
        length: Duration::from_millis(500),
        max_in_flight,
        grace,
    }
}

fn closed(clients: u32) -> Load {
    Load {
        schedule: Schedule::Closed(ClosedLoop {
            clients: NonZeroU32::new(clients).expect("not zero"),
            think_time: Duration::ZERO,
        }),
        ..open(1.0, 1, Duration::from_secs(20))
    }
}

fn run_on(target: &dyn Target, load: &Load) -> Finished {
    let prompts = Prompts::built_in(PromptOrder::InTurn, 0);
    run(target, prompts, load, None, &|| false).expect("no failure")
}

fn count(finished: &Finished, ending: Ending) -> usize {
    let of_ending = |outcome: &&Outcome| outcome.ending == ending;
    finished.outcomes.iter().filter(of_ending).count()
}

#[test]
fn latency_counts_from_the_moment_a_request_was_due() {
    // Twice what the server can do: 40 requests/s at 50 ms each.
    let finished = run_on(&Server::new(50), &open(20.0, 1000, Duration::from_secs(20)));
    assert_eq!(finished.outcomes.len(), 20);
    assert_eq!(count(&finished, Ending::Served), 20);
    let last = finished.outcomes.last().expect("an outcome");
    // The last one waits for about 19 others, less the half second in which they came.
    assert!(
        last.latency() > Some(Duration::from_millis(400)),
        "{last:?}"
    );
    assert!(last.first_token.is_some() && !finished.is_stopped);
    assert!(finished.cpu_time.is_some());
}

#[test]
fn a_slow_target_does_not_slow_down_the_arrivals() {
    let load = open(20.0, 1000, Duration::from_secs(20));
    let [slow, fast] = [30, 1].map(|service_ms| {
        let finished = run_on(&Server::new(service_ms), &load);
        let due = |outcome: &Outcome| (outcome.number, outcome.client, outcome.due);
        finished.outcomes.iter().map(due).collect::<Vec<_>>()
    });
    assert_eq!(slow, fast);
}

#[test]
fn what_finds_too_many_on_their_way_is_dropped_and_counted() {
    let finished = run_on(&Server::new(400), &open(20.0, 3, Duration::from_secs(20)));
    assert_eq!(finished.outcomes.len(), 20);
    let dropped = count(&finished, Ending::Dropped);
    assert!(dropped >= 15, "{dropped}");
    assert_eq!(dropped + count(&finished, Ending::Served), 20);
    let dropped = finished
        .outcomes
        .iter()
        .find(|outcome| outcome.ending == Ending::Dropped);
    assert!(dropped.is_some_and(|outcome| outcome.sent.is_none() && outcome.ended.is_none()));
}

#[test]
fn what_is_on_its_way_after_the_grace_is_withdrawn() {
    let server = Server::new(10_000);
    let finished = run_on(&server, &open(20.0, 1000, Duration::from_millis(50)));
    assert_eq!(count(&finished, Ending::Unfinished), 20);
    assert_eq!(server.withdrawn.load(Ordering::Relaxed), 20);
    assert!(
        finished
            .outcomes
            .iter()
            .all(|outcome| outcome.ended.is_none())
    );
}

#[test]
fn in_a_closed_loop_as_many_are_on_their_way_as_there_are_clients() {
    let finished = run_on(&Server::new(20), &closed(3));
    let outcomes = &finished.outcomes;
    assert!(
        outcomes.len() > 10 && outcomes.len() < 40,
        "{}",
        outcomes.len()
    );
    assert_eq!(count(&finished, Ending::Served), outcomes.len());
    for outcome in outcomes {
        let others = outcomes.iter().filter(|other| {
            other.number != outcome.number
                && other.sent <= outcome.sent
                && other.ended > outcome.sent
        });
        assert!(others.count() < 3, "{outcome:?}");
    }
}

#[test]
fn clients_of_a_closed_loop_do_not_storm_a_target_that_refuses() {
    let finished = run_on(&Full, &closed(2));
    // Half a second, and a tenth between two tries.
    let count = finished.outcomes.len();
    assert!((2..=12).contains(&count), "{count}");
    assert_eq!(finished.cpu_time, None);
}

#[test]
fn a_load_that_is_stopped_keeps_what_it_has() {
    let prompts = Prompts::built_in(PromptOrder::InTurn, 0);
    let started = std::time::Instant::now();
    let load = Load {
        length: Duration::from_secs(100),
        ..open(20.0, 1000, Duration::from_secs(100))
    };
    let stop = || started.elapsed() > Duration::from_millis(300);
    let finished = run(&Server::new(20_000), prompts, &load, None, &stop).expect("no failure");
    assert!(finished.is_stopped && finished.length < Duration::from_secs(50));
    assert!(!finished.outcomes.is_empty());
    assert_eq!(
        count(&finished, Ending::Unfinished),
        finished.outcomes.len()
    );
}

#[test]
fn outcomes_are_in_the_file_line_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("outcomes.jsonl");
    let mut log = OutcomeLog::create(&path).expect("a file");
    let prompts = Prompts::built_in(PromptOrder::InTurn, 0);
    let load = open(20.0, 1000, Duration::from_secs(20));
    let finished = run(&Server::new(1), prompts, &load, Some(&mut log), &|| false);
    let finished = finished.expect("no failure");
    let text = std::fs::read_to_string(&path).expect("a text");
    let mut written: Vec<Outcome> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an outcome"))
        .collect();
    written.sort_unstable_by_key(|outcome| outcome.number);
    assert_eq!(written, finished.outcomes);
}

#[test]
fn a_lost_request_and_one_that_is_counted_twice_are_found() {
    let finished = run_on(&Server::new(1), &open(20.0, 1000, Duration::from_secs(20)));
    let outcomes = finished.outcomes;
    let count = outcomes.len() as u64;
    assert!(checked(outcomes.clone(), count).is_ok());
    assert!(checked(outcomes[1..].to_vec(), count).is_err());
    let mut twice = outcomes;
    twice[0] = twice[1].clone();
    assert!(checked(twice, count).is_err());
}
