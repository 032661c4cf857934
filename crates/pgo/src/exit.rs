//! Exit codes of the commands. They are part of the interface: scripts branch on them.

/// A valid answer, whatever it says.
pub const ANSWERED: u8 = 0;
/// A defect of the program, or the system refused something unexpected.
pub const INTERNAL: u8 = 1;
/// Wrong usage, a bad spec or a bad record.
pub const USAGE: u8 = 2;
/// The candidate is slower (`compare`, `dist`; `pgo` only with `--gate`).
pub const SLOWER: u8 = 10;
/// No verdict could be reached (`compare` only with `--strict`, `pgo` only with `--gate`, `dist` for a
/// guard that was not measured).
pub const INCONCLUSIVE: u8 = 11;
/// A tool is missing or has the wrong version.
pub const TOOL_MISSING: u8 = 20;
/// cargo did not produce a binary.
pub const BUILD_FAILED: u8 = 21;
/// A proof does not hold.
pub const VERIFICATION_FAILED: u8 = 22;
/// A training run or a scenario did not end as declared.
pub const WORKLOAD_FAILED: u8 = 23;
/// A question of an audit cannot be answered: closed on doubt.
pub const CANNOT_TELL: u8 = 24;
