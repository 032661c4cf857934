//! A program that waits: there is no CPU time to save.

use std::time::Duration;

fn main() {
    let path = std::env::args().nth(1).expect("a file of milliseconds");
    let text = std::fs::read_to_string(path).expect("a readable file");
    for line in text.lines() {
        let milliseconds = line.trim().parse().expect("a number of milliseconds");
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
    println!("waited {} times", text.lines().count());
}
