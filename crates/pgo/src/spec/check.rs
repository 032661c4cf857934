//! What the types of the format cannot say: references, disjointness, patterns, ranges; and how a
//! syntax error is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inferno_measure::record::Verdict;
use inferno_measure::scenario::{Ready, Stop};

use serde_json::Value;

use super::{ScenarioKind, ScenarioSpec, Spec};
use crate::error::{Error, Result};

/// Fewer restarts than this cannot carry a t interval that anyone should trust (docs/measuring.md).
const RESTARTS_MIN: u32 = 8;

/// The parser's error with line and, for an unknown key, the nearest valid one.
pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    Error::Spec {
        path: path.to_owned(),
        line,
        message: error.message().to_owned(),
        hint: nearest_key(error.message()),
    }
}

/// serde names the unknown key first and the valid ones after it, each in backticks.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown").then(|| quoted.next())??;
    let nearest = quoted.min_by_key(|key| strsim::osa_distance(unknown, key))?;
    Some(format!("did you mean `{nearest}`?"))
}

pub(super) fn references(spec: &Spec) -> Result<()> {
    target(spec)?;
    judge(spec)?;
    store(spec)?;
    let training = spec.train().iter().map(|train| train.name.as_str());
    unique(spec, "training workload", training)?;
    unique(
        spec,
        "scenario",
        spec.scenario_specs()
            .iter()
            .map(|scenario| scenario.name.as_str()),
    )?;
    for train in spec.train() {
        training_workload(spec, train)?;
    }
    for scenario in spec.scenario_specs() {
        scenario_keys(spec, scenario)?;
    }
    disjoint(spec)?;
    patterns(spec)?;
    scenario_references(spec)
}

fn target(spec: &Spec) -> Result<()> {
    let name = spec.name();
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(usable) {
        return Err(spec.error(
            format!("the name `{name}` cannot name a directory"),
            "use letters, digits, `-`, `_` and `.`",
        ));
    }
    let target = spec.target();
    let named = [&target.bin, &target.example, &target.bench];
    if named.into_iter().flatten().count() != 1 {
        return Err(spec.error(
            "[target] must name exactly one of `bin`, `example` and `bench`",
            "write for instance `bin = \"server\"`",
        ));
    }
    let manifest = spec.manifest();
    if manifest.is_file() {
        return Ok(());
    }
    Err(spec.error(
        format!("there is no manifest at `{}`", manifest.display()),
        "`manifest` in [target] is relative to the spec's directory",
    ))
}

fn judge(spec: &Spec) -> Result<()> {
    let judge = spec.judge();
    if !(judge.threshold > 0.0 && judge.threshold < 1.0) {
        return Err(spec.error(
            format!(
                "`threshold = {}` is not a share between 0 and 1",
                judge.threshold
            ),
            "1 % is written `threshold = 0.01`",
        ));
    }
    if judge.restarts < RESTARTS_MIN {
        return Err(spec.error(
            format!("`restarts = {}` is too few", judge.restarts),
            format!("memory layout is drawn anew per process: use at least {RESTARTS_MIN}"),
        ));
    }
    if judge.min_pairs == 0 {
        return Err(spec.error("`min_pairs` must be at least 1", "the default is 5"));
    }
    Ok(())
}

fn store(spec: &Spec) -> Result<()> {
    let limit = spec.store().max_staleness;
    if limit > 0.0 && limit < 1.0 {
        return Ok(());
    }
    Err(spec.error(
        format!("`max_staleness = {limit}` is not a share between 0 and 1"),
        "10 % is written `max_staleness = 0.1`",
    ))
}

fn unique<'a>(spec: &Spec, what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(spec.error(
                format!("two entries of kind {what} are named `{name}`"),
                "names must be unique",
            ));
        }
    }
    Ok(())
}

