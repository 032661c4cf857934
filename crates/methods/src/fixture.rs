//! `fixtures/known-difference`, built once, and its patched copies.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use inferno_measure::process::Command;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::outcome::Table;
use crate::patch;

/// The fixture as cargo built it.
#[derive(Debug, Clone)]
pub struct Built {
    /// The program, which is also the worker.
    pub program: PathBuf,
    /// The benchmark; for [`Table::Warm`] alone.
    pub benchmark: Option<PathBuf>,
}

/// Copies by difference in per cent. All paths of a kind have equal length.
#[derive(Debug, Clone)]
pub struct Variants {
    /// The programs.
    pub programs: BTreeMap<u32, PathBuf>,
    /// The benchmarks, where they were built.
    pub benchmarks: BTreeMap<u32, PathBuf>,
    /// The program that does no rounds: starting and ending alone.
    pub without_work: PathBuf,
    /// SHA-256 of what was copied, before any byte was patched.
    pub binaries_sha256: String,
}

/// A line of cargo's messages, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds what `table` needs. `repository` is the root of the repository.
///
/// # Errors
/// When cargo fails or names no binary.
pub fn build(repository: &Path, table: Table) -> Result<Built> {
    let program = cargo(repository, &["build", "--bins"], "known-difference", "bin")?;
    let benchmark = match table {
        Table::Cold => None,
        Table::Warm => Some(cargo(
            repository,
            &["bench", "--no-run", "--bench", "part"],
            "part",
            "bench",
        )?),
    };
    Ok(Built { program, benchmark })
}

