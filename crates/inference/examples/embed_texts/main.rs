//! Embeds many short texts: cutting them into tokens and small matrix products, a workload of many
//! branches and small loops.
//!
//! Takes texts and a BERT model; gives a hash of the embeddings on stdout and timings on stderr.
//! With `--worker` it serves the line protocol of paired measurements instead. It is the second
//! program that the profile-guided optimisation of this repository is tried on.

mod worker;

#[path = "../concurrent_inference/usage.rs"]
mod usage;

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use inferno_inference::Error;
use inferno_inference::backend::{Backend, BatchModel, Embedding};
use inferno_inference::candle::bert::{CandleEmbedder, CandleEmbeddingBackend, DeviceName};
use inferno_inference::candle::threads;
use sha2::{Digest, Sha256};

use usage::{cpu_time, peak_rss_bytes};

/// Embeds the lines of a file.
#[derive(Debug, Parser)]
#[command(name = "embed_texts")]
struct Args {
    /// The model: `model.safetensors` or `model.onnx`, or the folder that holds it with what belongs to it.
    #[arg(short, long, value_name = "PATH", env = "EMBEDDING_MODEL_PATH")]
    model_path: PathBuf,

    /// A file with one text per line; empty lines are skipped.
    #[arg(long, value_name = "FILE", required_unless_present = "worker")]
    texts: Option<PathBuf>,

    /// Texts of one pass.
    #[arg(long, value_name = "N", default_value = "8")]
    batch: NonZeroUsize,

    /// How often the file is gone through.
    #[arg(long, value_name = "N", default_value = "1")]
    rounds: NonZeroUsize,

    /// Threads that compute.
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,

    /// What computes.
    #[arg(long, value_enum, default_value_t)]
    backend: BackendName,

    /// ONNX Runtime's shared library, for the backend onnx.
    #[cfg(feature = "onnx")]
    #[arg(
        long,
        value_name = "FILE",
        env = "ORT_DYLIB_PATH",
        required_if_eq("backend", "onnx")
    )]
    onnx_library: Option<PathBuf>,

    /// Where candle computes; `cuda` needs the feature of that name, and a GPU.
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceArg,

    /// Serve requests from stdin, one JSON object per line.
    #[arg(long)]
    worker: bool,
}

/// The backends of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum BackendName {
    /// Kernels in Rust, and a model in the safetensors format.
    #[default]
    Candle,
    /// ONNX Runtime, and a model in the ONNX format.
    #[cfg(feature = "onnx")]
    Onnx,
}

/// A device, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceArg {
    Cpu,
    Cuda,
}

impl From<DeviceArg> for DeviceName {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Cuda => Self::Cuda,
        }
    }
}

/// Why the program cannot go on.
#[derive(Debug)]
enum Failure {
    Engine(Error),
    Texts { path: PathBuf, problem: String },
    Protocol(String),
    Stream(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Failure {
    fn print(&self) -> u8 {
        match self {
            Self::Engine(error) => {
                eprintln!("error: {}", chain(error));
                if let Some(hint) = error.hint() {
                    eprintln!("  next: {hint}");
                }
                error.exit_code()
            }
            Self::Texts { path, problem } => {
                eprintln!("error: {}: {problem}", path.display());
                2
            }
            Self::Protocol(line) => {
                eprintln!("error: not a request with a seq: {line}");
                2
            }
            Self::Stream(error) => {
                eprintln!("error: stdin or stdout: {error}");
                1
            }
        }
    }
}

/// The message of `error` and of what caused it, in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn main() -> ExitCode {
    let started = Instant::now();
    match execute(&Args::parse(), started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.print()),
    }
}

fn execute(args: &Args, started: Instant) -> Result<(), Failure> {
    match args.backend {
        BackendName::Candle => serve(&candle_model(args)?, args, started),
        #[cfg(feature = "onnx")]
        BackendName::Onnx => serve(&onnx_model(args)?, args, started),
    }
}

fn candle_model(args: &Args) -> Result<CandleEmbedder, Error> {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: this is the only thread.
    unsafe { threads::start_pool(args.threads) }?;
    let device = args.device.into();
    CandleEmbeddingBackend { device }.load(&args.model_path)
}

#[cfg(feature = "onnx")]
fn onnx_model(args: &Args) -> Result<inferno_inference::onnx::OnnxEmbedder, Error> {
    use inferno_inference::onnx::{OnnxEmbeddingBackend, OnnxSettings};

    let library = args.onnx_library.clone();
    let mut settings = OnnxSettings::new(library.expect("clap asks for it with this backend"));
    settings.threads = args.threads;
    OnnxEmbeddingBackend::new(settings).load(&args.model_path)
}

/// Embeds the file that was named, or serves requests.
fn serve(
    model: &impl BatchModel<Input = String, Output = Embedding>,
    args: &Args,
    started: Instant,
) -> Result<(), Failure> {
    match &args.texts {
        Some(path) if !args.worker => run(model, args, path, started.elapsed()),
        _ => worker::serve(model, args.batch, started),
    }
}

/// Embeds a file and says how long it took.
fn run(
    model: &impl BatchModel<Input = String, Output = Embedding>,
    args: &Args,
    path: &Path,
    startup: Duration,
) -> Result<(), Failure> {
    let texts = read_texts(path)?;
    let (begun, cpu_begun) = (Instant::now(), cpu_time());
    let mut hash = Sha256::new();
    for _ in 0..args.rounds.get() {
        embed(model, &texts, args.batch, &mut hash)?;
    }
    let (wall, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu_begun));
    println!("{}", hexadecimal(hash));
    let count = texts.len() * args.rounds.get();
    eprintln!("Start: {:.6}s", startup.as_secs_f64());
    eprintln!("Texts: {count}");
    eprintln!("Wall time: {:.6}s", wall.as_secs_f64());
    eprintln!("CPU time: {:.6}s", cpu.as_secs_f64());
    eprintln!("Texts/sec: {:.4}", count as f64 / wall.as_secs_f64());
    if let Some(bytes) = peak_rss_bytes() {
        eprintln!("Peak memory: {:.1} MiB", bytes as f64 / (1024.0 * 1024.0));
    }
    Ok(())
}

/// The lines of a file that are not empty.
fn read_texts(path: &Path) -> Result<Vec<String>, Failure> {
    let unusable = |problem: String| Failure::Texts {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let texts: Vec<String> = lines.map(str::to_owned).collect();
    if texts.is_empty() {
        return Err(unusable("it holds no texts".to_owned()));
    }
    Ok(texts)
}

/// Embeds `texts`, `batch` at a time, and hashes the bits of what comes out.
fn embed(
    model: &impl BatchModel<Input = String, Output = Embedding>,
    texts: &[String],
    batch: NonZeroUsize,
    hash: &mut Sha256,
) -> Result<(), Error> {
    for texts in texts.chunks(batch.get()) {
        for embedding in model.run(texts)? {
            for value in embedding?.values {
                hash.update(value.to_le_bytes());
            }
        }
    }
    Ok(())
}

fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
