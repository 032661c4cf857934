use std::process::Command as Process;

use super::*;

#[test]
fn hot_cold_and_other_code_is_shuffled_apart() {
    let arguments = arguments(7);
    assert_eq!(arguments[0], "--randomize-section-padding=7");
    assert!(arguments.contains(&"--shuffle-sections=.text.hot.*=7".to_owned()));
    assert!(arguments.contains(&"--shuffle-sections=.text.unlikely.*=7".to_owned()));
    assert!(arguments.iter().all(|argument| argument.ends_with("=7")));
}

/// A program with the archive that its lld has written.
struct Captured {
    directory: tempfile::TempDir,
    compiler: Compiler,
    program: Artifact,
}

impl Captured {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(
            path("main.rs"),
            "fn main() { println!(\"{:?}\", std::env::args()); }",
        )
        .expect("a file");
        let built = Process::new("rustc")
            .args(["-O", "-o"])
            .args([path("program"), path("main.rs")])
            .env("LLD_REPRODUCE", path("captured.tar"))
            .status()
            .expect("rustc runs");
        assert!(built.success());
        let program = Artifact::read(&path("program"), Vec::new()).expect("a program");
        let compiler = Compiler::at(directory.path()).expect("a compiler");
        Self {
            directory,
            compiler,
            program,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self, archive: &Path) -> Result<Link> {
        Link::open(
            archive,
            &self.program,
            &self.compiler,
            self.directory.path(),
        )
    }

    /// The archive with another `file` in it.
    fn with(&self, file: &str, text: &str) -> PathBuf {
        let unpacked = self.path("unpacked");
        let archive = std::fs::File::open(self.path("captured.tar")).expect("an archive");
        tar::Archive::new(archive)
            .unpack(&unpacked)
            .expect("it can be unpacked");
        std::fs::write(unpacked.join("captured").join(file), text).expect("a file");
        std::fs::create_dir_all(self.path("changed")).expect("a directory");
        let changed = self.path("changed/captured.tar");
        let file = std::fs::File::create(&changed).expect("a file");
        let mut builder = tar::Builder::new(file);
        builder
            .append_dir_all("captured", unpacked.join("captured"))
            .and_then(|()| builder.finish())
            .expect("an archive");
        changed
    }
}

#[test]
fn slow_a_link_that_is_not_the_programs_own_is_refused() {
    let mut captured = Captured::new();
    let archive = captured.path("captured.tar");
    let link = captured.open(&archive).expect("its own link");
    let to = captured.path("layouts/000/program");
    let moved = link.layout(1, &to).expect("another layout");
    assert!(moved.moved_share > 0.0);
    assert_ne!(moved.artifact.sha256, captured.program.sha256);

    captured.program.sha256 = "0".repeat(64);
    let error = captured.open(&archive).expect_err("another program");
    assert!(
        matches!(
            error,
            Error::Verification {
                check: "same-link",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
}

#[test]
fn slow_a_linker_that_is_not_there_is_named() {
    let captured = Captured::new();
    let archive = captured.with(VERSION, "LLD 7.7.7 (nobody's)\n");
    let error = captured.open(&archive).expect_err("no such linker");
    assert_eq!(error.exit_code(), crate::exit::TOOL_MISSING);
    assert!(error.to_string().contains("LLD 7.7.7"), "{error}");
}

#[test]
fn slow_a_layout_with_other_code_is_refused() {
    let captured = Captured::new();
    let archive = captured.path("captured.tar");
    let mut link = captured.open(&archive).expect("its own link");
    link.sections = Sections::of_map(
        "           18050            18050      a06    16         lib.rlib(m.o):(.text.other)\n",
    );
    let to = captured.path("layouts/000/program");
    let error = link.layout(1, &to).expect_err("other sections");
    assert!(
        matches!(
            error,
            Error::Verification {
                check: "same-code",
                ..
            }
        ),
        "{error}"
    );
}
