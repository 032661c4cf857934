//! One computation, and all who want its answer.
//!
//! Takes subscribers until it has ended; gives each of them the text as it grows and its own
//! completion or error at the end, with times counted from its own submission. One who has
//! withdrawn or waited too long is told and let go; a flight that nobody wants any more ends.
//!
//! Nobody waits for an answer that will not come: a flight that is dropped before its end says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::request::{Completion, Event, Limits, Source, StopReason, Timings};
use super::ticket::CancelHandle;
use crate::error::Error;

/// Gets what happens to a request.
type Sink = Box<dyn FnMut(Event) + Send>;

/// One who wants an answer.
pub(super) struct Subscriber {
    sink: Sink,
    submitted: Instant,
    deadline: Option<Instant>,
    tokenize: Duration,
    handle: CancelHandle,
}

impl Subscriber {
    /// With the handle that withdraws it.
    pub(super) fn new(
        sink: Sink,
        submitted: Instant,
        deadline: Option<Duration>,
        tokenize: Duration,
    ) -> (Self, CancelHandle) {
        let handle = CancelHandle::default();
        let subscriber = Self {
            sink,
            submitted,
            // A deadline beyond what the clock can say is none.
            deadline: deadline.and_then(|after| submitted.checked_add(after)),
            tokenize,
            handle: handle.clone(),
        };
        (subscriber, handle)
    }

    /// Answers at once with what was kept.
    pub(super) fn answer_kept(mut self, kept: &Kept) {
        let total = self.submitted.elapsed();
        self.tell(Event::Text(kept.text.clone()));
        self.tell(Event::Done(Ok(Completion {
            text: kept.text.clone(),
            tokens: kept.tokens.clone(),
            token_times: Vec::new(),
            prompt_tokens: kept.prompt_tokens,
            reused_tokens: 0,
            stop: kept.stop,
            source: Source::Cached,
            timings: Timings {
                tokenize: self.tokenize,
                first_token: total,
                total,
                ..Timings::default()
            },
        })));
    }

    /// Says what happened. A sink that panics harms nobody else: it is not called again, and counts as
    /// withdrawn.
    fn tell(&mut self, event: Event) {
        if catch_unwind(AssertUnwindSafe(|| (self.sink)(event))).is_err() {
            self.sink = Box::new(|_| {});
            self.handle.cancel();
        }
    }

    /// Why it is to be let go at `now`.
    fn lost(&self, now: Instant) -> Option<Error> {
        if self.handle.is_cancelled() {
            Some(Error::Cancelled)
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            Some(Error::DeadlineExceeded {
                after: now.duration_since(self.submitted),
            })
        } else {
            None
        }
    }
}

/// What of an answer does not depend on when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) text: String,
    pub(super) tokens: Vec<u32>,
    pub(super) prompt_tokens: usize,
    pub(super) stop: StopReason,
}

/// An answer as it was computed.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) kept: Kept,
    pub(super) reused_tokens: usize,
    /// When the sequence joined the batch.
    pub(super) started: Instant,
    /// When each token was chosen.
    pub(super) chosen: Vec<Instant>,
    pub(super) prefill: Duration,
    pub(super) decode: Duration,
}

impl Computed {
    fn completion(&self, subscriber: &Subscriber, source: Source) -> Completion {
        let since = |moment: &Instant| moment.saturating_duration_since(subscriber.submitted);
        let token_times: Vec<_> = self.chosen.iter().map(since).collect();
        let total = subscriber.submitted.elapsed();
        let inside = |time| match source {
            Source::Computed => time,
            Source::Coalesced | Source::Cached => Duration::ZERO,
        };
        Completion {
            text: self.kept.text.clone(),
            tokens: self.kept.tokens.clone(),
            prompt_tokens: self.kept.prompt_tokens,
            reused_tokens: self.reused_tokens,
            stop: self.kept.stop,
            source,
            timings: Timings {
                tokenize: subscriber.tokenize,
                queue_wait: since(&self.started).saturating_sub(subscriber.tokenize),
                prefill: inside(self.prefill),
                decode: inside(self.decode),
                // An answer without tokens ends as its first one, which ended it, is chosen.
                first_token: token_times.first().copied().unwrap_or(total),
                total,
            },
            token_times,
        }
    }
}

