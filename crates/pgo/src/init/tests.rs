use super::*;
use crate::spec::{ScenarioKind, Spec};

/// Targets as (kind, name).
type Targets<'a> = &'a [(&'a str, &'a str)];

/// What cargo says of packages: name, directory below the root, targets.
fn metadata(packages: &[(&str, &str, Targets<'_>)]) -> Metadata {
    let packages: Vec<serde_json::Value> = packages
        .iter()
        .map(|(name, directory, targets)| {
            let targets: Vec<serde_json::Value> = targets
                .iter()
                .map(|(kind, name)| {
                    serde_json::json!({"name": name, "kind": [kind], "src_path": "/w/src.rs"})
                })
                .collect();
            serde_json::json!({
                "name": name, "version": "0.1.0", "id": name, "dependencies": [], "features": {},
                "manifest_path": format!("/w/{directory}Cargo.toml"), "targets": targets,
            })
        })
        .collect();
    let ids: Vec<_> = packages
        .iter()
        .map(|package| package["id"].clone())
        .collect();
    let text = serde_json::json!({
        "packages": packages, "workspace_members": ids, "resolve": null, "version": 1,
        "workspace_root": "/w", "target_directory": "/w/target",
    });
    cargo_metadata::MetadataCommand::parse(text.to_string()).expect("cargo's format")
}

fn request(package: Option<&str>, executable: Option<(ExecutableKind, &str)>) -> Request {
    Request {
        package: package.map(str::to_owned),
        executable: executable.map(|(kind, name)| (kind, name.to_owned())),
        ..Request::default()
    }
}

fn chosen(metadata: &Metadata, request: &Request) -> Result<(String, ExecutableKind, String)> {
    choose(metadata, Path::new("/w/Cargo.toml"), request)
        .map(|subject| (subject.package, subject.kind, subject.executable))
}

#[test]
fn the_only_program_needs_no_name() {
    let alone = metadata(&[(
        "tool",
        "",
        &[("lib", "tool"), ("bin", "tool"), ("test", "t")],
    )]);
    let virtual_workspace = metadata(&[
        ("parts", "parts/", &[("lib", "parts"), ("example", "show")]),
        ("tool", "tool/", &[("bin", "tool")]),
    ]);
    for known in [alone, virtual_workspace] {
        let found = chosen(&known, &Request::default()).expect("one program");
        assert_eq!(found, ("tool".into(), ExecutableKind::Bin, "tool".into()));
    }
}

#[test]
fn what_is_named_is_found() {
    let known = metadata(&[
        (
            "parts",
            "parts/",
            &[("lib", "parts"), ("example", "show"), ("bench", "speed")],
        ),
        ("tool", "tool/", &[("bin", "one"), ("bin", "two")]),
    ]);
    for (package, kind, name) in [
        (None, ExecutableKind::Bin, "two"),
        (Some("tool"), ExecutableKind::Bin, "one"),
        (None, ExecutableKind::Example, "show"),
        (Some("parts"), ExecutableKind::Bench, "speed"),
    ] {
        let found = chosen(&known, &request(package, Some((kind, name)))).expect(name);
        assert_eq!((found.1, found.2.as_str()), (kind, name));
    }
}

#[test]
fn what_is_not_clear_is_asked_for() {
    let known = metadata(&[
        ("root", "", &[("bin", "a"), ("bin", "b")]),
        ("library", "library/", &[("lib", "library")]),
        ("shown", "shown/", &[("lib", "shown"), ("example", "show")]),
    ]);
    let apart = metadata(&[("x", "x/", &[("bin", "x")]), ("y", "y/", &[("bin", "y")])]);
    let none = metadata(&[("x", "x/", &[("lib", "x")])]);
    let bin = |name| Some((ExecutableKind::Bin, name));
    for (known, request, message, hint) in [
        (
            &known,
            request(None, None),
            "several binaries: a, b",
            "--bin NAME",
        ),
        (
            &known,
            request(None, bin("c")),
            "has no bin `c`",
            "--bin a, --bin b",
        ),
        (
            &known,
            request(Some("library"), None),
            "has no binary",
            "examples/NAME.rs",
        ),
        (
            &known,
            request(Some("shown"), None),
            "has no binary",
            "--example show",
        ),
        (
            &known,
            request(Some("z"), None),
            "there is no package `z`",
            "root, library, shown",
        ),
        (
            &apart,
            request(None, None),
            "several packages have a program: x, y",
            "--package NAME",
        ),
        (&none, request(None, None), "no package", "--package NAME"),
    ] {
        let error = chosen(known, &request).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert!(
            error.hint().is_some_and(|said| said.contains(hint)),
            "{:?}",
            error.hint()
        );
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }
}

fn subject() -> Subject {
    Subject {
        manifest: "/w/Cargo.toml".into(),
        package: "tool".into(),
        kind: ExecutableKind::Bin,
        executable: "tool-cli".into(),
        features: vec!["cli".into()],
    }
}

/// The spec that is rendered for `subject`, changed, as it is read from a file.
fn read(subject: &Subject, change: impl Fn(String) -> String) -> Result<Spec> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    for file in ["Cargo.toml", "train.txt", "holdout.txt"] {
        std::fs::write(directory.path().join(file), file).expect("a file");
    }
    std::fs::write(&path, change(render(subject, Path::new("Cargo.toml")))).expect("a file");
    Spec::load(&path)
}

#[test]
fn the_rendered_spec_can_be_read_and_waits_for_its_workload() {
    for kind in ExecutableKind::ALL {
        let subject = Subject { kind, ..subject() };
        let spec = read(&subject, |text| text).expect("a valid spec");
        assert_eq!(spec.name(), "tool-cli");
        assert_eq!(spec.target().package, "tool");
        assert_eq!(spec.target().kind(), kind);
        assert_eq!(spec.target().executable(), "tool-cli");
        assert_eq!(spec.target().features, ["cli"]);
        assert_eq!(spec.scenario_specs()[0].kind, ScenarioKind::Cold);
        let error = spec
            .check_filled_in()
            .expect_err("there is no workload yet");
        assert!(error.to_string().contains(PLACEHOLDER), "{error}");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }
}

#[test]
fn a_workload_is_two_lines_and_their_files() {
    let spec = read(&subject(), |text| {
        text.replacen(PLACEHOLDER, "train.txt", 1)
            .replacen(PLACEHOLDER, "holdout.txt", 1)
            .replace("# inputs", "inputs")
    });
    let spec = spec.expect("a valid spec");
    spec.check_filled_in().expect("nothing is left");
    assert_eq!(spec.train()[0].args, ["train.txt"]);
    assert_eq!(spec.scenario_specs()[0].args, ["holdout.txt"]);
    // What is named and not declared is told.
    let undeclared = read(&subject(), |text| {
        text.replacen(PLACEHOLDER, "train.txt", 1)
    });
    let error = undeclared.expect_err("an undeclared file");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("inputs = [\"train.txt\"]"))
    );
}

