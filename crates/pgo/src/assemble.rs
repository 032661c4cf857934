//! The record of a run, from what its stages left.
//!
//! Takes proofs and judged scenarios; gives a [`Record`] without absolute paths. It must not judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use inferno_measure::host;
use inferno_measure::record::{
    self, Artifacts, Audit, CCompiler, Check, HotFunction, Input, InstructionCounts, Profile,
    ProfileSource, Record, ScenarioResult, Stage, StageKind, StageState, Timings, Tool, Toolchain,
    TrainingWorkload, TrendResult, Verification,
};
use inferno_measure::scenario::Judging;

use crate::artifact::Artifact;
use crate::cargo::Workshop;
use crate::digest;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::optimize::Candidate;
use crate::output::OutputDir;
use crate::session::Session;
use crate::spec::Spec;
use crate::stage::Stages;
use crate::suitability;
use crate::suitability::calibration::{self, Identity};
use crate::suitability::evidence::Evidence;

/// What is known of the two arms beside their samples.
#[derive(Debug)]
pub(crate) struct Proof<'a> {
    pub(crate) instrumented: Option<&'a Artifact>,
    pub(crate) baseline: &'a Artifact,
    pub(crate) candidate: &'a Artifact,
    pub(crate) built_with: Option<BuiltWith<'a>>,
    pub(crate) checks: Vec<Check>,
    pub(crate) audit: Option<Audit>,
    /// What the suitability score is made of.
    pub(crate) evidence: Option<Evidence>,
    /// Counted instructions by scenario: beside the verdicts, which are made without them.
    pub(crate) instructions: BTreeMap<String, InstructionCounts>,
}

/// The candidate's build, and what is known of its profile.
#[derive(Debug)]
pub(crate) struct BuiltWith<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) source: ProfileSource,
    pub(crate) holdout_overlap: Option<f64>,
    pub(crate) hottest: Vec<HotFunction>,
}

pub(crate) fn record(
    session: &mut Session,
    proof: &Proof<'_>,
    judging: Judging,
    mut scenarios: Vec<ScenarioResult>,
    trends: Vec<TrendResult>,
) -> Result<Record> {
    for result in &mut scenarios {
        result.instructions = proof.instructions.get(&result.scenario.name).cloned();
    }
    let llvm_profdata = session.tool()?.version;
    let inputs = inputs(session)?;
    let profile = proof.built_with.as_ref().map(profile);
    let suitability = proof
        .evidence
        .as_ref()
        .map(|evidence| {
            let rows = calibration::embedded()?;
            let program = Identity::of(session.spec());
            let profile = profile.as_ref();
            Ok::<_, Error>(suitability::score(evidence, &rows, program, profile))
        })
        .transpose()?;
    let spec = session.spec();
    let workloads = spec.workloads();
    let of = |artifact| described(artifact, spec, session.output());
    Ok(Record {
        schema: record::SCHEMA_VERSION,
        name: spec.name().to_owned(),
        created: now(),
        tool: tool(),
        spec: Some(told(spec)),
        host: host::describe(),
        toolchain: Some(toolchain(
            &session.workshop,
            Some(llvm_profdata),
            c_of(session, proof),
        )),
        artifacts: Artifacts {
            baseline: of(proof.baseline),
            instrumented: proof.instrumented.map(of),
            candidate: of(proof.candidate),
        },
        inputs,
        profile,
        verification: Verification {
            checks: proof.checks.clone(),
            audit: proof.audit.clone(),
        },
        workloads,
        judging,
        statistics: inferno_measure::verdict::STATISTICS,
        scenarios,
        trends,
        hints: Vec::new(),
        suitability,
        timings: timings(&session.stages, session.started),
    })
}

/// What compiled C for the arms of `proof`.
fn c_of(session: &Session, proof: &Proof<'_>) -> Option<CCompiler> {
    let instrumented = proof.instrumented.map(|_| session.instrumented_arm());
    let candidate = proof.built_with.as_ref().map(|built| Arm::Candidate {
        profile: built.candidate.profile().path.clone(),
    });
    c_compiler(&session.workshop, session.output(), instrumented, candidate)
}

/// What compiles C for the given arms; `None` where it is left as it is.
pub(crate) fn c_compiler(
    workshop: &Workshop,
    output: &OutputDir,
    instrumented: Option<Arm>,
    candidate: Option<Arm>,
) -> Option<CCompiler> {
    let clang = workshop.c.as_ref()?;
    let flags = |arm: Option<Arm>| {
        let own = arm.iter().flat_map(Arm::own_c_flags);
        own.map(|flag| without_directories(&flag, &workshop.spec, output))
            .collect::<Vec<String>>()
    };
    Some(CCompiler {
        clang: clang.version.clone(),
        instrumented_flags: flags(instrumented),
        candidate_flags: flags(candidate),
    })
}

