//! The little of HTTP that the tests need, over a plain socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::program::LONG;

/// A request that was sent, and the response whose head has come.
pub(crate) struct Exchange {
    reader: BufReader<TcpStream>,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// Bytes of the body that are read and not given out yet.
    pending: Vec<u8>,
}

/// A connection to `address` that waits for a limited time only.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a limit");
    stream
}

/// The text of a request with a JSON body.
pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The text of a request without a body, and with `headers`, each with its line end.
pub(crate) fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

impl Exchange {
    /// Sends `request` and waits for the head of the response.
    pub(crate) fn begin(address: SocketAddr, request: &str) -> Self {
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).expect("a request");
        Self::of(stream)
    }

    /// The response that comes over `stream`.
    pub(crate) fn of(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let status_line = line(&mut reader);
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let header = line(&mut reader);
            let Some((name, value)) = header.split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Self {
            reader,
            status: status.unwrap_or_else(|| panic!("no status in {status_line:?}")),
            headers,
            pending: Vec::new(),
        }
    }

    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The whole body.
    pub(crate) fn text(mut self) -> String {
        if let Some(length) = self.header("content-length") {
            let mut bytes = vec![0; length.parse().expect("a length")];
            self.reader.read_exact(&mut bytes).expect("the body");
            return String::from_utf8(bytes).expect("a text");
        }
        while self.read_chunk() {}
        String::from_utf8(self.pending).expect("a text")
    }

    /// The whole body, which is JSON.
    pub(crate) fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The data of the next event of a stream; nothing after the last.
    pub(crate) fn event(&mut self) -> Option<String> {
        loop {
            let end = self.pending.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let bytes: Vec<u8> = self.pending.drain(..end + 2).collect();
                let event = String::from_utf8(bytes).expect("a text");
                if let Some(data) = event.trim_end().strip_prefix("data: ") {
                    return Some(data.to_owned());
                }
            } else if !self.read_chunk() {
                assert!(self.pending.is_empty(), "half an event: {:?}", self.pending);
                return None;
            }
        }
    }

    /// Reads one chunk into `pending`; `false` after the last.
    fn read_chunk(&mut self) -> bool {
        let size = line(&mut self.reader);
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("{size:?}"));
        let mut bytes = vec![0; size];
        self.reader.read_exact(&mut bytes).expect("a chunk");
        assert_eq!(line(&mut self.reader), "", "the end of a chunk");
        self.pending.extend(bytes);
        size > 0
    }
}

/// A line without its end.
fn line(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

/// The value of the sample that begins with `sample`, name and labels, in what the server says
/// about itself.
pub(crate) fn metric(address: SocketAddr, sample: &str) -> f64 {
    let text = Exchange::begin(address, &get("/metrics", "")).text();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {sample} in {text}"))
}
