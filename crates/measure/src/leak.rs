//! Whether a program keeps more with every cycle of work.
//!
//! Takes equal cycles of work and reads after each what the process holds while it rests; gives a
//! verdict per series, with the smallest leak that it could have seen. Only what is read at rest is
//! compared: what a request needs while it runs is no leak. It knows nothing of the work.
//!
//! - [`reading`]: what the process holds now
//! - [`cycles`]: one reading after each cycle
//! - [`mod@judge`]: whether such a series grows; a pure function

pub mod cycles;
pub mod judge;
pub mod reading;

pub use cycles::{Cycle, Phase, Plan};
pub use judge::{Growth, Judgement, Limits, Reason, Verdict, judge};
pub use reading::Reading;
