//! The Markdown form: tables hold together whatever the spec says.

use inferno_measure::record::{
    ExpectationResult, NullRebuild, Suitability, SuitabilityInput, Verdict,
};
use inferno_report::markdown;

use crate::builder;

/// Cells of a table row, as GitHub splits them.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").matches('|').count() - 1
}

#[test]
fn the_result_table_holds_every_figure() {
    let report = markdown(&builder::record());
    for row in [
        "| scenario | verdict | kind | change | 95 % interval | n | MDE | noise floor | expectation |",
        "| **`single_request_pgo_warm`** |  |  |  |  |  |  |  |  |",
        "| `warm/short` | **faster** | warm | −2.6 % | −3.4 % … −1.8 % | 20 × 8 | 1.2 % | 0.8 % | **not met** |",
        "| `high/200` | *inconclusive* | warm | – | – | – | – | – | not measured |",
    ] {
        assert!(report.contains(row), "{row}\n{report}");
    }
}

#[test]
fn hostile_names_stay_in_their_cells() {
    let mut record = builder::record();
    record.name = "# x\n\n<script>".into();
    let hostile = "a|b`c\n<img src=x>[l](http://x)";
    record.scenarios[3].scenario.name = hostile.into();
    record.scenarios[3].scenario.group = hostile.into();
    record.scenarios[3].reason = hostile.into();
    record.verification.checks[0].detail = hostile.into();
    let report = markdown(&record);
    let mut columns = None;
    for line in report.lines() {
        columns = line.starts_with('|').then(|| {
            let here = cells(line);
            assert_eq!(columns.unwrap_or(here), here, "{line}");
            here
        });
    }
    assert!(
        report.contains("``a\\|b`c <img src=x>[l](http://x)``"),
        "{report}"
    );
    assert!(
        report.contains("A\\|b\\`c &lt;img src=x&gt;\\[l\\](http://x)."),
        "{report}"
    );
    assert!(
        report.starts_with("# Profile-guided optimisation of `# x  <script>`\n"),
        "{report}"
    );
}

