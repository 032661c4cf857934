//! Work that is spread over the threads of candle's pool.
//!
//! Takes a slice and a way to compute one piece of it; gives each piece to one thread. Which
//! thread computes a piece does not change what is computed. A piece that panics fails its work and
//! nothing after it. (A product of candle's own that panics breaks the pool for as long as the process
//! lives: it cannot be caught before it gets there.)

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::utils::barrier_pool;

use crate::error::Error;

/// Lets the threads take ranges of `0..count`, each of them once, and do `work` for it.
///
/// # Errors
/// [`Error::Panicked`] when `work` does. What unwinds through candle's pool with more than one thread
/// poisons its lock, and nothing is ever computed by it again; so it does not get there.
pub(super) fn share_out(count: usize, work: impl Fn(Range<usize>) + Sync) -> Result<(), Error> {
    let has_panicked = AtomicBool::new(false);
    barrier_pool().execute_chunked(count, |range: Range<usize>| {
        if catch_unwind(AssertUnwindSafe(|| work(range))).is_err() {
            has_panicked.store(true, Ordering::Relaxed);
        }
    });
    if has_panicked.into_inner() {
        Err(Error::Panicked)
    } else {
        Ok(())
    }
}

/// Pieces of a slice that threads take.
struct Pieces {
    start: *mut f32,
    length: usize,
}

/// Calls `compute` with the number of each piece of `length` values in `values`, and the piece.
/// `scratch` makes memory that is used anew for the pieces which a thread takes at once.
///
/// # Errors
/// Those of [`share_out`].
pub(super) fn for_each_piece<S>(
    values: &mut [f32],
    length: usize,
    scratch: impl Fn() -> S + Sync,
    compute: impl Fn(usize, &mut [f32], &mut S) + Sync,
) -> Result<(), Error> {
    let count = values.len() / length;
    let pieces = Pieces {
        start: values.as_mut_ptr(),
        length,
    };
    share_out(count, |range| {
        let mut scratch = scratch();
        for index in range {
            compute(index, pieces.get(index), &mut scratch);
        }
    })
}

#[expect(
    unsafe_code,
    reason = "the pool hands each number out once, so no two threads have the same piece"
)]
mod shared {
    use super::Pieces;

    // SAFETY: threads only call `get`, each with numbers that no other has.
    unsafe impl Sync for Pieces {}

    impl Pieces {
        /// The piece `index`, which must be one that the pool gave out.
        #[expect(clippy::mut_from_ref, reason = "each piece is borrowed once")]
        pub(super) fn get(&self, index: usize) -> &mut [f32] {
            // SAFETY: the pool gives out numbers below the count of whole pieces, each once, while
            // `for_each_piece` holds the only borrow of the values.
            unsafe {
                std::slice::from_raw_parts_mut(self.start.add(index * self.length), self.length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::threads::tests::two_threads;
    use super::*;

    #[test]
    fn each_piece_is_computed_once() {
        two_threads();
        let mut values = vec![0.0; 7 * 3 + 2];
        let count_up = |index: usize, piece: &mut [f32], (): &mut ()| {
            for value in piece {
                *value += index as f32 + 1.0;
            }
        };
        for_each_piece(&mut values, 3, || (), count_up).expect("no panic");
        let wanted: Vec<f32> = (0..23)
            .map(|i| if i < 21 { (i / 3 + 1) as f32 } else { 0.0 })
            .collect();
        assert_eq!(values, wanted);
        let nothing = for_each_piece(&mut [], 3, || (), |_, _, ()| panic!("there is no piece"));
        assert!(nothing.is_ok());
    }

    #[test]
    fn a_panic_fails_its_own_work_alone() {
        two_threads();
        // Two pieces, one for each thread, or both for the one that is quicker.
        let failed = share_out(2, |_| panic!("the fault of this test"));
        assert!(matches!(failed, Err(Error::Panicked)), "{failed:?}");
        let done = AtomicUsize::new(0);
        let add = |range: Range<usize>| {
            done.fetch_add(range.len(), Ordering::Relaxed);
        };
        share_out(64, add).expect("the pool is whole");
        assert_eq!(done.into_inner(), 64);
    }
}
