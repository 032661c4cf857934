//! What the benchmarks share: the model they run on and the requests they send, figures with their
//! intervals, two ways of doing the same work timed side by side, the time they are given, and what
//! is profiled.
//!
//! These benchmarks compare two paths within one program, or describe one. Two builds of a program
//! are compared by `cargo xtask pgo`, whose unit is the restarted process.
//!
//! - [`model`], [`pool`], [`requests`], [`closed_loop`]: an engine with something to do
//! - [`budget`], [`selection`], [`groups`]: how long, and which parts
//! - [`figures`], [`side_by_side`], [`scalability`]: what is told of it
//! - [`key_patterns`]: what caches are asked for
//! - [`sample_inputs`]: what models are asked that answer in batches; `fetched`: where those are
//!   (feature `onnx`)
//! - [`counting_allocator`]: what is asked of the allocator
//! - [`flamegraph`], [`sampled_profile`], [`stacks`], [`drawing`]: where the time is spent

pub mod budget;
pub mod closed_loop;
pub mod counting_allocator;
pub mod drawing;
#[cfg(feature = "onnx")]
pub mod fetched;
pub mod figures;
pub mod flamegraph;
pub mod groups;
pub mod key_patterns;
pub mod model;
pub mod pool;
pub mod requests;
pub mod sample_inputs;
pub mod sampled_profile;
pub mod scalability;
pub mod selection;
pub mod side_by_side;
pub mod stacks;

/// The examples of the document on benchmarks, which have to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/benches.md")]
struct Document;

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_shows_the_example_that_there_is() {
        let document = include_str!("../../docs/benches.md");
        let example = include_str!("../benches/custom_benchmark_example.rs");
        let code = example.lines().skip_while(|line| line.starts_with("//!"));
        let code = code.collect::<Vec<_>>().join("\n");
        assert!(code.contains("criterion_main!"));
        assert!(document.contains(code.trim()), "docs/benches.md differs");
    }
}