fn training_workload(spec: &Spec, train: &super::Train) -> Result<()> {
    let place = format!("training workload `{}`", train.name);
    if !(train.weight > 0.0 && train.weight.is_finite()) {
        return Err(spec.error(
            format!("{place} has the weight {}", train.weight),
            "a weight is a positive number; leave the workload out to ignore it",
        ));
    }
    if train.stdin.is_some() && !train.requests.is_empty() {
        return Err(spec.error(
            format!("{place} has both `stdin` and `requests`"),
            "requests are written to standard input: keep one of the two",
        ));
    }
    if train.ready.is_some() && !train.requests.is_empty() {
        return Err(spec.error(
            format!("{place} has both `requests` and a driver"),
            "requests are for workers, a driver for servers: keep one of the two",
        ));
    }
    served(
        spec,
        &place,
        train.ready.as_ref(),
        &train.driver,
        train.stop,
    )?;
    let arguments = train
        .args
        .iter()
        .chain(train.env.values())
        .map(String::as_str);
    let requested = train.requests.iter().flat_map(texts);
    inputs_declared(spec, &place, &train.inputs, arguments.chain(requested))?;
    files_exist(spec, &place, train.inputs.iter().chain(&train.stdin))
}

fn scenario_keys(spec: &Spec, scenario: &ScenarioSpec) -> Result<()> {
    let place = format!("scenario `{}`", scenario.name);
    let misplaced = match scenario.kind {
        ScenarioKind::Warm if scenario.request.is_none() => {
            return Err(spec.error(
                format!("{place} is warm and has no `request`"),
                "write `request = { … }`: what the worker is asked",
            ));
        }
        ScenarioKind::Warm => scenario
            .cache
            .map(|_| "cache")
            .or(scenario.stdin.as_ref().map(|_| "stdin"))
            .or(scenario.ready.as_ref().map(|_| "ready"))
            .or((!scenario.prepare.is_empty()).then_some("prepare")),
        ScenarioKind::Cold => scenario
            .request
            .as_ref()
            .map(|_| "request")
            .or(scenario.warmup.map(|_| "warmup")),
    };
    let expected = scenario.expect.as_ref().and_then(|expect| expect.verdict);
    if expected == Some(Verdict::Inconclusive) {
        return Err(spec.error(
            format!("{place} cannot expect `inconclusive`"),
            "expect `faster`, `slower` or `no-difference`, or nothing",
        ));
    }
    if let Some(key) = misplaced {
        let kind = if scenario.kind == ScenarioKind::Warm {
            "warm"
        } else {
            "cold"
        };
        return Err(spec.error(
            format!("{place}: `{key}` has no meaning in a {kind} scenario"),
            "remove it, or change `kind`",
        ));
    }
    let (ready, driver) = (scenario.ready.as_ref(), &scenario.driver);
    served(spec, &place, ready, driver, scenario.stop)?;
    let arguments = scenario
        .args
        .iter()
        .chain(scenario.env.values())
        .map(String::as_str);
    let requested = scenario.request.iter().flat_map(texts);
    inputs_declared(spec, &place, &scenario.inputs, arguments.chain(requested))?;
    files_exist(spec, &place, scenario.inputs.iter().chain(&scenario.stdin))
}

/// The keys of a server go together, and its pattern compiles.
fn served(
    spec: &Spec,
    place: &str,
    ready: Option<&Ready>,
    driver: &[String],
    stop: Option<Stop>,
) -> Result<()> {
    if ready.is_some() == driver.is_empty() {
        let (there, missing) = if ready.is_some() {
            ("ready", "driver = [\"PROGRAM\", \"ARGUMENT\"]")
        } else {
            (
                "driver",
                "ready = { line = 'listening' }` or `ready = { port = 8080 }",
            )
        };
        return Err(spec.error(
            format!("{place} has `{there}` alone"),
            format!("a server needs both: write `{missing}`"),
        ));
    }
    if stop.is_some() && ready.is_none() {
        return Err(spec.error(
            format!("{place} has `stop` and is no server"),
            "remove it, or declare `ready` and `driver`",
        ));
    }
    if let Some(Ready::Line(pattern)) = ready {
        regex::Regex::new(pattern).map_err(|error| {
            spec.error(
                format!("{place}: `ready`: {error}"),
                "write a valid regular expression",
            )
        })?;
    }
    Ok(())
}

