//! Linear least squares with prediction intervals, for samples of a dozen rows.
//!
//! Takes rows of features and a target; gives coefficients, predictions with their interval, and
//! errors of leave-one-out. Knows nothing of what the numbers mean. There is no implicit intercept:
//! who wants one adds a feature that is 1.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Below this share of its column's size, a pivot counts as zero: the features are collinear.
const COLLINEAR: f64 = 1e-10;

/// Rows of features with their target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// One row of features per observation, all of the same length.
    pub features: Vec<Vec<f64>>,
    /// One target per row.
    pub targets: Vec<f64>,
}

/// A fitted linear function.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One coefficient per feature.
    pub coefficients: Vec<f64>,
    /// Residual standard error √(RSS ÷ (n − p)).
    pub residual_error: f64,
    /// n − p.
    pub degrees_of_freedom: usize,
    /// (XᵀX)⁻¹.
    inverse: Vec<Vec<f64>>,
}

/// A predicted value with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The predicted target.
    pub value: f64,
    /// Lower bound of the prediction interval.
    pub low: f64,
    /// Upper bound of the prediction interval.
    pub high: f64,
}

impl Sample {
    /// The sample without the row `index`.
    #[must_use]
    pub fn without(&self, index: usize) -> Self {
        let mut rest = self.clone();
        rest.features.remove(index);
        rest.targets.remove(index);
        rest
    }

    /// Ordinary least squares by the normal equations. `None` where the features are collinear or
    /// there are no more rows than features.
    pub fn fit(&self) -> Option<Fit> {
        let count = self.features.first()?.len();
        let degrees_of_freedom = self.targets.len().checked_sub(count).filter(|&n| n > 0)?;
        let gram: Vec<Vec<f64>> = (0..count)
            .map(|row| {
                (0..count)
                    .map(|column| self.features.iter().map(|x| x[row] * x[column]).sum())
                    .collect()
            })
            .collect();
        let moments: Vec<f64> = (0..count)
            .map(|row| {
                let terms = self.features.iter().zip(&self.targets);
                terms.map(|(x, y)| x[row] * y).sum()
            })
            .collect();
        let inverse = inverted(gram)?;
        let coefficients: Vec<f64> = inverse.iter().map(|row| dot(row, &moments)).collect();
        let squares: f64 = self
            .features
            .iter()
            .zip(&self.targets)
            .map(|(x, y)| (y - dot(&coefficients, x)).powi(2))
            .sum();
        Some(Fit {
            coefficients,
            residual_error: (squares / degrees_of_freedom as f64).sqrt(),
            degrees_of_freedom,
            inverse,
        })
    }

    /// For each row, what a fit to all the others predicts for it. `None` where one cannot be
    /// fitted.
    pub fn leave_one_out(&self) -> Option<Vec<f64>> {
        (0..self.targets.len())
            .map(|index| Some(self.without(index).fit()?.value(&self.features[index])))
            .collect()
    }
}

impl Fit {
    /// The predicted target.
    pub fn value(&self, features: &[f64]) -> f64 {
        dot(&self.coefficients, features)
    }

    /// xᵀ(XᵀX)⁻¹x: how far a point lies from the rows that were fitted.
    pub fn leverage(&self, features: &[f64]) -> f64 {
        let along = self.inverse.iter().map(|row| dot(row, features));
        along.zip(features).map(|(a, b)| a * b).sum()
    }

    /// Prediction interval of one new observation with error probability `alpha`:
    /// ŷ ± t₁₋α⁄₂,ₙ₋ₚ · s · √(1 + leverage).
    ///
    /// Montgomery, Peck, Vining: *Introduction to Linear Regression Analysis*, section 3.5.
    pub fn predict(&self, features: &[f64], alpha: f64) -> Option<Prediction> {
        let distribution = StudentsT::new(0.0, 1.0, self.degrees_of_freedom as f64).ok()?;
        let quantile = distribution.inverse_cdf(1.0 - alpha / 2.0);
        let value = self.value(features);
        let half_width = quantile * self.residual_error * (1.0 + self.leverage(features)).sqrt();
        Some(Prediction {
            value,
            low: value - half_width,
            high: value + half_width,
        })
    }
}

/// Root of the mean squared difference. `None` without values.
pub fn root_mean_square_error(predicted: &[f64], observed: &[f64]) -> Option<f64> {
    let squares: f64 = predicted
        .iter()
        .zip(observed)
        .map(|(p, o)| (p - o).powi(2))
        .sum();
    (!observed.is_empty()).then(|| (squares / observed.len() as f64).sqrt())
}

