use super::super::comparison::{Drift, PerformanceComparison, Rule, compare};
use super::super::samples::Ending;
use super::super::{PerformanceResult, Settings, Suite};
use super::{close, inference, result_of};
use crate::comparison::Weight;
use crate::record::Verdict;

fn compared(
    older: &PerformanceResult,
    newer: &PerformanceResult,
    rule: Rule,
) -> PerformanceComparison {
    let (older, newer) = (std::slice::from_ref(older), std::slice::from_ref(newer));
    compare(older, newer, ["old", "new"], rule)
}

const RULE: Rule = Rule {
    threshold: 0.03,
    drift: None,
    uses_reference: true,
};

#[test]
fn a_slower_program_is_found_on_a_machine_that_drifts() {
    let baseline = inference(1, 1.0, 1.0);
    let (mut found, mut false_alarms) = (0, 0);
    for seed in 2..12 {
        let machine = 0.9 + 0.02 * seed as f64;
        let slower = compared(&baseline, &inference(seed, machine, 1.05), RULE);
        found += u32::from(slower.has(Verdict::Slower));
        let same = compared(&baseline, &inference(seed, machine, 1.0), RULE);
        false_alarms += u32::from(same.has(Verdict::Slower));
        let row = slower
            .rows
            .iter()
            .find(|row| row.figure == "avg_latency_ms")
            .unwrap();
        assert_eq!(row.drift, Drift::Cancelled);
        let change = row.change.unwrap();
        assert!((1.02..1.08).contains(&change), "{change}");
        let throughput = slower
            .rows
            .iter()
            .find(|row| row.figure == "throughput_rps")
            .unwrap();
        assert!(throughput.change.unwrap() < 1.0, "{throughput:?}");
    }
    assert!(found >= 9, "{found}");
    assert_eq!(false_alarms, 0);
}

#[test]
fn without_the_fixed_computation_the_drift_is_allowed_for() {
    let baseline = inference(1, 1.0, 1.0);
    let rule = Rule {
        uses_reference: false,
        ..RULE
    };
    let drifted = compared(&baseline, &inference(2, 1.1, 1.0), rule);
    assert!(!drifted.has(Verdict::Slower), "{:?}", drifted.rows);
    let halved = compared(&baseline, &inference(2, 1.0, 0.5), rule);
    assert!(halved.has(Verdict::Faster));
    // Memory does not depend on how fast the machine is.
    let memory = drifted
        .rows
        .iter()
        .find(|row| row.figure == "memory_usage_mb")
        .unwrap();
    assert_eq!(
        (memory.drift, memory.verdict),
        (Drift::Irrelevant, Verdict::NoDifference)
    );
    // Nor does the fixed computation tell what threads pay for meeting each other.
    let on_two = |mut result: PerformanceResult| {
        result.circumstances.settings.threads = 2;
        result
    };
    let [older, newer] = [inference(1, 1.0, 1.0), inference(2, 1.1, 1.0)].map(on_two);
    let on_two = compared(&older, &newer, RULE);
    assert!(on_two.rows.iter().all(|row| row.drift != Drift::Cancelled));
    assert!(!on_two.has(Verdict::Slower), "{:?}", on_two.rows);
    let stated = Rule {
        drift: Some(0.0),
        ..rule
    };
    assert!(compared(&baseline, &inference(2, 1.1, 1.0), stated).has(Verdict::Slower));
}

#[test]
fn what_was_measured_in_turns_is_compared_pair_by_pair() {
    // A machine whose speed changes by a fifth between pairs, and an engine on two threads.
    let side = |seed: u64, program: f64, turns: &str| {
        let mut processes = inference(seed, 1.0, program).processes;
        for process in processes.iter_mut().step_by(3) {
            for request in &mut process.runs[0].requests {
                request.latency_ns = request.latency_ns * 6 / 5;
            }
        }
        let mut result = result_of(Suite::Inference, processes);
        result.circumstances.settings.threads = 2;
        result.circumstances.settings.turns = Some(turns.to_owned());
        result
    };
    let older = side(1, 1.0, "a");
    let slower = compared(&older, &side(2, 1.05, "a"), RULE);
    let row = slower
        .rows
        .iter()
        .find(|row| row.figure == "p50_latency_ms");
    let row = row.unwrap();
    assert_eq!((row.drift, row.verdict), (Drift::InTurns, Verdict::Slower));
    assert!(!compared(&older, &side(2, 1.0, "a"), RULE).has(Verdict::Slower));
    // Turns of another run, or a process that is missing, make no pairs.
    let elsewhere = compared(&older, &side(2, 1.05, "b"), RULE);
    assert!(!elsewhere.has(Verdict::Slower), "{:?}", elsewhere.rows);
    let mut cut = side(2, 1.05, "a");
    cut.processes.pop();
    let cut = compared(&older, &cut, RULE);
    assert!(cut.rows.iter().all(|row| row.drift != Drift::InTurns));
}

