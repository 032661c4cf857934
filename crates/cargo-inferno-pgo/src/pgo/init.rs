//! `init`: a first spec for any package.

use std::path::PathBuf;

use clap::Args;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::init::{self, Request};
use inferno_pgo::spec::ExecutableKind;
use inferno_pgo::{Error, Result, manifest, registry};

use crate::Front;
use crate::front::current_directory;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The Cargo.toml of the package or its workspace; without it, the nearest one
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
    /// A package of the registry, whose sources are fetched into a directory of its name
    #[arg(
        long = "crate",
        value_name = "NAME[@VERSION]",
        conflicts_with = "manifest_path"
    )]
    from_registry: Option<String>,
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
        let (manifest, spec) = self.place()?;
        Ok(Request {
            manifest,
            package: self.package.clone(),
            executable: named.next(),
            spec,
        })
    }

    /// The manifest, and the spec where it does not go beside that.
    fn place(&self) -> Result<(PathBuf, Option<PathBuf>)> {
        let spec = self.spec.clone();
        if let Some(named) = &self.from_registry {
            let (name, version) = match named.split_once('@') {
                Some((name, version)) => (name, Some(version)),
                None => (named.as_str(), None),
            };
            let directory = PathBuf::from(name);
            eprintln!("… fetch {named} into {}", directory.display());
            let manifest = registry::fetch_package(name, version, &directory)?;
            // Not among the sources, which are the registry's.
            let spec = spec.unwrap_or_else(|| directory.join(init::FILE_NAME));
            return Ok((manifest, Some(spec)));
        }
        match &self.manifest_path {
            Some(path) => Ok((path.clone(), spec)),
            None => Ok((nearest_manifest()?, spec)),
        }
    }
}

fn nearest_manifest() -> Result<PathBuf> {
    let directory = current_directory()?;
    manifest::nearest(manifest::FILE_NAME, &directory).ok_or_else(|| Error::Usage {
        message: format!(
            "there is no {} in `{}` or above",
            manifest::FILE_NAME,
            directory.display()
        ),
        hint: "go to the package, or name its manifest with `--manifest-path FILE`".into(),
    })
}

pub(super) fn run(arguments: &Arguments, front: &Front) -> Result<u8> {
    let path = init::write(&arguments.request()?)?;
    println!("{}", path.display());
    let is_found = front.default_spec().is_ok_and(|found| found == path);
    let named = if is_found {
        String::new()
    } else {
        format!(" --spec {}", path.display())
    };
    eprintln!(
        "next: replace each `{}` in it by the program's arguments, then: {}{named}",
        init::PLACEHOLDER,
        front.call
    );
    Ok(ANSWERED)
}
