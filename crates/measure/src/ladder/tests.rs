//! Where to stop, on built ladders: by measured and by derived answers; and the joint judgement.

use super::*;
use crate::record::tests::with_times;
use crate::stats::Interval;

const THRESHOLD: f64 = 0.01;

fn judging() -> Judging {
    Judging {
        threshold: THRESHOLD,
        ..Judging::default()
    }
}

/// A change of ln ratio `center` ± `half`, with the verdict that the rule gives it.
fn change(scenario: &str, role: Role, center: f64, half: f64) -> Change {
    let interval = Interval {
        center,
        low: center - half,
        high: center + half,
    };
    Change {
        scenario: scenario.to_owned(),
        role,
        verdict: verdict::answer(&interval, THRESHOLD.ln_1p()),
        trust: Trust::Sound,
        reason: String::new(),
        remedy: None,
        effect: Some(center.exp()),
        ci_low: None,
        ci_high: None,
        simultaneous_low: Some(interval.low.exp()),
        simultaneous_high: Some(interval.high.exp()),
    }
}

fn artifact() -> Artifact {
    Artifact {
        path: "rungs/x/arms/baseline/x".to_owned(),
        sha256: "00".repeat(32),
        text_sha256: None,
        text_size_bytes: None,
        size_bytes: 1,
        rustflags: None,
    }
}

fn built(name: &str, below: Option<Vec<Change>>, first: Option<Vec<Change>>) -> Rung {
    let compared = |changes| Compared {
        against: "another".to_owned(),
        record: String::new(),
        changes,
    };
    Rung {
        name: name.to_owned(),
        adds: String::new(),
        outcome: Outcome::Built(Box::new(Built {
            artifact: artifact(),
            build_s: Some(1.0),
            proof: Vec::new(),
            below: below.map(compared),
            first: first.map(compared),
        })),
    }
}

fn skipped(name: &str) -> Rung {
    Rung {
        name: name.to_owned(),
        adds: String::new(),
        outcome: Outcome::Skipped {
            reason: "no tool".to_owned(),
        },
    }
}

/// A ladder of one scenario: per rung its name, and the ln ratio to the rung below with the half
/// width of its interval. Against the first rung, the ln ratios add up, and are as wide.
fn ladder(steps: &[(&str, f64, f64)]) -> Vec<Rung> {
    let mut rungs = vec![built("release", None, None)];
    let mut sum = 0.0;
    for &(name, step, half) in steps {
        sum += step;
        let of = |center| Some(vec![change("work", Role::Primary, center, half)]);
        rungs.push(built(name, of(step), of(sum)));
    }
    rungs
}

