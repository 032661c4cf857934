//! What an audit found, as a document: the answer in a sentence, a line per question, the files, hot code
//! in both binaries, and their times.
//!
//! Takes [`Findings`], gives a [`Document`]. It does not judge.

use inferno_measure::audit::{Answer, Answered, Findings};
use inferno_measure::record::Artifact;

use crate::document::{Block, Document, Text, Tone};
use crate::figures::{bytes, count, percent, plural, short_hash};
use crate::{comparison, sections};

/// The document of an audit.
pub(crate) fn document(findings: &Findings) -> Document {
    let answers = findings.answers.iter().map(line).collect();
    let mut blocks = vec![Block::List(answers), Block::Facts(facts(findings))];
    if !findings.profile.hottest.is_empty() {
        blocks.extend(sections::evidence::hottest(&findings.profile.hottest));
    }
    if let Some(measured) = &findings.comparison {
        let measured = comparison::document(measured);
        blocks.push(Block::Heading("Effect"));
        blocks.push(Block::Paragraph(measured.summary));
        blocks.extend(measured.blocks);
    }
    Document {
        title: Text::from("Audit of ").then(Text::literal(&findings.binary.path)),
        summary: sentence(findings),
        standing: Vec::new(),
        blocks,
    }
}

fn sentence(findings: &Findings) -> Text {
    let all = findings.answers.len();
    let (no, open) = (
        findings.count(Answer::No),
        findings.count(Answer::CannotTell),
    );
    match (no, open) {
        (0, 0) => Text::toned(format!("Yes to all {all} questions."), Tone::Good),
        (0, open) => Text::toned(
            format!("Not proved: {open} of {all} questions cannot be answered."),
            Tone::Open,
        ),
        (no, 0) => Text::toned(
            format!("No to {no} of {}.", plural(all, "question")),
            Tone::Bad,
        ),
        (no, open) => Text::toned(
            format!("No to {no} of {all} questions, and {open} cannot be answered."),
            Tone::Bad,
        ),
    }
}

fn line(answered: &Answered) -> Text {
    let answer = match answered.answer {
        Answer::Yes => Text::toned("yes", Tone::Good),
        Answer::No => Text::toned("no", Tone::Bad),
        Answer::CannotTell => Text::toned("cannot tell", Tone::Open),
    };
    let next = answered.next_step.as_ref();
    let next = next.map_or_else(String::new, |step| {
        format!(" Next step: {}", sections::closed(step))
    });
    Text::from(format!("{} ", answered.question.text()))
        .then(answer)
        .then(format!(": {}{next}", sections::closed(&answered.why)))
}

fn facts(findings: &Findings) -> Vec<(&'static str, Text)> {
    let profile = &findings.profile;
    let covered = profile.functions_covered.zip(profile.functions_total);
    let binary = |artifact: &Artifact| {
        Text::literal(&artifact.path).then(format!(
            ", {}, SHA-256 {}",
            bytes(artifact.size_bytes as f64),
            short_hash(&artifact.sha256)
        ))
    };
    let mut facts = vec![("binary", binary(&findings.binary))];
    facts.extend(
        findings
            .baseline
            .as_ref()
            .map(|baseline| ("baseline", binary(baseline))),
    );
    facts.extend([
        (
            "profile, SHA-256",
            Text::literal(short_hash(&profile.sha256)),
        ),
        (
            "functions covered",
            Text::fact(covered.map(|(part, all)| format!("{} of {}", count(part), count(all)))),
        ),
        (
            "counts discarded",
            Text::fact(profile.counts_discarded_share.map(percent)),
        ),
        ("build log", Text::literal(&findings.build_log.path)),
        (
            "read by",
            format!("llvm-profdata {}", findings.llvm_profdata).into(),
        ),
        ("compiler here", findings.rustc.as_str().into()),
    ]);
    facts
}

#[cfg(test)]
mod tests {
    use inferno_measure::audit::{AUDIT_SCHEMA, Question};
    use inferno_measure::record::{FunctionCode, HotFunction, Input, Profile, Tool};

