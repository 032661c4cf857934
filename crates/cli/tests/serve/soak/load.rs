//! Loads: a closed loop, which says what the server can do, and an open loop, which offers more.
//!
//! Takes a site; gives a rate, or what came of all visits. In the open loop the moments are drawn
//! before anything is known of the answers, so that a slow server is not asked less.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand_distr::Exp1;

use super::plan::{Ask, Visit, generator};
use super::site::Site;
use super::slow;
use super::tally::Tally;
use super::visit::{Outcome, pay};

/// Clients of the closed loop: more than the server computes at the same time, and fewer than it
/// takes.
const CLOSED_CLIENTS: u64 = 8;

/// For how long capacity is measured.
const CAPACITY_TIME: Duration = Duration::from_secs(4);

/// Clients of the open loop that are not slow by themselves: more than requests fit into the
/// server, so that one is free to be refused.
const OPEN_CLIENTS: usize = 48;

/// Visits that wait for a client. When there are more, the load itself is too slow, and says so.
const WAITING_VISITS: usize = 32;

/// An open loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Visits per second.
    pub(super) rate: f64,
    pub(super) length: Duration,
    /// Loads with different numbers have nothing in common.
    pub(super) number: u64,
}

impl Load {
    /// The stream of random numbers of its part `part`.
    fn stream(&self, part: u64) -> u64 {
        (self.number + 1) * 1000 + part
    }
}

/// Ordinary requests that are answered per second.
pub(super) fn capacity(site: &Site) -> f64 {
    let started = Instant::now();
    let work = |number| {
        let mut random = generator(number);
        let mut answered = 0_u32;
        while started.elapsed() < CAPACITY_TIME {
            let outcome = pay(site, &Visit::Ask(Ask::draw(&mut random)));
            assert_eq!(outcome, Outcome::Right, "the server is not overloaded");
            answered += 1;
        }
        answered
    };
    let answered: u32 = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLOSED_CLIENTS)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .sum()
    });
    f64::from(answered) / started.elapsed().as_secs_f64()
}

/// Carries out `load`, with slow clients beside it, and waits until the last visit has ended.
pub(super) fn offer(site: &Site, load: Load) -> Tally {
    let (sender, due) = mpsc::sync_channel(WAITING_VISITS);
    let due = Mutex::new(due);
    let end = Instant::now() + load.length;
    thread::scope(|scope| {
        let mut clients: Vec<_> = (0..OPEN_CLIENTS)
            .map(|_| scope.spawn(|| work(site, &due)))
            .collect();
        clients.extend((0..slow::CLIENTS).map(|number| {
            let stream = load.stream(1 + number);
            scope.spawn(move || slow::visit_until(site, number, stream, end))
        }));
        let mut tally = dispatch(&sender, load);
        // Clients go home when nothing more can come.
        drop(sender);
        for client in clients {
            tally.add(client.join().expect("clients do not panic"));
        }
        tally
    })
}

/// Hands out each visit when it is due.
fn dispatch(sender: &SyncSender<(Instant, Visit)>, load: Load) -> Tally {
    let mut random = generator(load.stream(0));
    let mut tally = Tally::default();
    let started = Instant::now();
    let mut due_seconds = 0.0;
    loop {
        let gap: f64 = random.sample(Exp1);
        due_seconds += gap / load.rate;
        let due = Duration::from_secs_f64(due_seconds);
        if due >= load.length {
            return tally;
        }
        let visit = Visit::draw(&mut random);
        thread::sleep(due.saturating_sub(started.elapsed()));
        match sender.try_send((started + due, visit)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tally.unpaid += 1,
            Err(TrySendError::Disconnected(_)) => unreachable!("the receiver outlives the scope"),
        }
    }
}

/// Pays visits until there are no more.
fn work(site: &Site, due: &Mutex<Receiver<(Instant, Visit)>>) -> Tally {
    let mut tally = Tally::default();
    loop {
        // Whoever waits holds the lock; the others wait for that.
        let next = due.lock().expect("clients do not panic").recv();
        let Ok((due, visit)) = next else {
            return tally;
        };
        let outcome = pay(site, &visit);
        tally.count(visit.kind(), &outcome, due.elapsed());
    }
}
