//! The licences of everything that is linked into a program.
//!
//! Takes the packages that cargo compiled for it; gives one text with their licences and notices. A
//! package of which no licence is known is refused: nobody may pass it on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cargo::Linked;
use crate::error::{Error, Result};

/// Name of the file in an archive.
pub(super) const FILE: &str = "THIRD-PARTY.txt";

/// How the names of files with licences and notices begin, in upper case.
const NAMES: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

/// What the repository's own licence covers.
#[derive(Debug)]
pub(super) struct Own {
    /// The repository's directory.
    pub(super) root: PathBuf,
    /// cargo's names of the packages of the workspace.
    pub(super) members: BTreeSet<String>,
}

impl Own {
    /// Whether `package` is a member of the workspace without a licence beside it. cargo takes a copy of
    /// another's package for a member where the program depends on it by its path: such a copy brings its
    /// licence.
    fn covers(&self, package: &Linked) -> Result<bool> {
        if !self.members.contains(&package.id) {
            return Ok(false);
        }
        let directory = package.directory();
        let is_root = directory.canonicalize().is_ok_and(|it| it == self.root);
        Ok(is_root || files(directory)?.is_empty())
    }
}

/// A package from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// The SPDX expression, where it states one.
    licence: Option<String>,
    /// Licences and notices by file name.
    texts: Vec<(String, String)>,
}

/// The files with licences and notices in `directory`, sorted by name.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let is_licence = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_uppercase();
        NAMES.iter().any(|start| name.starts_with(start)) && path.is_file()
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io("read", directory))? {
        found.push(entry.map_err(Error::io("read", directory))?.path());
    }
    found.retain(is_licence);
    found.sort();
    Ok(found)
}

/// The text on all packages among `linked` that are not the program's `own`, and on the standard library
/// of `rustc`.
///
/// # Errors
/// [`Error::Verification`] for a package of which no licence is known, [`Error::Io`].
pub(super) fn third_party(linked: &[Linked], own: &Own, rustc: &str) -> Result<String> {
    let mut packages = Vec::new();
    for package in linked {
        if !own.covers(package)? {
            packages.push(Package::read(package)?);
        }
    }
    packages.sort();
    Ok(told(&packages, rustc))
}

impl Package {
    fn read(linked: &Linked) -> Result<Self> {
        let manifest = &linked.manifest;
        let text = std::fs::read_to_string(manifest).map_err(Error::io("read", manifest))?;
        let table: toml::Table = toml::from_str(&text)
            .map_err(|error| Error::Internal(format!("{}: {error}", manifest.display())))?;
        let stated = |key: &str| {
            let value = table.get("package")?.get(key)?;
            value.as_str().map(str::to_owned)
        };
        // What a package takes over from its workspace stands in cargo's name for it.
        let (_, named) = linked.id.rsplit_once('#').unwrap_or_default();
        let (name, version) = named.split_once('@').unwrap_or((named, ""));
        let directory = linked.directory();
        let mut paths = files(directory)?;
        let own = stated("license-file")
            .map(|file| directory.join(file))
            .filter(|own| !paths.contains(own) && own.is_file());
        paths.extend(own);
        let package = Self {
            name: stated("name").unwrap_or_else(|| name.to_owned()),
            version: stated("version").unwrap_or_else(|| version.to_owned()),
            licence: stated("license"),
            texts: paths
                .iter()
                .map(|path| {
                    let content = std::fs::read(path).map_err(Error::io("read", path))?;
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    let text = String::from_utf8_lossy(&content).into_owned();
                    Ok((name.into_owned(), text))
                })
                .collect::<Result<_>>()?,
        };
        if package.licence.is_some() || !package.texts.is_empty() {
            return Ok(package);
        }
        Err(Error::Verification {
            check: "licences",
            message: format!(
                "`{}` states no licence for {} {}, and has none beside it",
                manifest.display(),
                package.name,
                package.version
            ),
            hint: "find out by what right it may be passed on, or do without it".into(),
        })
    }
}

