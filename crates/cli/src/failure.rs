//! What ends a command with an error, and what to do then.
//!
//! Takes what went wrong; gives the message, the next step and the exit code. What goes wrong with
//! one request of a server ends no command: that is `server::error`.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use inferno_inference::Error;
use inferno_measure::performance::targets::Targets;

use crate::exit;
use crate::exposition::Invalid;

/// The next step when there is no model.
const FETCH: &str = "run `cargo xtask model fetch smollm2-135m` and pass the path that it prints";

/// Why a command cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing says which model.
    #[error("no model: neither --model nor INFERNO_MODELS_DIR says which")]
    NoModel,
    /// The model's name leads nowhere.
    #[error("there is no model at {}", .0.display())]
    NoSuchModel(PathBuf),
    /// A directory with none or several models.
    #[error("{} holds {count} .gguf files; exactly one was expected", path.display())]
    ModelDirectory {
        /// The directory.
        path: PathBuf,
        /// Models in it.
        count: usize,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of prompts without prompts.
    #[error("{} has no prompts", .0.display())]
    NoPrompts(PathBuf),
    /// A targets file that says something else.
    #[error("{} is no targets file: {problem}", path.display())]
    BadTargets {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// Nothing says where a part of the ONNX backend is.
    #[error("no {what} for the onnx backend")]
    NoOnnx {
        /// What is missing.
        what: &'static str,
        /// The option that names it.
        option: &'static str,
        /// The command that fetches it.
        fetch: &'static str,
    },
    /// Results whose difference would say nothing about the program.
    #[error("{current} and {baseline} cannot be compared:{}", lines(differences))]
    Unlike {
        /// What is there now.
        current: String,
        /// What was there before.
        baseline: String,
        /// What differs.
        differences: Vec<String>,
    },
    /// Results of different things, however much one wants to compare them.
    #[error(
        "nothing of {current} and {baseline} can be compared:{}",
        lines(differences)
    )]
    NothingAlike {
        /// What is there now.
        current: String,
        /// What was there before.
        baseline: String,
        /// What differs.
        differences: Vec<String>,
    },
    /// Measuring, or reading and writing results. Its message has its causes in it.
    #[error("{0}")]
    Measure(inferno_measure::Error),
    /// A measuring process did not do what it should.
    #[error("a measuring process ended with {status}: {output}")]
    Process {
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
        /// The exit code.
        exit_code: u8,
    },
    /// No program that could be measured in turns with this one.
    #[error("{} cannot be measured against: {problem}", program.display())]
    Against {
        /// The program.
        program: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Stacks could not be sampled.
    #[error("no profile: {0}")]
    Profile(String),
    /// A backend that is known and not in this binary.
    #[error("this inferno was built without the {0} backend")]
    BackendNotBuilt(&'static str),
    /// Embeddings on a device that their backend does not know.
    #[error("the backend onnx embeds texts on the CPU alone, and --embedding-device is cuda")]
    OnnxOnGpu,
    /// The model or the engine.
    #[error(transparent)]
    Engine(#[from] Error),
    /// A level of the log that is none.
    #[error("{VARIABLE} is {0:?}", VARIABLE = crate::logging::VARIABLE)]
    BadLogLevel(String),
    /// A key that no header can carry.
    #[error("the API key of {0} is empty or has characters other than visible ASCII")]
    BadKey(String),
    /// Everybody who reaches the machine could use the server.
    #[error("{0} can be reached from other machines, and no API key was given")]
    Exposed(SocketAddr),
    /// The server's address is not to be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refuses what the server runs on.
    #[error("cannot start the server")]
    Start(#[source] io::Error),
    /// The system refuses a handler for signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// stdout is gone.
    #[error("cannot write to stdout")]
    Output(#[source] io::Error),
    /// stdin failed.
    #[error("cannot read stdin")]
    Input(#[source] io::Error),
    /// Not a URL of plain HTTP.
    #[error("{url} cannot be asked for: {problem}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers.
    #[error("no server answers at {url}: {problem}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What the client said.
        problem: String,
    },
    /// The server wants another key.
    #[error("the server at {0} wants an API key, or another one")]
    KeyRefused(String),
    /// The server does not give the values.
    #[error("{url} was answered with status {status}")]
    Answered {
        /// What was asked for.
        url: String,
        /// The status of the answer.
        status: u16,
    },
    /// The server gives something else.
    #[error("what {url} answers is not in Prometheus' text format")]
    NotMetrics {
        /// What was asked for.
        url: String,
        /// Where it is wrong.
        source: Invalid,
    },
}

impl From<inferno_measure::Error> for Failure {
    fn from(error: inferno_measure::Error) -> Self {
        Self::Measure(error)
    }
}

impl Failure {
    /// The next step, where there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoModel | Self::NoSuchModel(_) | Self::ModelDirectory { count: 0, .. } => FETCH,
            Self::ModelDirectory { .. } => "name the file itself",
            Self::BackendNotBuilt(name) => {
                return Some(format!(
                    "build inferno with `--features {name}` (docs/BACKENDS.md has what that takes), or \
                     ask for another backend"
                ));
            }
            Self::OnnxOnGpu => {
                "leave out `--embedding-device`, or pass `--embedding-backend candle`"
            }
            Self::Engine(error) => return error.hint().or_else(|| engine_hint(error)),
            Self::Measure(error) => return error.hint(),
            Self::NoPrompts(_) => "give a file with a prompt on each line",
            Self::BadTargets { nearest, .. } => {
                let nearest = nearest.as_ref();
                return Some(nearest.map_or_else(
                    || format!("its keys are {}", Targets::KEYS.join(", ")),
                    |key| format!("did you mean `{key}`?"),
                ));
            }
            Self::NoOnnx { option, fetch, .. } => {
                return Some(format!(
                    "pass `{option}`; `{fetch}` fetches it and prints its path"
                ));
            }
            Self::Unlike { .. } => {
                "measure both alike, or pass `--force` to compare all the same: the differences are \
                 then told with the result"
            }
            Self::Against { .. } => {
                "name an inferno that was built from a revision with `--against`"
            }
            Self::NothingAlike { .. } => {
                "name results of the same suite on the same backend, with requests that were answered"
            }
            Self::BadLogLevel(_) => "set it to off, error, warn, info, debug or trace",
            Self::BadKey(_) => "put the key alone into the file, as one line",
            Self::Exposed(_) => {
                "pass `--api-key-file FILE`, set INFERNO_API_KEY, or bind to 127.0.0.1"
            }
            Self::Bind { source, .. } => bind_hint(source.kind()),
            Self::BadUrl { .. } => "pass a URL such as http://127.0.0.1:8080/metrics",
            Self::Unreachable { .. } => {
                "start one with `inferno serve`, or pass its address with `--url`"
            }
            Self::KeyRefused(_) => "pass the server's key: `--api-key-file FILE`",
            Self::Answered { .. } | Self::NotMetrics { .. } => {
                "check that `--url` leads to /metrics of an inferno server"
            }
            Self::Read { .. } => "check that the path is right and that you may read what is there",
            Self::Process { .. } => {
                "what it said is above; if a signal ended it, there was too little memory, most \
                 likely: try a smaller model"
            }
            Self::Profile(_) => {
                "measure longer, so that there is something to sample (`--iterations`), or without \
                 `--profile`"
            }
            Self::Start(_) | Self::Signals(_) | Self::Output(_) | Self::Input(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// The exit code for the process that ends with this failure.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoModel
            | Self::NoSuchModel(_)
            | Self::ModelDirectory { .. }
            | Self::Read { .. }
            | Self::BadLogLevel(_)
            | Self::Against { .. }
            | Self::BadKey(_)
            | Self::Exposed(_)
            | Self::Bind { .. }
            | Self::BadUrl { .. }
            | Self::NoPrompts(_)
            | Self::BadTargets { .. }
            | Self::NoOnnx { .. }
            | Self::OnnxOnGpu
            | Self::Unlike { .. }
            | Self::NothingAlike { .. }
            | Self::KeyRefused(_)
            | Self::Engine(Error::EmptyPrompt | Error::PromptTooLong { .. }) => exit::USAGE,
            Self::BackendNotBuilt(_) | Self::Unreachable { .. } => exit::MISSING,
            Self::Measure(error) => error.exit_code(),
            Self::Process { exit_code, .. } => *exit_code,
            Self::Answered { .. } | Self::NotMetrics { .. } => exit::FAILED,
            Self::Engine(error) => error.exit_code(),
            Self::Profile(_)
            | Self::Start(_)
            | Self::Signals(_)
            | Self::Output(_)
            | Self::Input(_) => exit::INTERNAL,
        }
    }

    /// Prints message and next step to stderr.
    pub(crate) fn print(&self) {
        eprintln!("error: {}", describe(self));
        if let Some(hint) = self.hint() {
            eprintln!("  next: {hint}");
        }
    }
}

/// The next step when an address is not to be had.
fn bind_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "choose another `--port`; 0 takes any that is free",
        io::ErrorKind::AddrNotAvailable => {
            "pass an address of this machine as `--host`: 127.0.0.1, or 0.0.0.0 for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "choose a `--port` from 1024 on; 0 takes any that is free"
        }
        _ => "check `--host` and `--port`",
    }
}

/// The next step on the command line for an error of the engine that names none itself.
fn engine_hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::InvalidSetting { .. } => "`--help` has the options and what they take",
        Error::Tokenize(_) => {
            "try another prompt; if none works, the model's tokenizer is damaged: fetch the model \
             again"
        }
        Error::Backend(_) => "check that there is memory left, or try another `--backend`",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Each of `items` on a line of its own.
fn lines(items: &[String]) -> String {
    let parts = items.iter().flat_map(|item| ["\n  ", item.as_str()]);
    parts.collect()
}

/// The message of `error` and of what caused it, in one line.
pub(crate) fn describe(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_failure_names_its_cause_and_the_next_step() {
        for (kind, option) in [
            (io::ErrorKind::PermissionDenied, "--port"),
            (io::ErrorKind::AddrInUse, "--port"),
            (io::ErrorKind::AddrNotAvailable, "--host"),
        ] {
            let failure = Failure::Bind {
                address: SocketAddr::from(([127, 0, 0, 1], 80)),
                source: io::Error::from(kind),
            };
            assert!(describe(&failure).starts_with("cannot listen on 127.0.0.1:80: "));
            assert!(failure.hint().is_some_and(|hint| hint.contains(option)));
            assert_eq!(failure.exit_code(), exit::USAGE);
        }
    }

    #[test]
    fn what_differs_is_said_line_by_line() {
        let failure = Failure::Unlike {
            current: "new.json".to_owned(),
            baseline: "old.json".to_owned(),
            differences: vec!["model: a, b".to_owned(), "threads: 1, 2".to_owned()],
        };
        let text = describe(&failure);
        assert!(
            text.contains("new.json") && text.contains("old.json"),
            "{text}"
        );
        assert!(text.ends_with("\n  model: a, b\n  threads: 1, 2"), "{text}");
        assert_eq!(failure.exit_code(), exit::USAGE);
    }

    #[test]
    fn the_engine_s_message_is_said_once() {
        let failure = Failure::from(Error::EmptyPrompt);
        assert_eq!(describe(&failure), "the prompt is empty");
        assert_eq!(failure.exit_code(), exit::USAGE);
    }

    #[test]
    fn what_can_be_helped_has_a_next_step() {
        let cause = || io::Error::from(io::ErrorKind::NotFound);
        for failure in [
            Failure::Read {
                path: PathBuf::from("key"),
                source: cause(),
            },
            Failure::Process {
                status: "signal 9".to_owned(),
                output: String::new(),
                exit_code: exit::INTERNAL,
            },
            Failure::Profile("no sample was taken".to_owned()),
            Failure::from(Error::InvalidSetting {
                setting: "temperature",
                value: "-1".to_owned(),
                expected: "a finite number, at least 0",
            }),
            Failure::from(Error::Tokenize(Arc::new(cause()))),
            Failure::from(Error::Backend(Arc::new(cause()))),
        ] {
            assert!(failure.hint().is_some(), "{failure}");
        }
    }
}