/// The time stamp of a record that is made now.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// This program.
pub(crate) fn tool() -> Tool {
    Tool {
        name: "inferno-pgo".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// What the arms are built and their profiles merged with.
pub(crate) fn toolchain(
    workshop: &Workshop,
    llvm_profdata: Option<String>,
    c: Option<CCompiler>,
) -> Toolchain {
    Toolchain {
        rustc: workshop.compiler.version.clone(),
        llvm: workshop.compiler.llvm.clone(),
        llvm_profdata,
        target: workshop.target.clone(),
        c,
    }
}

/// The spec as it stands in a record.
pub(crate) fn told(spec: &Spec) -> record::Spec {
    let name = spec.path.file_name().unwrap_or_default();
    record::Spec {
        path: name.to_string_lossy().into_owned(),
        sha256: spec.sha256.clone(),
        text: spec.text.clone(),
    }
}

/// A binary as it stands in a record.
pub(crate) fn described(artifact: &Artifact, spec: &Spec, output: &OutputDir) -> record::Artifact {
    let rustflags = artifact
        .rustflags
        .iter()
        .map(|flag| without_directories(flag, spec, output));
    record::Artifact {
        path: output.relative(&artifact.path),
        sha256: artifact.sha256.clone(),
        text_sha256: Some(artifact.text_sha256.clone()),
        text_size_bytes: Some(artifact.text_size_bytes),
        size_bytes: artifact.size_bytes,
        rustflags: Some(rustflags.collect()),
    }
}

/// A text with names for the directories that a record must not tell.
pub(crate) fn without_directories(text: &str, spec: &Spec, output: &OutputDir) -> String {
    let known = [
        (output.root().to_owned(), "$OUT"),
        (spec.manifest_directory(), "$MANIFEST_DIR"),
        (std::env::home_dir().unwrap_or_default(), "$HOME"),
    ];
    let told = known
        .iter()
        .filter(|(directory, _)| directory.parent().is_some());
    told.fold(text.to_owned(), |text, (directory, name)| {
        text.replace(&directory.display().to_string(), name)
    })
}

fn profile(built_with: &BuiltWith<'_>) -> Profile {
    let candidate = built_with.candidate;
    let profile = candidate.profile();
    let workloads = profile.workloads.iter().map(|workload| TrainingWorkload {
        name: workload.name.clone(),
        weight: workload.weight,
        counts_total: Some(workload.counts_total),
        raw_files: workload.raw_files,
        wall_s: workload.wall_s,
    });
    Profile {
        sha256: profile.sha256.clone(),
        functions_covered: Some(profile.functions_covered),
        functions_total: Some(profile.functions_total),
        counts_total: Some(profile.counts_total),
        counts_discarded_share: Some(
            candidate
                .profile_use()
                .discarded_share(profile.counts_total),
        ),
        blocks_for_99_percent: Some(profile.blocks_for_99_percent),
        blocks_total: Some(profile.blocks_total),
        holdout_overlap: built_with.holdout_overlap,
        workloads: workloads.collect(),
        hottest: built_with.hottest.clone(),
        source: Some(built_with.source.clone()),
    }
}

/// Every file that a workload or scenario reads, once.
fn inputs(session: &mut Session) -> Result<Vec<Input>> {
    let assets = session.assets()?;
    let spec = session.spec();
    let of_training = spec
        .train()
        .iter()
        .flat_map(|workload| spec.files_of(workload));
    let mut files: Vec<PathBuf> = of_training.chain(spec.holdout_files()).collect();
    files.sort();
    files.dedup();
    let own = files
        .iter()
        .map(|path| input(path, digest::file(path)?, &spec.directory));
    let outside = assets
        .files
        .iter()
        .map(|file| input(&file.path, file.sha256.clone(), &spec.directory));
    own.chain(outside).collect()
}

pub(crate) fn input(path: &Path, sha256: String, directory: &Path) -> Result<Input> {
    let inside = path.strip_prefix(directory).ok();
    let shown = inside.or(path.file_name().map(Path::new)).unwrap_or(path);
    let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
    Ok(Input {
        path: shown.display().to_string(),
        sha256,
        size_bytes: metadata.len(),
    })
}

pub(crate) fn timings(stages: &Stages, started: Instant) -> Timings {
    timings_of(stages.timings().to_vec(), started.elapsed().as_secs_f64())
}

/// Adds a stage that measured after the record was made.
pub(crate) fn add_stage(timings: &mut Timings, name: &str, wall_s: f64) {
    let mut stages = std::mem::take(&mut timings.stages);
    stages.push(Stage {
        name: name.to_owned(),
        kind: StageKind::Measure,
        state: StageState::Ran,
        wall_s,
    });
    *timings = timings_of(stages, timings.total_wall_s + wall_s);
}

fn timings_of(stages: Vec<Stage>, total_wall_s: f64) -> Timings {
    let work: f64 = stages
        .iter()
        .filter(|stage| stage.kind != StageKind::Other)
        .map(|stage| stage.wall_s)
        .sum();
    let overhead_share =
        (total_wall_s > 0.0).then(|| ((total_wall_s - work) / total_wall_s).max(0.0));
    Timings {
        stages,
        total_wall_s,
        overhead_share,
    }
}
