//! Reports of benchmark results and of their comparison.

use inferno_measure::performance::comparison::{PerformanceComparison, Rule, compare};
use inferno_measure::performance::targets::{Targets, check};
use inferno_measure::performance::{Circumstances, PerformanceResult, Suite};
use inferno_report::Style;
use inferno_report::performance::{
    BenchmarkPage, benchmark_html, benchmark_markdown, benchmark_terminal, comparison_html,
    comparison_markdown, comparison_terminal, obstacles,
};

use crate::results;

const TIMESTAMP: &str = "2026-11-26T12:00:00Z";

fn inference() -> PerformanceResult {
    results::result(Suite::Inference, "candle", TIMESTAMP)
}

/// A comparison of a result on two threads with one on another model whose requests took three
/// times as long.
fn compared() -> PerformanceComparison {
    compared_on(2)
}

fn compared_on(threads: u32) -> PerformanceComparison {
    let mut older = inference();
    older.circumstances.settings.threads = threads;
    let mut processes = older.processes.clone();
    for request in processes
        .iter_mut()
        .flat_map(|process| &mut process.runs[0].requests)
    {
        request.latency_ns *= 3;
    }
    let mut circumstances = older.circumstances.clone();
    circumstances.model.sha256 = "d".repeat(64);
    let newer = PerformanceResult::new(
        Suite::Inference,
        TIMESTAMP.to_owned(),
        circumstances,
        processes,
        true,
    );
    let rule = Rule {
        threshold: 0.1,
        drift: None,
        uses_reference: true,
    };
    compare(&[older], &[newer], ["baseline.json", "current.json"], rule)
}

#[test]
fn the_page_shows_targets_then_plots_then_figures() {
    let page = results::page("candle");
    let order = [
        "7 targets: ",
        "<h2 id=\"targets-heading\">",
        "memory_efficiency_mb",
        "<h2 id=\"latency-heading\">",
        "n/a: needs\u{a0}368 requests",
        "<h2 id=\"throughput-over-clients-heading\">",
        "<h2 id=\"memory-over-requests-heading\">",
        "<h2 id=\"cache-heading\">",
        "Che",
        "<h2 id=\"profiles-heading\">",
        "data:image/svg+xml;base64,",
        "<h2 id=\"history-heading\">",
        "2026-11-24T12:00:00Z",
        "<h2 id=\"figures-heading\">",
        "<h2 id=\"conditions-heading\">",
    ];
    let mut from = 0;
    for part in order {
        let at = page[from..].find(part);
        from += at.unwrap_or_else(|| panic!("`{part}` is not behind the others"));
    }
    for number in ["NaN", ">inf<"] {
        assert!(!page.contains(number), "{number}");
    }
}

#[test]
fn runs_under_other_circumstances_are_no_history() {
    type Change = fn(&mut Circumstances);
    let now = [inference()];
    let has_history = |change: Change| {
        let mut earlier = results::result(Suite::Inference, "candle", "2026-11-24T12:00:00Z");
        change(&mut earlier.circumstances);
        let page = benchmark_html(&BenchmarkPage {
            results: &now,
            targets: &[],
            earlier: &[earlier],
            profiles: &[],
        });
        page.contains("history-heading")
    };
    let others: [Change; 4] = [
        |it| it.settings.max_tokens = 1,
        |it| it.settings.threads = 1,
        |it| it.environment.host.cpu_model = Some("another".into()),
        |it| it.model.sha256 = "d".repeat(64),
    ];
    assert!(!others.into_iter().any(has_history));
    assert!(has_history(|_| {}));
    // How long was measured changes how sure one is, and the kernel changes with updates.
    assert!(has_history(|it| it.settings.requests = Some(7)));
    assert!(has_history(
        |it| it.environment.host.kernel = Some("7.0".into())
    ));
}

#[test]
fn nothing_is_loaded_but_what_is_in_the_page() {
    let page = results::page("candle");
    for loading in [
        "<script",
        "<iframe",
        "<object",
        "@import",
        "url(",
        "src=\"http",
        "<form",
    ] {
        assert!(!page.contains(loading), "{loading}");
    }
    assert_eq!(page.matches("<img").count(), 1);
}

#[test]
fn text_from_outside_stays_text() {
    for hostile in [
        "<script>alert(1)</script>",
        "</style><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "a\u{0}b\u{1b}[31m",
    ] {
        let page = results::page(hostile);
        assert!(
            !page.contains("<script") && !page.contains("\" onload"),
            "{hostile}"
        );
        assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
    }
}

#[test]
fn text_and_markdown_say_what_is_missing_and_what_it_takes() {
    let results = [inference()];
    let targets = check(&Targets::default(), &[&results[0]]);
    let markdown = benchmark_markdown(&results, &targets);
    let terminal = benchmark_terminal(&results, &targets, 100, Style::Plain);
    for text in [&markdown, &terminal] {
        for part in [
            "n/a (needs 368)",
            "not measured",
            "avg_latency_ms",
            "8 processes",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    assert!(
        markdown.starts_with("# Performance of `candle`"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| `inference_latency_ms` |"),
        "{markdown}"
    );
    assert!(benchmark_markdown(&results, &[]).contains("1 suite measured"));
}

#[test]
fn an_interrupted_run_says_so_first() {
    let mut result = inference();
    result.complete = false;
    let text = benchmark_terminal(&[result], &[], 100, Style::Plain);
    assert!(
        text.contains("Interrupted: 1 suite was not carried out to the end."),
        "{text}"
    );
}

#[test]
fn a_comparison_says_what_changed_and_what_could_explain_it() {
    let comparison = compared();
    let told = obstacles(&comparison);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("model: "), "{told:?}");
    let markdown = comparison_markdown(&comparison);
    let terminal = comparison_terminal(&comparison, 160, Style::Plain);
    let page = comparison_html(&comparison);
    for text in [&markdown, &terminal, &page] {
        for part in [
            "slower",
            "avg_latency_ms",
            "drift allowed for",
            "could explain",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("href=\"#what-differs\""), "{page}");
}

#[test]
fn what_the_drift_of_the_machine_did_to_a_row_is_told() {
    let on_one = comparison_markdown(&compared_on(1));
    assert!(on_one.contains("processes, drift cancelled |"), "{on_one}");
    let on_two = comparison_markdown(&compared_on(2));
    assert!(!on_two.contains("processes, drift cancelled |"), "{on_two}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let results = [inference()];
    let targets = check(&Targets::default(), &[&results[0]]);
    for width in [60, 100] {
        let texts = [
            benchmark_terminal(&results, &targets, width, Style::Plain),
            comparison_terminal(&compared(), width, Style::Plain),
        ];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}
