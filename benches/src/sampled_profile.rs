//! Where a program spends its CPU time, by samples of its stacks.
//!
//! Takes the time between [`start`] and [`Sampling::finish`]; gives stacks, a profile in the format
//! of `pprof`, and how many frames have no name. Samples that are interrupted inside the C library,
//! the unwinder or the kernel's page are not taken, because unwinding there is not safe: copying
//! memory and allocating weigh less than they cost.

use std::collections::HashMap;
use std::ops::Range;

use pprof::protos::Message as _;
use pprof::{Frames, ProfilerGuard, ProfilerGuardBuilder, Report};

use crate::stacks::Stack;

/// Samples per second of CPU time: a prime, so that no regular work is hit always or never, and
/// below the ticks of any kernel, so that none is left out.
pub const FREQUENCY_HZ: i32 = 97;

/// The unwinder is not safe to interrupt in these.
pub const NOT_SAMPLED: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

/// The function that takes a sample. It and its caller, the kernel's, are the last of its own
/// frames.
const HANDLER: &str = "perf_signal_handler";

/// Sampling that is going on. There is one at a time.
pub struct Sampling(ProfilerGuard<'static>);

/// What was sampled.
pub struct Profile {
    report: Report,
    /// The stacks.
    pub stacks: Vec<Stack>,
    /// Frames in this program's own file.
    pub program: Named,
    /// Frames in shared libraries and in what the kernel maps.
    pub elsewhere: Named,
}

/// Frames, each counted once per sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named {
    /// All of them.
    pub frames: u64,
    /// Those for which there is no name.
    pub unknown: u64,
}

impl Named {
    /// The part without a name; nothing where there are no frames.
    pub fn unknown_share(self) -> Option<f64> {
        (self.frames > 0).then(|| self.unknown as f64 / self.frames as f64)
    }

    fn add(&mut self, count: u64, is_known: bool) {
        self.frames += count;
        self.unknown += if is_known { 0 } else { count };
    }
}

/// Begins to sample all threads.
///
/// # Errors
/// When something samples already, or the system has no timer for it.
pub fn start() -> Result<Sampling, pprof::Error> {
    ProfilerGuardBuilder::default()
        .frequency(FREQUENCY_HZ)
        .blocklist(&NOT_SAMPLED)
        .build()
        .map(Sampling)
}

impl Sampling {
    /// Ends it, and looks up the names.
    ///
    /// # Errors
    /// When the samples cannot be read back.
    pub fn finish(self) -> Result<Profile, pprof::Error> {
        let raw = self.0.report().build_unresolved()?;
        // Looking up names is not to be sampled.
        drop(self);
        let mut names = Names::new();
        let mut profile = Profile {
            report: Report {
                data: HashMap::new(),
                timing: raw.timing,
            },
            stacks: Vec::new(),
            program: Named::default(),
            elsewhere: Named::default(),
        };
        for (sample, count) in raw.data {
            let resolved: Vec<_> = sample.frames.iter().map(|frame| names.of(frame)).collect();
            let handler = resolved.iter().position(Function::is_handler);
            let own = own_frames(handler, resolved.len());
            let times = count.unsigned_abs() as u64;
            for function in &resolved[own..] {
                let named = if function.is_in_program {
                    &mut profile.program
                } else {
                    &mut profile.elsewhere
                };
                named.add(times, !function.names.is_empty());
            }
            let mut frames = Frames::from(sample);
            // The handler and its caller pprof itself leaves out, and frames without a name.
            let before = &resolved[..handler.unwrap_or(0)];
            let kept = before.iter().filter(|function| !function.names.is_empty());
            frames.frames.drain(..kept.count().min(frames.frames.len()));
            let thread = frames.thread_name_or_id();
            profile.stacks.push(stack(thread, &resolved[own..], times));
            profile.report.data.insert(frames, count);
        }
        Ok(profile)
    }
}

impl Profile {
    /// The profile in the format of `pprof`, not compressed.
    ///
    /// # Errors
    /// When it cannot be put together.
    pub fn protobuf(&self) -> Result<Vec<u8>, pprof::Error> {
        Ok(self.report.pprof()?.encode_to_vec())
    }
}

