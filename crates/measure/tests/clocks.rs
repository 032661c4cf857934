//! Times are taken with monotonic clocks: a step of the wall clock must change no sample.

use std::path::{Path, PathBuf};

/// What would read the wall clock.
const WALL_CLOCKS: [&str; 3] = ["SystemTime", "CLOCK_REALTIME", "Timestamp::now"];
/// Takes no sample: it tells by their time stamps which of Criterion's files are of this run.
const READS_TIME_STAMPS: &str = "src/benchmarks.rs";

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn wall_clock_in(text: &str) -> Option<&'static str> {
    WALL_CLOCKS.into_iter().find(|clock| text.contains(clock))
}

#[test]
fn no_sample_depends_on_the_wall_clock() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 20, "{files:?}");
    let sampling = files
        .iter()
        .filter(|file| !file.ends_with(READS_TIME_STAMPS));
    assert_eq!(sampling.clone().count(), files.len() - 1);
    for file in sampling {
        let text = std::fs::read_to_string(file).expect("a source file");
        assert_eq!(wall_clock_in(&text), None, "{}", file.display());
    }
    assert_eq!(
        wall_clock_in("let now = SystemTime::now();"),
        Some("SystemTime")
    );
}
