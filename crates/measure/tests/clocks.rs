//! Times are taken with monotonic clocks: a step of the wall clock must change no sample.

use std::path::{Path, PathBuf};

/// What would read the wall clock.
const WALL_CLOCKS: [&str; 3] = ["SystemTime", "CLOCK_REALTIME", "Timestamp::now"];

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
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        assert_eq!(wall_clock_in(&text), None, "{}", file.display());
    }
    assert_eq!(
        wall_clock_in("let now = SystemTime::now();"),
        Some("SystemTime")
    );
}