#[test]
fn too_few_processes_give_no_answer() {
    let mut few = inference(2, 1.0, 1.5);
    few.processes.truncate(3);
    let few = result_of(Suite::Inference, few.processes);
    let comparison = compared(&inference(1, 1.0, 1.0), &few, RULE);
    let row = &comparison.rows[0];
    assert_eq!(row.verdict, Verdict::Inconclusive);
    assert!(
        row.reason.contains("only 3 of at least 8"),
        "{}",
        row.reason
    );
}

/// The advice for the times of `newer` against those of a fast program.
fn advice(newer: &PerformanceResult, rule: Rule) -> String {
    let mut older = inference(1, 1.0, 1.0);
    older.benchmark_type = newer.benchmark_type;
    let comparison = compared(&older, newer, rule);
    let mut rows = comparison.rows.into_iter();
    let row = rows.find(|row| row.figure == "avg_latency_ms").unwrap();
    assert_eq!(row.verdict, Verdict::Inconclusive, "{}", row.reason);
    row.remedy.unwrap()
}

#[test]
fn what_kept_the_processes_few_is_what_is_advised_to_change() {
    type Change = fn(&mut Settings);
    let changes: [(Change, &str); 4] = [
        (|settings| settings.processes = 3, "--restarts 8"),
        (
            |settings| settings.requests = None,
            "a longer --duration, as its time held 3 of 8 processes",
        ),
        (|settings| settings.requests = Some(3), "--iterations 8"),
        (|_| {}, "comes to its end"),
    ];
    for (change, told) in changes {
        let mut few = inference(2, 1.0, 1.5);
        few.processes.truncate(3);
        change(&mut few.circumstances.settings);
        let advice = advice(&few, RULE);
        assert!(
            advice.starts_with("measure the current side with "),
            "{advice}"
        );
        assert!(advice.contains(told), "{advice}");
        let options = advice.matches("--").count();
        assert!(options <= 1, "nothing else helps: {advice}");
    }
}

#[test]
fn what_cannot_cancel_the_drift_is_not_advised() {
    // Slower by less than the machine may have drifted.
    let drifted = |suite: Suite| {
        let mut processes = inference(2, 1.1, 1.0).processes;
        for process in &mut processes {
            process.references_ns.clear();
        }
        result_of(suite, processes)
    };
    for suite in [Suite::Inference, Suite::Memory] {
        let told = advice(&drifted(suite), RULE);
        assert!(
            told.contains("--against") && told.contains("--drift"),
            "{told}"
        );
    }
    // A cache is one process, whether it times the fixed computation or not.
    let mut processes = inference(2, 1.1, 1.0).processes;
    processes.truncate(1);
    let told = advice(&result_of(Suite::Cache, processes), RULE);
    assert!(
        !told.contains("--against") && !told.contains("--restarts"),
        "{told}"
    );
    let rule = Rule {
        uses_reference: false,
        ..RULE
    };
    let told = advice(&inference(2, 1.1, 1.0), rule);
    assert!(told.contains("leave out --no-reference"), "{told}");
}

