//! What differs in the circumstances of two records.
//!
//! A difference of the machine, the inputs, the compilers, the flags or the workload's declaration
//! is an [`Weight::Obstacle`]: an effect could come from it. The kernel's release, the governor and
//! the amount of memory change with updates and neighbours; they are told, and stop nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::{Artifact, Host, Record, concerns_profile};

/// One thing that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What differs, such as `processor`.
    pub what: String,
    /// The baseline's value.
    pub baseline: String,
    /// The candidate's value.
    pub candidate: String,
    /// How much it matters.
    pub weight: Weight,
}

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// An effect could come from it: nothing is compared without being told to.
    Obstacle,
    /// Worth knowing.
    Told,
}

/// What stands where a side does not know.
const UNKNOWN: &str = "not known";

/// Everything that differs in the circumstances of two records.
pub(super) fn differences(older: &Record, newer: &Record) -> Vec<Difference> {
    let mut found = Found::default();
    host(&older.host, &newer.host, &mut found);
    beside_the_machine(older, newer, &mut found);
    found.0
}

/// What differs in how two records were made, whatever machines they were made on.
pub(super) fn beside_the_machine(older: &Record, newer: &Record, found: &mut Found) {
    build(older, newer, found);
    inputs(older, newer, found);
    workloads(older, newer, found);
}

/// Whether two records are of the same pair of programs.
pub(super) fn programs(a: &Record, b: &Record, found: &mut Found) {
    type Arm = fn(&Record) -> &Artifact;
    let arms: [(&str, Arm); 2] = [
        ("program of the baselines", |record| {
            &record.artifacts.baseline
        }),
        ("program of the candidates", |record| {
            &record.artifacts.candidate
        }),
    ];
    for (what, arm) in arms {
        let [one, other] = [arm(a), arm(b)];
        let same_code = one.text_sha256.is_some() && one.text_sha256 == other.text_sha256;
        let weight = if same_code {
            Weight::Told
        } else {
            Weight::Obstacle
        };
        let hashes = [one, other].map(|artifact| Some(short(&artifact.sha256)));
        found.add(what, weight, hashes);
    }
}

/// The differences that were found so far.
#[derive(Debug, Default)]
pub(crate) struct Found(pub(crate) Vec<Difference>);

impl Found {
    /// Adds what has other `values` on both sides.
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        weight: Weight,
        values: [Option<String>; 2],
    ) {
        if values[0] == values[1] {
            return;
        }
        let [baseline, candidate] = values.map(|value| value.unwrap_or_else(|| UNKNOWN.to_owned()));
        self.0.push(Difference {
            what: what.into(),
            baseline,
            candidate,
            weight,
        });
    }
}

/// What differs in the machines `a` and `b`.
pub(crate) fn host(a: &Host, b: &Host, found: &mut Found) {
    let system = |host: &Host| Some(format!("{} {}", host.os, host.arch));
    found.add("system", Weight::Obstacle, [system(a), system(b)]);
    let models = [a.cpu_model.clone(), b.cpu_model.clone()];
    found.add("processor", Weight::Obstacle, models);
    let text = |value: Option<u32>| value.map(|value| value.to_string());
    found.add("cores", Weight::Obstacle, [text(a.cores), text(b.cores)]);
    let virtualized = |host: &Host| host.virtualized.map(|yes| yes.to_string());
    let values = [virtualized(a), virtualized(b)];
    found.add("virtual machine", Weight::Obstacle, values);
    found.add("kernel", Weight::Told, [a.kernel.clone(), b.kernel.clone()]);
    let governors = [a.governor.clone(), b.governor.clone()];
    found.add("frequency governor", Weight::Told, governors);
    // The kernel's own share of the memory changes from boot to boot.
    let memory = |host: &Host| {
        let gigabytes = host.memory_bytes? as f64 / 1e9;
        Some(format!("{gigabytes:.0} GB"))
    };
    found.add("memory", Weight::Told, [memory(a), memory(b)]);
}

fn build(older: &Record, newer: &Record, found: &mut Found) {
    let compilers = [older, newer].map(|record| {
        let toolchain = record.toolchain.as_ref()?;
        let (rustc, llvm) = (&toolchain.rustc, &toolchain.llvm);
        let clang = toolchain.c.as_ref().map(|c| format!(", clang {}", c.clang));
        let clang = clang.unwrap_or_default();
        Some(format!("{rustc}, LLVM {llvm}, {}{clang}", toolchain.target))
    });
    found.add("compilers", Weight::Obstacle, compilers);
    let flags = |artifact: fn(&Record) -> &Artifact| {
        [older, newer].map(|record| Some(common_flags(artifact(record).rustflags.as_ref()?)))
    };
    let of_baselines = flags(|record| &record.artifacts.baseline);
    found.add("flags of the baselines", Weight::Obstacle, of_baselines);
    let of_candidates = flags(|record| &record.artifacts.candidate);
    found.add("flags of the candidates", Weight::Obstacle, of_candidates);
}

