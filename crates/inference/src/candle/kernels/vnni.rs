//! The kernels by AVX-512's VNNI on registers of 256 bits: four products of unsigned and signed bytes
//! are added to 32 bits by one instruction, which is exact.
//!
//! `Q8_0`: the weights are made unsigned by adding 128, and 128 times the sum of the activations is
//! taken off at the start.

#![expect(
    unsafe_code,
    reason = "vector instructions: callers hold the proof that the processor has them"
)]

use std::arch::x86_64::{
    _mm256_add_epi32, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_dpbusd_epi32, _mm256_fmadd_ps,
    _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_srli_epi16, _mm256_xor_si256,
};

use super::super::activations::Row;
use super::super::packed::{Q4Block, Q8Block};
use super::avx2::{WORDS, broadcast, load, store, widen};
use super::{Available, Sums, TILE_ROWS};

/// The sums of up to [`TILE_ROWS`] `rows` with a group of `Q4_1`.
pub(super) fn q4(_: Available, group: &[Q4Block], rows: &[Row<'_>], sums: &mut [Sums]) {
    // SAFETY: `Available` was made by asking the processor for these features.
    unsafe {
        match rows {
            [a] => q4_tile(group, &[*a], sums),
            [a, b] => q4_tile(group, &[*a, *b], sums),
            [a, b, c] => q4_tile(group, &[*a, *b, *c], sums),
            [a, b, c, d] => q4_tile(group, &[*a, *b, *c, *d], sums),
            _ => unreachable!("a tile has 1 to {TILE_ROWS} rows"),
        }
    }
}

/// The sums of up to [`TILE_ROWS`] `rows` with a group of `Q8_0`.
pub(super) fn q8(_: Available, group: &[Q8Block], rows: &[Row<'_>], sums: &mut [Sums]) {
    // SAFETY: as above.
    unsafe {
        match rows {
            [a] => q8_tile(group, &[*a], sums),
            [a, b] => q8_tile(group, &[*a, *b], sums),
            [a, b, c] => q8_tile(group, &[*a, *b, *c], sums),
            [a, b, c, d] => q8_tile(group, &[*a, *b, *c, *d], sums),
            _ => unreachable!("a tile has 1 to {TILE_ROWS} rows"),
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512vnni,avx512vl")]
fn q4_tile<const ROWS: usize>(group: &[Q4Block], rows: &[Row<'_>; ROWS], sums: &mut [Sums]) {
    let low_half = _mm256_set1_epi8(0x0f);
    let mut totals = [_mm256_setzero_ps(); ROWS];
    for (column, block) in group.iter().enumerate() {
        let scales = widen(&block.scales);
        let minima = widen(&block.minima);
        let (mut low, mut high) = ([low_half; WORDS], [low_half; WORDS]);
        for (word, values) in block.values.iter().enumerate() {
            let values = load(values);
            low[word] = _mm256_and_si256(values, low_half);
            high[word] = _mm256_and_si256(_mm256_srli_epi16::<4>(values), low_half);
        }
        for (total, row) in totals.iter_mut().zip(rows) {
            let values = &row.values[column];
            // Two chains: the instruction's result comes after several cycles.
            let (mut first, mut second) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            for word in 0..WORDS {
                first = _mm256_dpbusd_epi32(first, low[word], broadcast(values, word));
                second = _mm256_dpbusd_epi32(second, high[word], broadcast(values, word + WORDS));
            }
            let products = _mm256_cvtepi32_ps(_mm256_add_epi32(first, second));
            let scale = _mm256_mul_ps(scales, _mm256_set1_ps(row.scales[column]));
            *total = _mm256_fmadd_ps(products, scale, *total);
            *total = _mm256_fmadd_ps(minima, _mm256_set1_ps(row.sums[column]), *total);
        }
    }
    store(&totals, sums);
}

#[target_feature(enable = "avx2,fma,f16c,avx512vnni,avx512vl")]
fn q8_tile<const ROWS: usize>(group: &[Q8Block], rows: &[Row<'_>; ROWS], sums: &mut [Sums]) {
    let offset = _mm256_set1_epi8(i8::MIN);
    let mut totals = [_mm256_setzero_ps(); ROWS];
    for (column, block) in group.iter().enumerate() {
        let scales = widen(&block.scales);
        let mut products = [_mm256_setzero_si256(); ROWS];
        for (products, row) in products.iter_mut().zip(rows) {
            *products = _mm256_set1_epi32(-128 * row.value_sums[column]);
        }
        for (word, weights) in block.values.iter().enumerate() {
            let weights = _mm256_xor_si256(load(weights), offset);
            for (products, row) in products.iter_mut().zip(rows) {
                let values = broadcast(&row.values[column], word);
                *products = _mm256_dpbusd_epi32(*products, weights, values);
            }
        }
        for ((total, products), row) in totals.iter_mut().zip(products).zip(rows) {
            let scale = _mm256_mul_ps(scales, _mm256_set1_ps(row.scales[column]));
            *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, *total);
        }
    }
    store(&totals, sums);
}
