//! `cargo xtask pgo init`: a first spec for any package.

use std::path::PathBuf;

use clap::Args;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::init::{self, Request};
use inferno_pgo::manifest;
use inferno_pgo::spec::ExecutableKind;

use crate::error::Result;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The Cargo.toml of the package or its workspace; without it, the nearest one
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
    /// The package, where a workspace has programs in several
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// The binary, where the package has several
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// An example instead of a binary
    #[arg(long, value_name = "NAME", conflicts_with = "bin")]
    example: Option<String>,
    /// A benchmark instead of a binary
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bin", "example"])]
    bench: Option<String>,
    /// The spec to write; without it, pgo.toml beside the package's Cargo.toml
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
}

impl Arguments {
    fn request(&self) -> Result<Request> {
        let executable = [
            (ExecutableKind::Bin, &self.bin),
            (ExecutableKind::Example, &self.example),
            (ExecutableKind::Bench, &self.bench),
        ];
        let mut named = executable
            .into_iter()
            .filter_map(|(kind, name)| Some((kind, name.clone()?)));
        let manifest = match &self.manifest_path {
            Some(path) => path.clone(),
            None => nearest_manifest()?,
        };
        Ok(Request {
            manifest,
            package: self.package.clone(),
            executable: named.next(),
            spec: self.spec.clone(),
        })
    }
}

fn nearest_manifest() -> Result<PathBuf> {
    let directory = std::env::current_dir().unwrap_or_default();
    let found = manifest::nearest(manifest::FILE_NAME, &directory);
    Ok(found.ok_or_else(|| inferno_pgo::Error::Usage {
        message: format!(
            "there is no {} in `{}` or above",
            manifest::FILE_NAME,
            directory.display()
        ),
        hint: "go to the package, or name its manifest with `--manifest-path FILE`".into(),
    })?)
}

pub(super) fn run(arguments: &Arguments) -> Result<u8> {
    let path = init::write(&arguments.request()?)?;
    println!("{}", path.display());
    eprintln!(
        "next: replace `{}` in it by the program's arguments, then: cargo xtask pgo --spec {}",
        init::PLACEHOLDER,
        path.display()
    );
    Ok(ANSWERED)
}
