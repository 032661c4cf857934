//! Where the values come from: a process, a server, or an engine of the monitor's own.
//!
//! Takes what was named; gives readings. What a server does not tell at one moment is a reading without
//! it and with the problem; a process that has ended gives no more readings.

use std::time::Duration;

use inferno_inference::Error;
use tokio::runtime::Runtime;

use super::process::{ProcessReading, WatchedProcess};
use super::row::Reading;
use super::service::{self, ServiceReading};
use super::workload::Workload;
use crate::api_key::ApiKey;
use crate::exposition::{self, Family};
use crate::failure::{Failure, describe};
use crate::load::target::http::{self, Endpoint};

/// What is watched.
pub(super) struct Source {
    label: String,
    process: Option<WatchedProcess>,
    service: Option<Service>,
}

/// What tells of its work.
enum Service {
    Server {
        endpoint: Endpoint,
        runtime: Runtime,
    },
    Own(Workload),
}

impl Source {
    /// The process `pid`, the server at `url`, or both, when the server is that process.
    pub(super) fn named(
        pid: Option<u32>,
        url: Option<&str>,
        key: Option<&ApiKey>,
    ) -> Result<Self, Failure> {
        let process = pid.map(find).transpose()?;
        let service = url.map(|url| server(url, key)).transpose()?;
        let names = [
            pid.map(|pid| format!("process {pid}")),
            url.map(str::to_owned),
        ];
        let source = Self {
            label: names.into_iter().flatten().collect::<Vec<_>>().join(", "),
            process,
            service,
        };
        // A server that is not there is said at once.
        source.families()?;
        Ok(source)
    }

    /// An engine in this process.
    pub(super) fn own(workload: Workload) -> Self {
        Self {
            label: workload.label().to_owned(),
            process: WatchedProcess::find(std::process::id()),
            service: Some(Service::Own(workload)),
        }
    }

    /// For people.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Processors that the process may use.
    pub(super) fn processors(&self) -> Option<f64> {
        self.process.as_ref()?.processors()
    }

    /// A reading at the moment `at`; nothing when the process has ended.
    pub(super) fn read(&self, at: Duration) -> Option<Reading> {
        let process = match &self.process {
            None => None,
            Some(process) => Some(process.read()?),
        };
        let (families, problem) = match self.families() {
            Ok(families) => (families, self.error_of_workload()),
            Err(failure) => (Vec::new(), Some(describe(&failure))),
        };
        Some(Reading {
            at,
            process: process.unwrap_or_else(|| self.told_process(&families)),
            service: ServiceReading::of(&families),
            problem,
        })
    }

    /// What a server tells of its process.
    fn told_process(&self, families: &[Family]) -> ProcessReading {
        match &self.service {
            Some(Service::Server { .. }) => service::process(families),
            // This platform does not tell of processes.
            Some(Service::Own(_)) | None => ProcessReading::default(),
        }
    }

    fn families(&self) -> Result<Vec<Family>, Failure> {
        match &self.service {
            None => Ok(Vec::new()),
            Some(Service::Own(workload)) => workload.families(),
            Some(Service::Server { endpoint, runtime }) => {
                let text = endpoint.text(runtime, "")?;
                exposition::parse(&text).map_err(|source| Failure::NotMetrics {
                    url: endpoint.url_of(""),
                    source,
                })
            }
        }
    }

    fn error_of_workload(&self) -> Option<String> {
        match &self.service {
            Some(Service::Own(workload)) => workload.error(),
            Some(Service::Server { .. }) | None => None,
        }
    }
}

fn find(pid: u32) -> Result<WatchedProcess, Failure> {
    WatchedProcess::find(pid).ok_or_else(|| {
        Failure::Engine(Error::InvalidSetting {
            setting: "--pid",
            value: pid.to_string(),
            expected: "the number of a process that runs and that this user may look at",
        })
    })
}

fn server(url: &str, key: Option<&ApiKey>) -> Result<Service, Failure> {
    Ok(Service::Server {
        endpoint: Endpoint::find(url, "/metrics", key)?,
        runtime: http::runtime(url)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_run_is_a_wrong_option() {
        let failure = Source::named(Some(u32::MAX), None, None)
            .err()
            .expect("no such process");
        assert_eq!(failure.exit_code(), crate::exit::USAGE);
        assert!(failure.to_string().contains("--pid"), "{failure}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_read_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep is there");
        let source = Source::named(Some(child.id()), None, None).expect("it runs");
        assert!(source.read(Duration::ZERO).is_some_and(|reading| {
            reading.process.cpu_time.is_some() && reading.service == ServiceReading::default()
        }));
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        assert!(source.read(Duration::ZERO).is_none());
        assert_eq!(source.label(), format!("process {}", child.id()));
    }
}
