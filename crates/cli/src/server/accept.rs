//! Connections, from the first that is accepted to the last that is drained.
//!
//! Takes a socket and a signal; serves until the signal comes. Then no more prompts are taken, but
//! the server still answers: whoever asks for its health is told that it is not ready. Once
//! the engine has nothing left to do, or the time for it is over, no more connections are accepted,
//! and those that are there end after the answers that they are giving.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Server, connection, router};
use crate::signals::Signal;

/// How often a draining server looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Time between two tries when the system has no more files for connections.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Time after which recorded times are summed up, which take memory until then.
const SUM_UP_EVERY: Duration = Duration::from_secs(5);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything that was taken is answered.
    Drained,
    /// Time was over before that.
    CutShort(Signal),
}

/// Serves `listener` until a signal comes, and what was taken by then.
pub(crate) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    mut signals: mpsc::UnboundedReceiver<Signal>,
) -> Ending {
    let mut acceptor = Acceptor::new(listener, &server);
    let signal = acceptor.accept_until(signals.recv()).await;
    // The thread that listens for signals lives as long as the process.
    let signal = signal.unwrap_or(Signal::Terminate);
    let drain = server.allowance.drain;
    eprintln!(
        "{}: finishing {} requests, for at most {:.0} s; a second signal ends at once",
        signal.name(),
        server.load(),
        drain.as_secs_f64()
    );
    let end = Instant::now().checked_add(drain);
    server.drain();
    let idle = async {
        while server.load() > 0 && end.is_none_or(|end| Instant::now() < end) {
            sleep(LOOK_EVERY).await;
        }
    };
    acceptor.accept_until(idle).await;
    let mut open = acceptor.close();
    if let Some(end) = end
        && timeout_at(end, all_ended(&mut open)).await.is_err()
    {
        server.stop();
        // Connections that are dropped drop their answers, which withdraws them.
        open.shutdown().await;
        return Ending::CutShort(signal);
    }
    all_ended(&mut open).await;
    Ending::Drained
}

/// Accepts connections and keeps those that are open.
struct Acceptor {
    listener: TcpListener,
    server: Arc<Server>,
    router: Router,
    places: Arc<Semaphore>,
    open: JoinSet<()>,
    closing: watch::Sender<bool>,
}

impl Acceptor {
    fn new(listener: TcpListener, server: &Arc<Server>) -> Self {
        Self {
            listener,
            server: Arc::clone(server),
            router: router(server),
            places: Arc::new(Semaphore::new(server.allowance.connections)),
            open: JoinSet::new(),
            closing: watch::Sender::new(false),
        }
    }

    /// Accepts and serves until `end` is there.
    async fn accept_until<T>(&mut self, end: impl Future<Output = T>) -> T {
        tokio::pin!(end);
        let mut sum_up = tokio::time::interval(SUM_UP_EVERY);
        loop {
            tokio::select! {
                value = end.as_mut() => return value,
                _ = sum_up.tick() => self.server.instruments.sum_up(),
                // Connections that have ended leave their memory.
                Some(_) = self.open.join_next(), if !self.open.is_empty() => {}
                (stream, place) = next_stream(&self.listener, &self.places) => {
                    self.start(stream, place);
                }
            }
        }
    }

    fn start(&mut self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let served = connection::serve(
            stream,
            self.router.clone(),
            self.server.allowance,
            self.closing.subscribe(),
        );
        self.open.spawn(async move {
            served.await;
            drop(place);
        });
    }

    /// Accepts no more; gives the connections that are open, each of which ends after the answer
    /// that it is giving.
    fn close(self) -> JoinSet<()> {
        self.closing.send_replace(true);
        self.open
    }
}

/// The next connection, once there is a place for it. Others wait in the system's own queue.
async fn next_stream(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // The client was gone before it was accepted.
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(TRY_AGAIN_AFTER).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn all_ended(open: &mut JoinSet<()>) {
    while open.join_next().await.is_some() {}
}
