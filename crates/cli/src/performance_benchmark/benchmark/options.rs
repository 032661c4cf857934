//! The options of everything that measures, and the circumstances that they lead to.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::Args;
use inferno_measure::performance::samples::Process;
use inferno_measure::performance::{Circumstances, Environment, Model, Settings, Suite, Task};

use super::job::{EngineKind, Job};
use super::prompts;
use super::runner::Runner;
use super::suite_run::Volume;
use super::suites::{CLIENTS, Setup, Share};
use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::performance_benchmark::results::fingerprint;

/// Time of a process that is profiled, in seconds: some thousand samples.
const PROFILED_S: f64 = 4.0;

/// Processes of each suite.
const PROCESSES: NonZeroU32 = NonZeroU32::new(8).unwrap();

/// Pairs of processes of each suite: on shared machines with two processors their ratios vary by 3 %, and so
/// many tell a change of 5 % (docs/measuring.md).
const PAIRS: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// How the processes of a suite follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// One after the other.
    Alone,
    /// In turns with those of another program.
    InTurns,
}

/// Which model is measured, and how.
#[derive(Debug, Args)]
pub(crate) struct MeasuringOptions {
    #[command(flatten)]
    model: ModelOptions,

    /// Tokens of each answer, which has exactly so many
    #[arg(long, value_name = "N", default_value = "16")]
    max_tokens: NonZeroUsize,

    /// Requests that are computed together; the others wait
    #[arg(long, value_name = "N", default_value = "4")]
    slots: NonZeroUsize,

    /// Processes in which each suite runs, one after the other; results of fewer than 8 cannot be told apart [default: 8, and 16 of each program with --against]
    #[arg(long, value_name = "N")]
    restarts: Option<NonZeroU32>,

    /// A file with a prompt on each line [default: short questions of this program]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,

    /// Different prompts of the cache suite; with 50 of them 93 answers are computed to fill its caches
    #[arg(long, value_name = "N", default_value = "50")]
    cache_keys: NonZeroU32,

    /// How unequally popular they are: the exponent of Zipf's law, 0 for all alike
    #[arg(long, value_name = "S", value_parser = exponent, default_value = "1.0")]
    zipf: f64,

    /// Decides which of them is asked for
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Be a measuring process: the job comes on stdin
    #[arg(long, hide = true)]
    worker: bool,
}

/// Where the ONNX backend's model and library are.
#[derive(Debug, Args)]
pub(crate) struct OnnxOptions {
    /// For the backend onnx: the model that embeds texts, or its folder [default: the only one in the folder of models]
    #[arg(long, value_name = "PATH", env = "INFERNO_ONNX_MODEL")]
    onnx_model: Option<PathBuf>,

    /// For the backend onnx: ONNX Runtime's shared library [default: the only one in the folder of models]
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    onnx_library: Option<PathBuf>,
}

/// An exponent of Zipf's law.
fn exponent(text: &str) -> Result<f64, String> {
    let exponent: Option<f64> = text.trim().parse().ok();
    exponent
        .filter(|exponent| (0.0..=10.0).contains(exponent))
        .ok_or_else(|| format!("{text:?} is no number from 0 to 10"))
}

/// What is measured, and under which circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Circumstance {
    /// What every suite needs.
    pub(crate) setup: Setup,
    /// Most processes of a suite.
    pub(crate) processes: NonZeroU32,
    model: Model,
    environment: Environment,
    threads: u32,
}

impl MeasuringOptions {
    /// Whether this is a measuring process.
    pub(crate) fn is_worker(&self) -> bool {
        self.worker
    }

    /// Which model.
    pub(crate) fn model(&self) -> &ModelOptions {
        &self.model
    }

    /// The language model of the command line.
    pub(crate) fn generator(&self, course: Course) -> Result<Circumstance, Failure> {
        let path = self.model.path()?;
        let model = fingerprint::model(&path, self.model.backend_name(), Task::Generate)?;
        self.circumstance(EngineKind::Generator(path), model, course)
    }

    /// The ONNX model that `onnx` names, or that lies in the folder of models.
    pub(crate) fn embedder(&self, onnx: &OnnxOptions) -> Result<Circumstance, Failure> {
        // Said before anything is looked for: another model would not help.
        if !cfg!(feature = "onnx") {
            return Err(Failure::BackendNotBuilt("onnx"));
        }
        let models = self.model.models_folder();
        let path = onnx.model_file(models)?;
        let library = onnx.library(models)?;
        let model = fingerprint::model(&path, "onnx", Task::Embed)?;
        let engine = EngineKind::Embedder {
            model: path,
            library,
        };
        self.circumstance(engine, model, Course::Alone)
    }

    fn circumstance(
        &self,
        engine: EngineKind,
        model: Model,
        course: Course,
    ) -> Result<Circumstance, Failure> {
        let program = std::env::current_exe().unwrap_or_default();
        Ok(Circumstance {
            setup: Setup {
                engine,
                task: model.task,
                slots: self.slots,
                max_tokens: self.max_tokens,
                prompts: prompts::read(self.prompts.as_deref())?,
                cache_keys: self.cache_keys,
                zipf_exponent: self.zipf,
                seed: self.seed,
            },
            processes: self.restarts.unwrap_or(match course {
                Course::Alone => PROCESSES,
                Course::InTurns => PAIRS,
            }),
            model,
            environment: fingerprint::environment(&program),
            threads: count(self.model.threads().get()),
        })
    }
}

