//! The outcomes as Markdown: pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inferno_measure::record::Host;
use inferno_measure::stats;

use crate::log::{Entry, Settings};
use crate::outcome::{Claim, Method, Table};
use crate::{criterion, hyperfine, ours};

/// Header and table of a log.
pub fn markdown(settings: &Settings, entries: &[Entry], host: &Host, date: &str) -> String {
    let mut text = format!(
        "{date}, {}, {} cores, {} s of wall time per run and method.\n\n",
        host.cpu_model.as_deref().unwrap_or("unknown processor"),
        host.cores
            .map_or_else(|| "unknown".to_owned(), |cores| cores.to_string()),
        settings.seconds
    );
    text.push_str(
        "| true difference | method | runs | says “differs” | wrong way | interval holds the truth \
         | half-width, mean | median | against ours | own conclusion | samples a side | wall time |\n\
         |---:|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|\n",
    );
    for ((difference, method), group) in groups(entries) {
        let mean_of_ours = groups(entries)
            .get(&(difference, Method::Ours))
            .and_then(|ours| mean(ours, |entry| entry.outcome.half_width()));
        text.push_str(&row(difference, method, &group, mean_of_ours));
    }
    text.push('\n');
    text.push_str(notes(settings.table));
    text
}

fn groups(entries: &[Entry]) -> BTreeMap<(u32, Method), Vec<&Entry>> {
    let mut groups: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        let key = (entry.run.difference, entry.run.method);
        groups.entry(key).or_default().push(entry);
    }
    groups
}

fn row(difference: u32, method: Method, group: &[&Entry], mean_of_ours: Option<f64>) -> String {
    let truth = 1.0 + f64::from(difference) / 100.0;
    let count =
        |wanted: &dyn Fn(&Entry) -> bool| group.iter().filter(|entry| wanted(entry)).count();
    let differs = count(&|entry| is_difference(entry.outcome.claim()));
    // The candidate is never the faster one.
    let wrong = count(&|entry| entry.outcome.claim() == Claim::Faster);
    let covered = count(&|entry| entry.outcome.low <= truth && truth <= entry.outcome.high);
    let half_widths: Vec<f64> = group
        .iter()
        .map(|entry| entry.outcome.half_width())
        .collect();
    let mean_half_width = mean(group, |entry| entry.outcome.half_width());
    let against = mean_half_width.zip(mean_of_ours).map_or_else(
        || "–".to_owned(),
        |(other, ours)| format!("{:.2} ×", other / ours),
    );
    format!(
        "| {difference} % | {method} | {} | {differs} | {wrong} | {covered} | {} | {} | {against} \
         | {} | {} | {} |\n",
        group.len(),
        percent(mean_half_width),
        percent(stats::median(&half_widths)),
        own(method, group),
        mean(group, |entry| f64::from(entry.outcome.samples))
            .map_or_else(|| "–".to_owned(), |samples| format!("{samples:.0}")),
        mean(group, |entry| entry.wall_s)
            .map_or_else(|| "–".to_owned(), |wall_s| format!("{wall_s:.1} s")),
    )
}

/// How often the method's own statements say that the times differ.
fn own(method: Method, group: &[&Entry]) -> String {
    let statements: &[&str] = match method {
        Method::Ours => &[ours::VERDICT, ours::VERDICT_HALF],
        Method::Hyperfine => &[hyperfine::OWN],
        Method::Criterion => &[criterion::OWN],
    };
    let mut text = String::new();
    for statement in statements {
        let differs = group
            .iter()
            .filter(|entry| {
                let claim = entry.outcome.claims.get(*statement);
                claim.is_some_and(|claim| is_difference(*claim))
            })
            .count();
        let separator = if text.is_empty() { "" } else { "; " };
        let _infallible = write!(text, "{separator}{statement}: {differs}");
    }
    text
}

fn is_difference(claim: Claim) -> bool {
    matches!(claim, Claim::Faster | Claim::Slower)
}

fn mean(group: &[&Entry], value: impl Fn(&Entry) -> f64) -> Option<f64> {
    let sum: f64 = group.iter().map(|entry| value(entry)).sum();
    (!group.is_empty()).then(|| sum / group.len() as f64)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(
        || "–".to_owned(),
        |share| format!("±{:.2} %", share * 100.0),
    )
}

fn notes(table: Table) -> &'static str {
    match table {
        Table::Cold => {
            "“Differs”: the 95 % interval of candidate ÷ baseline excludes 1, for both methods; at 0 % \
             that is a false alarm. hyperfine's interval is Welch's on its exported times (logarithms \
             of the means, delta method); its own conclusion is the ± of its summary. Ours counts \
             restarts: each pair is of new processes.\n"
        }
        Table::Warm => {
            "“Differs”: the 95 % interval of candidate ÷ baseline excludes 1, for both methods; at 0 % \
             that is a false alarm. Criterion's interval is that of its change of the mean; its own \
             conclusion is “improved” or “regressed”. Ours counts restarts of the workers; \
             Criterion's interval knows one process per side.\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::schedule::Run;

    fn entry(method: Method, difference: u32, low: f64, high: f64) -> Entry {
        let claim = (ours::VERDICT.to_owned(), Claim::Slower);
        Entry {
            run: Run {
                repetition: 0,
                difference,
                method,
            },
            wall_s: 10.0,
            outcome: Outcome {
                ratio: f64::midpoint(low, high),
                low,
                high,
                samples: 50,
                claims: BTreeMap::from([claim]),
                effort: None,
            },
        }
    }

    fn rows(entries: &[Entry]) -> Vec<String> {
        let settings = Settings {
            table: Table::Cold,
            seconds: 10.0,
            binaries_sha256: String::new(),
        };
        let host = inferno_measure::host::describe();
        let text = markdown(&settings, entries, &host, "2000-01-01");
        assert!(text.starts_with("2000-01-01, "), "{text}");
        let rows = text.lines().filter(|line| line.contains(" % | "));
        rows.map(str::to_owned).collect()
    }

    #[test]
    fn alarms_detections_and_widths_are_counted() {
        let found = rows(&[
            entry(Method::Ours, 0, 0.99, 1.01),
            entry(Method::Ours, 0, 1.01, 1.03),
            entry(Method::Hyperfine, 0, 0.92, 0.98),
            entry(Method::Ours, 2, 1.01, 1.03),
        ]);
        assert_eq!(
            found,
            [
                "| 0 % | ours | 2 | 1 | 0 | 1 | ±1.00 % | ±1.00 % | 1.00 × | verdict, δ = 1 %: 2; \
                 verdict, δ = 0.5 %: 0 | 50 | 10.0 s |",
                "| 0 % | hyperfine | 1 | 1 | 1 | 0 | ±3.00 % | ±3.00 % | 3.00 × | own ±: 0 | 50 | 10.0 s |",
                "| 2 % | ours | 1 | 1 | 0 | 1 | ±1.00 % | ±1.00 % | 1.00 × | verdict, δ = 1 %: 1; \
                 verdict, δ = 0.5 %: 0 | 50 | 10.0 s |",
            ]
        );
    }

    #[test]
    fn without_ours_there_is_no_ratio() {
        let found = rows(&[entry(Method::Hyperfine, 1, 1.0, 1.02)]);
        assert!(found[0].contains("| – | own ±: 0"), "{found:?}");
    }
}
