//! The batcher on a model that does as the tests tell it.

use std::sync::MutexGuard;

use super::*;

/// An input with which the whole pass fails.
const POISON: &str = "poison";
/// An input with which the pass panics.
const PANIC: &str = "panic";
/// An input that fails by itself.
const BAD: &str = "bad";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(30);

/// Answers with the length of each input.
struct Fake {
    /// A test holds it while no pass is to end.
    gate: Mutex<()>,
    /// Hears of each pass that begins.
    entered: mpsc::Sender<()>,
    /// The inputs of each pass.
    passes: Mutex<Vec<Vec<String>>>,
}

impl BatchModel for Fake {
    type Input = String;
    type Output = usize;

    fn run(&self, inputs: &[String]) -> Result<Vec<Result<usize, Error>>, Error> {
        let _ = self.entered.send(());
        drop(self.gate.lock());
        self.passes.lock().expect("passes").push(inputs.to_vec());
        let there = |wanted: &str| inputs.iter().any(|input| input == wanted);
        assert!(!there(PANIC), "the fault of this test");
        if there(POISON) {
            return Err(Error::NotFinite);
        }
        let answer = |input: &String| {
            if input == BAD {
                Err(Error::EmptyPrompt)
            } else {
                Ok(input.len())
            }
        };
        Ok(inputs.iter().map(answer).collect())
    }

    fn length(&self, input: &String) -> usize {
        input.len()
    }
}

/// A batcher, its model, and what tells of passes that begin.
struct Bench {
    batcher: Batcher<Fake>,
    model: Arc<Fake>,
    entered: mpsc::Receiver<()>,
}

impl Bench {
    fn new(max_batch: usize, queue_capacity: usize, max_wait: Duration) -> Self {
        let (sender, entered) = mpsc::channel();
        let model = Arc::new(Fake {
            gate: Mutex::new(()),
            entered: sender,
            passes: Mutex::default(),
        });
        let config = BatcherConfig {
            max_batch: count(max_batch),
            queue_capacity: count(queue_capacity),
            max_wait,
        };
        Self {
            batcher: Batcher::new(Arc::clone(&model), &config).expect("a batcher"),
            model,
            entered,
        }
    }

    fn submit(&self, input: &str) -> Ticket<usize> {
        let request = Request::new(input.to_owned());
        self.batcher.submit(request).expect("room in the queue")
    }

    /// Lets the thread begin a pass and holds it there, so that what comes meanwhile waits.
    fn held(&self) -> (MutexGuard<'_, ()>, Ticket<usize>) {
        let gate = self.model.gate.lock().expect("the gate");
        let ticket = self.submit("first");
        self.entered.recv_timeout(LONG).expect("a pass begins");
        (gate, ticket)
    }

