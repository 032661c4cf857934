//! The control flow of the functions that an instrumented binary counts, from its `__llvm_prf_data`
//! section.
//!
//! Takes an instrumented binary; gives the hashes of each function's control flow by its name. Counts
//! of a profile that stand under another hash are of other code than this.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::names;
use crate::error::Result;

/// Sizes of a record in bytes that are tried. A record grows with LLVM's versions; its first two
/// words, the name's hash and the control flow's, have stayed (`InstrProfData.inc`).
const SIZES_BYTES: [usize; 12] = [32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120];

/// Reads the records of the instrumented binary at `path`. A function that was compiled in several
/// units may have several hashes.
///
/// # Errors
/// [`crate::Error::Verification`] when the sections are missing or not understood.
pub fn read(path: &Path) -> Result<HashMap<String, HashSet<u64>>> {
    let names = names::read(path)?;
    let names: HashMap<u64, &String> = names.iter().map(|name| (name_hash(name), name)).collect();
    let data = names::section(path, "__llvm_prf_data")?;
    let records = parse(&data, |name| names.contains_key(&name))
        .ok_or_else(|| names::refused(path, "its records of functions are not understood"))?;
    let mut functions: HashMap<String, HashSet<u64>> = HashMap::new();
    for (name, hash) in records {
        if let Some(&name) = names.get(&name) {
            functions.entry(name.clone()).or_default().insert(hash);
        }
    }
    Ok(functions)
}

/// Pairs of a name's hash and a control flow's. The size of a record is the one with which all of
/// them have a known name.
fn parse(data: &[u8], is_known: impl Fn(u64) -> bool) -> Option<Vec<(u64, u64)>> {
    let of_size = |size: usize| -> Option<Vec<(u64, u64)>> {
        let records = data.chunks(size).map(|record| {
            let (words, _) = record.as_chunks::<8>();
            let name = u64::from_le_bytes(*words.first()?);
            let hash = u64::from_le_bytes(*words.get(1)?);
            is_known(name).then_some((name, hash))
        });
        records.collect()
    };
    let mut sizes = SIZES_BYTES
        .into_iter()
        .filter(|size| data.len().is_multiple_of(*size));
    sizes.find_map(of_size)
}

/// The hash by which LLVM refers to a name: the first eight bytes of its MD5 (RFC 1321).
fn name_hash(name: &str) -> u64 {
    const BLOCK_BYTES: usize = 64;
    let mut message = name.as_bytes().to_vec();
    message.push(0x80);
    while message.len() % BLOCK_BYTES != BLOCK_BYTES - 8 {
        message.push(0);
    }
    message.extend((name.len() as u64 * 8).to_le_bytes());
    let start = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let (blocks, _) = message.as_chunks::<BLOCK_BYTES>();
    let [low, high, ..] = blocks.iter().fold(start, digested);
    u64::from(low) | (u64::from(high) << 32)
}

/// MD5's state after one more block.
fn digested(state: [u32; 4], block: &[u8; 64]) -> [u32; 4] {
    const ROTATIONS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let (words, _) = block.as_chunks::<4>();
    let [mut a, mut b, mut c, mut d] = state;
    for step in 0..64_usize {
        let (mixed, word) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((b & d) | (c & !d), 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let constant = ((step as f64 + 1.0).sin().abs() * 2_f64.powi(32)) as u32;
        let sum = a
            .wrapping_add(mixed)
            .wrapping_add(constant)
            .wrapping_add(u32::from_le_bytes(words[word % 16]));
        let turned = sum.rotate_left(ROTATIONS[step / 16][step % 4]);
        (a, b, c, d) = (d, b.wrapping_add(turned), b, c);
    }
    let [a_before, b_before, c_before, d_before] = state;
    [
        a.wrapping_add(a_before),
        b.wrapping_add(b_before),
        c.wrapping_add(c_before),
        d.wrapping_add(d_before),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_by_md5() {
        // The digests begin d41d8cd98f00b204, 900150983cd24fb0, c3fcd3d76192e400 and
        // 57edf4a22be3c955 (RFC 1321, A.5).
        let digits = "1234567890".repeat(8);
        for (name, expected) in [
            ("", 0x04b2_008f_d98c_1dd4),
            ("abc", 0xb04f_d23c_9850_0190),
            ("abcdefghijklmnopqrstuvwxyz", 0x00e4_9261_d7d3_fcc3),
            (digits.as_str(), 0x55c9_e32b_a2f4_ed57),
        ] {
            assert_eq!(name_hash(name), expected, "{name}");
        }
    }

    /// Records of `size_bytes` with these names and hashes.
    fn section(records: &[(u64, u64)], size_bytes: usize) -> Vec<u8> {
        let record = |&(name, hash): &(u64, u64)| {
            let mut record = [name.to_le_bytes(), hash.to_le_bytes()].concat();
            record.resize(size_bytes, 0xff);
            record
        };
        records.iter().flat_map(record).collect()
    }

    #[test]
    fn the_size_of_a_record_is_found() {
        let records = [(1, 10), (2, 20), (1, 11)];
        for size_bytes in [48, 64, 72] {
            let data = section(&records, size_bytes);
            let parsed = parse(&data, |name| [1, 2, 3].contains(&name));
            assert_eq!(parsed.as_deref(), Some(&records[..]), "{size_bytes}");
        }
    }

    #[test]
    fn records_of_unknown_functions_and_of_unknown_size_are_refused() {
        let data = section(&[(1, 10), (9, 20)], 64);
        assert_eq!(parse(&data, |name| name == 1), None);
        assert_eq!(parse(&section(&[(1, 10)], 44), |_| true), None);
        assert_eq!(parse(&section(&[(1, 10)], 136), |name| name == 1), None);
    }
}