    use super::*;
    use crate::terminal::Style;
    use crate::{audit_markdown, audit_terminal};

    fn artifact(path: &str) -> Artifact {
        Artifact {
            path: path.into(),
            sha256: "0123456789abcdef".into(),
            text_sha256: None,
            text_size_bytes: None,
            size_bytes: 5_000_000,
            rustflags: None,
        }
    }

    fn answered(question: Question, answer: Answer, next_step: Option<&str>) -> Answered {
        Answered {
            question,
            answer,
            why: "the reason".into(),
            next_step: next_step.map(str::to_owned),
        }
    }

    fn findings(answers: Vec<Answered>) -> Findings {
        let own = |size_bytes| FunctionCode::Own {
            size_bytes,
            symbols: 1,
            placement: None,
        };
        Findings {
            schema: AUDIT_SCHEMA,
            created: "2026-11-26T12:00:00Z".into(),
            tool: Tool {
                name: "inferno-pgo".into(),
                version: "0".into(),
            },
            rustc: "rustc 1.95.0".into(),
            llvm_profdata: "22.1.2".into(),
            binary: artifact("to|ol"),
            baseline: Some(artifact("old")),
            profile: Profile {
                sha256: "fedcba9876543210".into(),
                functions_covered: Some(2_628),
                functions_total: Some(26_914),
                counts_total: Some(1),
                counts_discarded_share: None,
                blocks_for_99_percent: None,
                blocks_total: None,
                holdout_overlap: None,
                workloads: Vec::new(),
                hottest: vec![HotFunction {
                    name: "gain::run".into(),
                    counts_share: 0.9,
                    copies: 1,
                    baseline: own(100),
                    candidate: own(120),
                }],
                source: None,
            },
            build_log: Input {
                path: "build.log".into(),
                sha256: String::new(),
                size_bytes: 0,
            },
            answers,
            comparison: None,
        }
    }

    #[test]
    fn the_first_sentence_is_the_answer() {
        let (yes, no, open) = (
            answered(Question::ProfileUsed, Answer::Yes, None),
            answered(Question::NoCounters, Answer::No, Some("ship another")),
            answered(Question::CountsKept, Answer::CannotTell, Some("say more")),
        );
        for (answers, expected) in [
            (vec![yes.clone()], "Yes to all 1 questions."),
            (
                vec![yes.clone(), open.clone()],
                "Not proved: 1 of 2 questions cannot be answered.",
            ),
            (vec![yes.clone(), no.clone()], "No to 1 of 2 questions."),
            (
                vec![yes, no, open],
                "No to 1 of 3 questions, and 1 cannot be answered.",
            ),
        ] {
            let text = audit_terminal(&findings(answers), 100, Style::Plain);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn each_answer_has_its_reason_and_its_next_step() {
        let step = "keep the | symbols";
        let answers = vec![
            answered(Question::ProfileUsed, Answer::Yes, None),
            answered(Question::ProfileOfProgram, Answer::CannotTell, Some(step)),
        ];
        let markdown = audit_markdown(&findings(answers));
        for part in [
            "# Audit of `to\\|ol`",
            "- Was the whole program built with it? **yes**: the reason.",
            "- Is the profile of this program? *cannot tell*: the reason. Next step: keep the \\| symbols.",
            "- functions covered: 2,628 of 26,914",
            "- counts discarded: not measured",
            "| `gain::run` | 90.0 % |",
        ] {
            assert!(markdown.contains(part), "{part} is not in:\n{markdown}");
        }
    }

    #[test]
    fn programs_read_questions_and_answers_by_name() {
        let findings = findings(vec![answered(Question::HotCodeDiffers, Answer::No, None)]);
        let json = serde_json::to_value(&findings).expect("plain data");
        assert_eq!(json["answers"][0]["question"], "hot-code-differs");
        assert_eq!(json["answers"][0]["answer"], "no");
        let again: Findings = serde_json::from_value(json).expect("the same data");
        assert_eq!(again, findings);
    }
}
