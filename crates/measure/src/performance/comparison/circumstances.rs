//! What differs in the circumstances of two results.
//!
//! Another machine, model, build profile or workload could explain any change. How long was measured
//! is told: it changes how sure one is, not what is found.

use super::{Pair, is_alike};
use crate::comparison::{Difference, Found, Weight, host_differences, short};
use crate::performance::PerformanceResult;
use crate::performance::figures::Figure;
use crate::performance::result::{Model, Settings};

/// Everything that differs, each thing once.
pub(super) fn differences(
    older: &[PerformanceResult],
    newer: &[PerformanceResult],
    pairs: &[Pair<'_>],
) -> Vec<Difference> {
    let mut found = Found::default();
    if pairs.is_empty() {
        let contents = [older, newer].map(|results| Some(contents(results)));
        found.add("contents", Weight::Obstacle, contents);
    }
    alone(older, newer, &mut found);
    for (a, b) in pairs {
        one(a, b, &mut found);
    }
    let mut distinct: Vec<Difference> = Vec::new();
    for difference in found.0 {
        if !distinct.contains(&difference) {
            distinct.push(difference);
        }
    }
    distinct
}

/// Suites and backends, in words.
fn contents(results: &[PerformanceResult]) -> String {
    let names: Vec<String> = results.iter().map(name).collect();
    names.join(", ")
}

fn name(result: &PerformanceResult) -> String {
    let backend = &result.circumstances.model.backend;
    format!("{} on {backend}", result.benchmark_type)
}

/// Results of one side alone. A part of a baseline may be compared.
fn alone(older: &[PerformanceResult], newer: &[PerformanceResult], found: &mut Found) {
    for result in older {
        if !newer.iter().any(|other| is_alike(result, other)) {
            found.add(name(result), Weight::Told, [Some("there".to_owned()), None]);
        }
    }
    for result in newer {
        if !older.iter().any(|other| is_alike(other, result)) {
            found.add(name(result), Weight::Told, [None, Some("there".to_owned())]);
        }
    }
}

/// Whether nothing in machine, model, build profile and workload could explain a change.
pub(super) fn are_same(a: &PerformanceResult, b: &PerformanceResult) -> bool {
    let mut found = Found::default();
    conditions(a, b, &mut found);
    let mut differences = found.0.iter();
    differences.all(|difference| difference.weight != Weight::Obstacle)
}

fn one(a: &PerformanceResult, b: &PerformanceResult, found: &mut Found) {
    conditions(a, b, found);
    let states = [a, b].map(|result| {
        let state = if result.complete {
            "carried out"
        } else {
            "interrupted"
        };
        Some(state.to_owned())
    });
    found.add(format!("run of {}", name(a)), Weight::Obstacle, states);
    absent(a, b, found);
}

/// What they were measured on, and how.
fn conditions(a: &PerformanceResult, b: &PerformanceResult, found: &mut Found) {
    let environments = [a, b].map(|result| &result.circumstances.environment);
    host_differences(&environments[0].host, &environments[1].host, found);
    let builds = environments.map(|environment| &environment.build);
    let profile = |is_release| Some(if is_release { "release" } else { "debug" }.to_owned());
    let profiles = builds.map(|build| profile(build.is_release));
    found.add("build profile", Weight::Obstacle, profiles);
    let features = builds.map(|build| Some(listed(&build.target_features)));
    found.add("instruction sets of the build", Weight::Obstacle, features);
    let features = environments.map(|environment| Some(listed(&environment.processor_features)));
    found.add(
        "instruction sets of the processor",
        Weight::Obstacle,
        features,
    );
    models(&a.circumstances.model, &b.circumstances.model, found);
    settings(a, b, found);
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

fn models(a: &Model, b: &Model, found: &mut Found) {
    let told = |model: &Model| Some(format!("{} ({})", model.name, short(&model.sha256)));
    if a.sha256 != b.sha256 {
        found.add("model", Weight::Obstacle, [told(a), told(b)]);
    }
}

/// A setting that results must share, and how it is told.
type Setting = (&'static str, fn(&Settings) -> String);

fn settings(a: &PerformanceResult, b: &PerformanceResult, found: &mut Found) {
    let of = |value: fn(&Settings) -> String| {
        [a, b].map(|result| Some(value(&result.circumstances.settings)))
    };
    let obstacles: [Setting; 6] = [
        ("threads", |settings| settings.threads.to_string()),
        ("slots", |settings| settings.slots.to_string()),
        ("tokens of an answer", |settings| {
            settings.max_tokens.to_string()
        }),
        ("prompts", |settings| short(&settings.prompts_sha256)),
        ("clients", |settings| format!("{:?}", settings.clients)),
        ("cache", |settings| {
            settings.cache.as_ref().map_or_else(
                || "none".to_owned(),
                |cache| {
                    format!(
                        "{} keys, s = {}, seed {}, capacities {:?}",
                        cache.keys, cache.zipf_exponent, cache.seed, cache.capacities
                    )
                },
            )
        }),
    ];
    for (what, value) in obstacles {
        found.add(what, Weight::Obstacle, of(value));
    }
    found.add("processes", Weight::Told, of(|it| it.processes.to_string()));
    let amount = |settings: &Settings| match (settings.requests, settings.duration_s) {
        (Some(requests), _) => format!("{requests} requests"),
        (None, Some(seconds)) => format!("{seconds} s"),
        (None, None) => "not known".to_owned(),
    };
    found.add("amount", Weight::Told, of(amount));
}

/// Figures that one side has and the other lacks.
fn absent(a: &PerformanceResult, b: &PerformanceResult, found: &mut Found) {
    for (figure, known) in &a.figures {
        if known.better.is_none() {
            continue;
        }
        let sides = [a, b].map(|result| result.figure(figure));
        let is_known = sides.map(|side| side.is_some_and(|side| side.value.is_some()));
        let is_too_small = sides[1].is_some_and(|side| side.needs.is_some());
        let weight = match is_known {
            // Two runs of the same length may well lie on both sides of what a percentile takes; the
            // other figures are about the same requests.
            [true, false] if is_too_small => Weight::Told,
            // Without it a loss would stay unseen.
            [true, false] => Weight::Obstacle,
            [false, true] => Weight::Told,
            _ => continue,
        };
        let values = sides.map(|side| side.and_then(told));
        found.add(format!("{figure} of {}", name(a)), weight, values);
    }
}

/// A figure, or what it would take; nothing where it was not measured.
fn told(figure: &Figure) -> Option<String> {
    let value = figure.value.map(|value| format!("{value:.3}"));
    let needs = |needs| format!("takes {needs} requests, there are {}", figure.count);
    value.or_else(|| figure.needs.map(needs))
}
