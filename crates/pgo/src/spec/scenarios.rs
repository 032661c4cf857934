//! From the spec's scenarios to what the sampler takes.

use std::collections::BTreeMap;

use inferno_measure::scenario::{self, Expectation, Judging, Kind, Metric, PageCache, Pin, Role};

use crate::digest;

use super::{MetricSpec, ScenarioKind, ScenarioSpec, Spec};

/// Warm-up requests per restart, where the spec does not say.
const WARMUP_DEFAULT: u32 = 3;

impl Spec {
    /// The scenarios for the sampler; `env` goes to every process, below the scenario's own.
    pub fn scenarios(&self, env: &BTreeMap<String, String>) -> Vec<scenario::Scenario> {
        self.scenario_specs()
            .iter()
            .map(|declared| self.scenario(declared, env))
            .collect()
    }

    fn scenario(
        &self,
        declared: &ScenarioSpec,
        env: &BTreeMap<String, String>,
    ) -> scenario::Scenario {
        let mut environment = env.clone();
        environment.extend(declared.env.clone());
        scenario::Scenario {
            name: declared.name.clone(),
            group: declared
                .group
                .clone()
                .unwrap_or_else(|| declared.name.clone()),
            kind: kind(declared),
            args: declared.args.clone(),
            env: environment,
            stdin: declared.stdin.as_ref().map(|file| self.resolve(file)),
            directory: self.directory.clone(),
            inputs: declared
                .inputs
                .iter()
                .map(|file| self.resolve(file))
                .collect(),
            timeout: declared.timeout,
            exit: declared.exit,
            prepare: declared.prepare.clone(),
            server: declared.server(),
            class: declared.class.clone(),
            role: if declared.guard {
                Role::Guard
            } else {
                Role::Primary
            },
            expect: declared.expect.as_ref().map(|expect| Expectation {
                verdict: expect.verdict,
                gain: expect.gain,
            }),
            metrics: self.metrics_of(&declared.name),
        }
    }

    /// SHA-256 by scenario name of what is run there, as the spec declares it: the same on any
    /// machine. What the files hold is not in it.
    pub fn workloads(&self) -> BTreeMap<String, String> {
        self.scenario_specs()
            .iter()
            .map(|declared| (declared.name.clone(), workload(declared)))
            .collect()
    }

    fn metrics_of(&self, scenario: &str) -> Vec<Metric> {
        let applies = |metric: &MetricSpec| {
            metric
                .scenarios
                .as_ref()
                .is_none_or(|names| names.iter().any(|name| name == scenario))
        };
        let metrics = self
            .document
            .metric
            .iter()
            .filter(|(_, metric)| applies(metric));
        metrics
            .map(|(name, metric)| Metric {
                name: name.clone(),
                regex: metric.regex.clone(),
                unit: metric.unit.clone(),
                better: metric.better,
            })
            .collect()
    }

    /// The declared trends for the judge.
    pub fn declared_trends(&self) -> Vec<scenario::Trend> {
        let trends = self.trends().iter();
        trends
            .map(|trend| scenario::Trend {
                metric: trend.metric.clone(),
                over: trend.over.clone(),
                expect: trend.expect,
            })
            .collect()
    }

    /// Thresholds of the judgement; the rest is the sampler's default.
    pub fn judging(&self) -> Judging {
        let judge = self.judge();
        Judging {
            threshold: judge.threshold,
            restarts: judge.restarts,
            min_pairs: judge.min_pairs,
            ..Judging::default()
        }
    }
}

fn workload(declared: &ScenarioSpec) -> String {
    let mut run = serde_json::json!({
        "args": declared.args,
        "env": declared.env,
        "stdin": declared.stdin,
        "request": declared.request,
        "warmup": declared.warmup,
        "exit": declared.exit,
    });
    // Left out where there are none, as in records from before there were any.
    if !declared.prepare.is_empty() {
        run["prepare"] = serde_json::json!(declared.prepare);
    }
    if let Some(server) = declared.server() {
        run["server"] = serde_json::json!(server);
    }
    digest::text(&run.to_string())
}

fn kind(declared: &ScenarioSpec) -> Kind {
    let pin = if declared.pin {
        Pin::OneCore
    } else {
        Pin::None
    };
    match declared.kind {
        ScenarioKind::Cold => Kind::Cold {
            cache: declared.cache.unwrap_or(PageCache::Warm),
            pin,
        },
        ScenarioKind::Warm => Kind::Warm {
            request: declared.request.clone().unwrap_or_default(),
            pin,
            warmup: declared.warmup.unwrap_or(WARMUP_DEFAULT),
        },
    }
}
