//! One connection of a client that panics at nothing: whatever the server does is an outcome.
//!
//! Takes bytes to send and the time that all may take; gives heads, bodies and events of responses.
//! What they mean is not decided here.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Why there is no response, or no whole one.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody listens.
    Unreachable,
    /// The server closed the connection, and how that looked.
    Closed(String),
    /// The time is over.
    Late,
    /// Not what HTTP or the interface allows.
    Malformed(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Unreachable,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Late,
            _ => Self::Closed(error.to_string()),
        }
    }
}

/// How slowly a client reads, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Bytes of one read.
    pub(super) bytes: usize,
    /// Time before each read.
    pub(super) pause: Duration,
    /// From then on it reads as fast as it can.
    pub(super) until: Instant,
}

/// The head of a response.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    form: Form,
}

/// How a body says where it ends.
#[derive(Debug, Clone, Copy)]
enum Form {
    Length(usize),
    Chunked,
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    deadline: Instant,
    /// How slowly it reads.
    pub(super) pace: Option<Pace>,
    /// Bytes that came and are not used yet.
    pending: Vec<u8>,
    /// Text of a stream's events that is not given out yet.
    events: Vec<u8>,
}

impl Client {
    /// A connection to `address` on which everything is over after `time`.
    pub(super) fn connect(address: SocketAddr, time: Duration) -> Result<Self, Trouble> {
        let deadline = Instant::now() + time;
        let stream = TcpStream::connect_timeout(&address, time)?;
        // What is sent in pieces is to arrive in pieces.
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            deadline,
            pace: None,
            pending: Vec::new(),
            events: Vec::new(),
        })
    }

    /// From now on `time` is left.
    pub(super) fn extend(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(bytes)?;
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub(super) fn end_sending(&mut self) -> Result<(), Trouble> {
        self.stream.shutdown(Shutdown::Write)?;
        Ok(())
    }

    /// The head of the next response.
    pub(super) fn head(&mut self) -> Result<Head, Trouble> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|status| status.parse::<u16>().ok())
            .ok_or_else(|| Trouble::Malformed(format!("no status in {status_line:?}")))?;
        let mut form = Form::Length(0);
        loop {
            let header = self.line()?.to_ascii_lowercase();
            let Some((name, value)) = header.split_once(':') else {
                return Ok(Head { status, form });
            };
            match (name, value.trim()) {
                ("content-length", length) => {
                    let length = length.parse::<usize>();
                    let length = length.map_err(|_| Trouble::Malformed(header.clone()))?;
                    form = Form::Length(length);
                }
                ("transfer-encoding", "chunked") => form = Form::Chunked,
                _ => {}
            }
        }
    }

    /// The whole body behind `head`.
    pub(super) fn body(&mut self, head: &Head) -> Result<Vec<u8>, Trouble> {
        match head.form {
            Form::Length(length) => self.take(length),
            Form::Chunked => {
                let mut body = Vec::new();
                while let Some(chunk) = self.chunk()? {
                    body.extend(chunk);
                }
                Ok(body)
            }
        }
    }

    /// The data of the next event of a stream; nothing after the last.
    pub(super) fn event(&mut self) -> Result<Option<String>, Trouble> {
        loop {
            let end = self.events.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let event = text(self.events.drain(..end + 2).take(end).collect())?;
                // What has no data is a comment.
                if let Some(data) = event.strip_prefix("data: ") {
                    return Ok(Some(data.to_owned()));
                }
            } else if let Some(chunk) = self.chunk()? {
                self.events.extend(chunk);
            } else if self.events.is_empty() {
                return Ok(None);
            } else {
                return Err(Trouble::Malformed("half an event".to_owned()));
            }
        }
    }

    /// Bytes that come until the server closes the connection.
    pub(super) fn count_to_end(&mut self) -> Result<usize, Trouble> {
        let mut count = self.pending.len();
        loop {
            self.pending.clear();
            match self.receive() {
                Ok(()) => count += self.pending.len(),
                Err(Trouble::Closed(_)) => return Ok(count),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// The next chunk; nothing for the last one.
    fn chunk(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let line = self.line()?;
        let size = usize::from_str_radix(&line, 16)
            .map_err(|_| Trouble::Malformed(format!("a chunk of size {line:?}")))?;
        let chunk = self.take(size)?;
        let end = self.line()?;
        if !end.is_empty() {
            return Err(Trouble::Malformed(format!("a chunk that ends in {end:?}")));
        }
        Ok((size > 0).then_some(chunk))
    }

    /// A line without its end.
    fn line(&mut self) -> Result<String, Trouble> {
        loop {
            let end = self.pending.windows(2).position(|pair| pair == b"\r\n");
            if let Some(end) = end {
                return text(self.pending.drain(..end + 2).take(end).collect());
            }
            self.receive()?;
        }
    }

    /// The next `count` bytes.
    fn take(&mut self, count: usize) -> Result<Vec<u8>, Trouble> {
        while self.pending.len() < count {
            self.receive()?;
        }
        Ok(self.pending.drain(..count).collect())
    }

    /// Waits for bytes and puts them to those that are pending.
    fn receive(&mut self) -> Result<(), Trouble> {
        let mut bytes = [0; 8 * 1024];
        let pace = self.pace.filter(|pace| Instant::now() < pace.until);
        let most = pace.map_or(bytes.len(), |pace| {
            thread::sleep(pace.pause);
            pace.bytes
        });
        self.stream.set_read_timeout(Some(self.left()?))?;
        let count = self.stream.read(&mut bytes[..most])?;
        if count == 0 {
            return Err(Trouble::Closed("nothing more came".to_owned()));
        }
        self.pending.extend_from_slice(&bytes[..count]);
        Ok(())
    }

    fn left(&self) -> Result<Duration, Trouble> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Late);
        }
        Ok(left)
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Trouble> {
    String::from_utf8(bytes).map_err(|error| Trouble::Malformed(error.to_string()))
}
