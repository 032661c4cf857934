//! Prometheus' text format (version 0.0.4): what a server says about itself, one value per line.
//!
//! Takes a text that is not trusted; gives its families with their samples, or the line at which it
//! is wrong. Where the text comes from and what becomes of the values is not decided here.
//!
//! - [`json`]: families as one document
//! - `line`: one sample
//! - `check`: what must hold between the samples of a family

mod check;
pub(crate) mod json;
mod line;

use std::collections::HashMap;

/// What a family counts or measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts per bucket, and their sum.
    Histogram,
    /// Quantiles, and their sum.
    Summary,
    /// Nobody said.
    Untyped,
}

impl Kind {
    /// Its name in the format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [
            Self::Counter,
            Self::Gauge,
            Self::Histogram,
            Self::Summary,
            Self::Untyped,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// Ends of sample names that belong to a family of this kind.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge | Self::Untyped => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Summary => &["", "_sum", "_count"],
        }
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The family's name, and what follows it in histograms and summaries.
    pub(crate) name: String,
    /// In the order of the text.
    pub(crate) labels: Vec<(String, String)>,
    /// It may be infinite or no number.
    pub(crate) value: f64,
}

impl Sample {
    /// The value of the label `name`.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(key, _)| key == name);
        label.map(|(_, value)| value.as_str())
    }
}

/// Samples of one name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// The name.
    pub(crate) name: String,
    /// What it is about.
    pub(crate) help: Option<String>,
    /// What it counts or measures.
    pub(crate) kind: Kind,
    /// In the order of the text.
    pub(crate) samples: Vec<Sample>,
}

impl Family {
    fn owns(&self, sample: &str) -> bool {
        let rest = sample.strip_prefix(&self.name);
        rest.is_some_and(|rest| self.kind.suffixes().contains(&rest))
    }
}

/// Where and why a text is not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct Invalid {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What does not hold.
    pub(crate) problem: String,
}

/// The families of `text`, in its order.
pub(crate) fn parse(text: &str) -> Result<Vec<Family>, Invalid> {
    let mut families = Families::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let taken = if line.is_empty() {
            Ok(())
        } else if let Some(comment) = line.strip_prefix('#') {
            families.take_comment(comment.trim_start())
        } else {
            line::parse(line).and_then(|sample| families.take_sample(sample))
        };
        taken.map_err(|problem| Invalid {
            line: index + 1,
            problem,
        })?;
    }
    let line = text.lines().count();
    for family in &families.all {
        check::family(family).map_err(|problem| Invalid { line, problem })?;
    }
    Ok(families.all)
}

#[derive(Debug, Default)]
struct Families {
    all: Vec<Family>,
    /// Numbers in `all`, by name.
    numbers: HashMap<String, usize>,
}

impl Families {
    fn take_comment(&mut self, comment: &str) -> Result<(), String> {
        let (keyword, rest) = split_word(comment);
        let (name, rest) = split_word(rest);
        match keyword {
            "HELP" => {
                let family = self.described(name)?;
                if family.help.replace(line::unescape(rest)?).is_some() {
                    return Err(format!("{name} has two HELP lines"));
                }
            }
            "TYPE" => {
                let kind = Kind::of(rest).ok_or_else(|| format!("{rest:?} is no type"))?;
                let family = self.described(name)?;
                if family.kind != Kind::Untyped {
                    return Err(format!("{name} has two TYPE lines"));
                }
                family.kind = kind;
            }
            // Any other comment says nothing.
            _ => {}
        }
        Ok(())
    }

    /// The family `name`, before its samples.
    fn described(&mut self, name: &str) -> Result<&mut Family, String> {
        if !line::is_metric_name(name) {
            return Err(format!("{name:?} is no name of a metric"));
        }
        let number = self.number(name);
        let is_last = number + 1 == self.all.len();
        let family = &mut self.all[number];
        if !is_last || !family.samples.is_empty() {
            return Err(format!("{name} is described behind its samples"));
        }
        Ok(family)
    }

    fn take_sample(&mut self, sample: Sample) -> Result<(), String> {
        if let Some(last) = self.all.last_mut()
            && last.owns(&sample.name)
        {
            last.samples.push(sample);
            return Ok(());
        }
        let known = self.all.iter().find(|family| family.owns(&sample.name));
        if let Some(family) = known {
            return Err(format!("the samples of {} are not together", family.name));
        }
        if self.numbers.contains_key(&sample.name) {
            return Err(format!("{} does not fit the type of its name", sample.name));
        }
        let number = self.number(&sample.name);
        self.all[number].samples.push(sample);
        Ok(())
    }

    /// The number of the family `name`, which is made when it is new.
    fn number(&mut self, name: &str) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.all.len();
        self.numbers.insert(name.to_owned(), number);
        self.all.push(Family {
            name: name.to_owned(),
            help: None,
            kind: Kind::Untyped,
            samples: Vec::new(),
        });
        number
    }
}

/// The first word and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP requests_total Requests, by \\\\ outcome.
# TYPE requests_total counter
requests_total{outcome=\"ok\",path=\"a\\\"b\\n\"} 3
requests_total{outcome=\"failed\"} 0 1700000000000

# any other comment
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"0.1\"} 1
wait_seconds_bucket{le=\"+Inf\"} 2
wait_seconds_sum 1.25
wait_seconds_count 2
up 1
";

    fn problem(text: &str) -> (usize, String) {
        let invalid = parse(text).expect_err(text);
        (invalid.line, invalid.problem)
    }

    #[test]
    fn families_have_their_types_labels_and_values() {
        let families = parse(TEXT).expect("a valid text");
        let kinds: Vec<_> = families
            .iter()
            .map(|family| (family.name.as_str(), family.kind, family.samples.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("requests_total", Kind::Counter, 2),
                ("wait_seconds", Kind::Histogram, 4),
                ("up", Kind::Untyped, 1),
            ]
        );
        assert_eq!(
            families[0].help.as_deref(),
            Some("Requests, by \\ outcome.")
        );
        assert_eq!(families[0].samples[0].label("path"), Some("a\"b\n"));
        assert!((families[1].samples[2].value - 1.25).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_text_has_no_families() {
        assert_eq!(parse("\n\n"), Ok(Vec::new()));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, line, part) in [
            ("up 1\n<html>", 2, "name"),
            ("up{a=b} 1", 1, "label"),
            ("up{a=\"b\" 1", 1, "label"),
            ("up one", 1, "number"),
            ("up", 1, "value"),
            ("# TYPE up counted", 1, "type"),
            ("up 1\n# TYPE up gauge", 2, "behind"),
            ("a 1\nb 1\na 2", 3, "together"),
            ("up 1\nup 2", 2, "twice"),
            ("# TYPE n counter\nn -1", 2, "negative"),
        ] {
            let (actual, problem) = problem(text);
            assert_eq!(actual, line, "{text}: {problem}");
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn a_histogram_adds_up() {
        let head = "# TYPE h histogram\n";
        for (samples, part) in [
            ("h_sum 1\nh_count 1", "+Inf"),
            (
                "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1",
                "fewer",
            ),
            ("h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2", "count"),
            ("h_bucket{le=\"+Inf\"} 1\nh_count 1", "sum"),
        ] {
            let (_, problem) = problem(&format!("{head}{samples}"));
            assert!(problem.contains(part), "{samples}: {problem}");
        }
    }
}
