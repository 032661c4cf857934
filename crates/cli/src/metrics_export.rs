//! `inferno metrics export`: the values of a running server, for other programs.
//!
//! Takes the server's address; gives what it says about itself on stdout: its own text, once it is
//! known to be one, or the same values as JSON. It measures nothing itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::api_key::ApiKey;
use crate::exit;
use crate::exposition::{self, json};
use crate::failure::Failure;

/// Time for the whole exchange with the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest text that is read: far more than a server has to say.
const MAX_TEXT_BYTES: u64 = 16 * 1024 * 1024;

/// What is done with the values.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write them to stdout
    Export(Arguments),
}

/// Which server, and how its values are written.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How the values are written
    #[arg(long, value_enum, default_value = "prometheus")]
    format: Format,

    /// The server, or where it says them
    #[arg(long, default_value = "http://127.0.0.1:8080/metrics")]
    url: String,

    /// A file with the server's key [default: `INFERNO_API_KEY`, if set]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

/// A way to write values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Prometheus' text format.
    Prometheus,
    /// One JSON document.
    Json,
}

/// Does what `command` says; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8, Failure> {
    let Command::Export(arguments) = command;
    let key = ApiKey::find(arguments.api_key_file.as_deref())?;
    let url = with_path(&arguments.url);
    let text = fetch(&url, key.as_ref())?;
    let families =
        exposition::parse(&text).map_err(|source| Failure::NotMetrics { url, source })?;
    let document = match arguments.format {
        Format::Prometheus => text,
        Format::Json => format!("{:#}\n", json::document(&families)),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(document.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Output)?;
    Ok(exit::ANSWERED)
}

/// `url`, or the metrics of the server that it names without a path.
fn with_path(url: &str) -> String {
    match url.trim_end_matches('/').split_once("://") {
        Some((_, host)) if !host.contains(['/', '?']) => {
            format!("{}/metrics", url.trim_end_matches('/'))
        }
        _ => url.to_owned(),
    }
}

/// The text that the server at `url` gives.
fn fetch(url: &str, key: Option<&ApiKey>) -> Result<String, Failure> {
    if !url.starts_with("http://") {
        return Err(bad_url(url, "only plain http:// is spoken"));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        // The server is named: nobody in between is asked for it.
        .proxy(None)
        .build()
        .into();
    let mut request = agent.get(url);
    if let Some(key) = key {
        request = request.header("Authorization", key.authorization());
    }
    let mut response = request.call().map_err(|error| unreachable(url, &error))?;
    match response.status().as_u16() {
        200 => {}
        401 => return Err(Failure::KeyRefused(url.to_owned())),
        status => {
            return Err(Failure::Answered {
                url: url.to_owned(),
                status,
            });
        }
    }
    response
        .body_mut()
        .with_config()
        .limit(MAX_TEXT_BYTES)
        .read_to_string()
        .map_err(|error| unreachable(url, &error))
}

fn unreachable(url: &str, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => bad_url(url, &error.to_string()),
        _ => Failure::Unreachable {
            url: url.to_owned(),
            problem: error.to_string(),
        },
    }
}

fn bad_url(url: &str, problem: &str) -> Failure {
    Failure::BadUrl {
        url: url.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_plain_http_is_spoken() {
        for url in ["https://127.0.0.1/metrics", "127.0.0.1:8080", "ftp://a"] {
            let fetched = fetch(url, None);
            assert!(matches!(fetched, Err(Failure::BadUrl { .. })), "{url}");
        }
    }

    #[test]
    fn a_server_without_a_path_is_asked_for_its_metrics() {
        for (url, asked) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/metrics"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/metrics"),
            ("http://host/metrics", "http://host/metrics"),
            ("http://host/behind/proxy", "http://host/behind/proxy"),
            ("http://host?a", "http://host?a"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(with_path(url), asked);
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_missing() {
        // A port that was free a moment ago, and that nobody listens on.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let failure =
            fetch(&format!("http://127.0.0.1:{port}/metrics"), None).expect_err("nobody listens");
        assert!(matches!(failure, Failure::Unreachable { .. }), "{failure}");
        assert_eq!(failure.exit_code(), exit::MISSING);
        let hint = failure.hint().expect("a next step");
        assert!(hint.contains("inferno serve"), "{hint}");
    }
}
