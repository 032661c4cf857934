//! The hottest functions of a profile, and what became of each in the candidate.
//!
//! Takes a profile's counts and the symbol tables of both arms; gives sizes beside shares. A function
//! is found again by its demangled name without hashes, because the hash of the same function may
//! differ between builds. What several functions share a name, such as the copies of a generic one,
//! is summed, and their number told. It must not judge.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use cpp_demangle::DemangleOptions;
use inferno_measure::record::{FunctionCode, HotFunction, Placement};
use object::{BinaryFormat, Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::error::{Error, Result};
use crate::profile::counts::Counts;

/// More than these few say nothing more: the hottest twenty hold nearly all counts of most programs.
const HOTTEST_MAX: usize = 20;

/// Below this share of all counts a function cannot matter, and its share would be printed as zero.
const SHARE_MIN: f64 = 1e-4;

/// What LLVM and linkers append to the symbol of a function, or of a part of it.
const SUFFIXES: [&str; 6] = [
    ".llvm.",
    ".cold",
    ".__uniq.",
    ".part.",
    ".isra.",
    ".constprop.",
];

/// The functions that hold most of `counts`, at most twenty, the hottest first, none below 0.01 %.
///
/// # Errors
/// [`Error::Io`], and [`Error::Verification`] when a file is no binary.
pub fn hottest(counts: &Counts, baseline: &Path, candidate: &Path) -> Result<Vec<HotFunction>> {
    let (baseline, candidate) = (Symbols::read(baseline)?, Symbols::read(candidate)?);
    Ok(ranked(counts)
        .into_iter()
        .map(|(name, ran)| HotFunction {
            counts_share: ran.counts as f64 / counts.total() as f64,
            copies: ran.copies,
            baseline: baseline.code(&name),
            candidate: candidate.code(&name),
            name,
        })
        .collect())
}

/// What a profile says of all functions of one name.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ran {
    counts: u64,
    copies: u32,
}

fn ranked(counts: &Counts) -> Vec<(String, Ran)> {
    let mut by_name: BTreeMap<String, Ran> = BTreeMap::new();
    for (symbol, count) in counts.by_function().filter(|(_, count)| *count > 0) {
        let ran = by_name.entry(readable(symbol)).or_default();
        ran.counts = ran.counts.saturating_add(count);
        ran.copies += 1;
    }
    let mut ranked: Vec<(String, Ran)> = by_name.into_iter().collect();
    ranked.sort_by_key(|(_, ran)| std::cmp::Reverse(ran.counts));
    let total = counts.total() as f64;
    ranked.retain(|(_, ran)| ran.counts as f64 >= total * SHARE_MIN);
    ranked.truncate(HOTTEST_MAX);
    ranked
}

/// The name of a function as people know it, from the profile's name or from a symbol.
pub(crate) fn readable(symbol: &str) -> String {
    let own = own_symbol(symbol);
    match rustc_demangle::try_demangle(own) {
        Ok(name) => format!("{name:#}"),
        Err(_) => of_cpp(own).unwrap_or_else(|| own.to_owned()),
    }
}

/// The name of a C++ function without its parameters, which fill lines: overloads become one.
fn of_cpp(symbol: &str) -> Option<String> {
    let options = DemangleOptions::new().no_params().no_return_type();
    let symbol = cpp_demangle::Symbol::new(symbol).ok()?;
    symbol.demangle_with_options(&options).ok()
}

/// The name of a function with its hashes, which LLVM looks up in the profile: the same in two builds
/// only where crate, version, features and compiler are the same. A name that is not mangled stays.
pub(crate) fn full_name(symbol: &str) -> String {
    rustc_demangle::demangle(own_symbol(symbol)).to_string()
}

/// The symbol without what profile, compiler and linker put around it.
///
/// A profile puts the file or the compilation unit before the name of a function that is local to it
/// (`file;name`, LLVM `getIRPGOObjectName`).
fn own_symbol(symbol: &str) -> &str {
    let name = symbol.rsplit(';').next().unwrap_or(symbol);
    // Types in a legacy name are written with `..`, as in `a..cold..B`: what is appended comes after.
    let own = legacy_end(name).unwrap_or(0);
    let end = SUFFIXES
        .iter()
        .filter_map(|suffix| name[own..].find(suffix))
        .min()
        .map_or(name.len(), |appended| own + appended);
    &name[..end]
}

