//! A server and the driver that asks it: started, waited for, asked, ended.
//!
//! Takes both commands and how the server is used; gives what became of both. It must not take another
//! program for the server: a port that answers before the server is started is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;

use super::{
    Child, Command, ExitKind, Finished, INTERRUPT_POLL, Output, Pinning, check_interrupted,
};
use crate::error::{Error, Result};
use crate::scenario::{Ready, Server};

/// How long one attempt to connect may take; within a machine it takes microseconds.
const CONNECT_LIMIT: Duration = Duration::from_millis(200);

/// What became of a server and its driver, which ended with exit code 0.
#[derive(Debug, Clone)]
pub struct Driven {
    /// The server: how it ended is for the caller to judge.
    pub server: Finished,
    /// The driver.
    pub driver: Finished,
}

/// Why a server could not be driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undriven {
    /// What happened, as what the server did.
    pub problem: String,
    /// What both wrote: the driver, then the server.
    pub output: String,
}

/// Starts `server`, waits until it is ready, runs `driver`, and asks the server to end. All of it may
/// take `limit`; after that both are killed.
///
/// # Errors
/// When a command cannot be started or pinned, the pattern is invalid, or a signal asks the program to
/// end.
pub fn drive(
    server: Command,
    driver: Command,
    how: &Server,
    limit: Duration,
) -> Result<Result<Driven, Undriven>> {
    let started = Instant::now();
    let left = || limit.saturating_sub(started.elapsed());
    let sign = Sign::of(&how.ready)?;
    if let Sign::Port(port) = sign
        && answers(port)
    {
        return Ok(Err(Undriven {
            problem: format!("was not started: port {port} of this machine is in use already"),
            output: String::new(),
        }));
    }
    let (sender, lines) = mpsc::channel();
    let pinning = Pinning::of(server.pin, &server.display())?;
    let server = server.stdout(to(sender.clone())).stderr(to(sender));
    let mut server = Child::spawn(server, pinning)?;
    if let Err(problem) = until_ready(&mut server, &sign, &lines, limit)? {
        return Ok(Err(undriven(&mut server, problem, None)));
    }
    drop(lines);
    let driver = driver.timeout(left()).run()?;
    if driver.status != ExitKind::Code(0) {
        let problem = format!("was left by its driver, which ended with {}", driver.status);
        return Ok(Err(undriven(&mut server, problem, Some(&driver))));
    }
    server.ask_to_end(how.stop);
    let server = server.close(left())?;
    Ok(Ok(Driven { server, driver }))
}

/// Passes lines on while somebody listens.
fn to(sender: Sender<String>) -> Output {
    Output::Lines(Box::new(move |line| {
        // Once the server is ready, nobody does.
        let _unwanted = sender.send(line.to_owned());
    }))
}

/// By what it is seen that a server is ready.
enum Sign {
    Line(Regex),
    Port(u16),
}

impl Sign {
    fn of(ready: &Ready) -> Result<Self> {
        match ready {
            Ready::Port(port) => Ok(Self::Port(*port)),
            Ready::Line(pattern) => {
                let compiled = Regex::new(pattern).map_err(|error| Error::Invalid {
                    subject: format!("the line {pattern:?} of `ready`"),
                    problem: error.to_string(),
                })?;
                Ok(Self::Line(compiled))
            }
        }
    }

    /// Looks for it, for a moment.
    fn is_there(&self, lines: &Receiver<String>) -> bool {
        match self {
            Self::Line(pattern) => match lines.recv_timeout(INTERRUPT_POLL) {
                Ok(line) => pattern.is_match(&line),
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => {
                    thread::sleep(INTERRUPT_POLL);
                    false
                }
            },
            Self::Port(port) => {
                let found = answers(*port);
                if !found {
                    thread::sleep(INTERRUPT_POLL);
                }
                found
            }
        }
    }
}

fn until_ready(
    server: &mut Child,
    sign: &Sign,
    lines: &Receiver<String>,
    limit: Duration,
) -> Result<Result<(), String>> {
    let started = Instant::now();
    while !sign.is_there(lines) {
        check_interrupted()?;
        if let Some(exit) = server.exit_within(Duration::ZERO) {
            let background = match exit {
                ExitKind::Code(0) => {
                    "; it may have gone to the background, and must stay in the foreground"
                }
                _ => "",
            };
            return Ok(Err(format!(
                "ended with {exit} before it was ready{background}"
            )));
        }
        if started.elapsed() >= limit {
            return Ok(Err(format!("was not ready within {limit:?}")));
        }
    }
    Ok(Ok(()))
}

