//! Each format is read back by the rules of the tool that takes it.

use inferno_measure::comparison::{
    COMPARISON_SCHEMA, Comparison, Pairing, Row, Series, Side, Subject, Time, Unit,
};
use inferno_measure::record::Verdict;
use serde_json::{Map, Value};

use super::*;

fn row(name: &str, measured: bool) -> Row {
    let some = |value: f64| measured.then_some(value);
    let time = measured.then_some(Time {
        typical_ns: 1000.5,
        low_ns: 990.0,
        high_ns: 1010.0,
    });
    let samples = if measured {
        vec![1e9, 1000.5]
    } else {
        Vec::new()
    };
    Row {
        name: name.to_owned(),
        pairing: Pairing::Paired,
        verdict: Verdict::Inconclusive,
        reason: "a reason".to_owned(),
        remedy: None,
        effect: some(0.98),
        ci_low: some(0.97),
        ci_high: some(0.99),
        simultaneous_low: some(0.96),
        simultaneous_high: some(1.0),
        aa: None,
        baseline_units: 8,
        candidate_units: 8,
        unit: Unit::Restart,
        baseline_time: time,
        candidate_time: time,
        notes: Vec::new(),
        samples: Series {
            baseline_ns: samples.clone(),
            candidate_ns: samples,
        },
    }
}

fn comparison() -> Comparison {
    let side = |name: &str| Side {
        name: name.to_owned(),
        sha256: None,
        measured: None,
    };
    Comparison {
        schema: COMPARISON_SCHEMA,
        subject: Subject::Programs,
        baseline: side("old"),
        candidate: side("new"),
        threshold: 0.01,
        drift: None,
        rows: vec![
            row("warm/short prompt=8", true),
            row("warm/short_prompt_8", true),
            row("9 lives", true),
            row("not measured", false),
        ],
        differences: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn bencher_takes_objects_of_measures_with_values() {
    let read: Value = serde_json::from_str(&bencher(&comparison())).expect("JSON");
    let benchmarks = read.as_object().expect("an object");
    // A benchmark for three rows and one for the baseline of each; nothing of the row that was not
    // measured.
    assert_eq!(benchmarks.len(), 6);
    let candidate = benchmarks["9 lives"].as_object().expect("measures");
    assert!(candidate.contains_key("latency") && candidate.contains_key("ratio"));
    assert_eq!(
        benchmarks["9 lives/baseline"].as_object().map(Map::len),
        Some(1)
    );
    for (name, measures) in benchmarks {
        assert!(!name.contains("not measured"));
        for metric in measures.as_object().expect("measures").values() {
            let value = metric["value"].as_f64().expect("a number");
            let bounds = [&metric["lower_value"], &metric["upper_value"]];
            let [low, high] = bounds.map(|bound| bound.as_f64().expect("a number"));
            assert!(low < value && value < high, "{name}");
        }
    }
}

#[test]
fn results_that_would_share_a_name_are_all_there() {
    let mut comparison = comparison();
    comparison.rows = ["x", "x/baseline", "x (ratio)", "x"]
        .map(|name| row(name, true))
        .into();
    let read: Value = serde_json::from_str(&bencher(&comparison)).expect("JSON");
    assert_eq!(read.as_object().map(Map::len), Some(8), "{read}");
    assert!(
        read["x/baseline"]["ratio"].is_object(),
        "the scenario keeps its name: {read}"
    );
    let read: Value = serde_json::from_str(&github(&comparison)).expect("JSON");
    let entries = read.as_array().expect("an array");
    let names: BTreeSet<&str> = entries
        .iter()
        .filter_map(|entry| entry["name"].as_str())
        .collect();
    assert_eq!(names.len(), 8, "{names:?}");
}

#[test]
fn a_comparison_that_measured_nothing_is_known() {
    let mut comparison = comparison();
    assert!(!is_empty(&comparison));
    comparison.rows = vec![row("not measured", false)];
    assert!(is_empty(&comparison));
}

#[test]
fn github_takes_an_array_of_named_values() {
    let read: Value = serde_json::from_str(&github(&comparison())).expect("JSON");
    let entries = read.as_array().expect("an array");
    assert_eq!(entries.len(), 6);
    for entry in entries {
        for key in ["name", "unit", "range", "extra"] {
            assert!(entry[key].is_string(), "{key} of {entry}");
        }
        assert!(entry["value"].as_f64().is_some_and(|value| value > 0.0));
    }
}

#[test]
fn benchstat_takes_a_line_per_sample() {
    let text = benchstat(&comparison());
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, iterations, value, unit] = fields.as_slice() else {
            panic!("{line}")
        };
        let rest = name.strip_prefix("Benchmark").expect("the format's start");
        assert!(rest.starts_with(|c: char| c.is_ascii_uppercase()), "{line}");
        let (base, arm) = rest.rsplit_once("/arm=").expect("an arm");
        assert!(!base.contains('='), "{line}");
        assert!(["baseline", "candidate"].contains(&arm));
        assert_eq!(*iterations, "1");
        assert!(value.parse::<f64>().is_ok_and(|value| value > 0.0));
        assert!(!value.contains('e'), "{value}");
        assert_eq!(*unit, "ns/op");
        names.insert(base.to_owned());
    }
    assert_eq!(text.lines().count(), 12);
    assert_eq!(names.len(), 3, "no two rows share a name: {names:?}");
}

#[test]
fn a_comment_begins_with_the_answer_and_escapes_names() {
    let mut comparison = comparison();
    comparison.rows = vec![row("a|b<script>", true)];
    let text = crate::comparison_markdown(&comparison);
    assert!(text.starts_with("**Inconclusive (−2.0 %"), "{text}");
    assert!(text.contains("`a\\|b<script>`"), "{text}");
    comparison.rows = vec![row("x", false)];
    let text = crate::comparison_markdown(&comparison);
    assert!(text.starts_with("**Inconclusive.**"), "{text}");
    assert!(!text.contains("0.0 %"), "{text}");
}
