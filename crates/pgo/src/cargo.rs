//! The one function that calls cargo.
//!
//! Takes a spec, an arm and its flags; gives the binary with what the compiler said. Every build
//! of a run goes through [`build`], so that arms cannot differ in anything but their flags.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use cargo_metadata::Message;
use cargo_metadata::camino::Utf8PathBuf;
use inferno_measure::process::{Command, Output};
use inferno_measure::write_atomically;

use crate::artifact::Artifact;
use crate::c_code;
use crate::clang::Clang;
use crate::digest;
use crate::error::{Error, Result};
use crate::flags::{self, Arm, SharedFlags};
use crate::host_artifacts;
use crate::output::OutputDir;
use crate::progress::Progress;
use crate::spec::Spec;
use crate::toolchain::{self, Compiler};

/// Lines of cargo's output that an error repeats; the whole log is in a file.
const TAIL_LINES: usize = 20;

/// Tells lld to write its inputs and arguments to this archive, as `--reproduce` does.
const LLD_ARCHIVE_VARIABLE: &str = "LLD_REPRODUCE";

/// What a build left.
#[derive(Debug)]
pub struct Built {
    /// The binary, copied out of cargo's reach.
    pub artifact: Artifact,
    /// The text of every warning of the compiler, those of dependencies included.
    pub warnings: Vec<String>,
    /// Whether cargo compiled anything.
    pub freshness: Freshness,
}

/// Whether cargo compiled anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Everything was there.
    Fresh,
    /// Something was compiled.
    Compiled,
}

/// Where and with what every arm of a run is built.
#[derive(Debug)]
pub struct Workshop {
    /// What is built.
    pub spec: Spec,
    /// The compiler.
    pub compiler: Compiler,
    /// The target triple, always explicit: without one, build scripts would be instrumented too.
    pub target: String,
    /// Flags common to every arm.
    pub shared: SharedFlags,
    /// What build scripts and C compilers take for the present, in seconds since 1970
    /// (`SOURCE_DATE_EPOCH`); the caller's own where absent.
    pub source_date_s: Option<u64>,
    /// What compiles the C code of build scripts in every arm; absent, that is left as it is.
    pub c: Option<Clang>,
    /// Where the results go.
    pub output: OutputDir,
    /// What cargo may do to have the dependencies.
    pub resolution: Resolution,
}

/// What cargo may do to have the dependencies; the same for every arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resolution {
    /// The lock file.
    pub lock_file: LockFile,
    /// The network.
    pub network: Network,
}

/// Whether cargo may write the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockFile {
    /// It may, as it does by itself.
    #[default]
    Written,
    /// It may not (`--locked`): what the manifests want must be in it.
    Kept,
}

/// Whether anything is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// What is missing is fetched.
    #[default]
    Used,
    /// Nothing is (`--offline`), by cargo or by us.
    Unused,
}

impl Resolution {
    /// cargo's options.
    pub(crate) fn arguments(self) -> impl Iterator<Item = &'static str> {
        let locked = (self.lock_file == LockFile::Kept).then_some("--locked");
        let offline = (self.network == Network::Unused).then_some("--offline");
        locked.into_iter().chain(offline)
    }
}

impl Workshop {
    /// cargo's target directory of `arm`. Another C compiler has another one: build scripts need not
    /// run again for it.
    pub(crate) fn target_dir(&self, arm: &Arm) -> PathBuf {
        match &self.c {
            None => self.output.target_dir(arm.name()),
            Some(clang) => {
                self.output
                    .target_dir(&format!("{}-clang-{}", arm.name(), clang.version))
            }
        }
    }
}

/// Builds `arm` and copies its binary out of cargo's reach.
///
/// # Errors
/// [`Error::Build`] with the end of cargo's output; the whole of it is in the output directory.
pub fn build(workshop: &Workshop, arm: &Arm, progress: &mut Progress) -> Result<Built> {
    let (executable, messages) = compile(workshop, arm, None, progress)?;
    let kept = workshop
        .output
        .binary(arm.name(), workshop.spec.target().executable());
    copy(&executable, &kept)?;
    Ok(Built {
        artifact: Artifact::read(&kept, workshop.shared.of(arm))?,
        warnings: messages.warnings,
        freshness: messages.freshness,
    })
}