/// Where a legacy mangled name ends: after its hash, `17h` and 16 hexadecimal digits, and an `E`.
fn legacy_end(name: &str) -> Option<usize> {
    const HASH: &str = "17h";
    const DIGITS: usize = 16;
    if !name.starts_with("_ZN") {
        return None;
    }
    let ends = name.match_indices(HASH).filter_map(|(start, _)| {
        let digits = start + HASH.len();
        let end = digits + DIGITS;
        let is_hash = name
            .get(digits..end)?
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit());
        (is_hash && name[end..].starts_with('E')).then_some(end + 1)
    });
    ends.last()
}

/// The functions of a binary by name; `None` where the symbol table was stripped.
struct Symbols(Option<BTreeMap<String, FunctionCode>>);

impl Symbols {
    fn read(path: &Path) -> Result<Self> {
        let content = std::fs::read(path).map_err(Error::io("read", path))?;
        let file = parse(&content, path)?;
        let mut functions = BTreeMap::new();
        let mut seen = HashSet::new();
        for symbol in file.symbols() {
            // Mach-O does not tell sizes. Two names of one address are one function.
            if symbol.kind() != SymbolKind::Text
                || symbol.size() == 0
                || !seen.insert(symbol.address())
            {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            let section = symbol
                .section_index()
                .and_then(|index| file.section_by_index(index).ok());
            let placement = section.and_then(|section| placement(section.name().ok()?));
            let code = functions
                .entry(readable(name))
                .or_insert(FunctionCode::InlinedOrGone);
            *code = with(*code, symbol.size(), placement);
        }
        Ok(Self((!functions.is_empty()).then_some(functions)))
    }

    fn code(&self, name: &str) -> FunctionCode {
        match &self.0 {
            None => FunctionCode::NotKnown,
            Some(functions) => functions
                .get(name)
                .copied()
                .unwrap_or(FunctionCode::InlinedOrGone),
        }
    }
}

/// The functions of a binary with a symbol table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FullNames {
    /// As [`full_name`] has them.
    pub(crate) names: HashSet<String>,
    /// Whether their sizes are known as well.
    pub(crate) sizes: Sizes,
}

/// Whether a symbol table tells how large functions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// Of each.
    Told,
    /// Of none: Mach-O has no place for them.
    NotTold,
}

/// The functions of the binary at `path` by [`full_name`]; `None` where the symbol table was stripped.
///
/// # Errors
/// [`Error::Io`], and [`Error::Verification`] when the file is no binary.
pub(crate) fn full_names(path: &Path) -> Result<Option<FullNames>> {
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    let file = parse(&content, path)?;
    let sizes = if file.format() == BinaryFormat::MachO {
        Sizes::NotTold
    } else {
        Sizes::Told
    };
    let (mut names, mut local) = (HashSet::new(), 0);
    for symbol in file.symbols() {
        let is_function =
            symbol.kind() == SymbolKind::Text && (symbol.size() > 0 || sizes == Sizes::NotTold);
        let Some(name) = symbol.name().ok().filter(|_| is_function) else {
            continue;
        };
        let name = match sizes {
            Sizes::Told => name,
            // Mach-O puts an underscore before what the compiler names.
            Sizes::NotTold => name.strip_prefix('_').unwrap_or(name),
        };
        names.insert(full_name(name));
        local += u64::from(symbol.is_local());
    }
    // Stripped, a Mach-O file keeps the names that are known outside of it.
    let is_whole = match sizes {
        Sizes::Told => !names.is_empty(),
        Sizes::NotTold => local > 0,
    };
    Ok(is_whole.then_some(FullNames { names, sizes }))
}

fn parse<'data>(content: &'data [u8], path: &Path) -> Result<object::File<'data>> {
    object::File::parse(content).map_err(|error| Error::Verification {
        check: "binary",
        message: format!("`{}`: {error}", path.display()),
        hint: "the pipeline reads ELF and Mach-O executables; run again with --fresh".into(),
    })
}

/// `code` and one more symbol. Parts in different places have no place together.
fn with(code: FunctionCode, more_bytes: u64, placement: Option<Placement>) -> FunctionCode {
    match code {
        FunctionCode::Own {
            size_bytes,
            symbols,
            placement: before,
        } => FunctionCode::Own {
            size_bytes: size_bytes + more_bytes,
            symbols: symbols + 1,
            placement: before.filter(|_| before == placement),
        },
        FunctionCode::InlinedOrGone | FunctionCode::NotKnown => FunctionCode::Own {
            size_bytes: more_bytes,
            symbols: 1,
            placement,
        },
    }
}