/// One computation; shared by reference.
pub(super) struct Flight {
    prompt: Vec<u32>,
    limits: Limits,
    client: Arc<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The answer's text so far, for those who join late.
    text: String,
    subscribers: Vec<Subscriber>,
    has_ended: bool,
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Flight")
            .field("prompt_tokens", &self.prompt.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Flight {
    /// A computation that nobody wants yet.
    pub(super) fn new(prompt: Vec<u32>, limits: Limits, client: Arc<str>) -> Self {
        Self {
            prompt,
            limits,
            client,
            state: Mutex::default(),
        }
    }

    pub(super) fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Who asked first.
    pub(super) fn client(&self) -> &Arc<str> {
        &self.client
    }

    /// Lets one more wait for the answer; gives it back when the flight has ended.
    pub(super) fn try_join(&self, mut subscriber: Subscriber) -> Result<(), Subscriber> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(subscriber);
        }
        if !state.text.is_empty() {
            subscriber.tell(Event::Text(state.text.clone()));
        }
        state.subscribers.push(subscriber);
        Ok(())
    }

    /// Lets the first one wait for the answer.
    pub(super) fn join(&self, subscriber: Subscriber) {
        self.lock().subscribers.push(subscriber);
    }

    /// Lets go of those who have withdrawn or waited too long. When nobody is left the flight has
    /// ended.
    pub(super) fn is_wanted(&self) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        let mut kept = Vec::with_capacity(state.subscribers.len());
        for mut subscriber in state.subscribers.drain(..) {
            match subscriber.lost(now) {
                None => kept.push(subscriber),
                Some(error) => subscriber.tell(Event::Done(Err(error))),
            }
        }
        state.subscribers = kept;
        state.has_ended = state.subscribers.is_empty();
        !state.has_ended
    }

    /// Tells all that the answer grew by `text`.
    pub(super) fn grow(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.text.push_str(text);
        for subscriber in &mut state.subscribers {
            subscriber.tell(Event::Text(text.to_owned()));
        }
    }

    /// Ends the flight and tells all.
    pub(super) fn finish(&self, result: &Result<Computed, Error>) {
        for (index, mut subscriber) in self.end().into_iter().enumerate() {
            let source = if index == 0 {
                Source::Computed
            } else {
                Source::Coalesced
            };
            let own = match result {
                Ok(computed) => Ok(computed.completion(&subscriber, source)),
                Err(error) => Err(error.clone()),
            };
            subscriber.tell(Event::Done(own));
        }
    }

    /// Ends a flight that was never taken: the first to ask is told by whoever calls.
    pub(super) fn refuse(&self, error: &Error) {
        for mut subscriber in self.end().into_iter().skip(1) {
            subscriber.tell(Event::Done(Err(error.clone())));
        }
    }

    fn end(&self) -> Vec<Subscriber> {
        let mut state = self.lock();
        state.has_ended = true;
        std::mem::take(&mut state.subscribers)
    }

    /// No sink's panic leaves it, so a state is whole at any time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that computes ends every flight, unless it dies itself.