fn cargo(repository: &Path, command: &[&str], name: &str, kind: &str) -> Result<PathBuf> {
    let manifest = repository.join("fixtures/known-difference/Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile: &[&str] = if command[0] == "build" {
        &["--release"]
    } else {
        &[]
    };
    let finished = Command::new(PathBuf::from(cargo))
        .args(command)
        .args(profile)
        .args(["--locked", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(repository.join("target/known-difference"))
        .run()?;
    let failed = |output: String| Error::Build {
        manifest: manifest.clone(),
        output,
    };
    if !finished.success() {
        return Err(failed(
            String::from_utf8_lossy(&finished.stderr).into_owned(),
        ));
    }
    let messages = String::from_utf8_lossy(&finished.stdout).into_owned();
    executable(&messages, name, kind).ok_or_else(|| failed(format!("it names no {kind} `{name}`")))
}

fn executable(messages: &str, name: &str, kind: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .find_map(|message| {
            let target = message.target?;
            let is_wanted = target.name == name && target.kind.iter().any(|other| other == kind);
            message.executable.filter(|_| is_wanted)
        })
}

/// The version of Criterion that the fixture's benchmark is built with.
///
/// # Errors
/// When the fixture's lock file cannot be read, or holds none.
pub fn criterion_version(repository: &Path) -> Result<String> {
    let path = repository.join("fixtures/known-difference/Cargo.lock");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
    let mut lines = text
        .lines()
        .skip_while(|line| *line != "name = \"criterion\"");
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = "));
    let missing = || Error::unreadable(path.display().to_string(), "names no criterion");
    Ok(version.ok_or_else(missing)?.trim_matches('"').to_owned())
}

/// Makes the copies in `directory`: one per difference, and the one without any.
///
/// # Errors
/// When a binary has not exactly one constant, or a file cannot be read or written.
pub fn variants(built: &Built, differences: &[u32], directory: &Path) -> Result<Variants> {
    let failed = |source| Error::io("create", directory, source);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut hash = Sha256::new();
    let programs = copies(&built.program, differences, directory, "program", &mut hash)?;
    let benchmarks = match &built.benchmark {
        Some(benchmark) => copies(benchmark, differences, directory, "benchmark", &mut hash)?,
        None => BTreeMap::new(),
    };
    let bytes = std::fs::read(&built.program)
        .map_err(|source| Error::io("read", &built.program, source))?;
    // As long as the other paths.
    let without_work = directory.join("program-no");
    write_patched(bytes, 0, &built.program, &without_work)?;
    let hex = |byte: &u8| format!("{byte:02x}");
    Ok(Variants {
        programs,
        benchmarks,
        without_work,
        binaries_sha256: hash.finalize().iter().map(hex).collect(),
    })
}

fn copies(
    binary: &Path,
    differences: &[u32],
    directory: &Path,
    name: &str,
    hash: &mut Sha256,
) -> Result<BTreeMap<u32, PathBuf>> {
    let bytes = std::fs::read(binary).map_err(|source| Error::io("read", binary, source))?;
    hash.update(&bytes);
    let unpatched = |problem| Error::Patch {
        binary: binary.to_owned(),
        problem,
    };
    let rounds = patch::rounds(&bytes).map_err(unpatched)?;
    let mut copies = BTreeMap::new();
    for &difference in [0].iter().chain(differences) {
        let wanted = rounds_with(rounds, difference).map_err(unpatched)?;
        // Two digits: paths of equal length, because it moves the stack.
        let path = directory.join(format!("{name}-{difference:02}"));
        write_patched(bytes.clone(), wanted, binary, &path)?;
        copies.insert(difference, path);
    }
    Ok(copies)
}

fn write_patched(bytes: Vec<u8>, rounds: u64, binary: &Path, path: &Path) -> Result<()> {
    let patched = patch::with_rounds(bytes, rounds).map_err(|problem| Error::Patch {
        binary: binary.to_owned(),
        problem,
    })?;
    inferno_measure::write_atomically(path, &patched)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|source| Error::io("make executable", path, source))
}

/// The rounds with `difference` per cent more, which must be a whole number.
fn rounds_with(rounds: u64, difference: u32) -> Result<u64, String> {
    let hundredfold = rounds * u64::from(100 + difference);
    if hundredfold.is_multiple_of(100) {
        Ok(hundredfold / 100)
    } else {
        Err(format!(
            "{difference} % of its {rounds} rounds are no whole number"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_of_the_target() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"known-difference","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"known-difference","kind":["bin"]},"executable":"/t/known-difference"}
{"reason":"build-finished","success":true}"#;
        let found = executable(messages, "known-difference", "bin");
        assert_eq!(found, Some(PathBuf::from("/t/known-difference")));
        assert_eq!(executable(messages, "part", "bench"), None);
    }

    #[test]
    fn the_fixtures_criterion_is_known() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let version = criterion_version(&repository).unwrap();
        assert!(version.starts_with("0."), "{version}");
    }

    #[test]
    fn differences_are_exact() {
        assert_eq!(rounds_with(24_000, 0), Ok(24_000));
        assert_eq!(rounds_with(24_000, 1), Ok(24_240));
        assert!(rounds_with(24_010, 5).is_err());
    }

    #[test]
    fn copies_differ_in_the_constant_alone_and_have_paths_of_equal_length() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("built");
        let bytes = [patch::MARKER.as_slice(), &24_000_u64.to_le_bytes()].concat();
        std::fs::write(&program, &bytes).unwrap();
        let built = Built {
            program: program.clone(),
            benchmark: None,
        };
        let found = variants(&built, &[5], &directory.path().join("bin")).unwrap();
        let read = |difference| std::fs::read(&found.programs[&difference]).unwrap();
        assert_eq!((read(0), patch::rounds(&read(5))), (bytes, Ok(25_200)));
        let length = |difference| found.programs[&difference].as_os_str().len();
        assert_eq!(length(0), length(5));
        let idle = std::fs::read(&found.without_work).unwrap();
        assert_eq!(patch::rounds(&idle), Ok(0));
        assert_eq!(found.without_work.as_os_str().len(), length(0));
        std::fs::write(&program, "no constant").unwrap();
        let error = variants(&built, &[5], &directory.path().join("bin")).unwrap_err();
        assert!(matches!(error, Error::Patch { .. }) && error.hint().is_some());
    }
}
