//! Equal cycles of work, and a reading after each.
//!
//! Takes a plan and the work of one cycle, which ends at rest; gives a reading per cycle. Cycles to
//! warm up come first, then cycles without work, whose readings say what measuring does by itself,
//! then the cycles that count. The runner's own memory does not grow meanwhile: all of it is there,
//! and has been written to, before the first reading.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::reading::{self, Reading};

/// How many cycles of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Cycles with work that are not judged: caches fill, pools start their threads.
    pub warm_up: usize,
    /// Cycles without work.
    pub control: usize,
    /// Cycles with work that are judged.
    pub measured: usize,
}

/// What a cycle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Work that is not judged.
    WarmUp,
    /// No work.
    Control,
    /// Work that is judged.
    Measured,
}

/// One cycle and what the process held after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// Number of the cycle, from 0, over all phases.
    pub number: usize,
    /// What it was for.
    pub phase: Phase,
    /// What the process held.
    pub reading: Reading,
}

impl Plan {
    /// All cycles.
    pub fn count(&self) -> usize {
        self.warm_up + self.control + self.measured
    }

    fn phase(&self, number: usize) -> Phase {
        if number < self.warm_up {
            Phase::WarmUp
        } else if number < self.warm_up + self.control {
            Phase::Control
        } else {
            Phase::Measured
        }
    }
}

/// Runs `plan`: `work` per cycle, which returns at rest, then a reading, then `seen`, which may end
/// it early. What `seen` keeps must not grow either.
///
/// # Errors
/// Those of `work` and of `seen`.
pub fn run<E>(
    plan: Plan,
    mut work: impl FnMut() -> Result<(), E>,
    mut seen: impl FnMut(&Cycle) -> Result<ControlFlow<()>, E>,
) -> Result<Vec<Cycle>, E> {
    let mut cycles = room_for(plan.count());
    for number in 0..plan.count() {
        let phase = plan.phase(number);
        if phase != Phase::Control {
            work()?;
        }
        let reading = reading::at_rest();
        let cycle = Cycle {
            number,
            phase,
            reading,
        };
        cycles.push(cycle);
        if seen(&cycle)?.is_break() {
            break;
        }
    }
    Ok(cycles)
}

/// An empty list whose memory is resident: each place was written to.
fn room_for(count: usize) -> Vec<Cycle> {
    let placeholder = Cycle {
        number: usize::MAX,
        phase: Phase::Measured,
        reading: Reading {
            anonymous_bytes: Some(u64::MAX),
            allocated_bytes: Some(u64::MAX),
            open_files: Some(u64::MAX),
            threads: Some(u64::MAX),
        },
    };
    let mut room = vec![placeholder; count];
    room.clear();
    room
}

/// The values of `read` in the cycles of `phase`, as numbers; `None` when one was not measured.
pub fn series(
    cycles: &[Cycle],
    phase: Phase,
    read: impl Fn(&Reading) -> Option<u64>,
) -> Option<Vec<f64>> {
    cycles
        .iter()
        .filter(|cycle| cycle.phase == phase)
        .map(|cycle| read(&cycle.reading).map(|value| value as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        warm_up: 2,
        control: 3,
        measured: 4,
    };

    #[test]
    fn cycles_without_work_stand_between_those_with_work() {
        let mut worked = 0;
        let cycles: Result<_, ()> = run(
            PLAN,
            || {
                worked += 1;
                Ok(())
            },
            |_| Ok(ControlFlow::Continue(())),
        );
        let cycles = cycles.unwrap();
        assert_eq!(worked, 6);
        let numbers: Vec<_> = cycles.iter().map(|cycle| cycle.number).collect();
        assert_eq!(numbers, (0..9).collect::<Vec<_>>());
        let of = |phase: Phase| cycles.iter().filter(|cycle| cycle.phase == phase).count();
        let counts = [Phase::WarmUp, Phase::Control, Phase::Measured].map(of);
        assert_eq!(counts, [2, 3, 4]);
    }

    #[test]
    fn it_ends_early_when_told_to_and_when_work_fails() {
        let ended: Result<_, ()> = run(
            PLAN,
            || Ok(()),
            |cycle| {
                Ok(if cycle.number == 6 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            },
        );
        assert_eq!(ended.unwrap().len(), 7);
        let failed = run(PLAN, || Err("no"), |_| Ok(ControlFlow::Continue(())));
        assert_eq!(failed.unwrap_err(), "no");
    }

    #[test]
    fn a_series_with_a_gap_is_no_series() {
        let cycle = |number: usize, threads| Cycle {
            number,
            phase: Phase::Measured,
            reading: Reading {
                threads,
                ..Reading::default()
            },
        };
        let read = |reading: &Reading| reading.threads;
        let whole = [cycle(0, Some(3)), cycle(1, Some(4))];
        let values = series(&whole, Phase::Measured, read).unwrap();
        assert_eq!(values, [3.0, 4.0]);
        assert_eq!(series(&whole, Phase::Control, read), Some(Vec::new()));
        let broken = [cycle(0, Some(3)), cycle(1, None)];
        assert_eq!(series(&broken, Phase::Measured, read), None);
    }

    #[test]
    fn the_room_is_empty_and_large_enough() {
        let room = room_for(10);
        assert!(room.is_empty() && room.capacity() >= 10);
    }
}
