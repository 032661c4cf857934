//! The calibration programs, as `calibration/programs.toml` declares them.
//!
//! Takes the file; gives [`Program`]s and the spec of each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::inputs::Generator;
use crate::error::{Error, Result};
use crate::init::{list, quoted};

/// The seeds of the two inputs: training must not see what is measured.
const SEEDS: [(&str, u64); 2] = [("train", 1), ("holdout", 2)];

/// One program to calibrate on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Unique name.
    pub name: String,
    /// What kind of program it is, for people.
    pub kind: String,
    /// A spec of this repository that declares everything.
    pub spec: Option<PathBuf>,
    /// The scenario of `spec` whose effect counts.
    pub scenario: Option<String>,
    /// A package of `calibration/sources`.
    pub package: Option<String>,
    /// A binary of `calibration/controls`.
    pub control: Option<String>,
    /// The package's binary.
    pub bin: Option<String>,
    /// The package's features.
    #[serde(default)]
    pub features: Vec<String>,
    /// Arguments; `{input}` is the input's path.
    #[serde(default)]
    pub args: Vec<String>,
    /// Extra environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether the input is standard input.
    #[serde(default)]
    pub stdin: bool,
    /// How inputs are made.
    pub generator: Option<Generator>,
    /// Their size: see [`Generator`].
    #[serde(default)]
    pub size: usize,
    /// Inputs that are kept in `calibration/`: training, then holdout.
    pub files: Option<[PathBuf; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    program: Vec<Program>,
}

/// Where a program's sources come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// A spec of this repository.
    Spec {
        /// The file, relative to the repository.
        path: &'a Path,
        /// The scenario that counts.
        scenario: &'a str,
    },
    /// A package that `calibration/sources` pins.
    Package(&'a str),
    /// A negative control.
    Control(&'a str),
}

/// Reads the declarations.
///
/// # Errors
/// [`Error::Usage`] naming the file and what is wrong with it.
pub fn load(path: &Path) -> Result<Vec<Program>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let wrong = |message: String| Error::Usage {
        message: format!("{}: {message}", path.display()),
        hint: "see the comment at the file's beginning".into(),
    };
    let document: Document = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for program in &document.program {
        program.check().map_err(wrong)?;
    }
    Ok(document.program)
}

impl Program {
    /// Where the sources come from.
    pub fn source(&self) -> Source<'_> {
        match (&self.spec, &self.scenario, &self.package, &self.control) {
            (Some(path), Some(scenario), ..) => Source::Spec { path, scenario },
            (_, _, Some(package), _) => Source::Package(package),
            (_, _, _, control) => Source::Control(control.as_deref().unwrap_or_default()),
        }
    }

    /// The scenario whose effect counts.
    pub fn scenario(&self) -> &str {
        self.scenario.as_deref().unwrap_or("cold/holdout")
    }

    fn check(&self) -> Result<(), String> {
        let sources = [&self.package, &self.control].into_iter().flatten().count()
            + usize::from(self.spec.is_some());
        if sources != 1 {
            return Err(format!(
                "`{}` needs exactly one of `spec`, `package` and `control`",
                self.name
            ));
        }
        if self.spec.is_some() != self.scenario.is_some() {
            return Err(format!(
                "`{}`: `spec` and `scenario` go together",
                self.name
            ));
        }
        if self.spec.is_none() && self.generator.is_some() == self.files.is_some() {
            return Err(format!(
                "`{}` needs exactly one of `generator` and `files`",
                self.name
            ));
        }
        Ok(())
    }

    /// Writes the program's inputs below `directory`, where they are not there yet; gives their
    /// paths relative to it: training, then holdout.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_inputs(&self, directory: &Path, calibration: &Path) -> Result<[String; 2]> {
        let inputs = directory.join("inputs");
        std::fs::create_dir_all(&inputs).map_err(Error::io("create", &inputs))?;
        let mut names = [String::new(), String::new()];
        for (index, (stem, seed)) in SEEDS.into_iter().enumerate() {
            let (bytes, extension) = match (&self.files, self.generator) {
                (Some(files), _) => {
                    let path = calibration.join(&files[index]);
                    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
                    let extension = path.extension().unwrap_or_default().to_string_lossy();
                    (bytes, extension.into_owned())
                }
                (None, Some(generator)) => (
                    generator.generate(seed, self.size),
                    extension(generator).to_owned(),
                ),
                (None, None) => return Err(Error::Internal("a program without inputs".into())),
            };
            let name = format!("{stem}.{extension}");
            let path = inputs.join(&name);
            if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
                inferno_measure::write_atomically(&path, &bytes)?;
            }
            names[index] = format!("inputs/{name}");
        }
        Ok(names)
    }

    /// The spec of a program that brings none: one training process, one cold scenario on one core,
    /// as all of them are called with one busy thread.
    pub fn spec_text(&self, manifest: &str, package: &str, inputs: &[String; 2]) -> String {
        let bin = self.bin.as_deref().or(self.control.as_deref());
        let mut text = format!(
            "# Written by `cargo xtask calibrate`.\nname = {}\n\n[target]\nmanifest = {}\npackage = {}\nbin = {}\nfeatures = {}\n\n[judge]\nthreshold = 0.01\nrestarts = 8\n",
            quoted(&self.name),
            quoted(manifest),
            quoted(package),
            quoted(bin.unwrap_or(package)),
            list(&self.features),
        );
        let headers = [
            "[[train]]\nname = \"train\"",
            "[[scenario]]\nname = \"cold/holdout\"\nkind = \"cold\"\npin = true",
        ];
        for (header, input) in headers.iter().zip(inputs) {
            let args: Vec<String> = self
                .args
                .iter()
                .map(|argument| argument.replace("{input}", input))
                .collect();
            let _ = write!(
                text,
                "\n{header}\nargs = {}\ninputs = {}\ntimeout = \"60s\"\n",
                list(&args),
                list(std::slice::from_ref(input)),
            );
            if self.stdin {
                let _ = writeln!(text, "stdin = {}", quoted(input));
            }
            if !self.env.is_empty() {
                let pairs: Vec<String> = self
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name} = {}", quoted(value)))
                    .collect();
                let _ = writeln!(text, "env = {{ {} }}", pairs.join(", "));
            }
        }
        text
    }
}

