//! A program that copies memory: its time is in the C library, which no profile reaches.

use std::hint::black_box;

const ROUNDS: usize = 120;

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let source = std::fs::read(path).expect("a readable file");
    let mut copy = vec![0; source.len()];
    for _ in 0..ROUNDS {
        black_box(&mut copy).copy_from_slice(black_box(&source));
    }
    println!("{} bytes, the last one {:?}", copy.len(), copy.last());
}
