//! Hosts on built records: what is pooled, what is not, and what must be alike.

use super::*;
use crate::comparison::tests::{record, surrounded_by_others};
use crate::record::tests::with_times;

fn host(label: &str, effect: f64, seed: u64) -> HostRecord {
    HostRecord {
        label: label.to_owned(),
        record: record('a', 'b', effect, 1.0, seed),
    }
}

fn hosts(effects: &[f64]) -> Vec<HostRecord> {
    let hosts = effects.iter().zip(0..);
    hosts
        .map(|(effect, seed)| host(&format!("host {seed}"), *effect, seed + 30))
        .collect()
}

fn only(comparison: &HostComparison) -> &HostScenario {
    let [scenario] = comparison.scenarios.as_slice() else {
        panic!("one scenario: {comparison:?}");
    };
    scenario
}

#[test]
fn hosts_that_agree_are_pooled_to_a_narrow_interval() {
    let comparison = of_hosts(&hosts(&[0.9; 5]), 0.01);
    let scenario = only(&comparison);
    assert_eq!(scenario.rows.len(), 5);
    assert!(scenario.rows.iter().all(|row| row.left_out.is_none()));
    let pooled = scenario.pooled.as_ref().expect("five hosts");
    assert_eq!((pooled.hosts, pooled.verdict), (5, Verdict::Faster));
    let effect = pooled.effect;
    assert!((effect.effect - 0.9).abs() < 0.003, "{pooled:?}");
    assert!(pooled.spread < 0.003, "{pooled:?}");
    assert!(effect.ci_low > 0.89 && effect.ci_high < 0.91, "{pooled:?}");
    let new_host = pooled.new_host.expect("five hosts");
    assert!(new_host.ci_low <= effect.ci_low && effect.ci_high <= new_host.ci_high);
    assert!(comparison.differences.is_empty(), "{comparison:?}");
}

#[test]
fn hosts_that_differ_are_shown_and_leave_the_pooled_answer_open() {
    // Each host is sure, and they contradict each other.
    let comparison = of_hosts(&hosts(&[0.8, 1.0, 1.2]), 0.01);
    let scenario = only(&comparison);
    let verdicts: Vec<Verdict> = scenario.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Faster, Verdict::NoDifference, Verdict::Slower]
    );
    let pooled = scenario.pooled.as_ref().expect("three hosts");
    assert_eq!(pooled.verdict, Verdict::Inconclusive, "{}", pooled.reason);
    assert!(pooled.spread > 0.15, "{pooled:?}");
    assert!(pooled.spread_share > 0.99, "{pooled:?}");
    assert!(pooled.remedy.is_some());
    assert!(comparison.has(Verdict::Slower) && comparison.has(Verdict::Inconclusive));
    // A spread that the effect outweighs is overcome by more hosts, and by how many is said.
    let comparison = of_hosts(&hosts(&[0.85, 0.9, 0.97]), 0.01);
    let pooled = only(&comparison).pooled.as_ref().expect("three hosts");
    assert_eq!(pooled.verdict, Verdict::Inconclusive, "{}", pooled.reason);
    let remedy = pooled.remedy.as_ref().expect("open");
    assert!(remedy.contains("hosts instead of 3"), "{remedy}");
}

#[test]
fn one_host_is_not_pooled_and_two_foretell_no_third() {
    let one = of_hosts(&hosts(&[0.9]), 0.01);
    assert_eq!(only(&one).pooled, None);
    assert_eq!(only(&one).rows[0].verdict, Verdict::Faster);
    let two = of_hosts(&hosts(&[0.9, 0.9]), 0.01);
    let pooled = only(&two).pooled.as_ref().expect("two hosts");
    assert_eq!((pooled.hosts, pooled.new_host), (2, None));
}

#[test]
fn the_order_of_the_hosts_does_not_matter() {
    let mut turned = hosts(&[0.9, 0.92, 0.87]);
    let there = of_hosts(&turned, 0.01);
    turned.reverse();
    let back = of_hosts(&turned, 0.01);
    let [there, back] = [&there, &back].map(|found| only(found).pooled.clone().expect("three"));
    assert!((there.effect.ci_low - back.effect.ci_low).abs() < 1e-9);
    assert!((there.spread - back.spread).abs() < 1e-9);
    assert_eq!(there.verdict, back.verdict);
}

#[test]
fn a_host_that_its_own_record_does_not_trust_is_shown_and_not_pooled() {
    let mut spoilt = hosts(&[0.9, 0.9, 0.9]);
    spoilt[1].record = surrounded_by_others(spoilt[1].record.clone());
    spoilt[2].record = with_times(&[[50e6, 50e6, 40e6]; 7]);
    let comparison = of_hosts(&spoilt, 0.01);
    let scenario = only(&comparison);
    assert_eq!(scenario.rows[0].left_out, None);
    for (row, why) in [(1, "during the turns of"), (2, "only 7 of at least 8")] {
        let left_out = scenario.rows[row].left_out.as_ref().expect(why);
        assert!(left_out.contains(why), "{left_out}");
    }
    assert_eq!(scenario.pooled, None);
}

