//! The session's stages around the stored profile: using it, renewing it, and merging into it what
//! was gathered elsewhere.
//!
//! Takes a [`StoredProfile`], which only a checked store can make; gives a profile for the candidate
//! with the evidence that it is fresh enough. What is written goes through `store::Store`.

use inferno_measure::record::{Check, ProfileSource, StageKind, Staleness};

use super::Session;
use crate::assemble;
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::gathered;
use crate::merge::{self, MergedProfile};
use crate::optimize;
use crate::sources::SourceState;
use crate::store::{self, Build, Made, Origin, Part, Store, StoredProfile, staleness};
use crate::train::Instrumented;

/// The stage that merges what a stored profile is compared with.
const FRESH: &str = "merge fresh training";

/// A profile for the candidate, with what is known of where it comes from.
#[derive(Debug)]
pub struct Supplied {
    /// The profile.
    pub profile: MergedProfile,
    /// Where it comes from.
    pub source: ProfileSource,
    /// The evidence for the record.
    pub checks: Vec<Check>,
}

impl Session {
    /// The profile that is kept beside the spec.
    ///
    /// # Errors
    /// See [`StoredProfile::open`].
    pub fn stored(&self) -> Result<StoredProfile> {
        StoredProfile::open(&self.workshop.spec, &self.build_now(None))
    }

    /// Takes over the stored profile, after measuring how far it is from a fresh training.
    ///
    /// # Errors
    /// [`Error::Verification`] when it is stale, [`Error::Training`].
    pub fn use_stored(
        &mut self,
        stored: &StoredProfile,
        instrumented: &Instrumented,
    ) -> Result<Supplied> {
        let profile = self.adopt_stored(stored)?;
        let fresh = self.fresh(instrumented)?;
        let sources = self.source_state(instrumented)?;
        self.progress.start("staleness");
        let staleness = match &fresh {
            Some(fresh) => Some(self.staleness(&profile, fresh)?),
            None => None,
        };
        let told = stored.told(&sources, staleness);
        let is_fresh = staleness::check(told.staleness.as_ref(), &stored.manifest().renewal())?;
        let is_ours = stored.check(&told);
        self.progress.finish(&is_fresh.detail);
        self.progress
            .say(&format!("stored profile: {}", is_ours.detail));
        Ok(Supplied {
            profile,
            source: ProfileSource::Stored(told),
            checks: vec![is_ours, is_fresh],
        })
    }

    /// Trains as declared and stores the merged profile in the place of the one that is there.
    ///
    /// # Errors
    /// [`Error::Usage`] when training alone cannot renew it, [`Error::Spec`] for a benchmark, and those
    /// of building and training.
    pub fn refresh(&mut self) -> Result<MergedProfile> {
        self.workshop.spec.check_training()?;
        store::check_storable(&self.workshop.spec)?;
        store::check_renewable(&Store::of(&self.workshop.spec))?;
        let instrumented = self.instrument()?;
        let profiles = self.train(&instrumented)?;
        let merged = self.merge(profiles)?;
        let source = self.source_state(&instrumented)?;
        let parts = merged.workloads.iter();
        let parts = parts.map(|profile| Part::of(profile, Origin::Training));
        self.write_store(&merged, parts.collect(), source)?;
        Ok(merged)
    }