/// The flags but for those that concern the profile: which profile was used is part of what is
/// compared.
fn common_flags(flags: &[String]) -> String {
    let kept: Vec<&str> = flags
        .iter()
        .map(String::as_str)
        .filter(|flag| !concerns_profile(flag))
        .collect();
    if kept.is_empty() {
        "none".to_owned()
    } else {
        kept.join(" ")
    }
}

/// Files by path; the same content under another path is no difference.
fn inputs(older: &Record, newer: &Record, found: &mut Found) {
    let (a, b) = (hashes(older), hashes(newer));
    let alone = [one_sided(&a, &b), one_sided(&b, &a)];
    // Where each side has a file that the other lacks, one may stand in the other's place: another
    // model under its own name. A file of one side alone may belong to a scenario of that side alone.
    let replaced = alone.iter().all(|files| !files.is_empty());
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for path in paths {
        let values = [a.get(path), b.get(path)].map(|hash| hash.map(|hash| short(hash)));
        let explained = |side: usize, own: &Record, other: &Record| {
            alone[side].contains(path) && !replaced && has_more_scenarios(own, other)
        };
        let weight = if explained(0, older, newer) || explained(1, newer, older) {
            Weight::Told
        } else {
            Weight::Obstacle
        };
        let in_both = values.iter().all(Option::is_some);
        if in_both || alone.iter().any(|files| files.contains(path)) {
            found.add(format!("input {path}"), weight, values);
        }
    }
}

fn hashes(record: &Record) -> BTreeMap<String, String> {
    let inputs = record.inputs.iter();
    inputs
        .map(|input| (input.path.clone(), input.sha256.clone()))
        .collect()
}

/// Paths that only `own` has, with content that `other` has under no name of its own.
fn one_sided(own: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> BTreeSet<String> {
    let renamed: BTreeSet<&String> = other
        .iter()
        .filter(|(path, _)| !own.contains_key(*path))
        .map(|(_, hash)| hash)
        .collect();
    own.iter()
        .filter(|(path, hash)| !other.contains_key(*path) && !renamed.contains(hash))
        .map(|(path, _)| path.clone())
        .collect()
}

fn has_more_scenarios(own: &Record, other: &Record) -> bool {
    let known = |name: &str| {
        let mut scenarios = other.scenarios.iter();
        scenarios.any(|result| result.scenario.name == name)
    };
    let mut scenarios = own.scenarios.iter();
    scenarios.any(|result| !known(&result.scenario.name))
}

/// What the scenarios of both sides declare: by their own hashes, or by the whole spec where one of
/// the records does not have them.
fn workloads(older: &Record, newer: &Record, found: &mut Found) {
    let mut known_everywhere = true;
    for a in &older.scenarios {
        let name = &a.scenario.name;
        let Some(b) = newer.scenarios.iter().find(|b| b.scenario.name == *name) else {
            continue;
        };
        let sampling = |declared: &crate::record::Declared| {
            Some(format!(
                "{}{}{}",
                declared.kind,
                declared
                    .cache
                    .map_or_else(String::new, |cache| format!(", cache {cache:?}")),
                declared
                    .pin
                    .map_or_else(String::new, |pin| format!(", pin {pin:?}")),
            ))
        };
        let values = [sampling(&a.scenario), sampling(&b.scenario)];
        found.add(format!("sampling of {name}"), Weight::Obstacle, values);
        let hashes = [older.workloads.get(name), newer.workloads.get(name)];
        known_everywhere &= hashes.iter().all(Option::is_some);
        if hashes.iter().all(Option::is_some) {
            let values = hashes.map(|hash| hash.map(|hash| short(hash)));
            found.add(format!("declaration of {name}"), Weight::Obstacle, values);
        }
    }
    if !known_everywhere {
        let specs = [older, newer].map(|record| Some(short(&record.spec.as_ref()?.sha256)));
        found.add("spec", Weight::Obstacle, specs);
    }
    // A unit of one side holds the luck of a code layout, a unit of the other does not.
    let layouts = [older, newer].map(|record| {
        let layouts = record.judging.layouts;
        Some(layouts.map_or_else(|| "as linked".to_owned(), |count| count.to_string()))
    });
    found.add("code layouts", Weight::Obstacle, layouts);
    let turns = [older, newer].map(|record| Some(record.judging.turn_requests.to_string()));
    found.add("requests per turn", Weight::Told, turns);
}

/// Enough of a SHA-256 to tell files of one comparison apart.
pub(crate) fn short(sha256: &str) -> String {
    sha256.chars().take(12).collect()
}
