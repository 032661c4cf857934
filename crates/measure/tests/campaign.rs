//! Campaigns on a program with known behaviour: what is measured, what is refused, and
//! that an interrupted one is continued.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::Error;
use inferno_measure::arms::Arms;
use inferno_measure::campaign::{
    Campaign, KnownCost, Measured, Observer, Progress, Silent, measure,
};
use inferno_measure::plan::Plan;
use inferno_measure::record::Verdict;
use inferno_measure::samples::{Arm, NotRun, Output, Phase};
use inferno_measure::scenario::{Judging, Kind, Pin, Ready, Role, Scenario, Server, Stop};
use inferno_measure::verdict::judge;
use support::{Place, cold, judging, place, warm};

fn campaign<'a>(place: &'a Place, scenarios: &'a [Scenario], judging: &'a Judging) -> Campaign<'a> {
    Campaign {
        scenarios,
        arms: std::slice::from_ref(&place.arms),
        judging,
        directory: place.directory.path().join("samples"),
        key: "test".to_owned(),
        known_costs: BTreeMap::new(),
    }
}

fn run(scenario: Scenario) -> Result<Measured, Error> {
    let (place, scenarios, judging) = (place(), [scenario], judging());
    let mut measured = measure(&campaign(&place, &scenarios, &judging), &mut Silent)?;
    Ok(measured.remove(0))
}

/// With [`unpiloted_cost`], a scenario gets the least plan on any machine, and no pilot.
fn unpiloted() -> Judging {
    Judging {
        budget_s: 100.0,
        min_pairs: 1,
        ..Judging::default()
    }
}

fn unpiloted_cost(scenario: &str) -> BTreeMap<String, KnownCost> {
    let cost = KnownCost {
        startup: Duration::ZERO,
        sample: Duration::from_millis(1400),
    };
    BTreeMap::from([(scenario.to_owned(), cost)])
}

#[test]
fn the_last_block_of_workers_that_end_badly_is_not_kept() {
    let (place, scenarios, judging) = (place(), [warm("warm/short", "bad-end")], unpiloted());
    let mut campaign = campaign(&place, &scenarios, &judging);
    campaign.known_costs = unpiloted_cost("warm/short");
    for _again in 0..2 {
        let error = measure(&campaign, &mut Silent).unwrap_err();
        assert!(error.to_string().contains("exit code 3"), "{error}");
        let log = std::fs::read_to_string(campaign.directory.join("samples.jsonl")).unwrap();
        assert_eq!(log.lines().count(), 1, "the header alone: {log}");
    }
}

fn refusal(scenario: Scenario) -> String {
    let error = run(scenario).expect_err("the scenario must be refused");
    assert_eq!(error.exit_code(), 23, "{error}");
    assert!(error.hint().is_some());
    error.to_string()
}

#[test]
fn warm_pairs_share_inputs_and_mark_warm_ups() {
    let measured = run(warm("warm/short", "")).unwrap();
    let (pilot, judged): (Vec<_>, Vec<_>) = measured
        .samples
        .restarts
        .iter()
        .partition(|restart| restart.pairs.iter().any(|pair| pair.phase == Phase::Pilot));
    assert_eq!(pilot.len(), 1);
    assert!(judged.len() >= 8);
    for restart in judged {
        assert_eq!(restart.pairs[0].phase, Phase::Warmup);
        assert!(
            restart.pairs[1..]
                .iter()
                .all(|pair| pair.phase == Phase::Measured)
        );
        for pair in &restart.pairs {
            assert_eq!(pair.order.len(), 3);
            assert_eq!(pair.output, Some(Output::Same(format!("a{}", pair.seq))));
            assert!(pair.candidate.round_trip_ns.is_some());
            assert_eq!(pair.candidate.metrics["rate"].to_bits(), 2.5_f64.to_bits());
        }
    }
}

#[test]
fn a_candidate_that_takes_four_fifths_is_faster_and_its_copy_is_not() {
    let judging = judging();
    // The program makes its times up, so that no load of the machine is in them.
    let judged = |mode| {
        let mut measured = run(warm("warm/short", mode)).unwrap();
        for restart in &mut measured.samples.restarts {
            restart.surroundings = None;
        }
        judge(&[measured], &judging).remove(0)
    };
    let faster = judged("faster");
    assert_eq!(faster.verdict, Verdict::Faster, "{}", faster.reason);
    assert!(
        (faster.effect.unwrap() - 0.8).abs() < 0.01,
        "{:?}",
        faster.effect
    );
    let same = judged("");
    assert_eq!(same.verdict, Verdict::NoDifference, "{}", same.reason);
}

