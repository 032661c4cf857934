//! A release: the optimised programs of one commit, proved and guarded, in archives that depend on
//! nothing but that commit.
//!
//! Takes specs with a stored profile, and the last release; gives archives with `SHA256SUMS`, or says
//! why there are none. Everything is built anew: nothing of an earlier run is taken over. What an earlier
//! run has left is removed once nothing is refused any more, before anything is built; nothing is packed
//! before all is verified and guarded. What was measured is beside the archives, never in them.

mod archive;
mod cargo_profile;
mod directory;
mod guards;
mod last_release;
mod licences;
mod manifest;
mod sums;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::record::Check;

use self::archive::{Entry, Mode};
use self::directory::Place;
use self::last_release::Released;
use self::manifest::{Build, Manifest, Program, Source};
use crate::assemble;
use crate::cargo::{LockFile, Resolution};
use crate::compare::programs::Finished;
use crate::error::{Error, Result};
use crate::optimize::Candidate;
use crate::progress::Progress;
use crate::revision::Revision;
use crate::session::Session;
use crate::spec::Spec;
use crate::stage::Reuse;
use crate::store::{Store, StoredProfile};
use crate::verify::VerifiedPair;

pub use guards::{Standing, Undecided};
pub use last_release::LastRelease;

/// What a release is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// The specs whose candidates are released, with names of their own.
    pub specs: Vec<Spec>,
    /// The output directory.
    pub out: PathBuf,
    /// What the guards compare with.
    pub last_release: LastRelease,
    /// Time for sampling the guards of each spec.
    pub budget: Duration,
    /// What to make of a guard without a verdict.
    pub undecided: Undecided,
}

/// What came of a release.
#[derive(Debug)]
pub struct Dist {
    /// The guards by spec; empty for a first release. While they live, their directories are held.
    pub guards: Vec<Finished>,
    /// What they say.
    pub standing: Standing,
    /// The archives and `SHA256SUMS`; none where a guard does not hold.
    pub files: Vec<PathBuf>,
}

/// Builds, verifies, guards and packs.
///
/// # Errors
/// Every [`Error`]; then nothing is packed.
pub fn run(options: &Options) -> Result<Dist> {
    check_specs(&options.specs)?;
    let place = Place::open(&options.out, &options.last_release)?;
    let prepared = options
        .specs
        .iter()
        .map(|spec| Prepared::of(spec, options))
        .collect::<Result<Vec<_>>>()?;
    let mut progress = Progress::on_stderr();
    let release = place.cleared(&mut |line| progress.say(line))?;
    for one in &prepared {
        one.session.output().empty()?;
    }
    let mut built = prepared
        .into_iter()
        .map(Prepared::build)
        .collect::<Result<Vec<_>>>()?;

    let guards = built
        .iter()
        .filter_map(|one| one.guards(options).transpose())
        .collect::<Result<Vec<_>>>()?;
    let standing = guards
        .iter()
        .map(|guard| guards::standing(&guard.record, options.undecided))
        .max()
        .unwrap_or(Standing::Held);
    let mut files = Vec::new();
    if standing == Standing::Held {
        let archives = built
            .iter_mut()
            .map(Built::pack)
            .collect::<Result<BTreeMap<_, _>>>()?;
        for one in &built {
            one.revision.check_unchanged()?;
        }
        files = release.write(&archives)?;
    }
    Ok(Dist {
        guards,
        standing,
        files,
    })
}

/// Archives and directories are named after specs, and what a spec does not declare cannot be proved.
fn check_specs(specs: &[Spec]) -> Result<()> {
    for (index, spec) in specs.iter().enumerate() {
        guards::names(spec)?;
        if spec.train().is_empty() {
            return Err(spec.error(
                "there is no [[train]] workload, so nothing tells whether the stored profile is stale",
                "declare one that is like the work of the stored profile: docs/profiles.md#staleness",
            ));
        }
        let mut earlier = specs[..index].iter();
        if earlier.any(|other| other.name() == spec.name()) {
            return Err(spec.error(
                format!(
                    "another spec of this release has the name `{}`",
                    spec.name()
                ),
                "give each spec a name of its own",
            ));
        }
    }
    Ok(())
}

/// All that can be refused before anything is built: a tree with changes, a file or a setting of the
/// cargo profile that is not in the commit, a profile that is not what its manifest says, a last release
/// that was tampered with, a tool that is missing. Nothing is removed yet: another spec of the release may
/// still be refused.
struct Prepared {
    session: Session,
    revision: Revision,
    stored: StoredProfile,
    last: Option<Released>,
}

