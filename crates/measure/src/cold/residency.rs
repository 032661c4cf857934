//! Which pages of a file are in memory, by `mincore`.
#![expect(
    unsafe_code,
    reason = "mapping a file and mincore have no safe wrapper"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// Number of the file's pages that are in memory.
pub(super) fn resident_pages(file: &File) -> io::Result<usize> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(0);
    }
    let pages = length.div_ceil(rustix::param::page_size());
    let mut states = vec![0_u8; pages];
    // SAFETY: a new mapping that nothing reads or writes through; its address is chosen by
    // the system.
    let mapping = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_NONE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if mapping == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping has `length` bytes, and `states` a byte for each of its pages.
    let told = unsafe { libc::mincore(mapping, length, states.as_mut_ptr().cast()) };
    let error = io::Error::last_os_error();
    // SAFETY: the mapping was made above and is used no more.
    unsafe { libc::munmap(mapping, length) };
    if told != 0 {
        return Err(error);
    }
    Ok(states.iter().filter(|&state| state & 1 == 1).count())
}
