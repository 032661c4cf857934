//! candle's threads, made before anything is computed.
//!
//! Takes `INFERNO_BENCH_THREADS`, or as many as there are processors; gives how many there are. A
//! figure without the number of threads says nothing.

use std::num::NonZeroUsize;
use std::process::exit;

use inferno_inference::candle::threads;

/// Exit code for wrong usage.
const USAGE: i32 = 2;

/// Makes the pool. Ends the program when `INFERNO_BENCH_THREADS` is no number of threads.
///
/// # Safety
/// As of [`threads::start_pool`]: call it first in `main`, before other threads are started.
///
/// # Panics
/// When there is a pool of another size already.
#[expect(
    unsafe_code,
    reason = "the number of threads passes through the environment"
)]
pub unsafe fn start() -> NonZeroUsize {
    let count = count();
    // SAFETY: the caller promises the same.
    let pool = unsafe { threads::start_pool(count) };
    pool.expect("the pool is made once, here");
    count
}

/// How many threads there are to be. Ends the program when `INFERNO_BENCH_THREADS` is no number.
pub fn count() -> NonZeroUsize {
    let text = std::env::var("INFERNO_BENCH_THREADS").unwrap_or_default();
    if text.is_empty() {
        return threads::available();
    }
    text.parse().unwrap_or_else(|_| {
        eprintln!(
            "error: INFERNO_BENCH_THREADS=`{text}` is no number of threads\nhint: write `1` or `2`"
        );
        exit(USAGE);
    })
}