    fn passes(&self) -> Vec<Vec<String>> {
        self.model.passes.lock().expect("passes").clone()
    }
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

fn output(ticket: Ticket<usize>) -> usize {
    ticket.wait().expect("answered").output
}

#[test]
fn each_input_gets_its_own_answer() {
    let bench = Bench::new(4, 64, Duration::ZERO);
    let inputs: Vec<String> = (1..=20).map(|length| "x".repeat(length)).collect();
    let answers = bench.batcher.run(inputs);
    for (index, answer) in answers.into_iter().enumerate() {
        let answer = answer.expect("answered");
        assert_eq!(answer.output, index + 1);
        let timings = answer.timings;
        assert!((1..=4).contains(&timings.batch_size), "{timings:?}");
        assert!(timings.queue_wait + timings.inference <= timings.total);
    }
    let counts = bench.batcher.counts();
    assert_eq!(
        (counts.inputs, counts.batch_inputs, counts.waiting),
        (20, 20, 0)
    );
    assert_eq!(counts.batches, bench.passes().len() as u64);
    assert!((5..=20).contains(&counts.batches), "{counts:?}");
}

#[test]
fn inputs_that_wait_are_computed_together_in_order_of_arrival() {
    let bench = Bench::new(3, 64, Duration::ZERO);
    let (gate, first) = bench.held();
    let tickets: Vec<_> = ["a", "bb", "ccc", "dddd"]
        .map(|input| bench.submit(input))
        .into();
    assert_eq!(bench.batcher.counts().waiting, 4);
    drop(gate);
    assert_eq!(output(first), 5);
    for (ticket, (length, batch_size)) in tickets.into_iter().zip([(1, 3), (2, 3), (3, 3), (4, 1)])
    {
        let answer = ticket.wait().expect("answered");
        assert_eq!(
            (answer.output, answer.timings.batch_size),
            (length, batch_size)
        );
    }
    assert_eq!(
        bench.passes(),
        [vec!["first"], vec!["a", "bb", "ccc"], vec!["dddd"]]
    );
}

#[test]
fn unlike_lengths_of_one_batch_are_computed_apart() {
    let bench = Bench::new(4, 64, Duration::ZERO);
    let (gate, first) = bench.held();
    let long = "y".repeat(1000);
    let tickets = [long.as_str(), "short", long.as_str(), "brief"].map(|input| bench.submit(input));
    drop(gate);
    assert_eq!(output(first), 5);
    assert_eq!(tickets.map(output), [1000, 5, 1000, 5]);
    let sizes: Vec<usize> = bench.passes().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 2, 2]);
    assert_eq!(bench.passes()[1][0], long, "the oldest input comes first");
}

#[test]
fn a_full_queue_refuses_and_the_others_are_served() {
    let bench = Bench::new(2, 2, Duration::ZERO);
    let (gate, first) = bench.held();
    let waiting = [bench.submit("one"), bench.submit("three")];
    let refused = bench.batcher.submit(Request::new("more".to_owned()));
    assert!(
        matches!(refused, Err(Error::Overloaded { capacity: 2 })),
        "{refused:?}"
    );
    drop(gate);
    assert_eq!(output(first), 5);
    assert_eq!(waiting.map(output), [3, 5]);
}

#[test]
fn what_is_not_wanted_any_more_is_not_computed() {
    let bench = Bench::new(8, 64, Duration::ZERO);
    let (gate, first) = bench.held();
    let cancelled = bench.submit("cancelled");
    cancelled.cancel_handle().cancel();
    drop(bench.submit("dropped"));
    let late = Request {
        input: "late".to_owned(),
        deadline: Some(Duration::ZERO),
    };
    let late = bench.batcher.submit(late).expect("room");
    let kept = bench.submit("kept");
    drop(gate);
    assert_eq!(output(first), 5);
    assert!(matches!(cancelled.wait(), Err(Error::Cancelled)));
    assert!(matches!(late.wait(), Err(Error::DeadlineExceeded { .. })));
    assert_eq!(output(kept), 4);
    assert_eq!(bench.passes(), [["first"], ["kept"]]);
}

#[test]
fn an_answer_that_comes_too_late_is_an_error() {
    let bench = Bench::new(1, 8, Duration::ZERO);
    let gate = bench.model.gate.lock().expect("the gate");
    let request = Request {
        input: "slow".to_owned(),
        deadline: Some(Duration::from_millis(300)),
    };
    let ticket = bench.batcher.submit(request).expect("room");
    if bench
        .entered
        .recv_timeout(Duration::from_millis(300))
        .is_ok()
    {
        std::thread::sleep(Duration::from_millis(300));
    }
    drop(gate);
    assert!(matches!(ticket.wait(), Err(Error::DeadlineExceeded { .. })));
}

#[test]
fn one_input_that_the_model_cannot_bear_does_not_fail_its_neighbours() {
    let bench = Bench::new(8, 64, Duration::ZERO);
    let (gate, first) = bench.held();
    let tickets = ["good", POISON, "fine", BAD].map(|input| bench.submit(input));
    drop(gate);
    assert_eq!(output(first), 5);
    let [good, poison, fine, bad] = tickets.map(Ticket::wait);
    for (answer, length) in [(good, 4), (fine, 4)] {
        let answer = answer.expect("answered");
        assert_eq!((answer.output, answer.timings.batch_size), (length, 1));
    }
    assert!(matches!(poison, Err(Error::NotFinite)), "{poison:?}");
    assert!(matches!(bad, Err(Error::EmptyPrompt)), "{bad:?}");
    let counts = bench.batcher.counts();
    assert_eq!((counts.batches, counts.batch_inputs), (6, 9));
}