fn extension(generator: Generator) -> &'static str {
    match generator {
        Generator::Bytes => "bin",
        Generator::Json => "json",
        Generator::Markdown => "md",
        Generator::Scss => "scss",
        Generator::Html => "html",
        Generator::Prose | Generator::Symbols | Generator::Waits => "txt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &str) -> Result<Vec<Program>> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("programs.toml");
        std::fs::write(&path, text).expect("a file");
        load(&path)
    }

    #[test]
    fn wrong_declarations_are_refused_by_name() {
        let begin = "[[program]]\nname = \"p\"\nkind = \"k\"\n";
        for (rest, expected) in [
            ("", "exactly one of `spec`, `package` and `control`"),
            ("package = \"a\"\ncontrol = \"b\"", "exactly one of `spec`"),
            ("spec = \"a.toml\"", "`spec` and `scenario` go together"),
            ("package = \"a\"", "exactly one of `generator` and `files`"),
            ("pakage = \"a\"", "unknown field"),
        ] {
            let error = declared(&format!("{begin}{rest}\n")).expect_err("it is refused");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.to_string().contains("programs.toml"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }
    }

    #[test]
    fn the_spec_that_is_written_can_be_read_whatever_the_arguments_are() {
        let text = "[[program]]\nname = \"p\"\nkind = \"k\"\npackage = \"a\"\nbin = \"b\"\nstdin = true\n\
                    generator = \"bytes\"\nsize = 9\nargs = ['say \"it\"', '{input}', 'back\\slash']\n\
                    env = { NAME = 'with \"quotes\"' }\n";
        let program = &declared(text).expect("a declaration")[0];
        let directory = tempfile::tempdir().expect("a directory");
        let inputs = program
            .write_inputs(directory.path(), directory.path())
            .expect("inputs");
        assert_ne!(
            std::fs::read(directory.path().join(&inputs[0])).expect("training"),
            std::fs::read(directory.path().join(&inputs[1])).expect("the holdout"),
        );
        let manifest = directory.path().join("Cargo.toml");
        std::fs::write(&manifest, "").expect("a file");
        let path = directory.path().join("pgo.toml");
        let written = program.spec_text(&manifest.to_string_lossy(), "a", &inputs);
        std::fs::write(&path, written).expect("a file");
        let spec = crate::spec::Spec::load(&path).expect("a valid spec");
        assert_eq!(spec.name(), "p");
        assert_eq!(spec.target().executable(), "b");
        let expected = ["say \"it\"", &inputs[0], "back\\slash"];
        assert_eq!(spec.train()[0].args, expected);
        assert_eq!(spec.train()[0].env["NAME"], "with \"quotes\"");
        assert_eq!(
            spec.scenario_specs()[0].stdin.as_deref(),
            Some(Path::new(&inputs[1]))
        );
    }
}
