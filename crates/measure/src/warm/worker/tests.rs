//! Tests of what a worker is charged for while it is not its turn.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::scenario::{Pin, Role};

/// A shell that says it is ready, and spins.
fn spinning() -> Worker {
    let script = "echo '{\"ready\": true, \"startup_ns\": 1}'; while :; do :; done";
    let scenario = Scenario {
        name: "warm/spin".to_owned(),
        group: "warm".to_owned(),
        kind: Kind::Warm {
            request: serde_json::Map::new(),
            pin: Pin::None,
            warmup: 0,
        },
        args: vec!["-c".to_owned(), script.to_owned()],
        env: BTreeMap::new(),
        stdin: None,
        directory: PathBuf::from("/"),
        inputs: Vec::new(),
        timeout: Duration::from_mins(1),
        exit: 0,
        prepare: Vec::new(),
        server: None,
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        metrics: Vec::new(),
    };
    Worker::start(&Launch {
        scenario: &scenario,
        binary: Path::new("/bin/sh"),
        arm: Arm::Baseline,
        timeout: scenario.timeout,
    })
    .expect("the shell starts")
}

/// Lets the paused worker run behind the session's back, and stops it again.
fn run_behind(worker: &Worker) {
    let before = worker.child.cpu_time_ns().unwrap();
    worker.child.resume();
    let deadline = Instant::now() + Duration::from_secs(20);
    while worker.child.cpu_time_ns().unwrap() == before {
        assert!(Instant::now() < deadline, "the worker does not go on");
        std::thread::yield_now();
    }
    worker.child.stop().unwrap();
    worker.child.settled_cpu_time_ns().unwrap();
}

#[test]
fn idle_cpu_time_is_charged_once_and_to_its_own_block() {
    let mut worker = spinning();
    worker.pause("warm/spin").unwrap();
    worker.reset_idle();
    run_behind(&worker);
    // The end of a block, whose last turn is over.
    worker.settle_idle();
    let idle = worker.idle_cpu_ns();
    assert!(idle.is_some_and(|idle| idle > 0), "{idle:?}");
    worker.settle_idle();
    assert_eq!(worker.idle_cpu_ns(), idle);
    // The next block starts anew, whatever was used between the blocks.
    run_behind(&worker);
    worker.reset_idle();
    worker.settle_idle();
    assert_eq!(worker.idle_cpu_ns(), Some(0));
}
