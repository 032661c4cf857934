//! An engine in this process as a target.
//!
//! Takes requests; gives the engine's own account of each: the moments of all tokens, their numbers,
//! and whether the answer had been kept. Answers are greedy, so that equal requests cost the same.

use std::sync::Arc;
use std::time::Duration;

use inferno_inference::Error;
use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::{AtEnd, Completion, Event, Limits, Prompt, Request, Source};
use inferno_inference::sampling::Sampling;

use super::{Answering, Ended, LoadRequest, Progress, Sink, Target, Withdraw};
use crate::failure::describe;
use crate::generate::Generate;
use crate::instruments::{Instruments, Outcome, Task};
use crate::load::Ending;

/// An engine that requests are sent to.
pub(crate) struct EngineTarget {
    engine: Arc<dyn Generate>,
    answering: Answering,
    instruments: Option<Arc<Instruments>>,
}

impl EngineTarget {
    /// `engine`, asked for answers as `answering` says.
    pub(crate) fn new(engine: Arc<dyn Generate>, answering: Answering) -> Self {
        Self {
            engine,
            answering,
            instruments: None,
        }
    }

    /// The same, and `instruments` count and time its requests, as those of a server do.
    pub(crate) fn with_instruments(self, instruments: Arc<Instruments>) -> Self {
        Self {
            instruments: Some(instruments),
            ..self
        }
    }

    fn request(&self, request: &LoadRequest) -> Request {
        let text = request.prompt.to_string();
        let prompt = if self.answering.raw {
            Prompt::Raw(text)
        } else {
            Prompt::Chat(vec![Message {
                role: Role::User,
                content: text,
            }])
        };
        let at_end = if self.answering.ignore_end {
            AtEnd::Continue
        } else {
            AtEnd::Stop
        };
        let limits = Limits {
            max_tokens: self.answering.max_tokens,
            sampling: Sampling::Greedy,
            at_end,
            stop_texts: Vec::new(),
        };
        Request {
            client: Arc::from(request.client_name()),
            deadline: Some(self.answering.timeout),
            ..Request::new(prompt, limits)
        }
    }
}

impl Target for EngineTarget {
    fn send(&self, request: &LoadRequest, mut sink: Sink) -> Result<Withdraw, Ended> {
        let instruments = self.instruments.clone();
        let hear = move |event: Event| {
            if let (Some(instruments), Event::Done(result)) = (&instruments, &event) {
                instruments.record(Task::Chat, result);
            }
            sink(progress(&event));
        };
        let submitted = self.engine.submit(self.request(request), Box::new(hear));
        match submitted {
            Ok(handle) => Ok(Box::new(move || handle.cancel())),
            Err(error) => {
                if let Some(instruments) = &self.instruments {
                    instruments.count_request(Task::Chat, Outcome::Refused);
                }
                Err(not_served(&error))
            }
        }
    }

    /// Requests are sent on the generator's own threads; the engine's compute, which is not sending.
    fn sending_cpu_time(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

fn progress(event: &Event) -> Progress {
    match event {
        Event::Text(_) => Progress::Text,
        Event::Done(Ok(completion)) => Progress::Ended(served(completion)),
        Event::Done(Err(error)) => Progress::Ended(not_served(error)),
    }
}

fn served(completion: &Completion) -> Ended {
    let was_cached = completion.source == Source::Cached;
    Ended {
        // An answer that was kept comes as one text, whose moment the sink knows.
        token_times: (!was_cached).then(|| completion.token_times.clone()),
        prompt_tokens: u32::try_from(completion.prompt_tokens).ok(),
        answer_tokens: u32::try_from(completion.tokens.len()).ok(),
        was_cached: Some(was_cached),
        ..Ended::served()
    }
}

fn not_served(error: &Error) -> Ended {
    let ending = match error {
        Error::Overloaded { .. } => Ending::Refused,
        Error::DeadlineExceeded { .. } => Ending::TimedOut,
        _ => Ending::Failed,
    };
    Ended::unserved(ending, describe(error))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::mpsc;

    use inferno_inference::engine::counts::Counts;
    use inferno_inference::engine::{CancelHandle, StopReason, Timings};

    use super::*;

    /// Answers at once, or refuses.
    struct Engine {
        refuses: bool,
        source: Source,
    }

    impl Generate for Engine {
        fn submit(
            &self,
            request: Request,
            mut sink: crate::generate::Sink,
        ) -> Result<CancelHandle, Error> {
            if self.refuses {
                return Err(Error::Overloaded { capacity: 1 });
            }
            assert_eq!(&*request.client, "client-7");
            assert_eq!(request.limits.at_end, AtEnd::Continue);
            sink(Event::Text("a".to_owned()));
            sink(Event::Done(Ok(Completion {
                text: "a".to_owned(),
                tokens: vec![1],
                token_times: vec![Duration::from_millis(3)],
                prompt_tokens: 2,
                reused_tokens: 0,
                stop: StopReason::MaxTokens,
                source: self.source,
                timings: Timings::default(),
            })));
            Ok(CancelHandle::default())
        }

        fn counts(&self) -> Counts {
            Counts::default()
        }

        fn context_tokens(&self) -> usize {
            8
        }

        fn is_alive(&self) -> bool {
            true
        }

        fn drain(&self) {}

        fn stop(&self) {}
    }

    fn send(engine: Engine) -> (Option<Ended>, Vec<Progress>) {
        let answering = Answering {
            max_tokens: NonZeroUsize::MIN,
            raw: true,
            ignore_end: true,
            timeout: Duration::from_secs(1),
        };
        let target = EngineTarget::new(Arc::new(engine), answering);
        let (sender, heard) = mpsc::channel();
        let request = LoadRequest {
            client: 7,
            prompt: Arc::from("x"),
        };
        let sink = Box::new(move |progress: Progress| {
            let _ = sender.send(progress);
        });
        let ended = target.send(&request, sink).err();
        (ended, heard.try_iter().collect())
    }

    #[test]
    fn the_engine_s_own_token_times_are_told() {
        let (ended, heard) = send(Engine {
            refuses: false,
            source: Source::Computed,
        });
        assert!(ended.is_none());
        let [Progress::Text, Progress::Ended(ended)] = heard.as_slice() else {
            panic!("{heard:?}");
        };
        assert_eq!(ended.ending, Ending::Served);
        assert_eq!(ended.token_times, Some(vec![Duration::from_millis(3)]));
        assert_eq!(
            (ended.prompt_tokens, ended.answer_tokens),
            (Some(2), Some(1))
        );
        assert_eq!(ended.was_cached, Some(false));
    }

    #[test]
    fn a_kept_answer_is_known_by_its_source() {
        let (_, heard) = send(Engine {
            refuses: false,
            source: Source::Cached,
        });
        let Some(Progress::Ended(ended)) = heard.last() else {
            panic!("{heard:?}");
        };
        assert_eq!((ended.was_cached, &ended.token_times), (Some(true), &None));
    }

    #[test]
    fn a_full_queue_ends_the_request_at_once() {
        let (ended, heard) = send(Engine {
            refuses: true,
            source: Source::Computed,
        });
        assert!(heard.is_empty());
        let ended = ended.expect("an end");
        assert_eq!(ended.ending, Ending::Refused);
        assert!(
            ended
                .error
                .is_some_and(|error| error.contains("overloaded"))
        );
    }
}
