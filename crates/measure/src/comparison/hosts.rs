//! One pair of programs on several machines: what each machine found, and what they say together.
//!
//! Takes records of the same pair, gives one [`HostComparison`] as plain data. Host by host the verdicts
//! are the records' own, by one threshold. Together, hosts are a sample of all machines: the pooled
//! interval holds their spread ([`crate::stats::random_effects`]), so few hosts that differ say little, however
//! sure each of them is.

mod pooled;

use serde::{Deserialize, Serialize};

use super::fingerprint::{Found, beside_the_machine, programs};
use super::pairs::units_of;
use super::{Unit, Weight};
use crate::record::{Estimate, Host, Record, ScenarioResult, Verdict};
use crate::scenario::Judging;
use crate::verdict::{self, STATISTICS};

/// Version of the format; raised when a field changes its meaning or goes away.
pub const HOSTS_SCHEMA: u32 = 1;

/// A record, and what people call the host that it was made on.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRecord {
    /// Unique among the records.
    pub label: String,
    /// The record.
    pub record: Record,
}

/// The answer of one pair on several hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostComparison {
    /// [`HOSTS_SCHEMA`].
    pub schema: u32,
    /// Name of the first record.
    pub name: String,
    /// δ: the smallest effect that matters, as a share.
    pub threshold: f64,
    /// The hosts, in the order in which they were given.
    pub hosts: Vec<HostSide>,
    /// The scenarios that at least one host declares.
    pub scenarios: Vec<HostScenario>,
    /// What differs between the first record and each other, beside the machine.
    pub differences: Vec<HostDifference>,
    /// What the reader must know beside the scenarios.
    pub notes: Vec<String>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostSide {
    /// What people call it.
    pub label: String,
    /// The machine.
    pub host: Host,
    /// When it was measured (RFC 3339, UTC).
    pub measured: String,
}

/// A scenario on all hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostScenario {
    /// Its name.
    pub name: String,
    /// What each host found that has it.
    pub rows: Vec<HostRow>,
    /// What the hosts say together; `None` where fewer than two can be used.
    pub pooled: Option<PooledRow>,
}

/// A scenario on one host. Effects are candidate ÷ baseline of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostRow {
    /// The host's label.
    pub host: String,
    /// The answer of this host.
    pub verdict: Verdict,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Candidate ÷ baseline; `None` where it was not measured.
    pub effect: Option<f64>,
    /// Lower bound of the 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper bound of the 95 % interval.
    pub ci_high: Option<f64>,
    /// Minimum detectable effect as a share.
    pub mde: Option<f64>,
    /// Units of the interval.
    pub units: u32,
    /// What a unit is.
    pub unit: Unit,
    /// Why the host is not pooled here; `None` where it is.
    pub left_out: Option<String>,
    /// How disturbed the host was.
    pub notes: Vec<String>,
}

/// A scenario over the hosts. Effects are candidate ÷ baseline of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PooledRow {
    /// Hosts that are pooled.
    pub hosts: u32,
    /// The answer over hosts.
    pub verdict: Verdict,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Inconclusive: what it would take to know.
    pub remedy: Option<String>,
    /// The mean over hosts with its 95 % interval, the spread between hosts included.
    pub effect: Estimate,
    /// Lower bound of the interval that decides, simultaneous over the pooled scenarios.
    pub simultaneous_low: f64,
    /// Upper bound of the interval that decides.
    pub simultaneous_high: f64,
    /// τ: the standard deviation of ln(candidate ÷ baseline) between hosts.
    pub spread: f64,
    /// I²: the share of the variation that lies between hosts instead of within them.
    pub spread_share: f64,
    /// The 95 % interval of the effect on another host; `None` below three hosts.
    pub new_host: Option<Estimate>,
}

/// One thing that is not the same in two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDifference {
    /// What differs, such as `compilers`.
    pub what: String,
    /// The first record's value.
    pub first: String,
    /// The host whose record has another.
    pub host: String,
    /// Its value.
    pub value: String,
    /// How much it matters.
    pub weight: Weight,
}

impl HostComparison {
    /// Whether some host, or all together, have this verdict in a scenario.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.scenarios.iter().any(|scenario| {
            let pooled = scenario.pooled.as_ref();
            pooled.is_some_and(|pooled| pooled.verdict == verdict)
                || scenario.rows.iter().any(|row| row.verdict == verdict)
        })
    }

    /// The differences for which the records are not of one pair and one question.
    pub fn obstacles(&self) -> impl Iterator<Item = &HostDifference> {
        self.differences
            .iter()
            .filter(|difference| difference.weight == Weight::Obstacle)
    }
}

/// Puts the records of one pair side by side and pools them. All are judged by `threshold`, a share, and
/// together: one of many hosts differs by chance more often than one alone.
pub fn of_hosts(records: &[HostRecord], threshold: f64) -> HostComparison {
    let judged: Vec<Record> = records
        .iter()
        .map(|host| judged(&host.record, threshold, records.len()))
        .collect();
    let mut scenarios: Vec<HostScenario> = names(&judged)
        .into_iter()
        .map(|name| HostScenario {
            rows: rows(name, records, &judged),
            name: name.to_owned(),
            pooled: None,
        })
        .collect();
    pooled::pool(&mut scenarios, threshold);
    HostComparison {
        schema: HOSTS_SCHEMA,
        name: records
            .first()
            .map_or_else(String::new, |host| host.record.name.clone()),
        threshold,
        hosts: records.iter().map(side).collect(),
        scenarios,
        differences: differences(records),
        notes: notes(records, threshold),
    }
}

