//! C and C++ in the profile, where the spec has clang compile what build scripts compile.
//!
//! Takes an arm and the clang that fits the compiler; gives the commands that stand in for the C
//! compilers of build scripts, and says what the profile holds of their code. All arms have the same
//! commands but for the profile, and the program alone gets that: C code of a build script or of a
//! procedural macro runs while the arm is built, without the runtime that a counted program needs.

use std::path::{Path, PathBuf};

use inferno_measure::record::{Check, CheckOutcome};
use inferno_measure::write_atomically;

use crate::artifact::Artifact;
use crate::cargo::Workshop;
use crate::clang::Clang;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::functions;
use crate::merge::MergedProfile;
use crate::output::Layout;
use crate::profile::used::ProfileUse;
use crate::profile::{names, records};
use crate::suitability::symbols;
use crate::toolchain::LlvmProfdata;
use crate::train::Instrumented;

/// Name of the check, in errors and in the record.
const CHECK: &str = "c-code";

/// The variables that name a C and a C++ compiler, the name of what stands in for it, and clang's
/// mode: one program is both compilers.
const COMPILERS: [(&str, &str, &str); 2] = [("CC", "clang", "gcc"), ("CXX", "clang++", "g++")];

/// Writes what stands in for the C compilers of `arm`; gives the variables that name them.
///
/// The crates cc and cmake, and others after them, look for the variable with the target's name
/// first; build scripts of their own make know the plain one.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn stand_ins(
    workshop: &Workshop,
    arm: &Arm,
    clang: &Clang,
) -> Result<Vec<(String, PathBuf)>> {
    let directory = workshop.output.c_compilers(arm.name());
    std::fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    let target_dir = workshop.target_dir(arm);
    let own = target_dir.file_name().unwrap_or_default().to_string_lossy();
    let of_program = format!("/{own}/{}/", workshop.target);
    let mut variables = Vec::new();
    for (variable, name, mode) in COMPILERS {
        let path = directory.join(name);
        let script = script(
            clang,
            mode,
            &arm.own_c_flags(),
            &of_program,
            &used(&directory),
        );
        install(&path, &script)?;
        variables.push((format!("{variable}_{}", workshop.target), path.clone()));
        variables.push((variable.to_owned(), path));
    }
    Ok(variables)
}

/// Is there once a stand-in of this directory has compiled for the program.
fn used(directory: &Path) -> PathBuf {
    directory.join("used")
}

/// A shell script that calls `clang` with `flags` where cargo's output directory of the build
/// script is one of the program's own, which `used` then tells, and else without.
fn script(clang: &Clang, mode: &str, flags: &[String], of_program: &str, used: &Path) -> String {
    let words: Vec<String> = flags.iter().map(|flag| quoted(flag)).collect();
    format!(
        "#!/bin/sh\n\
         # What build scripts and macros run themselves is no part of the program.\n\
         case \"$OUT_DIR/\" in\n\
         *{}*) set -- --start-no-unused-arguments {} --end-no-unused-arguments \"$@\"; : >{} ;;\n\
         esac\n\
         exec {} --driver-mode={mode} \"$@\"\n",
        quoted(of_program),
        words.join(" "),
        quoted(&used.display().to_string()),
        quoted(&clang.path.display().to_string()),
    )
}

/// One word for the shell, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn install(path: &Path, script: &str) -> Result<()> {
    write_atomically(path, script.as_bytes())?;
    #[cfg(unix)]
    {
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, executable).map_err(Error::io("write", path))?;
    }
    Ok(())
}

/// Fails when the instrumented binary, whose stand-ins are in `output`, counts no C code. Names alone
/// do not tell, as Rust's own functions may have plain ones: clang must have compiled for it as well.
///
/// # Errors
/// [`Error::Verification`].
pub(crate) fn check_counted(instrumented: &Artifact, output: &Layout, arm: &Arm) -> Result<()> {
    let names = names::read(&instrumented.path)?;
    if used(&output.c_compilers(arm.name())).exists() && names.iter().any(|name| is_c(name)) {
        return Ok(());
    }
    Err(Error::Verification {
        check: CHECK,
        message: "clang is to compile C (`c = \"clang\"`), and no C or C++ function is counted".into(),
        hint: "a build script that compiles C must do it with the CC or CXX of its environment; where there is no C, leave out `c`, or a ladder's rung pgo-c; what an older version built is counted after `--fresh`: docs/troubleshooting.md#c-code".into(),
    })
}

/// What the profile holds of C and C++.
#[derive(Debug)]
pub(crate) struct InProfile {
    /// For the record.
    pub(crate) check: Check,
    /// The functions that are no longer what was trained, and their counts.
    pub(crate) profile_use: ProfileUse,
}

