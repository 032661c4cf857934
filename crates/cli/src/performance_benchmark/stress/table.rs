//! A result for people.
//!
//! Takes a document; gives a text that says which loop it was, how requests ended, figures with their
//! intervals, and whether they can be trusted. Pure.

use std::fmt::Write as _;

use super::document::{Document, Pace, Settings};
use super::figures::{Figure, Percentiles, number};
use super::options::TargetDescription;
use super::ramp::Ramp;
use super::summary::{Endings, Summary, Validity};

/// Width of the names in front of figures.
const NAME_WIDTH: usize = 16;

/// Width of a figure with its interval.
const FIGURE_WIDTH: usize = 26;

/// The text of `document`.
pub(super) fn text(document: &Document) -> String {
    let mut text = format!("{}\n", pace(&document.settings));
    line(&mut text, "target", &document.target.text());
    if let Some(ramp) = &document.ramp {
        write_ramp(&mut text, ramp, document.knee_rate_per_client);
    }
    if let Some(summary) = &document.summary {
        let is_server = matches!(document.target, TargetDescription::Server { .. });
        write_summary(&mut text, summary, document.settings.pace, is_server);
    }
    line(&mut text, "verdict", &verdict(&document.validity));
    text
}

/// Who sent how much.
fn pace(settings: &Settings) -> String {
    let (clients, duration) = (settings.clients, settings.duration_s);
    match (settings.rate_per_client, settings.rate, settings.arrivals) {
        (Some(each), Some(all), Some(arrivals)) => {
            let rise = settings.ramp_steps.map_or_else(String::new, |steps| {
                format!(", rising to it in {steps} steps and then held at the knee")
            });
            format!(
                "open loop: {clients} clients × {each} requests/s each = {all} requests/s, {} \
                 arrivals, {duration} s{rise}",
                arrivals.name()
            )
        }
        _ => format!(
            "closed loop: {clients} clients, each of which waits for its answer, {duration} s; says \
             nothing about capacity"
        ),
    }
}

fn write_ramp(text: &mut String, ramp: &Ramp, knee: Option<f64>) {
    for step in &ramp.steps {
        let latency = &step.summary.latency_ms.p50;
        let verdict = match &step.falls_short {
            None => "kept up".to_owned(),
            Some(reason) => format!("falls short: {reason}"),
        };
        let each = number(step.rate_per_client);
        let figures = format!(
            "{each}/s per client: {} requests/s, median latency {} ms, {verdict}",
            step.summary.requests_per_s.text(),
            latency.text(),
        );
        line(text, "step", &figures);
    }
    let knee = match knee {
        None if ramp.steps.is_empty() => "not found: no step came to its end".to_owned(),
        None => "not found: the lowest rate is too much already".to_owned(),
        Some(knee) if ramp.has_found_too_much() => format!("{}/s per client", number(knee)),
        Some(knee) => format!(
            "beyond {}/s per client, the highest rate tried",
            number(knee)
        ),
    };
    line(text, "knee", &knee);
}

fn write_summary(text: &mut String, summary: &Summary, pace: Pace, is_server: bool) {
    let endings: Vec<String> = summary
        .endings
        .named()
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let endings = endings.join(", ");
    line(
        text,
        "requests",
        &format!("{} were due: {endings}", summary.arrivals),
    );
    for error in &summary.first_errors {
        line(text, "first error", &error.error);
    }
    line(text, "times of", &timed(&summary.endings));
    columns(text, "ms", ["p50", "p90", "p99"].map(str::to_owned));
    match pace {
        Pace::OpenLoop => {
            percentiles(text, "latency", &summary.latency_ms);
            percentiles(text, "service time", &summary.service_time_ms);
        }
        // A client that waits for its answers is never late.
        Pace::ClosedLoop => percentiles(text, "service time", &summary.service_time_ms),
    }
    percentiles(text, "first token", &summary.first_token_ms);
    let gap = if is_server { "text gap" } else { "token gap" };
    percentiles(text, gap, &summary.token_gap_ms);
    percentiles(text, "lag", &summary.lag_ms.percentiles);
    rate(text, "arrivals", &summary.arrivals_per_s, "requests/s");
    rate(text, "throughput", &summary.requests_per_s, "requests/s");
    // A server tells pieces of text, and not how many tokens are in one.
    let unit = if is_server {
        "pieces of text/s"
    } else {
        "tokens/s"
    };
    rate(text, "", &summary.tokens_per_s, unit);
    if let Some(goodput) = &summary.goodput {
        let share = goodput.share.map_or_else(
            || "n/a".to_owned(),
            |share| format!("{:.1} %", share * 100.0),
        );
        let unit = format!(
            "requests/s within {} ms, {share} of those due",
            goodput.objective_ms
        );
        rate(text, "goodput", &goodput.requests_per_s, &unit);
    }
    let cpu = summary.generator_cpu_s.map_or_else(
        || "n/a".to_owned(),
        |seconds| {
            let share = 100.0 * seconds / summary.length_s;
            format!("{seconds:.3} s of CPU time, {share:.2} % of one processor")
        },
    );
    line(text, "generator", &cpu);
}

