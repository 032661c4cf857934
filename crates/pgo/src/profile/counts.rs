//! What a merged profile contains, from `llvm-profdata show --all-functions --counts`.
//!
//! Takes the tool's text; gives counts per function and the figures made from them.

use std::collections::BTreeMap;

/// Share of all counts whose blocks are counted as hot; LLVM's own working set uses 99 % too
/// (`ProfileSummaryBuilder`, default cutoffs).
const HOT_SHARE: f64 = 0.99;

/// The block counts of every instrumented function, also of those that never ran: by its name, then
/// by the hash of its control flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, BTreeMap<u64, Vec<u64>>>);

impl Counts {
    /// Reads the tool's text. A function that stands there twice (two hashes) keeps both.
    pub fn parse(text: &str) -> Self {
        let mut functions: BTreeMap<String, BTreeMap<u64, Vec<u64>>> = BTreeMap::new();
        let (mut current, mut hash) = (None, 0);
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let line = line.trim();
            if indent == 2 && line.ends_with(':') {
                current = Some(line.trim_end_matches(':').to_owned());
            } else if let Some(digits) = line.strip_prefix("Hash: 0x") {
                hash = u64::from_str_radix(digits, 16).unwrap_or_default();
            } else if let (Some(name), Some(list)) =
                (&current, line.strip_prefix("Block counts: ["))
            {
                let counts = list
                    .trim_end_matches(']')
                    .split(", ")
                    .filter_map(|count| count.parse::<u64>().ok());
                let function = functions.entry(name.clone()).or_default();
                function.entry(hash).or_default().extend(counts);
            }
        }
        Self(functions)
    }

    /// Functions with counters.
    pub fn functions_total(&self) -> u64 {
        self.0.len() as u64
    }

    /// Functions that ran at least once.
    pub fn functions_covered(&self) -> u64 {
        self.by_function().filter(|(_, count)| *count > 0).count() as u64
    }

    /// Sum of all block counts.
    pub fn total(&self) -> u64 {
        saturating_sum(self.blocks())
    }

    /// Number of counted blocks.
    pub fn blocks_total(&self) -> u64 {
        self.blocks().count() as u64
    }

    /// The fewest blocks that hold 99 % of all counts: a kernel loop has few, an interpreter many.
    pub fn blocks_for_99_percent(&self) -> u64 {
        let mut counts: Vec<u64> = self.blocks().filter(|&count| count > 0).collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        let wanted = self.total() as f64 * HOT_SHARE;
        let mut held = 0.0;
        let needed = counts.iter().take_while(|&&count| {
            let short = held < wanted;
            held += count as f64;
            short
        });
        needed.count() as u64
    }

    /// Share of all counts in functions that `known` accepts by name and hash; `None` where nothing
    /// was counted.
    pub fn share_in(&self, known: impl Fn(&str, u64) -> bool) -> Option<f64> {
        let total = self.total();
        let held = self
            .by_record()
            .filter(|(name, hash, _)| known(name, *hash));
        let held = held.fold(0, |sum: u64, (.., count)| sum.saturating_add(count));
        (total > 0).then(|| held as f64 / total as f64)
    }

    /// The sum of the block counts of each function, by the profile's name for it.
    pub fn by_function(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, hashes)| {
            let blocks = hashes.values().flatten();
            (name.as_str(), saturating_sum(blocks.copied()))
        })
    }

    /// The same for each hash of the control flow, which stands second.
    pub fn by_record(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().flat_map(|(name, hashes)| {
            let of_hash = move |(&hash, blocks): (&u64, &Vec<u64>)| {
                (name.as_str(), hash, saturating_sum(blocks.iter().copied()))
            };
            hashes.iter().map(of_hash)
        })
    }

    fn blocks(&self) -> impl Iterator<Item = u64> {
        self.0
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .copied()
    }
}

fn saturating_sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// The edge overlap of two profiles, 0 to 1, from `llvm-profdata overlap`.
pub fn parse_overlap(text: &str) -> Option<f64> {
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Edge profile overlap:"))?;
    let percent: f64 = value.trim().strip_suffix('%')?.parse().ok()?;
    Some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "Counters:\n  main:\n    Hash: 0x0a4d0ad3efffffff\n    Counters: 1\n    Block counts: [1]\n  \
                         a.cgu.0;_ZN1a1fE:\n    Hash: 0x0d\n    Counters: 3\n    Block counts: [900, 98, 1]\n  \
                         _ZN1a5never17hE:\n    Hash: 0x0e\n    Counters: 2\n    Block counts: [0, 0]\n\
                         Instrumentation level: IR  entry_first = 0\nTotal functions: 3\n";

    #[test]
    fn figures_of_a_small_profile() {
        let counts = Counts::parse(SHOWN);
        assert_eq!(counts.functions_total(), 3);
        assert_eq!(counts.functions_covered(), 2);
        assert_eq!(counts.total(), 1000);
        assert_eq!(counts.blocks_total(), 6);
        assert_eq!(counts.blocks_for_99_percent(), 2);
        assert_eq!(counts.share_in(|name, _| name == "main"), Some(0.001));
    }

    #[test]
    fn two_hashes_of_a_function_are_kept_apart() {
        let record = |hash: u32, count: u32| {
            format!("  f:\n    Hash: 0x{hash:x}\n    Block counts: [{count}]\n")
        };
        let counts = Counts::parse(&[record(10, 30), record(11, 10)].concat());
        assert_eq!(counts.functions_total(), 1);
        assert_eq!(counts.by_function().collect::<Vec<_>>(), [("f", 40)]);
        let records: Vec<_> = counts.by_record().collect();
        assert_eq!(records, [("f", 10, 30), ("f", 11, 10)]);
        assert_eq!(counts.share_in(|_, hash| hash == 10), Some(0.75));
    }

    #[test]
    fn an_empty_profile_has_no_share() {
        assert_eq!(Counts::parse("").share_in(|_, _| true), None);
        assert_eq!(Counts::parse("").blocks_for_99_percent(), 0);
    }

    #[test]
    fn overlap() {
        let text =
            "Program level:\n  # of functions overlap: 10\n  Edge profile overlap: 87.500%\n";
        assert_eq!(parse_overlap(text), Some(0.875));
        assert_eq!(parse_overlap("error: no overlap"), None);
    }
}
