//! Any bytes as the body of a request, for each route that reads one.
#![no_main]

use inferno_cli::{Route, check_request};
use inferno_fuzz::{Bound, within};
use libfuzzer_sys::fuzz_target;

/// A body of a megabyte is allowed, so this factor is what a client can multiply it by. Lists of
/// one-digit numbers in a part that the server does not know are the dearest that is known: 2 bytes
/// take some 150 while they are read, twice over.
const BOUND: Bound = Bound {
    fixed_bytes: 1 << 20,
    bytes_per_input_byte: 256,
};

fuzz_target!(|data: &[u8]| {
    for route in Route::ALL {
        if let Err(refusal) = within(BOUND, data, || check_request(route, data)) {
            // Whatever a client sends is the client's fault.
            assert!((400..500).contains(&refusal.status), "{refusal:?}");
        }
    }
});
