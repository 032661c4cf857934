//! One client does what was planned for it, and what came of that.
//!
//! Takes a site and a visit; gives an outcome. It never panics: a client that finds something wrong
//! leaves the others to go on, and the test tells all of it at the end.

use std::fmt::Debug;
use std::thread;

use super::client::{Client, Trouble};
use super::nonsense::Nonsense;
use super::plan::{Ask, Embed, Visit};
use super::site::{Answer, Site, document, read_answer, refusal};
use crate::http::get;

/// Statuses with which a request that makes sense may be refused.
const REFUSALS: [u16; 3] = [429, 503, 504];

/// What came of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was asked for, and it was right.
    Right,
    /// A documented status with a proper error.
    Refused(u16),
    /// The client went away, as it had meant to.
    Left,
    /// The server closed the connection, as it may when a client is slow or speaks no HTTP.
    Closed,
    /// What must not be.
    Failed(Fault, String),
}

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another answer than the right one, or an answer of another form.
    Wrong,
    /// No connection, or one that was closed before the answer was complete.
    Lost,
    /// No end within the server's own limit.
    Hung,
}

impl Outcome {
    pub(super) fn wrong(what: String) -> Self {
        Self::Failed(Fault::Wrong, what)
    }

    /// Its name in the summary.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Right => "right".to_owned(),
            Self::Refused(status) => status.to_string(),
            Self::Left => "left".to_owned(),
            Self::Closed => "closed".to_owned(),
            Self::Failed(Fault::Wrong, _) => "WRONG".to_owned(),
            Self::Failed(Fault::Lost, _) => "LOST".to_owned(),
            Self::Failed(Fault::Hung, _) => "HUNG".to_owned(),
        }
    }
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unreachable => Self::Failed(Fault::Lost, "nobody listens".to_owned()),
            Trouble::Closed(how) => {
                Self::Failed(Fault::Lost, format!("the connection was closed: {how}"))
            }
            Trouble::Late => Self::Failed(Fault::Hung, "it did not end in time".to_owned()),
            Trouble::Malformed(what) => Self::wrong(what),
        }
    }
}

/// Carries out `visit`.
pub(super) fn pay(site: &Site, visit: &Visit) -> Outcome {
    let paid = match visit {
        Visit::Ask(ask) => begin(site, &ask.request())
            .and_then(|mut client| judged_answer(&mut client, site, *ask)),
        Visit::Pair(first, second) => pair(site, *first, *second),
        Visit::Embed(embed) => judged_directions(site, embed),
        Visit::LeaveEarly { request, after } => begin(site, request).map(|_client| {
            thread::sleep(*after);
            Outcome::Left
        }),
        Visit::LeaveStream { ask, events } => leave_stream(site, *ask, *events),
        Visit::Nonsense(nonsense) => send_nonsense(site, nonsense),
        Visit::Look(path) => look(site, path),
    };
    paid.unwrap_or_else(Outcome::from)
}

/// A client that has sent `request`.
fn begin(site: &Site, request: &str) -> Result<Client, Trouble> {
    let mut client = Client::connect(site.address, site.patience)?;
    client.send(request.as_bytes())?;
    Ok(client)
}

/// Reads the answer to `ask` and says whether it is the right one.
pub(super) fn judged_answer(
    client: &mut Client,
    site: &Site,
    ask: Ask,
) -> Result<Outcome, Trouble> {
    let right = site.answer(ask);
    Ok(match read_answer(client, ask)? {
        Answer::Text(text) if text == right => Outcome::Right,
        Answer::Text(text) => Outcome::wrong(format!("{ask:?}: {text:?} instead of {right:?}")),
        Answer::Refusal(status) => refused(status, &ask),
    })
}

/// Asks for directions and says whether they are the right ones.
fn judged_directions(site: &Site, embed: &Embed) -> Result<Outcome, Trouble> {
    let mut client = begin(site, &embed.request())?;
    let head = client.head()?;
    let body = document(&client.body(&head)?)?;
    if head.status != 200 {
        refusal(head.status, &body)?;
        return Ok(refused(head.status, embed));
    }
    Ok(if site.has_directions(&body, &embed.texts) {
        Outcome::Right
    } else {
        Outcome::wrong(format!("{embed:?}: {body}"))
    })
}

/// What came of something that makes sense and was answered with a proper error.
fn refused(status: u16, asked: &impl Debug) -> Outcome {
    if REFUSALS.contains(&status) {
        Outcome::Refused(status)
    } else {
        Outcome::wrong(format!("{asked:?}: status {status}"))
    }
}

fn pair(site: &Site, first: Ask, second: Ask) -> Result<Outcome, Trouble> {
    let opening = first.request().replace("Connection: close\r\n", "");
    let mut client = begin(site, &(opening + &second.request()))?;
    let outcome = judged_answer(&mut client, site, first)?;
    if let Outcome::Failed(..) = outcome {
        return Ok(outcome);
    }
    client.extend(site.patience);
    judged_answer(&mut client, site, second)
}

fn leave_stream(site: &Site, ask: Ask, events: usize) -> Result<Outcome, Trouble> {
    let mut client = begin(site, &ask.request())?;
    let head = client.head()?;
    if head.status != 200 {
        let body = document(&client.body(&head)?)?;
        refusal(head.status, &body)?;
        return Ok(refused(head.status, &ask));
    }
    for _ in 0..events {
        client.event()?;
    }
    Ok(Outcome::Left)
}

fn send_nonsense(site: &Site, nonsense: &Nonsense) -> Result<Outcome, Trouble> {
    let mut client = Client::connect(site.address, site.patience)?;
    // The server may have refused it before all of it was sent: what counts is what it says.
    let _ = client.send(&nonsense.bytes);
    if nonsense.ends_sending {
        let _ = client.end_sending();
    }
    let head = match client.head() {
        Err(Trouble::Closed(_)) if nonsense.may_be_closed => return Ok(Outcome::Closed),
        head => head?,
    };
    let body = client.body(&head)?;
    if !nonsense.statuses.contains(&head.status) {
        let name = nonsense.name;
        return Ok(Outcome::wrong(format!("{name}: status {}", head.status)));
    }
    // What is not HTTP is answered before it comes to errors of this interface, and without a body.
    if !(nonsense.may_be_closed && body.is_empty()) {
        refusal(head.status, &document(&body)?)?;
    }
    Ok(Outcome::Refused(head.status))
}

fn look(site: &Site, path: &str) -> Result<Outcome, Trouble> {
    let mut client = begin(site, &get(path, ""))?;
    let head = client.head()?;
    client.body(&head)?;
    Ok(match head.status {
        200 => Outcome::Right,
        status => Outcome::wrong(format!("{path}: status {status}")),
    })
}
