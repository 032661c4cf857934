//! Sampled stacks: folded into lines, and summed up by function.
//!
//! Takes stacks with how often each was seen; gives the folded lines that flamegraphs are drawn
//! from, and a table of the functions in which the time is. How stacks are sampled is not its
//! business.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

/// One stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Names from the outermost on; the first is the thread's.
    pub frames: Vec<String>,
    /// Samples in which it was seen.
    pub count: u64,
}

/// A function and its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hotspot {
    /// Its name.
    pub name: String,
    /// Samples in which it was the innermost.
    pub own: u64,
    /// Samples in whose stack it was.
    pub total: u64,
}

/// All samples.
pub fn samples(stacks: &[Stack]) -> u64 {
    stacks.iter().map(|stack| stack.count).sum()
}

/// A line per different stack, as flamegraph programs read them: names between semicolons, then the
/// count. A semicolon within a name, as in `[u8; 4]`, becomes a colon.
pub fn folded(stacks: &[Stack]) -> String {
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for stack in stacks {
        let names: Vec<_> = stack
            .frames
            .iter()
            .map(|name| name.replace(';', ":"))
            .collect();
        *lines.entry(names.join(";")).or_default() += stack.count;
    }
    let mut text = String::new();
    for (stack, count) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{stack} {count}");
    }
    text
}

/// The functions, the one with the most samples of its own first. Threads are none.
pub fn hotspots(stacks: &[Stack]) -> Vec<Hotspot> {
    let mut counts: HashMap<&str, (u64, u64)> = HashMap::new();
    for stack in stacks {
        let functions = stack.frames.get(1..).unwrap_or_default();
        if let Some(innermost) = functions.last() {
            counts.entry(innermost).or_default().0 += stack.count;
        }
        // A function that calls itself is there once.
        let different: HashSet<&str> = functions.iter().map(String::as_str).collect();
        for name in different {
            counts.entry(name).or_default().1 += stack.count;
        }
    }
    let mut hotspots: Vec<_> = counts
        .into_iter()
        .map(|(name, (own, total))| Hotspot {
            name: name.to_owned(),
            own,
            total,
        })
        .collect();
    hotspots.sort_by(|a, b| {
        (b.own, b.total)
            .cmp(&(a.own, a.total))
            .then_with(|| a.name.cmp(&b.name))
    });
    hotspots
}

/// The first `most` of `hotspots` as a table, in per cent of `samples`.
pub fn table(hotspots: &[Hotspot], samples: u64, most: usize) -> String {
    let mut text = String::from("  own %  total %  function\n");
    let share = |count: u64| 100.0 * count as f64 / samples as f64;
    for hotspot in hotspots.iter().take(most) {
        let (own, total) = (share(hotspot.own), share(hotspot.total));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{own:7.2}  {total:7.2}  {}", hotspot.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &str, count: u64) -> Stack {
        Stack {
            frames: frames.split('>').map(str::to_owned).collect(),
            count,
        }
    }

    fn stacks() -> Vec<Stack> {
        vec![
            stack("engine>main>pass>dot", 6),
            stack("engine>main>pass", 1),
            stack("engine>main>pass>dot", 2),
            stack("other>walk>walk>walk", 1),
        ]
    }

    #[test]
    fn equal_stacks_are_one_line() {
        let expected = "engine;main;pass 1\nengine;main;pass;dot 8\nother;walk;walk;walk 1\n";
        assert_eq!(folded(&stacks()), expected);
        let generic = Stack {
            frames: vec!["t".to_owned(), "f::<[u8; 4]>".to_owned()],
            count: 3,
        };
        assert_eq!(folded(&[generic]), "t;f::<[u8: 4]> 3\n");
    }

    #[test]
    fn functions_have_samples_of_their_own_and_in_all() {
        let hotspots = hotspots(&stacks());
        let found: Vec<_> = hotspots
            .iter()
            .map(|hotspot| (hotspot.name.as_str(), hotspot.own, hotspot.total))
            .collect();
        let expected = [
            ("dot", 8, 8),
            ("pass", 1, 9),
            ("walk", 1, 1),
            ("main", 0, 9),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_table_is_in_per_cent_and_as_long_as_asked() {
        let stacks = stacks();
        let table = table(&hotspots(&stacks), samples(&stacks), 1);
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.contains("  80.00    80.00  dot"), "{table}");
    }
}
