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

#[cfg(test)]
mod tests;