/// Spearman's rank correlation, ties by mean ranks. `None` below three values, or where one side
/// is constant.
///
/// Spearman, *The Proof and Measurement of Association between Two Things*, 1904.
pub fn rank_correlation(left: &[f64], right: &[f64]) -> Option<f64> {
    if left.len() < 3 || left.len() != right.len() {
        return None;
    }
    let (left, right) = (ranks(left), ranks(right));
    let mean = f64::midpoint(left.len() as f64, 1.0);
    let moment = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let spread = (moment(&left, &left) * moment(&right, &right)).sqrt();
    (spread > 0.0).then(|| moment(&left, &right) / spread)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: f64| {
        let below = values.iter().filter(|other| **other < value).count();
        let equal = values
            .iter()
            .filter(|other| other.total_cmp(&value).is_eq())
            .count();
        below as f64 + f64::midpoint(equal as f64, 1.0)
    };
    values.iter().map(|value| rank(*value)).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The inverse by Gauss–Jordan elimination with row pivots; `None` for a singular matrix.
fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let count = matrix.len();
    let sizes: Vec<f64> = (0..count).map(|index| matrix[index][index].abs()).collect();
    let mut inverse: Vec<Vec<f64>> = (0..count)
        .map(|row| {
            (0..count)
                .map(|column| f64::from(u8::from(row == column)))
                .collect()
        })
        .collect();
    for column in 0..count {
        let pivot = (column..count).max_by(|a, b| {
            matrix[*a][column]
                .abs()
                .total_cmp(&matrix[*b][column].abs())
        })?;
        matrix.swap(column, pivot);
        inverse.swap(column, pivot);
        let size = matrix[column][column];
        if size.abs() <= COLLINEAR * sizes[column] || !size.is_finite() {
            return None;
        }
        for cell in matrix[column].iter_mut().chain(&mut inverse[column]) {
            *cell /= size;
        }
        let (pivot_row, pivot_inverse) = (matrix[column].clone(), inverse[column].clone());
        for row in (0..count).filter(|row| *row != column) {
            let factor = matrix[row][column];
            subtract(&mut matrix[row], &pivot_row, factor);
            subtract(&mut inverse[row], &pivot_inverse, factor);
        }
    }
    Some(inverse)
}

fn subtract(row: &mut [f64], other: &[f64], factor: f64) {
    for (cell, value) in row.iter_mut().zip(other) {
        *cell -= factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() < tolerance, "{left} is not {right}");
    }

    /// Five points, with an intercept.
    fn line() -> Sample {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        Sample {
            features: x.iter().map(|x| vec![1.0, *x]).collect(),
            targets: vec![2.0, 4.0, 5.0, 4.0, 5.0],
        }
    }

    /// Worked by hand: Sxx = 10, Sxy = 6, so the slope is 0.6, the intercept 2.2; RSS = 2.4, so
    /// s = √(2.4 ÷ 3) = 0.894427; at x = 6 the leverage is 1/5 + 9/10 = 1.1 and
    /// t₀.₉₇₅,₃ = 3.182446, so the half width is 3.182446 · 0.894427 · √2.1 = 4.124922.
    #[test]
    fn a_line_fitted_by_hand() {
        let fit = line().fit().expect("a line");
        close(fit.coefficients[0], 2.2, 1e-9);
        close(fit.coefficients[1], 0.6, 1e-9);
        close(fit.residual_error, 0.894_427, 1e-6);
        assert_eq!(fit.degrees_of_freedom, 3);
        close(fit.leverage(&[1.0, 6.0]), 1.1, 1e-9);
        let prediction = fit.predict(&[1.0, 6.0], 0.05).expect("an interval");
        close(prediction.value, 5.8, 1e-9);
        close(prediction.high - prediction.value, 4.124_922, 1e-5);
        close(prediction.value - prediction.low, 4.124_922, 1e-5);
    }

    /// Leave-one-out by refitting is residual ÷ (1 − leverage), the PRESS residual (Allen 1974).
    #[test]
    fn leaving_one_out_equals_the_press_residuals() {
        let sample = line();
        let fit = sample.fit().expect("a line");
        let left_out = sample.leave_one_out().expect("five fits");
        for ((x, y), predicted) in sample.features.iter().zip(&sample.targets).zip(left_out) {
            let press = (y - fit.value(x)) / (1.0 - fit.leverage(x));
            close(y - predicted, press, 1e-9);
        }
    }

    #[test]
    fn collinear_features_and_too_few_rows_have_no_fit() {
        let twice = |x: &f64| vec![*x, 2.0 * x];
        let collinear = Sample {
            features: [1.0, 2.0, 3.0, 4.0].iter().map(twice).collect(),
            targets: vec![1.0, 2.0, 3.0, 4.0],
        };
        assert_eq!(collinear.fit(), None);
        let few = Sample {
            features: vec![vec![1.0, 2.0], vec![1.0, 3.0]],
            targets: vec![1.0, 2.0],
        };
        assert_eq!(few.fit(), None);
        assert_eq!(Sample::default().fit(), None);
    }

    #[test]
    fn three_features_are_recovered_from_exact_data() {
        let features: Vec<Vec<f64>> = (0..9)
            .map(|n| vec![1.0, f64::from(n), f64::from(n * n % 7)])
            .collect();
        let targets = features
            .iter()
            .map(|x| 0.5 - 2.0 * x[1] + 3.0 * x[2])
            .collect();
        let fit = Sample { features, targets }.fit().expect("a plane");
        for (found, truth) in fit.coefficients.iter().zip([0.5, -2.0, 3.0]) {
            close(*found, truth, 1e-9);
        }
    }

    #[test]
    fn rank_correlation_sees_order_alone() {
        let rising = [1.0, 2.0, 3.0, 4.0];
        close(
            rank_correlation(&rising, &[1.0, 10.0, 11.0, 500.0]).expect("four"),
            1.0,
            1e-12,
        );
        close(
            rank_correlation(&rising, &[4.0, 3.0, 2.0, 1.0]).expect("four"),
            -1.0,
            1e-12,
        );
        // Two of four tied: ranks 1.5, 1.5, 3, 4 against 1, 2, 3, 4 give 4.5 ÷ √(5 · 4.5).
        close(
            rank_correlation(&rising, &[7.0, 7.0, 8.0, 9.0]).expect("four"),
            4.5 / (5.0_f64 * 4.5).sqrt(),
            1e-12,
        );
        assert_eq!(rank_correlation(&rising, &[1.0; 4]), None);
    }
}