/// Lets cargo bring `arm` up to date once more and reads the binary where cargo leaves it.
///
/// # Errors
/// See [`build`].
pub fn rebuild(workshop: &Workshop, arm: &Arm, progress: &mut Progress) -> Result<Artifact> {
    let (executable, _) = compile(workshop, arm, None, progress)?;
    Artifact::read(&executable, workshop.shared.of(arm))
}

/// Lets cargo link `arm` once more, its last crate compiled again, while lld writes everything
/// that the link consists of to the archive `to`. Gives the binary where cargo leaves it.
///
/// # Errors
/// See [`build`]; [`Error::Tool`] when another linker than lld has linked.
pub fn capture_link(
    workshop: &Workshop,
    arm: &Arm,
    to: &Path,
    progress: &mut Progress,
) -> Result<Artifact> {
    let (executable, _) = compile(workshop, arm, None, progress)?;
    // Where what cargo has linked is not there, it links again.
    for file in linked_copies(&executable)? {
        std::fs::remove_file(&file).map_err(Error::io("remove", &file))?;
    }
    let (executable, messages) = compile(workshop, arm, Some(to), progress)?;
    if !to.is_file() && messages.freshness == Freshness::Fresh {
        return Err(Error::Tool {
            message: format!("cargo did not link the {} again", arm.name()),
            hint: "a copy of the binary was found elsewhere: run again with --fresh, or do without code layouts and BOLT".into(),
        });
    }
    if !to.is_file() {
        return Err(Error::Tool {
            message: "a link can only be done again in another way where lld links, and another linker was used".into(),
            hint: "let lld link every arm, as by `rustflags = [\"-Clink-arg=-fuse-ld=lld\"]` in [target] of the spec, or do without code layouts and BOLT: docs/troubleshooting.md#layout-control".into(),
        });
    }
    Artifact::read(&executable, workshop.shared.of(arm))
}

/// The binary where cargo names it for people, and under the name by which cargo finds it again.
fn linked_copies(executable: &Path) -> Result<Vec<PathBuf>> {
    let directory = executable.parent().unwrap_or(Path::new("/"));
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    let digest = digest::file(executable)?;
    let mut copies = vec![executable.to_owned()];
    for directory in [directory.to_owned(), directory.join("deps")] {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if path != executable
                && path.is_file()
                && size(&path) == size(executable)
                && digest::file(&path)? == digest
            {
                copies.push(path);
            }
        }
    }
    Ok(copies)
}

/// A package whose code is in a binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linked {
    /// cargo's own name for it, such as `registry+https://…#name@1.0.0`.
    pub(crate) id: String,
    /// Its manifest.
    pub(crate) manifest: PathBuf,
}

impl Linked {
    /// Where it lies.
    pub(crate) fn directory(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("/"))
    }
}

/// The packages that were compiled for the target of `arm`, by id: what is in its binary, and
/// neither build scripts nor what these and macros were compiled from.
///
/// # Errors
/// See [`build`].
pub(crate) fn linked(
    workshop: &Workshop,
    arm: &Arm,
    progress: &mut Progress,
) -> Result<Vec<Linked>> {
    let (_, messages) = compile(workshop, arm, None, progress)?;
    let linked = messages.linked.into_iter();
    Ok(linked
        .map(|(id, manifest)| Linked { id, manifest })
        .collect())
}

fn compile(
    workshop: &Workshop,
    arm: &Arm,
    capture: Option<&Path>,
    progress: &mut Progress,
) -> Result<(PathBuf, Messages)> {
    host_artifacts::provide(workshop, arm)?;
    let messages = run(workshop, arm, capture, progress)?;
    let log = workshop.output.build_log(arm.name());
    // A build with nothing to do must not take the place of the one that called the compiler.
    let tells = messages.freshness == Freshness::Compiled && capture.is_none();
    if tells || !messages.succeeded {
        write_atomically(&log, messages.log.as_bytes())?;
    }
    if !messages.succeeded {
        return Err(failure(arm, &messages.log, &log));
    }
    let executable = messages.executable.clone().ok_or_else(|| Error::Build {
        arm: arm.name().to_owned(),
        message: format!(
            "cargo built no executable `{}`",
            workshop.spec.target().executable()
        ),
        hint: format!(
            "check `{}` in {}",
            workshop.spec.target().kind().key(),
            workshop.spec.path.display()
        ),
    })?;
    Ok((executable, messages))
}

