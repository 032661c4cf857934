//! How many threads compute.
//!
//! candle has one pool per process, made at its first product, and takes its size from the
//! environment only. So the number is set once, before anything is computed, and cannot be
//! changed afterwards; a wrong number is an error here instead of a measurement of something else.

use std::num::NonZeroUsize;

use candle_core::utils::barrier_pool;

use crate::error::Error;

/// The variables that candle reads, for its own pool and for rayon's.
const VARIABLES: [&str; 2] = ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"];

/// Processors that this process may use.
pub fn available() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Makes the pool with `threads` threads, the caller's included: with one thread there is none
/// beside the one that asks.
///
/// # Errors
/// [`Error::ThreadsFixed`] when there is a pool of another size already.
///
/// # Safety
/// It sets environment variables: meanwhile no other thread may read or write the environment
/// but through [`std::env`]. Call it early in `main`, before other threads are started.
#[expect(
    unsafe_code,
    reason = "candle takes the number of threads from the environment only"
)]
pub unsafe fn start_pool(threads: NonZeroUsize) -> Result<(), Error> {
    for variable in VARIABLES {
        // SAFETY: the caller promises that nobody goes around the lock of `std::env`.
        unsafe { std::env::set_var(variable, threads.to_string()) };
    }
    let actual = barrier_pool().n_workers() + 1;
    if actual == threads.get() {
        Ok(())
    } else {
        Err(Error::ThreadsFixed {
            actual,
            requested: threads.get(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Once;

    use super::*;

    /// Makes the pool with two threads. Every test that computes begins with it, so that on any machine
    /// there are threads that meet.
    pub(in super::super) fn two_threads() {
        static POOL: Once = Once::new();
        POOL.call_once(|| {
            let two = NonZeroUsize::MIN.saturating_add(1);
            #[expect(
                unsafe_code,
                reason = "the number of threads passes through the environment"
            )]
            // SAFETY: whatever reads the environment in these tests does so through `std::env`.
            unsafe { start_pool(two) }.expect("no product came before");
        });
    }
}
