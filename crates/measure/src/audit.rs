//! What an audit of somebody else's optimised build found: questions, and their answers.
//!
//! Plain data that the auditor fills and the report prints. Nothing here judges. "Yes" is always the
//! good answer, and what cannot be told is an answer of its own, never a "yes".

use serde::{Deserialize, Serialize};

use crate::comparison::Comparison;
use crate::record::{Artifact, Input, Profile, Tool};

/// Version of the format; raised when a field changes its meaning or goes away.
pub const AUDIT_SCHEMA: u32 = 1;

/// All that an audit found. Paths are file names alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// [`AUDIT_SCHEMA`].
    pub schema: u32,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The program that made it.
    pub tool: Tool,
    /// `rustc --version` where the audit was made: the compiler whose LLVM must read the profile.
    pub rustc: String,
    /// LLVM version of the `llvm-profdata` that read the profile.
    pub llvm_profdata: String,
    /// The binary that is shipped.
    pub binary: Artifact,
    /// The same program without the profile; `None` where there is none.
    pub baseline: Option<Artifact>,
    /// The profile. Its hottest functions are those of a comparison with the baseline.
    pub profile: Profile,
    /// The log of the optimised build.
    pub build_log: Input,
    /// The answers, in the order of [`Question`]; what was not asked is not there.
    pub answers: Vec<Answered>,
    /// Both binaries, measured side by side; `None` without a workload.
    pub comparison: Option<Comparison>,
}

/// What is asked of a build. "Yes" is the good answer to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The profile is one that the compiler can use.
    ProfileReadable,
    /// Every compilation of the program was given the profile.
    ProfileUsed,
    /// The shipped machine code is what the logged build linked.
    ShippedAsBuilt,
    /// The profile was gathered from this program.
    ProfileOfProgram,
    /// Hardly any counts were discarded.
    CountsKept,
    /// The profile is not stale.
    ProfileCurrent,
    /// The binary does not count its own execution.
    NoCounters,
    /// The code that the profile calls hot is not the baseline's. Asked with a baseline.
    HotCodeDiffers,
    /// The binary is no slower than the baseline. Asked with a workload.
    NotSlower,
}

impl Question {
    /// The question as people read it.
    pub fn text(self) -> &'static str {
        match self {
            Self::ProfileReadable => "Can the compiler use the profile?",
            Self::ProfileUsed => "Was the whole program built with it?",
            Self::ShippedAsBuilt => "Is the binary what this build made?",
            Self::ProfileOfProgram => "Is the profile of this program?",
            Self::CountsKept => "Did its counts reach the code?",
            Self::ProfileCurrent => "Is the profile of these sources?",
            Self::NoCounters => "Is the binary free of profile counters?",
            Self::HotCodeDiffers => "Does hot code differ from the baseline's?",
            Self::NotSlower => "Is it no slower than the baseline?",
        }
    }
}

/// An answer. Only the first is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is proved.
    Yes,
    /// The opposite is proved.
    No,
    /// The evidence does not say.
    CannotTell,
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// What was asked.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
    /// What it rests on, in one sentence without a full stop.
    pub why: String,
    /// What to do about an answer that is not good.
    pub next_step: Option<String>,
}

impl Findings {
    /// How often this is the answer.
    pub fn count(&self, answer: Answer) -> usize {
        let answers = self.answers.iter();
        answers.filter(|answered| answered.answer == answer).count()
    }
}
