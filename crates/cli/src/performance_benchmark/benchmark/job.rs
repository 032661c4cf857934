//! What a measuring process is told to do, and what it tells: JSON over its standard streams.
//!
//! A [`Job`] goes in, one [`Line`] per event comes out, as it happens: of a process that is killed,
//! everything is known up to then. Plain data; nothing here measures.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use inferno_measure::host::MemoryUse;
use inferno_measure::performance::samples::{CacheCounts, MemoryReading, Process, Request, Run};
use inferno_measure::samples::Phase;
use serde::{Deserialize, Serialize};

/// What one process does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// What is loaded.
    pub(crate) engine: EngineKind,
    /// Requests that are computed together.
    pub(crate) slots: NonZeroUsize,
    /// Memory for answers that are kept; nothing keeps none.
    pub(crate) cache_bytes: Option<u64>,
    /// Tokens of each answer.
    pub(crate) max_tokens: NonZeroUsize,
    /// What is asked, in turn or by number.
    pub(crate) prompts: Vec<String>,
    /// Whether the fixed computation is timed between the steps.
    pub(crate) has_reference: bool,
    /// What is asked, step by step.
    pub(crate) steps: Vec<Step>,
    /// Where a flamegraph of the measured steps goes; then their times are worth nothing.
    pub(crate) profile: Option<PathBuf>,
}

/// What is loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineKind {
    /// The language model at this path, on the backend of the command line.
    Generator(PathBuf),
    /// The ONNX model at a path, which embeds texts.
    Embedder {
        /// The model.
        model: PathBuf,
        /// ONNX Runtime's shared library.
        library: PathBuf,
    },
}

/// Requests that are sent in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What is done, for people.
    pub(crate) name: String,
    /// Whether it is measured, or only prepares for it.
    pub(crate) phase: Phase,
    /// Whether the fields at the top of the result are about it.
    pub(crate) is_headline: bool,
    /// Clients, of which each sends a request when its last one has been answered.
    pub(crate) clients: NonZeroUsize,
    /// How many requests there are.
    pub(crate) amount: Amount,
    /// The prompt of each request; nothing takes them in turn.
    pub(crate) keys: Option<Vec<u32>>,
    /// Answers that the cache has room for.
    pub(crate) cache_capacity: Option<u64>,
    /// Whether memory is looked at after each request.
    pub(crate) watches_memory: bool,
}

/// When a step is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Amount {
    /// After so many requests.
    Requests(u64),
    /// After so long; each client sends at least one.
    Seconds(f64),
    /// When times have settled; after so long at the latest.
    Settled {
        /// The longest time.
        seconds: f64,
    },
}

/// What a process tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The engine takes requests.
    Loaded {
        /// From opening the model until then.
        load_ns: u64,
        /// Memory before.
        before_load: MemoryUse,
    },
    /// The fixed computation was done.
    Reference {
        /// How long it took.
        time_ns: u64,
    },
    /// A step begins; its number says which.
    Began {
        /// The step, from 0.
        step: usize,
    },
    /// A request of the step ended.
    Request {
        /// The request.
        request: Request,
    },
    /// Memory was looked at.
    Memory {
        /// The reading.
        reading: MemoryReading,
    },
    /// The step is over.
    Over {
        /// How long it took.
        wall_ns: u64,
        /// CPU time meanwhile.
        cpu_ns: Option<u64>,
        /// What the cache did.
        cache: Option<CacheCounts>,
    },
    /// All steps are over.
    Done {
        /// Memory, the model still loaded.
        at_rest: MemoryUse,
    },
}

/// Adds what `line` says to `process`, which carries out `job`.
pub(crate) fn take(process: &mut Process, job: &Job, line: Line) {
    match line {
        Line::Loaded {
            load_ns,
            before_load,
        } => {
            process.load_ns = Some(load_ns);
            process.before_load = before_load;
        }
        Line::Reference { time_ns } => process.references_ns.push(time_ns),
        Line::Began { step } => process.runs.extend(job.steps.get(step).map(empty_run)),
        Line::Done { at_rest } => process.at_rest = at_rest,
        Line::Request { request } => {
            if let Some(run) = process.runs.last_mut() {
                run.requests.push(request);
            }
        }
        Line::Memory { reading } => {
            if let Some(run) = process.runs.last_mut() {
                run.memory.push(reading);
            }
        }
        Line::Over {
            wall_ns,
            cpu_ns,
            cache,
        } => {
            if let Some(run) = process.runs.last_mut() {
                run.wall_ns = wall_ns;
                run.cpu_ns = cpu_ns;
                run.cache = cache;
            }
        }
    }
}

fn empty_run(step: &Step) -> Run {
    Run {
        name: step.name.clone(),
        phase: step.phase,
        headline: step.is_headline,
        clients: u32::try_from(step.clients.get()).unwrap_or(u32::MAX),
        cache_capacity: step.cache_capacity,
        wall_ns: 0,
        cpu_ns: None,
        cache: None,
        requests: Vec::new(),
        memory: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use inferno_measure::performance::samples::Ending;

    use super::*;

    pub(crate) fn job() -> Job {
        Job {
            engine: EngineKind::Generator("tiny.gguf".into()),
            slots: NonZeroUsize::MIN,
            cache_bytes: None,
            max_tokens: NonZeroUsize::MIN,
            prompts: vec!["a".to_owned(), "b".to_owned()],
            has_reference: true,
            steps: vec![Step {
                name: "one client".to_owned(),
                phase: Phase::Measured,
                is_headline: true,
                clients: NonZeroUsize::MIN,
                amount: Amount::Requests(2),
                keys: None,
                cache_capacity: None,
                watches_memory: false,
            }],
            profile: None,
        }
    }

    #[test]
    fn what_a_process_tells_becomes_its_samples() {
        let request = Request {
            start_ns: 5,
            latency_ns: 7,
            first_token_ns: None,
            prompt_tokens: None,
            tokens: Some(1),
            key: None,
            was_cached: None,
            ending: Ending::Served,
            error: None,
        };
        let lines = [
            Line::Loaded {
                load_ns: 3,
                before_load: MemoryUse::default(),
            },
            Line::Reference { time_ns: 11 },
            Line::Began { step: 0 },
            Line::Request {
                request: request.clone(),
            },
            Line::Over {
                wall_ns: 12,
                cpu_ns: Some(13),
                cache: None,
            },
            // A step that the job does not have.
            Line::Began { step: 9 },
        ];
        let job = job();
        let mut process = Process::default();
        for line in lines {
            let text = serde_json::to_string(&line).expect("plain data");
            assert!(!text.contains('\n'), "{text}");
            let read = serde_json::from_str(&text).expect("a line");
            take(&mut process, &job, read);
        }
        assert_eq!(process.load_ns, Some(3));
        assert_eq!(process.references_ns, [11]);
        assert_eq!(process.runs.len(), 1);
        assert_eq!(process.runs[0].requests, [request]);
        assert_eq!(process.runs[0].cpu_ns, Some(13));
        let text = serde_json::to_string(&job).expect("plain data");
        assert_eq!(serde_json::from_str::<Job>(&text).expect("a job"), job);
    }
}
