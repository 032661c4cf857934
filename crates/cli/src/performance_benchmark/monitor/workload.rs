//! A light load on an engine of the monitor's own, so that there is something to watch.
//!
//! One client asks, waits for the answer, rests, and asks again (a closed loop). Nothing is kept of the
//! answers but the last error: what the monitor itself kept would be seen in the memory that it watches.

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use inferno_inference::engine::EngineConfig;

use crate::backend::ModelOptions;
use crate::exposition::{self, Family};
use crate::failure::Failure;
use crate::generate::Generate;
use crate::instruments::Instruments;
use crate::load::Ending;
use crate::load::prompts::{PromptOrder, Prompts};
use crate::load::target::engine::EngineTarget;
use crate::load::target::{Answering, Ended, LoadRequest, Progress, Target as _};
use crate::model_file;

/// From an answer to the next request.
const REST: Duration = Duration::from_millis(200);

/// Tokens of each answer.
const MAX_TOKENS: usize = 16;

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// An engine and what is asked of it.
pub(super) struct Workload {
    label: String,
    engine: Arc<dyn Generate>,
    instruments: Arc<Instruments>,
    error: Arc<Mutex<Option<String>>>,
    client: Option<Client>,
}

/// The one who asks; it ends when it is told to.
struct Client {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Workload {
    /// Starts the engine of `model`, from the main thread and before any other thread is started.
    pub(super) fn start(model: &ModelOptions) -> Result<Self, Failure> {
        let path = model.path()?;
        let engine = model.start(&path, EngineConfig::default())?;
        let instruments = Arc::new(Instruments::new());
        let error = Arc::new(Mutex::new(None));
        let answering = Answering {
            max_tokens: NonZeroUsize::new(MAX_TOKENS).unwrap_or(NonZeroUsize::MIN),
            // Not every model has a chat template, and nothing depends on the answers.
            raw: true,
            ignore_end: true,
            timeout: TIMEOUT,
        };
        let target = EngineTarget::new(Arc::clone(&engine), answering)
            .with_instruments(Arc::clone(&instruments));
        let (stop, stopped) = mpsc::channel();
        let of_client = Arc::clone(&error);
        let thread = std::thread::spawn(move || ask(&target, &of_client, &stopped));
        Ok(Self {
            label: format!(
                "an engine of its own ({}; 1 client, closed loop, {MAX_TOKENS} tokens each)",
                model_file::name(&path)
            ),
            engine,
            instruments,
            error,
            client: Some(Client { stop, thread }),
        })
    }

    /// What is watched, for people.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// What the engine says about itself, as a server would.
    pub(super) fn families(&self) -> Result<Vec<Family>, Failure> {
        let text = self.instruments.render(&self.engine.counts());
        exposition::parse(&text).map_err(|source| Failure::NotMetrics {
            url: self.label.clone(),
            source,
        })
    }

    /// What went wrong with the last request, if it went wrong.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.clone()
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // The thread has ended already if it cannot be told.
            let _ = client.stop.send(());
            let _ = client.thread.join();
        }
    }
}

/// Asks until it is told to stop.
fn ask(target: &EngineTarget, error: &Mutex<Option<String>>, stopped: &Receiver<()>) {
    let mut prompts = Prompts::built_in(PromptOrder::InTurn, 0);
    loop {
        let request = LoadRequest {
            client: 0,
            prompt: prompts.take(),
        };
        let ended = ask_once(target, &request);
        *error.lock().unwrap_or_else(PoisonError::into_inner) = ended.error;
        match stopped.recv_timeout(REST) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Waits for the end of one request.
fn ask_once(target: &EngineTarget, request: &LoadRequest) -> Ended {
    let (sender, ended) = mpsc::channel();
    let sink = Box::new(move |progress: Progress| {
        if let Progress::Ended(ended) = progress {
            // Somebody waits for it.
            let _ = sender.send(ended);
        }
    });
    match target.send(request, sink) {
        Err(ended) => ended,
        Ok(_withdraw) => ended
            .recv()
            .unwrap_or_else(|_| Ended::unserved(Ending::Failed, "the engine ended")),
    }
}
