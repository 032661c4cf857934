//! The end of the server: what it has taken it finishes, and it takes nothing more.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::plan::{Ask, Question, Visit};
use super::site::Site;
use super::visit::{Fault, Outcome, pay};
use crate::http::metric;
use crate::program::{LONG, Server, exit_code, signal, wait_until};

/// Time between two tries to be served by a server that is about to end.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Tells `server` to end while requests are computed and others wait.
pub(super) fn drain(server: &mut Server, site: &Site) {
    let asks: Vec<_> = Question::of_ending()
        .enumerate()
        // Marked, so that none is answered with what was kept.
        .map(|(number, question)| {
            Ask::new(question, number.is_multiple_of(3)).marked(number as u32)
        })
        .collect();
    let taken = || {
        let running = metric(site.address, "inferno_running_sequences");
        running + metric(site.address, "inferno_waiting_requests")
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = asks
            .iter()
            .map(|ask| scope.spawn(move || pay(site, &Visit::Ask(*ask))))
            .collect();
        wait_until("the last request is taken", || {
            (taken() > asks.len() as f64 - 0.5).then_some(())
        });
        signal(&server.child, Signal::TERM);
        let refused = ask_until_gone(site);
        assert!(refused > 0, "it ended before the others could be refused");
        clients
            .into_iter()
            .map(|client| client.join().expect("clients do not panic"))
            .collect()
    });
    for (ask, answer) in asks.iter().zip(answers) {
        assert_eq!(
            answer,
            Outcome::Right,
            "{ask:?} was taken before the signal"
        );
    }
    assert_eq!(exit_code(&mut server.child), Some(0));
    assert!(
        TcpStream::connect(site.address).is_err(),
        "somebody still listens at {}",
        site.address
    );
}

/// Asks again and again until nobody listens any more; gives how often it was refused.
fn ask_until_gone(site: &Site) -> usize {
    let is_ready = || pay(site, &Visit::Look("/health/ready")) == Outcome::Right;
    wait_until("the server is draining", || (!is_ready()).then_some(()));
    let question = Question::of_load().next().expect("there are questions");
    let visit = Visit::Ask(Ask::new(question, false));
    let started = Instant::now();
    let mut refused = 0;
    loop {
        match pay(site, &visit) {
            Outcome::Refused(503) => refused += 1,
            // Nobody listens, or the connection was still waiting when the listener went.
            Outcome::Failed(Fault::Lost, _) => return refused,
            other => panic!("a server that is about to end: {other:?}"),
        }
        assert!(started.elapsed() < LONG, "it does not end");
        thread::sleep(TRY_EVERY);
    }
}
