//! The ladder as it is told, from its rungs and the records of their comparisons.
//!
//! Takes what was built and measured; gives a [`Ladder`] without absolute paths. It must not judge.

use inferno_measure::host;
use inferno_measure::ladder::{
    self, Built, Change, Compared, LADDER_SCHEMA, Ladder, Outcome, Rung,
};
use inferno_measure::record::{Record, Toolchain};
use inferno_measure::scenario::Judging;
use inferno_measure::verdict::STATISTICS;

use super::build::Standing;
use super::comparisons::{self, Pair};
use super::{Attempt, Climb, Step};
use crate::assemble;
use crate::error::{Error, Result};

/// The rungs that were built, with the answers of their comparisons.
struct Judged<'a> {
    built: &'a [&'a Standing],
    compared: Vec<(Pair, Vec<Change>)>,
}

impl Climb<'_> {
    /// `built` are the rungs of `attempts` that there are, `records` those of their comparisons in
    /// the order of [`comparisons::pairs`].
    pub(super) fn assemble(
        &self,
        attempts: &[Attempt],
        built: &[&Standing],
        records: &[Record],
    ) -> Result<Ladder> {
        let pairs = comparisons::pairs(built.len());
        let judged = Judged {
            built,
            compared: pairs
                .into_iter()
                .zip(ladder::judge_together(records))
                .collect(),
        };
        let rung = |attempt: &Attempt| Rung {
            name: attempt.step.to_string(),
            adds: attempt.step.adds(&self.cpu, self.first_flags.as_slice()),
            outcome: match &attempt.outcome {
                Ok(standing) => Outcome::Built(Box::new(self.told(standing, &judged))),
                Err(reason) => Outcome::Skipped {
                    reason: reason.clone(),
                },
            },
        };
        let rungs: Vec<Rung> = attempts.iter().map(rung).collect();
        let spec = &self.options.spec;
        let judging = Judging {
            budget_s: self.options.budget.as_secs_f64(),
            ..spec.judging()
        };
        let recommendation = ladder::recommend(&rungs, &judging)
            .ok_or_else(|| Error::Internal("a ladder without a rung".into()))?;
        // A rung that clang has compiled C for, and that was skipped, is none of this ladder's.
        let has_c = built.iter().any(|rung| rung.step == Step::PgoWithC);
        Ok(Ladder {
            schema: LADDER_SCHEMA,
            name: spec.name().to_owned(),
            created: assemble::now(),
            tool: assemble::tool(),
            host: host::describe(),
            toolchain: Toolchain {
                rustc: self.compiler.version.clone(),
                llvm: self.compiler.llvm.clone(),
                llvm_profdata: self.llvm_profdata.clone(),
                target: self.target.clone(),
                c: self.c.clone().filter(|_| has_c),
            },
            judging,
            statistics: STATISTICS,
            rungs,
            recommendation,
        })
    }

    fn told(&self, rung: &Standing, judged: &Judged<'_>) -> Built {
        let built = judged.built;
        let upper = built.iter().position(|other| other.step == rung.step);
        let against = |lower: usize| {
            let wanted = Pair {
                lower,
                upper: upper?,
            };
            let (_, changes) = judged.compared.iter().find(|(pair, _)| *pair == wanted)?;
            let record = comparisons::record(&self.output, built[lower], rung);
            Some(Compared {
                against: built[lower].step.to_string(),
                record: self.output.relative(&record),
                changes: changes.clone(),
            })
        };
        let below = upper.and_then(|upper| upper.checked_sub(1));
        Built {
            artifact: assemble::described(&rung.artifact, &self.options.spec, &self.output),
            build_s: rung.build_s,
            proof: rung.proof.clone(),
            below: below.and_then(against),
            first: against(0),
        }
    }
}
