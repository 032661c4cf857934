//! `inferno performance-benchmark memory-profile` by the real binary, and its cycles on an engine
//! that leaks on purpose.
//!
//! The product has no way to leak: the leaking engine is a test double, which runs the very cycles
//! of the command. They are taken in by their source files, because they are the command's
//! own and not part of the library's interface.

#[path = "../../src/performance_benchmark/memory_profile/cycle.rs"]
mod cycle;
#[path = "../../src/generate.rs"]
#[allow(dead_code, reason = "cycles use a part of what an engine can do")]
mod generate;

mod command;
mod leak;