/// How many of `count` frames, from the innermost on, are those of the sampling itself: those up to
/// the handler, and its caller.
fn own_frames(handler: Option<usize>, count: usize) -> usize {
    handler.map_or(0, |place| (place + 2).min(count))
}

/// The stack of `functions`, which begin with the innermost one.
fn stack(thread: String, functions: &[Function], count: u64) -> Stack {
    let mut frames = vec![thread];
    for function in functions.iter().rev() {
        // What was inlined comes before what it was inlined into.
        frames.extend(function.names.iter().rev().cloned());
        if function.names.is_empty() {
            frames.push("[unknown]".to_owned());
        }
    }
    Stack { frames, count }
}

/// What is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Function {
    /// Its name, after the names of what was inlined into it; none where there is no symbol.
    names: Vec<String>,
    is_in_program: bool,
}

impl Function {
    /// Some platforms have an underscore before the names of C.
    fn is_handler(&self) -> bool {
        let mut names = self.names.iter();
        names.any(|name| name.trim_start_matches('_') == HANDLER)
    }
}

/// Looks up each address once.
struct Names {
    known: HashMap<usize, Function>,
    /// Where this program's file is mapped; nothing where the platform does not tell.
    program: Option<Vec<Range<usize>>>,
}

impl Names {
    fn new() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").ok();
        let path = std::env::current_exe().ok();
        let program = maps
            .zip(path)
            .map(|(maps, path)| mapped(&maps, &path.to_string_lossy()));
        Self {
            known: HashMap::new(),
            program,
        }
    }

    fn of(&mut self, frame: &backtrace::Frame) -> Function {
        let address = frame.ip() as usize;
        if let Some(known) = self.known.get(&address) {
            return known.clone();
        }
        let mut names = Vec::new();
        backtrace::resolve_frame(frame, |symbol| {
            // Without the hash at its end.
            names.extend(symbol.name().map(|name| format!("{name:#}")));
        });
        let is_in_program = self
            .program
            .as_ref()
            .is_none_or(|ranges| ranges.iter().any(|range| range.contains(&address)));
        let function = Function {
            names,
            is_in_program,
        };
        self.known.insert(address, function.clone());
        function
    }
}

/// The addresses at which the file at `path` is mapped, by `/proc/PID/maps`, see proc(5).
fn mapped(maps: &str, path: &str) -> Vec<Range<usize>> {
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        rest.ends_with(path).then_some(start..end)
    };
    maps.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(names: &[&str]) -> Function {
        Function {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            is_in_program: true,
        }
    }

    #[test]
    fn only_the_program_s_own_mappings_are_its_own() {
        let maps = "1000-2000 r-xp 00000000 fe:01 12  /usr/bin/thing\n\
                    3000-4000 r--p 00001000 fe:01 12  /usr/bin/thing\n\
                    7000-8000 r-xp 00000000 fe:01 13  /usr/lib/libc.so.6\n\
                    9000-a000 rw-p 00000000 00:00 0\n";
        let ranges = mapped(maps, "/usr/bin/thing");
        assert_eq!(ranges, [0x1000..0x2000, 0x3000..0x4000]);
    }

    #[test]
    fn the_sampler_s_own_frames_are_left_out() {
        let resolved = [
            function(&["trace"]),
            function(&[HANDLER]),
            function(&[]),
            function(&["inlined", "dot"]),
            function(&[]),
            function(&["main"]),
        ];
        let handler = resolved.iter().position(Function::is_handler);
        assert_eq!(own_frames(handler, resolved.len()), 3);
        assert_eq!(own_frames(None, 3), 0);
        assert_eq!(own_frames(Some(2), 3), 3);
        let stack = stack("engine".to_owned(), &resolved[3..], 4);
        let expected = ["engine", "main", "[unknown]", "dot", "inlined"];
        assert_eq!(stack.frames, expected);
    }

    #[test]
    fn frames_without_a_name_are_a_share_of_all() {
        let mut named = Named::default();
        assert_eq!(named.unknown_share(), None);
        named.add(3, true);
        named.add(1, false);
        let share = named.unknown_share().expect("frames");
        assert!((share - 0.25).abs() < 1e-12);
    }
}
