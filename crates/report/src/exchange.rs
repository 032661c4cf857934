//! A comparison in the formats of other tools, which keep histories and draw charts.
//!
//! Takes a [`Comparison`](inferno_measure::comparison::Comparison), gives text. Pure functions. What
//! was not measured is left out: none of these formats has a word for it, and zero would be a claim.

mod bencher;
mod benchstat;
mod github;

pub use bencher::bencher;
pub use benchstat::benchstat;
pub use github::github;

use std::collections::BTreeSet;

use inferno_measure::comparison::Comparison;

/// Whether a comparison measured nothing, so that these formats have nothing to hold. The tools that
/// read them may then refuse the file.
pub fn is_empty(comparison: &Comparison) -> bool {
    comparison.rows.iter().all(|row| {
        row.effect.is_none() && row.baseline_time.is_none() && row.candidate_time.is_none()
    })
}

/// `name`, numbered where it is taken: the formats tell results apart by their name alone.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut number = 1;
    while !taken.insert(unique.clone()) {
        number += 1;
        unique = format!("{name}_{number}");
    }
    unique
}

#[cfg(test)]
mod tests;
