//! A server that is asked for twice of what it can do, by clients of every kind, for a while.
//!
//! It wants the machine for itself, so it runs by hand, for as long as `INFERNO_SOAK_SECONDS` says:
//!
//! ```sh
//! INFERNO_SOAK_SECONDS=600 cargo test -p inferno-cli --test serve -- slow_a_server_survives
//! ```
//!
//! - `plan`, `nonsense`: what clients do
//! - `client`, `visit`, `slow`: they do it, and what comes of that
//! - `site`: which answers are right
//! - `load`, `tally`: all clients together
//! - `process`, `ending`: what the server's process holds, and how it ends
//! - `guards`: that what must not be is found, on servers that do it

mod client;
mod ending;
mod guards;
mod load;
mod nonsense;
mod plan;
mod process;
mod site;
mod slow;
mod tally;
mod visit;

use std::io::Write as _;
use std::time::Duration;

use self::load::Load;
use self::process::Reading;
use self::site::Site;
use crate::embedder::embedder;
use crate::http::metric;
use crate::program::Server;

/// The server's limit for an answer, as it is started here.
const LIMIT: Duration = Duration::from_secs(30);

/// What an end may come later than the server's own limit: scheduling on a busy machine.
const MARGIN: Duration = Duration::from_secs(10);

/// The server's limit for clients that send or read nothing.
const SLOWNESS: Duration = Duration::from_secs(3);

/// The server's limit for bodies.
const MAX_BODY_BYTES: usize = 40_000;

/// The share of memory that may be there after a load and was not before, for what the allocator keeps
/// per thread and fills up by chance.
const MEMORY_GROWTH: f64 = 0.05;

/// The warm-up's length is this part of the load's, within bounds: all that grows once is to have
/// grown. The allocator's reserves per thread take some four minutes.
const WARM_UP_PART: u32 = 2;
const WARM_UP_BOUNDS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(5));

/// A load that says something about memory: after a shorter one's warm-up it still grows.
const TELLING: Duration = Duration::from_mins(5);

/// For how long the server is overloaded, if at all.
fn length() -> Option<Duration> {
    let seconds = std::env::var("INFERNO_SOAK_SECONDS").ok()?;
    let seconds = seconds.parse::<u64>();
    let seconds = seconds.expect("INFERNO_SOAK_SECONDS is a whole number of seconds");
    Some(Duration::from_secs(seconds))
}

/// A server whose limits are so low that they are reached.
fn start() -> Server {
    let (limit, slowness) = (LIMIT.as_secs().to_string(), SLOWNESS.as_secs().to_string());
    Server::start(&[
        "--slots",
        "4",
        "--queue",
        "12",
        // Conversations begin alike: what one leaves is used by another.
        "--kept-prefixes",
        "2",
        // So little, for so short a time, that answers are evicted and expire all the while.
        "--response-cache-bytes",
        "50000",
        "--response-cache-ttl",
        "5",
        "--embedding-model",
        embedder(),
        "--max-body-bytes",
        &MAX_BODY_BYTES.to_string(),
        "--request-timeout",
        &limit,
        "--header-timeout",
        &slowness,
        "--body-timeout",
        &slowness,
        "--write-timeout",
        &slowness,
        "--drain-timeout",
        "60",
    ])
}

#[test]
fn slow_a_server_survives_twice_its_capacity() {
    let Some(length) = length() else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED slow_a_server_survives_twice_its_capacity: set INFERNO_SOAK_SECONDS to run it"
        );
        return;
    };
    let mut server = start();
    let site = Site::record(server.address);
    let before_warm_up = load::capacity(&site);
    let (shortest, longest) = WARM_UP_BOUNDS;
    let warm_up = load::offer(
        &site,
        Load {
            rate: 2.0 * before_warm_up,
            length: (length / WARM_UP_PART).clamp(shortest, longest),
            number: 0,
        },
    );
    warm_up.assert_no_failure();
    let before = process::at_rest(&server);
    // Other tests may have been running the first time.
    let capacity = load::capacity(&site).max(before_warm_up);
    let rate = 2.0 * capacity;
    let number = 1;
    let tally = load::offer(
        &site,
        Load {
            rate,
            length,
            number,
        },
    );
    let status = server.child.try_wait().expect("a child");
    assert_eq!(status, None, "the server has ended");
    let after = process::at_rest(&server);
    // Past the capture of test output: the numbers are of interest when all is well, too.
    let _ = writeln!(
        std::io::stderr(),
        "soak (seed {:#x}): {:.0} s at {rate:.1} visits/s, capacity {capacity:.1} requests/s: \
         {tally}; at rest {} before, {} after",
        plan::SEED,
        length.as_secs_f64(),
        told(before),
        told(after),
    );
    tally.assert_no_failure();
    assert!(
        tally.unpaid * 20 <= tally.paid(),
        "the machine is too busy to ask for that much: try again when it has less to do"
    );
    assert!(tally.ended("right") > 0, "nobody was answered");
    assert!(tally.ended("429") > 0, "the server was not overloaded");
    assert_eq!(tally.ended("503"), 0, "nobody has told it to end");
    let internal = "inferno_errors_total{kind=\"internal\"}";
    assert!(metric(server.address, internal) < 0.5, "it broke inside");
    if let Some((before, after)) = before.zip(after).filter(|_| length >= TELLING) {
        assert_eq!(growth(before, after), None);
    }
    ending::drain(&mut server, &site);
}

/// What a process holds that it did not hold before, beyond what is allowed.
fn growth(before: Reading, after: Reading) -> Option<String> {
    let most = before.anonymous_bytes as f64 * (1.0 + MEMORY_GROWTH);
    if after.anonymous_bytes as f64 > most {
        return Some(format!(
            "{} bytes of memory instead of {}; at most {most:.0} were expected",
            after.anonymous_bytes, before.anonymous_bytes
        ));
    }
    let (before, after) = (before.open_files, after.open_files);
    (after > before).then(|| format!("{after} open files instead of {before}"))
}

fn told(reading: Option<Reading>) -> String {
    reading.map_or_else(
        || "not measured".to_owned(),
        |reading| {
            format!(
                "{:.2} MB anonymous and {} files",
                reading.anonymous_bytes as f64 / 1e6,
                reading.open_files
            )
        },
    )
}
