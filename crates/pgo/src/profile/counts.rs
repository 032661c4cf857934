//! What a merged profile contains, from `llvm-profdata show --all-functions --counts`.
//!
//! Takes the tool's text; gives counts per function and the figures made from them.

use std::collections::BTreeMap;

/// Share of all counts whose blocks are counted as hot; LLVM's own working set uses 99 % too
/// (`ProfileSummaryBuilder`, default cutoffs).
const HOT_SHARE: f64 = 0.99;

/// The block counts of every instrumented function, also of those that never ran: by name, then by
/// the hash of its control flow, since a function that has changed keeps its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, BTreeMap<u64, Vec<u64>>>);

/// Functions with counts that another profile does not have with this control flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absent {
    /// How many.
    pub functions: u64,
    /// Their share of all counts.
    pub share: f64,
}

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
                hash = 0;
            } else if let Some(digits) = line.strip_prefix("Hash: 0x") {
                hash = u64::from_str_radix(digits, 16).unwrap_or_default();
            } else if let (Some(name), Some(list)) =
                (&current, line.strip_prefix("Block counts: ["))
            {
                let counts = list
                    .trim_end_matches(']')
                    .split(", ")
                    .filter_map(|count| count.parse::<u64>().ok());
                let bodies = functions.entry(name.clone()).or_default();
                bodies.entry(hash).or_default().extend(counts);
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
        sum(self.blocks())
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
        let held = held.fold(0, |all: u64, (.., count)| all.saturating_add(count));
        (total > 0).then(|| held as f64 / total as f64)
    }

    /// The sum of the block counts of each function, by the profile's name for it.
    pub fn by_function(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, bodies)| {
            let blocks = bodies.values().flatten();
            (name.as_str(), sum(blocks.copied()))
        })
    }

    /// The same for each hash of the control flow, which stands second.
    pub fn by_record(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().flat_map(|(name, bodies)| {
            let of_hash = move |(&hash, blocks): (&u64, &Vec<u64>)| {
                (name.as_str(), hash, sum(blocks.iter().copied()))
            };
            bodies.iter().map(of_hash)
        })
    }

    /// The functions with counts that `other` does not have with the same control flow: the compiler
    /// finds counts by name and hash, so those of a function that has changed are of no use.
    pub fn absent_from(&self, other: &Self) -> Absent {
        let is_known = |name: &str, hash: u64| {
            let bodies = other.0.get(name);
            bodies.is_some_and(|bodies| bodies.contains_key(&hash))
        };
        let mut functions = 0;
        let mut held = 0_u64;
        for (name, hash, counts) in self.by_record() {
            if counts > 0 && !is_known(name, hash) {
                functions += 1;
                held = held.saturating_add(counts);
            }
        }
        Absent {
            functions,
            share: held as f64 / self.total().max(1) as f64,
        }
    }

    /// Share of all counts in functions that stand here with several control flows; `None` where
    /// nothing was counted. A build has one of them, and the compiler passes over the counts of the
    /// others without a word. Zeros tell as well: inlined in one version, a function counts in its
    /// caller there, and by itself in another.
    pub fn split_share(&self) -> Option<f64> {
        let total = self.total();
        let bodies = self.0.values().filter(|bodies| bodies.len() > 1);
        let split = sum(bodies.flat_map(BTreeMap::values).flatten().copied());
        (total > 0).then(|| split as f64 / total as f64)
    }

    fn blocks(&self) -> impl Iterator<Item = u64> {
        self.0
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .copied()
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
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
    use std::fmt::Write as _;

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

    /// A profile of functions with their hashes and one count each.
    fn profile(functions: &[(&str, u32, u64)]) -> Counts {
        let mut text = String::from("Counters:\n");
        for (name, hash, count) in functions {
            let _ = writeln!(
                text,
                "  {name}:\n    Hash: {hash:#x}\n    Block counts: [{count}]"
            );
        }
        Counts::parse(&text)
    }

    #[test]
    fn functions_are_the_same_with_the_same_control_flow_alone() {
        let old = profile(&[("same", 1, 60), ("changed", 2, 30), ("gone", 3, 10)]);
        let new = profile(&[
            ("same", 1, 70),
            ("changed", 4, 20),
            ("new", 5, 5),
            ("cold", 6, 0),
        ]);
        for (one, other, functions, share) in [
            (&old, &new, 2, 0.4),
            (&new, &old, 2, 25.0 / 95.0),
            (&old, &old, 0, 0.0),
        ] {
            let absent = one.absent_from(other);
            assert_eq!(absent.functions, functions);
            assert!((absent.share - share).abs() < 1e-12, "{absent:?}");
        }
    }

    #[test]
    fn counts_of_two_versions_are_split() {
        let mixed = profile(&[("f", 1, 60), ("f", 2, 30), ("g", 3, 10)]);
        assert_eq!(mixed.split_share(), Some(0.9));
        let inlined_once = profile(&[("main", 1, 80), ("main", 2, 0), ("f", 3, 0), ("f", 4, 20)]);
        assert_eq!(inlined_once.split_share(), Some(1.0));
        assert_eq!(mixed.functions_total(), 2);
        assert_eq!(mixed.share_in(|name, _| name == "f"), Some(0.9));
        assert_eq!(profile(&[("f", 1, 60)]).split_share(), Some(0.0));
        assert_eq!(Counts::default().split_share(), None);
    }

    #[test]
    fn overlap() {
        let text =
            "Program level:\n  # of functions overlap: 10\n  Edge profile overlap: 87.500%\n";
        assert_eq!(parse_overlap(text), Some(0.875));
        assert_eq!(parse_overlap("error: no overlap"), None);
    }
}