    /// Merges profiles that were gathered elsewhere into the stored profile; without one, they become
    /// it.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is in it already, [`Error::Spec`] for a benchmark,
    /// [`Error::Verification`] when they are of another program, or of another version than the stored
    /// profile and the sources, by the control flow of the functions that they count.
    pub fn merge_into_stored(&mut self, sources: &[gathered::Source]) -> Result<MergedProfile> {
        store::check_storable(&self.workshop.spec)?;
        let parts = gathered::parts(sources)?;
        let is_stored = Store::of(&self.workshop.spec).read()?.is_some();
        let stored = is_stored.then(|| self.stored()).transpose()?;
        let tool = self.tool()?;
        let instrumented = self.instrument()?;
        let source = self.source_state(&instrumented)?;
        if let Some(stored) = &stored {
            stored.check_sources(&source)?;
        }
        let output = &self.workshop.output;
        let mut profiles = gathered::profiles(&parts, output, &tool)?;
        let earlier = stored
            .iter()
            .flat_map(|stored| stored.manifest().parts.clone());
        let new = profiles
            .iter()
            .map(|profile| Part::of(profile, Origin::Elsewhere));
        let told: Vec<Part> = earlier.chain(new).collect();
        if let Some(stored) = &stored {
            stored.check_new(&profiles)?;
            profiles.push(stored.as_part(stored.copy_to(&output.profiles())?));
        }
        let merged = merge::gathered(profiles, &tool, &output.profiles())?;
        optimize::check_origin(&merged, &instrumented, &tool)?;
        optimize::check_version(&merged, &instrumented, &tool)?;
        self.write_store(&merged, told, source)?;
        Ok(merged)
    }

    /// The build that goes on now, as a manifest tells it.
    fn build_now(&self, llvm_profdata: Option<String>) -> Build {
        let workshop = &self.workshop;
        let flags = workshop.shared.as_slice().iter();
        let flags =
            flags.map(|flag| assemble::without_directories(flag, &workshop.spec, &workshop.output));
        let arm = self.instrumented_arm();
        let c = assemble::c_compiler(workshop, &workshop.output, Some(arm), None);
        Build {
            flags: flags.collect(),
            toolchain: assemble::toolchain(workshop, llvm_profdata, c),
            target: workshop.spec.target().clone(),
        }
    }

    fn adopt_stored(&mut self, stored: &StoredProfile) -> Result<MergedProfile> {
        let tool = self.tool()?;
        let directory = self.workshop.output.profiles();
        let key = Key::new("stored")
            .part(&stored.manifest().profile.sha256)
            .part(&tool.version)
            .finish();
        let profile = self.stages.run("merge", StageKind::Other, &key, || {
            merge::adopt(&stored.copy_to(&directory)?, &tool, &directory)
        })?;
        stored.check_figures(&profile)?;
        Ok(profile)
    }

    /// The profile of the declared training on the program as it is; `None` where none is declared.
    fn fresh(&mut self, instrumented: &Instrumented) -> Result<Option<MergedProfile>> {
        if self.workshop.spec.train().is_empty() {
            return Ok(None);
        }
        let profiles = self.train(instrumented)?;
        self.merge_as(FRESH, profiles).map(Some)
    }

    fn source_state(&mut self, instrumented: &Instrumented) -> Result<SourceState> {
        let arm = self.instrumented_arm();
        let (workshop, progress) = (&self.workshop, &mut self.progress);
        self.stages.timed("source state", StageKind::Other, || {
            SourceState::of(workshop, &arm, instrumented.artifact(), progress)
        })
    }

    fn staleness(&mut self, stored: &MergedProfile, fresh: &MergedProfile) -> Result<Staleness> {
        let tool = self.tool()?;
        let limit = self.workshop.spec.store().max_staleness;
        self.stages.timed("staleness", StageKind::Other, || {
            let overlap = tool.overlap(&stored.path, &fresh.path)?;
            let overlap = overlap.ok_or_else(|| Error::Verification {
                check: "profile-staleness",
                message: format!(
                    "`{}` does not say how far the stored profile and a fresh one overlap",
                    tool.path.display()
                ),
                hint: "use an llvm-profdata of the compiler's LLVM: see the command `doctor`"
                    .into(),
            })?;
            let (stored, fresh) = (tool.counts(&stored.path)?, tool.counts(&fresh.path)?);
            Ok(staleness::measure(&stored, &fresh, overlap, limit))
        })
    }

    fn write_store(
        &mut self,
        merged: &MergedProfile,
        parts: Vec<Part>,
        source: SourceState,
    ) -> Result<()> {
        let version = self.tool()?.version;
        let made = Made {
            build: self.build_now(Some(version)),
            source,
            parts,
        };
        let spec = &self.workshop.spec;
        Store::of(spec).write(merged, made, spec.name())
    }
}
