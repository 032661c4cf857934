//! The sentence for the whole run, for each mixture of verdicts.

use inferno_measure::record::{Record, Regime, ScenarioResult, Verdict};

use crate::builder;

fn run(verdicts: &[Verdict]) -> Record {
    let scenarios = verdicts
        .iter()
        .enumerate()
        .map(|(index, &verdict)| scenario(index, verdict));
    builder::with_scenarios(scenarios.collect())
}

fn scenario(index: usize, verdict: Verdict) -> ScenarioResult {
    let name = format!("s{index}");
    if verdict == Verdict::Inconclusive {
        return builder::inconclusive(&name, "g");
    }
    let effect = match verdict {
        Verdict::Faster => 0.9,
        Verdict::Slower => 1.05,
        _ => 1.0,
    };
    let mut scenario = builder::scenario(&name, "g", Regime::Warm);
    builder::judged(&mut scenario, verdict, effect, 0.01);
    scenario
}

/// The first paragraph after the title.
fn summary(record: &Record) -> String {
    let report = inferno_report::markdown(record);
    report
        .split("\n\n")
        .nth(1)
        .expect("a report has a summary")
        .to_owned()
}

#[test]
fn every_mixture_has_its_sentence() {
    use Verdict::{Faster, Inconclusive, NoDifference, Slower};
    let change =
        " The largest change of time is in `s0`: −10.0 % (95 % interval −11.0 % … −9.0 %).";
    let loss = " The largest change of time is in `s0`: +5.0 % (95 % interval +4.0 % … +6.0 %).";
    for (verdicts, expected) in [
        (&[][..], "**Nothing was measured: the spec has no scenarios.**".to_owned()),
        (&[Faster, Faster], format!("**PGO pays on these scenarios: faster in all 2.**{change}")),
        (
            &[Faster, NoDifference, Inconclusive],
            format!(
                "**PGO pays on some of these scenarios: faster in 1 of 3, slower in none (1 inconclusive for want of time).**{change}"
            ),
        ),
        (
            &[Faster, Slower],
            format!(
                "**PGO pays on some of these scenarios and costs on others: faster in 1, slower in 1 of 2.**{change}"
            ),
        ),
        (
            &[Slower, NoDifference],
            format!("**PGO costs on these scenarios: slower in 1 of 2, faster in none.**{loss}"),
        ),
        (
            &[NoDifference, NoDifference, Inconclusive],
            "**PGO does not pay on the scenarios that have an answer: no difference beyond ±1 % in 2 of 3, faster in none (1 inconclusive for want of time).**"
                .to_owned(),
        ),
        (
            &[Inconclusive, Inconclusive],
            "**Whether PGO pays is open: none of the 2 scenarios is conclusive.**".to_owned(),
        ),
    ] {
        assert_eq!(summary(&run(verdicts)), expected, "{verdicts:?}");
    }
}

#[test]
fn without_a_profile_it_is_not_called_pgo() {
    let mut record = run(&[Verdict::Faster, Verdict::Faster]);
    record.profile = None;
    let report = inferno_report::markdown(&record);
    assert!(
        summary(&record)
            .starts_with("**The candidate is faster in 2 of 2 scenarios, slower in none."),
        "{report}"
    );
    assert!(
        report.starts_with("# Comparison of `concurrent_inference`"),
        "{report}"
    );
    assert!(!report.contains("## Profile"), "{report}");
}

#[test]
fn all_verdicts_are_counted() {
    let report = inferno_report::markdown(&builder::record());
    assert!(
        report.contains("4 scenarios: 1 faster, 1 slower, 1 no difference, 1 inconclusive."),
        "{report}"
    );
}
