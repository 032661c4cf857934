//! The Markdown form: tables hold together whatever the spec says.

use inferno_measure::record::{
    CCompiler, ExpectationResult, InstructionCounts, NullRebuild, ProfileSource, Record, Regime,
    Sources, Staleness, Stored, Suitability, SuitabilityInput, Verdict,
};
use inferno_measure::scenario::Role;
use inferno_report::{html, markdown};

use crate::builder;

/// Cells of a table row, as GitHub splits them.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").matches('|').count() - 1
}

#[test]
fn the_result_table_holds_every_figure() {
    let report = markdown(&builder::record());
    for row in [
        "| scenario | verdict | change | 95 % interval | kind | n | MDE | noise floor | expectation |",
        "| **`single_request_pgo_warm`** |  |  |  |  |  |  |  |  |",
        "| `warm/short` | **faster** | −2.6 % | −3.4 % … −1.8 % | warm | 20 × 8 | 1.2 % | 0.8 % | **not met** |",
        "| `high/200` | *inconclusive* | – | – | warm | – | – | – | not measured |",
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
        report.contains("A\\|b\\`c &lt;img src=x&gt;\\[l\\](http:\u{200b}//x)."),
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
        (0.905, Verdict::Faster, "**not met**"),
        (0.95, Verdict::Faster, "**not met**"),
        (1.0, Verdict::NoDifference, "**not met**"),
    ] {
        let mut scenario = builder::faster("warm", effect);
        scenario.scenario.class = vec!["warm".into()];
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
    let mut warm = builder::faster("warm", 0.9);
    warm.scenario.class = vec!["warm".into()];
    let mut cold = builder::scenario("cold", "cold", Regime::Cold);
    cold.scenario.class = vec!["cold-start".into()];
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
fn what_is_open_of_some_is_not_met_by_all() {
    use Verdict::{Faster, Inconclusive, NoDifference};
    let class = |verdicts: [Verdict; 2]| {
        let scenarios = verdicts.into_iter().enumerate().map(|(index, verdict)| {
            let mut scenario = builder::inconclusive(&format!("s{index}"), "g");
            if verdict != Inconclusive {
                builder::judged(&mut scenario, verdict, 0.8, 0.01);
            }
            scenario.scenario.class = vec!["cpu-intensive".into()];
            scenario
        });
        let report = markdown(&builder::with_scenarios(scenarios.collect()));
        let row = report
            .lines()
            .find(|line| line.starts_with("| `cpu-intensive`"))
            .map(str::to_owned);
        row.expect("the class has scenarios")
    };
    assert!(class([Faster, Faster]).ends_with("| **met** |"));
    assert!(class([Faster, Inconclusive]).ends_with("| not measured |"));
    assert!(class([NoDifference, Inconclusive]).ends_with("| **not met** |"));
}

/// A record as `cargo xtask compare` makes it of two programs with arguments.
fn comparison() -> Record {
    let mut cold = builder::scenario("new", "new", Regime::Cold);
    builder::judged(&mut cold, Verdict::Slower, 1.1, 0.01);
    cold.expectation = None;
    let mut record = builder::with_scenarios(vec![cold]);
    (record.name, record.tool.name) = ("new".into(), "xtask".into());
    (record.spec, record.toolchain, record.profile) = (None, None, None);
    record.artifacts.instrumented = None;
    record.artifacts.baseline.rustflags = None;
    record.artifacts.candidate.rustflags = None;
    record.verification.checks.truncate(2);
    record.timings.stages.drain(..2);
    record
}

#[test]
fn a_comparison_of_any_two_programs_speaks_of_neither_pgo_nor_inference() {
    let record = comparison();
    for report in [
        markdown(&record),
        html(&record),
        inferno_report::terminal(&record, 100, inferno_report::Style::Plain),
    ] {
        for foreign in [
            "PGO",
            "Profile-guided",
            "inference",
            "profile",
            "training",
            "Hypothesis",
            "Cold start",
            "cold start",
            "Not measured in any scenario",
            "--layout-control",
            "--audit",
        ] {
            assert!(!report.contains(foreign), "{foreign}\n{report}");
        }
        assert!(
            report.contains("The candidate is slower in 1 of 1 scenario"),
            "{report}"
        );
    }
}

#[test]
fn an_untagged_scenario_of_a_profile_is_held_to_nothing() {
    let mut faster = builder::scenario("cold", "cold", Regime::Cold);
    builder::judged(&mut faster, Verdict::Faster, 0.8, 0.01);
    faster.expectation = None;
    let report = markdown(&builder::with_scenarios(vec![faster]));
    for claim in ["not met", "Hypothesis", "Cold starts"] {
        assert!(!report.contains(claim), "{claim}\n{report}");
    }
}

#[test]
fn whether_the_answer_may_be_believed_stands_below_it() {
    let mut record = builder::record();
    record.scenarios[3].scenario.role = Role::Guard;
    let line = |record: &Record| {
        let report = markdown(record);
        let line = report.split("\n\n").nth(2).map(str::to_owned);
        line.expect("a third part")
    };
    assert_eq!(
        line(&record),
        "Verified: *2 checks passed, 1 warned* · Guards: *1 of 2 open* · *1 warning sign* · Code \
         layout not controlled"
    );
    record.judging.layouts = Some(8);
    record.scenarios.truncate(2);
    record.scenarios[0].verdict = Verdict::Slower;
    record.verification.checks.truncate(2);
    let told = line(&record);
    assert!(
        told.starts_with("Verified: **2 checks passed** · Guards: **1 of 1 slower** · "),
        "{told}"
    );
    assert!(told.ends_with("8 code layouts of each arm"), "{told}");
}

#[test]
fn a_change_below_the_mde_is_explained() {
    let mut record = builder::record();
    assert!(!markdown(&record).contains("Smaller than the MDE"));
    record.scenarios[1].mde = Some(0.03);
    let told = "Smaller than the MDE, and found all the same: `warm/short`.";
    assert!(markdown(&record).contains(told));
}

#[test]
fn a_prediction_stands_beside_intervals() {
    let mut record = builder::record();
    let mut suitability = builder::suitability();
    suitability.predicted_gain = Some(0.12);
    record.suitability = Some(suitability);
    let report = markdown(&record);
    assert!(
        report.contains("`warm/short` −2.6 % (−3.4 % … −1.8 %)"),
        "{report}"
    );
}

#[test]
fn functions_that_hold_nothing_are_left_out() {
    let mut record = builder::record();
    let profile = record.profile.as_mut().expect("a profile");
    let one = profile.hottest[0].clone();
    let shares = [0.9, 0.05, 0.03, 0.015, 0.004_5, 0.000_4, 0.000_01];
    profile.hottest = shares
        .map(|counts_share| {
            let mut function = one.clone();
            function.counts_share = counts_share;
            function
        })
        .into();
    let report = markdown(&record);
    assert!(
        report.contains("The 5 functions of the profile"),
        "{report}"
    );
    assert!(report.contains("| size change |"), "{report}");
}

#[test]
fn a_trend_is_told_in_a_sentence() {
    let mut record = builder::record();
    let mut trend = builder::trend(ExpectationResult::NotMeasured);
    trend.detail = "not every scenario has an answer".into();
    record.trends = vec![trend];
    let report = markdown(&record);
    assert!(
        report.contains(": not measured. Not every scenario has an answer.\n"),
        "{report}"
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
fn a_profile_says_where_it_came_from() {
    let mut record = builder::record();
    let mut told = |source| {
        record.profile.as_mut().expect("a profile").source = source;
        markdown(&record)
    };
    assert!(!told(None).contains("- from: "));
    assert!(told(Some(ProfileSource::Elsewhere)).contains("- from: elsewhere\n"));
    let stored = |staleness| Stored {
        manifest_sha256: "77".repeat(32),
        created: "2026-01-02T03:04:05Z".into(),
        commit: Some("88".repeat(20)),
        sources: Sources::Changed,
        staleness,
    };
    let staleness = Staleness {
        counts_discarded_share: 0.004,
        functions_missing: 3,
        counts_missing_share: 0.02,
        training_overlap: 0.951,
        limit: 0.1,
    };
    let report = told(Some(ProfileSource::Stored(stored(Some(staleness)))));
    for line in [
        "- from: the store, `2026-01-02T03:04:05Z`, commit `888888888888`; sources have changed since\n",
        "- SHA-256 of its manifest: `777777777777`\n",
        "- stored counts without use here: 0.4 %\n",
        "- fresh counts that it misses: 2.0 %\n",
        "- overlap with a fresh training: 95.1 %\n",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    let report = told(Some(ProfileSource::Stored(stored(None))));
    assert!(
        report.contains("- overlap with a fresh training: not measured\n"),
        "{report}"
    );
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
fn the_compiler_of_c_and_its_flags_are_told() {
    let mut record = builder::record();
    assert!(!markdown(&record).contains("clang"));
    record.toolchain.as_mut().expect("compilers").c = Some(CCompiler {
        clang: "22.1.8".into(),
        instrumented_flags: vec!["-fprofile-generate=$OUT/raw".into()],
        candidate_flags: Vec::new(),
    });
    let report = markdown(&record);
    for fact in [
        "clang 22.1.8",
        "-fprofile-generate=$OUT/raw",
        "C, candidate alone",
    ] {
        assert!(report.contains(fact), "{fact}\n{report}");
    }
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

#[test]
fn counted_instructions_are_a_companion_and_their_absence_has_a_reason() {
    let mut record = builder::record();
    assert!(!markdown(&record).contains("nstructions"), "nobody asked");
    record.scenarios[0].instructions = Some(InstructionCounts {
        baseline: Some(1.23e9),
        candidate: Some(0.98e9),
        ratio: Some(0.98 / 1.23),
        requests: Some(3),
        detail: "callgrind (valgrind-3.19.0), mean of 3 requests".into(),
    });
    record.scenarios[1].instructions = Some(InstructionCounts {
        baseline: None,
        candidate: None,
        ratio: None,
        requests: None,
        detail: "not measured: callgrind takes longer than 300s <b>".into(),
    });
    let report = markdown(&record);
    for part in [
        "## Instructions\n",
        "are a companion of the times and decide nothing",
        ": instructions: 1.23 G → 0.98 G (0.797) per request; callgrind (valgrind-3.19.0), mean of 3 requests.\n",
        ": instructions not measured: callgrind takes longer than 300s &lt;b&gt;.\n",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    let page = html(&record).replace('\u{a0}', " ");
    for part in [
        "instructions: 1.23 G → 0.98 G (0.797) per request",
        "300s &lt;b&gt;",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
