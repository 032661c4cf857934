//! Metrics with a fixed place in the report, found by their name in the spec.
//!
//! A spec is free to name its metrics; the names below are recognised, with any ending after `_`
//! (a unit, `mean`, …). All others are printed under their own name.

use inferno_measure::record::{MetricResult, ScenarioResult};

/// A metric with a fixed place in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// What the report calls it.
    pub(crate) label: &'static str,
    /// Beginnings of the names by which specs declare it.
    stems: &'static [&'static str],
}

impl Known {
    fn matches(self, name: &str) -> bool {
        self.stems.iter().any(|stem| {
            name.strip_prefix(stem)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    }

    /// Whether the spec of `scenario` asks for the metric, or it was measured there.
    pub(crate) fn is_declared(self, scenario: &ScenarioResult) -> bool {
        let declared = scenario.scenario.metric_definitions.iter();
        declared
            .map(|definition| &definition.name)
            .chain(scenario.metrics.keys())
            .any(|name| self.matches(name))
    }

    /// The metric in `scenario`; `None` when it was not measured there.
    pub(crate) fn of(self, scenario: &ScenarioResult) -> Option<&MetricResult> {
        scenario
            .metrics
            .iter()
            .find(|(name, _)| self.matches(name))
            .map(|(_, metric)| metric)
    }
}

/// The parts of a cold start, in the order in which they happen.
pub(crate) const COLD_START: [Known; 4] = [
    Known {
        label: "backend initialization",
        stems: &["backend_init", "backend_initialization"],
    },
    Known {
        label: "engine creation",
        stems: &["engine_creation", "engine_create"],
    },
    Known {
        label: "model loading",
        stems: &["model_load", "model_loading"],
    },
    Known {
        label: "total cold start",
        stems: &["total_cold_start", "cold_start"],
    },
];

/// Share of a request's time that is inference, queueing apart.
pub(crate) const INFERENCE_SHARE: Known = Known {
    label: "inference share",
    stems: &[
        "inference_percent",
        "inference_percentage",
        "inference_pct",
        "inference_share",
    ],
};

/// What a request spends its time on, and what the engine delivers.
pub(crate) const CONCURRENCY: [Known; 6] = [
    Known {
        label: "lock (queue) wait",
        stems: &["lock_wait", "queue_wait"],
    },
    Known {
        label: "pure inference",
        stems: &[
            "pure_inference",
            "inference_time",
            "inference_mean",
            "inference_ms",
            "inference_ns",
        ],
    },
    INFERENCE_SHARE,
    Known {
        label: "parallelism efficiency",
        stems: &["parallelism", "parallel_efficiency"],
    },
    Known {
        label: "requests/s",
        stems: &["requests_per_s", "requests_per_sec", "requests_per_second"],
    },
    Known {
        label: "tokens/s",
        stems: &["tokens_per_s", "tokens_per_sec", "tokens_per_second"],
    },
];

/// The known metric that goes by `name`.
pub(crate) fn known(name: &str) -> Option<Known> {
    COLD_START
        .into_iter()
        .chain(CONCURRENCY)
        .find(|known| known.matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_specs_are_recognised() {
        for (name, label) in [
            ("backend_init_ms", Some("backend initialization")),
            ("model_load", Some("model loading")),
            ("cold_start_ms", Some("total cold start")),
            ("queue_wait_mean_ms", Some("lock (queue) wait")),
            ("inference_mean_ms", Some("pure inference")),
            ("inference_share", Some("inference share")),
            ("inference_percent", Some("inference share")),
            ("tokens_per_s", Some("tokens/s")),
            ("parallelism_percent", Some("parallelism efficiency")),
            ("tokens_total", None),
            ("cold_starter", None),
        ] {
            assert_eq!(known(name).map(|known| known.label), label, "{name}");
        }
    }
}