/// Compares the C functions of `profile` with those of `instrumented`, which was built from the
/// sources as they are. clang is not asked: what it says about a profile is mixed with what the
/// project's own warnings say, and build scripts that try flags take it for a refusal of the flag.
///
/// # Errors
/// [`Error::Verification`] when the binary's records are not understood.
pub(crate) fn in_profile(
    profile: &MergedProfile,
    instrumented: &Instrumented,
    tool: &LlvmProfdata,
) -> Result<InProfile> {
    let known = records::read(&instrumented.artifact().path)?;
    let counts = tool.counts(&profile.path)?;
    let mut profile_use = ProfileUse::default();
    for (name, hash, count) in counts.by_record().filter(|(name, ..)| is_c(name)) {
        let is_changed = |hashes: &std::collections::HashSet<u64>| !hashes.contains(&hash);
        if known.get(name).is_some_and(is_changed) {
            profile_use.functions_mismatched += 1;
            profile_use.counts_discarded = profile_use.counts_discarded.saturating_add(count);
        }
    }
    let ran = counts
        .by_function()
        .filter(|(name, count)| *count > 0 && is_c(name));
    let ran: Vec<(&str, u64)> = ran.collect();
    let share = counts.share_in(|name, _| is_c(name)).unwrap_or_default();
    let (outcome, detail) = match ran.iter().max_by_key(|(_, count)| *count) {
        None => (
            CheckOutcome::Warned,
            "training ran no C or C++ function: their code will be taken for cold".to_owned(),
        ),
        Some((hottest, count)) => (
            CheckOutcome::Passed,
            format!(
                "{} functions of C and C++ ran in training and hold {:.2} % of the counts, `{}` most ({:.2} %); {} are no longer what was trained",
                ran.len(),
                share * 100.0,
                functions::readable(hottest),
                *count as f64 / counts.total() as f64 * 100.0,
                profile_use.functions_mismatched
            ),
        ),
    };
    Ok(InProfile {
        check: Check {
            name: CHECK.into(),
            outcome,
            detail,
        },
        profile_use,
    })
}

/// Whether a profile's name is one of a C or C++ function. A function of Rust's with a plain name
/// (`#[no_mangle]`) cannot be told from one; `main` is rustc's own.
fn is_c(name: &str) -> bool {
    let own = own_name(name);
    own != "main" && !symbols::is_rust(own)
}

/// The name without the file or compilation unit that stands before that of a local function.
fn own_name(name: &str) -> &str {
    name.rsplit(';').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn names_tell_the_language() {
        for name in [
            "ggml_vec_dot_q4_1_q8_1",
            "ggml-cpu.c;ggml_graph_compute_thread",
            "_ZN13llama_context6decodeERK11llama_batch",
        ] {
            assert!(is_c(name), "{name}");
        }
        for name in [
            "main",
            "_ZN4gain3run17h0123456789abcdefE",
            "gain.3f2a-cgu.0;_ZN4gain3run17h0123456789abcdefE",
            "_RNvCs1234_7mycrate3foo",
        ] {
            assert!(!is_c(name), "{name}");
        }
    }

    /// What a stand-in hands to its compiler, which here repeats it, and whether it tells that it
    /// compiled for the program.
    fn handed(out_dir: Option<&str>) -> (String, bool) {
        let directory = tempfile::tempdir().expect("a directory");
        let directory = directory.path();
        let clang = Clang {
            path: "/bin/echo".into(),
            version: "22.1.8".into(),
        };
        let flags = ["-fprofile-use=/o'clock/a b.profdata".to_owned()];
        let of_program = "/candidate-clang-22.1.8/x86_64-unknown-linux-gnu/";
        let used = directory.join("used");
        let text = script(&clang, "g++", &flags, of_program, &used);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &text, "clang++", "-c", "two words.cpp"]);
        match out_dir {
            Some(out_dir) => command.env("OUT_DIR", out_dir),
            None => command.env_remove("OUT_DIR"),
        };
        let output = command.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (text, used.exists())
    }

    #[test]
    fn only_code_of_the_program_gets_the_profile() {
        let plain = ("--driver-mode=g++ -c two words.cpp".to_owned(), false);
        let build = "/out/build/candidate-clang-22.1.8";
        let program = format!("{build}/x86_64-unknown-linux-gnu/release/build/zstd-sys-1/out");
        assert_eq!(
            handed(Some(&program)),
            (
                "--driver-mode=g++ --start-no-unused-arguments -fprofile-use=/o'clock/a b.profdata \
                 --end-no-unused-arguments -c two words.cpp"
                    .to_owned(),
                true
            )
        );
        let of_macro = format!("{build}/release/build/zstd-sys-1/out");
        assert_eq!(handed(Some(&of_macro)), plain);
        assert_eq!(handed(None), plain);
    }
}