/// A line per package, then each text once: hundreds of packages have the same few.
fn told(packages: &[Package], rustc: &str) -> String {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut texts: Vec<(String, &str)> = Vec::new();
    let mut list = String::new();
    for package in packages {
        let mut own = Vec::new();
        for (file, text) in &package.texts {
            let number = *numbers.entry(text.trim()).or_insert_with(|| {
                let origin = format!("{file} of {} {}", package.name, package.version);
                texts.push((origin, text.trim()));
                texts.len()
            });
            own.push(number.to_string());
        }
        let told = match own.as_slice() {
            [] => String::new(),
            [one] => format!(" (text {one})"),
            several => format!(" (texts {})", several.join(", ")),
        };
        let licence = package.licence.as_deref().unwrap_or("see its text");
        let Package { name, version, .. } = package;
        let _infallible = writeln!(list, "{name} {version}: {licence}{told}");
    }
    let _infallible = writeln!(
        list,
        "the standard library of {rustc}: MIT OR Apache-2.0, with the notices of the Rust project (https://www.rust-lang.org)"
    );
    let mut text = format!(
        "The program in this archive is linked from the packages below, each under its own licence. The\n\
         numbers name the texts that follow the list.\n\n{list}"
    );
    for (index, (origin, content)) in texts.iter().enumerate() {
        let _infallible = write!(text, "\n==== text {}: {origin}\n\n{content}\n", index + 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(directory: &Path, name: &str, manifest: &str, files: &[(&str, &str)]) -> Linked {
        let directory = directory.join(name);
        std::fs::create_dir(&directory).expect("a directory");
        let path = directory.join("Cargo.toml");
        std::fs::write(&path, format!("[package]\n{manifest}\n")).expect("a file");
        for (file, text) in files {
            std::fs::write(directory.join(file), text).expect("a file");
        }
        Linked {
            id: format!("registry+https://example.org#{name}@1.0.0"),
            manifest: path,
        }
    }

    #[test]
    fn every_package_has_its_licence_and_each_text_stands_once() {
        let scratch = tempfile::tempdir().expect("a directory");
        let of = |name: &str, manifest: &str, files: &[(&str, &str)]| {
            package(scratch.path(), name, manifest, files)
        };
        let mit = ("LICENSE-MIT", "the MIT text\n");
        let [vendored, elsewhere, member] = [
            ("vendored", &[("LICENSE", "the vendor's terms")][..]),
            ("elsewhere", &[("NOTICE", "a path away")]),
            ("member", &[]),
        ]
        .map(|(name, files)| {
            let mut local = of(name, "version = \"9.9.9\"\nlicense = \"BSD\"", files);
            local.id = format!("path+file:///{name}#{name}@9.9.9");
            local
        });
        let mut top = of("top", "name = \"top\"", &[("LICENSE", "own terms")]);
        top.id = "path+file:///top#9.9.9".into();
        let own = Own {
            root: scratch
                .path()
                .join("top")
                .canonicalize()
                .expect("it is there"),
            members: [&member, &vendored, &top].map(|one| one.id.clone()).into(),
        };
        let linked = [
            top,
            vendored,
            elsewhere,
            of(
                "b",
                "name = \"b\"\nversion = \"2.0.0\"\nlicense = \"MIT\"",
                &[mit, ("NOTICE.md", "b's notice"), ("README", "no licence")],
            ),
            member,
            of(
                "a",
                "name = \"a\"\nversion = \"1.0.0\"\nlicense = \"MIT\"",
                &[mit],
            ),
            // As in a repository whose workspace states version and licence.
            of(
                "c",
                "name = \"c\"\nversion = { workspace = true }",
                &[("COPYING", "c's own text")],
            ),
            of(
                "d",
                "name = \"d\"\nversion = \"1.0.0\"\nlicense-file = \"terms.txt\"",
                &[("terms.txt", "d's terms")],
            ),
        ];
        let text = third_party(&linked, &own, "rustc 1.95.0").expect("all are known");
        let list = "a 1.0.0: MIT (text 1)\nb 2.0.0: MIT (texts 1, 2)\n\
                    c 1.0.0: see its text (text 3)\nd 1.0.0: see its text (text 4)\n\
                    elsewhere 9.9.9: BSD (text 5)\nvendored 9.9.9: BSD (text 6)\n\
                    the standard library of rustc 1.95.0";
        assert!(text.contains(list), "{text}");
        assert_eq!(text.matches("the MIT text").count(), 1, "{text}");
        for part in ["b's notice", "c's own text", "d's terms"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        for absent in ["member 9.9.9", "top 9.9.9", "own terms", "no licence"] {
            assert!(!text.contains(absent), "{absent}\n{text}");
        }
        let mut turned = linked.to_vec();
        turned.reverse();
        let again = third_party(&turned, &own, "rustc 1.95.0").expect("known");
        assert_eq!(again, text);
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let manifest = "name = \"x\"\nversion = \"1.0.0\"";
        let own = Own {
            root: scratch.path().to_owned(),
            members: BTreeSet::new(),
        };
        let mut linked = [package(scratch.path(), "x", manifest, &[("README", "")])];
        for id in [linked[0].id.clone(), "path+file:///x#1.0.0".to_owned()] {
            linked[0].id = id;
            let error = third_party(&linked, &own, "rustc").expect_err("no licence");
            assert!(error.to_string().contains("x 1.0.0"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        }
    }
}