#[test]
#[cfg(target_os = "linux")]
fn a_spinning_worker_uses_no_cpu_while_it_is_not_its_turn() {
    for pin in [Pin::None, Pin::OneCore] {
        let mut scenario = warm("warm/spin", "");
        scenario.kind = Kind::Warm {
            request: serde_json::Map::new(),
            pin,
            warmup: 1,
        };
        scenario.env.insert("SPIN".to_owned(), "1".to_owned());
        let (place, scenarios, judging) = (place(), [scenario], unpiloted());
        let mut campaign = campaign(&place, &scenarios, &judging);
        campaign.known_costs = unpiloted_cost("warm/spin");
        let measured = measure(&campaign, &mut Silent).unwrap();
        let result = judge(&measured, &judging).remove(0);
        assert_eq!(result.idle_cpu_ns, Some(0), "{pin:?}");
        assert!(result.restarts >= 8);
    }
}

#[test]
fn turns_hold_several_requests_over_the_same_inputs() {
    let (place, scenarios) = (place(), [warm("warm/turns", "")]);
    let judging = Judging {
        turn_requests: 4,
        ..judging()
    };
    let measured = measure(&campaign(&place, &scenarios, &judging), &mut Silent).unwrap();
    let restart = measured[0].samples.restarts.last().unwrap();
    let judged: Vec<_> = restart
        .pairs
        .iter()
        .filter(|pair| pair.phase == Phase::Measured)
        .collect();
    assert_eq!(judged.len() % 4, 0);
    for (number, pair) in judged.iter().enumerate() {
        assert_eq!(pair.turn_position as usize, number % 4);
    }
}

#[test]
fn a_worker_that_breaks_the_protocol_is_named_with_what_it_said() {
    for (mode, expected) in [
        ("error", "out of luck"),
        ("malformed", "malformed line"),
        ("wrong-seq", "instead of"),
        ("die", "exit code 7"),
        ("bad-end", "exit code 3"),
        ("not-ready", "says \"hello\" first"),
        ("clock-step", "monotonic clock"),
    ] {
        let message = refusal(warm("warm/short", mode));
        for part in ["warm/short", "candidate", expected] {
            assert!(message.contains(part), "{mode}: {message}");
        }
    }
    assert!(refusal(warm("warm/short", "error")).contains("the model is gone"));
}

#[test]
fn a_worker_or_process_that_hangs_is_killed() {
    for hanging in [warm("hang", "hang"), cold("hang", "hang")] {
        let scenario = Scenario {
            timeout: Duration::from_millis(400),
            ..hanging
        };
        assert!(refusal(scenario).contains("within 400ms"));
    }
}

#[test]
fn a_metric_that_a_worker_does_not_answer_is_an_error() {
    let mut scenario = warm("warm/short", "");
    scenario.metrics[0].name = "latency".to_owned();
    assert!(refusal(scenario).contains("\"latency\""));
}

#[test]
fn outputs_that_differ_are_kept_as_such() {
    let measured = run(warm("warm/short", "other-output")).unwrap();
    let pair = &measured.samples.restarts[0].pairs[0];
    assert!(matches!(&pair.output, Some(Output::Differ(hashes)) if hashes.candidate == "b0"));
}

#[test]
fn cold_pairs_have_costs_and_metrics() {
    let measured = run(cold("cold", "")).unwrap();
    assert!(measured.samples.restarts.len() >= 10);
    for restart in &measured.samples.restarts {
        assert_eq!(restart.pairs.len(), 1);
        let sample = &restart.pairs[0].candidate;
        assert!(sample.peak_rss_bytes.is_some_and(|bytes| bytes > 100_000));
        assert_eq!(sample.metrics["rate"].to_bits(), 12.5_f64.to_bits());
    }
    let result = judge(&[measured], &judging()).remove(0);
    assert!(result.costs.contains_key("cpu_ns") && result.metrics.contains_key("rate"));
}

