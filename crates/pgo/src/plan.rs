//! What a run will do, before it does it: stages, expected time, disk.
//!
//! Takes [`Options`]; gives a [`Plan`] for people. It must not build, fetch or create anything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, PackageId};
use inferno_measure::record::{Record, Stage, StageState};

use crate::error::Result;
use crate::flags::{self, SharedFlags};
use crate::instructions;
use crate::manifest;
use crate::output::Layout;
use crate::pipeline::{NullRebuild, Options, ProfileFrom};
use crate::session::instructions_stage;
use crate::spec::Spec;
use crate::stage::Reuse;
use crate::toolchain::Compiler;

/// Seconds of one core per package in a release build: a rough guess from builds of small and
/// large dependency trees, replaced by the last run's time as soon as there is one.
const PACKAGE_BUILD_S: f64 = 2.5;

/// Megabytes in cargo's target directory per package and arm: as rough.
const PACKAGE_DISK_MB: f64 = 6.0;

/// The stage that links both arms in several code layouts.
const LINK_LAYOUTS: &str = "link layouts";

/// Seconds of one link and of compiling the last crate of an arm, where no last run tells.
const LINK_S: f64 = 0.5;
const LAST_CRATE_S: f64 = 10.0;

/// An instrumented program is 1 to 4 times slower and its build larger; as rough.
const INSTRUMENTED_FACTOR: f64 = 1.5;

/// A run's stages with what they are expected to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The spec's name.
    pub name: String,
    /// The output directory.
    pub out: PathBuf,
    /// The stages in order.
    pub stages: Vec<PlannedStage>,
    /// Expected size of the output directory in bytes; `None` where nothing is known.
    pub disk_bytes: Option<u64>,
    /// Where the figures come from.
    pub basis: Basis,
}

/// One stage of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStage {
    /// What is done.
    pub name: String,
    /// Expected wall time in seconds; `None` where nothing is known.
    pub wall_s: Option<f64>,
}

/// Where a plan's figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The last run with this output directory.
    LastRun,
    /// The number of packages.
    Packages,
}

impl Plan {
    /// Plans a run.
    ///
    /// # Errors
    /// [`crate::Error::Spec`], and [`crate::Error::Usage`] when cargo cannot read the manifest.
    pub fn of(options: &Options) -> Result<Self> {
        let spec = &options.spec;
        let config = flags::cargo_config(spec)?;
        let compiler = Compiler::of(&config, &spec.manifest_directory())?;
        // Flags that cannot be used would make cargo's own answer below hard to understand.
        let target = flags::target(spec, &config, &compiler.host)?;
        SharedFlags::resolve(spec, &config, &target)?;
        spec.check_names(&options.only)?;
        let packages = packages(spec)?;
        let layout = Layout::new(&options.out);
        let last = match options.reuse {
            Reuse::Unchanged => Record::read(&layout.record()).ok(),
            Reuse::Nothing => None,
        };
        let counted = counted_s(options, last.as_ref());
        let names = stage_names(options);
        let stages = names.into_iter().map(|name| {
            let known = last.as_ref().and_then(|record| took(record, &name));
            let known = known.or_else(|| counted.get(&name).copied());
            let wall_s = match name.as_str() {
                "measure" => Some(options.budget.as_secs_f64()),
                LINK_LAYOUTS => known.or_else(|| options.layouts.map(link_guess)),
                Stage::CRITERION => options
                    .declared_criterion()
                    .map(|declared| declared.budget.as_secs_f64()),
                _ => known.or_else(|| guess(&name, packages?)),
            };
            PlannedStage { name, wall_s }
        });
        let stages = stages.collect();
        let basis = if last.is_some() {
            Basis::LastRun
        } else {
            Basis::Packages
        };
        let disk_bytes = match &last {
            Some(_) => Some(size(layout.root())),
            None => packages.map(disk_guess),
        };
        let disk_bytes = disk_bytes
            .map(|bytes| bytes + layouts_bytes(options, last.as_ref()).unwrap_or_default());
        Ok(Self {
            name: spec.name().to_owned(),
            out: options.out.clone(),
            stages,
            disk_bytes,
            basis,
        })
    }

    /// Expected wall time of the whole run in seconds, of the stages that can be told.
    pub fn wall_s(&self) -> f64 {
        self.stages.iter().filter_map(|stage| stage.wall_s).sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan for {}", self.name)?;
        for stage in &self.stages {
            let expected = stage.wall_s.map_or("no estimate".to_owned(), time);
            writeln!(f, "  {:<28} {expected}", stage.name)?;
        }
        let basis = match self.basis {
            Basis::LastRun => "as the last run took",
            Basis::Packages => "a rough guess from the number of packages",
        };
        writeln!(f, "  in all about {} ({basis})", time(self.wall_s()))?;
        let disk = self.disk_bytes.map_or("no estimate".to_owned(), |bytes| {
            format!("about {} MB", bytes / 1_000_000)
        });
        writeln!(f, "  disk: {disk} in {}", self.out.display())
    }
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        "under 1 s".into()
    } else if seconds < 100.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}

