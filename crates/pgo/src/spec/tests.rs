use std::collections::BTreeMap;

use inferno_measure::scenario::{Ready, Stop};

use super::*;

/// A package with its inputs, in a directory of its own.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for file in ["Cargo.toml", "train.txt", "holdout.txt"] {
        std::fs::write(directory.path().join(file), "x").expect("a file");
    }
    directory
}

const VALID: &str = r#"
name = "sample"
[target]
manifest = "Cargo.toml"
package = "sample"
bin = "sample"
[[train]]
name = "t"
inputs = ["train.txt"]
timeout = "90s"
[[scenario]]
name = "cold"
kind = "cold"
inputs = ["holdout.txt"]
expect = { verdict = "no-difference" }
[[scenario]]
name = "warm"
kind = "warm"
request = { n = 3 }
pin = true
[[trend]]
metric = "gain"
over = ["cold", "warm"]
expect = "increasing"
[metric.rate]
regex = 'rate: ([0-9.]+)'
unit = "1/s"
better = "higher"
scenarios = ["cold"]
"#;

fn parse(text: &str) -> Result<Spec> {
    let directory = directory();
    Spec::parse(directory.path().join("pgo.toml"), text.to_owned())
}

#[test]
fn a_valid_spec_with_its_defaults() {
    let spec = parse(VALID).expect("a valid spec");
    assert_eq!(spec.target().profile, "release");
    assert!(spec.target().default_features);
    assert_eq!(spec.train()[0].timeout.as_secs(), 90);
    assert_eq!(*spec.output(), Output::Stdout);
    let scenarios = spec.scenarios(&[("KEY".to_owned(), "value".to_owned())].into());
    assert_eq!(scenarios[0].metrics.len(), 1);
    assert!(scenarios[1].metrics.is_empty());
    assert_eq!(scenarios[1].group, "warm");
    assert_eq!(scenarios[1].env["KEY"], "value");
}

#[test]
fn unknown_keys_name_line_and_nearest_key() {
    for (from, to, line, nearest) in [
        ("pin = true", "pni = true", 20, "pin"),
        ("timeout = ", "timout = ", 10, "timeout"),
        ("[[trend]]", "[[trends]]", 21, "trend"),
        ("manifest = ", "manifets = ", 4, "manifest"),
        ("unit = ", "units = ", 27, "unit"),
    ] {
        let error = parse(&VALID.replace(from, to)).expect_err("an unknown key");
        assert!(
            error
                .to_string()
                .contains(&format!(":{line}: unknown field")),
            "{error}"
        );
        assert_eq!(
            error.hint().as_deref(),
            Some(&*format!("did you mean `{nearest}`?"))
        );
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }
}

