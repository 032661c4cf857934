//! Which functions of a binary the compilers could instrument, told by their names.
//!
//! Takes mangled names; gives the [`Code`] of each. Rust's code has mangled Rust names; C, C++ and
//! assembly in the same binary have others. The standard library's precompiled functions have Rust
//! names too and cannot be told apart: they count as instrumentable.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::Result;
use crate::functions;
use crate::profile::names;

/// What the compilers of the arms can instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What rustc compiles: the C code of build scripts is left as it is.
    Rust,
    /// Also what clang compiles. These are the names of all functions that are counted.
    AndC(BTreeSet<String>),
}

/// Whose code a function of the binary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// rustc's.
    Rust,
    /// clang's, in a build where it can be instrumented.
    C,
    /// Beyond reach: assembly, or C as it is.
    Foreign,
}

impl Reach {
    /// The reach of a build with clang, told by the instrumented binary at `path`.
    ///
    /// # Errors
    /// See [`names::read`].
    pub(crate) fn counted_in(path: &Path) -> Result<Self> {
        let counted = names::read(path)?;
        let of_c = counted.iter().map(|name| functions::readable(name));
        Ok(Self::AndC(of_c.collect()))
    }

    /// Whose code the function of the binary is.
    ///
    /// A function without a name (the binary was stripped) is taken for Rust's: in a Rust binary, most
    /// are.
    pub(super) fn code(&self, name: &str) -> Code {
        // callgrind numbers recursive copies: `name'2`.
        let name = name.split('\'').next().unwrap_or(name);
        if is_nameless(name) || is_rust(name) {
            return Code::Rust;
        }
        match self {
            Self::AndC(counted) if counted.contains(&functions::readable(name)) => Code::C,
            Self::Rust | Self::AndC(_) => Code::Foreign,
        }
    }
}

/// Whether a function has one of Rust's mangled names.
pub(crate) fn is_rust(name: &str) -> bool {
    is_legacy(name) || is_v0(name)
}

/// `_ZN…17h<16 hexadecimal digits>E`, which C++ has not.
fn is_legacy(name: &str) -> bool {
    name.starts_with("_ZN")
        && name.rsplit_once("17h").is_some_and(|(_, hash)| {
            let digits = hash.get(..16).unwrap_or_default();
            digits.len() == 16
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                && hash.as_bytes().get(16) == Some(&b'E')
        })
}

/// `_R` and a path, as RFC 2603 has it.
fn is_v0(name: &str) -> bool {
    name.strip_prefix("_R")
        .and_then(|rest| rest.bytes().next())
        .is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// An address instead of a name.
fn is_nameless(name: &str) -> bool {
    name == "???"
        || name
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_language() {
        let rust = [
            "_ZN4gain7machine3run17h87ef1febfd0e300dE",
            "_ZN4gain7machine3run17h87ef1febfd0e300dE.llvm.123",
            "_ZN4gain7machine3run17h87ef1febfd0e300dE'2",
            "_RNvNtNtCsgEmfK2I1SDS_4core5slice6memchr14memchr_aligned",
            "0x000000000004f2a0",
            "???",
        ];
        let other = [
            "memcpy",
            "ZSTD_compressBlock_fast",
            "_ZN5boost6system14error_categoryD2Ev",
            "_ZNSt6vectorIiSaIiEE9push_backEOi",
            "_ZN3foo3bar17hnothexnothexnotE",
            "_Rmain_",
            "main",
            "",
        ];
        for name in rust {
            assert_eq!(Reach::Rust.code(name), Code::Rust, "{name}");
        }
        for name in other {
            assert_eq!(Reach::Rust.code(name), Code::Foreign, "{name}");
        }
    }

    #[test]
    fn what_clang_counts_is_within_reach() {
        let counted = ["ZSTD_compressBlock_fast", "decode"].map(String::from);
        let reach = Reach::AndC(counted.into());
        for (name, expected) in [
            ("ZSTD_compressBlock_fast", Code::C),
            ("ZSTD_compressBlock_fast.cold", Code::C),
            ("decode'2", Code::C),
            (
                "HUF_decompress4X1_usingDTable_internal_fast_asm_loop",
                Code::Foreign,
            ),
            ("_ZN4gain7machine3run17h87ef1febfd0e300dE", Code::Rust),
        ] {
            assert_eq!(reach.code(name), expected, "{name}");
        }
    }
}
