//! The terminal form at several widths.

use inferno_measure::record::{ExpectationResult, NullRebuild, Regime, Verdict};
use inferno_report::{Style, terminal};

use crate::builder;

/// The lines from `heading` to the next blank line.
fn section(report: &str, heading: &str) -> String {
    let lines = report
        .lines()
        .skip_while(|line| *line != heading)
        .take_while(|line| !line.is_empty());
    lines.collect::<Vec<&str>>().join("\n")
}

#[test]
fn wide_terminals_show_every_column() {
    let report = terminal(&builder::record(), 120, Style::Plain);
    assert_eq!(
        section(&report, "RESULT"),
        "\
RESULT
scenario                   verdict        change    95 % interval  kind       n    MDE  noise floor  expectation
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
single_request_pgo_comparison
  single_request/short     no difference  −0.1 %  −0.5 % … +0.3 %  cold  20 × 8  0.6 %        0.4 %  met
single_request_pgo_warm
  warm/short               faster         −2.6 %  −3.4 % … −1.8 %  warm  20 × 8  1.2 %        0.8 %  not met
cpu_intensive_pgo_comparison
  cpu_intensive/reasoning  slower         +2.6 %  +1.7 % … +3.5 %  warm  20 × 8  1.3 %        0.9 %  not met
high_concurrency_pgo_comparison
  high/200                 inconclusive        –                –  warm       –      –            –  not measured"
    );
}

#[test]
fn medium_terminals_leave_columns_out_and_say_so() {
    let report = terminal(&builder::record(), 80, Style::Plain);
    assert_eq!(
        section(&report, "RESULT"),
        "\
RESULT
scenario                   verdict          95 % interval    MDE  expectation
──────────────────────────────────────────────────────────────────────────────
single_request_pgo_comparison
  single_request/short     no difference  −0.5 % … +0.3 %  0.6 %  met
single_request_pgo_warm
  warm/short               faster         −3.4 % … −1.8 %  1.2 %  not met
cpu_intensive_pgo_comparison
  cpu_intensive/reasoning  slower         +1.7 % … +3.5 %  1.3 %  not met
high_concurrency_pgo_comparison
  high/200                 inconclusive                 –      –  not measured
Left out at this width: change, kind, n, noise floor."
    );
}

#[test]
fn narrow_terminals_show_a_block_per_row() {
    let report = terminal(&builder::record(), 60, Style::Plain);
    assert_eq!(
        section(&report, "RESULT"),
        "\
RESULT
single_request_pgo_comparison
  single_request/short
    verdict no difference · change −0.1 % ·
    95 % interval −0.5 % … +0.3 % · kind cold · n 20 × 8 ·
    MDE 0.6 % · noise floor 0.4 % · expectation met
single_request_pgo_warm
  warm/short
    verdict faster · change −2.6 % ·
    95 % interval −3.4 % … −1.8 % · kind warm · n 20 × 8 ·
    MDE 1.2 % · noise floor 0.8 % · expectation not met
cpu_intensive_pgo_comparison
  cpu_intensive/reasoning
    verdict slower · change +2.6 % ·
    95 % interval +1.7 % … +3.5 % · kind warm · n 20 × 8 ·
    MDE 1.3 % · noise floor 0.9 % · expectation not met
high_concurrency_pgo_comparison
  high/200
    verdict inconclusive · kind warm ·
    expectation not measured"
    );
}

#[test]
fn inconclusive_scenarios_say_why_and_what_it_takes() {
    let report = terminal(&builder::record(), 80, Style::Plain);
    assert_eq!(
        section(&report, "INCONCLUSIVE"),
        "\
INCONCLUSIVE
- high/200: It does not fit into its share of the budget. Needs 21 min: run
  again with --budget 45m."
    );
}

#[test]
fn the_answer_stands_first_and_the_evidence_elsewhere() {
    let report = terminal(&builder::record(), 100, Style::Plain);
    let answer = "\
PGO pays on some of these scenarios and costs on others: faster in 1, slower in 1 of 4 (1
inconclusive for want of time). The largest change of time is in warm/short: −2.6 % (95 % interval
−3.4 % … −1.8 %).
";
    assert!(
        report
            .split_once("\n\n")
            .is_some_and(|(_, rest)| rest.starts_with(answer)),
        "{report}"
    );
    for heading in ["VERIFICATION", "FLAGS", "ENVIRONMENT"] {
        assert!(!report.contains(heading), "{report}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut record = builder::record();
    record.trends = vec![builder::trend(ExpectationResult::NotMeasured)];
    record.verification.audit = Some(builder::audit(NullRebuild::Identical));
    for width in 60..=140 {
        for line in terminal(&record, width, Style::Plain).lines() {
            assert!(
                textwrap::core::display_width(line) <= width,
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn words_are_never_cut() {
    let mut record = builder::record();
    let name = "a-scenario-with-a-name-that-is-longer-than-any-narrow-terminal-is-wide";
    let mut long = builder::scenario(name, "g", Regime::Warm);
    builder::judged(&mut long, Verdict::Slower, 1.2, 0.01);
    record.scenarios.push(long);
    for width in [1, 40, 60, 80] {
        assert!(
            terminal(&record, width, Style::Plain).contains(name),
            "{width}"
        );
    }
}

#[test]
fn colours_change_nothing_but_colour() {
    let record = builder::record();
    let coloured = terminal(&record, 80, Style::Colour);
    assert!(
        coloured.contains("\u{1b}[1;32mfaster\u{1b}[0m"),
        "{coloured}"
    );
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = escape.split_once('m').expect("an escape sequence ends").1;
    }
    plain.push_str(rest);
    assert_eq!(plain, terminal(&record, 80, Style::Plain));
}

#[test]
fn plain_text_has_no_control_characters() {
    let mut record = builder::record();
    record.scenarios[0].scenario.name = "a\u{1b}]0;title\u{7}b\r\nc".into();
    let report = terminal(&record, 80, Style::Plain);
    assert!(
        report.chars().all(|c| c == '\n' || !c.is_control()),
        "{report}"
    );
}

#[test]
fn a_record_without_scenarios_is_still_a_report() {
    let report = terminal(&builder::with_scenarios(Vec::new()), 80, Style::Plain);
    assert!(report.contains("Nothing was measured"), "{report}");
}