fn files_exist<'a>(
    spec: &Spec,
    place: &str,
    files: impl Iterator<Item = &'a PathBuf>,
) -> Result<()> {
    for file in files {
        if !spec.resolve(file).is_file() {
            return Err(spec.error(
                format!(
                    "{place}: there is no file `{}`",
                    spec.resolve(file).display()
                ),
                "paths are relative to the spec's directory",
            ));
        }
    }
    Ok(())
}

/// A file that is read but not declared would be neither hashed nor held apart from training.
fn inputs_declared<'a>(
    spec: &Spec,
    place: &str,
    inputs: &[PathBuf],
    texts: impl Iterator<Item = &'a str>,
) -> Result<()> {
    for text in texts {
        let declared = inputs.iter().any(|input| input == Path::new(text));
        if !text.is_empty() && !declared && spec.resolve(text).is_file() {
            return Err(spec.error(
                format!("{place} names the file `{text}`, which is not in its `inputs`"),
                format!("add `inputs = [\"{text}\"]`"),
            ));
        }
    }
    Ok(())
}

/// The texts of a request, at any depth.
fn texts(request: &super::Request) -> Vec<&str> {
    let mut found = Vec::new();
    let mut pending: Vec<&Value> = request.values().collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::String(text) => found.push(text.as_str()),
            Value::Array(values) => pending.extend(values),
            Value::Object(values) => pending.extend(values.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// A verdict on inputs that also trained the profile would say nothing about new inputs.
fn disjoint(spec: &Spec) -> Result<()> {
    let resolved = |file: &PathBuf| {
        let path = spec.resolve(file);
        path.canonicalize().unwrap_or(path)
    };
    let training: BTreeSet<PathBuf> = spec
        .train()
        .iter()
        .flat_map(|train| train.inputs.iter().chain(&train.stdin))
        .map(resolved)
        .collect();
    for scenario in spec.scenario_specs() {
        for file in scenario.inputs.iter().chain(&scenario.stdin) {
            if training.contains(&resolved(file)) {
                return Err(spec.error(
                    format!(
                        "`{}` is in training and in scenario `{}`",
                        file.display(),
                        scenario.name
                    ),
                    "training and holdout inputs must be disjoint: give the scenario its own file",
                ));
            }
        }
    }
    Ok(())
}

fn patterns(spec: &Spec) -> Result<()> {
    for (name, metric) in &spec.document.metric {
        let pattern = regex::Regex::new(&metric.regex).map_err(|error| {
            spec.error(
                format!("[metric.{name}]: {error}"),
                "write a valid regular expression",
            )
        })?;
        if pattern.captures_len() != 2 {
            return Err(spec.error(
                format!("[metric.{name}]: the regex must have exactly one group"),
                "put the number in parentheses: `Average tokens/sec: ([0-9.]+)`",
            ));
        }
    }
    if let super::Output::Regex(pattern) = spec.output() {
        regex::Regex::new(pattern).map_err(|error| {
            spec.error(
                format!("[verify]: {error}"),
                "write a valid regular expression",
            )
        })?;
    }
    Ok(())
}

fn scenario_references(spec: &Spec) -> Result<()> {
    let known: Vec<&str> = spec
        .scenario_specs()
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    let of_metrics = spec.document.metric.iter().flat_map(|(name, metric)| {
        metric
            .scenarios
            .iter()
            .flatten()
            .map(move |scenario| (format!("[metric.{name}]"), scenario))
    });
    let of_trends = spec.trends().iter().flat_map(|trend| {
        trend
            .over
            .iter()
            .map(|scenario| ("[[trend]]".to_owned(), scenario))
    });
    for (place, scenario) in of_metrics.chain(of_trends) {
        if !known.contains(&scenario.as_str()) {
            return Err(spec.error(
                format!("{place} names the unknown scenario `{scenario}`"),
                format!("the scenarios are: {}", known.join(", ")),
            ));
        }
    }
    for trend in spec.trends() {
        if trend.metric != "gain" && !spec.document.metric.contains_key(&trend.metric) {
            return Err(spec.error(
                format!("[[trend]] names the unknown metric `{}`", trend.metric),
                "use `gain` or a name declared as [metric.NAME]",
            ));
        }
    }
    Ok(())
}
