//! `inferno performance-benchmark baseline | benchmark | compare` through the real binary, on the
//! synthetic model with few requests: what is written, what is read, what is refused, what is left when
//! it is killed. So do `scripts/benchmark.sh` and the workflow that calls it. How fast the model is does
//! not matter here.

mod baseline;
mod comparison;
mod documents;
mod ending;
mod program;
mod script;
#[path = "../serve/program.rs"]
#[allow(dead_code, reason = "the tests of the server need more of it")]
mod server;
mod suites;
mod workflow;
