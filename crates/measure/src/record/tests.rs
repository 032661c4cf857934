//! Tests of the record's format: what is written is read again, the schema file is the
//! current one, and a record has its shape.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::campaign::Measured;
use crate::samples::{Arm, HostBlock, Output, Pair, PerArm, Phase, Restart, Sample, Samples};
use crate::scenario::{Better, Direction, Expectation, Pin, Role, Trend};
use crate::verdict::{STATISTICS, judge, judge_again, judge_trends};

fn sample(wall_ns: u64) -> Sample {
    Sample {
        wall_ns,
        cpu_ns: Some(wall_ns),
        round_trip_ns: Some(wall_ns + 50_000),
        metrics: [("tokens_per_s".to_owned(), 1.0 / 3.0 + wall_ns as f64)].into(),
        ..Sample::default()
    }
}

fn restart(index: u32) -> Restart {
    let noise = u64::from(index * 7919 % 101) * 10_000;
    let pair = |seq: u64| Pair {
        seq,
        phase: if seq == 0 {
            Phase::Warmup
        } else {
            Phase::Measured
        },
        turn: u32::try_from(seq).unwrap(),
        turn_position: 0,
        order: vec![Arm::Candidate, Arm::Baseline, Arm::Control],
        baseline: sample(85_000_000 + noise + seq),
        control: Some(sample(85_000_000 + noise / 2 + seq)),
        candidate: sample(80_000_000 + seq),
        output: Some(Output::Same("ab".to_owned())),
    };
    Restart {
        index,
        layout: None,
        start_order: vec![Arm::Control, Arm::Baseline, Arm::Candidate],
        startup_ns: Some(PerArm {
            baseline: 1,
            control: Some(2),
            candidate: 3,
        }),
        idle_cpu_ns: Some(PerArm {
            baseline: 0,
            control: Some(0),
            candidate: 0,
        }),
        surroundings: None,
        host: Some(HostBlock {
            steal_share: Some(0.1),
            disturbed: Some("stolen CPU time above 2 %".to_owned()),
            ..HostBlock::default()
        }),
        pairs: (0..4).map(pair).collect(),
    }
}

fn measured(name: &str, restarts: u32) -> Measured {
    Measured {
        scenario: Declared {
            name: name.to_owned(),
            group: "single_request_pgo_warm".to_owned(),
            kind: Regime::Warm,
            cache: None,
            pin: Some(Pin::OneCore),
            class: vec!["cpu-bound".to_owned()],
            role: Role::Primary,
            expected: Some(Expectation {
                verdict: Some(Verdict::Faster),
                gain: Some([0.15, 0.30]),
            }),
            metric_definitions: vec![MetricDefinition {
                name: "tokens_per_s".to_owned(),
                unit: "tokens/s".to_owned(),
                better: Better::Higher,
            }],
        },
        samples: Samples {
            not_run: None,
            restarts: (0..restarts).map(restart).collect(),
        },
    }
}

