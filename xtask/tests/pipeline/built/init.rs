//! `cargo xtask pgo init`: a spec that waits for its workload, and then is like any other.

use crate::xtask::{copy_of, pgo, place, run, scratch};

#[test]
fn slow_a_first_spec_waits_for_its_workload() {
    let directory = scratch();
    let package = copy_of("faulty", directory.path());
    let manifest = package.join("Cargo.toml");
    let init = || {
        let mut command = pgo(["init", "--manifest-path"]);
        command.arg(&manifest);
        command
    };
    run(init().args(["--bin", "other"])).failed(2, "has no bin `other`");

    let written = run(&mut init()).succeeded();
    let spec = package.join("pgo.toml");
    assert_eq!(
        written.stdout.trim(),
        spec.canonicalize().expect("the spec").display().to_string()
    );
    assert!(written.stderr.contains("next: "), "{}", written.stderr);

    let out = directory.path().join("out");
    for step in [None, Some("train"), Some("predict"), Some("noise")] {
        let mut command = pgo(step);
        run(command.args(place(&spec, &out))).failed(2, "still has the placeholder");
        assert!(!out.exists(), "{step:?} has begun");
    }

    let text = std::fs::read_to_string(&spec).expect("the spec");
    let filled_in = text.replace("\"<arguments>\"", "\"ok\"");
    std::fs::write(&spec, &filled_in).expect("the spec");
    run(pgo(place(&spec, &out)).arg("--dry-run")).succeeded();

    run(&mut init()).failed(2, "there is already a file");
    let kept = std::fs::read_to_string(&spec).expect("the spec");
    assert_eq!(kept, filled_in);
}
