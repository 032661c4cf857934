//! The outcomes as Markdown: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use inferno_measure::stats;
use inferno_measure::verdict::STATISTICS;

use crate::log::{Entry, Settings};
use crate::outcome::{Claim, Method, Outcome, Table};
use crate::{criterion, hyperfine, ours};

/// Header and table of a log: the days and the machine are those of the runs; what is concluded is
/// made now, from their times.
pub fn markdown(settings: &Settings, entries: &[Entry]) -> String {
    let host = &settings.host;
    let mut text = format!(
        "{}, {}, {} cores, {} s of wall time per run and method. {}. Judged by version {STATISTICS} of \
         our statistics.\n\n",
        days(entries),
        host.cpu_model.as_deref().unwrap_or("unknown processor"),
        host.cores
            .map_or_else(|| "unknown".to_owned(), |cores| cores.to_string()),
        settings.seconds,
        versions(entries)
    );
    text.push_str(
        "| true difference | method | runs | no answer | says “differs” | wrong way | interval holds the \
         truth | half-width, mean | median | against ours | own conclusion | samples a side | wall time |\n\
         |---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|\n",
    );
    let groups = groups(settings, entries);
    for (&(difference, method), group) in &groups {
        let ours = groups.get(&(difference, Method::Ours));
        let mean_of_ours = ours.and_then(Group::mean_half_width);
        text.push_str(&group.row(settings, difference, method, mean_of_ours));
    }
    text.push('\n');
    text.push_str(notes(settings.table));
    if settings.unchanged_share > 0.0 {
        let _infallible = writeln!(
            text,
            "Starting and ending the program take {:.1} % of its time, which no copy changes: the true \
             ratio at a difference d is 1 + d × {:.3}.",
            settings.unchanged_share * 100.0,
            1.0 - settings.unchanged_share
        );
    }
    text
}

/// The first and the last day on which runs were taken.
fn days(entries: &[Entry]) -> String {
    let days: BTreeSet<&str> = entries.iter().map(|entry| entry.taken.as_str()).collect();
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} … {last}"),
        (Some(day), _) => (*day).to_owned(),
        _ => "no runs".to_owned(),
    }
}

fn versions(entries: &[Entry]) -> String {
    let versions: BTreeSet<(Method, &str)> = entries
        .iter()
        .map(|entry| (entry.run.method, entry.version.as_str()))
        .collect();
    let told = versions.iter().map(|(method, version)| {
        // hyperfine states its own name.
        let version = version.trim_start_matches("hyperfine ");
        format!("{method} {version}")
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The runs of a method at a difference, judged.
#[derive(Default)]
struct Group<'a> {
    entries: Vec<&'a Entry>,
    /// Of those runs that gave an interval.
    outcomes: Vec<Outcome>,
}

fn groups<'a>(settings: &Settings, entries: &'a [Entry]) -> BTreeMap<(u32, Method), Group<'a>> {
    let mut groups: BTreeMap<_, Group<'a>> = BTreeMap::new();
    for entry in entries {
        let key = (entry.run.difference, entry.run.method);
        let group = groups.entry(key).or_default();
        group.entries.push(entry);
        group.outcomes.extend(entry.raw.judge(settings.table));
    }
    groups
}

