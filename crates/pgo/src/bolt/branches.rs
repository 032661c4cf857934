//! Counts of branches, as programs that llvm-bolt has instrumented write them and as it reads them.
//!
//! Takes the text of such files; gives their weighted sum as text. A line is
//! `IS_SYMBOL FROM OFFSET IS_SYMBOL TO OFFSET MISPREDICTED TAKEN`; all but the last two numbers say
//! where the branch is, and are not looked into.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// llvm-bolt reads signed numbers.
const MOST: u64 = i64::MAX as u64;

/// How often each branch was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branches(BTreeMap<String, Counts>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    mispredicted: u64,
    taken: u64,
}

impl Branches {
    /// Reads a file; the error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut branches = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let (place, counts) =
                parse(line).ok_or_else(|| format!("line {number} counts no branch: {line}"))?;
            branches.add_one(place, counts, 1);
        }
        Ok(branches)
    }

    /// All branches together.
    pub(crate) fn total(&self) -> u64 {
        self.0
            .values()
            .fold(0, |sum, counts| sum.saturating_add(counts.taken))
    }

    /// Adds `other`, each count `weight` times.
    pub(crate) fn add(&mut self, other: &Self, weight: u64) {
        for (place, counts) in &other.0 {
            self.add_one(place, *counts, weight);
        }
    }

    fn add_one(&mut self, place: &str, counts: Counts, weight: u64) {
        let sum = self.0.entry(place.to_owned()).or_default();
        let plus =
            |sum: u64, count: u64| sum.saturating_add(count.saturating_mul(weight)).min(MOST);
        sum.mispredicted = plus(sum.mispredicted, counts.mispredicted);
        sum.taken = plus(sum.taken, counts.taken);
    }

    /// As llvm-bolt reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (place, counts) in &self.0 {
            let _ = writeln!(text, "{place} {} {}", counts.mispredicted, counts.taken);
        }
        text
    }
}

fn parse(line: &str) -> Option<(&str, Counts)> {
    let mut fields = line.rsplitn(3, ' ');
    let taken = fields.next()?.parse().ok()?;
    let mispredicted = fields.next()?.parse().ok()?;
    let counts = Counts {
        mispredicted,
        taken,
    };
    Some((fields.next().filter(|place| !place.is_empty())?, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "1 main 1f 1 main 30 0 7\n1 main 1f 1 work/1 0 2 5\n";

    #[test]
    fn what_is_read_is_written_again() {
        let branches = Branches::parse(TEXT).expect("two branches");
        assert_eq!(branches.text(), TEXT);
        assert_eq!(branches.total(), 12);
        assert_eq!(Branches::parse("").expect("none"), Branches::default());
    }

    #[test]
    fn sums_are_by_place_and_weight() {
        let mut sum = Branches::parse(TEXT).expect("two branches");
        let other = "1 main 1f 1 main 30 1 10\n1 other 0 1 main 0 0 1\n";
        sum.add(&Branches::parse(other).expect("two branches"), 3);
        assert_eq!(
            sum.text(),
            "1 main 1f 1 main 30 3 37\n1 main 1f 1 work/1 0 2 5\n1 other 0 1 main 0 0 3\n"
        );
        sum.add(&Branches::parse(TEXT).expect("two branches"), u64::MAX);
        assert_eq!(
            sum.text().lines().next(),
            Some("1 main 1f 1 main 30 3 9223372036854775807")
        );
    }

    #[test]
    fn what_counts_no_branch_is_refused_by_line() {
        for text in [
            "no_lbr",
            "\n",
            "1 main 1f 1 main 30 0 many",
            "0 7",
            "1 2 -3",
        ] {
            let error = Branches::parse(&format!("1 main 1f 1 main 30 0 7\n{text}\n"))
                .expect_err("it counts no branch");
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
