//! A sound pipeline, and each way in which it can be wrong.

use std::path::PathBuf;

use inferno_measure::comparison::{
    COMPARISON_SCHEMA, Comparison, Pairing, Row, Series, Side, Subject, Unit,
};
use inferno_measure::record::{FunctionCode, HotFunction, Verdict};

use super::Answer::{CannotTell, No};
use super::Question::{
    CountsKept, HotCodeDiffers, NoCounters, NotSlower, ProfileCurrent, ProfileOfProgram,
    ProfileReadable, ProfileUsed, ShippedAsBuilt,
};
use super::*;
use crate::artifact::Artifact;
use crate::audit::build_log::BuildLog;
use crate::audit::evidence::{Against, Effect};
use crate::audit::left::{Given, Shipped};
use crate::functions::Sizes;

const LOUD_FLAGS: &str =
    "-Cllvm-args=-pgo-warn-missing-function -Cllvm-args=-no-pgo-warn-mismatch-comdat-weak=false";

/// A compilation of the crate `name` with `flags`.
fn compiled(name: &str, flags: &str) -> String {
    format!(
        "     Running `rustc --crate-name {name} --crate-type bin --out-dir /t/deps -Copt-level=3 {flags}`\n"
    )
}

fn with_profile(name: &str) -> String {
    compiled(name, &format!("-Cprofile-use=/p/m.profdata {LOUD_FLAGS}"))
}

fn log(text: &str) -> BuildLog {
    BuildLog::parse(text)
}

fn artifact(name: &str) -> Artifact {
    Artifact {
        path: format!("/t/{name}").into(),
        sha256: name.into(),
        text_sha256: name.into(),
        text_size_bytes: 1,
        size_bytes: 2,
        counters: Counters::Absent,
        rustflags: Vec::new(),
    }
}

fn own(size_bytes: u64) -> FunctionCode {
    FunctionCode::Own {
        size_bytes,
        symbols: 1,
        placement: None,
    }
}

fn hot(baseline: FunctionCode, candidate: FunctionCode) -> HotFunction {
    HotFunction {
        name: "gain::run".into(),
        counts_share: 0.9,
        copies: 1,
        baseline,
        candidate,
    }
}

fn comparison(verdict: Verdict) -> Comparison {
    let side = |name: &str| Side {
        name: name.into(),
        sha256: None,
        measured: None,
    };
    Comparison {
        schema: COMPARISON_SCHEMA,
        subject: Subject::Programs,
        baseline: side("old"),
        candidate: side("new"),
        threshold: 0.01,
        drift: None,
        rows: vec![Row {
            name: "new".into(),
            pairing: Pairing::Paired,
            verdict,
            reason: "the interval is too wide".into(),
            remedy: None,
            effect: Some(0.9),
            ci_low: Some(0.88),
            ci_high: Some(0.92),
            simultaneous_low: None,
            simultaneous_high: None,
            aa: None,
            baseline_units: 8,
            candidate_units: 8,
            unit: Unit::Restart,
            baseline_time: None,
            candidate_time: None,
            notes: Vec::new(),
            samples: Series::default(),
        }],
        differences: Vec::new(),
        notes: Vec::new(),
    }
}

fn measured(verdict: Verdict) -> Effect {
    Effect::Measured(Box::new(comparison(verdict)))
}

fn figures(counts_total: u64) -> ProfileState {
    ProfileState::Counted(Figures {
        functions_total: 100,
        functions_covered: 50,
        counts_total,
        blocks_total: 900,
        blocks_for_99_percent: 20,
    })
}

fn functions(covered: u64, found: u64, known: u64, unknown: u64) -> Functions {
    Functions {
        covered,
        found,
        known,
        unknown,
        sizes: Sizes::Told,
    }
}

/// Every question is asked, and answered with yes.
fn sound() -> Evidence {
    Evidence {
        profile: figures(1_000_000),
        profile_sha256: "m".into(),
        log: log(&(with_profile("dep") + &with_profile("gain"))),
        given: vec![Given::Audited("/p/m.profdata".into())],
        shipped: Shipped::AsLinked("/t/deps/gain".into()),
        binary: artifact("candidate"),
        functions: Some(functions(50, 40, 80, 0)),
        against: Some(Against {
            baseline: artifact("baseline"),
            hottest: vec![hot(own(100), own(120)), hot(own(8), own(8))],
        }),
        effect: Some(measured(Verdict::Faster)),
    }
}

