//! Where a result comes from: tool, spec, host, toolchain, binaries, profile,
//! proof and timings. Pure data that the pipeline fills.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// Name of the program.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The spec as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spec {
    /// Path relative to the workspace or the working directory, for people.
    pub path: String,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The whole text.
    pub text: String,
}

/// The machine. No names, no absolute paths.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Host {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Architecture, such as `x86_64`.
    pub arch: String,
    /// The processor as it names itself.
    pub cpu_model: Option<String>,
    /// Logical cores that this program may use.
    pub cores: Option<u32>,
    /// Main memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Frequency governor of the first core.
    pub governor: Option<String>,
    /// Whether the processor says that it runs under a hypervisor.
    pub virtualized: Option<bool>,
}

/// The compilers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Toolchain {
    /// `rustc --version`.
    pub rustc: String,
    /// LLVM version of rustc.
    pub llvm: String,
    /// LLVM version of llvm-profdata; `None` when it was not needed.
    pub llvm_profdata: Option<String>,
    /// Target triple.
    pub target: String,
    /// What compiled the C and C++ code of build scripts; absent where it was left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<CCompiler>,
}

/// The clang that compiled C and C++ for every arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CCompiler {
    /// clang's version.
    pub clang: String,
    /// The flags of the instrumented binary alone; empty when there is none.
    pub instrumented_flags: Vec<String>,
    /// The flags of the candidate alone; empty when it has no profile.
    pub candidate_flags: Vec<String>,
}

/// The binaries of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Artifacts {
    /// Built without a profile.
    pub baseline: Artifact,
    /// Built to write profiles.
    pub instrumented: Option<Artifact>,
    /// Built with the profile.
    pub candidate: Artifact,
}

/// One binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Artifact {
    /// Path relative to the output directory.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the code section.
    pub text_sha256: Option<String>,
    /// Size of the code section in bytes.
    pub text_size_bytes: Option<u64>,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// The effective flags of rustc; `None` when this tool did not build the binary.
    pub rustflags: Option<Vec<String>>,
}

/// Whether a flag of rustc says which profile is used, how it is encoded, or what is said of it:
/// the flags in which baseline and candidate may differ.
pub fn concerns_profile(flag: &str) -> bool {
    let flag = flag.trim_start_matches("-C").trim_start();
    ["profile-use=", "llvm-args=-pgo-", "llvm-args=-no-pgo-"]
        .iter()
        .any(|start| flag.starts_with(start))
}

/// A file that a workload or a scenario reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Input {
    /// Path relative to the spec's directory, or the file's name alone when it lies elsewhere.
    pub path: String,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// The merged profile and what the compiler said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Profile {
    /// SHA-256 of the merged profile.
    pub sha256: String,
    /// Functions with at least one count above zero.
    pub functions_covered: Option<u64>,
    /// Functions in the profile.
    pub functions_total: Option<u64>,
    /// Sum of all counts.
    pub counts_total: Option<u64>,
    /// Share of counts that the optimised build could not use.
    pub counts_discarded_share: Option<f64>,
    /// Basic blocks that together make 99 % of the counts.
    pub blocks_for_99_percent: Option<u64>,
    /// Basic blocks with a counter.
    pub blocks_total: Option<u64>,
    /// Overlap with a profile gathered on the holdout, as a share.
    pub holdout_overlap: Option<f64>,
    /// The training runs.
    pub workloads: Vec<TrainingWorkload>,
    /// The functions that hold most of the counts, the hottest first; empty in records that were
    /// made before this was gathered.
    #[serde(default)]
    pub hottest: Vec<HotFunction>,
    /// Where it came from; `None` in records that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ProfileSource>,
}

/// Where the candidate's profile came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProfileSource {
    /// The declared training of this run.
    Training,
    /// A profile that was merged elsewhere.
    Elsewhere,
    /// The profile that is kept beside the spec.
    Stored(Stored),
}

/// A profile that is kept beside its spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stored {
    /// SHA-256 of the manifest, which says what the profile was made of.
    pub manifest_sha256: String,
    /// When the profile was stored (RFC 3339, UTC).
    pub created: String,
    /// The commit that was checked out then.
    pub commit: Option<String>,
    /// Whether the program has changed since.
    pub sources: Sources,
    /// How far it is from a fresh training; `None` where no training is declared.
    pub staleness: Option<Staleness>,
}

/// Whether the sources are those of a stored profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sources {
    /// Every local file is the same.
    Unchanged,
    /// A local file is another.
    Changed,
}

/// How far a stored profile is from one of a fresh training; shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Staleness {
    /// Share of the stored counts in functions that are gone or have another control flow.
    pub counts_discarded_share: f64,
    /// Functions that the fresh training ran and the stored profile does not know.
    pub functions_missing: u64,
    /// Their share of the fresh counts.
    pub counts_missing_share: f64,
    /// Overlap of the stored profile with the fresh one.
    pub training_overlap: f64,
    /// The limit for the largest of the three shares, where the overlap counts as what it lacks; for
    /// the larger of the other two where a part of the stored profile was gathered elsewhere.
    pub limit: f64,
}