fn stage_names(options: &Options) -> Vec<String> {
    let mut names = ["build baseline", "suitability", "build instrumented"]
        .map(String::from)
        .to_vec();
    // A stored profile is compared with a fresh training.
    if !matches!(options.profile, ProfileFrom::File(_)) {
        let workloads = options.spec.train().iter();
        names.extend(workloads.map(|workload| format!("train {}", workload.name)));
    }
    names.extend(["merge", "build candidate", "verify", "overlap"].map(String::from));
    if options.null_rebuild == NullRebuild::Built {
        names.push("build audit".into());
    }
    if options.layouts.is_some() {
        names.push(LINK_LAYOUTS.into());
    }
    names.push("measure".into());
    if options.instructions.is_some() {
        let scenarios = options.spec.scenario_specs().iter();
        let wanted = scenarios
            .filter(|scenario| options.only.is_empty() || options.only.contains(&scenario.name));
        names.extend(wanted.map(|scenario| instructions_stage(&scenario.name)));
    }
    if options.declared_criterion().is_some() {
        names.push(Stage::CRITERION.into());
    }
    names
}

/// Expected seconds of the stages that count instructions, by name, where the last run tells what a
/// sample takes.
fn counted_s(options: &Options, last: Option<&Record>) -> BTreeMap<String, f64> {
    let Some((last, limit)) = last.zip(options.instructions) else {
        return BTreeMap::new();
    };
    let expected = last.scenarios.iter().filter_map(|result| {
        let wall_s = instructions::expected_s(result, limit)?;
        Some((instructions_stage(&result.scenario.name), wall_s))
    });
    expected.collect()
}

/// What the stage took when it last ran; a stage that was reused then says nothing.
fn took(record: &Record, name: &str) -> Option<f64> {
    let stage = record
        .timings
        .stages
        .iter()
        .find(|stage| stage.name == name)?;
    (stage.state == StageState::Ran).then_some(stage.wall_s)
}

fn guess(name: &str, packages: usize) -> Option<f64> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let build = packages as f64 * PACKAGE_BUILD_S / cores as f64;
    match name {
        "build instrumented" => Some(build * INSTRUMENTED_FACTOR),
        name if name.starts_with("build ") => Some(build),
        "merge" => Some(0.5),
        _ => None,
    }
}

/// How many packages the target needs, where that can be told without downloading anything.
fn packages(spec: &Spec) -> Result<Option<usize>> {
    let path = spec.manifest();
    let known = manifest::members(&path, "check `manifest` in [target] of the spec")?;
    check_target(spec, &known)?;
    let reachable = manifest::with_dependencies(&path).and_then(|metadata| {
        let packages = metadata.workspace_packages();
        let root = packages
            .iter()
            .find(|package| package.name == spec.target().package)?;
        Some(reachable(&metadata, &root.id))
    });
    let lock = known.workspace_root.join("Cargo.lock");
    Ok(reachable.or_else(|| {
        let text = std::fs::read_to_string(lock).ok()?;
        Some(text.matches("[[package]]").count())
    }))
}

fn check_target(spec: &Spec, metadata: &Metadata) -> Result<()> {
    let target = spec.target();
    let package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == target.package);
    let package = package.ok_or_else(|| {
        let known: Vec<_> = metadata
            .workspace_packages()
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        spec.error(
            format!("there is no package `{}`", target.package),
            format!("the packages are: {}", known.join(", ")),
        )
    })?;
    let (kind, executable) = (target.kind(), target.executable());
    let has_it = package
        .targets
        .iter()
        .any(|built| built.name == executable && kind.is_of(built));
    if has_it {
        return Ok(());
    }
    let key = kind.key();
    Err(spec.error(
        format!("package `{}` has no {key} `{executable}`", target.package),
        format!("check `{key}` in [target]"),
    ))
}

/// The number of packages that `root` needs.
fn reachable(metadata: &Metadata, root: &PackageId) -> usize {
    let Some(resolve) = &metadata.resolve else {
        return 1;
    };
    let mut found = std::collections::HashSet::from([root]);
    let mut pending = vec![root];
    while let Some(id) = pending.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id);
        for dependency in node.iter().flat_map(|node| &node.dependencies) {
            if found.insert(dependency) {
                pending.push(dependency);
            }
        }
    }
    found.len()
}

/// Both arms' last crates are compiled once, and every layout is a link of both.
fn link_guess(layouts: u32) -> f64 {
    2.0 * (LAST_CRATE_S + f64::from(layouts) * LINK_S)
}

/// Five binaries per layout: both as they were linked, and the three that are sampled. `None`
/// where they are there already, or nobody knows their size.
fn layouts_bytes(options: &Options, last: Option<&Record>) -> Option<u64> {
    let artifacts = &last?.artifacts;
    let layout = 3 * artifacts.baseline.size_bytes + 2 * artifacts.candidate.size_bytes;
    let wanted = options.layouts? as usize;
    let missing =
        (0..wanted).filter(|&number| !Layout::new(&options.out).layout_arms(number).exists());
    Some(layout * missing.count() as u64)
}

fn disk_guess(packages: usize) -> u64 {
    let arms = 2.0 + INSTRUMENTED_FACTOR;
    (packages as f64 * PACKAGE_DISK_MB * arms * 1e6) as u64
}

fn size(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
