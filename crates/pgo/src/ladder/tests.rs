//! A spec with its files for the tests of all parts, and what a ladder that cannot begin leaves.

use super::*;
use crate::artifact::{Artifact, Counters};
use crate::cargo::{Network, Workshop};
use crate::digest;
use crate::flags::Arm;

const SPEC: &str = r#"
name = "sample"
[target]
manifest = "Cargo.toml"
package = "sample"
bin = "sample"
[[scenario]]
name = "one"
kind = "cold"
inputs = ["holdout.txt"]
"#;

/// A spec in a directory of its own. Nothing there can be built.
pub(super) struct Sample {
    directory: tempfile::TempDir,
}

impl Sample {
    /// `more` is written at the end of the spec.
    pub(super) fn new(more: &str) -> Self {
        let sample = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        let spec = format!("{SPEC}{more}");
        for (file, text) in [
            ("Cargo.toml", ""),
            ("holdout.txt", "holdout"),
            ("sample.toml", spec.as_str()),
        ] {
            std::fs::write(sample.path(file), text).expect("a file");
        }
        sample
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A ladder that starts over, and fetches nothing.
    pub(super) fn options(&self) -> Options {
        Options {
            spec: Spec::load(&self.path("sample.toml")).expect("a valid spec"),
            out: self.path("out"),
            budget: Duration::from_secs(1),
            steps: Vec::new(),
            target_cpu: None,
            only: Vec::new(),
            reuse: Reuse::Nothing,
            samples: Reuse::Nothing,
            resolution: Resolution {
                network: Network::Unused,
                ..Resolution::default()
            },
        }
    }

    /// A rung as if it were built.
    pub(super) fn standing(&self, step: Step) -> Standing {
        Standing {
            step,
            settings: Settings::first(&self.options().spec),
            directory: self.path("rung"),
            arm: Arm::Baseline,
            artifact: Artifact {
                path: self.path(step.name()),
                sha256: digest::text(step.name()),
                text_sha256: digest::text(step.name()),
                text_size_bytes: 1,
                size_bytes: 1,
                counters: Counters::Absent,
                rustflags: Vec::new(),
            },
            build_s: None,
            proof: Vec::new(),
        }
    }

    /// Where `spec` would be built.
    pub(super) fn workshop(&self, spec: &Spec) -> Workshop {
        let target = "x86_64-unknown-linux-gnu".to_owned();
        let config = flags::cargo_config(spec).expect("a configuration");
        Workshop {
            shared: SharedFlags::resolve(spec, &config, &target).expect("plain flags"),
            spec: spec.clone(),
            compiler: Compiler {
                version: "rustc 1.0.0".to_owned(),
                commit: None,
                host: target.clone(),
                llvm: "1.0.0".to_owned(),
                sysroot: PathBuf::new(),
            },
            target,
            source_date_s: None,
            c: None,
            output: OutputDir::open(&self.path("out"), &mut |_| {}).expect("a directory"),
            resolution: Resolution::default(),
        }
    }
}

#[test]
fn starting_over_deletes_nothing_where_a_model_cannot_be_had() {
    let unknown = "[assets]\nINFERNO_PGO_SAMPLE_MODEL = \"a model that nobody knows\"\n";
    for (more, can_begin) in [(unknown, false), ("", true)] {
        let sample = Sample::new(more);
        let options = sample.options();
        drop(OutputDir::open(&options.out, &mut |_| {}).expect("a directory"));
        let earlier = Layout::new(&options.out).ladder();
        std::fs::write(&earlier, "{}").expect("a file");
        let opened = Climb::open(&options);
        assert_eq!(opened.is_ok(), can_begin, "{:?}", opened.err());
        assert_eq!(earlier.exists(), !can_begin);
    }
}
