//! Requests over plain HTTP, each over a connection of its own.
//!
//! Takes an address and a request; gives the head of the answer and then its bytes as they come. A
//! connection is made anew for each request, so that no request fails because the server has closed an
//! idle one, and is closed as soon as its exchange is dropped. Names are looked up once, before
//! anything is measured.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::api_key::ApiKey;
use crate::failure::{Failure, describe};

/// Time for a whole exchange that is no part of a load.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest text that is read whole: far more than a server has to say about itself.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Where requests go. It holds a key, so it is not printed.
pub(crate) struct Endpoint {
    /// What `Host` says.
    host: String,
    /// What all paths begin with.
    base: String,
    addresses: Vec<SocketAddr>,
    /// What `Authorization` says.
    authorization: Option<String>,
}

impl Endpoint {
    /// The server that `url` leads to; `base` is what paths begin with when the URL has none.
    pub(crate) fn find(url: &str, base: &str, key: Option<&ApiKey>) -> Result<Self, Failure> {
        let bad = |problem: &str| Failure::BadUrl {
            url: url.to_owned(),
            problem: problem.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| bad("it is no URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad("only plain http:// is spoken"));
        }
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err(bad("it names no host"));
        };
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(80);
        let addresses = (name, port).to_socket_addrs();
        let addresses = addresses.map_err(|error| Failure::Unreachable {
            url: url.to_owned(),
            problem: error.to_string(),
        })?;
        let path = uri.path().trim_end_matches('/');
        let base = if path.is_empty() { base } else { path };
        Ok(Self {
            host: authority.as_str().to_owned(),
            base: base.to_owned(),
            addresses: addresses.collect(),
            authorization: key.map(ApiKey::authorization),
        })
    }

    /// The URL of `path`.
    pub(crate) fn url_of(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.host, self.base)
    }

    /// The text at `path`.
    pub(crate) fn text(&self, runtime: &Runtime, path: &str) -> Result<String, Failure> {
        let exchange = async {
            let exchange = self.send(Method::GET, path, None).await?;
            let status = exchange.status();
            Ok::<_, String>((status, exchange.text(MAX_TEXT_BYTES).await?))
        };
        let exchanged = runtime.block_on(async { tokio::time::timeout(TIMEOUT, exchange).await });
        let url = self.url_of(path);
        match exchanged {
            Ok(Ok((200, text))) => Ok(text),
            Ok(Ok((401, _))) => Err(Failure::KeyRefused(url)),
            Ok(Ok((status, _))) => Err(Failure::Answered { url, status }),
            Ok(Err(problem)) => Err(Failure::Unreachable { url, problem }),
            Err(_elapsed) => Err(Failure::Unreachable {
                url,
                problem: format!("no answer within {} s", TIMEOUT.as_secs()),
            }),
        }
    }

    /// Sends a request, with a JSON body where there is one, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Exchange, String> {
        let request = self.request(method, path, body)?;
        let stream = TcpStream::connect(self.addresses.as_slice()).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        // Requests are small, and each is wanted at once. Without it they only come later.
        let _ = stream.set_nodelay(true);
        let handshake = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| describe(&error))?;
        let connection = Connection(tokio::spawn(connection).abort_handle());
        let response = sender.send_request(request).await;
        Ok(Exchange {
            response: response.map_err(|error| describe(&error))?,
            _sender: sender,
            _connection: connection,
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::HOST, &self.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        request.body(body).map_err(|error| error.to_string())
    }
}

/// An answer whose head has come. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Exchange {
    response: Response<Incoming>,
    /// Without it the connection might end before the body.
    _sender: SendRequest<Full<Bytes>>,
    _connection: Connection,
}

impl Exchange {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next bytes of the body; nothing after the last.
    pub(super) async fn bytes(&mut self) -> Result<Option<Bytes>, String> {
        while let Some(frame) = self.response.body_mut().frame().await {
            let frame = frame.map_err(|error| describe(&error))?;
            // What is no data are trailers.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// The whole body, which has at most `max_bytes`.
    pub(super) async fn text(self, max_bytes: usize) -> Result<String, String> {
        let body = Limited::new(self.response.into_body(), max_bytes);
        let whole = body.collect().await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&whole.to_bytes()).into_owned())
    }
}

/// What moves the bytes of a connection; it ends when it is dropped.
#[derive(Debug)]
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A runtime with one thread, on which all bytes are moved.
pub(crate) fn runtime(url: &str) -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("load-network")
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Unreachable {
            url: url.to_owned(),
            problem: format!("no thread for the network: {error}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_have_a_path_and_gets_the_usual_one_otherwise() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/models"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/models"),
            ("http://127.0.0.1/api/v2/", "http://127.0.0.1/api/v2/models"),
            ("http://[::1]:90/x", "http://[::1]:90/x/models"),
        ] {
            let endpoint = Endpoint::find(url, "/v1", None).expect(url);
            assert_eq!(endpoint.url_of("/models"), expected);
        }
    }

    #[test]
    fn nothing_but_plain_http_is_spoken() {
        for url in [
            "https://127.0.0.1/v1",
            "127.0.0.1:8080",
            "/v1",
            "ftp://a",
            "",
        ] {
            let found = Endpoint::find(url, "/v1", None);
            assert!(matches!(found, Err(Failure::BadUrl { .. })), "{url}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_missing() {
        // A port that was free a moment ago, and that nobody listens on.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let url = format!("http://{address}");
        let runtime = runtime(&url).expect("a runtime");
        let endpoint = Endpoint::find(&url, "", None).expect("an address");
        let failure = endpoint
            .text(&runtime, "/metrics")
            .expect_err("nobody listens");
        assert!(matches!(failure, Failure::Unreachable { .. }), "{failure}");
    }
}