/// The questions that are not answered with yes.
fn not_yes(evidence: &Evidence) -> Vec<(Question, Answer)> {
    let answers = answers(evidence);
    for answered in &answers {
        let is_good = answered.answer == Answer::Yes;
        assert_eq!(answered.next_step.is_none(), is_good, "{answered:?}");
        assert!(!answered.why.is_empty() && !answered.why.ends_with('.'));
    }
    answers
        .iter()
        .filter(|answered| answered.answer != Answer::Yes)
        .map(|answered| (answered.question, answered.answer))
        .collect()
}

#[test]
fn a_sound_pipeline_gets_nine_times_yes() {
    assert!(not_yes(&sound()).is_empty());
    assert_eq!(answers(&sound()).len(), 9);
    assert_eq!(discarded_share(&sound()), Some(0.0));
}

#[test]
fn without_baseline_and_workload_their_questions_are_not_asked() {
    let evidence = Evidence {
        against: None,
        effect: None,
        ..sound()
    };
    let asked: Vec<Question> = answers(&evidence).iter().map(|one| one.question).collect();
    assert_eq!(asked.len(), 7);
    assert!(!asked.contains(&HotCodeDiffers) && !asked.contains(&NotSlower));
}

#[test]
fn an_unusable_profile() {
    let no_counts = |answer| {
        vec![
            (ProfileReadable, answer),
            (CountsKept, CannotTell),
            (ProfileCurrent, CannotTell),
        ]
    };
    for (profile, expected) in [
        (ProfileState::NotMerged, no_counts(No)),
        (ProfileState::Refused("bad magic".into()), no_counts(No)),
        (
            ProfileState::ToolLacks("no zlib".into()),
            no_counts(CannotTell),
        ),
        // What is nothing is wholly discarded.
        (
            figures(0),
            vec![
                (ProfileReadable, No),
                (CountsKept, No),
                (ProfileCurrent, No),
            ],
        ),
    ] {
        let evidence = Evidence {
            profile: profile.clone(),
            ..sound()
        };
        assert_eq!(not_yes(&evidence), expected, "{profile:?}");
    }
}

/// How the log answers whether the profile was used, and what else it leaves open.
fn by_log(text: &str) -> Vec<(Question, Answer)> {
    not_yes(&Evidence {
        log: log(text),
        ..sound()
    })
}

#[test]
fn a_profile_that_was_not_used() {
    let silent = [(CountsKept, CannotTell), (ProfileCurrent, CannotTell)];
    let unused = [vec![(ProfileUsed, No)], silent.to_vec()].concat();
    assert_eq!(by_log(&compiled("gain", "")), unused, "no flag");
    assert_eq!(
        by_log(&compiled("gain", "-Cprofile-generate=/raw")),
        unused,
        "the instrumented build"
    );
    assert_eq!(
        by_log("error: file `/p` passed to `-C profile-use` does not exist\n"),
        unused,
        "a missing profile"
    );
    let part = compiled("dep", LOUD_FLAGS) + &with_profile("gain");
    assert_eq!(by_log(&part), [(ProfileUsed, No)], "the last crate alone");
    for refusal in [
        "warning: m.profdata: malformed instrumentation profile data",
        "warning: m.profdata: unsupported instrumentation profile format version",
    ] {
        let text = with_profile("gain") + refusal;
        assert_eq!(by_log(&text), unused, "{refusal}");
    }
}

#[test]
fn a_log_that_cannot_tell() {
    let open = [
        (ProfileUsed, CannotTell),
        (CountsKept, CannotTell),
        (ProfileCurrent, CannotTell),
    ];
    for text in [
        String::new(),
        "   Compiling gain v0.0.0\n    Finished `release` profile\n".to_owned(),
        with_profile("gain") + "       Fresh dep v1.0.0\n",
        with_profile("gain") + "error: could not compile `gain`\n",
        with_profile("gain") + "     Running `rustc --crate-name cut",
        with_profile("gain").replace("-Copt-level=3", "-C incremental=/t/incremental"),
    ] {
        assert_eq!(by_log(&text), open, "{text}");
        let log = log(&text);
        assert_eq!(discarded_share(&Evidence { log, ..sound() }), None);
    }
    // What was not given the profile holds nothing of it.
    let host =
        with_profile("gain") + &compiled("build_script_build", "-Cincremental=/t/incremental");
    let of_target = host.replace("-Cprofile-use", "--target t -Cprofile-use");
    assert!(by_log(&of_target).is_empty());
    let wrapped = with_profile("gain").replace("`rustc", "`sccache rustc");
    assert_eq!(by_log(&wrapped), [(ProfileUsed, CannotTell)]);
}

