//! What the pipeline says of times. These tests would disturb each other, so they run one at a time.

mod audit;
mod calibrate;
pub(crate) mod compare;
mod criterion;
mod dist;
mod hostile;
mod instructions;
mod ladder;
mod layout_control;
mod options;
mod predict;
mod verdicts;
