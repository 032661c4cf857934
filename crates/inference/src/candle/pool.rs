//! Work that is spread over the threads of candle's pool.
//!
//! Takes a slice and a way to compute one piece of it; gives each piece to one thread. Which
//! thread computes a piece does not change what is computed.

use std::ops::Range;

use candle_core::utils::barrier_pool;

/// Pieces of a slice that threads take.
struct Pieces {
    start: *mut f32,
    length: usize,
}

/// Calls `compute` with the number of each piece of `length` values in `values`, and the piece.
/// `scratch` makes memory that is used anew for the pieces which a thread takes at once.
pub(super) fn for_each_piece<S>(
    values: &mut [f32],
    length: usize,
    scratch: impl Fn() -> S + Sync,
    compute: impl Fn(usize, &mut [f32], &mut S) + Sync,
) {
    let count = values.len() / length;
    let pieces = Pieces {
        start: values.as_mut_ptr(),
        length,
    };
    barrier_pool().execute_chunked(count, |range: Range<usize>| {
        let mut scratch = scratch();
        for index in range {
            compute(index, pieces.get(index), &mut scratch);
        }
    });
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
    use super::*;

    #[test]
    fn each_piece_is_computed_once() {
        let mut values = vec![0.0; 7 * 3 + 2];
        for_each_piece(
            &mut values,
            3,
            || (),
            |index, piece, ()| {
                for value in piece {
                    *value += index as f32 + 1.0;
                }
            },
        );
        let wanted: Vec<f32> = (0..23)
            .map(|i| if i < 21 { (i / 3 + 1) as f32 } else { 0.0 })
            .collect();
        assert_eq!(values, wanted);
        for_each_piece(&mut [], 3, || (), |_, _, ()| panic!("there is no piece"));
    }
}
