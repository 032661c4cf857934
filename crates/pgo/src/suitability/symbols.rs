//! Which functions of a binary the compiler could instrument, told by their names.
//!
//! Takes mangled names; gives a yes or no. Rust's code has mangled Rust names; C, C++ and assembly
//! in the same binary have others. The standard library's precompiled functions have Rust names
//! too and cannot be told apart: they count as instrumentable.

/// Whether a function of the binary is one that rustc compiled.
///
/// A function without a name (the binary was stripped) counts: in a Rust binary, most are Rust's.
pub(super) fn is_instrumentable(name: &str) -> bool {
    // callgrind numbers recursive copies: `name'2`.
    let name = name.split('\'').next().unwrap_or(name);
    is_nameless(name) || is_legacy(name) || is_v0(name)
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
            assert!(is_instrumentable(name), "{name}");
        }
        for name in other {
            assert!(!is_instrumentable(name), "{name}");
        }
    }
}
