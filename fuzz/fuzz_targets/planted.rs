//! A reader with a defect on purpose: it believes the length that its input claims.
//!
//! `cargo xtask fuzz` begins with it. A fuzzer that does not find it sees no branches, or its bound
//! on memory does not hold; what it says of the other targets would then mean nothing.
#![no_main]

use std::hint::black_box;

use inferno_fuzz::{Bound, within};
use libfuzzer_sys::fuzz_target;

const BOUND: Bound = Bound {
    fixed_bytes: 1 << 20,
    bytes_per_input_byte: 64,
};

fuzz_target!(|data: &[u8]| within(BOUND, data, || read(data)));

fn read(data: &[u8]) {
    // Four bytes that are found one after the other, or hardly ever.
    let [b'P', b'G', b'O', b'!', length @ ..] = data else {
        return;
    };
    if let Some(length) = length.first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        // Memory that is asked for and never touched.
        black_box(Vec::<u8>::with_capacity(length as usize));
    }
}
