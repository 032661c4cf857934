//! What a result was made on: the model by its content, the machine, and this program.
//!
//! Takes files; gives plain data without names of people or machines and without absolute paths. Two
//! results are compared only where all of it but the binary is the same.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use inferno_inference::gguf::Header;
use inferno_measure::host;
use inferno_measure::performance::{Build, Environment, Model, Task};
use inferno_measure::record::Tool;
use sha2::{Digest as _, Sha256};

use super::file_name;
use crate::failure::Failure;

/// Bytes of a 32-bit number.
const F32_BYTES: u64 = 4;

/// This program.
pub(in crate::performance_benchmark) fn tool() -> Tool {
    Tool {
        name: "inferno".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The machine, and the build at `program`.
pub(in crate::performance_benchmark) fn environment(program: &Path) -> Environment {
    Environment {
        host: host::describe(),
        processor_features: processor_features(),
        build: build(program),
    }
}

/// The build of this program, which is the file at `program`.
pub(in crate::performance_benchmark) fn build(program: &Path) -> Build {
    Build {
        // A program that cannot read itself says so by leaving it out.
        sha256: sha256_of_file(program).ok(),
        is_release: !cfg!(debug_assertions),
        target_features: target_features(),
    }
}

/// The model in the file at `path`, which `backend` computes. Reading it whole also puts it into the
/// page cache: what is timed later is loading, not the disk.
pub(in crate::performance_benchmark) fn model(
    path: &Path,
    backend: &str,
    task: Task,
) -> Result<Model, Failure> {
    let unreadable = |source| Failure::Read {
        path: path.to_owned(),
        source,
    };
    let size_bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    Ok(Model {
        name: file_name(path),
        sha256: sha256_of_file(path).map_err(unreadable)?,
        size_bytes,
        backend: backend.to_owned(),
        task,
        f32_bytes: match task {
            Task::Generate => f32_bytes(path).map_err(unreadable)?,
            Task::Embed => None,
        },
    })
}

/// What the tensors of a GGUF file would take as 32-bit numbers; nothing where its header is not
/// understood, which loading it will say.
fn f32_bytes(path: &Path) -> std::io::Result<Option<u64>> {
    let mut source = BufReader::new(File::open(path)?);
    let Ok(header) = Header::read(&mut source) else {
        return Ok(None);
    };
    let values = |shape: &[usize]| shape.iter().map(|&length| length as u64).product::<u64>();
    let all = header.tensors.values().map(|tensor| values(&tensor.shape));
    Ok(Some(all.sum::<u64>() * F32_BYTES))
}

/// SHA-256 of texts, each with its end, in lower-case hexadecimal.
pub(in crate::performance_benchmark) fn sha256_of_texts(texts: &[String]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update(b"\n");
    }
    hexadecimal(&hash.finalize())
}

/// SHA-256 of a file, read in pieces: models are larger than one would want in memory.
fn sha256_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

/// Instruction sets that the compiler was allowed to use.
fn target_features() -> Vec<String> {
    let all = [
        ("avx2", cfg!(target_feature = "avx2")),
        ("fma", cfg!(target_feature = "fma")),
        ("avx512f", cfg!(target_feature = "avx512f")),
        ("neon", cfg!(target_feature = "neon")),
    ];
    named(&all)
}

/// Instruction sets that the processor offers, of those that the kernels ask about.
#[cfg(target_arch = "x86_64")]
fn processor_features() -> Vec<String> {
    let all = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        (
            "avx512vnni",
            std::arch::is_x86_feature_detected!("avx512vnni"),
        ),
    ];
    named(&all)
}

/// Elsewhere every processor has what the kernels use.
#[cfg(not(target_arch = "x86_64"))]
fn processor_features() -> Vec<String> {
    Vec::new()
}

fn named(all: &[(&str, bool)]) -> Vec<String> {
    all.iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_files_have_the_digests_of_the_standard() {
        // FIPS 180-2, appendix B.1, for "abc"; the text here has its line feed.
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "abc").expect("written");
        assert_eq!(
            sha256_of_file(file.path()).expect("a digest"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let texts = ["a".to_owned(), "b".to_owned()];
        std::fs::write(file.path(), "a\nb\n").expect("written");
        let expected = sha256_of_file(file.path()).expect("a digest");
        assert_eq!(sha256_of_texts(&texts), expected);
        assert_ne!(
            sha256_of_texts(&["a\nb".to_owned()]),
            sha256_of_texts(&["ab".to_owned()])
        );
    }

    #[test]
    fn a_model_is_known_by_content_and_shapes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tiny.gguf");
        inferno_provision::synthetic::write(&path).expect("a model");
        let model = model(&path, "candle", Task::Generate).expect("a model");
        assert_eq!(model.sha256, inferno_provision::synthetic::SHA256);
        assert_eq!(model.size_bytes, inferno_provision::synthetic::SIZE_BYTES);
        assert_eq!(model.name, "tiny.gguf");
        // Its weights have 4 to 8 bits each, so 32 bits take some times as much.
        let f32_bytes = model.f32_bytes.expect("shapes");
        assert!(
            (2 * model.size_bytes..10 * model.size_bytes).contains(&f32_bytes),
            "{f32_bytes}"
        );
        std::fs::write(&path, "not a model").expect("written");
        let other = super::model(&path, "candle", Task::Generate).expect("a file");
        assert_eq!(other.f32_bytes, None);
    }
}