#[test]
fn another_profile_and_one_that_is_not_what_it_was() {
    let given = |given: Given| {
        let audited = Given::Audited("/p/m.profdata".into());
        not_yes(&Evidence {
            given: vec![audited, given],
            ..sound()
        })
    };
    let path = PathBuf::from("/p/other.profdata");
    assert_eq!(given(Given::Other(path.clone())), [(ProfileUsed, No)]);
    for unknown in [Given::Rewritten(path.clone()), Given::Gone(path)] {
        assert_eq!(given(unknown), [(ProfileUsed, CannotTell)]);
    }
}

#[test]
fn compilers_that_were_silenced() {
    let both = vec![(CountsKept, CannotTell), (ProfileCurrent, CannotTell)];
    let whole = with_profile("gain");
    for (text, expected) in [
        (whole.replace(LOUD_FLAGS, ""), both.clone()),
        (
            whole.replace(LOUD_FLAGS, &format!("{LOUD_FLAGS} --cap-lints allow")),
            both.clone(),
        ),
        (
            whole.replace(LOUD_FLAGS, &format!("{LOUD_FLAGS} --allow=warnings")),
            both.clone(),
        ),
        (
            whole.replace(
                LOUD_FLAGS,
                &format!("{LOUD_FLAGS} -Cllvm-args=-no-pgo-warn-mismatch"),
            ),
            both,
        ),
        (
            whole.replace("-Cllvm-args=-pgo-warn-missing-function", ""),
            vec![(ProfileCurrent, CannotTell)],
        ),
        (
            whole.clone() + "PGO profile data was not found for 12 functions.\n",
            vec![(ProfileCurrent, CannotTell)],
        ),
    ] {
        assert_eq!(by_log(&text), expected, "{text}");
    }
}

/// What the compiler says of a function that has changed.
fn changed(counts: u64) -> String {
    format!(
        "warning: m.rs: function control flow change detected (hash mismatch) f Hash = 4 up to {counts} count discarded\n"
    )
}

#[test]
fn a_stale_profile() {
    let stale = [(CountsKept, No), (ProfileCurrent, No)];
    let loud = with_profile("gain");
    assert_eq!(by_log(&(loud.clone() + &changed(10_001))), stale);
    // What was heard stands, whatever was not.
    let quiet = loud.replace(LOUD_FLAGS, "");
    assert_eq!(by_log(&(quiet + &changed(10_001))), stale);
    let little = log(&(loud + &changed(10_000)));
    let evidence = Evidence {
        log: little,
        ..sound()
    };
    assert!(not_yes(&evidence).is_empty());
    assert_eq!(discarded_share(&evidence), Some(0.01));
    // Sources with other functions discard nothing: they are not looked up.
    for (unknown, expected) in [(4, vec![]), (5, vec![(ProfileCurrent, No)])] {
        let evidence = Evidence {
            functions: Some(functions(50, 40, 80, unknown)),
            ..sound()
        };
        assert_eq!(not_yes(&evidence), expected, "{unknown}");
    }
}

#[test]
fn a_profile_of_another_program() {
    for (found, expected) in [
        (50, vec![]),
        (15, vec![]),
        (14, vec![(ProfileOfProgram, CannotTell)]),
        (8, vec![(ProfileOfProgram, CannotTell)]),
        (7, vec![(ProfileOfProgram, No)]),
        (0, vec![(ProfileOfProgram, No)]),
    ] {
        let evidence = Evidence {
            functions: Some(functions(50, found, 80, 0)),
            ..sound()
        };
        assert_eq!(not_yes(&evidence), expected, "{found}");
    }
    let only_main = Evidence {
        functions: Some(functions(0, 0, 1, 0)),
        ..sound()
    };
    assert_eq!(not_yes(&only_main), [(ProfileOfProgram, CannotTell)]);
}