#[test]
fn a_scenario_of_some_hosts_is_pooled_over_these() {
    let mut some = hosts(&[0.9, 0.9, 0.9]);
    for host in &mut some[1..] {
        let mut more = host.record.scenarios[0].clone();
        more.scenario.name = "more".to_owned();
        host.record.scenarios.push(more);
    }
    let comparison = of_hosts(&some, 0.01);
    let found: Vec<(usize, u32)> = comparison
        .scenarios
        .iter()
        .map(|scenario| {
            let pooled = scenario.pooled.as_ref();
            (scenario.rows.len(), pooled.map_or(0, |pooled| pooled.hosts))
        })
        .collect();
    assert_eq!(found, [(3, 3), (2, 2)]);
}

#[test]
fn machines_may_differ_and_what_is_asked_of_them_may_not() {
    type Change = fn(&mut Record);
    let changes: [(Option<&str>, Change); 8] = [
        (None, |r| r.host.cpu_model = Some("other".into())),
        (None, |r| r.host.cores = Some(999)),
        (None, |r| r.host.kernel = Some("other".into())),
        (Some("program of the candidates"), |r| {
            r.artifacts.candidate.sha256 = "c".repeat(64);
            r.artifacts.candidate.text_sha256 = Some("cc".repeat(32));
        }),
        (Some("compilers"), |r| r.toolchain = None),
        (Some("flags of the candidates"), |r| {
            r.artifacts.candidate.rustflags = Some(vec!["-Copt-level=1".into()]);
        }),
        (Some("input p.txt"), |r| {
            r.inputs[0].sha256 = "ff".repeat(32);
        }),
        (Some("declaration of warm/short"), |r| {
            r.workloads.insert("warm/short".into(), "66".repeat(32));
        }),
    ];
    for (what, change) in changes {
        let mut changed = hosts(&[0.9, 0.9]);
        change(&mut changed[1].record);
        let comparison = of_hosts(&changed, 0.01);
        let found: Vec<&str> = comparison
            .obstacles()
            .map(|difference| difference.what.as_str())
            .collect();
        assert_eq!(found, Vec::from_iter(what), "{comparison:?}");
        let of_second = |one: &HostDifference| one.host == "host 1";
        assert!(comparison.differences.iter().all(of_second));
    }
    // Other files with the same machine code are the same pair.
    let mut changed = hosts(&[0.9, 0.9]);
    changed[1].record.artifacts.baseline.sha256 = "d".repeat(64);
    let comparison = of_hosts(&changed, 0.01);
    assert_eq!(comparison.obstacles().count(), 0);
    assert_eq!(comparison.differences.len(), 1);
}

#[test]
fn another_threshold_and_a_common_processor_are_said() {
    let mut changed = hosts(&[0.9, 0.9]);
    changed[1].record.judging.threshold = 0.2;
    let comparison = of_hosts(&changed, 0.2);
    assert_eq!(only(&comparison).rows[0].verdict, Verdict::NoDifference);
    let notes = comparison.notes.join(" ");
    assert!(notes.contains("record of host 0 declares a threshold of 1 %"));
    assert!(!notes.contains("record of host 1 declares"));
    for host in &mut changed {
        host.record.host.cpu_model = Some("the same".to_owned());
    }
    let notes = of_hosts(&changed, 0.2).notes.join(" ");
    assert!(
        notes.contains("2 hosts have one processor model"),
        "{notes}"
    );
}

#[test]
fn hosts_that_nothing_tells_apart_may_be_one() {
    let one = "host 0 and host 2 have the same processor, cores, memory and kernel";
    let mut described = hosts(&[0.9, 0.9, 0.9]);
    for (host, kernel) in described.iter_mut().zip(["6.1", "6.8", "6.1"]) {
        host.record.host.kernel = Some(kernel.to_owned());
    }
    let notes = of_hosts(&described, 0.01).notes.join(" ");
    assert!(notes.contains(one), "{notes}");
    assert!(notes.contains("may be one machine"), "{notes}");
    let changes: [fn(&mut Host); 3] = [
        |host| host.cpu_model = Some("other".into()),
        |host| host.cores = Some(999),
        |host| host.memory_bytes = Some(1),
    ];
    for change in changes {
        let mut changed = described.clone();
        change(&mut changed[2].record.host);
        let notes = of_hosts(&changed, 0.01).notes.join(" ");
        assert!(!notes.contains("may be one machine"), "{notes}");
    }
}

#[test]
fn one_of_many_hosts_is_judged_with_more_caution() {
    let mde = |count| {
        let comparison = of_hosts(&hosts(&vec![1.02; count]), 0.01);
        only(&comparison).rows[0].mde.expect("it was measured")
    };
    assert!(mde(6) > mde(2) && mde(2) > mde(1));
}