#[test]
fn the_c_code_is_left_as_it_is_or_compiled_by_clang() {
    let with = |key: &str| VALID.replace("bin = ", &format!("{key}\nbin = "));
    let c = |key: &str| parse(&with(key)).map(|spec| spec.target().c);
    assert_eq!(c("").expect("a valid spec"), None);
    let clang = c("c = \"clang\"").expect("a valid spec");
    assert_eq!(clang, Some(CCompiler::Clang));
    let error = c("c = \"clangd\"").expect_err("no such compiler");
    assert!(error.to_string().contains(":6: unknown variant"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("did you mean `clang`?"));
}

#[test]
fn references_and_ranges_are_checked() {
    for (from, to, message) in [
        (
            "name = \"sample\"\n[",
            "name = \"a/b\"\n[",
            "cannot name a directory",
        ),
        ("bin = \"sample\"", "", "exactly one of"),
        ("Cargo.toml", "Missing.toml", "there is no manifest"),
        (
            "inputs = [\"holdout.txt\"]",
            "inputs = [\"train.txt\"]",
            "is in training and in scenario",
        ),
        (
            "inputs = [\"holdout.txt\"]",
            "inputs = [\"absent.txt\"]",
            "there is no file",
        ),
        ("name = \"warm\"", "name = \"cold\"", "two entries"),
        ("request = { n = 3 }", "", "has no `request`"),
        (
            "request = { n = 3 }",
            "request = { all = [{ of = \"train.txt\" }] }",
            "which is not in its `inputs`",
        ),
        (
            "kind = \"cold\"",
            "kind = \"cold\"\nwarmup = 2",
            "`warmup` has no meaning",
        ),
        (
            "over = [\"cold\", \"warm\"]",
            "over = [\"cold\", \"hot\"]",
            "unknown scenario `hot`",
        ),
        (
            "metric = \"gain\"",
            "metric = \"speed\"",
            "unknown metric `speed`",
        ),
        ("([0-9.]+)", "[0-9.]+", "exactly one group"),
        ("([0-9.]+)", "([0-9.+)", "regex"),
        (
            "timeout = \"90s\"",
            "timeout = \"soon\"",
            "not a positive duration",
        ),
        ("timeout = \"90s\"", "weight = -1.0", "has the weight"),
        ("[[train]]", "[judge]\nrestarts = 3\n[[train]]", "too few"),
        (
            "[[train]]",
            "[judge]\nthreshold = 1.5\n[[train]]",
            "not a share",
        ),
        (
            "pin = true",
            "prepare = [\"true\"]",
            "`prepare` has no meaning in a warm",
        ),
        (
            "[[train]]",
            "[store]\nmax_staleness = 1.0\n[[train]]",
            "`max_staleness = 1` is not a share",
        ),
        (
            "[[train]]",
            "[verify]\noutput = \"stdin\"\n[[train]]",
            "output must be",
        ),
        (
            "expect = { verdict = \"no-difference\" }",
            "expect = { verdict = \"inconclusive\" }",
            "cannot expect",
        ),
    ] {
        let error = parse(&VALID.replace(from, to)).expect_err(message);
        assert!(error.to_string().contains(message), "{message}: {error}");
    }
}

#[test]
fn the_keys_of_a_server_go_together() {
    for (keys, message) in [
        ("driver = [\"true\"]", "has `driver` alone"),
        ("ready = { port = 1 }", "has `ready` alone"),
        ("stop = \"SIGINT\"", "is no server"),
        (
            "ready = { line = '(' }\ndriver = [\"true\"]",
            "`ready`: regex",
        ),
        (
            "ready = { lines = 'x' }\ndriver = [\"true\"]",
            "unknown variant `lines`",
        ),
        (
            "ready = { port = 1 }\ndriver = [\"true\"]\nrequests = [{ n = 1 }]",
            "both `requests` and a driver",
        ),
    ] {
        let error = parse(&VALID.replace("timeout = \"90s\"", keys)).expect_err(message);
        assert!(error.to_string().contains(message), "{message}: {error}");
    }
}

#[test]
fn a_missing_file_names_itself() {
    let error = Spec::load(Path::new("/nowhere/pgo.toml")).expect_err("no file");
    assert!(error.to_string().starts_with("/nowhere/pgo.toml"));
}

#[test]
fn a_server_is_stopped_by_ctrl_c_unless_the_spec_says_otherwise() {
    let served = "ready = { line = 'listening' }\ndriver = [\"sh\", \"train.txt\"]";
    let spec = parse(&VALID.replace("timeout = \"90s\"", served)).expect("a valid spec");
    let server = spec.train()[0].server().expect("a server");
    assert_eq!(server.ready, Ready::Line("listening".into()));
    assert_eq!(server.stop, Stop::Interrupt);
    assert!(spec.scenarios(&BTreeMap::new())[0].server.is_none());
    let port = "ready = { port = 8080 }\ndriver = [\"true\"]\nstop = \"SIGTERM\"";
    let scenario = VALID.replace("inputs = [\"holdout.txt\"]", port);
    let spec = parse(&scenario).expect("a valid spec");
    let server = spec.scenarios(&BTreeMap::new())[0].server.clone();
    let server = server.expect("a server");
    assert_eq!(
        (server.ready, server.stop),
        (Ready::Port(8080), Stop::Terminate)
    );
}

#[test]
fn what_a_driver_names_is_hashed_and_may_be_shared() {
    let directory = directory();
    std::fs::write(directory.path().join("drive.sh"), "x").expect("a file");
    let served = "ready = { port = 8080 }\ndriver = [\"sh\", \"drive.sh\"]";
    let both = VALID
        .replace("timeout = \"90s\"", served)
        .replace("expect = {", &format!("{served}\nexpect = {{"));
    let spec = Spec::parse(directory.path().join("pgo.toml"), both).expect("a valid spec");
    let driver = directory.path().join("drive.sh");
    assert!(spec.files_of(&spec.train()[0]).contains(&driver));
    assert!(spec.holdout_files().contains(&driver));
}
