//! Where packages, specs and results lie is the user's choice.

use std::path::{Path, PathBuf};

use crate::xtask::{copy_of, pgo, place, run, scratch};

/// A workspace without a package of its own; its cargo profile is not one of cargo's, and has what
/// people ship with.
const WORKSPACE: &str = r#"[workspace]
members = ["faulty", "macros"]
resolver = "3"

[profile.shipped]
inherits = "release"
codegen-units = 1
lto = "fat"
panic = "abort"
strip = true
"#;

const PACKAGE: &str = r#"[package]
name = "some-package"
version = "0.0.0"
edition = "2024"
publish = false

[[bin]]
name = "another-name"
path = "src/main.rs"

[dependencies]
macros = { path = "../macros" }
"#;

/// Compiled for the compiler, which loads it: it must not count its execution.
const MACROS: &str = r#"[package]
name = "macros"
version = "0.0.0"
edition = "2024"
publish = false

[lib]
proc-macro = true
"#;

const MACRO: &str = "#[proc_macro]
pub fn nothing(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    proc_macro::TokenStream::new()
}
";

const SPEC: &str = r#"name = "layout"

[target]
manifest = "../a work space/Cargo.toml"
package = "some-package"
bin = "another-name"
profile = "shipped"

[[train]]
name = "ok"
args = ["ok"]

[[scenario]]
name = "declared exit"
kind = "cold"
args = ["wrong-exit"]
exit = 3
"#;

/// The faulty fixture as a member of a workspace whose path has spaces, and a spec beside it.
fn workspace_below(directory: &Path) {
    let workspace = directory.join("a work space");
    let package = copy_of("faulty", &workspace);
    write(&workspace.join("Cargo.toml"), WORKSPACE);
    write(&package.join("Cargo.toml"), PACKAGE);
    std::fs::remove_file(package.join("Cargo.lock")).expect("a file of the fixture");
    let main = package.join("src/main.rs");
    let text = std::fs::read_to_string(&main).expect("the fixture's source");
    write(&main, &format!("{text}\nmacros::nothing!();\n"));
    std::fs::create_dir_all(workspace.join("macros/src")).expect("a directory");
    write(&workspace.join("macros/Cargo.toml"), MACROS);
    write(&workspace.join("macros/src/lib.rs"), MACRO);
    std::fs::create_dir(directory.join("specs")).expect("a directory");
    write(&directory.join("specs/layout.toml"), SPEC);
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

/// Every file and directory below `directory`, sorted.
fn listing(directory: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            paths.extend(listing(&path));
        }
        paths.push(path);
    }
    paths.sort();
    paths
}

#[test]
fn slow_a_member_of_a_virtual_workspace_is_built_from_anywhere() {
    let directory = scratch();
    workspace_below(directory.path());
    let workspace = directory.path().join("a work space");
    let before = listing(&workspace);

    let arguments = ["--spec", "specs/layout.toml", "--out", "the results"];
    let outcome = run(pgo(arguments)
        .args(["--budget", "1s", "--json"])
        .current_dir(directory.path()))
    .succeeded();

    let record = outcome.record();
    for arm in ["baseline", "instrumented", "candidate"] {
        let path = record["artifacts"][arm]["path"].as_str().expect("a path");
        assert!(path.ends_with("/another-name"), "{path}");
    }
    let results = directory.path().join("the results");
    assert!(results.join("record.json").is_file());
    assert!(results.join("report.md").is_file());
    let log = std::fs::read_to_string(results.join("logs/build-candidate.log")).expect("a log");
    assert!(log.contains("Finished `shipped` profile"), "{log}");

    let added: Vec<PathBuf> = listing(&workspace)
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect();
    // Cargo writes a lock file where there is none, as for any build.
    assert_eq!(added, [workspace.join("Cargo.lock")]);
}

#[test]
fn slow_an_executable_that_the_package_does_not_have_is_refused() {
    let directory = scratch();
    workspace_below(directory.path());
    let spec = directory.path().join("specs/layout.toml");
    write(
        &spec,
        &SPEC.replace("bin = \"another-name\"", "bin = \"some-package\""),
    );
    let arguments = ["--spec", "specs/layout.toml", "--out", "results"];
    run(pgo(arguments).current_dir(directory.path())).failed(2, "has no bin `some-package`");
}

#[test]
fn slow_a_build_script_that_always_runs_changes_no_sources() {
    let directory = scratch();
    let package = copy_of("faulty", directory.path());
    let script = "fn main() { println!(\"cargo:rerun-if-changed=not-there\"); }\n";
    write(&package.join("build.rs"), script);
    let spec = package.join("declared-exit.toml");
    let out = directory.path().join("out");
    run(pgo(place(&spec, &out)).args(["--budget", "1s"])).succeeded();
}
