//! What a row rests on: the values of both sides, on a scale on which less is better.

use super::remedy::Extent;
use super::{Drift, Pair, Rule};
use crate::comparison::DRIFT_DEFAULT;
use crate::performance::figures::{
    Definition, Scale, Statistic, Unit, definitions, proportion, units,
};
use crate::performance::result::{PerformanceResult, Suite};
use crate::scenario::{Better, Judging};
use crate::stats;
use crate::stats::proportion::Proportion;

impl Evidence {
    /// Whether there is enough of it for an answer other than inconclusive, whatever the values are.
    pub(super) fn can_decide(&self) -> bool {
        let least = Judging::LEAST_RESTARTS as usize;
        match &self.measured {
            Measured::Levels { log_costs, .. } => {
                log_costs.iter().all(|costs| costs.len() >= least)
            }
            Measured::Shares(counts) => counts.iter().all(|proportion| proportion.whole > 0),
        }
    }
}

/// The values of one figure on both sides, the baseline's first.
pub(super) struct Evidence {
    pub(super) suite: Suite,
    pub(super) backend: String,
    pub(super) figure: String,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    /// The figures as they are told.
    pub(super) values: [Option<f64>; 2],
    pub(super) extents: [Extent; 2],
    pub(super) measured: Measured,
}

/// What the interval is made from.
pub(super) enum Measured {
    /// ln of a cost per process.
    Levels {
        log_costs: [Vec<f64>; 2],
        drift: Drift,
        /// By how much the interval is widened, as a share.
        widening: f64,
    },
    /// Counted requests.
    Shares([Proportion; 2]),
}

/// The figures of a pair of results that can be compared; `notes` says why others cannot.
pub(super) fn of(
    older: &PerformanceResult,
    newer: &PerformanceResult,
    rule: Rule,
    notes: &mut Vec<String>,
) -> Vec<Evidence> {
    let definitions = definitions(older.benchmark_type, &older.circumstances);
    definitions
        .iter()
        .filter_map(|definition| {
            let better = definition.better?;
            let value = |result: &PerformanceResult| result.figure(&definition.name)?.value;
            let values = [value(older), value(newer)];
            if values.iter().any(Option::is_none) {
                return None;
            }
            match measured(definition, better, (older, newer), rule) {
                Ok(measured) => Some(Evidence {
                    suite: older.benchmark_type,
                    backend: older.circumstances.model.backend.clone(),
                    figure: definition.name.clone(),
                    unit: definition.unit,
                    better,
                    values,
                    extents: [older, newer].map(Extent::of),
                    measured,
                }),
                Err(problem) => {
                    let suite = older.benchmark_type;
                    notes.push(format!("{suite}, {}: {problem}.", definition.name));
                    None
                }
            }
        })
        .collect()
}

fn measured(
    definition: &Definition<'_>,
    better: Better,
    (older, newer): Pair<'_>,
    rule: Rule,
) -> Result<Measured, String> {
    if definition.statistic == Statistic::Share {
        return shares(definition, (older, newer));
    }
    let sides = [levels(definition, older)?, levels(definition, newer)?];
    let drift = drift(definition.scale, (older, newer), &sides, rule);
    let widening = match drift {
        Drift::Irrelevant | Drift::InTurns => 0.0,
        Drift::Cancelled => rule.drift.unwrap_or(0.0),
        Drift::Allowed => rule.drift.unwrap_or(DRIFT_DEFAULT),
    };
    let sign = match better {
        Better::Lower => 1.0,
        Better::Higher => -1.0,
    };
    let log_costs = sides.map(|side| side.log_costs(sign, drift == Drift::Cancelled));
    Ok(Measured::Levels {
        log_costs,
        drift,
        widening,
    })
}

/// What cancels the machine's drift between the two sides.
fn drift(scale: Scale, (older, newer): Pair<'_>, sides: &[Levels; 2], rule: Rule) -> Drift {
    if scale == Scale::Size {
        return Drift::Irrelevant;
    }
    let settings = [older, newer].map(|result| &result.circumstances.settings);
    let [of_older, of_newer] = settings.map(|settings| settings.turns.as_ref());
    let in_turns = of_older.is_some() && of_older == of_newer;
    if in_turns && sides[0].numbers == sides[1].numbers {
        return Drift::InTurns;
    }
    // What threads pay for meeting each other is not in the fixed computation.
    let meets_nobody = settings.iter().all(|settings| settings.threads == 1);
    if rule.uses_reference && meets_nobody && sides.iter().all(Levels::has_references) {
        Drift::Cancelled
    } else {
        Drift::Allowed
    }
}

