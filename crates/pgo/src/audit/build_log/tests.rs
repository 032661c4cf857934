use super::*;

const USE: &str = "-Cprofile-use=/p/merged.profdata";
const LOUD: &str =
    "-Cllvm-args=-pgo-warn-missing-function -Cllvm-args=-no-pgo-warn-mismatch-comdat-weak=false";

/// What CI services put before each line: times, numbers, names of job and step.
const BEFORE_LINES: [&str; 7] = [
    "2026-11-26T02:10:00.0000000Z ",
    "build (ubuntu-latest)\tRun cargo build -vv\t2026-11-26T02:10:00.0000000Z ",
    "#9 1.234 ",
    "Nov  6 02:10:00 ",
    "[02:10:00] ",
    "[2026-11-26 02:10:00] ",
    "2026-11-26T02:10:00.000000Z 01O ",
];

/// The line of a program's compilation, with `flags` at its end.
fn line(flags: &str) -> String {
    format!(
        "     Running `rustc --crate-name gain --edition=2024 src/main.rs --crate-type bin \
         -C opt-level=3 --check-cfg 'cfg(feature, values(\"a b\"))' -C extra-filename=-f5c6 \
         --out-dir /t/release/deps {flags}`\n"
    )
}

fn only(log: &str) -> Compilation {
    let log = BuildLog::parse(log);
    assert_eq!(log.unreadable_commands, 0);
    let [compilation] = log.compilations.as_slice() else {
        panic!("{log:?}");
    };
    compilation.clone()
}

#[test]
fn a_compilation_says_what_it_does_with_a_profile() {
    let used = Role::Optimizes("/p/merged.profdata".into());
    for (flags, expected) in [
        ("", Role::Plain),
        (USE, used.clone()),
        ("-C profile-use=/p/merged.profdata", used.clone()),
        ("--codegen profile-use=/p/merged.profdata", used.clone()),
        ("--codegen=profile_use=/p/merged.profdata", used.clone()),
        ("-Cprofile-use=/old -Cprofile-use=/p/merged.profdata", used),
        (
            "'-Cprofile-use=/a b/m.profdata'",
            Role::Optimizes("/a b/m.profdata".into()),
        ),
    ] {
        assert_eq!(only(&line(flags)).role, expected, "{flags}");
    }
    for flags in [
        "-Cprofile-generate=/raw",
        "-C profile-generate",
        "--codegen profile_generate",
    ] {
        let log = BuildLog::parse(&line(flags));
        assert_eq!((log.instrumenting, log.compilations.len()), (1, 0));
    }
}

#[test]
fn what_a_compilation_would_not_have_said() {
    use Silence::{
        AllowedWarnings, CappedLints, ChangedFunctions, SharedFunctions, UnknownFunctions,
    };
    for (flags, expected) in [
        (LOUD.to_owned(), vec![]),
        (String::new(), vec![SharedFunctions, UnknownFunctions]),
        (
            "-Cllvm-args=-pgo-warn-missing-function".to_owned(),
            vec![SharedFunctions],
        ),
        (format!("{LOUD} --cap-lints warn"), vec![]),
        (format!("{LOUD} --cap-lints allow"), vec![CappedLints]),
        (format!("{LOUD} -Awarnings"), vec![AllowedWarnings]),
        (format!("{LOUD} -A warnings"), vec![AllowedWarnings]),
        (format!("{LOUD} --allow=warnings"), vec![AllowedWarnings]),
        (format!("{LOUD} --allow warnings"), vec![AllowedWarnings]),
        (
            format!("{LOUD} --warn=warnings --allow=warnings --allow=unused"),
            vec![AllowedWarnings],
        ),
        (format!("{LOUD} -Awarnings -Wwarnings"), vec![]),
        (format!("{LOUD} --allow=warnings --warn warnings"), vec![]),
        (format!("{LOUD} -Awarnings -Dwarnings"), vec![]),
        (format!("{LOUD} --allow=unused --deny=warnings"), vec![]),
        (
            format!("{LOUD} -Cllvm-args=-no-pgo-warn-mismatch"),
            vec![ChangedFunctions],
        ),
        (
            format!("{LOUD} -C llvm-args='-x=1 --no-pgo-warn-mismatch=true'"),
            vec![ChangedFunctions],
        ),
        (
            format!("{LOUD} -Cllvm-args=-no-pgo-warn-mismatch=false"),
            vec![],
        ),
        (
            LOUD.replace("-pgo-warn-missing-function", "-pgo-warn-missing-function=0"),
            vec![UnknownFunctions],
        ),
    ] {
        assert_eq!(only(&line(&flags)).silences, expected, "{flags}");
    }
}

#[test]
fn an_incremental_compilation_may_hold_old_code() {
    for (flags, expected) in [
        ("", Code::New),
        ("-C incremental=/t/incremental", Code::MayBeOld),
        ("--codegen=incremental=/t/incremental", Code::MayBeOld),
    ] {
        assert_eq!(only(&line(flags)).code, expected, "{flags}");
    }
}

