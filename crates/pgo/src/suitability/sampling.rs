//! What `perf` says: samples of the CPU clock by binary and function.
//!
//! Takes the text of `perf report` (made with [`REPORT_OPTIONS`]); gives [`Samples`].

use super::symbols::{Code, Reach};

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
    /// In code of the binary that the compilers can instrument.
    pub(super) instrumentable: u64,
    /// Of these, in what clang compiled.
    pub(super) c: u64,
    /// In other code of the binary: C as it is, assembly, the linker's.
    pub(super) foreign: u64,
}

impl Samples {
    /// Reads a report. `executable` is the binary's file name.
    pub(super) fn parse(text: &str, executable: &str, reach: &Reach) -> Self {
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
            samples.add(count, object, symbol, executable, reach);
        }
        samples
    }

    fn add(&mut self, count: u64, object: &str, symbol: &str, executable: &str, reach: &Reach) {
        self.total += count;
        let (mode, name) = symbol.split_once(' ').unwrap_or(("", symbol));
        if mode == "[k]" || object.starts_with("[kernel") || object.starts_with("[guest.kernel") {
            self.kernel += count;
        } else if object == executable {
            match reach.code(name.trim()) {
                Code::Rust => self.instrumentable += count,
                Code::C => {
                    self.instrumentable += count;
                    self.c += count;
                }
                Code::Foreign => self.foreign += count,
            }
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            kernel: self.kernel + other.kernel,
            instrumentable: self.instrumentable + other.instrumentable,
            c: self.c + other.c,
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
        let as_it_is = Samples {
            total: 28,
            kernel: 2,
            instrumentable: 20,
            c: 0,
            foreign: 4,
        };
        assert_eq!(Samples::parse(REPORT, "gain", &Reach::Rust), as_it_is);
        let counted = Reach::AndC(["ZSTD_compressBlock_fast".to_owned()].into());
        assert_eq!(
            Samples::parse(REPORT, "gain", &counted),
            Samples {
                instrumentable: 24,
                c: 4,
                foreign: 0,
                ..as_it_is
            }
        );
    }

    #[test]
    fn a_report_without_samples_counts_none() {
        for text in ["", "# no samples\nno samples found!\n"] {
            let samples = Samples::parse(text, "gain", &Reach::Rust);
            assert_eq!(samples, Samples::default());
        }
    }
}