impl OnnxOptions {
    fn model_file(&self, models: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(path) = named(self.onnx_model.as_deref()) {
            let file = if path.is_dir() {
                path.join("model.onnx")
            } else {
                path.to_owned()
            };
            return Some(file)
                .filter(|file| file.is_file())
                .ok_or_else(|| Failure::NoSuchModel(path.to_owned()));
        }
        let is_embedder = |folder: &Path| {
            folder.join("model.onnx").is_file() && folder.join("tokenizer.json").is_file()
        };
        only(models, is_embedder)
            .map(|folder| folder.join("model.onnx"))
            .ok_or(Failure::NoOnnx {
                what: "model",
                option: "--onnx-model PATH",
                fetch: "cargo xtask model fetch minilm-int8-onnx",
            })
    }

    fn library(&self, models: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(path) = named(self.onnx_library.as_deref()) {
            return Ok(path.to_owned());
        }
        let is_library = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_file() && name.starts_with("libonnxruntime")
        };
        only(models, is_library).ok_or(Failure::NoOnnx {
            what: "shared library of ONNX Runtime",
            option: "--onnx-library FILE",
            fetch: "cargo xtask model fetch onnxruntime",
        })
    }
}

/// An empty variable is a variable that somebody meant to unset.
fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// The only entry of `folder` that is wanted.
fn only(folder: Option<&Path>, is_wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = folder?.read_dir().ok()?;
    let mut found = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_wanted(path));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

impl Circumstance {
    /// The circumstances of a suite.
    pub(crate) fn of(&self, suite: Suite, volume: Volume) -> Circumstances {
        Circumstances {
            tool: fingerprint::tool(),
            environment: self.environment.clone(),
            model: self.model.clone(),
            settings: self.settings(suite, volume),
        }
    }

    fn settings(&self, suite: Suite, volume: Volume) -> Settings {
        let setup = &self.setup;
        let numbered;
        let prompts = if suite == Suite::Cache {
            numbered = prompts::numbered(setup.cache_keys.get());
            &numbered
        } else {
            &setup.prompts
        };
        let clients = match suite {
            Suite::Concurrent => CLIENTS.map(|clients| count(clients.get())).to_vec(),
            Suite::Inference | Suite::Memory | Suite::Cache => vec![1],
        };
        Settings {
            threads: self.threads,
            slots: count(setup.slots.get()),
            max_tokens: match setup.task {
                Task::Generate => count(setup.max_tokens.get()),
                Task::Embed => 0,
            },
            prompts: count(prompts.len()),
            prompts_sha256: fingerprint::sha256_of_texts(prompts),
            clients,
            cache: (suite == Suite::Cache).then(|| setup.cache_settings()),
            processes: self.processes.get(),
            requests: match volume {
                Volume::Requests(requests) => Some(requests),
                Volume::Time(_) => None,
            },
            duration_s: match volume {
                Volume::Requests(_) => None,
                Volume::Time(time) => Some(time.as_secs_f64()),
            },
            turns: None,
        }
    }

    /// The suites that make sense for the model.
    pub(crate) fn suites(&self) -> &'static [Suite] {
        match self.setup.task {
            Task::Generate => &Suite::ALL,
            // The engine keeps no answers for it.
            Task::Embed => &[Suite::Inference, Suite::Memory, Suite::Concurrent],
        }
    }

    /// Samples one process while it does what `suite` asks; writes the flamegraph to `path`.
    pub(crate) fn profile(
        &self,
        suite: Suite,
        path: &Path,
        runner: &Runner,
    ) -> Result<(), Failure> {
        let job = Job {
            has_reference: false,
            profile: Some(path.to_owned()),
            ..self.setup.job(suite, Share::Seconds(PROFILED_S))
        };
        let (_, outcome) = runner.run(&job, 0, Box::new(|_: &Process| {}));
        outcome
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_numbers_that_make_a_law() {
        assert_eq!(exponent(" 1.2"), Ok(1.2));
        assert_eq!(exponent("0"), Ok(0.0));
        for bad in ["", "-1", "nan", "inf", "11", "steep"] {
            assert!(exponent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_parts_of_onnx_are_found_where_they_are_fetched_to() {
        let models = tempfile::tempdir().expect("a folder");
        let none = OnnxOptions {
            onnx_model: None,
            onnx_library: Some(PathBuf::new()),
        };
        let folder = Some(models.path());
        for failure in [
            none.model_file(folder),
            none.library(folder),
            none.library(None),
        ] {
            let failure = failure.expect_err("nothing there");
            assert!(
                failure.hint().is_some_and(|hint| hint.contains("fetch")),
                "{failure}"
            );
        }
        for (name, companion) in [("minilm", "tokenizer.json"), ("magika", "config.min.json")] {
            let folder = models.path().join(name);
            std::fs::create_dir(&folder).expect("a folder");
            std::fs::write(folder.join("model.onnx"), "").expect("a file");
            std::fs::write(folder.join(companion), "").expect("a file");
        }
        let library = models.path().join("libonnxruntime.so.1.31.1");
        std::fs::write(&library, "").expect("a file");
        let model = models.path().join("minilm/model.onnx");
        assert_eq!(none.model_file(folder).expect("a model"), model);
        assert_eq!(none.library(folder).expect("a library"), library);
        let given = OnnxOptions {
            onnx_model: Some(models.path().join("magika")),
            onnx_library: None,
        };
        assert_eq!(
            given.model_file(None).expect("a model"),
            models.path().join("magika/model.onnx")
        );
        std::fs::write(models.path().join("libonnxruntime.so.2"), "").expect("a file");
        assert!(none.library(folder).is_err(), "two libraries are none");
    }
}
