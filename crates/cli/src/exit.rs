//! Exit codes. They are part of the interface: scripts branch on them.
//!
//! A server that is told to end and has answered everything that it took has done what was asked:
//! it ends with [`ANSWERED`]. One that had to leave answers unfinished ends with the signal's code,
//! as does a `run` that was interrupted ([`crate::signals::Signal::exit_code`]).

/// What was asked for was done.
pub(crate) const ANSWERED: u8 = 0;
/// A defect of the program, a model that cannot be run, or something unexpected of the system.
pub(crate) const INTERNAL: u8 = 1;
/// Wrong usage: an option, a path, a key, a prompt.
pub(crate) const USAGE: u8 = 2;
/// What is there now is slower than what was there before.
pub(crate) const SLOWER: u8 = 10;
/// What was measured does not say.
pub(crate) const INCONCLUSIVE: u8 = 11;
/// What the command needs is not there: a backend, a running server.
pub(crate) const MISSING: u8 = 20;
/// A server answered, and not with what was asked for.
pub(crate) const FAILED: u8 = 23;
/// SIGINT came before the work was done.
pub(crate) const INTERRUPTED: u8 = 130;
/// SIGTERM came before the work was done.
pub(crate) const TERMINATED: u8 = 143;

/// The codes, for the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done; for `serve`: told to end, and everything that was taken is answered
  1    internal error, or a model that cannot be run
  2    wrong usage: an option, a path, a key, a prompt; results that cannot be compared
  10   `performance-benchmark compare`: something is slower
  11   `performance-benchmark compare --strict`: nothing is slower, and something is inconclusive;
       `performance-benchmark stress`: the requests were sent too late for the run to say anything
  20   what is needed is not there: a backend, a running server
  23   the server answered, and not with what was asked for
  130  SIGINT (Ctrl-C) before the work was done
  143  SIGTERM before the work was done";
