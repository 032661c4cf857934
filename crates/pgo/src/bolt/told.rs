//! What llvm-bolt says of the profile that it was given.
//!
//! Takes its output; gives figures. One that is not there is an error: llvm-bolt ends well when it
//! has used no profile at all.

use serde::{Deserialize, Serialize};

/// Figures of a rewritten program, as llvm-bolt computes them from the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Functions with a profile, above zero.
    pub functions_profiled: u64,
    /// Functions of the program.
    pub functions_total: u64,
    /// Branches that the training took, in the old layout.
    pub taken_before: u64,
    /// The same in the new layout.
    pub taken_after: u64,
}

impl Told {
    /// Reads the output of a rewriting with `-dyno-stats`.
    pub(crate) fn read(said: &str) -> Result<Self, String> {
        let (functions_profiled, functions_total) =
            functions(said).ok_or("it says nothing of functions with a profile")?;
        if functions_profiled == 0 {
            return Err(format!("none of {functions_total} functions has a profile"));
        }
        let executed = figures(said, "executed instructions");
        if executed.first().is_none_or(|&executed| executed == 0) {
            return Err("its statistics count no executed instruction".to_owned());
        }
        let taken = figures(said, "taken branches");
        let (Some(&taken_before), Some(&taken_after)) = (taken.first(), taken.last()) else {
            return Err("its statistics count no branches".to_owned());
        };
        Ok(Self {
            functions_profiled,
            functions_total,
            taken_before,
            taken_after,
        })
    }

    /// The same in a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "it used a profile of {} of {} functions; by its own count, {} branches were taken before and {} after",
            self.functions_profiled, self.functions_total, self.taken_before, self.taken_after
        )
    }
}

/// `BOLT-INFO: 24 out of 1124 functions in the binary (2.1%) have non-empty execution profile`.
fn functions(said: &str) -> Option<(u64, u64)> {
    let line = said
        .lines()
        .find(|line| line.contains("have non-empty execution profile"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.windows(2).position(|pair| pair == ["out", "of"])?;
    let profiled = words.get(place.checked_sub(1)?)?.parse().ok()?;
    let total = words.get(place + 2)?.parse().ok()?;
    Some((profiled, total))
}

/// The figures named `name`, such as `    12345 : taken branches (-12.3%)`: one before, and one after
/// where something has changed.
fn figures(said: &str, name: &str) -> Vec<u64> {
    let figure = |line: &str| {
        let (value, rest) = line.split_once(" : ")?;
        let rest = rest.strip_prefix(name)?;
        let is_whole = rest.is_empty() || rest.starts_with(" (");
        is_whole.then(|| value.trim().parse::<u64>().ok()).flatten()
    };
    said.lines().filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of a real output, shortened.
    const SAID: &str = "\
BOLT-INFO: Target architecture: x86_64
BOLT-INFO: 24 out of 1124 functions in the binary (2.1%) have non-empty execution profile
BOLT-INFO: program-wide dynostats after all optimizations before SCTC and FOP:

               88011 : executed forward branches
             1250176 : executed instructions
              131307 : taken branches
              122402 : taken conditional branches

               95483 : executed forward branches (+8.5%)
             1241230 : executed instructions (-0.7%)
              112954 : taken branches (-14.0%)
              108810 : taken conditional branches (-11.1%)
";

    #[test]
    fn figures_before_and_after_are_read() {
        let told = Told::read(SAID).expect("a profile was used");
        let expected = Told {
            functions_profiled: 24,
            functions_total: 1124,
            taken_before: 131_307,
            taken_after: 112_954,
        };
        assert_eq!(told, expected);
        assert!(told.sentence().contains("24 of 1124 functions"));
    }

    #[test]
    fn without_a_change_there_is_one_list() {
        let (unchanged, _) = SAID
            .split_once("\n\n               95483")
            .expect("two lists");
        let told = Told::read(unchanged).expect("a profile was used");
        assert_eq!(told.taken_before, told.taken_after);
    }

    #[test]
    fn a_profile_that_was_not_used_is_refused() {
        for (from, to, expected) in [
            ("24 out of", "0 out of", "none of 1124 functions"),
            ("non-empty", "an", "says nothing of functions"),
            (
                "             1250176 :",
                "                   0 :",
                "no executed instruction",
            ),
            ("executed instructions", "what", "no executed instruction"),
            (": taken branches", ": what", "count no branches"),
        ] {
            let error = Told::read(&SAID.replace(from, to)).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        assert!(Told::read("").is_err());
    }
}