/// Most linkers join all code in `.text`: then nothing is told.
fn placement(section: &str) -> Option<Placement> {
    if section.starts_with(".text.hot") {
        Some(Placement::Hot)
    } else if section.starts_with(".text.unlikely") {
        Some(Placement::Unlikely)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_whatever_the_build_appends() {
        for (symbol, expected) in [
            ("_ZN4gain3run17h0123456789abcdefE", "gain::run"),
            (
                "_ZN4gain3run17hfedcba9876543210E.llvm.1234567890",
                "gain::run",
            ),
            (
                "gain.3f2a-cgu.0;_ZN4gain3run17h0123456789abcdefE",
                "gain::run",
            ),
            (
                "/src/a b/main.rs;_ZN4gain3run17h0123456789abcdefE",
                "gain::run",
            ),
            ("_ZN4gain3run17h0123456789abcdefE.cold", "gain::run"),
            ("_ZN4gain3run17h0123456789abcdefE.cold.1", "gain::run"),
            (
                "_ZN32_$LT$a..cold..B$u20$as$u20$C$GT$3run17h0123456789abcdefE",
                "<a::cold::B as C>::run",
            ),
            (
                "_ZN32_$LT$a..cold..B$u20$as$u20$C$GT$3run17h0123456789abcdefE.cold.1",
                "<a::cold::B as C>::run",
            ),
            (
                "_ZN32_$LT$a..part..B$u20$as$u20$C$GT$3run17h0123456789abcdefE.llvm.77",
                "<a::part::B as C>::run",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("_RNvCs1234_7mycrate3foo.llvm.99", "mycrate::foo"),
            ("_RNvCsABCD_7mycrate3foo", "mycrate::foo"),
            (
                "_ZN40_$LT$T$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
                "<T as core::fmt::Display>::fmt",
            ),
            ("ggml_vec_dot_q4_1_q8_1", "ggml_vec_dot_q4_1_q8_1"),
            (
                "_ZN13llama_context6decodeERK11llama_batch",
                "llama_context::decode",
            ),
            (
                "ops.cpp;_ZL29ggml_compute_forward_rope_fltIfEvPK19ggml_compute_paramsP11ggml_tensorb",
                "ggml_compute_forward_rope_flt<float>",
            ),
            ("_Z", "_Z"),
            ("main", "main"),
        ] {
            assert_eq!(readable(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn full_names_keep_the_hash_and_lose_the_rest() {
        let expected = "gain::run::h0123456789abcdef";
        for symbol in [
            "_ZN4gain3run17h0123456789abcdefE",
            "gain.3f2a-cgu.0;_ZN4gain3run17h0123456789abcdefE.llvm.77",
        ] {
            assert_eq!(full_name(symbol), expected, "{symbol}");
        }
        assert_ne!(full_name("_ZN4gain3run17hfedcba9876543210E"), expected);
        assert_eq!(full_name("main.c;main"), "main");
    }

    fn shown(functions: &[(&str, u64)]) -> Counts {
        let lines = functions.iter().map(|(name, count)| {
            format!("  {name}:\n    Hash: 0x1\n    Counters: 1\n    Block counts: [{count}]\n")
        });
        Counts::parse(&lines.collect::<Vec<_>>().concat())
    }

    #[test]
    fn copies_of_a_generic_function_are_summed_and_counted() {
        let counts = shown(&[
            ("_ZN1a1fE", 10_000),
            ("_ZN1a3run17h0123456789abcdefE", 60_000),
            ("u.0;_ZN1a3run17hfedcba9876543210E", 30_000),
            ("_ZN1a5never17h0123456789abcdefE", 0),
            ("_ZN1a4once17h0123456789abcdefE", 1),
        ]);
        let ranked = ranked(&counts);
        assert_eq!(ranked.len(), 2, "{ranked:?}");
        assert_eq!(ranked[0].0, "a::run");
        assert_eq!(
            ranked[0].1,
            Ran {
                counts: 90_000,
                copies: 2
            }
        );
    }

    #[test]
    fn only_the_hottest_are_listed() {
        let names: Vec<String> = (0..50).map(|index| format!("f{index}")).collect();
        let counts: Vec<(&str, u64)> = names
            .iter()
            .zip(1..)
            .map(|(name, count)| (name.as_str(), count))
            .collect();
        let ranked = ranked(&shown(&counts));
        assert_eq!(ranked.len(), HOTTEST_MAX);
        assert_eq!((ranked[0].0.as_str(), ranked[0].1.counts), ("f49", 50));
    }

    #[test]
    fn parts_of_a_function_are_one() {
        let hot = with(FunctionCode::InlinedOrGone, 100, Some(Placement::Hot));
        let both = with(hot, 20, Some(Placement::Unlikely));
        assert_eq!(
            both,
            FunctionCode::Own {
                size_bytes: 120,
                symbols: 2,
                placement: None
            }
        );
    }

    #[test]
    fn a_stripped_binary_is_not_known_and_this_test_has_symbols() {
        assert_eq!(Symbols(None).code("main"), FunctionCode::NotKnown);
        let this = std::env::current_exe().expect("a path");
        let symbols = Symbols::read(&this).expect("a binary");
        assert_eq!(
            symbols.code("no::such::function"),
            FunctionCode::InlinedOrGone
        );
        if cfg!(target_os = "linux") {
            let functions = full_names(&this).expect("a binary").expect("symbols");
            assert!(functions.names.contains("main"));
            assert_eq!(functions.sizes, Sizes::Told);
            assert!(matches!(symbols.code("main"), FunctionCode::Own { .. }));
        }
    }

    /// A symbol of a function: seen within the file, or outside of it.
    const LOCAL: u8 = 0x0e;
    const EXTERNAL: u8 = 0x0f;

    /// A Mach-O program of one section of code, with these symbols.
    fn mach_o(symbols: &[(&str, u8)]) -> Vec<u8> {
        const TABLE: u32 = 32 + 152 + 24;
        let bytes = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_le_bytes()).collect()
        };
        let name = |text: &str| -> Vec<u8> {
            let mut name = text.as_bytes().to_vec();
            name.resize(16, 0);
            name
        };
        let (mut table, mut strings) = (Vec::new(), vec![0_u8]);
        for (symbol, kind) in symbols {
            table.extend(bytes(&[strings.len() as u32]));
            // Its section and description, then its address.
            table.extend([*kind, 1, 0, 0]);
            table.extend([0; 8]);
            strings.extend(symbol.bytes());
            strings.push(0);
        }
        let count = symbols.len() as u32;
        let strings_at = TABLE + table.len() as u32;
        [
            // The header: 64 bits, an executable with two load commands.
            bytes(&[0xfeed_facf, 0x0100_000c, 0, 2, 2, 152 + 24, 0, 0]),
            // A segment: addresses and offsets, protection, one section.
            bytes(&[0x19, 152]),
            name("__TEXT"),
            bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 1, 0]),
            name("__text"),
            name("__TEXT"),
            // Nothing but instructions.
            bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0x8000_0400, 0, 0, 0]),
            // Where symbols and strings are.
            bytes(&[2, 24, TABLE, count, strings_at, strings.len() as u32]),
            table,
            strings,
        ]
        .concat()
    }

    #[test]
    fn mach_o_tells_names_and_no_sizes() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let functions = |symbols: &[(&str, u8)]| {
            std::fs::write(file.path(), mach_o(symbols)).expect("written");
            full_names(file.path()).expect("a binary")
        };
        let found = functions(&[
            ("__ZN4gain3run17h0123456789abcdefE", LOCAL),
            ("___llvm_profile_write_file", LOCAL),
            ("_main", EXTERNAL),
        ]);
        let expected = [
            "gain::run::h0123456789abcdef",
            "__llvm_profile_write_file",
            "main",
        ];
        assert_eq!(
            found,
            Some(FullNames {
                names: expected.map(String::from).into(),
                sizes: Sizes::NotTold
            })
        );
        let symbols = Symbols::read(file.path()).expect("a binary");
        assert_eq!(symbols.code("gain::run"), FunctionCode::NotKnown);

        let stripped = [("__mh_execute_header", EXTERNAL), ("_main", EXTERNAL)];
        assert_eq!(functions(&stripped), None);
    }

    #[test]
    fn what_is_no_binary_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "no binary").expect("written");
        let Err(error) = Symbols::read(file.path()) else {
            panic!("accepted");
        };
        assert!(
            error
                .to_string()
                .contains(&file.path().display().to_string())
        );
    }
}