/// A record in which every optional part is there.
fn full() -> Record {
    let judging = Judging::default();
    let mut scenarios = judge(
        &[measured("warm/short", 8), measured("warm/long", 9)],
        &judging,
    );
    let trend = Trend {
        metric: "gain".to_owned(),
        over: vec!["warm/short".to_owned(), "warm/long".to_owned()],
        expect: Direction::Increasing,
    };
    let trends = judge_trends(&[trend], &scenarios, &judging);
    scenarios[0].instructions = Some(InstructionCounts {
        baseline: Some(1.23e9),
        candidate: Some(0.98e9),
        ratio: Some(0.98 / 1.23),
        requests: Some(3),
        detail: "callgrind".to_owned(),
    });
    let artifact = Artifact {
        path: "artifacts/baseline".to_owned(),
        sha256: "00".repeat(32),
        text_sha256: Some("11".repeat(32)),
        text_size_bytes: Some(1 << 20),
        size_bytes: 1 << 22,
        rustflags: Some(vec!["-Ctarget-cpu=x86-64-v3".to_owned()]),
    };
    Record {
        schema: SCHEMA_VERSION,
        name: "concurrent_inference".to_owned(),
        created: "2026-01-02T03:04:05Z".to_owned(),
        tool: Tool {
            name: "inferno-pgo".to_owned(),
            version: "0.1.0".to_owned(),
        },
        spec: Some(Spec {
            path: "a.toml".to_owned(),
            sha256: "22".repeat(32),
            text: "name".to_owned(),
        }),
        host: crate::host::describe(),
        toolchain: Some(Toolchain {
            rustc: "rustc 1.95.0".to_owned(),
            llvm: "22.1.2".to_owned(),
            llvm_profdata: Some("22.1.8".to_owned()),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            c: Some(CCompiler {
                clang: "22.1.8".to_owned(),
                instrumented_flags: vec!["-fprofile-generate=$OUT/raw".to_owned()],
                candidate_flags: vec!["-fprofile-use=$OUT/a.profdata".to_owned()],
            }),
        }),
        artifacts: Artifacts {
            baseline: artifact.clone(),
            instrumented: Some(artifact.clone()),
            candidate: artifact,
        },
        inputs: vec![Input {
            path: "p.txt".to_owned(),
            sha256: "33".repeat(32),
            size_bytes: 3,
        }],
        profile: Some(profile()),
        verification: Verification {
            checks: vec![Check {
                name: "binaries-differ".to_owned(),
                outcome: CheckOutcome::Passed,
                detail: "they do".to_owned(),
            }],
            audit: Some(Audit {
                null_rebuild: NullRebuild::Identical,
                detail: String::new(),
            }),
        },
        workloads: [("warm/short".to_owned(), "55".repeat(32))].into(),
        judging,
        statistics: STATISTICS,
        scenarios,
        trends,
        hints: vec![Hint {
            id: "cold-unchanged".to_owned(),
            text: "as expected".to_owned(),
        }],
        suitability: Some(suitability()),
        timings: Timings {
            stages: vec![Stage {
                name: "build baseline".to_owned(),
                kind: StageKind::Build,
                state: StageState::Reused,
                wall_s: 0.5,
            }],
            total_wall_s: 600.25,
            overhead_share: Some(0.01),
        },
    }
}

/// A record of one cold scenario with these times in nanoseconds of baseline, control and
/// candidate, a restart each.
pub(crate) fn with_times(restarts: &[[f64; 3]]) -> Record {
    let mut measured = measured("warm/short", 0);
    measured.samples.restarts = (0..)
        .zip(restarts)
        .map(|(index, times)| {
            let [baseline, control, candidate] = times.map(|time| sample(time.round() as u64));
            let mut restart = restart(index);
            restart.host = None;
            restart.pairs.truncate(2);
            let pair = &mut restart.pairs[1];
            pair.baseline = baseline;
            pair.control = Some(control);
            pair.candidate = candidate;
            restart
        })
        .collect();
    let mut record = full();
    record.scenarios = judge(&[measured], &record.judging);
    record.trends.clear();
    record
}

#[test]
fn a_record_that_contradicts_its_samples_is_known_by_the_field() {
    type Edit = fn(&mut Record);
    let untouched = with_times(&[[50e6, 50e6, 40e6]; 9]);
    assert_eq!(untouched.contradiction(), None);
    let edits: [(&str, Edit); 6] = [
        ("verdict", |r| r.scenarios[0].verdict = Verdict::Slower),
        ("effect", |r| r.scenarios[0].effect = Some(0.5)),
        ("ci_high", |r| r.scenarios[0].ci_high = None),
        ("restarts", |r| r.scenarios[0].restarts = 8),
        ("effect", |r| {
            for restart in &mut r.scenarios[0].samples.restarts {
                restart.pairs[1].candidate.wall_ns -= 1_000_000;
            }
        }),
        ("wall_ns", |r| {
            r.scenarios[0].samples.restarts[3].pairs[1]
                .candidate
                .wall_ns = 0;
        }),
    ];
    for (field, edit) in edits {
        let mut edited = untouched.clone();
        edit(&mut edited);
        let found = edited.contradiction().expect(field);
        assert!(found.field.contains(field), "{field}: {found:?}");
    }
    let mut doubled = untouched;
    doubled.scenarios.push(doubled.scenarios[0].clone());
    assert_eq!(doubled.contradiction().unwrap().judged, "once");
}