#[test]
fn one_climbs_as_far_as_gains_are_real() {
    /// A rung, its change over the rung below, and half its interval's width.
    type Gain<'a> = (&'a str, f64, f64);
    let cases: [(&[Gain<'_>], &str); 8] = [
        (&[], "release"),
        // Gains that are none, or too small to matter.
        (&[("lto", 0.0, 0.003), ("cpu", -0.004, 0.003)], "release"),
        (&[("lto", -0.05, 0.003), ("cpu", 0.0, 0.003)], "lto"),
        // The cheaper rung brings nothing: one climbs over it.
        (&[("lto", 0.0, 0.003), ("cpu", -0.5, 0.003)], "cpu"),
        (&[("lto", -0.05, 0.003), ("cpu", -0.5, 0.003)], "cpu"),
        // What is lost and regained is no gain over what was there before.
        (
            &[
                ("lto", -0.08, 0.003),
                ("cpu", 0.05, 0.003),
                ("pgo", -0.05, 0.003),
            ],
            "lto",
        ),
        // More is regained than was lost.
        (
            &[
                ("lto", -0.08, 0.003),
                ("cpu", 0.05, 0.003),
                ("pgo", -0.09, 0.003),
            ],
            "pgo",
        ),
        // A wide interval claims nothing.
        (&[("lto", -0.05, 0.06)], "release"),
    ];
    for (steps, expected) in cases {
        let found = recommend(&ladder(steps), &judging()).expect("a first rung");
        assert_eq!(found.rung, expected, "{steps:?}: {}", found.reason);
    }
}

#[test]
fn the_reason_names_what_is_passed_over_and_what_is_open() {
    let rungs = ladder(&[
        ("lto", 0.0, 0.003),
        ("cpu", -0.5, 0.003),
        ("pgo", -0.02, 0.04),
    ]);
    let reason = recommend(&rungs, &judging()).expect("a first rung").reason;
    assert_eq!(
        reason,
        "its gain over release is real: faster in 1 of 1 scenarios, slower in none; it contains \
         lto, without a real gain there; no rung above it has a gain over it that is real; open is \
         whether pgo gains"
    );
    let alone = recommend(&ladder(&[]), &judging()).expect("a first rung");
    assert_eq!(alone.reason, "no other rung could be built");
}

#[test]
fn a_loss_in_any_scenario_or_a_gain_in_guards_alone_is_no_real_gain() {
    let half = 0.003;
    for (changes, expected) in [
        ([(Role::Primary, -0.05), (Role::Primary, 0.0)], "lto"),
        ([(Role::Primary, -0.05), (Role::Primary, 0.05)], "release"),
        ([(Role::Primary, -0.05), (Role::Guard, 0.05)], "release"),
        ([(Role::Primary, 0.0), (Role::Guard, -0.05)], "release"),
    ] {
        let changes: Vec<Change> = changes
            .iter()
            .zip(["a", "b"])
            .map(|(&(role, center), name)| change(name, role, center, half))
            .collect();
        let rungs = [
            built("release", None, None),
            built("lto", Some(changes.clone()), Some(changes)),
        ];
        let found = recommend(&rungs, &judging()).expect("a first rung");
        assert_eq!(found.rung, expected, "{}", found.reason);
    }
}

/// A change whose measurement nothing may be built on, as of a control that differs from the baseline.
fn untrusted(change: Change) -> Change {
    Change {
        verdict: Verdict::Inconclusive,
        trust: Trust::Unsound,
        ..change
    }
}

/// A change that was not measured, as the budget did not hold it.
fn not_run(change: Change) -> Change {
    Change {
        effect: None,
        simultaneous_low: None,
        simultaneous_high: None,
        ..untrusted(change)
    }
}

#[test]
fn a_guard_holds_where_its_interval_can_be_trusted() {
    let half = 0.003;
    let guard = |center, half| change("guard", Role::Guard, center, half);
    let held_back = "lto is held back: there is no interval that can be trusted of the guard guard";
    let open = "open is whether lto gains";
    for (name, gain, guard, expected, told) in [
        ("no slower", -0.05, guard(0.0, half), "lto", "is real"),
        ("too wide", -0.05, guard(0.01, 0.2), "lto", "is real"),
        (
            "not run",
            -0.05,
            not_run(guard(0.0, half)),
            "release",
            held_back,
        ),
        (
            "control",
            -0.05,
            untrusted(guard(0.0, half)),
            "release",
            held_back,
        ),
        // A wide one as well, and one that seems faster.
        (
            "both",
            -0.05,
            untrusted(guard(0.01, 0.2)),
            "release",
            held_back,
        ),
        (
            "faster",
            -0.05,
            untrusted(guard(-0.05, half)),
            "release",
            held_back,
        ),
        // Nothing is faster: then no guard keeps anything back.
        ("no gain", 0.0, not_run(guard(0.0, half)), "release", open),
        (
            "loss",
            0.05,
            not_run(guard(0.0, half)),
            "release",
            "no rung above it",
        ),
    ] {
        let changes = vec![change("work", Role::Primary, gain, half), guard];
        let rungs = [
            built("release", None, None),
            built("lto", Some(changes.clone()), Some(changes)),
        ];
        let found = recommend(&rungs, &judging()).expect("a first rung");
        assert_eq!(found.rung, expected, "{name}: {}", found.reason);
        assert!(found.reason.contains(told), "{name}: {}", found.reason);
        let is_held_back = found.reason.contains("held back");
        assert_eq!(is_held_back, told == held_back, "{name}: {}", found.reason);
    }
}

#[test]
fn a_primary_scenario_that_cannot_be_trusted_is_no_guard() {
    let changes = vec![
        change("work", Role::Primary, -0.05, 0.003),
        not_run(change("more", Role::Primary, 0.0, 0.003)),
    ];
    let rungs = [
        built("release", None, None),
        built("lto", Some(changes.clone()), Some(changes)),
    ];
    let found = recommend(&rungs, &judging()).expect("a first rung");
    assert_eq!(found.rung, "lto", "{}", found.reason);
}

/// Of rungs that were not measured against each other, a guard's interval follows from those that can
/// be trusted: pgo over lto here, by the steps between or over release.
#[test]
fn a_guard_between_rungs_that_were_not_compared_needs_a_way_that_can_be_trusted() {
    type Spoil = fn(Change) -> Change;
    let sound: Spoil = |change| change;
    let wide: Spoil = |change| Change {
        verdict: Verdict::Inconclusive,
        simultaneous_low: Some(0.8),
        simultaneous_high: Some(1.2),
        ..change
    };
    let cases: [(&str, Spoil, Spoil, &str); 5] = [
        ("both ways", sound, sound, "pgo"),
        ("by steps", sound, untrusted, "pgo"),
        ("over the first", not_run, sound, "pgo"),
        ("no way", untrusted, not_run, "lto"),
        ("wide alone", wide, not_run, "pgo"),
    ];
    for (name, below, first, expected) in cases {
        let both = |gain, spoil: Spoil| {
            let guard = spoil(change("guard", Role::Guard, 0.0, 0.003));
            Some(vec![change("work", Role::Primary, gain, 0.003), guard])
        };
        let rungs = [
            built("release", None, None),
            built("lto", both(-0.05, sound), both(-0.05, sound)),
            built("cpu", both(0.0, sound), both(-0.05, sound)),
            built("pgo", both(-0.05, below), both(-0.1, first)),
        ];
        let found = recommend(&rungs, &judging()).expect("a first rung");
        assert_eq!(found.rung, expected, "{name}: {}", found.reason);
        let told = "pgo is held back: there is no interval that can be trusted of the guard guard";
        let is_held_back = found.reason.contains(told);
        assert_eq!(is_held_back, expected == "lto", "{name}: {}", found.reason);
    }
}

#[test]
fn rungs_that_were_skipped_are_passed_over() {
    let mut rungs = ladder(&[("lto", -0.05, 0.003), ("pgo", -0.05, 0.003)]);
    rungs.insert(2, skipped("cpu"));
    rungs.push(skipped("bolt"));
    let found = recommend(&rungs, &judging()).expect("a first rung");
    assert_eq!(found.rung, "pgo");
    assert_eq!(recommend(&[skipped("release")], &judging()), None);
}

/// Direct answers stand: what would follow from others does not take their place.
#[test]
fn a_measured_pair_is_judged_by_its_measurement() {
    let wide = vec![change("work", Role::Primary, -0.05, 0.2)];
    let sharp = |center| Some(vec![change("work", Role::Primary, center, 0.003)]);
    let rungs = [
        built("release", None, None),
        built("lto", sharp(-0.05), sharp(-0.05)),
        built("cpu", Some(wide), sharp(-0.15)),
    ];
    let found = recommend(&rungs, &judging()).expect("a first rung");
    assert_eq!(found.rung, "lto");
    assert!(found.reason.contains("open is whether cpu gains"));
}

#[test]
fn an_answer_that_holds_alone_may_not_hold_among_many() {
    // Restarts of 8 differ by 2.5 %, about a gain of 3 %.
    let times: Vec<[f64; 3]> = (0..8)
        .map(|restart| {
            let luck = if restart % 2 == 0 { 0.0234 } else { -0.0234 };
            [100e6, 100e6, 100e6 * f64::exp(-0.03 + luck)]
        })
        .collect();
    let record = with_times(&times);
    let verdict_of = |count: usize| {
        let records = vec![record.clone(); count];
        let changes = judge_together(&records);
        assert_eq!(changes.len(), count);
        (changes[0][0].verdict, changes[0][0].trust)
    };
    assert_eq!(verdict_of(1), (Verdict::Faster, Trust::Sound));
    assert_eq!(verdict_of(10), (Verdict::Inconclusive, Trust::Sound));
    assert_eq!(judge_together(&[]), Vec::<Vec<Change>>::new());
}

#[test]
fn what_can_be_trusted_is_told_beside_the_answer() {
    for (name, restarts, control, trust) in [
        ("as it should be", 9, 100e6, Trust::Sound),
        ("a control that differs", 9, 110e6, Trust::Unsound),
        ("too few restarts", 3, 100e6, Trust::Unsound),
    ] {
        let record = with_times(&vec![[100e6, control, 80e6]; restarts]);
        let changes = judge_together(&[record]);
        assert_eq!(changes[0][0].trust, trust, "{name}: {:?}", changes[0][0]);
    }
}
