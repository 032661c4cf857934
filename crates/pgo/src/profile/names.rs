//! The functions that an instrumented binary counts, from its `__llvm_prf_names` section.
//!
//! Takes an instrumented binary; gives the set of names under which it writes counts. A profile
//! whose counts stand under other names belongs to another program.

use std::collections::HashSet;
use std::path::Path;

use object::{Object, ObjectSection};

use crate::error::{Error, Result};

/// LLVM joins the names of one object file with this byte (`getInstrProfNameSeparator`).
const SEPARATOR: u8 = 1;

/// Reads the names of the instrumented binary at `path`.
///
/// # Errors
/// [`Error::Verification`] when the section is missing, compressed or damaged.
pub fn read(path: &Path) -> Result<HashSet<String>> {
    let data = section(path, "__llvm_prf_names")?;
    parse(&data).ok_or_else(|| refused(path, "its names are compressed or damaged"))
}

/// The content of the binary's section `name`.
pub(super) fn section(path: &Path, name: &str) -> Result<Vec<u8>> {
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    let file = object::File::parse(&*content).map_err(|error| refused(path, &error.to_string()))?;
    let section = file
        .section_by_name(name)
        .ok_or_else(|| refused(path, "it counts nothing"))?;
    let data = section
        .data()
        .map_err(|error| refused(path, &error.to_string()))?;
    Ok(data.to_owned())
}

pub(super) fn refused(path: &Path, message: &str) -> Error {
    Error::Verification {
        check: "instrumented-names",
        message: format!("`{}`: {message}", path.display()),
        hint: "build it with the step `instrument`".into(),
    }
}

/// Chunks of `uleb(size) uleb(compressed size, 0 where plain) names`, with zero padding between.
fn parse(mut data: &[u8]) -> Option<HashSet<String>> {
    let mut names = HashSet::new();
    loop {
        let padding = data.iter().take_while(|&&byte| byte == 0).count();
        data = &data[padding..];
        if data.is_empty() {
            return Some(names);
        }
        let size = usize::try_from(uleb128(&mut data)?).ok()?;
        if uleb128(&mut data)? != 0 {
            return None;
        }
        let (chunk, rest) = data.split_at_checked(size)?;
        data = rest;
        names.extend(
            chunk
                .split(|&byte| byte == SEPARATOR)
                .map(|name| String::from_utf8_lossy(name).into_owned()),
        );
    }
}

fn uleb128(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_chunks_with_padding() {
        let data = b"\x06\x00main\x01f\x00\x00\x03\x00abc\x00";
        let names = parse(data).expect("plain names");
        assert_eq!(names, ["main", "f", "abc"].map(String::from).into());
    }

    #[test]
    fn compressed_and_truncated_names_are_refused() {
        assert_eq!(parse(b"\x06\x04main\x01f"), None);
        assert_eq!(parse(b"\x60\x00main"), None);
        assert_eq!(parse(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
