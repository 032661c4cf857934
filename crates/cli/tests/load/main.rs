//! `inferno performance-benchmark stress` and `monitor` by the real binary with the synthetic model.
//!
//! What is measured depends on the machine; tested is what must hold on any: that nothing is lost or
//! counted twice, that waiting is part of a latency, and that files are readable however a run ends.

#[path = "../serve/program.rs"]
#[allow(dead_code, reason = "the tests of the server need more of it")]
mod program;

#[cfg(target_os = "linux")]
mod monitor;
mod stress;