/// What cargo printed, sorted.
#[derive(Debug)]
struct Messages {
    succeeded: bool,
    executable: Option<PathBuf>,
    warnings: Vec<String>,
    freshness: Freshness,
    /// Manifests by package id.
    linked: BTreeMap<String, PathBuf>,
    log: String,
}

/// What the threads that run and read cargo have to say.
enum Line {
    /// A line of standard output.
    Json(String),
    /// A line of standard error.
    Text(String),
    /// cargo has ended. A process that it left behind may keep the streams open.
    Ended,
}

fn run(
    workshop: &Workshop,
    arm: &Arm,
    capture: Option<&Path>,
    progress: &mut Progress,
) -> Result<Messages> {
    let (sender, lines) = mpsc::channel();
    let (to_stdout, to_stderr) = (sender.clone(), sender.clone());
    let command = command(workshop, arm, capture)?
        .stdout(Output::Lines(Box::new(move |line| {
            let _ = to_stdout.send(Line::Json(line.to_owned()));
        })))
        .stderr(Output::Lines(Box::new(move |line| {
            let _ = to_stderr.send(Line::Text(line.to_owned()));
        })));
    let mut messages = Messages {
        succeeded: false,
        executable: None,
        warnings: Vec::new(),
        freshness: Freshness::Fresh,
        linked: BTreeMap::new(),
        log: format!("{}\n", command.display()),
    };
    std::thread::scope(|scope| {
        let finished = scope.spawn(move || {
            let finished = command.run();
            let _ = sender.send(Line::Ended);
            finished
        });
        let mut crates = BTreeSet::new();
        for line in lines {
            match line {
                Line::Json(line) => messages.json(&line, workshop),
                Line::Text(line) => messages.text(&line, &mut crates, progress),
                Line::Ended => break,
            }
        }
        let finished = finished
            .join()
            .map_err(|_| Error::Internal("cargo's thread failed".into()))?;
        messages.succeeded = finished?.success();
        Ok(messages)
    })
}

impl Messages {
    fn json(&mut self, line: &str, workshop: &Workshop) {
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact(artifact)) => {
                if !artifact.fresh {
                    self.freshness = Freshness::Compiled;
                }
                // As the target is always named, what is compiled for it has a directory of its own.
                let of_target = |file: &Utf8PathBuf| {
                    let mut parts = file.components();
                    parts.any(|part| part.as_str() == workshop.target)
                };
                if artifact.filenames.iter().any(of_target) {
                    let manifest = artifact.manifest_path.clone().into();
                    self.linked
                        .insert(artifact.package_id.repr.clone(), manifest);
                }
                let target = workshop.spec.target();
                if artifact.target.name == target.executable()
                    && target.kind().is_of(&artifact.target)
                {
                    self.executable = artifact.executable.map(Into::into);
                }
            }
            Ok(Message::CompilerMessage(message)) => {
                let text = message
                    .message
                    .rendered
                    .as_deref()
                    .unwrap_or(&message.message.message);
                self.log.push_str(text);
                self.warnings.push(message.message.message);
            }
            Ok(_) => {}
            Err(_) => {
                self.log.push_str(line);
                self.log.push('\n');
            }
        }
    }

    fn text(&mut self, line: &str, crates: &mut BTreeSet<String>, progress: &mut Progress) {
        self.log.push_str(line);
        self.log.push('\n');
        let compiled = line.trim_start().strip_prefix("Compiling ");
        if let Some(name) = compiled.and_then(|rest| rest.split(' ').next()) {
            crates.insert(name.to_owned());
            progress.note(&format!("{name} ({} crates so far)", crates.len()));
        }
    }
}

