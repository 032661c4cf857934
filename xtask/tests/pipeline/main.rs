//! The pipeline through the real binary, with real rustc, on the small crates of `fixtures/`.
//!
//! Every guard has a test that makes it fire; each checks the exit code and that a next step is
//! named. All build something, so all are named `slow_…`.

mod audit;
mod c_code;
mod calibrate;
mod compare;
mod criterion;
mod dist;
mod doctor;
mod flags;
mod guards;
mod hostile;
mod hosts;
mod init;
mod instructions;
mod interruption;
mod ladder;
mod layout_control;
mod layouts;
mod options;
mod predict;
mod profiles;
mod servers;
mod stored;
mod verdicts;
mod xtask;
