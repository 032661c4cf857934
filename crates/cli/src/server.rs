//! The server: models behind an OpenAI-compatible HTTP interface.
//!
//! Takes connections; gives answers, and an error with one shape for whatever is wrong. It knows
//! models only as [`Generate`] and [`Embed`]. Nothing here is trusted that a client sends, and no
//! client can hold the engine: answers are buffered per request, a client that goes away withdraws
//! its request, and one that does not read loses its connection.
//!
//! - [`accept`], `connection`, `timed_writes`: connections, from the first to the drained last
//! - `authorization`, `body`, [`error`]: what every request passes
//! - `generation`, `generation_body`, `unsupported`, `answer`, `reply`, `event_stream`: answers to
//!   prompts
//! - `embeddings`: directions of texts
//! - [`request_check`]: what is made of a body, without a server
//! - `status`: what the server says about itself

pub(crate) mod accept;
mod answer;
mod authorization;
mod body;
mod connection;
mod embeddings;
mod error;
mod event_stream;
#[cfg(test)]
mod fake;
mod generation;
mod generation_body;
mod reply;
pub(crate) mod request_check;
mod status;
mod timed_writes;
mod unsupported;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use inferno_inference::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api_key::ApiKey;
use crate::embed::Embed;
use crate::generate::Generate;
use crate::instruments::Instruments;
use error::ApiError;
use reply::Shape;

/// Threads that cut prompts into tokens, each for one request at a time.
pub(crate) const TOKENIZER_THREADS: usize = 8;

/// What one client or one request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// Connections at the same time; more wait to be accepted.
    pub(crate) connections: usize,
    /// Requests that wait for the engine, and requests for embeddings on their way; more are refused.
    pub(crate) queue: usize,
    /// Bytes of a body.
    pub(crate) body_bytes: usize,
    /// Tokens of an answer whose request names no number.
    pub(crate) answer_tokens: NonZeroUsize,
    /// From a connection's first byte, or from the last answer, until the next head is complete.
    pub(crate) head: Duration,
    /// From a head until its body is complete.
    pub(crate) body: Duration,
    /// From submission until an answer is complete.
    pub(crate) answer: Duration,
    /// For which a client may read nothing of what is ready for it.
    pub(crate) reading: Duration,
    /// From the signal until everything that was taken is answered.
    pub(crate) drain: Duration,
}

/// What all requests share.
pub(crate) struct Server {
    engine: Arc<dyn Generate>,
    model_name: String,
    embedder: Option<Arc<dyn Embed>>,
    /// Bytes of the longest prompt that fits into the model's context.
    prompt_bytes: usize,
    /// A turn for each thread that cuts prompts into tokens.
    tokenizer_turns: Arc<Semaphore>,
    /// A place for each request for embeddings that may be on its way.
    embedding_places: Arc<Semaphore>,
    api_key: Option<ApiKey>,
    allowance: Allowance,
    instruments: Arc<Instruments>,
    /// Seconds since 1970.
    started: u64,
    is_draining: AtomicBool,
}

impl Server {
    /// A server that takes requests. Without an embedder it has no embeddings; without a key
    /// everybody who reaches it may use it.
    pub(crate) fn new(
        engine: Arc<dyn Generate>,
        model_name: String,
        embedder: Option<Arc<dyn Embed>>,
        api_key: Option<ApiKey>,
        allowance: Allowance,
    ) -> Self {
        Self {
            prompt_bytes: engine.prompt_bytes(),
            engine,
            model_name,
            embedder,
            tokenizer_turns: Arc::new(Semaphore::new(TOKENIZER_THREADS)),
            embedding_places: Arc::new(Semaphore::new(allowance.queue)),
            api_key,
            allowance,
            instruments: Arc::new(Instruments::new()),
            started: unix_seconds(),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Takes no more requests and answers those that are there. The embedder goes on as long as there
    /// are any: a request whose first texts were taken has others that follow.
    fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.engine.drain();
    }

    /// Refuses what waits.
    fn stop(&self) {
        self.engine.stop();
        if let Some(embedder) = &self.embedder {
            embedder.stop();
        }
    }

    fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Why a prompt that comes now is not taken, as far as that is known before it is cut into
    /// tokens. Where answers are kept a full queue says nothing: one of them may be the answer.
    fn refusal(&self) -> Option<Error> {
        if self.is_draining() {
            return Some(Error::EngineStopped);
        }
        let capacity = self.allowance.queue;
        let counts = self.engine.counts();
        let is_full = counts.responses.is_none() && counts.waiting >= capacity;
        is_full.then_some(Error::Overloaded { capacity })
    }

    /// A place for one more request for embeddings. It is free again when the last copy is dropped.
    fn embedding_place(&self) -> Result<Arc<OwnedSemaphorePermit>, Error> {
        let capacity = self.allowance.queue;
        let place = Arc::clone(&self.embedding_places)
            .try_acquire_owned()
            .map_err(|_| Error::Overloaded { capacity })?;
        // Looked at with the place in hand: whoever is draining waits for the place, or it is seen here.
        if self.is_draining() {
            return Err(Error::EngineStopped);
        }
        Ok(Arc::new(place))
    }

    /// Requests that wait or are computed. One that is on its way from the queue into the batch is
    /// in neither number.
    fn load(&self) -> usize {
        let counts = self.engine.counts();
        let embeddings = self.allowance.queue - self.embedding_places.available_permits();
        counts.waiting + counts.running + embeddings
    }
}

/// Which request is answered by what.
fn router(server: &Arc<Server>) -> Router {
    let protected: Router<Arc<Server>> = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(completion))
        .route("/v1/embeddings", post(embed))
        .route(
            "/v1/models",
            get(|State(server): State<Arc<Server>>| async move { status::models(&server) }),
        )
        .route(
            "/metrics",
            get(|State(server): State<Arc<Server>>| async move { status::metrics(&server) }),
        )
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(server),
            authorization::require_key,
        ));
    Router::<Arc<Server>>::new()
        .route(
            "/health",
            get(|State(server): State<Arc<Server>>| async move { status::health(&server) }),
        )
        .route(
            "/health/ready",
            get(|State(server): State<Arc<Server>>| async move { status::ready(&server) }),
        )
        .merge(protected)
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            ApiError::method_not_allowed(&method, uri.path())
        })
        .fallback(|uri: Uri| async move { ApiError::unknown_route(uri.path()) })
        .layer(middleware::from_fn_with_state(
            Arc::clone(server),
            error::count,
        ))
        .with_state(Arc::clone(server))
}

async fn chat(State(server): State<Arc<Server>>, request: Request) -> Result<Response, ApiError> {
    generation::answer(&server, Shape::Chat, request).await
}

async fn completion(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, ApiError> {
    generation::answer(&server, Shape::Completion, request).await
}

async fn embed(State(server): State<Arc<Server>>, request: Request) -> Result<Response, ApiError> {
    embeddings::answer(&server, request).await
}

/// Seconds since 1970.
fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
