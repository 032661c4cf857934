//! Bringing the page cache into the state that a cold scenario declares.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::scenario::Scenario;

/// Times that dropping is tried: pages under writeback or being read go a moment later.
const DROP_ATTEMPTS: u32 = 5;

/// The scenario's inputs as paths that do not depend on this program's directory.
fn inputs(scenario: &Scenario) -> impl Iterator<Item = PathBuf> {
    scenario
        .inputs
        .iter()
        .map(|path| scenario.directory.join(path))
}

/// Reads the inputs once, so that they are in memory.
pub(super) fn fill(scenario: &Scenario) -> Result<()> {
    let mut block = vec![0; 1 << 20];
    for path in inputs(scenario) {
        let failed = |source| Error::io("read", &path, source);
        let mut file = File::open(&path).map_err(failed)?;
        while file.read(&mut block).map_err(failed)? > 0 {}
    }
    Ok(())
}

/// Drops the inputs from memory and checks that they are gone.
pub(super) fn drop_inputs(scenario: &Scenario) -> Result<()> {
    for path in inputs(scenario) {
        let failed = |problem: String| Error::PageCache {
            scenario: scenario.name.clone(),
            path: path.clone(),
            problem,
        };
        let resident = drop_file(&path).map_err(|error| failed(error.to_string()))?;
        if resident > 0 {
            return Err(failed(format!("{resident} pages stay in memory")));
        }
    }
    if scenario.inputs.is_empty() {
        return Err(Error::Invalid {
            subject: format!("scenario {:?}", scenario.name),
            problem: "cache = \"disk\" needs `inputs`, the files to drop from memory".to_owned(),
        });
    }
    Ok(())
}

/// Drops a file's pages; gives the number that is still in memory.
#[cfg(target_os = "linux")]
fn drop_file(path: &Path) -> io::Result<usize> {
    use rustix::fs::{Advice, fadvise};
    let file = File::open(path)?;
    // Only clean pages can be dropped.
    file.sync_all()?;
    let mut resident = 0;
    for attempt in 0..DROP_ATTEMPTS {
        fadvise(&file, 0, None, Advice::DontNeed)?;
        resident = super::residency::resident_pages(&file)?;
        if resident == 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10 << attempt));
    }
    Ok(resident)
}

#[cfg(not(target_os = "linux"))]
fn drop_file(_path: &Path) -> io::Result<usize> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this platform cannot drop a file from memory",
    ))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::cold::residency::resident_pages;

    fn file_in(directory: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new_in(directory).unwrap();
        std::fs::write(file.path(), vec![7; 100_000]).unwrap();
        file
    }

    #[test]
    fn a_file_on_a_disk_is_dropped_and_can_be_read_in_again() {
        // Beside the sources, because a temporary directory may live in memory.
        let file = file_in(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            resident_pages(file.as_file()).unwrap(),
            100_000_usize.div_ceil(rustix::param::page_size())
        );
        assert_eq!(drop_file(file.path()).unwrap(), 0);
        std::fs::read(file.path()).unwrap();
        assert!(resident_pages(file.as_file()).unwrap() > 0);
    }

    #[test]
    fn a_file_that_lives_in_memory_is_not_taken_for_dropped() {
        let file = file_in("/dev/shm");
        assert!(drop_file(file.path()).unwrap() > 0);
    }
}