/// Which requests the percentiles are of: at an overload only of those that got through.
fn timed(endings: &Endings) -> String {
    let mut told = format!("the {} served", endings.served);
    let given_up = endings.timed_out + endings.unfinished;
    let without = endings.refused + endings.failed + endings.dropped;
    // Writing to a string does not fail.
    if given_up > 0 {
        let _ = write!(
            told,
            " and {given_up} given up, which count as longer than these"
        );
    }
    if without > 0 {
        let _ = write!(
            told,
            "; {without} refused, failed or never sent, which have none"
        );
    }
    told
}

fn verdict(validity: &Validity) -> String {
    match validity {
        Validity::Valid => "VALID".to_owned(),
        Validity::Invalid(reason) => format!("INVALID: {reason}"),
        Validity::NotJudged(reason) => format!("not judged: {reason}"),
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {name:NAME_WIDTH$}{value}");
}

fn rate(text: &mut String, name: &str, figure: &Figure, unit: &str) {
    line(text, name, &format!("{} {unit}", figure.text()));
}

fn percentiles(text: &mut String, name: &str, percentiles: &Percentiles) {
    let figures = [&percentiles.p50, &percentiles.p90, &percentiles.p99];
    columns(text, name, figures.map(Figure::text));
}

fn columns(text: &mut String, name: &str, columns: [String; 3]) {
    let columns = columns.map(|column| format!("{column:FIGURE_WIDTH$}"));
    line(text, name, columns.concat().trim_end());
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{finished, outcome};
    use super::*;
    use crate::load::Ending;
    use crate::load::prompts::PromptOrder;
    use crate::load::schedule::ArrivalProcess;

    fn document(is_open: bool) -> Document {
        let settings = Settings {
            pace: if is_open {
                Pace::OpenLoop
            } else {
                Pace::ClosedLoop
            },
            clients: 20,
            duration_s: 10.0,
            rate_per_client: is_open.then_some(2.0),
            rate: is_open.then_some(40.0),
            arrivals: is_open.then_some(ArrivalProcess::Poisson),
            think_time_s: None,
            ramp_steps: None,
            seed: 0,
            max_in_flight: None,
            objective_ms: Some(100.0),
            timeout_s: 60.0,
            grace_s: 10.0,
            prompts: 8,
            prompt_order: PromptOrder::InTurn,
            max_tokens: 32,
            raw: false,
            ignore_end: true,
        };
        let target = TargetDescription::Server {
            url: "http://127.0.0.1:8080".to_owned(),
            model: "tiny".to_owned(),
        };
        let outcomes = (0..50)
            .map(|number| outcome(number * 100, 50, Ending::Served))
            .chain([outcome(9000, 0, Ending::Failed)])
            .collect();
        let objective = Some(std::time::Duration::from_millis(100));
        let summary = Summary::of(&finished(outcomes, 10), objective);
        let mut document = Document::new(target, settings);
        document.validity = summary.validity();
        document.summary = Some(summary);
        document
    }

    #[test]
    fn an_open_loop_says_its_rates_and_its_latency() {
        let text = text(&document(true));
        for part in [
            "open loop: 20 clients × 2 requests/s each = 40 requests/s, Poisson arrivals, 10 s",
            "51 were due: 50 served, 1 failed",
            "times of        the 50 served; 1 refused, failed or never sent, which have none",
            "broken at 9000",
            "latency         50.0 [50.0, 50.0]",
            "n/a (needs 368)",
            "98.0 % of those due",
            "VALID",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn percentiles_say_of_which_requests_they_are() {
        let endings = Endings {
            served: 3,
            ..Endings::default()
        };
        assert_eq!(timed(&endings), "the 3 served");
        let endings = Endings {
            timed_out: 1,
            unfinished: 1,
            refused: 4,
            ..endings
        };
        let told = timed(&endings);
        assert!(
            told.contains("2 given up") && told.contains("4 refused"),
            "{told}"
        );
    }

    #[test]
    fn a_closed_loop_is_labelled_and_claims_no_capacity() {
        let text = text(&document(false));
        assert!(text.starts_with("closed loop: 20 clients"), "{text}");
        assert!(text.contains("nothing about capacity"), "{text}");
        assert!(!text.contains("latency"), "{text}");
    }
}
