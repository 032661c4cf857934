//! Bodies, documents, and texts on their way to a model that does as the tests tell it.

use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use inferno_inference::backend::BatchModel;
use tokio::runtime::Runtime;

use super::super::Allowance;
use super::super::fake::{self, allowance, metric, runtime};
use super::*;
use crate::embed::Embedder;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// Embeds whatever it is given, when it is let.
struct FakeModel {
    /// A test holds it while no pass is to end.
    gate: Mutex<()>,
    /// Hears of each pass that begins.
    entered: mpsc::Sender<()>,
    /// The texts of each pass.
    passes: Mutex<Vec<Vec<String>>>,
}

impl BatchModel for FakeModel {
    type Input = String;
    type Output = Embedding;

    fn run(&self, inputs: &[String]) -> Result<Vec<Result<Embedding, Error>>, Error> {
        let _ = self.entered.send(());
        drop(self.gate.lock());
        self.passes.lock().expect("passes").push(inputs.to_vec());
        let embedding = |_: &String| {
            Ok(Embedding {
                values: vec![1.0],
                tokens: 1,
            })
        };
        Ok(inputs.iter().map(embedding).collect())
    }

    fn length(&self, input: &String) -> usize {
        input.len()
    }
}

/// A server before such a model, and what tells of passes that begin.
struct Bench {
    server: Arc<Server>,
    model: Arc<FakeModel>,
    entered: mpsc::Receiver<()>,
    runtime: Runtime,
}

impl Bench {
    fn new(allowance: Allowance) -> Self {
        let (sender, entered) = mpsc::channel();
        let model = Arc::new(FakeModel {
            gate: Mutex::new(()),
            entered: sender,
            passes: Mutex::default(),
        });
        let requests = NonZeroUsize::new(allowance.queue).expect("not zero");
        let embedder = Embedder::new(Arc::clone(&model), "fake".to_owned(), requests);
        let embedder = Arc::new(embedder.expect("a thread"));
        Self {
            server: fake::server(Arc::default(), Some(embedder), allowance),
            model,
            entered,
            runtime: runtime(),
        }
    }

    /// Asks for the directions of `texts`.
    async fn ask(&self, texts: &[&str]) -> Result<StatusCode, ApiError> {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({ "input": texts }).to_string()))
            .expect("a request");
        let response = answer(&self.server, request).await?;
        Ok(response.status())
    }

    /// The status of the answer to `texts`.
    fn status(&self, texts: &[&str]) -> u16 {
        status(self.runtime.block_on(self.ask(texts)))
    }

    /// Lets `asking` put its texts into the queue, where they are held up.
    fn begin(&self, asking: Pin<&mut impl Future<Output = Result<StatusCode, ApiError>>>) {
        let begun = self
            .runtime
            .block_on(async { timeout(Duration::from_millis(1), asking).await });
        assert!(begun.is_err(), "it has ended");
    }

    /// The same, and its texts are the first: their pass has begun.
    fn begin_first(&self, asking: Pin<&mut impl Future<Output = Result<StatusCode, ApiError>>>) {
        self.begin(asking);
        self.entered.recv_timeout(LONG).expect("a pass begins");
    }

    fn end(&self, asking: impl Future<Output = Result<StatusCode, ApiError>>) -> u16 {
        status(self.runtime.block_on(asking))
    }

    fn passes(&self) -> Vec<Vec<String>> {
        self.model.passes.lock().expect("passes").clone()
    }

    /// Requests that ended in `outcome`.
    fn ended(&self, outcome: &str) -> usize {
        let sample = format!("inferno_requests_total{{task=\"embedding\",outcome=\"{outcome}\"}}");
        metric(&self.server, &sample) as usize
    }
}

fn status(answered: Result<StatusCode, ApiError>) -> u16 {
    answered.unwrap_or_else(|error| error.status()).as_u16()
}

#[test]
fn texts_of_several_clients_share_a_pass() {
    let bench = Bench::new(allowance());
    let gate = bench.model.gate.lock().expect("the gate");
    let mut first = pin!(bench.ask(&["first"]));
    bench.begin_first(first.as_mut());
    let mut second = pin!(bench.ask(&["second"]));
    bench.begin(second.as_mut());
    let mut third = pin!(bench.ask(&["third"]));
    bench.begin(third.as_mut());
    drop(gate);
    for asking in [first, second, third] {
        assert_eq!(bench.end(asking), 200);
    }
    let mut passes = bench.passes();
    // In which order the two come to the queue is up to the threads that cut them into tokens.
    passes[1].sort();
    assert_eq!(passes, [vec!["first"], vec!["second", "third"]]);
    assert_eq!(bench.ended("answered"), 3);
    let times = |name: &str| metric(&bench.server, &format!("inferno_{name}_seconds_count"));
    assert!((times("embedding") - 3.0).abs() < 1e-9);
    assert!(times("request") < 0.5, "no text was generated");
}

