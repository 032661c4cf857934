//! Are equal programs called equal? Pairs of builds that mean the same, judged with and without
//! layout control.
//!
//! `cargo run --release -p inferno-pgo --example null_pairs -- --pairs 30` makes the pairs from the
//! interpreter in `fixtures/gain`: other layouts of the same code (other seeds), renamed symbols
//! (another version in the manifest, which every symbol's hash contains), and unused code that is
//! kept. Each is measured in eight layouts of both sides, and once as it was linked. It takes about
//! half a minute a pair, continues where it stopped, and keeps its samples and results in
//! `target/null-pairs`. It ends with exit code 1 when more pairs are called different with layout
//! control than may be: 2 of 30. Needs lld and a quiet machine.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use inferno_measure::arms::Arms;
use inferno_measure::campaign::{Campaign, Silent, measure};
use inferno_measure::record::Verdict;
use inferno_measure::scenario::{Judging, Scenario};
use inferno_measure::verdict::{STATISTICS, judge};
use inferno_pgo::cargo::Resolution;
use inferno_pgo::digest;
use inferno_pgo::relink::Relinked;
use inferno_pgo::session::Session;
use inferno_pgo::spec::Spec;
use inferno_pgo::stage::Reuse;
use serde::{Deserialize, Serialize};

/// Pairs, where the command line names no other number.
const PAIRS: u32 = 30;
/// Code layouts of each side.
const LAYOUTS: u32 = 8;
/// Seconds of sampling for a pair with layout control, and without.
const CONTROLLED_S: f64 = 18.0;
const PLAIN_S: f64 = 8.0;
/// The scenario of the fixture that sees what the code does.
const SCENARIO: &str = "warm/programs";
/// Unused functions in a pair that has some.
const UNUSED_FUNCTIONS: u32 = 12;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What makes the two sides differ, though they mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Null {
    ShuffledLayout,
    RenamedSymbols,
    UnusedCode,
}

/// What was said of a pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Said {
    verdict: Verdict,
    effect: Option<f64>,
    /// The 95 % interval.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    reason: String,
    restarts: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pair {
    number: u32,
    null: Null,
    /// Of all binaries and of how they are sampled and judged: another key is another pair.
    key: String,
    controlled: Said,
    plain: Said,
}

fn main() -> Outcome<ExitCode> {
    let pairs = wanted()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/null-pairs");
    std::fs::create_dir_all(&root)?;
    let results = root.join("results.json");
    let mut done = known(&results)?;
    let mut said: Vec<Pair> = Vec::new();
    for number in 0..pairs {
        eprintln!("pair {} of {pairs}", number + 1);
        let sides = sides(number, &root)?;
        let earlier = done.iter().position(|pair| pair.number == number);
        let earlier = earlier.map(|place| done.swap_remove(place));
        let pair = match earlier.filter(|pair| pair.key == sides.key()) {
            Some(pair) => pair,
            None => judged(number, sides, &root)?,
        };
        said.push(pair);
        let all: Vec<&Pair> = said.iter().chain(&done).collect();
        inferno_measure::write_atomically(&results, &serde_json::to_vec_pretty(&all)?)?;
    }
    print!("{}", table(&said)?);
    eprintln!("results: {}", results.display());
    let claims = claims(&said, |pair| &pair.controlled);
    if claims > most_claims(said.len()) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// What an earlier run has found. A file that cannot be read is not taken for none: it would be
/// overwritten.
fn known(results: &Path) -> Outcome<Vec<Pair>> {
    let text = match std::fs::read(results) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", results.display()).into()),
    };
    let malformed = |error| {
        format!(
            "{} is not a list of results ({error}): move it away to begin anew",
            results.display()
        )
    };
    Ok(serde_json::from_slice(&text).map_err(malformed)?)
}

/// False claims that so many pairs may have: 2 of 30, as errors of one in twenty give.
fn most_claims(pairs: usize) -> usize {
    pairs * 2 / 30
}

/// The number of pairs.
fn wanted() -> Outcome<u32> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => Ok(PAIRS),
        [option, number] if option == "--pairs" => Ok(number.parse()?),
        _ => Err("usage: null_pairs [--pairs N]".into()),
    }
}

