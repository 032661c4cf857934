//! An allocator that ends the process when an input costs more memory than it may.
//!
//! A length that is believed before it is compared with the input shows only in what is asked of
//! the allocator: memory that is never touched costs nothing, and no limit on the resident set sees
//! it. What libFuzzer itself allocates is C++ and not counted; a block that grows counts with its
//! new size alone, even while it is being moved.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much memory an input may cost, beyond what is in use before it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Any input, in bytes.
    pub fixed_bytes: usize,
    /// Each byte of the input, in bytes.
    pub bytes_per_input_byte: usize,
}

/// Bytes in use.
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Most bytes that may be in use.
static CEILING_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Does `work`, which looks at `input`, within `bound`. One allocation beyond it ends the process as
/// well as many together do, with the stack that asked for the last one.
pub fn within<T>(bound: Bound, input: &[u8], work: impl FnOnce() -> T) -> T {
    let share = input.len().saturating_mul(bound.bytes_per_input_byte);
    let allowed = bound.fixed_bytes.saturating_add(share);
    let ceiling = LIVE_BYTES.load(Ordering::Relaxed).saturating_add(allowed);
    CEILING_BYTES.store(ceiling, Ordering::Relaxed);
    let result = work();
    CEILING_BYTES.store(usize::MAX, Ordering::Relaxed);
    result
}

/// The system's allocator, which counts what is in use.
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() {
            give_back(layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { System.alloc_zeroed(layout) };
        if block.is_null() {
            give_back(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let growth = new_size.saturating_sub(layout.size());
        take(growth);
        // SAFETY: the caller's promise is passed on.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if moved.is_null() {
            give_back(growth);
        } else {
            give_back(layout.size().saturating_sub(new_size));
        }
        moved
    }
}

fn take(bytes: usize) {
    let live = LIVE_BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes;
    // The report of a panic is no work on an input, and a report within it would wait for it.
    if live > CEILING_BYTES.load(Ordering::Relaxed) && !std::thread::panicking() {
        end(bytes, live);
    }
}

fn give_back(bytes: usize) {
    LIVE_BYTES.fetch_sub(bytes, Ordering::Relaxed);
}

/// libFuzzer keeps the input of a process that aborts. `cargo xtask fuzz` looks for these words.
#[cold]
fn end(asked: usize, live: usize) -> ! {
    // The report allocates, too.
    let ceiling = CEILING_BYTES.swap(usize::MAX, Ordering::Relaxed);
    eprintln!(
        "beyond the bound on memory: {asked} bytes more make {live} in use, {ceiling} are allowed\n{}",
        Backtrace::force_capture()
    );
    std::process::abort()
}
