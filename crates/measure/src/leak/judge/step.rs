//! Whether a series is two levels rather than a line.
//!
//! Takes values in order; gives the best place for one step, where two levels describe the values
//! better than a line does, although a step has one number more to fit: its place.

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Index of the first value of the second level.
    pub(super) at: usize,
    /// The second level less the first.
    pub(super) size: f64,
}

/// The step of `values`, if that is what they are.
pub(super) fn find(values: &[f64]) -> Option<Step> {
    let (at, of_levels) = (1..values.len())
        .map(|at| (at, of_mean(&values[..at]) + of_mean(&values[at..])))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    // Schwarz's criterion: n ln(residual) + ln(n) per number that was fitted.
    let count = values.len() as f64;
    let price = count.powf(1.0 / count);
    let is_better = of_levels * price < of_line(values);
    is_better.then(|| Step {
        at,
        size: mean(&values[at..]) - mean(&values[..at]),
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of the squared distances from the mean.
fn of_mean(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// Sum of the squared distances from the line that leaves least.
fn of_line(values: &[f64]) -> f64 {
    let middle = (values.len() - 1) as f64 / 2.0;
    let mean = mean(values);
    let (mut together, mut spread) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let distance = index as f64 - middle;
        together += distance * (value - mean);
        spread += distance.powi(2);
    }
    let slope = together / spread;
    values
        .iter()
        .enumerate()
        .map(|(index, value)| (value - mean - slope * (index as f64 - middle)).powi(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_levels_are_a_step() {
        let values: Vec<f64> = (0..20).map(|i| if i < 8 { 1.0 } else { 5.0 }).collect();
        let step = find(&values).unwrap();
        assert_eq!(step.at, 8);
        assert!((step.size - 4.0).abs() < 1e-12, "{step:?}");
    }

    #[test]
    fn a_line_a_staircase_and_a_constant_are_none() {
        let line: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(find(&line), None);
        let stairs: Vec<f64> = (0..20).map(|i| f64::from(i / 4)).collect();
        assert_eq!(find(&stairs), None);
        assert_eq!(find(&[3.0; 20]), None);
        assert_eq!(find(&[]), None);
    }
}
