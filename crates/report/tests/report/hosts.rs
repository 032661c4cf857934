//! One pair on several hosts: every figure stands beside its host, and nothing is claimed over one.

use inferno_measure::comparison::hosts::{
    HOSTS_SCHEMA, HostComparison, HostDifference, HostRow, HostScenario, HostSide, PooledRow,
};
use inferno_measure::comparison::{Unit, Weight};
use inferno_measure::record::{Estimate, Host, Verdict};
use inferno_report::{Style, hosts_markdown, hosts_terminal};

fn side(label: &str) -> HostSide {
    HostSide {
        label: label.to_owned(),
        host: Host {
            cpu_model: Some(format!("processor of {label}")),
            cores: Some(4),
            ..Host::default()
        },
        measured: "2026-11-26T12:00:00Z".to_owned(),
    }
}

fn row(host: &str, verdict: Verdict, effect: Option<f64>) -> HostRow {
    HostRow {
        host: host.to_owned(),
        verdict,
        reason: "a reason".to_owned(),
        effect,
        ci_low: effect.map(|effect| effect - 0.01),
        ci_high: effect.map(|effect| effect + 0.01),
        mde: effect.map(|_| 0.015),
        units: if effect.is_some() { 12 } else { 0 },
        unit: Unit::Restart,
        left_out: effect
            .is_none()
            .then(|| "needs 3 min of its own".to_owned()),
        notes: Vec::new(),
    }
}

/// A scenario that is faster on one host and slower on another, and was not measured on a third.
fn comparison(scenario: &str) -> HostComparison {
    let pooled = PooledRow {
        hosts: 2,
        verdict: Verdict::Inconclusive,
        reason: "the simultaneous interval over 2 hosts (0.6000 … 1.6000) includes 1".to_owned(),
        remedy: Some("about 9 hosts instead of 2".to_owned()),
        effect: Estimate {
            effect: 0.98,
            ci_low: 0.62,
            ci_high: 1.55,
        },
        simultaneous_low: 0.6,
        simultaneous_high: 1.6,
        spread: 0.14,
        spread_share: 0.995,
        new_host: None,
    };
    HostComparison {
        schema: HOSTS_SCHEMA,
        name: "engine".to_owned(),
        threshold: 0.01,
        hosts: ["amd", "intel", "arm"].map(side).to_vec(),
        scenarios: vec![HostScenario {
            name: scenario.to_owned(),
            rows: vec![
                row("amd", Verdict::Faster, Some(0.9)),
                row("intel", Verdict::Slower, Some(1.1)),
                row("arm", Verdict::Inconclusive, None),
            ],
            pooled: Some(pooled),
        }],
        differences: vec![HostDifference {
            what: "compilers".to_owned(),
            first: "rustc 1.95.0".to_owned(),
            host: "arm".to_owned(),
            value: "rustc 1.96.0".to_owned(),
            weight: Weight::Obstacle,
        }],
        notes: vec!["a note".to_owned()],
    }
}

#[test]
fn each_host_has_its_figures_and_all_together_theirs() {
    let report = hosts_markdown(&comparison("warm/short"));
    for part in [
        "**Inconclusive over 2 hosts (−2.0 %, 95 % interval −38.0 % … +55.0 %).**",
        "| `amd` | processor of amd | 4 |",
        "| **`warm/short`** |  |  |  |  |  |",
        "| `amd` | **faster** | −10.0 % | −11.0 % … −9.0 % | 1.5 % | 12 restarts |",
        "| `intel` | **slower** | +10.0 % | +9.0 % … +11.0 % | 1.5 % | 12 restarts |",
        "| `arm` | *inconclusive* | – | – | – | – |",
        "| **over 2 hosts** | *inconclusive* | −2.0 % | −38.0 % … +55.0 % | – | 2 hosts |",
        "hosts contradict each other, faster on `amd` and slower on `intel`.",
        "| `warm/short` | 15.0 % | 99.5 % | – |",
        "To know: about 9 hosts instead of 2.",
        "`warm/short` on `arm` is not pooled: needs 3 min of its own.",
        "| compilers | `rustc 1.95.0` | `arm` | `rustc 1.96.0` | **another question** |",
        "- a note",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    let terminal = hosts_terminal(&comparison("warm/short"), 100, Style::Plain);
    assert!(terminal.starts_with("engine on 3 hosts\n"), "{terminal}");
    for part in ["over 2 hosts", "spread between hosts (τ)", "15.0 %"] {
        assert!(terminal.contains(part), "{part}\n{terminal}");
    }
}

#[test]
fn nothing_is_said_over_one_host() {
    let mut one = comparison("warm/short");
    one.hosts.truncate(1);
    one.scenarios[0].rows.truncate(1);
    one.scenarios[0].pooled = None;
    let report = hosts_markdown(&one);
    assert!(report.contains("there is nothing to pool"), "{report}");
    for claim in ["over 1", "τ", "random effects", "contradict"] {
        assert!(!report.contains(claim), "{claim}\n{report}");
    }
}

#[test]
fn several_scenarios_are_counted() {
    let mut several = comparison("warm/short");
    let mut faster = several.scenarios[0].clone();
    let pooled = faster.pooled.as_mut().expect("it has one");
    pooled.verdict = Verdict::Faster;
    several.scenarios.push(faster);
    let report = hosts_markdown(&several);
    let answer = "**Over the hosts: 1 faster, 1 inconclusive of 2 scenarios.**";
    assert!(report.starts_with(answer), "{report}");
}

#[test]
fn hostile_labels_stay_in_their_cells() {
    let mut hostile = comparison("a|b\n<img src=x>");
    hostile.hosts[0].label = "x|y".to_owned();
    hostile.hosts[0].host.cpu_model = Some("<b>|</b>".to_owned());
    hostile.scenarios[0].rows[0].host = "x|y".to_owned();
    let report = hosts_markdown(&hostile);
    assert!(report.contains("**`a\\|b <img src=x>`**"), "{report}");
    assert!(
        report.contains("| `x\\|y` | &lt;b&gt;\\|&lt;/b&gt; |"),
        "{report}"
    );
}
