//! The machine: what it is, how disturbed it was, and pinning to a core.
//!
//! Reads `/proc` and `/sys`; what a platform does not tell is `None`. Gives no
//! names and no absolute paths. Nothing here decides what a disturbance means for
//! a verdict.

mod block;
mod memory;
mod pinning;
mod watch;

pub use block::BlockProbe;
pub(crate) use block::{TICK_NS, involuntary_switches};
pub use memory::{MemoryUse, memory_of_this_program};
pub(crate) use pinning::{core_for_pinning, pin_this_thread};
pub(crate) use watch::{Own, Watch, waited_ns};

use crate::record::Host;

/// Describes the machine. What the platform does not tell is `None`.
pub fn describe() -> Host {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").ok();
    let cpuinfo = cpuinfo.as_deref();
    Host {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu_model: cpuinfo
            .and_then(|text| field(text, "model name"))
            .map(str::to_owned),
        cores: std::thread::available_parallelism()
            .ok()
            .and_then(|cores| u32::try_from(cores.get()).ok()),
        memory_bytes: std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| memory::bytes(&text, "MemTotal")),
        kernel: first_line("/proc/sys/kernel/osrelease"),
        governor: first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualized: cpuinfo
            .and_then(|text| field(text, "flags"))
            .map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
    }
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines()
        .next()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
}

/// The value of the first `name : value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: Some CPU @ 2.5GHz: x\nflags : fpu hypervisor\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2.5GHz: x"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let meminfo = "MemTotal:       24 kB\nMemFree: 1 kB\n";
        assert_eq!(memory::bytes(meminfo, "MemTotal"), Some(24 * 1024));
        assert_eq!(memory::bytes("MemFree: 1 kB\n", "MemTotal"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_description_holds_no_path_and_no_host_name() {
        let text = serde_json::to_string(&describe()).unwrap();
        assert!(!text.contains('/') || !text.contains("/home"), "{text}");
        if let Some(name) = first_line("/proc/sys/kernel/hostname").filter(|name| name.len() > 3) {
            assert!(!text.contains(&name), "{text}");
        }
    }
}