#[test]
fn a_client_that_goes_away_withdraws_its_texts() {
    let bench = Bench::new(allowance());
    let gate = bench.model.gate.lock().expect("the gate");
    let mut first = pin!(bench.ask(&["first"]));
    bench.begin_first(first.as_mut());
    {
        let mut left = pin!(bench.ask(&["a", "b", "c"]));
        bench.begin(left.as_mut());
    }
    assert_eq!(bench.server.load(), 2, "what it left still takes its place");
    drop(gate);
    assert_eq!(bench.end(first), 200);
    assert_eq!(bench.status(&["last"]), 200);
    assert_eq!(bench.passes(), [["first"], ["last"]]);
    assert_eq!(bench.ended("cancelled"), 1);
    assert_eq!(bench.ended("answered"), 2);
    assert_eq!(bench.server.load(), 0);
}

#[test]
fn a_request_whose_time_is_over_withdraws_its_texts() {
    let bench = Bench::new(Allowance {
        answer: Duration::from_millis(50),
        ..allowance()
    });
    let gate = bench.model.gate.lock().expect("the gate");
    let mut first = pin!(bench.ask(&["first"]));
    bench.begin_first(first.as_mut());
    assert_eq!(bench.status(&["late"]), 504);
    assert_eq!(bench.end(first), 504);
    drop(gate);
    // The thread that computes finishes its pass, and then there is nothing left.
    let started = Instant::now();
    while bench.server.load() > 0 {
        assert!(started.elapsed() < LONG, "its place is not free");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(bench.passes(), [["first"]]);
    assert_eq!(bench.ended("expired"), 2);
}

#[test]
fn more_requests_than_there_are_places_are_refused() {
    let bench = Bench::new(Allowance {
        queue: 1,
        ..allowance()
    });
    let gate = bench.model.gate.lock().expect("the gate");
    let mut first = pin!(bench.ask(&["first"]));
    bench.begin_first(first.as_mut());
    assert_eq!(bench.status(&["second"]), 429);
    assert_eq!(bench.ended("refused"), 1);
    drop(gate);
    assert_eq!(bench.end(first), 200);
    assert_eq!(bench.status(&["third"]), 200);
}

#[test]
fn what_was_taken_before_the_end_is_answered_to_its_last_text() {
    let bench = Bench::new(allowance());
    let gate = bench.model.gate.lock().expect("the gate");
    // More than are in the queue at the same time.
    let mut first = pin!(bench.ask(&["text"; 200]));
    bench.begin_first(first.as_mut());
    bench.server.drain();
    assert_eq!(bench.server.load(), 1);
    assert_eq!(bench.status(&["second"]), 503);
    drop(gate);
    assert_eq!(bench.end(first), 200);
    assert_eq!(bench.server.load(), 0);
    bench.server.stop();
}

#[test]
fn a_short_request_does_not_wait_for_the_whole_of_a_long_one() {
    let bench = Bench::new(allowance());
    let gate = bench.model.gate.lock().expect("the gate");
    let texts = vec!["long"; 2000];
    let mut long = pin!(bench.ask(&texts));
    bench.begin_first(long.as_mut());
    let mut short = pin!(bench.ask(&["short"]));
    bench.begin(short.as_mut());
    drop(gate);
    let both = async { tokio::join!(long, short) };
    let (long, short) = bench.runtime.block_on(both);
    assert_eq!((status(long), status(short)), (200, 200));
    let passes = bench.passes();
    let has_short = |pass: &Vec<String>| pass.iter().any(|text| text == "short");
    let place = passes.iter().position(has_short).expect("it was computed");
    assert!(place < 5, "in pass {place} of {}", passes.len());
    assert!(passes.len() > 60, "{} passes", passes.len());
}

#[test]
fn numbers_are_written_as_asked_for() {
    let embedding = Embedding {
        values: vec![1.0, -0.5],
        tokens: 3,
    };
    let float = document("e", std::slice::from_ref(&embedding), Encoding::Float);
    assert_eq!(float["data"][0]["embedding"], json!([1.0, -0.5]));
    assert_eq!(float["usage"]["total_tokens"], 3);
    let base64 = document("e", &[embedding], Encoding::Base64);
    // 1.0 is 00 00 80 3f, -0.5 is 00 00 00 bf.
    assert_eq!(base64["data"][0]["embedding"], "AACAPwAAAL8=");
}

#[test]
fn no_text_and_an_empty_text_are_refused() {
    assert!(check_texts(&["a".to_owned()]).is_ok());
    assert!(check_texts(&[]).is_err());
    let error = check_texts(&["a".to_owned(), String::new()]).expect_err("an empty text");
    assert_eq!(error.document()["error"]["param"], "input[1]");
}

#[test]
fn the_body_is_a_text_or_several() {
    for (body, count) in [
        (json!({ "input": "a", "encoding_format": "base64" }), 1),
        (json!({ "input": ["a", "b"] }), 2),
    ] {
        let body: EmbeddingBody = serde_json::from_value(body).expect("valid");
        assert_eq!(body.input.into_vec().len(), count);
    }
    let other = json!({ "input": "a", "encoding_format": "int8" });
    assert!(serde_json::from_value::<EmbeddingBody>(other).is_err());
}