fn command(workshop: &Workshop, arm: &Arm, capture: Option<&Path>) -> Result<Command> {
    let rustflags = workshop.shared.of(arm);
    let target = workshop.spec.target();
    let manifest = workshop.spec.manifest();
    let directory = manifest.parent().unwrap_or(Path::new("/"));
    let target_dir = workshop.target_dir(arm);
    // Twice verbose: only then does cargo let the warnings of dependencies through, and with them
    // what LLVM says about the profile.
    let mut command = Command::new("cargo")
        .args([
            "build",
            "-vv",
            "--message-format=json",
            "--color=never",
            "--manifest-path",
        ])
        .arg(&manifest)
        .args(["--package", &target.package, "--profile", &target.profile])
        .args(["--target", &workshop.target, "--target-dir"])
        .arg(&target_dir)
        .directory(directory)
        // Else a `build.build-dir` of the user's would be shared by all arms.
        .env("CARGO_BUILD_BUILD_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags::encode(&rustflags)?)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        // A compiler cache would not know the profile as an input.
        .env("RUSTC_WRAPPER", "");
    // To cargo an empty one of these is another one than none: with it, the workspace's symbols would
    // have other names than in the build that is shipped, and the linker would lay them out otherwise.
    let config = flags::cargo_config(&workshop.spec)?;
    command = match config.build.rustc_workspace_wrapper {
        Some(_) => command.env("RUSTC_WORKSPACE_WRAPPER", ""),
        None => command.env_remove("RUSTC_WORKSPACE_WRAPPER"),
    };
    command = command
        .arg(format!("--{}", target.kind().key()))
        .arg(target.executable())
        .args(workshop.resolution.arguments());
    command = match capture {
        // As a variable, because a flag would make it another build.
        Some(archive) => command.env(LLD_ARCHIVE_VARIABLE, archive),
        None => command.env_remove(LLD_ARCHIVE_VARIABLE),
    };
    if let Some(date_s) = workshop.source_date_s {
        command = command.env("SOURCE_DATE_EPOCH", date_s.to_string());
    }
    for setting in &target.settings {
        command = command.args(["--config", setting]);
    }
    if !target.features.is_empty() {
        command = command.args(["--features", &target.features.join(",")]);
    }
    if !target.default_features {
        command = command.arg("--no-default-features");
    }
    for variable in inherited_variables(directory) {
        command = command.env_remove(variable);
    }
    if let Some(clang) = &workshop.c {
        for (variable, compiler) in c_code::stand_ins(workshop, arm, clang)? {
            command = command.env(variable, compiler);
        }
    }
    Ok(command)
}

/// What an outer `cargo run` has set for its own package; build scripts would see it.
fn inherited_variables(directory: &Path) -> Vec<String> {
    let of_package = |name: &String| {
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    };
    let set = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(of_package);
    let own = ["RUSTFLAGS", "OUT_DIR", "LLVM_PROFILE_FILE", "CARGO"].map(String::from);
    set.chain(own)
        .chain(toolchain::inherited_selection(directory).map(String::from))
        .collect()
}

fn failure(arm: &Arm, log: &str, path: &Path) -> Error {
    // What cargo was doing, at great length, is in the log.
    let noise = |line: &&str| {
        [
            "Running `",
            "process didn't exit successfully: `",
            "Caused by:",
        ]
        .iter()
        .any(|start| line.trim_start().starts_with(start))
    };
    let lines: Vec<&str> = log.lines().filter(|line| !noise(line)).collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..]
        .join("\n")
        .trim()
        .to_owned();
    Error::Build {
        arm: arm.name().to_owned(),
        message: tail,
        hint: format!("the whole output is in `{}`", path.display()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let mut temporary =
        tempfile::NamedTempFile::new_in(directory).map_err(Error::io("write", to))?;
    let content = std::fs::read(from).map_err(Error::io("read", from))?;
    temporary
        .write_all(&content)
        .map_err(Error::io("write", to))?;
    let permissions = std::fs::metadata(from)
        .map_err(Error::io("read", from))?
        .permissions();
    temporary
        .as_file()
        .set_permissions(permissions)
        .map_err(Error::io("write", to))?;
    temporary
        .persist(to)
        .map_err(|error| Error::io("write", to)(error.error))?;
    Ok(())
}
