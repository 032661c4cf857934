//! `inferno serve`: the options of the server, and its life from the model file to the last answer.
//!
//! It prints one line to stdout when it takes requests: `listening on http://ADDRESS`. It ends with
//! 0 after everything that it took is answered, else with the code of the signal that ended it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use inferno_inference::engine::EngineConfig;
use inferno_inference::engine::response::ResponseCacheConfig;
use tokio::sync::{Semaphore, mpsc};

use crate::api_key::ApiKey;
use crate::backend::ModelOptions;
use crate::embed::EmbeddingOptions;
use crate::failure::Failure;
use crate::server::accept::{self, Ending};
use crate::server::{Allowance, Server, TOKENIZER_THREADS};
use crate::{exit, model_file, seconds, signals};

/// Threads that move bytes; the model has its own.
const NETWORK_THREADS: usize = 2;

/// Time for threads to end that still do something when serving has ended.
const ENDING: Duration = Duration::from_secs(1);

/// Which model is served to whom, and how much each may take.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    #[command(flatten)]
    embedding: EmbeddingOptions,

    #[command(flatten)]
    engine: EngineOptions,

    #[command(flatten)]
    limits: LimitOptions,

    /// The address to listen on; one that other machines reach needs an API key
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// The port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// A file with the key that clients must show [default: `INFERNO_API_KEY`, if set]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,

    /// What the model is called in requests [default: the file's name]
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,
}

/// How the engine computes.
#[derive(Debug, Args)]
struct EngineOptions {
    /// Requests that are computed together; the others wait
    #[arg(long, value_name = "N", default_value = "4")]
    slots: NonZeroUsize,

    /// Requests that may wait, and requests for embeddings at the same time; more are refused with status 429
    #[arg(long, value_name = "N", default_value = "64")]
    queue: NonZeroUsize,

    /// Tokens that all requests together may remember [default: 1024 for each of them, and at least the model's context]
    #[arg(long, value_name = "N")]
    cache_tokens: Option<NonZeroUsize>,

    /// Sequences kept after their answers, for prompts that begin alike
    #[arg(long, value_name = "N", default_value_t = 0)]
    kept_prefixes: usize,

    /// Memory for answers that are kept and given again [default: none are kept]
    #[arg(long, value_name = "BYTES")]
    response_cache_bytes: Option<NonZeroU64>,

    /// How long an answer is kept
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "600")]
    response_cache_ttl: Duration,
}

/// What one client or one request may take.
#[derive(Debug, Args)]
struct LimitOptions {
    /// Most tokens of an answer whose request names no number
    #[arg(long, value_name = "N", default_value = "512")]
    max_tokens: NonZeroUsize,

    /// Longest body of a request
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    max_body_bytes: usize,

    /// Connections at the same time; more wait until one ends
    #[arg(long, value_name = "N", default_value = "256")]
    max_connections: NonZeroUsize,

    /// Time for an answer, waiting included; then status 504
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "300")]
    request_timeout: Duration,

    /// Time for a client to send the head of a request, and to begin with its next one
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "10")]
    header_timeout: Duration,

    /// Time for a client to send the body of a request; then status 408
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "30")]
    body_timeout: Duration,

    /// Time for which a client may read nothing; then its connection is closed
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "30")]
    write_timeout: Duration,

    /// Time to finish what was taken when the server is told to end
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "30")]
    drain_timeout: Duration,
}

/// Serves until a signal comes; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let api_key = ApiKey::find(arguments.api_key_file.as_deref())?;
    let address = SocketAddr::new(arguments.host, arguments.port);
    if api_key.is_none() && !address.ip().is_loopback() {
        return Err(Failure::Exposed(address));
    }
    let path = arguments.model.path()?;
    // A taken port is said before the model is loaded. Who connects meanwhile waits.
    let listener = bind(address)?;
    if arguments.embedding.needs_pool() {
        arguments.model.start_pool()?;
    }
    let engine = arguments.model.start(&path, arguments.engine.config())?;
    let model_name = arguments
        .model_name
        .clone()
        .unwrap_or_else(|| model_file::name(&path));
    tracing::info!("{} is loaded, as {model_name:?}", path.display());
    let requests = arguments.engine.queue;
    let threads = arguments.model.threads();
    let embedder = arguments.embedding.start(threads, requests)?;
    let allowance = arguments.limits.allowance(requests);
    let server = Arc::new(Server::new(
        engine, model_name, embedder, api_key, allowance,
    ));
    let (sender, signals) = mpsc::unbounded_channel();
    signals::listen(move |signal| {
        // The receiver is gone when serving has ended already.
        let _ = sender.send(signal);
    })?;
    let ending = serve(listener, server, signals)?;
    Ok(match ending {
        Ending::Drained => exit::ANSWERED,
        Ending::CutShort(signal) => {
            eprintln!("{}: some answers are not complete", signal.name());
            signal.exit_code()
        }
    })
}

/// Serves on a runtime of its own.
fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    signals: mpsc::UnboundedReceiver<signals::Signal>,
) -> Result<Ending, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .max_blocking_threads(TOKENIZER_THREADS)
        .thread_name("network")
        .enable_io()
        .enable_time()
        .build()
        .map_err(Failure::Start)?;
    let ending = runtime.block_on(async {
        let address = listener.local_addr().map_err(Failure::Start)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Failure::Start)?;
        announce(address)?;
        Ok::<_, Failure>(accept::serve(listener, server, signals).await)
    });
    runtime.shutdown_timeout(ENDING);
    ending
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address);
    let listener = listener.and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| Failure::Bind { address, source })
}

/// Says where the server is, to programs that wait for it.
fn announce(address: SocketAddr) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

impl EngineOptions {
    fn config(&self) -> EngineConfig {
        let defaults = EngineConfig::default();
        EngineConfig {
            slots: self.slots,
            queue_capacity: self.queue,
            // Each slot takes in a token per pass.
            pass_tokens: defaults.pass_tokens.max(self.slots),
            cache_tokens: self.cache_tokens,
            kept_prefixes: self.kept_prefixes,
            responses: self.response_cache_bytes.map(|bytes| ResponseCacheConfig {
                max_bytes: bytes.get(),
                time_to_live: self.response_cache_ttl,
            }),
        }
    }
}

impl LimitOptions {
    fn allowance(&self, queue: NonZeroUsize) -> Allowance {
        // The semaphores that count them hold no more.
        let counted = |number: NonZeroUsize| number.get().min(Semaphore::MAX_PERMITS);
        Allowance {
            connections: counted(self.max_connections),
            queue: counted(queue),
            body_bytes: self.max_body_bytes,
            answer_tokens: self.max_tokens,
            head: self.header_timeout,
            body: self.body_timeout,
            answer: self.request_timeout,
            reading: self.write_timeout,
            drain: self.drain_timeout,
        }
    }
}