#[test]
fn expectations_stand_beside_results() {
    let mut record = builder::record();
    record.trends = vec![builder::trend(ExpectationResult::NotMeasured)];
    let report = markdown(&record);
    for line in [
        "| `warm/short` | faster, gain 15 % to 30 % | **faster** | **not met** |",
        "| `cpu-bound` | gain | 1 | 0 | 0 | 0 | **met** |",
        "| `cold-start` | little | 0 | 0 | 1 | 0 | **met** |",
        "less time. Measured: changes of time of −2.6 % … +2.6 % in 2 scenarios of that kind: **not met**.",
        "- Trend: `gain` increases over `medium/10`, `high/200`: not measured. high/200 was not measured.",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    assert!(
        !report.contains("| `io-bound` |"),
        "no scenario has that class\n{report}"
    );
}

#[test]
fn the_headline_figure_is_met_by_a_gain_that_reaches_it() {
    for (effect, verdict, expected) in [
        (0.85, Verdict::Faster, "**met**"),
        (0.905, Verdict::Faster, "**met**"),
        (0.95, Verdict::Faster, "**not met**"),
        (1.0, Verdict::NoDifference, "**not met**"),
    ] {
        let mut scenario = builder::faster("warm", effect);
        builder::judged(&mut scenario, verdict, effect, 0.01);
        let report = markdown(&builder::with_scenarios(vec![scenario]));
        let headline = report
            .lines()
            .find(|line| line.starts_with("- **Headline**"));
        let headline = headline.expect("the headline expectation is always there");
        assert!(
            headline.ends_with(&format!("{expected}.")),
            "{effect}: {headline}"
        );
    }
}

#[test]
fn the_hypothesis_needs_both_sides() {
    let hypothesis = |record| {
        let report: String = markdown(record);
        let line = report
            .lines()
            .find(|line| line.starts_with("- **Hypothesis**"));
        line.expect("the hypothesis is always there")
            .rsplit(": ")
            .next()
            .map(str::to_owned)
    };
    let warm = builder::faster("warm", 0.9);
    let cold = builder::scenario("cold", "cold", inferno_measure::record::Regime::Cold);
    let both = builder::with_scenarios(vec![warm.clone(), cold.clone()]);
    assert_eq!(hypothesis(&both).as_deref(), Some("**met**."));
    let one = builder::with_scenarios(vec![warm]);
    assert_eq!(hypothesis(&one).as_deref(), Some("not measured."));
    let mut slow = cold;
    builder::judged(&mut slow, Verdict::Faster, 0.9, 0.01);
    assert_eq!(
        hypothesis(&builder::with_scenarios(vec![slow])).as_deref(),
        Some("**not met**.")
    );
}

#[test]
fn an_audit_that_differs_is_a_warning() {
    let mut record = builder::record();
    record.verification.audit = Some(builder::audit(NullRebuild::Differs));
    assert!(markdown(&record).contains("- *warning* second build of the baseline"));
    record.verification.audit = None;
    assert!(
        markdown(&record).contains("- not measured: a second build of the baseline (`--audit`).")
    );
}

#[test]
fn missing_values_are_said_to_be_missing() {
    let mut record = builder::record();
    let profile = record.profile.as_mut().expect("a profile");
    (profile.holdout_overlap, profile.blocks_for_99_percent) = (None, None);
    record.timings.overhead_share = None;
    record.host.cpu_model = None;
    let report = markdown(&record);
    for line in [
        "- overlap with the holdout: not measured",
        "- blocks for 99 % of counts: not measured",
        "- processor: unknown",
        "Not measured in any scenario: parallelism efficiency, pure inference, requests/s.",
        "runs and sampling): not measured.",
        "engine creation | not measured",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
}

#[test]
fn a_comparison_of_foreign_programs_claims_no_compiler_and_no_flags() {
    let mut record = builder::record();
    record.spec = None;
    record.toolchain = None;
    record.artifacts.baseline.rustflags = None;
    record.artifacts.candidate.rustflags = None;
    let report = markdown(&record);
    for line in ["compilers: unknown", "Not known: the binaries"] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    for claim in ["rustc", "SHA-256 `cccc", "The arms differ only"] {
        assert!(!report.contains(claim), "{claim}\n{report}");
    }
}

#[test]
fn flags_that_are_no_profile_are_reported() {
    let mut record = builder::record();
    let same = "The arms differ only in the flags that concern the profile.";
    assert!(markdown(&record).contains(same));
    let flags = record.artifacts.candidate.rustflags.as_mut();
    flags.expect("they are known").push("-Clto=fat".into());
    let report = markdown(&record);
    assert!(!report.contains(same), "{report}");
    assert!(
        report.contains("The arms differ in more than the profile."),
        "{report}"
    );
}

#[test]
fn the_suitability_score_stands_beside_what_was_measured() {
    let mut record = builder::record();
    let input = SuitabilityInput {
        value: None,
        unit: "per 1000 instructions".into(),
        detail: "not measured: valgrind is not installed".into(),
    };
    record.suitability = Some(Suitability {
        score: Some(40.0),
        low: Some(5.0),
        high: Some(75.0),
        confidence: Some(0.86),
        inputs: [("calls".to_owned(), input)].into(),
        formula: Some("gain = 0.1 × u".into()),
        predicted_gain: Some(0.12),
        predicted_gain_low: Some(0.015),
        predicted_gain_high: Some(0.225),
        calibration_programs: Some(17),
        ..Suitability::default()
    });
    let report = markdown(&record);
    for part in [
        "40 of 100 (95 % prediction interval 5 to 75, confidence 86",
        "Predicted change of time: −12.0",
        "from 17 calibration programs. Measured: ",
        "not measured: valgrind is not installed",
        "Formula: gain = 0.1 × u",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}

#[test]
fn a_score_that_cannot_be_told_is_not_zero() {
    let mut record = builder::record();
    record.suitability = Some(Suitability {
        reason: Some("not calibrated: 3 of at least 10 programs".into()),
        ..Suitability::default()
    });
    let report = markdown(&record);
    assert!(report.contains("Not measured: not calibrated: 3 of at least 10 programs."));
    assert!(!report.contains("of 100"), "{report}");
}
