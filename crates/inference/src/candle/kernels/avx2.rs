//! The kernels by AVX2.
//!
//! `Q4_1`: of a block, eight products of unsigned and signed bytes per lane are added in 16 bits:
//! at most 2 · 15 · 127 · 8 = 30,480, below the 32,767 that 16 bits hold. `Q8_0`: the signs move from
//! the weights to the activations, since the instruction wants one side unsigned; one product of
//! two pairs, 2 · 128 · 127 = 32,512, fits, a sum of them does not, so each is widened.

#![expect(
    unsafe_code,
    reason = "vector instructions: the loads take arrays of the right size, and callers hold the \
              proof that the processor has them"
)]

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_srli_epi16, _mm256_storeu_ps,
};

use super::super::activations::Row;
use super::super::packed::{BLOCK, Q4Block, Q8Block, Scales};
use super::{Available, Sums, TILE_ROWS};

/// Registers of one half of a block of `Q4_1`.
pub(super) const WORDS: usize = BLOCK / 8;

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

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_tile<const ROWS: usize>(group: &[Q4Block], rows: &[Row<'_>; ROWS], sums: &mut [Sums]) {
    let low_half = _mm256_set1_epi8(0x0f);
    let ones = _mm256_set1_epi16(1);
    let mut totals = [_mm256_setzero_ps(); ROWS];
    for (column, block) in group.iter().enumerate() {
        let scales = widen(&block.scales);
        let minima = widen(&block.minima);
        // Loops, not `map`: a closure with these features is not inlined into a library function.
        let (mut low, mut high) = ([low_half; WORDS], [low_half; WORDS]);
        for (word, values) in block.values.iter().enumerate() {
            let values = load(values);
            low[word] = _mm256_and_si256(values, low_half);
            high[word] = _mm256_and_si256(_mm256_srli_epi16::<4>(values), low_half);
        }
        for (total, row) in totals.iter_mut().zip(rows) {
            let values = &row.values[column];
            let mut pairs = _mm256_setzero_si256();
            for word in 0..WORDS {
                let first = _mm256_maddubs_epi16(low[word], broadcast(values, word));
                let second = _mm256_maddubs_epi16(high[word], broadcast(values, word + WORDS));
                pairs = _mm256_add_epi16(pairs, _mm256_add_epi16(first, second));
            }
            let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
            let scale = _mm256_mul_ps(scales, _mm256_set1_ps(row.scales[column]));
            *total = _mm256_fmadd_ps(products, scale, *total);
            *total = _mm256_fmadd_ps(minima, _mm256_set1_ps(row.sums[column]), *total);
        }
    }
    store(&totals, sums);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q8_tile<const ROWS: usize>(group: &[Q8Block], rows: &[Row<'_>; ROWS], sums: &mut [Sums]) {
    let ones = _mm256_set1_epi16(1);
    let mut totals = [_mm256_setzero_ps(); ROWS];
    for (column, block) in group.iter().enumerate() {
        let scales = widen(&block.scales);
        let mut products = [_mm256_setzero_si256(); ROWS];
        for (word, weights) in block.values.iter().enumerate() {
            let weights = load(weights);
            let magnitudes = _mm256_sign_epi8(weights, weights);
            for (products, row) in products.iter_mut().zip(rows) {
                let values = broadcast(&row.values[column], word);
                let signed = _mm256_sign_epi8(values, weights);
                let pairs = _mm256_maddubs_epi16(magnitudes, signed);
                *products = _mm256_add_epi32(*products, _mm256_madd_epi16(pairs, ones));
            }
        }
        for ((total, products), row) in totals.iter_mut().zip(products).zip(rows) {
            let scale = _mm256_mul_ps(scales, _mm256_set1_ps(row.scales[column]));
            *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, *total);
        }
    }
    store(&totals, sums);
}

#[target_feature(enable = "avx2")]
pub(super) fn load<T>(bytes: &[T; 32]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: 32 bytes may be read, from any address.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn widen(scales: &Scales) -> __m256 {
    // SAFETY: eight f16 are 16 bytes, which may be read from any address.
    let halves: __m128i = unsafe { _mm_loadu_si128(scales.as_ptr().cast()) };
    _mm256_cvtph_ps(halves)
}

/// Word number `word` of a block, eight times.
#[target_feature(enable = "avx2")]
pub(super) fn broadcast(values: &[i8; BLOCK], word: usize) -> __m256i {
    let (words, _) = values.as_chunks::<4>();
    let [a, b, c, d] = words[word];
    let bytes = [a as u8, b as u8, c as u8, d as u8];
    _mm256_set1_epi32(i32::from_le_bytes(bytes))
}

#[target_feature(enable = "avx2")]
pub(super) fn store<const ROWS: usize>(totals: &[__m256; ROWS], sums: &mut [Sums]) {
    for (total, sums) in totals.iter().zip(sums) {
        // SAFETY: eight f32 may be written there, at any address.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), *total) };
    }
}