/// Every path to a leaf of a value.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{place}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// The leaf as somebody who edits the file would change it.
fn edited_leaf(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Number(number) if number.is_f64() => json!(number.as_f64()? * 1.001 + 0.001),
        Value::Number(number) => json!(number.as_u64()? + 1),
        Value::Bool(yes) => json!(!yes),
        Value::String(text) => json!(format!("{text}!")),
        _ => return None,
    })
}

#[test]
fn no_judged_leaf_of_a_record_can_be_edited_unseen() {
    // What the judgement takes over from the declarations, and what was counted beside it.
    const DECLARED: [&str; 11] = [
        "/name",
        "/group",
        "/kind",
        "/cache",
        "/pin",
        "/class/0",
        "/role",
        "/expected",
        "/metric_definitions",
        "/samples",
        "/instructions",
    ];
    let record = full();
    assert_eq!(record.contradiction(), None);
    let whole = serde_json::to_value(&record).unwrap();
    let mut paths = Vec::new();
    leaves(&whole["scenarios"][0], "/scenarios/0", &mut paths);
    for field in ["values", "result", "detail"] {
        let at = format!("/trends/0/{field}");
        leaves(whole.pointer(&at).unwrap(), &at, &mut paths);
    }
    paths.retain(|path| {
        let within = path.trim_start_matches("/scenarios/0");
        let is_declared = DECLARED.iter().any(|field| within.starts_with(field));
        !is_declared
    });
    assert!(paths.len() > 40, "{paths:?}");
    let mut tried = 0;
    for path in paths {
        let mut edited = whole.clone();
        let leaf = edited.pointer_mut(&path).unwrap();
        let Some(value) = edited_leaf(leaf) else {
            continue;
        };
        *leaf = value;
        // A word that is none of an enumeration is no record at all.
        let Ok(record) = serde_json::from_value::<Record>(edited) else {
            continue;
        };
        tried += 1;
        assert!(record.contradiction().is_some(), "{path}");
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn a_record_of_other_statistics_is_judged_anew_and_not_called_edited() {
    let mut record = with_times(&[[50e6, 50e6, 40e6]; 9]);
    record.scenarios[0].effect = Some(0.5);
    assert!(record.contradiction().is_some());
    record.statistics = 1;
    assert_eq!(record.contradiction(), None);
    let again = judge_again(&record);
    assert_eq!(
        (again.statistics, again.contradiction()),
        (STATISTICS, None)
    );
    // What cannot have been sampled is refused whatever the statistics.
    let restart = &mut record.scenarios[0].samples.restarts[3];
    restart.pairs[1].candidate.wall_ns = 0;
    assert!(record.contradiction().is_some());
}

fn profile() -> Profile {
    Profile {
        sha256: "44".repeat(32),
        functions_covered: Some(10),
        functions_total: Some(20),
        counts_total: Some(u64::from(u32::MAX)),
        counts_discarded_share: Some(0.001),
        blocks_for_99_percent: Some(27),
        blocks_total: None,
        holdout_overlap: None,
        workloads: vec![TrainingWorkload {
            name: "chat".to_owned(),
            weight: 1.0,
            counts_total: Some(5),
            raw_files: 1,
            wall_s: 12.5,
        }],
        hottest: vec![HotFunction {
            name: "engine::Kernel<T>::run".to_owned(),
            counts_share: 0.87,
            copies: 2,
            baseline: FunctionCode::Own {
                size_bytes: 1234,
                symbols: 2,
                placement: None,
            },
            candidate: FunctionCode::InlinedOrGone,
        }],
        source: Some(ProfileSource::Stored(Stored {
            manifest_sha256: "66".repeat(32),
            created: "2026-01-02T03:04:05Z".to_owned(),
            commit: None,
            sources: Sources::Changed,
            staleness: Some(Staleness {
                counts_discarded_share: 0.001,
                functions_missing: 3,
                counts_missing_share: 0.02,
                training_overlap: 0.97,
                limit: 0.1,
            }),
        })),
    }
}

fn suitability() -> Suitability {
    let input = SuitabilityInput {
        value: None,
        unit: "share".to_owned(),
        detail: "not measured".to_owned(),
    };
    Suitability {
        score: Some(12.0),
        low: Some(1.0),
        high: Some(40.0),
        confidence: Some(0.9),
        inputs: [("instrumentable".to_owned(), input)].into(),
        predicted_gain: Some(0.036),
        ..Suitability::default()
    }
}

#[test]
fn a_record_is_read_as_it_was_written_and_judged_again_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.json");
    let record = full();
    record.write(&path).unwrap();
    let read = Record::read(&path).unwrap();
    assert_eq!(read, record);
    assert_eq!(judge_again(&read), record);
    let text = std::fs::read_to_string(&path).unwrap();
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 2000, "a line of {longest} bytes");
    assert_eq!(text.matches("\"seq\"").count(), 17 * 4);
    assert!(
        text.lines()
            .all(|line| line.matches("\"seq\"").count() <= 1)
    );
}

