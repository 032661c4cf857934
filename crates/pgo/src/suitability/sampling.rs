//! What `perf` says: samples of the CPU clock by binary and function.
//!
//! Takes the text of `perf report` (made with [`REPORT_OPTIONS`]); gives [`Samples`].

use super::symbols;

/// Samples per second and busy thread. A prime, so that it does not beat with anything periodic.
pub(super) const FREQUENCY_HZ: u32 = 1999;

/// Options that give the form that [`Samples::parse`] reads.
pub(super) const REPORT_OPTIONS: [&str; 9] = [
    "--stdio",
    "--no-demangle",
    "--quiet",
    "-s",
    "dso,symbol",
    "-F",
    "sample,dso,symbol",
    "-t",
    "|",
];

/// Samples of some runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Samples {
    /// All.
    pub(super) total: u64,
    /// In the kernel.
    pub(super) kernel: u64,
    /// In code of the binary that the compiler can instrument.
    pub(super) instrumentable: u64,
    /// In other code of the binary: C, assembly, the linker's.
    pub(super) foreign: u64,
}

impl Samples {
    /// Reads a report. `executable` is the binary's file name.
    pub(super) fn parse(text: &str, executable: &str) -> Self {
        let mut samples = Self::default();
        for line in text.lines() {
            let mut fields = line.split('|').map(str::trim);
            let (Some(count), Some(object), Some(symbol)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(count) = count.parse::<u64>() else {
                continue;
            };
            samples.add(count, object, symbol, executable);
        }
        samples
    }

    fn add(&mut self, count: u64, object: &str, symbol: &str, executable: &str) {
        self.total += count;
        let (mode, name) = symbol.split_once(' ').unwrap_or(("", symbol));
        if mode == "[k]" || object.starts_with("[kernel") || object.starts_with("[guest.kernel") {
            self.kernel += count;
        } else if object == executable && symbols::is_instrumentable(name.trim()) {
            self.instrumentable += count;
        } else if object == executable {
            self.foreign += count;
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            kernel: self.kernel + other.kernel,
            instrumentable: self.instrumentable + other.instrumentable,
            foreign: self.foreign + other.foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
# Samples: 39  of event 'cpu-clock'
#      Samples|Shared Object    |Symbol                                           |IPC   [IPC Coverage]
 1          |[kernel.kallsyms]|[k] _raw_spin_unlock_irq                          |-      -            
 1          |[kernel.kallsyms]|[k] exc_page_fault                                |-      -            
 2          |libc.so.6        |[.] __memmove_avx_unaligned_erms                  |-      -            
 1          |gain             |[.] _RNvNtNtCsgEmfK2I1SDS_4core5slice6memchr14memchr_aligned |-      -  
 16         |gain             |[.] _ZN4gain7machine3run17h87ef1febfd0e300dE      |-      -            
 3          |gain             |[.] 0x000000000004f2a0                            |-      -            
 4          |gain             |[.] ZSTD_compressBlock_fast                       |-      -            


#
# (Tip: Add -I to perf record to sample register values)
";

    #[test]
    fn samples_are_sorted_by_where_they_fell() {
        assert_eq!(
            Samples::parse(REPORT, "gain"),
            Samples {
                total: 28,
                kernel: 2,
                instrumentable: 20,
                foreign: 4,
            }
        );
    }

    #[test]
    fn a_report_without_samples_counts_none() {
        assert_eq!(Samples::parse("", "gain"), Samples::default());
        assert_eq!(
            Samples::parse("# no samples\nno samples found!\n", "gain"),
            Samples::default()
        );
    }
}
