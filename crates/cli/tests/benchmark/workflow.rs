//! `.github/workflows/performance-ci.yml`: steps that nobody would miss before they are needed, carried
//! out as the service does it: each by a shell of its own, which keeps no variables of the last one.

use std::process::{Command, Output};

use crate::program::{Folder, said, succeeded};

const WORKFLOW: &str = include_str!("../../../../.github/workflows/performance-ci.yml");

/// What the steps of `job` run, in their order.
fn steps(job: &str) -> Vec<String> {
    let head = format!("  {job}:");
    let mut lines = WORKFLOW
        .lines()
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| line.is_empty() || indent(line) > 2)
        .peekable();
    let mut steps = Vec::new();
    while let Some(line) = lines.next() {
        let key = line.trim_start().trim_start_matches("- ");
        let Some(command) = key.strip_prefix("run: ") else {
            continue;
        };
        let (mut text, separator) = match command {
            "|" => (String::new(), "\n"),
            ">-" => (String::new(), " "),
            whole => (whole.to_owned(), "\n"),
        };
        while let Some(inner) = lines.next_if(|next| indent(next) > indent(line)) {
            text.push_str(inner.trim_start());
            text.push_str(separator);
        }
        steps.push(text);
    }
    steps
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The place of the only step of `job` with `part` in it.
fn place(steps: &[String], part: &str) -> usize {
    let mut found = (0..steps.len()).filter(|&step| steps[step].contains(part));
    let place = found.next().expect(part);
    assert_eq!(found.next(), None, "{part} is in two steps");
    place
}

/// Carries out `step` in `folder`, where `cargo` is a shell function.
fn run(step: &str, cargo: &str, folder: &Folder) -> Output {
    Command::new("bash")
        .args(["-e", "-c", &format!("cargo() {{ {cargo}; }}\n{step}")])
        .current_dir(folder.path(""))
        .env("GITHUB_ENV", folder.path("variables"))
        .env("GITHUB_STEP_SUMMARY", folder.path("summary.md"))
        .output()
        .expect("bash runs")
}

/// What the job that compares says of the comparison in `folder`.
pub(crate) fn summary(folder: &Folder) -> String {
    let steps = steps("compare");
    let step = &steps[place(&steps, "GITHUB_STEP_SUMMARY")];
    succeeded(&run(step, "false", folder));
    folder.text("summary.md")
}

#[test]
fn every_job_that_measures_names_the_model_first() {
    for job in ["baseline", "compare"] {
        let steps = steps(job);
        let fetch = place(&steps, "model fetch");
        let measures = |step: &String| step.contains("scripts/");
        let first = steps.iter().position(measures).expect("a measurement");
        assert!(fetch < first, "{steps:?}");

        let folder = Folder::new();
        let output = run(&steps[fetch], "echo '/my models/tiny.gguf'", &folder);
        succeeded(&output);
        let variables = folder.text("variables");
        assert_eq!(variables, "BENCH_MODEL_PATH=/my models/tiny.gguf\n");
        let output = run(&steps[fetch], "return 20", &folder);
        assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    }
}
