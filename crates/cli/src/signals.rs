//! SIGINT and SIGTERM: the first asks the command to end, the second ends it.

use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit;
use crate::failure::Failure;

/// A signal that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// Exit code of a program that the signal ended.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => exit::INTERRUPTED,
            Self::Terminate => exit::TERMINATED,
        }
    }

    /// Its name in the system's own words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// From now on the first signal calls `first`, on a thread of its own; the second one ends the
/// program at once, with the signal's exit code.
///
/// Until it is called, signals do what the system does by default.
pub(crate) fn listen(mut first: impl FnMut(Signal) + Send + 'static) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::Signals)?;
    let listen = move || {
        let mut has_come = false;
        for number in signals.forever() {
            let signal = if number == SIGINT {
                Signal::Interrupt
            } else {
                Signal::Terminate
            };
            if has_come {
                std::process::exit(i32::from(signal.exit_code()));
            }
            has_come = true;
            first(signal);
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .map_err(Failure::Signals)?;
    Ok(())
}
