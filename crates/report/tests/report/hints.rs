//! Indicators and warning signs: each on a record that has it, and none on one that has not.

use inferno_measure::record::{ExpectationResult, MetricDefinition, Record, Regime, Verdict};
use inferno_measure::scenario::Better;
use inferno_report::hints::{Hint, Sign, hints};

use crate::builder;

/// Makes a record show something.
type Change = fn(&mut Record);

fn find(record: &Record, id: &str) -> Option<Hint> {
    hints(record).into_iter().find(|hint| hint.id == id)
}

fn indicator(record: &Record, id: &str) -> ExpectationResult {
    match find(record, id).expect("the indicator is told").sign {
        Sign::Indicator(result) => result,
        Sign::Warning => panic!("{id} is an indicator"),
    }
}

fn warnings(record: &Record) -> Vec<&'static str> {
    hints(record)
        .iter()
        .filter(|hint| hint.sign == Sign::Warning)
        .map(|hint| hint.id)
        .collect()
}

/// A run in which everything is as documents expect it.
fn ideal() -> Record {
    let mut warm = builder::faster("warm", 0.8);
    warm.scenario.class = vec!["cpu-bound".into(), "cpu-intensive".into()];
    warm.metrics.insert(
        "inference_percent".into(),
        builder::metric("%", Better::Higher, 97.0, 96.0),
    );
    let mut cold = builder::scenario("cold", "cold", Regime::Cold);
    cold.scenario.class = vec!["cold-start".into()];
    builder::with_scenarios(vec![warm, cold])
}

#[test]
fn an_ideal_run_meets_every_indicator_and_has_no_warning() {
    let record = ideal();
    for id in [
        "warm-gain",
        "inference-share",
        "cpu-intensive-consistent",
        "cold-unchanged",
    ] {
        assert_eq!(indicator(&record, id), ExpectationResult::Met, "{id}");
    }
    assert_eq!(warnings(&record), Vec::<&str>::new());
}

#[test]
fn indicators_fail_on_what_contradicts_them() {
    let changes: [(&str, Change); 4] = [
        ("warm-gain", |record| {
            builder::judged(&mut record.scenarios[0], Verdict::Faster, 0.95, 0.01);
        }),
        ("inference-share", |record| {
            let metric = builder::metric("%", Better::Higher, 40.0, 40.0);
            record.scenarios[0]
                .metrics
                .insert("inference_percent".into(), metric);
        }),
        ("cpu-intensive-consistent", |record| {
            builder::judged(&mut record.scenarios[0], Verdict::NoDifference, 1.0, 0.005);
        }),
        ("cold-unchanged", |record| {
            builder::judged(&mut record.scenarios[1], Verdict::Faster, 0.9, 0.01);
        }),
    ];
    for (id, change) in changes {
        let mut record = ideal();
        change(&mut record);
        assert_eq!(indicator(&record, id), ExpectationResult::NotMet, "{id}");
    }
}

#[test]
fn without_answers_nothing_is_measured() {
    let mut record = ideal();
    for scenario in &mut record.scenarios {
        let declared = scenario.scenario.clone();
        *scenario = builder::inconclusive("a", "a");
        scenario.scenario = declared;
    }
    let declared = &mut record.scenarios[0].scenario.metric_definitions;
    declared.push(MetricDefinition {
        name: "inference_percent".into(),
        unit: "%".into(),
        better: Better::Higher,
    });
    for id in [
        "warm-gain",
        "inference-share",
        "cpu-intensive-consistent",
        "cold-unchanged",
    ] {
        assert_eq!(
            indicator(&record, id),
            ExpectationResult::NotMeasured,
            "{id}"
        );
    }
    assert_eq!(warnings(&record), Vec::<&str>::new());
}

#[test]
fn a_share_may_be_given_as_a_number_below_one() {
    let mut record = ideal();
    let metric = builder::metric("share", Better::Higher, 0.97, 0.97);
    record.scenarios[0].metrics = [("inference_share".to_owned(), metric)].into();
    assert_eq!(
        indicator(&record, "inference-share"),
        ExpectationResult::Met
    );
}

