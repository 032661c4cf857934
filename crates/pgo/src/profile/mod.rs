//! Profiles: raw ones, merged ones, and what can be said about them.

pub mod counts;
pub mod names;
pub mod profdata;
pub mod records;
pub mod used;