/// Both sides of a pair.
struct Sides {
    null: Null,
    left: Side,
    right: Side,
    binaries_sha256: String,
}

fn sides(number: u32, root: &Path) -> Outcome<Sides> {
    let null = [Null::ShuffledLayout, Null::RenamedSymbols, Null::UnusedCode][number as usize % 3];
    // The same seeds for both sides, as in the main job, but where the seeds are the difference.
    let seed = 1 + number * 2 * LAYOUTS;
    let other_seed = match null {
        Null::ShuffledLayout => seed + LAYOUTS,
        Null::RenamedSymbols | Null::UnusedCode => seed,
    };
    let left = side(&root.join("original"), None, number, seed)?;
    let right = match null {
        Null::ShuffledLayout => side(&root.join("reseeded"), None, number, other_seed)?,
        _ => side(&root.join("variant"), Some(null), number, other_seed)?,
    };
    let mut binaries = String::new();
    for side in [&left, &right] {
        let layouts = side.layouts.iter().map(|layout| &layout.artifact);
        for artifact in layouts.chain([&side.as_built]) {
            writeln!(binaries, "{}", artifact.sha256)?;
        }
    }
    Ok(Sides {
        null,
        left,
        right,
        binaries_sha256: digest::text(&binaries),
    })
}

impl Sides {
    /// What a result belongs to.
    fn key(&self) -> String {
        format!(
            "{}; {LAYOUTS} layouts, {CONTROLLED_S} s and {PLAIN_S} s, statistics {STATISTICS}",
            self.binaries_sha256
        )
    }
}

