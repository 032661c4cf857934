//! From evidence to a predicted gain.
//!
//! Takes calibration rows; gives a [`Model`] and how well it predicts programs that it has not
//! seen. The gain of a program can be no larger than the share of its time that the compiler can
//! instrument, so the feature is scaled by u = instrumentable share × CPU-boundness, and there
//! is no intercept: a program that waits is predicted to gain nothing.
//!
//! What a profile lets the compiler do – inline what is called often, guess where indirect branches
//! go, put what follows each other side by side – it does where straight code ends. So the feature is
//! the rate of calls and indirect branches, by its root: the first of them are worth most. Which two
//! of many features do best differs from program to program left out, and so predicts worse than this
//! one form, which is not chosen anew.

use inferno_measure::regression::{
    Fit, Prediction, Sample, rank_correlation, root_mean_square_error,
};

use super::calibration::Row;
use super::evidence::{Evidence, Input};
use super::score::FULL_GAIN;

/// Programs below which nothing is predicted.
pub const PROGRAMS_NEEDED: usize = 10;
/// Error probability of prediction intervals.
pub const ALPHA: f64 = 0.05;

/// What a program is predicted from, scaled by u.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// u × √(calls + indirect branches): the model's.
    Transfers,
    /// u itself.
    Instrumentable,
    /// u × ln(1 + input).
    Scaled(Input),
}

impl Feature {
    /// Those of a single input, which the model has to beat.
    pub const SINGLE: [Self; 6] = [
        Self::Instrumentable,
        Self::Scaled(Input::CodeLines),
        Self::Scaled(Input::MissedBranches),
        Self::Scaled(Input::IndirectBranches),
        Self::Scaled(Input::MissedIndirect),
        Self::Scaled(Input::Calls),
    ];

    /// The feature as it stands in the formula.
    pub fn name(self) -> String {
        match self {
            Self::Transfers => "u × √(calls + indirect_branches)".into(),
            Self::Instrumentable => "u".into(),
            Self::Scaled(input) => format!("u × ln(1 + {})", input.name()),
        }
    }

    /// The inputs that it is made of.
    pub fn inputs(self) -> Vec<Input> {
        let mut inputs = vec![Input::InstrumentableShare, Input::CpuBoundness];
        match self {
            Self::Transfers => inputs.extend([Input::Calls, Input::IndirectBranches]),
            Self::Instrumentable => {}
            Self::Scaled(input) => inputs.push(input),
        }
        inputs
    }

    fn value(self, value: &dyn Fn(Input) -> Option<f64>) -> Option<f64> {
        let scale = value(Input::InstrumentableShare)? * value(Input::CpuBoundness)?;
        match self {
            Self::Instrumentable => Some(scale),
            // A program that runs no instrumentable code has no rates to speak of.
            Self::Transfers | Self::Scaled(_) if scale == 0.0 => Some(0.0),
            Self::Transfers => {
                let rate = value(Input::Calls)? + value(Input::IndirectBranches)?;
                Some(scale * rate.sqrt())
            }
            Self::Scaled(input) => Some(scale * value(input)?.ln_1p()),
        }
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its feature.
    pub feature: Feature,
    /// The fit, with the residual error widened to the error of unseen programs.
    pub fit: Fit,
    /// Programs that it was fitted to.
    pub programs: usize,
}

/// How well a way to predict does on programs that it has not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Skill {
    /// What is predicted from.
    pub name: String,
    /// Predicted −ln(effect) per row, each by a fit without that row.
    pub predicted: Vec<f64>,
    /// Root of the mean squared error of −ln(effect).
    pub error: f64,
    /// Spearman's rank correlation of predicted and measured.
    pub rank_correlation: Option<f64>,
}

impl Skill {
    fn new(name: String, predicted: Vec<f64>, rows: &[Row]) -> Option<Self> {
        let measured: Vec<f64> = rows.iter().map(Row::log_gain).collect();
        Some(Self {
            name,
            error: root_mean_square_error(&predicted, &measured)?,
            rank_correlation: rank_correlation(&predicted, &measured),
            predicted,
        })
    }
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCalibrated(pub String);

impl Model {
    /// [`Feature::Transfers`], fitted to all rows.
    ///
    /// # Errors
    /// [`NotCalibrated`] for too few rows.
    pub fn calibrate(rows: &[Row]) -> Result<Self, NotCalibrated> {
        let rows = complete(rows);
        if rows.len() < PROGRAMS_NEEDED {
            return Err(NotCalibrated(format!(
                "not calibrated: {} of at least {PROGRAMS_NEEDED} calibration programs are measured",
                rows.len()
            )));
        }
        let feature = Feature::Transfers;
        let mut fit = sample(feature, &rows)
            .and_then(|sample| sample.fit())
            .ok_or_else(|| unfit("no program calls anything"))?;
        // The residuals know the rows: what a fit does to programs that it has not seen is the
        // better measure of its error.
        let unseen = unseen(&rows).ok_or_else(|| unfit("one program alone calls anything"))?;
        fit.residual_error = fit.residual_error.max(unseen.error);
        Ok(Self {
            feature,
            fit,
            programs: rows.len(),
        })
    }