impl Drop for Flight {
    fn drop(&mut self) {
        self.finish(&Err(Error::Panicked));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::num::NonZeroUsize;
    use std::sync::mpsc;

    use super::super::request::AtEnd;
    use super::*;
    use crate::sampling::Sampling;

    /// A flight whose prompt is one token.
    pub(in super::super) fn flight(token: u32, client: &str) -> Arc<Flight> {
        let limits = Limits {
            max_tokens: NonZeroUsize::MIN,
            sampling: Sampling::Greedy,
            at_end: AtEnd::Stop,
            stop_texts: Vec::new(),
        };
        Arc::new(Flight::new(vec![token], limits, Arc::from(client)))
    }

    /// A subscriber and what it hears.
    pub(in super::super) fn subscriber(
        deadline: Option<Duration>,
    ) -> (Subscriber, CancelHandle, mpsc::Receiver<Event>) {
        let (sender, events) = mpsc::channel();
        let sink = Box::new(move |event| {
            let _ = sender.send(event);
        });
        let (subscriber, handle) = Subscriber::new(sink, Instant::now(), deadline, Duration::ZERO);
        (subscriber, handle, events)
    }

    pub(in super::super) fn computed(text: &str) -> Computed {
        let now = Instant::now();
        Computed {
            kept: Kept {
                text: text.to_owned(),
                tokens: vec![1, 2],
                prompt_tokens: 1,
                stop: StopReason::MaxTokens,
            },
            reused_tokens: 0,
            started: now,
            chosen: vec![now, now],
            prefill: Duration::from_millis(2),
            decode: Duration::from_millis(3),
        }
    }

    /// The text pieces and how it ended.
    fn heard(events: &mpsc::Receiver<Event>) -> (String, Option<Result<Completion, Error>>) {
        let mut text = String::new();
        let mut end = None;
        for event in events.try_iter() {
            match event {
                Event::Text(piece) => {
                    assert!(end.is_none(), "text after the end");
                    text.push_str(&piece);
                }
                Event::Done(result) => assert!(end.replace(result).is_none(), "two ends"),
            }
        }
        (text, end)
    }

    #[test]
    fn one_who_joins_late_hears_the_whole_text() {
        let flight = flight(1, "");
        let (first, _, first_events) = subscriber(None);
        flight.join(first);
        flight.grow("Once ");
        let (late, _, late_events) = subscriber(None);
        assert!(flight.try_join(late).is_ok());
        flight.grow("upon");
        flight.finish(&Ok(computed("Once upon")));
        let sources = [
            (first_events, Source::Computed),
            (late_events, Source::Coalesced),
        ];
        for (events, source) in sources {
            let (text, end) = heard(&events);
            assert_eq!(text, "Once upon");
            let completion = end.expect("an end").expect("served");
            assert_eq!(
                (completion.text.as_str(), completion.source),
                ("Once upon", source)
            );
            let computed = source == Source::Computed;
            assert_eq!(completion.timings.inference().is_zero(), !computed);
        }
    }

    #[test]
    fn an_answer_that_ends_with_its_first_token_took_time_to_choose_it() {
        let flight = flight(1, "");
        let (first, _, events) = subscriber(None);
        flight.join(first);
        let wait = Duration::from_millis(5);
        std::thread::sleep(wait);
        let mut computed = computed("");
        computed.kept.tokens.clear();
        computed.chosen.clear();
        flight.finish(&Ok(computed));
        let timings = heard(&events).1.expect("an end").expect("served").timings;
        assert!(timings.first_token >= wait, "{timings:?}");
        assert_eq!(timings.first_token, timings.total);
    }

    #[test]
    fn an_ended_flight_takes_nobody() {
        let flight = flight(1, "");
        let (first, ..) = subscriber(None);
        flight.join(first);
        flight.finish(&Err(Error::NotFinite));
        assert!(flight.try_join(subscriber(None).0).is_err());
    }

    #[test]
    fn those_who_withdraw_are_told_and_the_others_served() {
        let flight = flight(1, "");
        let (first, handle, first_events) = subscriber(None);
        let (second, _, second_events) = subscriber(None);
        flight.join(first);
        flight.join(second);
        handle.cancel();
        assert!(flight.is_wanted());
        assert!(matches!(
            heard(&first_events).1,
            Some(Err(Error::Cancelled))
        ));
        flight.finish(&Ok(computed("text")));
        let completion = heard(&second_events).1.expect("an end").expect("served");
        assert_eq!(completion.source, Source::Computed);
    }

    #[test]
    fn a_sink_that_panics_harms_nobody_else_and_is_not_called_again() {
        let flight = flight(1, "");
        let (sender, calls) = mpsc::channel();
        let sink: Sink = Box::new(move |event| {
            let _ = sender.send(event);
            panic!("the fault of this test");
        });
        let (faulty, _) = Subscriber::new(sink, Instant::now(), None, Duration::ZERO);
        let (other, _, events) = subscriber(None);
        flight.join(faulty);
        flight.join(other);
        flight.grow("Once ");
        assert!(flight.is_wanted());
        flight.grow("upon");
        flight.finish(&Ok(computed("Once upon")));
        assert_eq!(calls.try_iter().count(), 1);
        let (text, end) = heard(&events);
        assert_eq!(text, "Once upon");
        assert_eq!(
            end.expect("an end").expect("served").source,
            Source::Computed
        );
    }

    #[test]
    fn a_flight_that_is_lost_says_so() {
        let flight = flight(1, "");
        let (first, _, events) = subscriber(None);
        flight.join(first);
        drop(flight);
        let end = heard(&events).1;
        assert!(matches!(end, Some(Err(Error::Panicked))), "{end:?}");
    }

    #[test]
    fn a_deadline_ends_a_flight_that_nobody_else_wants() {
        let flight = flight(1, "");
        let (first, _, events) = subscriber(Some(Duration::ZERO));
        flight.join(first);
        assert!(!flight.is_wanted());
        let end = heard(&events).1;
        assert!(
            matches!(end, Some(Err(Error::DeadlineExceeded { .. }))),
            "{end:?}"
        );
        assert!(flight.try_join(subscriber(None).0).is_err());
    }
}