fn shares(definition: &Definition<'_>, (older, newer): Pair<'_>) -> Result<Measured, String> {
    let counted = |result: &PerformanceResult| {
        let units = units(&result.processes, definition.wanted);
        let values: Vec<f64> = units
            .iter()
            .flat_map(|unit| (definition.values)(unit))
            .collect();
        proportion(&values)
    };
    let counts = [counted(older), counted(newer)];
    let is_error_free = definition.better == Some(Better::Lower)
        && counts.iter().all(|proportion| proportion.part == 0);
    if is_error_free {
        return Err("no request failed on either side".to_owned());
    }
    Ok(Measured::Shares(counts))
}

/// A level per process of one side.
struct Levels {
    values: Vec<f64>,
    /// The numbers of the processes.
    numbers: Vec<u32>,
    /// The fixed computation's time of each process; empty where one has none.
    references: Vec<f64>,
}

impl Levels {
    fn has_references(&self) -> bool {
        self.references.len() == self.values.len()
    }

    /// ln of what each unit costs, relative to the fixed computation or not.
    fn log_costs(&self, sign: f64, is_relative: bool) -> Vec<f64> {
        let costs = self.values.iter().map(|value| sign * value.ln());
        if is_relative {
            let references = self.references.iter().map(|reference| reference.ln());
            costs
                .zip(references)
                .map(|(cost, reference)| cost - reference)
                .collect()
        } else {
            costs.collect()
        }
    }
}

/// The levels of a figure in a result.
///
/// # Errors
/// Why there are none.
fn levels(definition: &Definition<'_>, result: &PerformanceResult) -> Result<Levels, String> {
    let units = units(&result.processes, definition.wanted);
    let mut levels = Levels {
        values: Vec::new(),
        numbers: Vec::new(),
        references: Vec::new(),
    };
    for unit in &units {
        let values = (definition.values)(unit);
        if values.is_empty() {
            continue;
        }
        levels.values.push(level(definition.statistic, &values)?);
        levels.numbers.push(unit.process.number);
        levels.references.extend(reference(unit));
    }
    if levels
        .values
        .iter()
        .any(|value| *value <= 0.0 || !value.is_finite())
    {
        return Err("not compared: a ratio takes figures above zero".to_owned());
    }
    Ok(levels)
}

/// What the figure would be, were these its only values.
fn level(statistic: Statistic, values: &[f64]) -> Result<f64, String> {
    let mean = || stats::mean(values).ok_or_else(|| "not compared: no values".to_owned());
    match statistic {
        Statistic::Mean | Statistic::Share => mean(),
        Statistic::Rate => Ok(mean()?.recip()),
        Statistic::Percentile(share) => {
            let least = least_count(share);
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            stats::nearest_rank(&sorted, share)
                .filter(|_| sorted.len() >= least)
                .ok_or_else(|| {
                    format!(
                        "not compared: it takes {least} requests in each process, there are {}",
                        sorted.len()
                    )
                })
        }
    }
}

/// Fewest values of which one lies beyond a percentile.
fn least_count(share: f64) -> usize {
    // A hair less, so that rounding does not ask for one more.
    ((1.0 - share).recip() - 1e-6).ceil() as usize
}

fn reference(unit: &Unit<'_>) -> Option<f64> {
    let times: Vec<f64> = unit
        .process
        .references_ns
        .iter()
        .map(|nanoseconds| *nanoseconds as f64)
        .collect();
    stats::median(&times).filter(|time| *time > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_takes_one_value_beyond_it() {
        assert_eq!([0.5, 0.9, 0.99].map(least_count), [2, 10, 100]);
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(level(Statistic::Percentile(0.9), &values), Ok(9.0));
        let problem = level(Statistic::Percentile(0.9), &values[1..]).unwrap_err();
        assert!(problem.contains("10 requests"), "{problem}");
    }
}