fn undriven(server: &mut Child, problem: String, driver: Option<&Finished>) -> Undriven {
    let mut output = Vec::new();
    for stream in driver
        .iter()
        .flat_map(|driver| [&driver.stdout, &driver.stderr])
    {
        output.extend_from_slice(stream);
    }
    output.extend(server.kill_for_output());
    Undriven {
        problem,
        output: String::from_utf8_lossy(&output).into_owned(),
    }
}

/// Whether something listens on `port` of this machine. Where nothing does, the system may choose that
/// port for the connection itself, which then answers itself.
fn answers(port: u16) -> bool {
    let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    own.into_iter().any(|address| {
        TcpStream::connect_timeout(&SocketAddr::new(address, port), CONNECT_LIMIT)
            .and_then(|stream| Ok(stream.local_addr()? != stream.peer_addr()?))
            .unwrap_or(false)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::scenario::Stop;

    fn shell(script: &str) -> Command {
        Command::new("/bin/sh").args(["-c", script])
    }

    fn server(ready: Ready) -> Server {
        Server {
            ready,
            driver: Vec::new(),
            stop: Stop::Terminate,
        }
    }

    fn line() -> Ready {
        Ready::Line("^listening".to_owned())
    }

    fn driven(script: &str, driver: &str, how: &Server) -> Result<Driven, Undriven> {
        drive(shell(script), shell(driver), how, Duration::from_secs(20)).unwrap()
    }

    /// Serves until it is told to end, and then has something left to do. A shell cannot catch what was
    /// ignored when it started, as SIGINT is in background jobs.
    const SERVER: &str =
        "trap 'echo done; exit 3' TERM; echo listening >&2; while :; do sleep 0.05; done";

    #[test]
    fn a_server_is_asked_once_it_is_ready_and_ends_by_itself() {
        let both = driven(SERVER, "echo asked", &server(line())).unwrap();
        assert_eq!(both.server.status, ExitKind::Code(3));
        assert_eq!(both.server.stdout, b"done\n");
        assert_eq!(both.driver.stdout, b"asked\n");
        assert!(both.driver.wall_ns < both.server.wall_ns);
    }

    #[test]
    fn what_keeps_a_server_from_being_driven_is_told_with_its_words() {
        let how = server(line());
        let never = driven("echo broken; exit 4", "true", &how).unwrap_err();
        assert!(
            never.problem.contains("exit code 4 before it was ready"),
            "{never:?}"
        );
        assert!(never.output.contains("broken"));
        assert!(!never.problem.contains("background"), "{never:?}");
        let left = driven("exit 0", "true", &how).unwrap_err();
        assert!(
            left.problem
                .contains("exit code 0 before it was ready; it may have gone to the background"),
            "{left:?}"
        );
        let failed = driven(SERVER, "echo refused; exit 5", &how).unwrap_err();
        assert!(
            failed
                .problem
                .contains("driver, which ended with exit code 5"),
            "{failed:?}"
        );
        assert!(failed.output.starts_with("refused"));
        let invalid = server(Ready::Line("(".to_owned()));
        assert!(
            drive(
                shell("true"),
                shell("true"),
                &invalid,
                Duration::from_secs(20)
            )
            .is_err()
        );
    }

    #[test]
    fn a_server_that_is_silent_or_deaf_is_killed_when_the_time_is_up() {
        let how = server(line());
        let limit = Duration::from_millis(300);
        let silent = drive(shell("sleep 600"), shell("true"), &how, limit).unwrap();
        assert!(
            silent
                .unwrap_err()
                .problem
                .contains("not ready within 300ms")
        );
        let deaf = "trap '' TERM; echo listening; while :; do sleep 0.05; done";
        let limit = Duration::from_secs(1);
        let deaf = drive(shell(deaf), shell("true"), &how, limit)
            .unwrap()
            .unwrap();
        assert_eq!(deaf.server.status, ExitKind::TimedOut);
    }

    #[test]
    fn a_port_that_somebody_else_has_is_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let how = server(Ready::Port(port));
        let refused = driven(SERVER, "true", &how).unwrap_err();
        assert!(refused.problem.contains("in use already"), "{refused:?}");
        drop(taken);
        // Nobody listens there now, and the shell does not.
        let limit = Duration::from_millis(300);
        let silent = drive(shell(SERVER), shell("true"), &how, limit).unwrap();
        assert!(silent.unwrap_err().problem.contains("not ready within"));
    }
}