#[test]
fn twice_verbose_lines_hold_variables_with_anything_in_them() {
    let command = line(USE).replace("rustc ", "/t/bin/rustc ");
    let (before, after) = command.split_once('`').expect("a command");
    let log = format!(
        "{before}`CARGO=/t/bin/cargo CARGO_PKG_DESCRIPTION='the compiler'\\''s `api`\nof two lines, `quoted`\n' {after}"
    );
    let compilation = only(&log);
    assert_eq!(compilation.program, "rustc");
    assert_eq!(compilation.crate_name, "gain");
    assert_eq!(
        compilation.links[..2],
        [
            Path::new("/t/release/deps/gain-f5c6"),
            Path::new("/t/release/deps/libgain-f5c6.so")
        ]
    );
}

#[test]
fn colours_times_and_carriage_returns_do_not_matter() {
    let fresh = "       Fresh cfg-if v1.0.0\n";
    let plain = format!(
        "{fresh}{}warning: m.rs: function control flow change detected (hash mismatch) f Hash = 4 up to 7 count discarded\n",
        line(USE)
    );
    let expected = BuildLog::parse(&plain);
    assert_eq!((expected.fresh, expected.said.counts_discarded), (1, 7));
    let coloured = plain
        .replace("Running", "\u{1b}[1m\u{1b}[92mRunning\u{1b}[0m")
        .replace("warning:", "\u{1b}[33mwarning\u{1b}[0m\u{1b}[1m:");
    assert_eq!(BuildLog::parse(&coloured), expected);
    assert_eq!(BuildLog::parse(&plain.replace('\n', "\r\n")), expected);
    for before in BEFORE_LINES {
        let kept = plain.lines().map(|line| format!("{before}{line}\n"));
        let kept: String = kept.collect();
        assert_eq!(BuildLog::parse(&kept), expected, "{before}");
    }
}

#[test]
fn a_log_that_shows_nothing_is_empty_and_a_cut_command_is_counted() {
    let brief = "   Compiling gain v0.0.0 (/g)\n    Finished `release` profile [optimized]\n";
    assert_eq!(BuildLog::parse(brief), BuildLog::default());
    let whole = line(USE);
    let cut = BuildLog::parse(&whole[..whole.len() / 2]);
    assert_eq!((cut.unreadable_commands, cut.compilations.len()), (1, 0));
    let script = "     Running `/t/build/gain-1/build-script-build`\n";
    assert_eq!(BuildLog::parse(script), BuildLog::default());
}

#[test]
fn build_scripts_count_only_where_flags_reach_them() {
    let script = line("").replace("--crate-name gain", "--crate-name build_script_build");
    let program = line(&format!("{USE} --target x86_64-unknown-linux-gnu"));
    assert_eq!(only(&(script.clone() + &program)).crate_name, "gain");
    let everything = BuildLog::parse(&(script + &line(USE)));
    assert_eq!(everything.compilations.len(), 2);
}

#[test]
fn functions_without_a_profile_are_named_by_rustc_or_by_cargo_pgo() {
    let symbol = "_ZN4gain3run17h0123456789abcdefE";
    let of_rustc = format!(
        "warning: gain.cgu.0: no profile data available for function {symbol} Hash = 1 up to 0 count discarded"
    );
    let of_cargo_pgo = "[2026 DEBUG cargo_pgo::pgo::optimize] Missing profile data: src/main.rs/gain::run::h0123456789abcdef.";
    for line in [of_rustc.as_str(), of_cargo_pgo] {
        let log = BuildLog::parse(line);
        assert_eq!(
            log.unknown_functions,
            HashSet::from(["gain::run::h0123456789abcdef".to_owned()]),
            "{line}"
        );
    }
    let counted = "[WARN cargo_pgo] PGO profile data was not found for 12 functions.";
    assert_eq!(BuildLog::parse(counted).unknown_unnamed, 12);
    let both = format!("{of_cargo_pgo}\n{counted}");
    assert_eq!(BuildLog::parse(&both).unknown_unnamed, 0);
}

#[test]
fn errors_of_the_build_are_found_and_those_of_build_scripts_are_not() {
    for (line, expected) in [
        (
            "error: file `/p` passed to `-C profile-use` does not exist",
            true,
        ),
        ("error[E0425]: cannot find function `f`", true),
        ("[probe 1.0] error[E0658]: use of unstable", false),
        ("[md5 0.7.0] error: no such file", false),
        ("warning: the error: of a name", false),
        ("12 |     error: String,", false),
        ("   |     error: String,", false),
        ("    error: String,", false),
        ("2 errors: none of ours", false),
    ] {
        for before in BEFORE_LINES.into_iter().chain([""]) {
            let found = BuildLog::parse(&format!("{before}{line}\n")).failure;
            assert_eq!(found.is_some(), expected, "{before}{line}");
            assert!(found.is_none_or(|text| text == line));
        }
    }
}
