//! The fixture's constant, in the bytes of its binary.

/// What the constant is found by; its eight bytes, little-endian, come next.
pub const MARKER: &[u8; 24] = b"known-difference/rounds:";

/// The rounds that the binary does.
///
/// # Errors
/// When the marker is not there exactly once, or the binary ends before the constant.
pub fn rounds(binary: &[u8]) -> Result<u64, String> {
    let at = place(binary)?;
    let bytes = binary[at..at + 8].try_into().expect("eight bytes");
    Ok(u64::from_le_bytes(bytes))
}

/// The binary with another number of rounds, and no other byte changed.
///
/// # Errors
/// As [`rounds`].
pub fn with_rounds(mut binary: Vec<u8>, rounds: u64) -> Result<Vec<u8>, String> {
    let at = place(&binary)?;
    binary[at..at + 8].copy_from_slice(&rounds.to_le_bytes());
    Ok(binary)
}

/// Where the constant begins.
fn place(binary: &[u8]) -> Result<usize, String> {
    let mut hits = binary
        .windows(MARKER.len())
        .enumerate()
        .filter(|(_, window)| window == MARKER);
    let (at, _) = hits.next().ok_or("has no marker of the constant")?;
    let more = hits.count();
    if more > 0 {
        return Err(format!("has {} markers of the constant, not one", more + 1));
    }
    let constant = at + MARKER.len();
    if binary.len() < constant + 8 {
        return Err("ends before the constant".to_owned());
    }
    Ok(constant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(rounds: u64) -> Vec<u8> {
        [
            b"\x7fELF".as_slice(),
            MARKER,
            &rounds.to_le_bytes(),
            b"rest",
        ]
        .concat()
    }

    #[test]
    fn only_the_constant_changes() {
        assert_eq!(rounds(&binary(24_000)), Ok(24_000));
        assert_eq!(with_rounds(binary(24_000), 24_240), Ok(binary(24_240)));
    }

    #[test]
    fn a_binary_without_exactly_one_constant_is_refused() {
        let twice = [binary(1), binary(1)].concat();
        let cut = binary(1)[..4 + MARKER.len() + 7].to_vec();
        for (bytes, expected) in [
            (b"\x7fELF".to_vec(), "no marker"),
            (twice, "2 markers"),
            (cut, "ends before"),
        ] {
            let problem = with_rounds(bytes, 5).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
