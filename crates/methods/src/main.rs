//! `methods`: the comparison of methods on the command line. Parses arguments and prints.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use inferno_measure::process;
use inferno_methods::outcome::{Method, Table};
use inferno_methods::run::{self, Request};
use inferno_methods::{Result, log, table};

/// Compare methods of comparison side by side, on binaries of known difference
///
/// Takes one run of every method and difference per repetition, and prints the table as Markdown.
/// A run that was stopped goes on where it was.
#[derive(Debug, Parser)]
struct Arguments {
    /// Unmodified programs (ours, hyperfine) or warm workers (ours, Criterion)
    #[arg(long, value_enum, default_value = "cold")]
    table: Table,
    /// Methods to run; by default the two of the table
    #[arg(long, value_enum, value_delimiter = ',')]
    methods: Vec<Method>,
    /// Repetitions of every difference
    #[arg(long, default_value_t = 60)]
    repetitions: u32,
    /// True differences in per cent
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,5", value_parser = clap::value_parser!(u32).range(0..100))]
    differences: Vec<u32>,
    /// Wall time of each run of a method
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Directory of the log, which is continued
    #[arg(long, default_value = "target/methods")]
    out: PathBuf,
    /// Only print the table of what is there
    #[arg(long)]
    report: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    if (1.0..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("must lie between 1 and 86400".to_owned())
    }
}

fn execute(arguments: &Arguments) -> Result<()> {
    process::install_interrupt_handler()?;
    if !arguments.report {
        let request = Request {
            repository: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
            table: arguments.table,
            methods: match &arguments.methods[..] {
                [] => arguments.table.methods().to_vec(),
                chosen => chosen.to_vec(),
            },
            repetitions: arguments.repetitions,
            differences: arguments.differences.clone(),
            seconds: arguments.seconds,
            out: std::path::absolute(&arguments.out).unwrap_or_else(|_| arguments.out.clone()),
        };
        run::take(&request, &mut |text| {
            // A closed standard error must not end the run.
            let _ = writeln!(std::io::stderr(), "… {text}");
        })?;
    }
    let path = run::log_path(&arguments.out, arguments.table);
    match log::read(&path)? {
        Some((settings, entries, _)) => {
            print!("{}", table::markdown(&settings, &entries));
        }
        None => eprintln!("nothing was taken yet: {} is not there", path.display()),
    }
    Ok(())
}