impl Prepared {
    fn of(spec: &Spec, options: &Options) -> Result<Self> {
        spec.check_filled_in()?;
        let revision = Revision::of(&spec.manifest_directory())?;
        cargo_profile::check(&spec.manifest_directory(), &revision)?;
        let out = options.out.join("build").join(spec.name());
        // What cargo would write into the lock file is in no commit.
        let resolution = Resolution {
            lock_file: LockFile::Kept,
            ..Resolution::default()
        };
        let mut session = Session::open(spec.clone(), &out, Reuse::Nothing, resolution)?;
        session.forget_the_machine(&revision);
        let own = [spec.path.clone(), spec.manifest()];
        for file in own.iter().chain(&session.workspace_files()?) {
            revision.check_holds(file)?;
        }
        let stored = session.stored()?;
        for file in Store::of(spec).files(stored.manifest()) {
            revision.check_holds(&file)?;
        }
        let last = match &options.last_release {
            LastRelease::None => {
                session.say(&format!(
                    "no last release is named: the guards of {} are not measured",
                    spec.name()
                ));
                None
            }
            LastRelease::Directory(directory) => {
                let target = session.target().to_owned();
                let last = Released::open(directory, spec.name(), &target)?;
                session.say(&format!(
                    "last release of {}: version {}",
                    spec.name(),
                    last.version
                ));
                Some(last)
            }
        };
        session.provide()?;
        // An output directory in the repository must be ignored there: better said now than at the end.
        revision.check_unchanged()?;
        Ok(Self {
            session,
            revision,
            stored,
            last,
        })
    }

    fn build(self) -> Result<Built> {
        let Self {
            mut session,
            revision,
            stored,
            last,
        } = self;
        let baseline = session.baseline()?;
        let instrumented = session.instrument()?;
        let supplied = session.use_stored(&stored, &instrumented)?;
        let (candidate, origin) = session.optimize(&supplied.profile, &instrumented)?;
        let pair = session.verify(&baseline, &candidate)?;
        let mut checks = supplied.checks;
        checks.extend(origin);
        checks.extend(pair.checks().iter().cloned());
        Ok(Built {
            session,
            revision,
            last,
            pair,
            checks,
        })
    }
}

/// A candidate that was proved, and the output directory that holds it.
struct Built {
    session: Session,
    revision: Revision,
    last: Option<Released>,
    pair: VerifiedPair,
    checks: Vec<Check>,
}

impl Built {
    fn candidate(&self) -> &Candidate {
        self.pair.candidate()
    }

    /// The guards; `None` for a first release.
    fn guards(&self, options: &Options) -> Result<Option<Finished>> {
        let Some(last) = &self.last else {
            return Ok(None);
        };
        guards::run(
            self.session.spec(),
            last,
            self.candidate().artifact(),
            &options.out,
            options.budget,
        )
        .map(Some)
    }

    /// The archive by its name.
    fn pack(&mut self) -> Result<(String, Vec<u8>)> {
        let manifest = self.manifest()?;
        let (version, target) = (&manifest.version, &manifest.target);
        let top = format!("{}-{version}-{target}", manifest.name);
        let candidate = self.candidate().clone();
        let linked = self.session.linked(&candidate)?;
        let own = licences::Own {
            root: self.revision.root.clone(),
            members: self.session.members()?,
        };
        let licences = licences::third_party(&linked, &own, &manifest.build.rustc)?;
        let read = |content: Vec<u8>| Entry {
            content,
            mode: Mode::Read,
        };
        let program = Entry {
            content: candidate.artifact().content()?,
            mode: Mode::Run,
        };
        let mut entries = self.own_licences()?;
        entries.extend([
            (manifest::FILE.to_owned(), read(manifest.text()?.into())),
            (licences::FILE.to_owned(), read(licences.into())),
        ]);
        if entries.insert(manifest.program.file, program).is_some() {
            return Err(Error::Internal(
                "two files of an archive share a name".into(),
            ));
        }
        let archive = archive::packed(&top, &entries, self.revision.committed_s)?;
        Ok((format!("{top}{}", archive::SUFFIX), archive))
    }

    /// The licences of the repository itself.
    fn own_licences(&self) -> Result<BTreeMap<String, Entry>> {
        let root = &self.revision.root;
        let files = licences::files(root)?;
        if files.is_empty() {
            return Err(Error::Verification {
                check: "licences",
                message: format!("there is no licence in `{}`", root.display()),
                hint: "put the program's licence there, as LICENSE: a release must say what may be done with it".into(),
            });
        }
        files
            .iter()
            .map(|path| {
                let content = std::fs::read(path).map_err(Error::io("read", path))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let mode = Mode::Read;
                Ok((name.into_owned(), Entry { content, mode }))
            })
            .collect()
    }

    fn manifest(&self) -> Result<Manifest> {
        let (spec, artifact) = (self.session.spec(), self.candidate().artifact());
        let compiler = self.session.compiler();
        let rustflags = self.session.shared_flags().as_slice().iter();
        let rustflags =
            rustflags.map(|flag| assemble::without_directories(flag, spec, self.session.output()));
        Ok(Manifest {
            schema: manifest::SCHEMA,
            name: spec.name().to_owned(),
            version: self.session.package_version()?,
            target: self.session.target().to_owned(),
            source: Source {
                commit: self.revision.commit.clone(),
                committed_s: self.revision.committed_s,
                spec_sha256: spec.sha256.clone(),
            },
            program: Program {
                file: spec.target().executable().to_owned(),
                sha256: artifact.sha256.clone(),
                text_sha256: artifact.text_sha256.clone(),
                size_bytes: artifact.size_bytes,
            },
            profile_sha256: self.candidate().profile().sha256.clone(),
            build: Build {
                rustc: compiler.version.clone(),
                llvm: compiler.llvm.clone(),
                clang: self.session.clang().map(|clang| clang.version.clone()),
                target: spec.target().clone(),
                rustflags: rustflags.collect(),
            },
            checks: manifest::passed(&self.checks),
            unproved: manifest::unproved(&self.checks),
        })
    }
}
