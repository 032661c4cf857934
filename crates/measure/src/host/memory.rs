//! How much memory this program has.
//!
//! Pages of mapped files, such as a model's, are resident too, but the kernel takes them back when it
//! wants to: what a program holds for itself is its anonymous memory.

use serde::{Deserialize, Serialize};

use super::field;

/// Memory of a process, in bytes. What the platform does not tell is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryUse {
    /// All that is resident, mapped files included.
    pub resident_bytes: Option<u64>,
    /// What is resident and no mapped file.
    pub anonymous_bytes: Option<u64>,
    /// The most that was resident so far.
    pub peak_resident_bytes: Option<u64>,
}

/// The memory of this program, now.
pub fn memory_of_this_program() -> MemoryUse {
    std::fs::read_to_string("/proc/self/status")
        .map(|status| memory_use(&status))
        .unwrap_or_default()
}

/// `/proc/PID/status`, see proc(5).
fn memory_use(status: &str) -> MemoryUse {
    MemoryUse {
        resident_bytes: bytes(status, "VmRSS"),
        anonymous_bytes: bytes(status, "RssAnon"),
        peak_resident_bytes: bytes(status, "VmHWM"),
    }
}

/// The value of a field that is in kibibytes.
pub(super) fn bytes(text: &str, name: &str) -> Option<u64> {
    let kibibytes = field(text, name)?.strip_suffix("kB")?.trim();
    kibibytes.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_its_fields() {
        let status = "VmHWM:\t  900 kB\nVmRSS:\t  12 kB\nRssAnon:\t       3 kB\nRssFile:\t 9 kB\n";
        let expected = MemoryUse {
            resident_bytes: Some(12 * 1024),
            anonymous_bytes: Some(3 * 1024),
            peak_resident_bytes: Some(900 * 1024),
        };
        assert_eq!(memory_use(status), expected);
        assert_eq!(memory_use("VmRSS:\t many kB\n"), MemoryUse::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_has_some() {
        let memory = memory_of_this_program();
        assert!(memory.anonymous_bytes > Some(0), "{memory:?}");
        assert!(
            memory.resident_bytes >= memory.anonymous_bytes,
            "{memory:?}"
        );
        assert!(
            memory.peak_resident_bytes >= memory.resident_bytes,
            "{memory:?}"
        );
    }
}