fn judged(record: &Record, threshold: f64, hosts: usize) -> Record {
    let judging = Judging {
        threshold,
        ..record.judging
    };
    let record = Record {
        judging,
        ..record.clone()
    };
    verdict::judge_again_among(&record, hosts)
}

/// The scenarios of all records, each once, in the order of the first record that has them.
fn names(records: &[Record]) -> Vec<&str> {
    let mut names = Vec::new();
    for result in records.iter().flat_map(|record| &record.scenarios) {
        let name = result.scenario.name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn rows(name: &str, records: &[HostRecord], judged: &[Record]) -> Vec<HostRow> {
    let found = records.iter().zip(judged).filter_map(|(host, judged)| {
        let mut results = judged.scenarios.iter();
        let result = results.find(|result| result.scenario.name == name)?;
        Some(row(&host.label, result, judged, records.len()))
    });
    found.collect()
}

fn row(label: &str, result: &ScenarioResult, record: &Record, hosts: usize) -> HostRow {
    let (unit, units) = units_of(result);
    let measured = verdict::count_measured(&record.scenarios) * hosts;
    HostRow {
        host: label.to_owned(),
        verdict: result.verdict,
        reason: result.reason.clone(),
        effect: result.effect,
        ci_low: result.ci_low,
        ci_high: result.ci_high,
        mde: result.mde,
        units,
        unit,
        left_out: verdict::distrust(result, &record.judging, measured),
        notes: result.validity.notes.clone(),
    }
}

fn side(host: &HostRecord) -> HostSide {
    HostSide {
        label: host.label.clone(),
        host: host.record.host.clone(),
        measured: host.record.created.clone(),
    }
}

/// The machines may differ: that is what they are there for. The question and the pair may not.
fn differences(records: &[HostRecord]) -> Vec<HostDifference> {
    let Some((first, others)) = records.split_first() else {
        return Vec::new();
    };
    let of_host = |other: &HostRecord| {
        let mut found = Found::default();
        programs(&first.record, &other.record, &mut found);
        beside_the_machine(&first.record, &other.record, &mut found);
        let label = other.label.clone();
        found.0.into_iter().map(move |difference| HostDifference {
            what: difference.what,
            first: difference.baseline,
            host: label.clone(),
            value: difference.candidate,
            weight: difference.weight,
        })
    };
    others.iter().flat_map(of_host).collect()
}

fn notes(records: &[HostRecord], threshold: f64) -> Vec<String> {
    let mut notes = Vec::new();
    for HostRecord { label, record } in records {
        if record.statistics != STATISTICS {
            notes.push(format!(
                "The record of {label} was judged by version {} of the statistics; here its samples are \
                 judged by version {STATISTICS}.",
                record.statistics
            ));
        }
        if (record.judging.threshold - threshold).abs() > f64::EPSILON {
            notes.push(format!(
                "The record of {label} declares a threshold of {}; here all hosts are judged by {}.",
                verdict::percent(record.judging.threshold),
                verdict::percent(threshold)
            ));
        }
    }
    notes.extend(perhaps_one(records));
    notes.extend(alike(records));
    notes
}

/// Hosts that nothing tells apart. Runners of one kind look alike, so it is said and not refused.
fn perhaps_one(records: &[HostRecord]) -> Vec<String> {
    let mut groups: Vec<(&Host, Vec<&str>)> = Vec::new();
    for HostRecord { label, record } in records {
        let (host, label) = (&record.host, label.as_str());
        match groups.iter_mut().find(|(other, _)| is_like(other, host)) {
            Some((_, labels)) => labels.push(label),
            None => groups.push((host, vec![label])),
        }
    }
    let several = groups.iter().filter(|(_, labels)| labels.len() > 1);
    let told = several.map(|(_, labels)| {
        format!(
            "{} have the same processor, cores, memory and kernel. They may be one machine, measured more \
             than once: then the spread between hosts is not in the intervals over hosts.",
            labels.join(" and ")
        )
    });
    told.collect()
}

fn is_like(one: &Host, other: &Host) -> bool {
    let told = |host: &Host| (host.cores, host.memory_bytes);
    one.cpu_model == other.cpu_model && one.kernel == other.kernel && told(one) == told(other)
}

/// Hosts with the same processor are fewer kinds of machine than there are hosts.
fn alike(records: &[HostRecord]) -> Option<String> {
    let mut models: Vec<&str> = records
        .iter()
        .filter_map(|host| host.record.host.cpu_model.as_deref())
        .collect();
    let known = models.len();
    models.sort_unstable();
    models.dedup();
    (models.len() < known).then(|| {
        format!(
            "{known} hosts have {} between them: the spread over other processors may be larger than \
             the one that is found here.",
            if models.len() == 1 {
                "one processor model".to_owned()
            } else {
                format!("{} processor models", models.len())
            }
        )
    })
}

#[cfg(test)]
mod tests;
