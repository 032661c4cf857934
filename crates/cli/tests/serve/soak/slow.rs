//! Clients that are slow, one visit after the other: they take up connections and nothing else.
//!
//! Takes a site and the moment when no more visits begin; gives what came of them. Who is slow
//! within the server's limits gets its answer; who is slower loses its connection or is told so.

use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::client::{Client, Pace, Trouble};
use super::plan::{Ask, generator};
use super::site::{Site, document, refusal};
use super::tally::Tally;
use super::visit::{Outcome, judged_answer};
use super::{MARGIN, SLOWNESS};
use crate::http::get;

/// Slow clients at the same time.
pub(super) const CLIENTS: u64 = 12;

/// Pause between two reads, or between the parts of a request.
const PAUSE: Duration = Duration::from_millis(500);

/// What a client asks for that does not read it: more than the system keeps for it, so that the
/// server's writes wait.
const UNREAD_BYTES: usize = 16 * 1024 * 1024;

/// The visits of slow client number `number`. The first one is the one that does not read: the
/// server writes it a lot, and with more of them it would do little else.
pub(super) fn visit_until(site: &Site, number: u64, stream: u64, end: Instant) -> Tally {
    let mut random = generator(stream);
    let mut tally = Tally::default();
    while Instant::now() < end {
        let due = Instant::now();
        let (kind, paid) = match random.random_range(0..10_u32) {
            _ if number == 0 => ("unread", read_nothing(site)),
            0..4 => ("slow-reader", read_slowly(site, &mut random)),
            4..8 => ("slow-writer", write_slowly(site, &mut random)),
            8 => ("half-head", send_half_a_head(site)),
            _ => ("half-body", send_half_a_body(site)),
        };
        let outcome = paid.unwrap_or_else(Outcome::from);
        tally.count(kind, &outcome, due.elapsed());
    }
    tally
}

/// Reads a few bytes per second for a while; then the rest, or it leaves.
fn read_slowly(site: &Site, random: &mut ChaCha8Rng) -> Result<Outcome, Trouble> {
    let ask = Ask::draw(random);
    let slow = PAUSE * random.random_range(2..8_u32);
    let mut client = Client::connect(site.address, site.patience + slow)?;
    client.send(ask.request().as_bytes())?;
    client.pace = Some(Pace {
        bytes: random.random_range(1..6),
        pause: PAUSE,
        until: Instant::now() + slow,
    });
    if random.random_bool(0.3) {
        client.extend(slow);
        return match client.count_to_end() {
            Ok(0) => Err(Trouble::Closed("before a first byte".to_owned())),
            // It leaves, or it had all of it before.
            Ok(_) | Err(Trouble::Late) => Ok(Outcome::Left),
            Err(trouble) => Err(trouble),
        };
    }
    judged_answer(&mut client, site, ask)
}

/// Sends a request in two parts with a pause that the server allows.
fn write_slowly(site: &Site, random: &mut ChaCha8Rng) -> Result<Outcome, Trouble> {
    let ask = Ask::draw(random);
    let request = ask.request();
    let (first, second) = request
        .as_bytes()
        .split_at(random.random_range(1..request.len()));
    let mut client = Client::connect(site.address, site.patience)?;
    client.send(first)?;
    thread::sleep(PAUSE * random.random_range(1..3_u32));
    client.send(second)?;
    judged_answer(&mut client, site, ask)
}

/// Loses its connection.
fn send_half_a_head(site: &Site) -> Result<Outcome, Trouble> {
    let mut client = Client::connect(site.address, SLOWNESS + MARGIN)?;
    client.send(b"POST /v1/completions HTTP/1.1\r\nHost: te")?;
    let bytes = client.count_to_end()?;
    Ok(match bytes {
        0 => Outcome::Closed,
        _ => Outcome::wrong("half a head was answered".to_owned()),
    })
}

/// Is told that it was too slow.
fn send_half_a_body(site: &Site) -> Result<Outcome, Trouble> {
    let request = Ask::draw(&mut generator(0)).request();
    let mut client = Client::connect(site.address, SLOWNESS + MARGIN)?;
    client.send(&request.as_bytes()[..request.len() - 5])?;
    let head = client.head()?;
    refusal(head.status, &document(&client.body(&head)?)?)?;
    Ok(match head.status {
        408 => Outcome::Refused(408),
        status => Outcome::wrong(format!("half a body: status {status}")),
    })
}

/// Asks for a lot and reads next to nothing of it. The connection has to be closed before all of it
/// is written.
fn read_nothing(site: &Site) -> Result<Outcome, Trouble> {
    let one = get("/metrics", "");
    let mut client = Client::connect(site.address, site.patience)?;
    client.send(one.as_bytes())?;
    let head = client.head()?;
    let length = client.body(&head)?.len();
    let count = UNREAD_BYTES / length.max(1);
    let mut client = Client::connect(site.address, site.patience)?;
    let many = one.replace("Connection: close\r\n", "").repeat(count);
    client.send(many.as_bytes())?;
    client.pace = Some(Pace {
        bytes: 4,
        pause: PAUSE,
        until: Instant::now() + SLOWNESS * 2,
    });
    let read = client.count_to_end()?;
    Ok(if read < count * length {
        Outcome::Closed
    } else {
        Outcome::wrong(format!(
            "{read} bytes were written to a client that did not read"
        ))
    })
}
