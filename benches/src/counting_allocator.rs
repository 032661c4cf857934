//! The system's allocator, which also counts what is asked of it.
//!
//! A benchmark makes it its global allocator and reads its counts before and after some work.
//! Counting costs a few nanoseconds per call, so times that are measured beside it are not those of
//! the product. Memory that is mapped, and what C and C++ code allocates, is not seen.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; all calls go on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the classes of sizes, in bytes; what is larger is in the last class.
pub const CLASS_BYTES: [u64; 3] = [64, 1024, 64 * 1024];

/// Classes of sizes.
const CLASSES: usize = CLASS_BYTES.len() + 1;

/// Counts calls and bytes, and passes everything on to the system's allocator.
#[derive(Debug)]
pub struct CountingAllocator {
    allocations: AtomicU64,
    reallocations: AtomicU64,
    allocated_bytes: AtomicU64,
    live_bytes: AtomicU64,
    peak_bytes: AtomicU64,
    by_class: [AtomicU64; CLASSES],
}

/// A reading of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Blocks that were asked for.
    pub allocations: u64,
    /// Blocks that were made larger or smaller.
    pub reallocations: u64,
    /// Bytes that were asked for, those of blocks that grew included.
    pub allocated_bytes: u64,
    /// Bytes that are in use now.
    pub live_bytes: u64,
    /// Most bytes in use at a time since the peak was last forgotten.
    pub peak_bytes: u64,
    /// Blocks that were asked for, by class of size.
    pub by_class: [u64; CLASSES],
}

impl CountingAllocator {
    /// One that has counted nothing yet.
    pub const fn new() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            reallocations: AtomicU64::new(0),
            allocated_bytes: AtomicU64::new(0),
            live_bytes: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            by_class: [const { AtomicU64::new(0) }; CLASSES],
        }
    }

    /// The counts so far. Other threads may go on meanwhile, so they agree with each other only at
    /// rest.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            allocations: read(&self.allocations),
            reallocations: read(&self.reallocations),
            allocated_bytes: read(&self.allocated_bytes),
            live_bytes: read(&self.live_bytes),
            peak_bytes: read(&self.peak_bytes),
            by_class: self.by_class.each_ref().map(read),
        }
    }

    /// From now on the peak is what is in use now, or more.
    pub fn forget_peak(&self) {
        let live = self.live_bytes.load(Ordering::Relaxed);
        self.peak_bytes.store(live, Ordering::Relaxed);
    }

    fn allocated(&self, bytes: usize) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
        self.by_class[class(bytes as u64)].fetch_add(1, Ordering::Relaxed);
        self.taken(bytes);
    }

    fn reallocated(&self, old_bytes: usize, new_bytes: usize) {
        self.reallocations.fetch_add(1, Ordering::Relaxed);
        if new_bytes >= old_bytes {
            self.taken(new_bytes - old_bytes);
        } else {
            self.given_back(old_bytes - new_bytes);
        }
    }

    fn taken(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.allocated_bytes.fetch_add(bytes, Ordering::Relaxed);
        let live = self.live_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak_bytes.fetch_max(live, Ordering::Relaxed);
    }

    fn given_back(&self, bytes: usize) {
        self.live_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

impl Default for CountingAllocator {
    fn default() -> Self {
        Self::new()
    }
}

/// The class of a block of so many bytes.
fn class(bytes: u64) -> usize {
    CLASS_BYTES
        .iter()
        .position(|bound| bytes <= *bound)
        .unwrap_or(CLASS_BYTES.len())
}

impl Counts {
    /// What was counted since `before`; live and peak are as they are now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut by_class = self.by_class;
        for (count, before) in by_class.iter_mut().zip(before.by_class) {
            *count -= before;
        }
        Self {
            allocations: self.allocations - before.allocations,
            reallocations: self.reallocations - before.reallocations,
            allocated_bytes: self.allocated_bytes - before.allocated_bytes,
            by_class,
            ..*self
        }
    }
}

// SAFETY: every call goes on to the system's allocator with the caller's own arguments; the counts
// are atomic numbers, and nothing here allocates.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            self.allocated(layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc_zeroed`.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            self.allocated(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) };
        self.given_back(layout.size());
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `realloc`.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            self.reallocated(layout.size(), new_size);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_by_their_size() {
        let allocator = CountingAllocator::new();
        for bytes in [1, 64, 65, 1024, 65_536, 65_537] {
            allocator.allocated(bytes);
        }
        let counts = allocator.counts();
        assert_eq!(counts.allocations, 6);
        assert_eq!(counts.by_class, [2, 2, 1, 1]);
    }

    #[test]
    fn the_peak_is_the_most_that_was_in_use() {
        let allocator = CountingAllocator::new();
        allocator.allocated(100);
        allocator.reallocated(100, 300);
        allocator.given_back(300);
        allocator.allocated(50);
        let counts = allocator.counts();
        assert_eq!((counts.live_bytes, counts.peak_bytes), (50, 300));
        assert_eq!(counts.allocated_bytes, 350);
        allocator.forget_peak();
        allocator.reallocated(50, 20);
        let later = allocator.counts();
        assert_eq!((later.live_bytes, later.peak_bytes), (20, 50));
        let since = later.since(&counts);
        assert_eq!((since.allocations, since.reallocations), (0, 1));
        assert_eq!(since.live_bytes, 20);
    }
}
