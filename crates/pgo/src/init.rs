//! A first spec for a package: everything that cargo knows is filled in, the workload is left to the
//! person.
//!
//! Takes a manifest and what the person asks for; gives the text of a spec, or writes it where no file
//! is. It must not build anything or guess a workload: a spec is refused until the
//! [`PLACEHOLDER`]s are replaced.

use std::path::{Component, Path, PathBuf};

use cargo_metadata::{Metadata, Package};

use crate::error::{Error, Result};
use crate::manifest;
use crate::spec::ExecutableKind;

/// The name of a spec beside its package's manifest.
pub const FILE_NAME: &str = "pgo.toml";

/// Stands for a program's arguments in a spec that is to be filled in.
pub const PLACEHOLDER: &str = "<arguments>";

/// For which program a spec is wanted, and where.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The manifest of the package or its workspace.
    pub manifest: PathBuf,
    /// The package; needed where a workspace has programs in several.
    pub package: Option<String>,
    /// The program; needed where the package has several.
    pub executable: Option<(ExecutableKind, String)>,
    /// The spec to write; `pgo.toml` beside the package's manifest where absent.
    pub spec: Option<PathBuf>,
}

/// The program that a spec is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    /// The package's own manifest.
    manifest: PathBuf,
    package: String,
    kind: ExecutableKind,
    executable: String,
    /// Those without which cargo would not build the program.
    features: Vec<String>,
}

/// Writes a first spec; gives its path.
///
/// # Errors
/// [`Error::Usage`] when cargo cannot read the manifest, when it is not clear which program is meant,
/// and when the file is there already: it is never overwritten. [`Error::Measure`] when it cannot be
/// written.
pub fn write(request: &Request) -> Result<PathBuf> {
    let manifest = request
        .manifest
        .canonicalize()
        .map_err(|error| Error::Usage {
            message: format!(
                "there is no manifest `{}`: {error}",
                request.manifest.display()
            ),
            hint: "name a Cargo.toml with `--manifest-path FILE`".into(),
        })?;
    let hint = "mend the manifest, or name another with `--manifest-path FILE`";
    let subject = choose(&manifest::members(&manifest, hint)?, &manifest, request)?;
    let path = match &request.spec {
        Some(path) => path.clone(),
        None => subject.manifest.with_file_name(FILE_NAME),
    };
    if path.exists() {
        return Err(Error::Usage {
            message: format!("there is already a file `{}`", path.display()),
            hint: "change that one, move it away, or name another with `--spec FILE`".into(),
        });
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = directory
        .canonicalize()
        .map_err(Error::io("open", directory))?;
    let text = render(&subject, &relative(&directory, &subject.manifest));
    inferno_measure::write_new(&path, text.as_bytes())?;
    Ok(path)
}

/// The one program that is meant.
fn choose(metadata: &Metadata, manifest: &Path, request: &Request) -> Result<Subject> {
    let package = package(metadata, manifest, request)?;
    let wanted = request.executable.as_ref();
    let programs = programs(package, wanted);
    let default = package.default_run.as_deref().filter(|_| wanted.is_none());
    let (kind, target) = match programs.as_slice() {
        [] => return Err(no_program(package, wanted)),
        [only] => *only,
        several => several
            .iter()
            .find(|(_, target)| Some(target.name.as_str()) == default)
            .copied()
            .ok_or_else(|| several_programs(package, several))?,
    };
    Ok(Subject {
        manifest: package.manifest_path.as_std_path().to_owned(),
        package: package.name.to_string(),
        kind,
        executable: target.name.clone(),
        features: target.required_features.clone(),
    })
}

/// The package that is named, or whose manifest it is, or the only one of the workspace with such a
/// program.
fn package<'a>(metadata: &'a Metadata, manifest: &Path, request: &Request) -> Result<&'a Package> {
    let members = metadata.workspace_packages();
    let names = |packages: &[&Package]| {
        let names: Vec<String> = packages
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        names.join(", ")
    };
    if let Some(wanted) = &request.package {
        let found = members.iter().find(|package| package.name == *wanted);
        return found.copied().ok_or_else(|| Error::Usage {
            message: format!("there is no package `{wanted}`"),
            hint: format!("the packages are: {}", names(&members)),
        });
    }
    let is_own = |package: &&&Package| package.manifest_path.as_std_path() == manifest;
    if let Some(own) = members.iter().find(is_own) {
        return Ok(*own);
    }
    let wanted = request.executable.as_ref();
    let mut fitting = members.clone();
    fitting.retain(|package| !programs(package, wanted).is_empty());
    match fitting.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::Usage {
            message: "no package of the workspace has such a program".into(),
            hint: format!(
                "the packages are: {}; name a program by `--package NAME` with `--bin`, `--example` or `--bench`",
                names(&members)
            ),
        }),
        several => Err(Error::Usage {
            message: format!("several packages have a program: {}", names(several)),
            hint: "name one with `--package NAME`".into(),
        }),
    }
}