#[test]
fn what_a_comparison_of_foreign_programs_cannot_know_is_null() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.json");
    let mut record = full();
    record.spec = None;
    record.toolchain = None;
    record.artifacts.baseline.rustflags = None;
    record.write(&path).unwrap();
    assert_eq!(Record::read(&path).unwrap(), record);
    let written: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for pointer in ["/spec", "/toolchain", "/artifacts/baseline/rustflags"] {
        assert_eq!(written.pointer(pointer), Some(&Value::Null), "{pointer}");
    }
}

/// The record of the repository is of the first version, and stays readable.
#[test]
fn a_published_record_is_read() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles/results");
    let published = results.join("2026-11-22-concurrent_inference/record.json");
    let record = Record::read(&published).unwrap();
    assert!(record.spec.is_some() && record.toolchain.is_some());
    assert!(record.artifacts.baseline.rustflags.is_some());
    // It was judged by other statistics, which is no contradiction.
    assert_eq!(record.statistics, 1);
    assert_eq!(record.contradiction(), None);
    assert_eq!(judge_again(&record).statistics, STATISTICS);
}

#[test]
fn names_of_the_documented_fields_are_fixed() {
    let record = serde_json::to_value(full()).unwrap();
    for pointer in [
        "/schema",
        "/artifacts/baseline/path",
        "/artifacts/candidate/text_sha256",
        "/artifacts/candidate/size_bytes",
        "/artifacts/candidate/rustflags",
        "/profile/functions_covered",
        "/profile/counts_discarded_share",
        "/profile/holdout_overlap",
        "/profile/source/stored/staleness/training_overlap",
        "/scenarios/0/name",
        "/scenarios/0/group",
        "/scenarios/0/kind",
        "/scenarios/0/verdict",
        "/scenarios/0/reason",
        "/scenarios/0/effect",
        "/scenarios/0/ci_low",
        "/scenarios/0/ci_high",
        "/scenarios/0/pairs",
        "/scenarios/0/restarts",
        "/scenarios/0/mde",
        "/scenarios/0/noise_floor",
        "/scenarios/0/aa/effect",
        "/scenarios/0/aa/ci_high",
        "/scenarios/0/metrics/tokens_per_s",
        "/scenarios/0/expectation",
        "/suitability/confidence",
        "/host/cpu_model",
        "/toolchain/rustc",
        "/timings/stages/0/wall_s",
    ] {
        assert!(record.pointer(pointer).is_some(), "{pointer}");
    }
    assert_eq!(record["scenarios"][0]["verdict"], json!("faster"));
    assert_eq!(record["scenarios"][0]["expectation"], json!("not-met"));
}

