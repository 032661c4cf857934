//! A ladder on terminals of several widths and as Markdown.

use inferno_measure::ladder::{
    Built, Change, Compared, LADDER_SCHEMA, Ladder, Outcome, Recommendation, Rung,
};
use inferno_measure::record::{Artifact, Verdict};
use inferno_measure::scenario::{Judging, Role};
use inferno_measure::verdict::{STATISTICS, Trust};
use inferno_report::{Style, ladder_markdown, ladder_terminal};

use crate::builder;

fn change(verdict: Verdict, effect: f64) -> Change {
    Change {
        scenario: "warm/short".to_owned(),
        role: Role::Primary,
        verdict,
        trust: Trust::Sound,
        reason: "the simultaneous interval includes 1".to_owned(),
        remedy: Some("about 20 restarts".to_owned()),
        effect: Some(effect),
        ci_low: Some(effect - 0.01),
        ci_high: Some(effect + 0.01),
        simultaneous_low: Some(effect - 0.02),
        simultaneous_high: Some(effect + 0.02),
    }
}

fn compared(against: &str, changes: Vec<Change>) -> Compared {
    Compared {
        against: against.to_owned(),
        record: "comparisons/x/record.json".to_owned(),
        changes,
    }
}

fn rung(name: &str, below: Option<Compared>, first: Option<Compared>) -> Rung {
    let artifact = Artifact {
        path: format!("rungs/{name}/arms/baseline/tool"),
        sha256: "00".repeat(32),
        text_sha256: None,
        text_size_bytes: None,
        size_bytes: 5_021_000,
        rustflags: None,
    };
    Rung {
        name: name.to_owned(),
        adds: format!("what {name} adds"),
        outcome: Outcome::Built(Box::new(Built {
            artifact,
            build_s: below.is_some().then_some(46.04),
            proof: vec!["a profile was used".to_owned()],
            below,
            first,
        })),
    }
}

fn ladder() -> Ladder {
    let lto = compared("release", vec![change(Verdict::Faster, 0.95)]);
    let open = compared("lto", vec![change(Verdict::Inconclusive, 0.99)]);
    let since = compared("release", vec![change(Verdict::Faster, 0.94)]);
    let record = builder::record();
    Ladder {
        schema: LADDER_SCHEMA,
        name: "tool".to_owned(),
        created: "2026-01-02T03:04:05Z".to_owned(),
        tool: record.tool,
        host: record.host,
        toolchain: record.toolchain.expect("a toolchain"),
        judging: Judging::default(),
        statistics: STATISTICS,
        rungs: vec![
            rung("release", None, None),
            rung("lto", Some(lto.clone()), Some(lto)),
            rung("pgo", Some(open), Some(since)),
            Rung {
                name: "bolt".to_owned(),
                adds: "llvm-bolt".to_owned(),
                outcome: Outcome::Skipped {
                    reason: "there is no llvm-bolt | on PATH".to_owned(),
                },
            },
        ],
        recommendation: Recommendation {
            rung: "lto".to_owned(),
            reason: "its gain over release is real".to_owned(),
        },
    }
}

#[test]
fn the_answer_comes_first_at_every_width() {
    for width in [40, 80, 160] {
        let text = ladder_terminal(&ladder(), width, Style::Plain);
        let words: Vec<&str> = text.split_whitespace().collect();
        let flat = words.join(" ");
        assert!(
            flat.starts_with(
                "Ladder of tool Recommended: lto. Its gain over release is real. rung"
            ) || flat.starts_with(
                "Ladder of tool Recommended: lto. Its gain over release is real. release"
            ),
            "{width}: {text}"
        );
        for part in [
            "(recommended)",
            "skipped",
            "not measured",
            "5.02 MB",
            "46.0 s",
            "−5.0 %",
            "−6.0 %",
            "There is no llvm-bolt | on PATH.",
            "pgo over lto, warm/short: The simultaneous interval includes 1. To know: about 20 restarts.",
        ] {
            assert!(flat.contains(part), "{width}: `{part}` is not in\n{text}");
        }
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{width}: {text}");
    }
}

#[test]
fn markdown_has_tables_that_text_from_outside_cannot_break() {
    let text = ladder_markdown(&ladder());
    assert!(
        text.starts_with("# Ladder of `tool`\n\n**Recommended:** `lto`"),
        "{text}"
    );
    for line in [
        "| rung | over the one below | over the first | size | build time |",
        "- `bolt`: There is no llvm-bolt \\| on PATH.",
        "| **`warm/short`** |  |  |  |  |  |",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn several_scenarios_are_counted() {
    let mut ladder = ladder();
    let mut second = change(Verdict::Slower, 1.05);
    second.scenario = "cold/short".to_owned();
    let both = compared("release", vec![change(Verdict::Faster, 0.95), second]);
    ladder.rungs[1] = rung("lto", Some(both.clone()), Some(both));
    let text = ladder_markdown(&ladder);
    assert!(text.contains("1 **faster**, 1 **slower**"), "{text}");
}
