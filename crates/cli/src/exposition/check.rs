//! What must hold between the samples of one family.

use std::collections::BTreeMap;

use super::{Family, Kind, Sample};

/// Labels of one histogram, in a fixed order and without its bounds.
type Group = Vec<(String, String)>;

/// Whether the samples of `family` make sense together.
pub(super) fn family(family: &Family) -> Result<(), String> {
    no_sample_twice(family)?;
    match family.kind {
        Kind::Counter => family.samples.iter().try_for_each(not_negative),
        Kind::Histogram => histograms(family),
        Kind::Gauge | Kind::Summary | Kind::Untyped => Ok(()),
    }
}

fn no_sample_twice(family: &Family) -> Result<(), String> {
    let mut keys: Vec<_> = family
        .samples
        .iter()
        .map(|sample| (&sample.name, sorted(&sample.labels)))
        .collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(format!("{} is there twice with equal labels", pair[0].0)),
    }
}

fn not_negative(sample: &Sample) -> Result<(), String> {
    if sample.value < 0.0 || sample.value.is_nan() {
        return Err(format!("the counter {} is negative", sample.name));
    }
    Ok(())
}

/// The parts of one histogram.
#[derive(Debug, Default)]
struct Parts {
    /// Upper bounds and counts, in the order of the text.
    buckets: Vec<(f64, f64)>,
    has_sum: bool,
    count: Option<f64>,
}

fn histograms(family: &Family) -> Result<(), String> {
    let name = &family.name;
    let mut groups: BTreeMap<Group, Parts> = BTreeMap::new();
    for sample in &family.samples {
        let parts = groups.entry(group(sample)).or_default();
        match sample.name.strip_prefix(name.as_str()) {
            Some("_bucket") => parts.buckets.push((bound(sample)?, sample.value)),
            Some("_sum") => parts.has_sum = true,
            _ => parts.count = Some(sample.value),
        }
    }
    groups
        .values()
        .try_for_each(|parts| histogram(parts).map_err(|problem| format!("{name}: {problem}")))
}

fn histogram(parts: &Parts) -> Result<(), String> {
    let mut buckets = parts.buckets.clone();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.windows(2).any(|pair| pair[1].1 < pair[0].1) {
        return Err("a bucket counts fewer than a smaller one".to_owned());
    }
    let Some((_, all)) = buckets.last().filter(|(bound, _)| *bound == f64::INFINITY) else {
        return Err("the bucket +Inf is missing".to_owned());
    };
    if !parts.has_sum {
        return Err("the sum is missing".to_owned());
    }
    if parts.count.is_none_or(|count| (count - all).abs() > 0.0) {
        return Err("the count is not that of the bucket +Inf".to_owned());
    }
    Ok(())
}

fn bound(sample: &Sample) -> Result<f64, String> {
    let text = sample.label("le").unwrap_or_default();
    let bound = text.parse().ok().filter(|bound: &f64| !bound.is_nan());
    bound.ok_or_else(|| format!("{text:?} is no bound of {}", sample.name))
}

fn group(sample: &Sample) -> Group {
    let mut labels = sorted(&sample.labels);
    labels.retain(|(name, _)| name != "le");
    labels
}

fn sorted(labels: &[(String, String)]) -> Group {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    labels
}
