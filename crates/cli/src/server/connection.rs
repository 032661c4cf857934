//! One connection, from its first byte until it is closed.
//!
//! Takes an accepted stream; serves its requests one after the other with a time limit on each
//! head and on each wait for the client to read. When the server closes, a connection ends after
//! the answer that it is giving.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Allowance;
use super::timed_writes::TimedWrites;

/// Bytes that are buffered per connection in each direction; a head must fit.
const BUFFER_BYTES: usize = 64 * 1024;

/// Serves `stream` until it is closed. `closing` changes when the server closes.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    allowance: Allowance,
    mut closing: watch::Receiver<bool>,
) {
    // Tokens are small, and each is wanted at once. Without it they only come later.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(TimedWrites::new(stream, allowance.reading));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(allowance.head)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(connection);
    // What goes wrong with a connection is the client's doing, and the client's to find out.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closing.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
