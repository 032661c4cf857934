//! Prompts on their way to an engine that does as the tests tell it.

use inferno_inference::engine::counts::{Counts, ResponseCounts};
use tokio::sync::OwnedSemaphorePermit;

use super::super::fake::{self, DEADLINE, FakeEngine, allowance, metric, runtime};
use super::super::{Allowance, TOKENIZER_THREADS};
use super::*;

async fn submit(server: &Arc<Server>) -> Result<Answer, ApiError> {
    let open = server.instruments.begin(Task::Chat);
    Answer::submit(server, open, fake::request()).await
}

/// All turns there are.
fn all_turns(server: &Server) -> OwnedSemaphorePermit {
    Arc::clone(&server.tokenizer_turns)
        .try_acquire_many_owned(TOKENIZER_THREADS as u32)
        .expect("nobody has a turn")
}

/// Requests that ended in `outcome`.
fn ended(server: &Server, outcome: &str) -> usize {
    let sample = format!("inferno_requests_total{{task=\"chat\",outcome=\"{outcome}\"}}");
    metric(server, &sample) as usize
}

#[test]
fn prompts_of_clients_that_have_left_do_not_pile_up() {
    let clients = 3 * TOKENIZER_THREADS;
    let engine = Arc::new(FakeEngine::default());
    let server = fake::server(Arc::clone(&engine), None, allowance());
    let runtime = runtime();
    let gate = engine.gate.lock().expect("the gate");
    runtime.block_on(async {
        for _ in 0..clients {
            let left = timeout(Duration::from_millis(1), submit(&server)).await;
            assert!(left.is_err(), "it was not held");
        }
    });
    drop(gate);
    runtime.block_on(async {
        // Each comes to its end after all that was there before it has begun.
        for _ in 0..=TOKENIZER_THREADS {
            tokio::task::spawn_blocking(|| ()).await.expect("no panic");
        }
        let turns = server
            .tokenizer_turns
            .acquire_many(TOKENIZER_THREADS as u32);
        drop(turns.await.expect("nobody closes the semaphore"));
    });
    let taken = engine.taken.lock().expect("requests").len();
    assert_eq!(taken, TOKENIZER_THREADS);
    assert_eq!(ended(&server, "cancelled"), clients - TOKENIZER_THREADS);
    assert_eq!(ended(&server, "answered"), TOKENIZER_THREADS);
}

#[test]
fn the_wait_for_a_turn_is_part_of_the_time_for_an_answer() {
    let brief = Allowance {
        answer: Duration::from_millis(20),
        ..allowance()
    };
    let server = fake::server(Arc::default(), None, brief);
    let turns = all_turns(&server);
    let late = runtime().block_on(submit(&server)).expect_err("no turn");
    assert_eq!(late.status().as_u16(), 504);
    assert_eq!(ended(&server, "expired"), 1);
    drop(turns);
}

#[test]
fn the_wait_for_a_turn_is_counted_and_leaves_less_time() {
    let wait = Duration::from_millis(20);
    let engine = Arc::new(FakeEngine::default());
    let server = fake::server(Arc::clone(&engine), None, allowance());
    let turns = all_turns(&server);
    let completion = runtime().block_on(async {
        let submitting = submit(&server);
        tokio::pin!(submitting);
        let early = timeout(wait, submitting.as_mut()).await;
        assert!(early.is_err(), "there was no turn");
        drop(turns);
        let answer = submitting.await.expect("taken");
        answer.completion().await.expect("answered")
    });
    // The timer began a little earlier.
    let waited = wait / 2;
    for time in [completion.timings.queue_wait, completion.timings.total] {
        assert!(time >= waited, "{:?}", completion.timings);
    }
    let recorded = metric(&server, "inferno_queue_wait_seconds_sum");
    assert!(recorded >= waited.as_secs_f64(), "{recorded}");
    let left = engine.taken.lock().expect("requests")[0].deadline;
    let is_less = left.is_some_and(|left| left + waited <= DEADLINE);
    assert!(is_less, "{left:?}");
}

#[test]
fn what_has_no_place_in_the_queue_is_not_cut_into_tokens() {
    let full = Counts {
        waiting: allowance().queue,
        ..Counts::default()
    };
    let keeping_answers = Counts {
        responses: Some(ResponseCounts::default()),
        ..full
    };
    for (counts, status) in [(full, Some(429)), (keeping_answers, None)] {
        let engine = Arc::new(FakeEngine {
            counts,
            ..FakeEngine::default()
        });
        let server = fake::server(Arc::clone(&engine), None, allowance());
        let submitted = runtime().block_on(submit(&server));
        let refused = submitted.err().map(|error| error.status().as_u16());
        assert_eq!(refused, status);
        let refused = usize::from(status.is_some());
        assert_eq!(engine.taken.lock().expect("requests").len(), 1 - refused);
        assert_eq!(ended(&server, "refused"), refused);
    }
}

#[test]
fn a_server_that_ends_takes_no_prompt() {
    let engine = Arc::new(FakeEngine::default());
    let server = fake::server(Arc::clone(&engine), None, allowance());
    server.drain();
    let refused = runtime().block_on(submit(&server)).expect_err("the end");
    assert_eq!(refused.status().as_u16(), 503);
    assert!(engine.taken.lock().expect("requests").is_empty());
}
