//! Answers prompts at once on one model, and says where the time went.
//!
//! Takes prompts and a GGUF model; gives the answers on stdout in the order of the prompts, and
//! timings on stderr. With `--worker` it serves the line protocol of paired measurements instead.
//! This is the program that the profile-guided optimisation of this repository is about: it
//! holds no logic of its own beyond reading arguments and writing figures.

mod args;
mod batch;
mod document;
mod failure;
mod model_file;
mod prompts;
mod report;
mod usage;
mod worker;

use std::io::Write;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use inferno_inference::backend::{Backend, Model};
use inferno_inference::candle::{CandleBackend, threads};
use inferno_inference::engine::{Engine, EngineConfig};

use args::{Args, BackendName};
use failure::Failure;
use prompts::PromptSource;

/// How long each part of a cold start took.
#[derive(Debug, Clone, Copy)]
struct ColdStart {
    backend: Duration,
    model: Duration,
    engine: Duration,
    /// From the first line of `main` until the engine takes requests.
    total: Duration,
}

fn main() -> ExitCode {
    let started = Instant::now();
    let args = Args::parse();
    let outcome = match args.backend {
        BackendName::Candle => execute(&CandleBackend, &args, started),
        #[cfg(feature = "llama")]
        BackendName::Llama => {
            let threads = args.threads.unwrap_or_else(threads::available);
            let backend = inferno_inference::llama::LlamaBackend { threads };
            execute(&backend, &args, started)
        }
    };
    outcome.unwrap_or_else(|failure| {
        failure.print();
        ExitCode::from(failure.exit_code())
    })
}

fn execute<B: Backend<Model: Model>>(
    backend: &B,
    args: &Args,
    started: Instant,
) -> Result<ExitCode, Failure> {
    if args.input.worker {
        serve(backend, args, started)
    } else {
        run(backend, args, started)
    }
}

/// One batch, from a cold start to its figures.
fn run<B: Backend<Model: Model>>(
    backend: &B,
    args: &Args,
    started: Instant,
) -> Result<ExitCode, Failure> {
    let prompts = match (&args.input.prompt, &args.input.prompts) {
        (Some(text), _) => PromptSource::one(text),
        (None, Some(path)) => PromptSource::read(path)?,
        (None, None) => unreachable!("clap requires a prompt, a file of prompts or --worker"),
    };
    let thread_count = args.threads.unwrap_or_else(threads::available);
    let backend_started = Instant::now();
    start_pool(thread_count)?;
    let backend_start = backend_started.elapsed();
    let (engine, model, engine_creation) = start_engine(backend, args)?;
    let cold_start = ColdStart {
        backend: backend_start,
        model,
        engine: engine_creation,
        total: started.elapsed(),
    };
    let batch = batch::run(&engine, &prompts, &args.batch(), 0);
    let exit_code = if batch.failures().next().is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    report::print_log(&cold_start, &batch, args.verbose).map_err(Failure::Output)?;
    if args.json {
        let document = document::batch(B::NAME, &cold_start, &batch, thread_count);
        print_line(&document.to_string())?;
    } else {
        report::print_answers(&batch).map_err(Failure::Output)?;
    }
    Ok(exit_code)
}

/// Requests from stdin until it ends.
fn serve<B: Backend<Model: Model>>(
    backend: &B,
    args: &Args,
    started: Instant,
) -> Result<ExitCode, Failure> {
    if let Some(thread_count) = args.threads {
        start_pool(thread_count)?;
    }
    let (engine, ..) = start_engine(backend, args)?;
    worker::serve(&engine, args.threads, started)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes candle's thread pool.
fn start_pool(thread_count: NonZeroUsize) -> Result<(), Failure> {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: called from the main thread; the only other thread that can exist by then is the
    // engine's, which waits for requests and does not touch the environment.
    unsafe { threads::start_pool(thread_count) }.map_err(Failure::Engine)
}

/// Loads the model and starts the engine; gives the time of each.
fn start_engine<B: Backend<Model: Model>>(
    backend: &B,
    args: &Args,
) -> Result<(Engine<B::Model>, Duration, Duration), Failure> {
    let path = model_file::locate(args.model_path.as_deref())?;
    let model_started = Instant::now();
    let model = Arc::new(backend.load(&path).map_err(Failure::Engine)?);
    let model_loading = model_started.elapsed();
    let engine_started = Instant::now();
    let defaults = EngineConfig::default();
    let config = EngineConfig {
        slots: args.slots,
        pass_tokens: defaults.pass_tokens.max(args.slots),
        ..defaults
    };
    let engine = Engine::new(model, config).map_err(Failure::Engine)?;
    Ok((engine, model_loading, engine_started.elapsed()))
}

/// Writes one line to stdout at once.
fn print_line(line: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Output)
}
