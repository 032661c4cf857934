//! `compare`: what is found, what is refused.

use std::process::Output;

use crate::program::{Folder, said, succeeded};
use crate::workflow;

fn compare(folder: &Folder, options: &[&str]) -> Output {
    folder.run(&[
        &["compare", "--current", "new.json", "--baseline", "old.json"],
        options,
    ])
}

/// Measures the inference suite with answers of so many tokens, in 8 processes; keeps it as `name`.
fn measure(folder: &Folder, max_tokens: &str, name: &str) {
    succeeded(&folder.run(&[
        &["benchmark", "--bench-type", "inference", "--threads", "1"],
        &["--iterations", "40", "--max-tokens", max_tokens],
    ]));
    std::fs::rename(
        folder.path("benchmark_results/inference_benchmark.json"),
        folder.path(name),
    )
    .expect("moved");
}

#[test]
fn a_result_is_no_slower_than_itself_and_reports_say_so() {
    let folder = Folder::new();
    folder.result("inference", &[]);
    for name in ["old.json", "new.json"] {
        std::fs::copy(
            folder.path("benchmark_results/inference_benchmark.json"),
            folder.path(name),
        )
        .expect("copied");
    }
    let output = compare(&folder, &["--report", "--threshold", "10.0"]);
    succeeded(&output);
    let markdown = folder.text("new_comparison.md");
    assert!(markdown.contains("avg_latency_ms"), "{markdown}");
    let page = folder.text("new_comparison.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("avg_latency_ms"));
    // Two processes say nothing.
    let strict = compare(&folder, &["--strict"]);
    assert_eq!(strict.status.code(), Some(11), "{}", said(&strict));

    let sides = ["--current", "benchmark_results", "--baseline", "old.json"];
    succeeded(&folder.run(&[&["compare", "--report"], &sides]));
    let page = folder.text("benchmark_results/comparison.html");
    assert!(page.contains("benchmark_results") && page.contains("avg_latency_ms"));
    let told = workflow::summary(&folder);
    assert!(told.contains("avg_latency_ms"), "{told}");
}

#[test]
fn longer_answers_are_refused_and_with_force_they_are_slower() {
    let folder = Folder::new();
    measure(&folder, "1", "old.json");
    measure(&folder, "24", "new.json");
    let refused = compare(&folder, &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("tokens of an answer: 1 in the baseline, 24 now"));
    assert!(said(&refused).contains("--force"), "{}", said(&refused));
    let forced = compare(&folder, &["--force", "--strict"]);
    assert_eq!(forced.status.code(), Some(10), "{}", said(&forced));
    let told = said(&forced);
    assert!(
        told.contains("slower") && told.contains("tokens of an answer"),
        "{told}"
    );
    // The other way round it is faster, which is no failure.
    std::fs::rename(folder.path("old.json"), folder.path("short.json")).expect("moved");
    std::fs::rename(folder.path("new.json"), folder.path("old.json")).expect("moved");
    std::fs::rename(folder.path("short.json"), folder.path("new.json")).expect("moved");
    let faster = compare(&folder, &["--force"]);
    succeeded(&faster);
    assert!(said(&faster).contains("faster"), "{}", said(&faster));
}

#[test]
fn files_that_are_no_results_are_refused_by_name() {
    let folder = Folder::new();
    folder.result("inference", &[]);
    let good = folder.text("benchmark_results/inference_benchmark.json");
    std::fs::write(folder.path("new.json"), &good).expect("a file");
    let edited = good.replacen("\"error_rate\": 0.0", "\"error_rate\": 0.5", 1);
    assert_ne!(edited, good);
    for (content, told) in [
        (&good[..good.len() / 2], "cut off"),
        (edited.as_str(), "contradicts its own samples"),
        (
            good.replacen("\"schema\": 2", "\"schema\": 1", 1).as_str(),
            "schema 1",
        ),
        (r#"{"name": "other"}"#, "another program"),
    ] {
        std::fs::write(folder.path("old.json"), content).expect("a file");
        let output = compare(&folder, &["--force"]);
        assert_eq!(output.status.code(), Some(2), "{told}: {}", said(&output));
        let said = said(&output);
        assert!(
            said.contains(told) && said.contains("old.json") && said.contains("next:"),
            "{said}"
        );
    }
    std::fs::remove_file(folder.path("old.json")).expect("removed");
    assert_eq!(compare(&folder, &[]).status.code(), Some(2));
    assert_eq!(
        compare(&folder, &["--threshold", "0"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_part_of_a_baseline_is_compared_and_other_suites_are_refused() {
    let folder = Folder::new();
    succeeded(&folder.run(&[
        &[
            "baseline",
            "--output",
            "base",
            "--duration",
            "1",
            "--restarts",
            "2",
        ],
        &["--max-tokens", "2", "--threads", "1"],
    ]));
    let moved = |from: &str, to: &str| {
        std::fs::rename(folder.path(from), folder.path(to)).expect("moved");
    };
    moved("base/baseline_results.json", "old.json");
    folder.result("inference", &[]);
    moved("benchmark_results/inference_benchmark.json", "new.json");
    let output = compare(&folder, &["--force"]);
    assert!(
        matches!(output.status.code(), Some(0 | 10)),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("memory on candle"),
        "{}",
        said(&output)
    );

    folder.result("memory", &[]);
    moved("benchmark_results/memory_benchmark.json", "old.json");
    let output = compare(&folder, &["--force"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let told = said(&output);
    assert!(
        told.contains("next: name results of the same suite"),
        "{told}"
    );
    assert!(!told.contains("--force"), "{told}");
}