/// The package's programs: of the wanted name and kind, else its binaries.
fn programs<'a>(
    package: &'a Package,
    wanted: Option<&(ExecutableKind, String)>,
) -> Vec<(ExecutableKind, &'a cargo_metadata::Target)> {
    let kind = wanted.map_or(ExecutableKind::Bin, |(kind, _)| *kind);
    let is_wanted = |target: &&cargo_metadata::Target| {
        kind.is_of(target) && wanted.is_none_or(|(_, name)| *name == target.name)
    };
    let targets = package.targets.iter().filter(is_wanted);
    targets.map(|target| (kind, target)).collect()
}

fn no_program(package: &Package, wanted: Option<&(ExecutableKind, String)>) -> Error {
    let there: Vec<String> = ExecutableKind::ALL
        .into_iter()
        .flat_map(|kind| {
            let targets = package
                .targets
                .iter()
                .filter(move |target| kind.is_of(target));
            targets.map(move |target| format!("--{} {}", kind.key(), target.name))
        })
        .collect();
    let name = &package.name;
    Error::Usage {
        message: match wanted {
            Some((kind, wanted)) => format!("package `{name}` has no {} `{wanted}`", kind.key()),
            None => format!("package `{name}` has no binary"),
        },
        hint: if there.is_empty() {
            "a library is optimised in a program that calls it: add one, as examples/NAME.rs".into()
        } else {
            format!("name one of its programs: {}", there.join(", "))
        },
    }
}

fn several_programs(
    package: &Package,
    several: &[(ExecutableKind, &cargo_metadata::Target)],
) -> Error {
    let names: Vec<&str> = several
        .iter()
        .map(|(_, target)| target.name.as_str())
        .collect();
    Error::Usage {
        message: format!(
            "package `{}` has several binaries: {}",
            package.name,
            names.join(", ")
        ),
        hint: "name one with `--bin NAME`".into(),
    }
}

/// The text of the spec. `manifest` is the package's, as seen from the spec.
fn render(subject: &Subject, manifest: &Path) -> String {
    let Subject {
        package,
        kind,
        executable,
        features,
        ..
    } = subject;
    let (name, package) = (quoted(executable), quoted(package));
    let manifest = quoted(&manifest.to_string_lossy());
    let key = kind.key();
    let features = if features.is_empty() {
        String::new()
    } else {
        format!("features = {}\n", list(features))
    };
    let arguments = list(&[PLACEHOLDER.to_owned()]);
    format!(
        r#"# What is built, what trains it, and what it is judged on. Every key: Inferno PGO's docs/spec.md.
name = {name}

[target]
manifest = {manifest}
package = {package}
{key} = {name}
{features}
# Training: one process that does what users do most. Replace the placeholder by its arguments
# (`[]` for none), and name the files that it reads.
[[train]]
name = "typical"
args = {arguments}
# inputs = ["train.txt"]    # a file among the arguments
# stdin = "train.txt"       # or one for standard input

# Judging: the same kind of work, on input that the training has not seen.
[[scenario]]
name = "typical"
kind = "cold"               # a fresh process per sample
args = {arguments}
# inputs = ["holdout.txt"]
# stdin = "holdout.txt"
"#
    )
}

/// `text` as TOML has it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// `texts` as TOML has them.
pub(crate) fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// `path` as seen from `directory`; both are absolute.
fn relative(directory: &Path, path: &Path) -> PathBuf {
    let (mut from, mut to) = (
        directory.components().peekable(),
        path.components().peekable(),
    );
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    from.map(|_| Component::ParentDir).chain(to).collect()
}

#[cfg(test)]
mod tests;
