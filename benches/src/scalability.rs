//! How throughput grows with the number of clients: the Universal Scalability Law.
//!
//! Takes throughputs at several numbers of clients; gives the law's three numbers, how near it
//! comes, and where it says that more clients make the whole slower. Source: Gunther, "A simple
//! capacity model of massively parallel transaction systems", CMG Conference (1993), and "Guerrilla
//! Capacity Planning" (Springer, 2007), chapter 5: X(N) = λN ÷ (1 + σ(N − 1) + κN(N − 1)).
//!
//! N ÷ X(N) is linear in 1 ÷ λ, σ ÷ λ and κ ÷ λ, so they are fitted by least squares of the
//! relative errors. None of the three may be negative; of the fits in which some are 0 the best
//! counts.

/// The law's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// λ: throughput of one client alone.
    pub alone: f64,
    /// σ: share of the work that cannot be done side by side.
    pub contention: f64,
    /// κ: cost of each pair of clients that has to agree.
    pub coherency: f64,
}

/// A law and how near it comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// The largest distance of a measured throughput from the law's, as a share of the law's.
    pub largest_error: f64,
}

impl Law {
    /// Throughput for `clients` clients.
    pub fn throughput(&self, clients: f64) -> f64 {
        let others = clients - 1.0;
        let slowed = 1.0 + self.contention * others + self.coherency * clients * others;
        self.alone * clients / slowed
    }

    /// Clients at which throughput is highest: √((1 − σ) ÷ κ). Nothing where it grows without end.
    pub fn peak(&self) -> Option<f64> {
        let is_bent = self.coherency > 0.0 && self.contention < 1.0;
        is_bent.then(|| ((1.0 - self.contention) / self.coherency).sqrt().max(1.0))
    }

    /// Throughput that is never exceeded, however many clients there are; nothing where there is a
    /// peak, or no bound.
    pub fn bound(&self) -> Option<f64> {
        let is_bounded = self.coherency <= 0.0 && self.contention > 0.0;
        is_bounded.then(|| self.alone / self.contention)
    }
}

/// The law for `points`, each a number of clients and a throughput. Nothing for fewer than three of
/// them, or where one is not positive.
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let is_positive = points
        .iter()
        .all(|&(clients, rate)| clients > 0.0 && rate > 0.0);
    if points.len() < 3 || !is_positive {
        return None;
    }
    [(true, true), (true, false), (false, true), (false, false)]
        .into_iter()
        .filter_map(|(has_contention, has_coherency)| {
            let law = fit_with(points, has_contention, has_coherency)?;
            Some((law, squared_errors(&law, points)))
        })
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(law, _)| Fit {
            law,
            largest_error: largest_error(&law, points),
        })
}

/// Least squares with the numbers that are not 0; nothing when one of them comes out negative.
fn fit_with(points: &[(f64, f64)], has_contention: bool, has_coherency: bool) -> Option<Law> {
    let columns = |clients: f64| {
        let others = clients - 1.0;
        let mut columns = vec![1.0];
        columns.extend(has_contention.then_some(others));
        columns.extend(has_coherency.then_some(clients * others));
        columns
    };
    // Rows of (columns ÷ y) · x = 1, with y = clients ÷ rate: relative errors.
    let rows: Vec<Vec<f64>> = points
        .iter()
        .map(|&(clients, rate)| {
            let columns = columns(clients).into_iter();
            columns.map(|column| column * rate / clients).collect()
        })
        .collect();
    let solution = least_squares(&rows)?;
    let mut rest = solution.iter().skip(1).copied();
    let inverse = *solution.first()?;
    let contention = has_contention.then(|| rest.next()).flatten().unwrap_or(0.0);
    let coherency = has_coherency.then(|| rest.next()).flatten().unwrap_or(0.0);
    let is_possible = inverse > 0.0 && contention >= 0.0 && coherency >= 0.0;
    is_possible.then(|| Law {
        alone: 1.0 / inverse,
        contention: contention / inverse,
        coherency: coherency / inverse,
    })
}

