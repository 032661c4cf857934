//! `setup`: gets the tool that is missing, after saying so.

use inferno_pgo::Result;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::toolchain::{Compiler, LlvmProfdata};

use crate::Front;

/// Prints version and path of the tool that fits the project's compiler.
///
/// # Errors
/// See [`tool`].
pub fn run(front: &Front) -> Result<u8> {
    let tool = tool(front)?;
    println!("llvm-profdata\t{}\t{}", tool.version, tool.path.display());
    Ok(ANSWERED)
}

/// The matching llvm-profdata, fetched if need be.
///
/// # Errors
/// [`inferno_pgo::Error::Tool`] without a compiler, and when no tool that fits can be had.
pub fn tool(front: &Front) -> Result<LlvmProfdata> {
    let compiler = Compiler::at(&front.directory()?)?;
    let mut say = |line: &str| eprintln!("{line}");
    LlvmProfdata::find_or_fetch(&compiler, &mut say)
}