#[test]
fn what_could_explain_a_change_is_an_obstacle() {
    type Change = fn(&mut PerformanceResult);
    let changes: [(&str, Change, Weight); 7] = [
        (
            "processor",
            |r| r.circumstances.environment.host.cpu_model = None,
            Weight::Obstacle,
        ),
        (
            "model",
            |r| r.circumstances.model.sha256 = "d".repeat(64),
            Weight::Obstacle,
        ),
        (
            "build profile",
            |r| r.circumstances.environment.build.is_release = false,
            Weight::Obstacle,
        ),
        (
            "tokens of an answer",
            |r| r.circumstances.settings.max_tokens = 1,
            Weight::Obstacle,
        ),
        (
            "amount",
            |r| r.circumstances.settings.requests = Some(7),
            Weight::Told,
        ),
        (
            "run of inference on candle",
            |r| r.complete = false,
            Weight::Obstacle,
        ),
        (
            "contents",
            |r| r.benchmark_type = Suite::Memory,
            Weight::Obstacle,
        ),
    ];
    let older = inference(1, 1.0, 1.0);
    assert!(compared(&older, &older, RULE).differences.is_empty());
    for (what, change, weight) in changes {
        let mut newer = older.clone();
        change(&mut newer);
        let found = compared(&older, &newer, RULE).differences;
        assert_eq!(
            (found[0].what.as_str(), found[0].weight),
            (what, weight),
            "{found:?}"
        );
    }
    // Another binary is what is compared.
    let mut newer = older.clone();
    newer.circumstances.environment.build.sha256 = None;
    assert!(compared(&older, &newer, RULE).differences.is_empty());
}

#[test]
fn a_percentile_that_takes_more_requests_is_told() {
    let older = inference(1, 1.0, 1.0);
    let mut shorter = older.processes.clone();
    for process in &mut shorter {
        process.runs[0].requests.truncate(4);
    }
    let newer = result_of(Suite::Inference, shorter);
    let comparison = compared(&older, &newer, RULE);
    assert_eq!(comparison.obstacles().count(), 0);
    let told = |what: &str| {
        let mut differences = comparison.differences.iter();
        differences.find(|one| one.what == what).unwrap()
    };
    let percentile = told("p90_latency_ms of inference on candle");
    let current = &percentile.candidate;
    assert!(current.starts_with("takes 36 requests, "), "{current}");
    assert!(!comparison.rows.is_empty());
}

#[test]
fn a_figure_that_went_away_is_an_obstacle() {
    let older = inference(1, 1.0, 1.0);
    let mut newer = older.clone();
    newer.figures.remove("p90_latency_ms");
    let comparison = compared(&older, &newer, RULE);
    let obstacles: Vec<&str> = comparison
        .obstacles()
        .map(|one| one.what.as_str())
        .collect();
    assert_eq!(obstacles, ["p90_latency_ms of inference on candle"]);
}

/// The inference suite, in which `failed` requests of each run were not answered.
fn failing(failed: usize, runs: usize) -> PerformanceResult {
    let mut processes = inference(1, 1.0, 1.0).processes;
    for process in &mut processes {
        for request in &mut process.runs[0].requests[..failed] {
            request.ending = Ending::Failed;
        }
        process.runs = vec![process.runs[0].clone(); runs];
    }
    result_of(Suite::Inference, processes)
}

#[test]
fn errors_are_compared_as_shares() {
    let comparison = compared(&failing(0, 1), &failing(6, 1), RULE);
    let row = comparison
        .rows
        .iter()
        .find(|row| row.figure == "error_rate")
        .unwrap();
    assert_eq!(row.verdict, Verdict::Slower);
    close(row.change, 6.0 / 13.0);
    let none = compared(&failing(0, 1), &failing(0, 1), RULE);
    assert!(none.rows.iter().all(|row| row.figure != "error_rate"));
    assert!(
        none.notes
            .iter()
            .any(|note| note.contains("no request failed"))
    );
}

#[test]
fn errors_are_worse_however_large_the_threshold_of_times_is() {
    let rule = Rule {
        threshold: 0.10,
        ..RULE
    };
    // 40 of 520 are fewer than 10 %.
    let comparison = compared(&failing(0, 5), &failing(1, 5), rule);
    let mut rows = comparison.rows.iter();
    let row = rows.find(|row| row.figure == "error_rate").unwrap();
    assert_eq!(row.verdict, Verdict::Slower, "{}", row.reason);
    assert!(row.reason.contains("±0.10"), "{}", row.reason);
}
