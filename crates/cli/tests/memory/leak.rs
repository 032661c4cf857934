//! Cycles on an engine that leaks as much per request as it is told, judged as the command judges them.
//!
//! Memory is the process's, so each run has a process of its own: this program again, with one test. By
//! hand, with 512 bytes per request (0 leaks nothing, and up to 256 do not matter):
//!
//! ```sh
//! INFERNO_LEAK_BYTES=512 cargo test -p inferno-cli --test memory -- --ignored --exact leak::fixture --nocapture
//! ```
//!
//! One run says little of how often the verdict is wrong. Each engine 20 times, some minutes on a machine
//! with nothing else to do:
//!
//! ```sh
//! INFERNO_LEAK_RUNS=20 cargo test -p inferno-cli --test memory -- slow_leaks --nocapture
//! ```

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::Arc;

use inferno_inference::Error;
use inferno_inference::backend::Backend as _;
use inferno_inference::candle::CandleBackend;
use inferno_inference::engine::counts::Counts;
use inferno_inference::engine::{CancelHandle, Engine, EngineConfig, Request};
use inferno_measure::leak::reading::{IS_TRIMMED, KEEPS_NO_BLOCKS};
use inferno_measure::leak::{Limits, Phase, Plan, Reading, cycles, judge};

use crate::command::model;
use crate::cycle::{self, Failed};
use crate::generate::{Generate, Sink};

/// How often the slow test runs each engine.
const RUNS: &str = "INFERNO_LEAK_RUNS";

/// Bytes that are leaked per request.
const BYTES: &str = "INFERNO_LEAK_BYTES";

const REQUESTS: NonZeroUsize = NonZeroUsize::new(4).unwrap();
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

const PLAN: Plan = Plan {
    warm_up: 25,
    control: 40,
    measured: 75,
};

/// An engine that keeps some memory of each request and never gives it back.
struct Leaking<G> {
    engine: G,
    bytes_per_request: usize,
}

impl<G: Generate> Generate for Leaking<G> {
    fn submit(&self, request: Request, sink: Sink) -> Result<CancelHandle, Error> {
        if self.bytes_per_request > 0 {
            // Written to, so that its pages are resident.
            std::mem::forget(vec![0xA5_u8; self.bytes_per_request]);
        }
        self.engine.submit(request, sink)
    }

    fn counts(&self) -> Counts {
        self.engine.counts()
    }

    fn is_alive(&self) -> bool {
        self.engine.is_alive()
    }

    fn context_tokens(&self) -> usize {
        self.engine.context_tokens()
    }

    fn drain(&self) {
        self.engine.drain();
    }

    fn stop(&self) {
        self.engine.stop();
    }
}

#[test]
#[ignore = "it measures its own process: the other test runs it in one, and so can people"]
fn fixture() {
    let bytes = std::env::var(BYTES).unwrap_or_else(|_| "0".to_owned());
    let bytes_per_request = bytes.parse().expect("INFERNO_LEAK_BYTES is a number");
    let model = CandleBackend.load(model()).expect("the synthetic model");
    let config = EngineConfig {
        slots: REQUESTS,
        ..EngineConfig::default()
    };
    let engine = Leaking {
        engine: Engine::new(Arc::new(model), config).expect("an engine"),
        bytes_per_request,
    };
    let requests = cycle::requests(REQUESTS, MAX_TOKENS);
    let cycles = cycles::run::<Failed>(
        PLAN,
        || cycle::run(&engine, &requests),
        |_| Ok(ControlFlow::Continue(())),
    );
    let cycles = cycles.expect("every cycle comes to rest");
    tell(
        "allocated",
        &cycles,
        |reading| reading.allocated_bytes,
        16.0,
    );
    tell(
        "anonymous",
        &cycles,
        |reading| reading.anonymous_bytes,
        4096.0,
    );
}

fn tell(name: &str, cycles: &[cycles::Cycle], read: fn(&Reading) -> Option<u64>, grain: f64) {
    let series = |phase| cycles::series(cycles, phase, read);
    let (Some(measured), Some(control)) = (series(Phase::Measured), series(Phase::Control)) else {
        println!("{name}: not measured");
        return;
    };
    let limits = Limits {
        tolerance: 256.0 * REQUESTS.get() as f64,
        grain,
    };
    let judgement = judge(&measured, &control, limits);
    println!(
        "{name}: {}",
        serde_json::to_string(&judgement).expect("JSON")
    );
}

/// What [`fixture`] says of the memory that was asked of the allocator, in a process of its own.
fn verdict(bytes_per_request: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "leak::fixture", "--nocapture"])
        .env(BYTES, bytes_per_request)
        .env(KEEPS_NO_BLOCKS.0, KEEPS_NO_BLOCKS.1)
        .output()
        .expect("this program runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    let line = stdout
        .lines()
        .find_map(|line| line.split_once("allocated: "));
    let (_, judgement) = line.unwrap_or_else(|| panic!("no line in {stdout}"));
    let judgement: serde_json::Value = serde_json::from_str(judgement).expect("JSON");
    judgement["verdict"].as_str().expect("a verdict").to_owned()
}

#[test]
fn an_engine_that_leaks_is_found_and_a_healthy_one_is_not() {
    if !IS_TRIMMED {
        // This platform's allocator does not tell what was asked of it.
        return;
    }
    assert_eq!(verdict("512"), "leak");
    assert_ne!(verdict("0"), "leak");
}

#[test]
fn slow_leaks_are_found_each_time_and_none_is_invented() {
    let Ok(runs) = std::env::var(RUNS) else {
        eprintln!(
            "SKIPPED slow_leaks_are_found_each_time_and_none_is_invented: set {RUNS} to run it"
        );
        return;
    };
    if !IS_TRIMMED {
        return;
    }
    let runs: usize = runs.parse().expect("INFERNO_LEAK_RUNS is a number");
    let mut leaks = [0, 0];
    for (found, bytes) in leaks.iter_mut().zip(["512", "0"]) {
        let verdicts: Vec<String> = (0..runs).map(|_| verdict(bytes)).collect();
        let count = |name: &str| verdicts.iter().filter(|verdict| *verdict == name).count();
        println!(
            "{bytes} bytes per request, {runs} runs: {} leak, {} none, {} inconclusive",
            count("leak"),
            count("none"),
            count("inconclusive")
        );
        *found = count("leak");
    }
    assert_eq!(leaks, [runs, 0], "found with a leak, and without one");
}