fn judged(number: u32, sides: Sides, root: &Path) -> Outcome<Pair> {
    let key = sides.key();
    let Sides {
        null,
        left,
        right,
        binaries_sha256,
    } = sides;
    let place = root.join(format!("pair-{number:03}"));
    let as_linked = match null {
        // As they were linked, both are the same file.
        Null::ShuffledLayout => [&left.layouts[0].artifact, &right.layouts[0].artifact],
        _ => [&left.as_built, &right.as_built],
    };
    let plain = vec![Arms::with_control(
        &as_linked[0].path,
        &as_linked[1].path,
        &place.join("plain"),
    )?];
    let controlled = (left.layouts.iter().zip(&right.layouts).zip(0..))
        .map(|((left, right), layout): (_, u32)| {
            Arms::with_control(
                &left.artifact.path,
                &right.artifact.path,
                &place.join(format!("{layout:03}")),
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Pair {
        number,
        null,
        controlled: said(
            &left.scenario,
            &controlled,
            &place,
            &binaries_sha256,
            CONTROLLED_S,
        )?,
        plain: said(&left.scenario, &plain, &place, &binaries_sha256, PLAIN_S)?,
        key,
    })
}

/// One side of a pair: as it was built, and in its layouts.
struct Side {
    as_built: inferno_pgo::artifact::Artifact,
    layouts: Vec<Relinked>,
    scenario: Scenario,
}

fn side(place: &Path, changed: Option<Null>, number: u32, seed: u32) -> Outcome<Side> {
    let package = copy_of_fixture(&place.join("package"))?;
    match changed {
        Some(Null::RenamedSymbols) => {
            let manifest = package.join("Cargo.toml");
            let renamed = format!("version = \"0.0.{}\"", number + 1);
            replace(&manifest, "version = \"0.0.0\"", &renamed)?;
            replace(&package.join("Cargo.lock"), "version = \"0.0.0\"", &renamed)?;
        }
        Some(Null::UnusedCode) => {
            let main = package.join("src/main.rs");
            let text = std::fs::read_to_string(&main)? + &unused_code(number)?;
            std::fs::write(main, text)?;
        }
        Some(Null::ShuffledLayout) | None => {}
    }
    let spec = Spec::load(&package.join("pgo.toml"))?;
    let (out, resolution) = (place.join("out"), Resolution::default());
    let mut session = Session::open(spec, &out, Reuse::Unchanged, resolution)?;
    let baseline = session.baseline()?;
    let layouts = session.baseline_layouts(&baseline, seed..=seed + LAYOUTS - 1)?;
    let scenario = session
        .scenarios()?
        .into_iter()
        .find(|scenario| scenario.name == SCENARIO)
        .ok_or("the fixture has no such scenario")?;
    Ok(Side {
        as_built: baseline.artifact().clone(),
        layouts,
        scenario,
    })
}

fn said(
    scenario: &Scenario,
    arms: &[Arms],
    place: &Path,
    binaries_sha256: &str,
    budget_s: f64,
) -> Outcome<Said> {
    let layouts = (arms.len() > 1).then_some(LAYOUTS);
    let judging = Judging {
        budget_s,
        layouts,
        ..Judging::default()
    };
    let scenarios = [scenario.clone()];
    let campaign = Campaign {
        scenarios: &scenarios,
        arms,
        judging: &judging,
        directory: place.join(if layouts.is_some() {
            "controlled-samples"
        } else {
            "samples"
        }),
        key: binaries_sha256.to_owned(),
        known_costs: std::collections::BTreeMap::new(),
    };
    let measured = measure(&campaign, &mut Silent)?;
    let result = judge(&measured, &judging).remove(0);
    Ok(Said {
        verdict: result.verdict,
        effect: result.effect,
        ci_low: result.ci_low,
        ci_high: result.ci_high,
        reason: result.reason,
        restarts: result.restarts,
    })
}

/// Functions that nobody calls and that the linker keeps.
fn unused_code(number: u32) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for function in 0..UNUSED_FUNCTIONS {
        let factor = 2 * (number * UNUSED_FUNCTIONS + function) + 3;
        let steps = 3 + function * 7;
        write!(
            text,
            "\n#[inline(never)]\nextern \"C\" fn unused_{function}(value: u64) -> u64 {{\n    \
             (0..{steps}).fold(value, |value, step| value.wrapping_mul({factor}) ^ (value >> (step % 63)))\n}}\n\
             #[used]\nstatic KEPT_{function}: extern \"C\" fn(u64) -> u64 = unused_{function};\n"
        )?;
    }
    Ok(text)
}

fn replace(path: &Path, from: &str, to: &str) -> Outcome<()> {
    let text = std::fs::read_to_string(path)?;
    if !text.contains(from) {
        return Err(format!("`{}` has no `{from}`", path.display()).into());
    }
    Ok(std::fs::write(path, text.replacen(from, to, 1))?)
}

/// The fixture, with the file that it shares with others beside it.
fn copy_of_fixture(to: &Path) -> Outcome<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let package = to.join("gain");
    for directory in ["", "src", "inputs"] {
        std::fs::create_dir_all(package.join(directory))?;
        for entry in std::fs::read_dir(fixtures.join("gain").join(directory))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(
                    entry.path(),
                    package.join(directory).join(entry.file_name()),
                )?;
            }
        }
    }
    std::fs::copy(fixtures.join("worker.rs"), to.join("worker.rs"))?;
    Ok(package)
}

fn table(pairs: &[Pair]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "| pair | difference | with layout control | effect | as linked | effect |\n\
         |---:|---|---|---|---|---|"
    )?;
    for pair in pairs {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            pair.number + 1,
            match pair.null {
                Null::ShuffledLayout => "other layouts",
                Null::RenamedSymbols => "renamed symbols",
                Null::UnusedCode => "unused code",
            },
            pair.controlled.verdict,
            effect(&pair.controlled),
            pair.plain.verdict,
            effect(&pair.plain)
        )?;
    }
    writeln!(
        text,
        "\n{} pairs: {} false claims with layout control (at most {} are allowed), {} as linked.",
        pairs.len(),
        claims(pairs, |pair| &pair.controlled),
        most_claims(pairs.len()),
        claims(pairs, |pair| &pair.plain)
    )?;
    Ok(text)
}

/// How often equal programs were called different.
fn claims(pairs: &[Pair], said: fn(&Pair) -> &Said) -> usize {
    let is_claim = |pair: &&Pair| [Verdict::Faster, Verdict::Slower].contains(&said(pair).verdict);
    pairs.iter().filter(is_claim).count()
}

fn effect(said: &Said) -> String {
    match (said.effect, said.ci_low, said.ci_high) {
        (Some(effect), Some(low), Some(high)) => format!("{effect:.4} ({low:.4} … {high:.4})"),
        _ => "not measured".to_owned(),
    }
}
