//! A square matrix product: all of its time is in one small loop, which the compiler already
//! lays out as well as a profile could tell it to.

use std::hint::black_box;

const SIDE: usize = 320;
const ROUNDS: usize = 6;

fn product(left: &[f64], right: &[f64], result: &mut [f64]) {
    for (row, left_row) in result.chunks_exact_mut(SIDE).zip(left.chunks_exact(SIDE)) {
        row.fill(0.0);
        for (factor, right_row) in left_row.iter().zip(right.chunks_exact(SIDE)) {
            for (sum, value) in row.iter_mut().zip(right_row) {
                *sum += factor * value;
            }
        }
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let bytes = std::fs::read(path).expect("a readable file");
    let cells = bytes.iter().cycle().map(|byte| f64::from(*byte) / 256.0);
    let left: Vec<f64> = cells.clone().take(SIDE * SIDE).collect();
    let right: Vec<f64> = cells.skip(SIDE).take(SIDE * SIDE).collect();
    let mut result = vec![0.0; SIDE * SIDE];
    for _ in 0..ROUNDS {
        product(black_box(&left), black_box(&right), &mut result);
    }
    println!("{:.6}", result.iter().sum::<f64>());
}