impl Group<'_> {
    fn half_widths(&self) -> Vec<f64> {
        self.outcomes.iter().map(Outcome::half_width).collect()
    }

    fn mean_half_width(&self) -> Option<f64> {
        mean(&self.half_widths())
    }

    fn row(
        &self,
        settings: &Settings,
        difference: u32,
        method: Method,
        mean_of_ours: Option<f64>,
    ) -> String {
        let truth = 1.0 + f64::from(difference) / 100.0 * (1.0 - settings.unchanged_share);
        let count = |wanted: &dyn Fn(&Outcome) -> bool| {
            self.outcomes
                .iter()
                .filter(|outcome| wanted(outcome))
                .count()
        };
        let differs = count(&|outcome| is_difference(outcome.claim()));
        // The candidate is never the faster one.
        let wrong = count(&|outcome| outcome.claim() == Claim::Faster);
        let covered = count(&|outcome| outcome.low <= truth && truth <= outcome.high);
        let against = self.mean_half_width().zip(mean_of_ours).map_or_else(
            || "–".to_owned(),
            |(other, ours)| format!("{:.2} ×", other / ours),
        );
        let samples: Vec<f64> = self
            .outcomes
            .iter()
            .map(|outcome| f64::from(outcome.samples))
            .collect();
        format!(
            "| {difference} % | {method} | {} | {} | {differs} | {wrong} | {covered} | {} | {} \
             | {against} | {} | {} | {} |\n",
            self.entries.len(),
            self.entries.len() - self.outcomes.len(),
            percent(self.mean_half_width()),
            percent(stats::median(&self.half_widths())),
            self.own(method),
            mean(&samples).map_or_else(|| "–".to_owned(), |samples| format!("{samples:.0}")),
            self.wall_time(),
        )
    }

    /// How often the method's own statements say that the times differ.
    fn own(&self, method: Method) -> String {
        let statements: &[&str] = match method {
            Method::Ours => &[ours::VERDICT, ours::VERDICT_HALF],
            Method::Hyperfine | Method::HyperfineOneCore => &[hyperfine::OWN],
            Method::Criterion => &[criterion::OWN],
        };
        let told = statements.iter().map(|statement| {
            let claims = self.outcomes.iter();
            let claims = claims.filter_map(|outcome| outcome.claims.get(*statement));
            let differs = claims.filter(|claim| is_difference(**claim)).count();
            format!("{statement}: {differs}")
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// Mean, smallest and largest.
    fn wall_time(&self) -> String {
        let times: Vec<f64> = self.entries.iter().map(|entry| entry.wall_s).collect();
        let least = times.iter().copied().min_by(f64::total_cmp);
        let most = times.iter().copied().max_by(f64::total_cmp);
        match (mean(&times), least, most) {
            (Some(mean), Some(least), Some(most)) => {
                format!("{mean:.1} s ({least:.1} … {most:.1})")
            }
            _ => "–".to_owned(),
        }
    }
}

fn is_difference(claim: Claim) -> bool {
    matches!(claim, Claim::Faster | Claim::Slower)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
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
            "“Differs”: the 95 % interval of candidate ÷ baseline excludes 1, for all methods; at 0 % \
             that is a false alarm. Ours keeps all processes on one core (`compare --pin`); hyperfine \
             is called as its users call it, and, where the table says so, on that core as well. Its \
             interval is Welch's on its exported times (logarithms \
             of the means, delta method); its own conclusion is the ± of its summary. Ours counts \
             restarts: each pair is of new processes.\n"
        }
        Table::Warm => {
            "“Differs”: the 95 % interval of candidate ÷ baseline excludes 1, for both methods; at 0 % \
             that is a false alarm. Criterion's interval is that of its change of the mean; its own \
             conclusion is “improved” or “regressed”. All processes of both are pinned to the same core. \
             Ours counts restarts of the workers; \
             Criterion's interval knows one process per side.\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criterion::Said;
    use crate::log::tests::{entry_of, settings};
    use crate::raw::Raw;

    /// A run whose interval is stated; what kind of times it left does not matter here.
    fn entry(method: Method, difference: u32, low: f64, high: f64) -> Entry {
        Entry {
            raw: Raw::Criterion(Said {
                ratio: f64::midpoint(low, high),
                low,
                high,
                samples: 50,
                verdict: Claim::Slower,
            }),
            ..entry_of(method, 0, difference)
        }
    }

    fn rows(text: &str) -> Vec<String> {
        let rows = text.lines().filter(|line| line.contains(" % | "));
        rows.map(str::to_owned).collect()
    }

    #[test]
    fn alarms_detections_widths_and_silence_are_counted() {
        let silent = Entry {
            raw: Raw::NoAnswer {
                reason: "crashed".to_owned(),
            },
            wall_s: 2.0,
            ..entry_of(Method::Hyperfine, 1, 0)
        };
        let found = rows(&markdown(
            &settings(),
            &[
                entry(Method::Ours, 0, 0.99, 1.01),
                entry(Method::Ours, 0, 1.01, 1.03),
                entry(Method::Criterion, 0, 0.92, 0.98),
                silent,
                entry(Method::Ours, 2, 1.01, 1.03),
            ],
        ));
        assert_eq!(
            found,
            [
                "| 0 % | ours | 2 | 0 | 1 | 0 | 1 | ±1.00 % | ±1.00 % | 1.00 × | verdict, δ = 1 %: 0; \
                 verdict, δ = 0.5 %: 0 | 50 | 9.5 s (9.5 … 9.5) |",
                "| 0 % | hyperfine | 1 | 1 | 0 | 0 | 0 | – | – | – | own ±: 0 | – | 2.0 s (2.0 … 2.0) |",
                "| 0 % | Criterion | 1 | 0 | 1 | 1 | 0 | ±3.00 % | ±3.00 % | 3.00 × | own verdict: 1 | 50 \
                 | 9.5 s (9.5 … 9.5) |",
                "| 2 % | ours | 1 | 0 | 1 | 0 | 1 | ±1.00 % | ±1.00 % | 1.00 × | verdict, δ = 1 %: 0; \
                 verdict, δ = 0.5 %: 0 | 50 | 9.5 s (9.5 … 9.5) |",
            ]
        );
    }

    #[test]
    fn the_header_tells_days_machine_and_versions_of_the_runs() {
        let mut settings = settings();
        settings.host.cpu_model = Some("Some processor".to_owned());
        settings.host.cores = Some(2);
        let mut later = entry_of(Method::Hyperfine, 1, 0);
        (later.taken, later.version) = ("2000-01-03".to_owned(), "hyperfine 1.2.3".to_owned());
        let text = markdown(&settings, &[later, entry_of(Method::Ours, 0, 0)]);
        let start = "2000-01-01 … 2000-01-03, Some processor, 2 cores, 10 s of wall time per run and \
                     method. ours 1, hyperfine 1.2.3.";
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn the_truth_leaves_out_what_no_copy_changes() {
        let mut settings = settings();
        let entries = [entry(Method::Ours, 5, 1.046, 1.049)];
        assert!(rows(&markdown(&settings, &entries))[0].contains("| 1 | 0 | 1 | 0 | 0 |"));
        settings.unchanged_share = 0.05;
        let text = markdown(&settings, &entries);
        assert!(rows(&text)[0].contains("| 1 | 0 | 1 | 0 | 1 |"), "{text}");
        assert!(text.contains("take 5.0 % of its time"), "{text}");
    }

    #[test]
    fn without_ours_there_is_no_ratio() {
        let text = markdown(&settings(), &[entry(Method::Hyperfine, 1, 1.0, 1.02)]);
        assert!(text.contains("| – | own ±: 0"), "{text}");
    }
}
