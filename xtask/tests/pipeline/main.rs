//! The pipeline through the real binary, with real rustc, on the small crates of `fixtures/`.
//!
//! Every guard has a test that makes it fire; each checks the exit code and that a next step is
//! named. All build something, so all are named `slow_…`.

mod built;
mod measured;
mod xtask;
