//! A name, a help text and a unit become a handle that a value is put into.
//!
//! Each recorder has its own handles, and none is global: two servers in one process, or two tests,
//! do not count for each other.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::PrometheusRecorder;

static METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Makes handles of one recorder.
#[derive(Debug)]
pub(super) struct Registry<'a>(&'a PrometheusRecorder);

impl<'a> Registry<'a> {
    pub(super) fn new(recorder: &'a PrometheusRecorder) -> Self {
        Self(recorder)
    }

    /// A count that only grows.
    pub(super) fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.labelled_counter(name, help, &[])
    }

    /// The same, one of several with other labels.
    pub(super) fn labelled_counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        let key_name = KeyName::from_const_str(name);
        self.0
            .describe_counter(key_name, Some(Unit::Count), help.into());
        let labels: Vec<Label> = labels
            .iter()
            .map(|&(key, value)| Label::new(key, value))
            .collect();
        self.0
            .register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    /// A value that goes up and down.
    pub(super) fn gauge(&self, name: &'static str, help: &'static str, unit: Unit) -> Gauge {
        let key_name = KeyName::from_const_str(name);
        self.0.describe_gauge(key_name, Some(unit), help.into());
        self.0.register_gauge(&Key::from_name(name), &METADATA)
    }

    /// How often values of each size came.
    pub(super) fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        unit: Unit,
    ) -> Histogram {
        let key_name = KeyName::from_const_str(name);
        self.0.describe_histogram(key_name, Some(unit), help.into());
        self.0.register_histogram(&Key::from_name(name), &METADATA)
    }
}