#[test]
fn a_panic_fails_its_pass_and_nothing_else() {
    let bench = Bench::new(8, 64, Duration::ZERO);
    let (gate, first) = bench.held();
    let tickets = ["good", PANIC].map(|input| bench.submit(input));
    drop(gate);
    assert_eq!(output(first), 5);
    for result in tickets.map(Ticket::wait) {
        assert!(matches!(result, Err(Error::Panicked)), "{result:?}");
    }
    assert_eq!(output(bench.submit("after")), 5);
}

#[test]
fn a_sink_that_panics_harms_nobody_else() {
    let bench = Bench::new(1, 8, Duration::ZERO);
    let request = Request::new("first".to_owned());
    bench
        .batcher
        .submit_to(request, |_| panic!("the fault of this test"))
        .expect("room");
    assert_eq!(output(bench.submit("second")), 6);
}

#[test]
fn a_model_that_loses_answers_is_found_out() {
    struct Forgetful;
    impl BatchModel for Forgetful {
        type Input = ();
        type Output = ();

        fn run(&self, _: &[()]) -> Result<Vec<Result<(), Error>>, Error> {
            Ok(Vec::new())
        }

        fn length(&self, (): &()) -> usize {
            0
        }
    }
    let config = BatcherConfig::default();
    let batcher = Batcher::new(Arc::new(Forgetful), &config).expect("a batcher");
    let results = batcher.run(vec![(), ()]);
    assert_eq!(results.len(), 2);
    for result in results {
        assert!(matches!(result, Err(Error::Backend(_))), "{result:?}");
    }
}

#[test]
fn the_first_of_a_batch_waits_for_company_only_so_long() {
    let bench = Bench::new(2, 8, LONG);
    let both = [bench.submit("one"), bench.submit("three")];
    let begun = Instant::now();
    assert_eq!(both.map(output), [3, 5]);
    assert_eq!(bench.passes().len(), 1, "the second one filled the batch");
    let hurried = Request {
        input: "hurried".to_owned(),
        deadline: Some(LONG.checked_sub(Duration::from_secs(1)).unwrap()),
    };
    let hurried = bench.batcher.submit(hurried).expect("room");
    assert_eq!(output(hurried), 7);
    assert!(begun.elapsed() < LONG / 2, "nobody waited to the end");
    let bench = Bench::new(2, 8, Duration::from_millis(30));
    let answer = bench.submit("alone").wait().expect("answered");
    assert!(answer.timings.queue_wait >= Duration::from_millis(30));
}

#[test]
fn dropping_serves_what_waits_and_stopping_refuses_it() {
    let bench = Bench::new(2, 8, LONG);
    let waiting = bench.submit("alone");
    drop(bench.batcher);
    assert_eq!(output(waiting), 5);

    let bench = Bench::new(1, 8, Duration::ZERO);
    let (gate, first) = bench.held();
    let waiting = bench.submit("waiting");
    bench.batcher.stop();
    let refused = bench.batcher.submit(Request::new("late".to_owned()));
    assert!(matches!(refused, Err(Error::EngineStopped)), "{refused:?}");
    assert!(matches!(waiting.wait(), Err(Error::EngineStopped)));
    drop(gate);
    assert_eq!(output(first), 5);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let small = BatcherConfig {
        queue_capacity: count(7),
        max_batch: count(8),
        ..BatcherConfig::default()
    };
    let slow = BatcherConfig {
        max_wait: Duration::from_secs(61),
        ..BatcherConfig::default()
    };
    for (config, name) in [(small, "queue_capacity"), (slow, "max_wait")] {
        let error = config.check().expect_err("refused");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
