//! Which sections of code a binary consists of, and where they are: lld's map file, read.
//!
//! Takes the text of `-Map`; gives sizes to compare and addresses to tell what has moved.

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a cache line, and of what the front end fetches at once, on all supported processors.
const CACHE_LINE_BYTES: u64 = 64;

/// The sections of code by object file and name, with size and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sections(BTreeMap<(String, String), Vec<Place>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    size: u64,
    address: u64,
}

impl Sections {
    /// Reads `VMA LMA Size Align … file:(section)`; other lines say nothing of sections.
    pub(super) fn of_map(text: &str) -> Self {
        let mut sections: BTreeMap<_, Vec<Place>> = BTreeMap::new();
        for (key, place) in text.lines().filter_map(parse) {
            sections.entry(key).or_default().push(place);
        }
        for places in sections.values_mut() {
            places.sort_unstable();
        }
        Self(sections)
    }

    pub(super) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether `other` has the same sections of the same sizes; the error names the first that
    /// differs.
    pub(super) fn same_code(&self, other: &Self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("the linker's map names no section of code".to_owned());
        }
        let sizes = |places: Option<&Vec<Place>>| -> Vec<u64> {
            places
                .into_iter()
                .flatten()
                .map(|place| place.size)
                .collect()
        };
        let names: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for name in names {
            let (own, others) = (sizes(self.0.get(name)), sizes(other.0.get(name)));
            if own != others {
                return Err(format!(
                    "section `{}` has sizes {own:?} and {others:?} bytes",
                    name.1
                ));
            }
        }
        Ok(())
    }

    /// Share of the sections that begin at another place within a cache line.
    pub(super) fn moved_share(&self, other: &Self) -> f64 {
        let single = self.0.iter().filter_map(|(name, places)| {
            match (places.as_slice(), other.0.get(name)?.as_slice()) {
                ([own], [others]) => Some((own.address, others.address)),
                _ => None,
            }
        });
        let (mut all, mut moved) = (0_u32, 0_u32);
        for (own, other) in single {
            all += 1;
            moved += u32::from(own % CACHE_LINE_BYTES != other % CACHE_LINE_BYTES);
        }
        f64::from(moved) / f64::from(all.max(1))
    }
}

fn parse(line: &str) -> Option<((String, String), Place)> {
    let (file, section) = line.strip_suffix(')')?.rsplit_once(":(")?;
    if !section.starts_with(".text") {
        return None;
    }
    let mut columns = file.split_whitespace();
    let address = u64::from_str_radix(columns.next()?, 16).ok()?;
    let _load_address = columns.next()?;
    let size = u64::from_str_radix(columns.next()?, 16).ok()?;
    let _alignment = columns.next()?;
    let object = columns.collect::<Vec<_>>().join(" ");
    Some(((object, section.to_owned()), Place { size, address }))
}

/// Glob patterns that together match exactly the names that begin with `start` and with none of
/// `prefixes`, which all begin with `start`: lld's patterns know no "but not".
pub(super) fn other_than(start: &str, prefixes: &[&str]) -> Vec<String> {
    let mut patterns = Vec::new();
    let mut pending = vec![start.to_owned()];
    while let Some(stem) = pending.pop() {
        let next: BTreeSet<char> = prefixes
            .iter()
            .filter_map(|prefix| prefix.strip_prefix(stem.as_str())?.chars().next())
            .collect();
        let excluded: String = next.iter().collect();
        patterns.push(format!("{stem}[^{excluded}]*"));
        if stem != start {
            patterns.push(stem.clone());
        }
        for letter in next {
            let longer = format!("{stem}{letter}");
            if !prefixes.contains(&longer.as_str()) {
                pending.push(longer);
            }
        }
    }
    patterns.sort();
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
           18030            18030       20    16 .text
           18030            18030        e    16         a/b c.o:(.text.unlikely.x.llvm.5)
           18030            18030        e     1                 x
           18050            18050      a06    16         lib.rlib(m.o):(.text._ZN4gain3runE)
           19000            19000       10     8         lib.rlib(m.o):(.rodata.x)
";

    #[test]
    fn sections_of_code_are_read_with_size_and_address() {
        let sections = Sections::of_map(MAP);
        assert_eq!(sections.count(), 2);
        let key = ("a/b c.o".to_owned(), ".text.unlikely.x.llvm.5".to_owned());
        let place = Place {
            size: 0xe,
            address: 0x18030,
        };
        assert_eq!(sections.0[&key], [place]);
    }

    #[test]
    fn moved_code_is_the_same_and_changed_code_is_not() {
        let sections = Sections::of_map(MAP);
        let moved = Sections::of_map(&MAP.replace("18050", "28060"));
        assert_eq!(sections.same_code(&moved), Ok(()));
        assert!((sections.moved_share(&moved) - 0.5).abs() < 1e-12);
        assert!(sections.moved_share(&sections).abs() < 1e-12);
        for changed in [
            MAP.replace("a06", "a16"),
            MAP.replace("_ZN4gain3runE", "_ZN4gain4walkE"),
            String::new(),
        ] {
            let changed = Sections::of_map(&changed);
            assert!(sections.same_code(&changed).is_err());
            assert!(changed.same_code(&sections).is_err());
        }
    }

    /// The patterns as lld reads them, on names of plain characters.
    fn matches(pattern: &str, name: &str) -> bool {
        let Some((stem, class)) = pattern.split_once("[^") else {
            return pattern == name;
        };
        let excluded = class.strip_suffix("]*").unwrap();
        name.strip_prefix(stem)
            .and_then(|rest| rest.chars().next())
            .is_some_and(|next| !excluded.contains(next))
    }

    #[test]
    fn patterns_match_all_other_names_once() {
        let patterns = other_than(".text.", &[".text.hot.", ".text.unlikely."]);
        for (name, times) in [
            (".text._ZN4gain3runE", 1),
            (".text.hash", 1),
            (".text.hotel", 1),
            (".text.unlike", 1),
            (".text.unlikely_c_name", 1),
            (".text.hot._ZN4gain3runE", 0),
            (".text.unlikely.x", 0),
        ] {
            let found = patterns
                .iter()
                .filter(|pattern| matches(pattern, name))
                .count();
            assert_eq!(found, times, "{name}: {patterns:?}");
        }
    }
}