#[test]
#[cfg(target_os = "linux")]
fn inputs_that_cannot_leave_memory_are_refused_for_a_cold_disk() {
    use inferno_measure::scenario::PageCache;
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    std::fs::write(file.path(), "content").unwrap();
    let kind = Kind::Cold {
        cache: PageCache::Disk,
        pin: Pin::None,
    };
    let in_memory = Scenario {
        kind: kind.clone(),
        inputs: vec![file.path().to_owned()],
        ..cold("disk", "")
    };
    let message = refusal(in_memory);
    assert!(
        message.contains("stay in memory") && message.contains("/dev/shm"),
        "{message}"
    );
    let error = run(Scenario {
        kind,
        ..cold("disk", "")
    })
    .unwrap_err();
    assert!(error.to_string().contains("`inputs`"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_pinned_cold_process_may_use_one_core() {
    use inferno_measure::trial;
    let pinned = Scenario {
        kind: Kind::Cold {
            cache: inferno_measure::scenario::PageCache::Warm,
            pin: Pin::OneCore,
        },
        args: vec![
            "Cpus_allowed_list".to_owned(),
            "/proc/self/status".to_owned(),
        ],
        metrics: Vec::new(),
        ..cold("cold", "")
    };
    let grep = std::path::Path::new("/bin/grep");
    let trial = trial::run(&pinned, grep, Arm::Baseline, 1).unwrap();
    let text = String::from_utf8(trial.stdout).unwrap();
    let cores = text.split_whitespace().last().unwrap();
    assert!(cores.parse::<u32>().is_ok(), "{text}");
    assert_eq!(pinned.declared().pin, Some(Pin::OneCore));
    assert_eq!(cold("cold", "").declared().pin, None);
}

#[test]
fn a_cold_run_that_does_not_do_as_declared_is_refused() {
    let message = refusal(cold("cold", "no-match"));
    for part in [
        "cold",
        "\"rate\"",
        "rate: ([0-9.]+)",
        "does not match",
        "nothing to see",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(refusal(cold("cold", "exit")).contains("exit code 9"));
}

/// A shell command as a spec declares it.
fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// A server of which each run needs a note that `prepare` writes.
fn served(note: &std::path::Path) -> Scenario {
    let serve = "trap 'exit 0' TERM; echo listening; while :; do sleep 0.05; done";
    Scenario {
        args: shell(serve)[1..].to_vec(),
        env: BTreeMap::from([("NOTE".to_owned(), note.display().to_string())]),
        prepare: shell("echo prepared > \"$NOTE\""),
        server: Some(Server {
            ready: Ready::Line("^listening".to_owned()),
            driver: shell("sleep 0.2; cat \"$NOTE\"; echo 'rate: 2'"),
            stop: Stop::Terminate,
        }),
        ..cold("served", "")
    }
}

#[test]
fn a_server_is_prepared_driven_and_told_by_its_drivers_output() {
    use inferno_measure::trial;
    let directory = tempfile::tempdir().unwrap();
    let scenario = served(&directory.path().join("note"));
    let run = |scenario: &Scenario| {
        trial::run(scenario, std::path::Path::new("/bin/sh"), Arm::Baseline, 1)
    };
    let trial = run(&scenario).unwrap();
    assert_eq!(trial.stdout, b"prepared\nrate: 2\n");
    assert!(trial.cost.sample >= Duration::from_millis(200));

    let unprepared = Scenario {
        prepare: shell("exit 9"),
        ..scenario.clone()
    };
    let killed = Scenario {
        args: shell("echo listening; exec sleep 600")[1..].to_vec(),
        ..scenario.clone()
    };
    let silent = Scenario {
        args: shell("exec sleep 600")[1..].to_vec(),
        prepare: Vec::new(),
        timeout: Duration::from_millis(300),
        ..scenario
    };
    for (refused, problem) in [
        (unprepared, "`prepare` ended with exit code 9"),
        (killed, "ended with signal 15 instead of exit code 0"),
        (silent, "was not ready within 300ms"),
    ] {
        let error = run(&refused).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(error.exit_code(), 23);
    }
}

#[test]
fn a_scenario_that_does_not_fit_says_what_it_needs_and_is_not_run() {
    let (place, scenarios, judging) = (place(), [warm("big", ""), cold("small", "")], judging());
    let mut campaign = campaign(&place, &scenarios, &judging);
    let cost = KnownCost {
        startup: Duration::from_secs(1),
        sample: Duration::from_secs(78),
    };
    campaign.known_costs.insert("big".to_owned(), cost);
    let results = judge(&measure(&campaign, &mut Silent).unwrap(), &judging);
    let big = &results[0];
    assert_eq!(big.verdict, Verdict::Inconclusive);
    assert!(matches!(
        big.samples.not_run,
        Some(NotRun::NeedsBudget { .. })
    ));
    // 8 restarts of 3 arms: 1 s to start, 1 + 3 requests of 78 s.
    assert!(big.reason.starts_with("needs 126 min"), "{}", big.reason);
    assert!(
        big.remedy.as_deref().unwrap().contains("--budget 157m"),
        "{:?}",
        big.remedy
    );
    assert!(big.samples.restarts.is_empty());
    assert!(results[1].restarts >= 10);
}

/// Stops the program that it observes after some restarts, as a kill would.
struct StopAfter(u64);

impl Observer for StopAfter {
    fn progress(&mut self, progress: &Progress<'_>) {
        if progress.remaining.is_some() && progress.done == self.0 {
            std::panic::resume_unwind(Box::new("stopped"));
        }
    }
}

/// Keeps the plan and where the measurement began.
#[derive(Default)]
struct Watch {
    plan: Option<Plan>,
    first_done: Option<u64>,
}

impl Observer for Watch {
    fn planned(&mut self, plan: &Plan) {
        self.plan = Some(plan.clone());
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        if progress.remaining.is_some() {
            self.first_done.get_or_insert(progress.done);
        }
    }
}

#[test]
fn a_stopped_campaign_continues_its_plan_and_a_changed_one_starts_over() {
    let (place, scenarios, judging) = (place(), [warm("a", ""), cold("b", "")], judging());
    let campaign = campaign(&place, &scenarios, &judging);
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(measure(&campaign, &mut StopAfter(5)));
    }));
    assert!(stopped.is_err());
    let path = campaign.directory.join("samples.jsonl");
    let before = std::fs::read_to_string(&path).unwrap();
    let plan: Plan =
        serde_json::from_slice(&std::fs::read(campaign.directory.join("plan.json")).unwrap())
            .unwrap();

    // A kill in the middle of a line.
    std::fs::write(&path, format!("{before}{{\"scenario\": \"a\", \"resta")).unwrap();
    let mut watch = Watch::default();
    let measured = measure(&campaign, &mut watch).unwrap();
    assert_eq!(watch.first_done, Some(5));
    assert_eq!(watch.plan.as_ref(), Some(&plan));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with(&before));
    for unit in &plan.units {
        let name = &unit.scenarios[0].scenario;
        let one = measured
            .iter()
            .find(|one| one.scenario.name == *name)
            .unwrap();
        let judged = one.samples.restarts.iter().filter(|restart| {
            restart
                .pairs
                .iter()
                .any(|pair| pair.phase == Phase::Measured)
        });
        let numbers: Vec<u32> = judged.map(|restart| restart.index).collect();
        assert_eq!(numbers, (0..unit.restarts).collect::<Vec<_>>());
    }

    // A finished campaign measures nothing more and gives the same samples.
    let mut watch = Watch::default();
    assert_eq!(measure(&campaign, &mut watch).unwrap(), measured);
    assert_eq!(watch.first_done, None);

    // What only the judgement looks at changes no sample.
    let mut relabelled = scenarios.clone();
    relabelled[0].role = Role::Guard;
    relabelled[0].class = vec!["cpu-bound".to_owned()];
    let stricter = Judging {
        threshold: 0.02,
        ..judging
    };
    let same = Campaign {
        scenarios: &relabelled,
        judging: &stricter,
        directory: campaign.directory.clone(),
        key: campaign.key.clone(),
        known_costs: BTreeMap::new(),
        ..campaign
    };
    let mut watch = Watch::default();
    let judged_anew = measure(&same, &mut watch).unwrap();
    assert_eq!(watch.first_done, None);
    assert_eq!(judged_anew[0].samples, measured[0].samples);
    assert_eq!(judged_anew[0].scenario.role, Role::Guard);

    let changed = Campaign {
        key: "other binaries".to_owned(),
        directory: PathBuf::from(&campaign.directory),
        known_costs: BTreeMap::new(),
        ..campaign
    };
    let mut watch = Watch::default();
    measure(&changed, &mut watch).unwrap();
    assert_eq!(watch.first_done, Some(0));
}