#[test]
fn an_instrumented_binary_is_shipped() {
    let mut evidence = sound();
    evidence.binary.counters = Counters::Present;
    assert_eq!(not_yes(&evidence), [(NoCounters, No)]);
}

#[test]
fn a_stripped_binary_says_what_to_keep() {
    let against = Against {
        baseline: artifact("baseline"),
        hottest: vec![hot(own(100), FunctionCode::NotKnown)],
    };
    let evidence = Evidence {
        functions: None,
        against: Some(against),
        ..sound()
    };
    let open = [ProfileOfProgram, ProfileCurrent, HotCodeDiffers];
    assert_eq!(
        not_yes(&evidence),
        open.map(|question| (question, CannotTell))
    );
    let answers = answers(&evidence);
    let mut steps = answers
        .iter()
        .filter_map(|answered| answered.next_step.as_deref());
    assert!(steps.all(|step| step.contains("strip")));
}

#[test]
fn a_platform_without_sizes_leaves_hot_code_open_and_nothing_else() {
    let functions = Functions {
        sizes: Sizes::NotTold,
        ..functions(50, 40, 80, 0)
    };
    let of_hot_code = |baseline: &str| {
        let against = Against {
            baseline: artifact(baseline),
            hottest: vec![hot(FunctionCode::NotKnown, FunctionCode::NotKnown)],
        };
        let evidence = Evidence {
            functions: Some(functions),
            against: Some(against),
            ..sound()
        };
        (not_yes(&evidence), answers(&evidence))
    };
    let (open, answers) = of_hot_code("baseline");
    assert_eq!(open, [(HotCodeDiffers, CannotTell)]);
    let of_sizes = answers.iter().filter(|one| one.why.contains("sizes"));
    assert_eq!(of_sizes.count(), 1);
    // That it is the baseline is told by the code as a whole.
    let (identical, _) = of_hot_code("candidate");
    assert_eq!(identical, [(HotCodeDiffers, No)]);
}

#[test]
fn what_is_shipped_beside_what_was_built() {
    for (shipped, expected) in [
        (Shipped::Otherwise("/t/deps/gain".into()), No),
        (Shipped::Rewritten("/t/deps/gain".into()), CannotTell),
        (Shipped::Gone("/t/deps/gain".into()), CannotTell),
        (Shipped::NotLogged, CannotTell),
    ] {
        let evidence = Evidence { shipped, ..sound() };
        assert_eq!(not_yes(&evidence), [(ShippedAsBuilt, expected)]);
    }
}

#[test]
fn hot_code_beside_the_baselines() {
    use FunctionCode::InlinedOrGone;
    for (hottest, expected) in [
        (vec![hot(own(1), InlinedOrGone)], vec![]),
        (vec![hot(InlinedOrGone, own(1))], vec![]),
        (
            vec![hot(own(8), own(8))],
            vec![(HotCodeDiffers, CannotTell)],
        ),
        (
            vec![hot(InlinedOrGone, InlinedOrGone)],
            vec![(HotCodeDiffers, CannotTell)],
        ),
        (vec![], vec![(HotCodeDiffers, CannotTell)]),
    ] {
        let against = Against {
            baseline: artifact("baseline"),
            hottest: hottest.clone(),
        };
        let evidence = Evidence {
            against: Some(against),
            ..sound()
        };
        assert_eq!(not_yes(&evidence), expected, "{hottest:?}");
    }
    let mut identical = sound();
    identical.binary.text_sha256 = "baseline".into();
    assert_eq!(not_yes(&identical), [(HotCodeDiffers, No)]);
}

#[test]
fn the_effect_has_its_interval_and_a_failure_is_no_yes() {
    for (effect, expected) in [
        (Some(measured(Verdict::NoDifference)), vec![]),
        (Some(measured(Verdict::Slower)), vec![(NotSlower, No)]),
        (
            Some(measured(Verdict::Inconclusive)),
            vec![(NotSlower, CannotTell)],
        ),
        (
            Some(Effect::Failed("exit code 3".into())),
            vec![(NotSlower, CannotTell)],
        ),
    ] {
        let evidence = Evidence { effect, ..sound() };
        assert_eq!(not_yes(&evidence), expected);
    }
    let answers = answers(&sound());
    let effect = answers.last().expect("an answer");
    assert_eq!(
        effect.why,
        "faster: the time changes by -10.0 % (95 % interval -12.0 % … -8.0 %)"
    );
}
