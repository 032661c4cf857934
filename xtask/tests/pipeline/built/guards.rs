//! Programs, specs and tools that must be refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::xtask::{Outcome, copy_of, fixture, pgo, place, run, scratch};

fn faulty(spec: &str) -> Outcome {
    let out = scratch();
    run(pgo(place(&fixture("faulty").join(spec), out.path())).args(["--budget", "2s"]))
}

#[test]
fn slow_training_must_end_as_declared() {
    faulty("crash.toml").failed(23, "ended with exit code 101, expected 0");
    faulty("hang.toml").failed(23, "did not end within 3 s");
    faulty("never-returns.toml").failed(23, "was killed by signal 6");
    faulty("wrong-exit.toml").failed(23, "ended with exit code 3, expected 0");
    faulty("no-profile.toml").failed(22, "left no profile");
}

#[test]
fn slow_outputs_must_agree() {
    faulty("output-differs.toml").failed(22, "baseline and candidate put out different results");
    faulty("nondeterministic.toml")
        .failed(22, "two runs of the baseline put out different results");
}

#[test]
fn slow_scenarios_must_do_as_declared() {
    faulty("no-match.toml").failed(23, "does not match");
    faulty("scenario-crash.toml").failed(23, "exit code 101");
    faulty("scenario-hang.toml").failed(23, "did not end within 3");
    faulty("declared-exit.toml").succeeded();
}

#[test]
fn slow_workers_must_keep_the_protocol() {
    faulty("worker-crash.toml").failed(23, "exit code 101");
    faulty("worker-hang.toml").failed(23, "did not answer within 3");
    faulty("worker-error.toml").failed(23, "answers with an error");
    faulty("worker-garbage.toml").failed(23, "malformed line");
}

/// A compiler that drops the flags which begin with `flag`, as a misconfigured wrapper does.
fn compiler_that_drops(flag: &str, package: &Path) {
    let script = package.join("rustc.sh");
    let text = format!(
        "#!/bin/sh\nfor argument do\n  shift\n  case \"$argument\" in {flag}*) ;; *) set -- \"$@\" \"$argument\" ;; esac\ndone\nexec rustc \"$@\"\n"
    );
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    std::fs::create_dir_all(package.join(".cargo")).expect("a directory");
    let config = format!("[build]\nrustc = {:?}\n", script.display().to_string());
    std::fs::write(package.join(".cargo/config.toml"), config).expect("a file");
}

#[test]
fn slow_identical_binaries_are_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    compiler_that_drops("-Cprofile-use", &package);
    run(&mut pgo(place(
        &package.join("pgo.toml"),
        &directory.path().join("out"),
    )))
    .failed(22, "are identical: the profile changed nothing");
}

#[test]
fn slow_an_uninstrumented_training_binary_is_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    compiler_that_drops("-Cprofile-generate", &package);
    run(&mut pgo(place(
        &package.join("pgo.toml"),
        &directory.path().join("out"),
    )))
    .failed(22, "has no profile counters");
}

#[test]
fn slow_a_build_that_fails_shows_why() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    std::fs::write(package.join("src/main.rs"), "fn main() { undefined() }\n").expect("a file");
    run(&mut pgo(place(
        &package.join("pgo.toml"),
        &directory.path().join("out"),
    )))
    .failed(21, "cannot find function `undefined`");
}

#[test]
fn slow_a_tool_of_another_llvm_is_refused() {
    let directory = scratch();
    let tool = directory.path().join("llvm-profdata");
    std::fs::write(&tool, "#!/bin/sh\necho 'LLVM version 14.0.6'\n").expect("a script");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let spec = fixture("gain/pgo.toml");
    let mut command = pgo(place(&spec, &directory.path().join("out")));
    run(command.env("LLVM_PROFDATA", &tool))
        .failed(20, "is LLVM 14.0.6, but rustc writes profiles of LLVM");
    run(command.env("LLVM_PROFDATA", "/nowhere/llvm-profdata"))
        .failed(20, "cannot run `/nowhere/llvm-profdata`");
}

/// The gain fixture's spec with `extra` before its target.
fn spec_with(extra: &str, package: &Path) -> std::path::PathBuf {
    let spec = std::fs::read_to_string(package.join("pgo.toml")).expect("a spec");
    let path = package.join("changed.toml");
    std::fs::write(
        &path,
        spec.replacen("[target]", &format!("{extra}\n[target]"), 1),
    )
    .expect("a spec");
    path
}

#[test]
fn slow_a_missing_model_is_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    let out = directory.path().join("out");
    let spec = spec_with(
        "[assets]\nBENCH_MODEL_PATH = \"synthetic-tiny\"\n",
        &package,
    );
    run(pgo(place(&spec, &out)).env("BENCH_MODEL_PATH", "/nowhere/model.gguf"))
        .failed(2, "/nowhere/model.gguf");
    let unknown = spec_with("[assets]\nBENCH_MODEL_PATH = \"no-such-model\"\n", &package);
    run(&mut pgo(place(&unknown, &out))).failed(2, "no-such-model");
}

#[test]
fn slow_a_spec_with_an_unknown_key_is_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    let spec = spec_with("[judgement]\n", &package);
    let outcome = run(&mut pgo(place(&spec, &directory.path().join("out"))))
        .failed(2, "unknown field `judgement`");
    assert!(
        outcome.stderr.contains("changed.toml:4"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("did you mean `judge`?"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn slow_a_directory_with_other_files_is_left_alone() {
    let directory = scratch();
    std::fs::write(directory.path().join("thesis.txt"), "precious").expect("a file");
    let spec = fixture("gain/pgo.toml");
    for arguments in [&[][..], &["--fresh"][..]] {
        run(pgo(place(&spec, directory.path())).args(arguments))
            .failed(2, "no run of this tool has made");
    }
    run(pgo(["clean"]).args(place(&spec, directory.path())))
        .failed(2, "no run of this tool has made");
    assert!(directory.path().join("thesis.txt").is_file());
}

#[test]
fn slow_a_damaged_record_is_refused() {
    let directory = scratch();
    let record = directory.path().join("record.json");
    for (text, message) in [
        ("{", "is not a record"),
        ("{\"schema\": 99}", "has schema 99"),
        ("[]", "has schema (none)"),
    ] {
        std::fs::write(&record, text).expect("a file");
        run(pgo(["judge"]).arg(&record)).failed(2, message);
    }
}