#[test]
fn declarations_that_cannot_be_measured_are_refused_before_anything_runs() {
    let place = place();
    let good = judging();
    let mut twice = vec![warm("a", ""), warm("a", "")];
    let mut regex = vec![cold("a", "")];
    regex[0].metrics[0].regex = "rate: (".to_owned();
    let mut groupless = vec![cold("a", "")];
    groupless[0].metrics[0].regex = "rate".to_owned();
    let mut long = warm("a", "");
    long.kind = Kind::Warm {
        request: serde_json::Map::from_iter([("prompt".to_owned(), "x".repeat(65536).into())]),
        pin: Pin::None,
        warmup: 1,
    };
    let few = Judging {
        restarts: 7,
        ..good
    };
    let none = Judging {
        threshold: 0.0,
        ..good
    };
    for (scenarios, judging, expected) in [
        (&mut twice, &good, "declared twice"),
        (&mut regex, &good, "rate: ("),
        (&mut groupless, &good, "needs a group"),
        (&mut vec![long], &good, "at most 65536"),
        (&mut vec![warm("a", "")], &few, "at least 8"),
        (&mut vec![warm("a", "")], &none, "between 0 and 1"),
    ] {
        let error = measure(&campaign(&place, scenarios, judging), &mut Silent).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_trial_gives_outputs_and_costs() {
    use inferno_measure::trial;
    let place = place();
    let warm = trial::run(
        &warm("warm", ""),
        place.arms.path(Arm::Baseline),
        Arm::Baseline,
        3,
    )
    .unwrap();
    assert_eq!(warm.output_sha256, ["a0", "a1", "a2"]);
    let cold = trial::run(
        &cold("cold", ""),
        place.arms.path(Arm::Baseline),
        Arm::Baseline,
        1,
    )
    .unwrap();
    assert_eq!(cold.stdout, b"rate: 12.5 tokens/s\n");
    assert!(cold.cost.sample > Duration::ZERO);
}

#[test]
fn a_trial_within_a_limit_is_killed_when_the_whole_of_it_takes_longer() {
    use inferno_measure::trial;
    let place = place();
    let within = |scenario: &Scenario, limit| {
        trial::run_within(
            scenario,
            place.arms.path(Arm::Candidate),
            Arm::Candidate,
            4,
            limit,
        )
    };
    let minute = Duration::from_mins(1);
    let warm_answers = within(&warm("warm", ""), minute).unwrap().output_sha256;
    assert_eq!(warm_answers.len(), 4);
    for hanging in [warm("hang", "hang"), cold("hang", "hang")] {
        // The scenario's own time-out is a minute.
        let error = within(&hanging, Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, Error::Workload { .. }), "{error}");
        assert!(error.to_string().contains("within"), "{error}");
    }
}

#[test]
fn restarts_take_turns_over_the_code_layouts() {
    let place = place();
    let layouts: Vec<Arms> = (0..8)
        .map(|number| {
            let directory = place.directory.path().join(format!("layout-{number}"));
            let binary = place.arms.path(Arm::Baseline);
            Arms::with_control(binary, binary, &directory).unwrap()
        })
        .collect();
    let scenarios = [warm("warm/short", ""), cold("cold/short", "")];
    let judging = Judging {
        layouts: Some(8),
        ..judging()
    };
    let controlled = Campaign {
        arms: &layouts,
        ..campaign(&place, &scenarios, &judging)
    };
    let measured = measure(&controlled, &mut Silent).unwrap();
    for one in &measured {
        let judged = one.samples.restarts.iter().filter(|restart| {
            restart
                .pairs
                .iter()
                .any(|pair| pair.phase == Phase::Measured)
        });
        let judged: Vec<_> = judged.collect();
        assert_eq!(judged.len() % 8, 0);
        for restart in judged {
            assert_eq!(restart.layout, Some(restart.index % 8));
        }
    }
    let result = judge(&measured, &judging).remove(0);
    assert_eq!(result.layouts, Some(8), "{}", result.reason);
}

#[test]
fn layouts_that_cannot_be_judged_are_refused() {
    let place = place();
    let scenarios = [warm("warm/short", "")];
    let refused = |sets: usize, layouts| {
        let arms = vec![place.arms.clone(); sets];
        let judging = Judging {
            layouts,
            ..judging()
        };
        let campaign = Campaign {
            arms: &arms,
            ..campaign(&place, &scenarios, &judging)
        };
        measure(&campaign, &mut Silent).unwrap_err().to_string()
    };
    assert!(refused(4, Some(4)).contains("must be at least 8"));
    assert!(refused(8, None).contains("8 sets of them for 1 code layouts"));
    assert!(refused(1, Some(8)).contains("1 sets of them for 8 code layouts"));
}