#[test]
fn each_warning_sign_has_its_cause() {
    let causes: [(&str, Change); 8] = [
        ("no-difference", |record| {
            builder::judged(
                &mut record.scenarios[0],
                Verdict::NoDifference,
                1.001,
                0.005,
            );
        }),
        ("regression", |record| {
            builder::judged(&mut record.scenarios[0], Verdict::Slower, 1.1, 0.01);
        }),
        ("identical-results", |record| {
            let same = builder::metric("ns", Better::Lower, 5e6, 5e6);
            record.scenarios[0].costs.insert("wall_ns".into(), same);
        }),
        ("low-overlap", |record| {
            record.profile.as_mut().expect("a profile").holdout_overlap = Some(0.69);
        }),
        ("control-differs", |record| {
            let control = record.scenarios[0].aa.as_mut().expect("a control");
            (control.ci_low, control.ci_high) = (1.001, 1.02);
        }),
        ("idle-arm-ran", |record| {
            record.scenarios[0].idle_cpu_ns = Some(1);
        }),
        ("turns-differ", |record| {
            let note =
                "first and later requests of a turn differ: their effects' ratio is 1.01 … 1.05";
            record.scenarios[0].validity.notes = vec![note.into()];
        }),
        ("disturbed", |record| {
            record.scenarios[0].validity.disturbed = 1;
            record.scenarios[0].validity.notes = vec!["stolen CPU time: 1 of 8 blocks".into()];
        }),
    ];
    for (id, cause) in causes {
        let mut record = ideal();
        cause(&mut record);
        assert_eq!(warnings(&record), [id]);
    }
}

#[test]
fn warnings_tell_where_and_how_much() {
    let mut record = ideal();
    record.scenarios[0].idle_cpu_ns = Some(33_900_000);
    record.scenarios[1].validity.disturbed = 1;
    record.scenarios[1].validity.notes = vec!["stolen CPU time above 2 %: 1 of 8 blocks".into()];
    let text = |id| find(&record, id).expect("it applies").text;
    assert!(text("idle-arm-ran").contains("in warm (33.9 ms):"));
    assert!(text("disturbed").contains("in cold (stolen CPU time above 2 %: 1 of 8 blocks)."));
}

#[test]
fn a_cold_process_that_computes_is_no_cold_start() {
    let mut record = ideal();
    record.scenarios[1].scenario.class = vec!["cpu-bound".into()];
    builder::judged(&mut record.scenarios[1], Verdict::Faster, 0.8, 0.01);
    assert_eq!(find(&record, "cold-unchanged"), None);
}

#[test]
fn a_regression_tells_what_is_known_of_the_profile() {
    let mut record = ideal();
    builder::judged(&mut record.scenarios[0], Verdict::Slower, 1.1, 0.01);
    let told = find(&record, "regression").expect("a regression").text;
    assert!(told.contains("warm (+10.0 %; +9.0 % … +11.0 %)"), "{told}");
    assert!(
        told.contains("counts discarded 0.04 %, overlap with the holdout 91.2 %"),
        "{told}"
    );
    record.profile = None;
    let told = find(&record, "regression").expect("a regression").text;
    assert!(!told.contains("profile"), "{told}");
}

#[test]
fn every_section_that_is_pointed_to_exists() {
    let document = include_str!("../../../../docs/troubleshooting.md");
    let mut record = ideal();
    builder::judged(&mut record.scenarios[1], Verdict::Slower, 1.1, 0.01);
    record.scenarios[0].costs.insert(
        "wall_ns".into(),
        builder::metric("ns", Better::Lower, 1.0, 1.0),
    );
    record.scenarios[0].validity.disturbed = 1;
    record.profile.as_mut().expect("a profile").holdout_overlap = Some(0.1);
    let only_equal = builder::with_scenarios(vec![builder::scenario("a", "a", Regime::Warm)]);
    let pointed = [hints(&record), hints(&only_equal)].concat();
    let sections: Vec<&str> = pointed
        .iter()
        .filter_map(|hint| hint.section)
        .chain(["inconclusive"])
        .collect();
    assert!(sections.len() > 5, "{sections:?}");
    for section in sections {
        let heading = format!("\n## {}\n", section.replace('-', " "));
        assert!(
            document.contains(&heading),
            "{section} is no section of docs/troubleshooting.md"
        );
    }
}

#[test]
fn hints_of_the_record_are_printed_once() {
    let mut record = ideal();
    let hint = |id: &str, text: &str| inferno_measure::record::Hint {
        id: id.into(),
        text: text.into(),
    };
    record.hints = vec![
        hint("layout", "Layout was not varied."),
        hint("warm-gain", "Told twice."),
    ];
    let report = inferno_report::markdown(&record);
    assert!(report.contains("- Layout was not varied."), "{report}");
    assert!(!report.contains("Told twice."), "{report}");
}