/// The x for which `rows` · x comes nearest to ones, by the normal equations.
fn least_squares(rows: &[Vec<f64>]) -> Option<Vec<f64>> {
    let size = rows.first()?.len();
    let sum = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>();
    let mut system: Vec<Vec<f64>> = (0..size)
        .map(|i| {
            let product = |j: usize| sum(&|row: &[f64]| row[i] * row[j]);
            let mut equation: Vec<f64> = (0..size).map(product).collect();
            equation.push(sum(&|row: &[f64]| row[i]));
            equation
        })
        .collect();
    solve(&mut system)
}

/// Gauss–Jordan elimination with row exchanges; each row is an equation with its right side at the
/// end.
fn solve(system: &mut [Vec<f64>]) -> Option<Vec<f64>> {
    let size = system.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        system.swap(column, pivot);
        let pivot_row = system[column].clone();
        if pivot_row[column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (number, row) in system.iter_mut().enumerate() {
            if number != column {
                let factor = row[column] / pivot_row[column];
                for (value, above) in row.iter_mut().zip(&pivot_row) {
                    *value -= factor * above;
                }
            }
        }
    }
    let solution = system.iter().enumerate();
    Some(solution.map(|(i, row)| row[size] / row[i]).collect())
}

fn squared_errors(law: &Law, points: &[(f64, f64)]) -> f64 {
    // What is fitted is clients ÷ rate, so the errors are those of the inverse.
    let error = |&(clients, rate): &(f64, f64)| rate / law.throughput(clients) - 1.0;
    points.iter().map(|point| error(point).powi(2)).sum()
}

fn largest_error(law: &Law, points: &[(f64, f64)]) -> f64 {
    let error = |&(clients, rate): &(f64, f64)| (rate / law.throughput(clients) - 1.0).abs();
    points.iter().map(error).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 25.0];

    fn points(law: &Law) -> Vec<(f64, f64)> {
        let point = |clients| (clients, law.throughput(clients));
        CLIENTS.map(point).to_vec()
    }

    fn close(found: f64, expected: f64) {
        let distance = (found - expected).abs();
        assert!(
            distance < 1e-6 * expected.abs().max(1e-3),
            "{found} ≠ {expected}"
        );
    }

    #[test]
    fn the_law_finds_its_own_numbers() {
        let law = Law {
            alone: 40.0,
            contention: 0.1,
            coherency: 0.005,
        };
        let fit = fit(&points(&law)).unwrap();
        close(fit.law.alone, 40.0);
        close(fit.law.contention, 0.1);
        close(fit.law.coherency, 0.005);
        assert!(fit.largest_error < 1e-6);
        close(fit.law.peak().unwrap(), (0.9_f64 / 0.005).sqrt());
        assert_eq!(fit.law.bound(), None);
    }

    #[test]
    fn a_straight_line_has_neither_peak_nor_bound() {
        let line: Vec<_> = CLIENTS.map(|clients| (clients, 7.0 * clients)).to_vec();
        let law = fit(&line).unwrap().law;
        close(law.alone, 7.0);
        assert!(law.contention < 1e-9 && law.coherency < 1e-9, "{law:?}");
        // Rounding may leave a trace of either: then the peak lies far beyond all clients.
        assert!(law.peak().is_none_or(|peak| peak > 1e3));
    }

    #[test]
    fn what_grows_faster_than_a_line_is_fitted_by_one() {
        let faster: Vec<_> = CLIENTS.map(|clients| (clients, clients.powf(1.3))).to_vec();
        let fit = fit(&faster).unwrap();
        assert!(fit.law.contention.abs() < 1e-9 && fit.law.coherency.abs() < 1e-9);
        assert!(fit.largest_error > 0.2, "the law does not describe it");
    }

    #[test]
    fn a_share_that_is_done_alone_bounds_throughput() {
        let law = Law {
            alone: 10.0,
            contention: 0.25,
            coherency: 0.0,
        };
        let amdahl = Law {
            coherency: 0.0,
            ..fit(&points(&law)).unwrap().law
        };
        close(amdahl.contention, 0.25);
        close(amdahl.bound().unwrap(), 40.0);
        assert_eq!(amdahl.peak(), None);
    }

    #[test]
    fn too_little_is_not_fitted() {
        assert_eq!(fit(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(fit(&[(1.0, 1.0), (2.0, 0.0), (4.0, 3.0)]), None);
    }
}
