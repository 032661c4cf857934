//! The verdict over hosts: the rule of a single host, applied to the pooled interval.

use super::{HostRow, HostScenario, PooledRow};
use crate::record::{Estimate, Verdict};
use crate::stats::random_effects::{self, Study};
use crate::stats::{Interval, t_quantile};
use crate::verdict::{ALPHA, answer, percent, ratios};

/// Above this number of hosts, more of them is no advice.
const MOST_HOSTS: usize = 100;

/// Adds the pooled row to each scenario that two hosts or more have measured. Intervals that decide
/// are simultaneous over these scenarios.
pub(super) fn pool(scenarios: &mut [HostScenario], threshold: f64) {
    let studies: Vec<Vec<Study>> = scenarios
        .iter()
        .map(|scenario| scenario.rows.iter().filter_map(study).collect())
        .collect();
    let pooled = studies.iter().filter(|studies| studies.len() > 1).count();
    let alpha = ALPHA / pooled.max(1) as f64;
    for (scenario, studies) in scenarios.iter_mut().zip(&studies) {
        scenario.pooled = row(studies, alpha, threshold);
    }
}

/// What a host found, as ln ratio. The standard error is the one that its interval implies: half its
/// width ÷ t₀.₉₇₅. `None` where the host cannot be used.
fn study(row: &HostRow) -> Option<Study> {
    if row.left_out.is_some() {
        return None;
    }
    let half_width = (row.ci_high?.ln() - row.ci_low?.ln()) / 2.0;
    Some(Study {
        estimate: row.effect?.ln(),
        standard_error: half_width / t_quantile(1.0 - ALPHA / 2.0, row.units as usize)?,
    })
}

fn row(studies: &[Study], alpha: f64, threshold: f64) -> Option<PooledRow> {
    let shown = random_effects::pool(studies, ALPHA)?;
    let deciding = random_effects::pool(studies, alpha)?.mean;
    let delta = threshold.ln_1p();
    let verdict = answer(&deciding, delta);
    let inconclusive = verdict == Verdict::Inconclusive;
    Some(PooledRow {
        hosts: u32::try_from(studies.len()).unwrap_or(u32::MAX),
        verdict,
        reason: reason(verdict, &deciding, studies.len(), threshold),
        remedy: inconclusive.then(|| remedy(&deciding, studies.len(), alpha, delta)),
        effect: estimate(shown.mean),
        simultaneous_low: deciding.low.exp(),
        simultaneous_high: deciding.high.exp(),
        spread: shown.spread,
        spread_share: shown.spread_share,
        new_host: shown.new_place.map(estimate),
    })
}

fn estimate(interval: Interval) -> Estimate {
    Estimate {
        effect: interval.center.exp(),
        ci_low: interval.low.exp(),
        ci_high: interval.high.exp(),
    }
}

fn reason(verdict: Verdict, deciding: &Interval, hosts: usize, threshold: f64) -> String {
    let interval = format!(
        "the simultaneous interval over {hosts} hosts ({})",
        ratios(deciding)
    );
    let threshold = percent(threshold);
    match verdict {
        Verdict::NoDifference => format!("{interval} lies inside ±{threshold}"),
        Verdict::Faster | Verdict::Slower => {
            format!("{interval} excludes 1 and the effect is at least {threshold}")
        }
        Verdict::Inconclusive if deciding.excludes(0.0) => {
            format!("{interval} excludes 1, but the effect is not certainly below {threshold}")
        }
        Verdict::Inconclusive => {
            format!("{interval} includes 1 and reaches beyond ±{threshold}")
        }
    }
}

/// The number of hosts at which the interval would be narrow enough for an answer, if the estimate
/// and the spread stay. It shrinks with the root of their number and with t, which is large for few.
fn remedy(deciding: &Interval, hosts: usize, alpha: f64, delta: f64) -> String {
    let size = deciding.center.abs();
    let needed = if size >= delta { size } else { delta - size };
    let sure = |count| t_quantile(1.0 - alpha / 2.0, count).unwrap_or(f64::INFINITY);
    let error_of_one = deciding.half_width() / sure(hosts) * (hosts as f64).sqrt();
    let narrow = |count: &usize| error_of_one * sure(*count) / (*count as f64).sqrt() < needed;
    (hosts + 1..=MOST_HOSTS).find(narrow).map_or_else(
        || {
            "no number of hosts that is within reach: the effect lies too close to the threshold, or \
             it depends on the host"
                .to_owned()
        },
        |wanted| format!("about {wanted} hosts instead of {hosts}, if estimate and spread stay"),
    )
}