#[test]
fn half_a_workload_is_refused() {
    let spec = read(&subject(), |text| text.replacen(PLACEHOLDER, "-v", 1));
    let error = spec.expect("a valid spec").check_filled_in();
    assert!(
        error
            .expect_err("the scenario's is missing")
            .to_string()
            .contains("scenario")
    );
}

#[test]
fn a_spec_is_written_once_and_points_to_its_manifest() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    std::fs::create_dir_all(root.join("src")).expect("a directory");
    std::fs::create_dir_all(root.join("specs/deep")).expect("a directory");
    let manifest = root.join("Cargo.toml");
    let text = "[package]\nname = \"tool\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(&manifest, text).expect("a file");
    std::fs::write(root.join("src/main.rs"), "fn main() {}\n").expect("a file");
    let request = |spec: Option<PathBuf>| Request {
        manifest: manifest.clone(),
        spec,
        ..Request::default()
    };

    let beside = write(&request(None)).expect("a spec");
    assert!(beside.ends_with(FILE_NAME));
    let deep = write(&request(Some(root.join("specs/deep/tool.toml")))).expect("a spec");
    for path in [&beside, &deep] {
        let spec = Spec::load(path).expect("a valid spec");
        assert_eq!(spec.manifest(), manifest.canonicalize().expect("a path"));
    }

    std::fs::write(&beside, "filled in").expect("a file");
    let error = write(&request(None)).expect_err("it is there");
    assert!(error.to_string().contains("already"), "{error}");
    let kept = std::fs::read_to_string(&beside).expect("a file");
    assert_eq!(kept, "filled in");
    let missing = Request {
        manifest: root.join("none/Cargo.toml"),
        ..Request::default()
    };
    assert!(
        write(&missing)
            .expect_err("no manifest")
            .to_string()
            .contains("no manifest")
    );
}

#[test]
fn a_path_is_relative_to_the_spec() {
    for (directory, path, expected) in [
        ("/a/b", "/a/b/Cargo.toml", "Cargo.toml"),
        ("/a/b/c/d", "/a/b/Cargo.toml", "../../Cargo.toml"),
        ("/a/specs", "/a/b/Cargo.toml", "../b/Cargo.toml"),
        ("/a", "/a/b/Cargo.toml", "b/Cargo.toml"),
    ] {
        let found = relative(Path::new(directory), Path::new(path));
        assert_eq!(found, Path::new(expected), "{directory}");
    }
}