/// A function that the training ran often, and what the profile made of it.
///
/// Functions are told apart by their demangled names without hashes. Copies of one generic function
/// may share a name: then the figures are sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HotFunction {
    /// Demangled name.
    pub name: String,
    /// Share of all counts of the profile.
    pub counts_share: f64,
    /// Functions of this name in the profile.
    pub copies: u32,
    /// Its machine code in the baseline.
    pub baseline: FunctionCode,
    /// Its machine code in the candidate.
    pub candidate: FunctionCode,
}

/// The machine code of a function in one binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FunctionCode {
    /// It has code of its own.
    Own {
        /// Size in bytes, by the symbol table.
        size_bytes: u64,
        /// Symbols of this name, cold parts that were split off among them.
        symbols: u32,
        /// The section's class where the linker kept it apart.
        placement: Option<Placement>,
    },
    /// No symbol has its name: it was inlined wherever it is called, or is not there.
    InlinedOrGone,
    /// The binary has no symbol table.
    NotKnown,
}

/// Where the compiler wants a function to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Among the code that runs often (`.text.hot`).
    Hot,
    /// Among the code that hardly runs (`.text.unlikely`).
    Unlikely,
}

/// One training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrainingWorkload {
    /// Name in the spec.
    pub name: String,
    /// Weight after profiles were normalised.
    pub weight: f64,
    /// Sum of the counts before weighting.
    pub counts_total: Option<u64>,
    /// Raw profiles that it left.
    pub raw_files: u32,
    /// Wall time in seconds.
    pub wall_s: f64,
}

/// What was proved before measuring.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verification {
    /// The checks in the order in which they were made.
    pub checks: Vec<Check>,
    /// The null rebuild, when it was asked for.
    pub audit: Option<Audit>,
}

/// One check of the verification. A failed check ends the run, so none is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Check {
    /// Short name, such as `binaries-differ`.
    pub name: String,
    /// How it went.
    pub outcome: CheckOutcome,
    /// One sentence with the figures.
    pub detail: String,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// As it must be.
    Passed,
    /// Acceptable, but the reader must know.
    Warned,
    /// Not made.
    NotMeasured,
}

/// The baseline built twice: where two plain builds differ, a difference proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Audit {
    /// How the second build compares with the first.
    pub null_rebuild: NullRebuild,
    /// One sentence for people.
    pub detail: String,
}

/// How a second plain build compares with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NullRebuild {
    /// The files are the same.
    Identical,
    /// The files differ, their code does not.
    CodeIdentical,
    /// The code differs.
    Differs,
}

/// How to read the result, or a warning sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hint {
    /// Stable identifier.
    pub id: String,
    /// One or two sentences.
    pub text: String,
}

/// Prediction of the gain from evidence that does not include it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Suitability {
    /// 0 to 100; `None` when it cannot be told, for `reason`.
    pub score: Option<f64>,
    /// Lower bound of the score's 95 % prediction interval.
    pub low: Option<f64>,
    /// Upper bound of the score's 95 % prediction interval.
    pub high: Option<f64>,
    /// 0 to 1; lowered by inputs that were not measured and by poor profile coverage.
    pub confidence: Option<f64>,
    /// What went into the formula, by name.
    pub inputs: BTreeMap<String, SuitabilityInput>,
    /// Why there is no score.
    #[serde(default)]
    pub reason: Option<String>,
    /// The formula with its coefficients, for people.
    #[serde(default)]
    pub formula: Option<String>,
    /// The gain that the formula predicts, as a share of time saved.
    #[serde(default)]
    pub predicted_gain: Option<f64>,
    /// Lower bound of the predicted gain's 95 % prediction interval.
    #[serde(default)]
    pub predicted_gain_low: Option<f64>,
    /// Upper bound of the predicted gain's 95 % prediction interval.
    #[serde(default)]
    pub predicted_gain_high: Option<f64>,
    /// Programs that the formula was calibrated on.
    #[serde(default)]
    pub calibration_programs: Option<u32>,
}

/// One input of the suitability score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SuitabilityInput {
    /// `None` when it was not measured.
    pub value: Option<f64>,
    /// Unit for display.
    pub unit: String,
    /// How it was measured, or why it was not.
    pub detail: String,
}

/// Wall time of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timings {
    /// The stages in the order in which they ran.
    pub stages: Vec<Stage>,
    /// Wall time of the whole run in seconds.
    pub total_wall_s: f64,
    /// Share of the total beyond builds, training, verification's runs and sampling.
    pub overhead_share: Option<f64>,
}

/// One stage of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stage {
    /// Name, such as `build baseline`.
    pub name: String,
    /// What kind of work it is.
    pub kind: StageKind,
    /// Whether it ran in this run.
    pub state: StageState,
    /// Wall time in seconds in this run.
    pub wall_s: f64,
}

impl Stage {
    /// Name of the stage in which Criterion looks at the pair, after the verdicts.
    pub const CRITERION: &'static str = "criterion";
}

/// Kind of work of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StageKind {
    /// A cargo build.
    Build,
    /// A training run.
    Train,
    /// Sampling.
    Measure,
    /// Runs of the workload for verification, for the suitability score, and under callgrind.
    Verify,
    /// The pipeline's own work.
    Other,
}

/// Whether a stage ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// It ran in this run.
    Ran,
    /// Its inputs had not changed; an earlier run's output was used.
    Reused,
}