    /// Predicts −ln(effect) of a calibration row.
    pub fn predict_row(&self, row: &Row) -> Option<Prediction> {
        let value = self.feature.value(&|input| row.value(input))?;
        self.fit.predict(&[value], ALPHA)
    }

    /// Predicts −ln(effect) with its interval; names the inputs that are missing.
    ///
    /// # Errors
    /// The inputs that the model needs and `evidence` does not have.
    pub fn predict(&self, evidence: &Evidence) -> Result<Prediction, Vec<Input>> {
        self.feature
            .value(&|input| evidence.value(input))
            .and_then(|value| self.fit.predict(&[value], ALPHA))
            .ok_or_else(|| self.missing(evidence))
    }

    fn missing(&self, evidence: &Evidence) -> Vec<Input> {
        let mut missing = self.feature.inputs();
        missing.retain(|input| evidence.value(*input).is_none());
        missing.sort();
        missing
    }

    /// The formula with its coefficients.
    pub fn formula(&self) -> String {
        format!(
            "score = 100 × gain ÷ {FULL_GAIN:.2}, between 0 and 100; gain = 1 − exp(−g); g = {:.4} × {}; u = instrumentable_share × cpu_boundness",
            self.fit.coefficients[0],
            self.feature.name()
        )
    }
}

/// The rows that have all inputs: one without is of no use to compare predictors on.
pub fn complete(rows: &[Row]) -> Vec<Row> {
    rows.iter()
        .filter(|row| Input::ALL.iter().all(|input| row.value(*input).is_some()))
        .cloned()
        .collect()
}

/// Every single input as a predictor, with an intercept, and scaled by u without one:
/// what the model has to beat. Best first.
pub fn singles(rows: &[Row]) -> Vec<Skill> {
    let targets: Vec<f64> = rows.iter().map(Row::log_gain).collect();
    let of = |name: String, features: Option<Vec<Vec<f64>>>| {
        let sample = Sample {
            features: features?,
            targets: targets.clone(),
        };
        Skill::new(name, sample.leave_one_out()?, rows)
    };
    let of_input = |input: Input| {
        let features = rows.iter().map(|row| Some(vec![1.0, row.value(input)?]));
        of(input.name().to_owned(), features.collect())
    };
    let of_logarithm = |input: Input| {
        let features = rows
            .iter()
            .map(|row| Some(vec![1.0, row.value(input)?.ln_1p()]));
        of(format!("ln(1 + {})", input.name()), features.collect())
    };
    let of_feature = |feature: Feature| {
        let features = rows
            .iter()
            .map(|row| Some(vec![feature.value(&|input| row.value(input))?]));
        of(feature.name(), features.collect())
    };
    let counts = Input::ALL.into_iter().skip(2);
    let mut skills: Vec<Skill> = Input::ALL
        .into_iter()
        .filter_map(of_input)
        .chain(counts.filter_map(of_logarithm))
        .chain(Feature::SINGLE.into_iter().filter_map(of_feature))
        .collect();
    skills.sort_by(|a, b| a.error.total_cmp(&b.error));
    skills
}

/// Predicting the mean of the others for everything: what any model has to beat.
pub fn constant(rows: &[Row]) -> Option<Skill> {
    let sample = Sample {
        features: vec![vec![1.0]; rows.len()],
        targets: rows.iter().map(Row::log_gain).collect(),
    };
    Skill::new(
        "the mean of the others".into(),
        sample.leave_one_out()?,
        rows,
    )
}

/// The model on each program, fitted without it.
pub fn unseen(rows: &[Row]) -> Option<Skill> {
    let predicted = sample(Feature::Transfers, rows)?.leave_one_out()?;
    Skill::new(
        format!("the model, {}", Feature::Transfers.name()),
        predicted,
        rows,
    )
}

fn sample(feature: Feature, rows: &[Row]) -> Option<Sample> {
    let features: Option<Vec<Vec<f64>>> = rows
        .iter()
        .map(|row| Some(vec![feature.value(&|input| row.value(input))?]))
        .collect();
    Some(Sample {
        features: features?,
        targets: rows.iter().map(Row::log_gain).collect(),
    })
}

fn unfit(why: &str) -> NotCalibrated {
    NotCalibrated(format!("not calibrated: {why}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use inferno_measure::record::Verdict;

    use super::super::evidence::Measured;
    use super::*;

    /// Programs whose gain is 0.04 u √(calls + indirect branches) and a little.
    pub(crate) fn rows() -> Vec<Row> {
        (0..14_u32)
            .map(|index| {
                let n = f64::from(index);
                let share = if index % 5 == 0 { 0.02 } else { 0.5 + n / 30.0 };
                let inputs = [
                    (Input::InstrumentableShare, share),
                    (Input::CpuBoundness, if index % 7 == 3 { 0.1 } else { 0.98 }),
                    (Input::CodeLines, 5.0 + (n * 37.0) % 211.0),
                    (Input::MissedBranches, (n * 5.0) % 11.0),
                    (Input::IndirectBranches, (n * 7.0) % 13.0),
                    (Input::MissedIndirect, (n * n) % 17.0),
                    (Input::Calls, (n * 3.0) % 19.0),
                ];
                let inputs: std::collections::BTreeMap<Input, f64> = inputs.into();
                let scale = share * inputs[&Input::CpuBoundness];
                let rate = inputs[&Input::Calls] + inputs[&Input::IndirectBranches];
                let gain = 0.04 * scale * rate.sqrt() + 0.002 * ((n * 1.7).sin());
                Row {
                    name: format!("program-{index}"),
                    kind: "made up".into(),
                    spec: None,
                    binary: None,
                    date: "2026-01-01".into(),
                    cpu_model: "a processor".into(),
                    rustc: "rustc 1.95.0".into(),
                    scenario: "cold/holdout".into(),
                    verdict: Verdict::Faster,
                    effect: (-gain).exp(),
                    ci_low: 0.5,
                    ci_high: 1.5,
                    pairs: 100,
                    restarts: 20,
                    inputs,
                    details: std::collections::BTreeMap::new(),
                }
            })
            .collect()
    }

    pub(crate) fn evidence(row: &Row) -> Evidence {
        let measured = |(input, value): (&Input, &f64)| (*input, Measured::new(*value, "measured"));
        Evidence(row.inputs.iter().map(measured).collect())
    }

    #[test]
    fn the_coefficient_that_makes_the_gain_is_found() {
        let rows = rows();
        let model = Model::calibrate(&rows).expect("enough rows");
        assert!((model.fit.coefficients[0] - 0.04).abs() < 0.002);
        let formula = model.formula();
        assert!(
            formula.contains("× u × √(calls + indirect_branches);"),
            "{formula}"
        );
        let unseen = unseen(&rows).expect("a skill");
        assert!(unseen.error < singles(&rows)[0].error);
        assert!(unseen.error < constant(&rows).expect("a skill").error);
        assert!(unseen.rank_correlation > Some(0.8));
    }

    #[test]
    fn a_program_that_waits_is_predicted_to_gain_nothing() {
        let mut waiting = rows()[9].clone();
        waiting.inputs.insert(Input::CpuBoundness, 0.0);
        let model = Model::calibrate(&rows()).expect("enough rows");
        let prediction = model.predict(&evidence(&waiting)).expect("all inputs");
        assert!(prediction.value.abs() < 1e-12);
        assert!(prediction.low < 0.0 && prediction.high > 0.0);
    }

    #[test]
    fn few_or_incomplete_rows_calibrate_nothing() {
        let rows = rows();
        let error = Model::calibrate(&rows[..PROGRAMS_NEEDED - 1]).expect_err("too few");
        assert!(error.0.contains("9 of at least 10"), "{}", error.0);
        let mut incomplete = rows;
        for row in &mut incomplete {
            row.inputs.remove(&Input::Calls);
        }
        assert!(Model::calibrate(&incomplete).is_err());
        assert!(Model::calibrate(&[]).is_err());
    }

    #[test]
    fn missing_inputs_are_named_and_not_replaced() {
        let model = Model::calibrate(&rows()).expect("enough rows");
        let mut incomplete = evidence(&rows()[4]);
        incomplete
            .0
            .insert(Input::Calls, Measured::not("no valgrind"));
        incomplete
            .0
            .insert(Input::CodeLines, Measured::not("no valgrind"));
        // The model does not use code lines.
        assert_eq!(model.predict(&incomplete), Err(vec![Input::Calls]));
    }
}
