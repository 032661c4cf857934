//! Nothing: this package only pins the sources of the calibration programs, so that
//! `cargo fetch` gets them. They are never built from here.