#[test]
fn what_is_no_record_of_this_version_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.json");
    for (text, expected) in [
        (
            "{\"schema\": 2}",
            "has schema 2, this program reads schema 1",
        ),
        ("{}", "has schema (none)"),
        ("{\"schema\": 1}", "is not a record"),
        ("{\"schema\": 1, \"na", "is not a record"),
        ("", "is not a record"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Record::read(&path).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(expected) && message.contains("record.json"),
            "{message}"
        );
        assert_eq!(error.exit_code(), 2);
        assert!(error.hint().is_some());
    }
    assert!(
        Record::read(Path::new("/does/not/exist"))
            .unwrap_err()
            .to_string()
            .contains("exist")
    );
}

fn schema_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("schema/record-{SCHEMA_VERSION}.schema.json"))
}

#[test]
fn the_schema_file_is_current() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Record)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(schema_path(), &schema).unwrap();
    }
    let stored = std::fs::read_to_string(schema_path()).unwrap();
    assert!(
        stored == schema,
        "{} is out of date: UPDATE_SCHEMA=1 cargo test -p inferno-measure schema",
        schema_path().display()
    );
}

#[test]
fn a_record_has_the_shape_of_the_schema_and_a_broken_one_has_not() {
    let schema: Value = serde_json::from_slice(&std::fs::read(schema_path()).unwrap()).unwrap();
    let record = serde_json::to_value(full()).unwrap();
    assert_eq!(mismatch(&schema, &schema, &record, ""), None);
    for (pointer, broken) in [
        ("/schema", json!("1")),
        ("/scenarios/0/verdict", json!("better")),
        (
            "/scenarios/0/samples/restarts/0/pairs/0/baseline/wall_ns",
            json!(1.5),
        ),
        ("/timings", json!({})),
        ("/profile", json!(3)),
    ] {
        let mut record = record.clone();
        *record.pointer_mut(pointer).unwrap() = broken;
        assert!(
            mismatch(&schema, &schema, &record, "").is_some(),
            "{pointer}"
        );
    }
}

/// Where `value` has not the shape of `schema`, as far as the generated schema goes:
/// references, types, required and named properties, items, enumerations, alternatives.
fn mismatch(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root
            .pointer(reference.trim_start_matches('#'))
            .expect("it is defined");
        return mismatch(root, target, value, at);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[key].as_array() {
            let fits = |one: &Value| mismatch(root, one, value, at).is_none();
            if !alternatives.iter().any(fits) {
                return Some(format!("{at}: fits none of {key}"));
            }
        }
    }
    let is_enumerated = |allowed: &Vec<Value>| allowed.contains(value);
    if schema["enum"]
        .as_array()
        .is_some_and(|allowed| !is_enumerated(allowed))
        || schema
            .get("const")
            .is_some_and(|constant| constant != value)
    {
        return Some(format!("{at}: {value} is not allowed"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| has_type(value, name)) {
        return Some(format!("{at}: {value} is not {types:?}"));
    }
    let missing = |name: &Value| name.as_str().is_none_or(|name| value.get(name).is_none());
    if let Some(required) = schema["required"].as_array()
        && let Some(name) = required.iter().find(|name| missing(name))
    {
        return Some(format!("{at}: {name} is missing"));
    }
    inner_mismatch(root, schema, value, at)
}

fn inner_mismatch(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let named = schema["properties"].get(name);
            let schema = named.or_else(|| schema.get("additionalProperties"))?;
            mismatch(root, schema, member, &format!("{at}/{name}"))
        }),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items
                .iter()
                .find_map(|item| mismatch(root, schema, item, &format!("{at}/*")))
        }
        _ => None,
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        _ => false,
    }
}
