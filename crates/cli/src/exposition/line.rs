//! One sample: a name, labels, a value and perhaps a time, which is not kept.

use super::Sample;

/// The sample of `line`, which has no space around it.
pub(super) fn parse(line: &str) -> Result<Sample, String> {
    let name_bytes = line
        .find(|character| !is_name_character(character))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(name_bytes);
    if !is_metric_name(name) {
        return Err(format!("{line:?} begins with no name of a metric"));
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or_else(|| format!("{name} has no value"))?;
    let value = parse_value(value)?;
    if let Some(time) = words.next() {
        time.parse::<i64>()
            .map_err(|_| format!("{time:?} is no number of milliseconds"))?;
    }
    if let Some(word) = words.next() {
        return Err(format!("{word:?} follows the sample"));
    }
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Whether `name` may name a metric.
pub(super) fn is_metric_name(name: &str) -> bool {
    name.starts_with(|first: char| !first.is_ascii_digit()) && name.chars().all(is_name_character)
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':')
}

fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// A value as the format writes it; Rust reads `+Inf` and `NaN` as well.
fn parse_value(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// Labels up to the closing brace, and what follows it.
fn parse_labels(text: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, quoted) = rest
            .split_once('=')
            .ok_or_else(|| format!("the label at {rest:?} has no value"))?;
        let name = name.trim();
        if !is_label_name(name) {
            return Err(format!("{name:?} is no name of a label"));
        }
        if labels.iter().any(|(known, _)| known == name) {
            return Err(format!("the label {name} is there twice"));
        }
        let quoted = quoted
            .trim_start()
            .strip_prefix('"')
            .ok_or_else(|| format!("the value of the label {name} is not in quotes"))?;
        let end = closing_quote(quoted)
            .ok_or_else(|| format!("the value of the label {name} has no closing quote"))?;
        labels.push((name.to_owned(), unescape(&quoted[..end])?));
        rest = quoted[end + 1..].trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.starts_with('}') {
            return Err(format!("no comma or brace follows the label {name}"));
        }
    }
}

/// Where the first quote is that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// The text that `escaped` stands for.
pub(super) fn unescape(escaped: &str) -> Result<String, String> {
    let mut text = String::with_capacity(escaped.len());
    let mut characters = escaped.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match characters.next() {
            Some('n') => '\n',
            Some(escaped @ ('\\' | '"')) => escaped,
            other => return Err(format!("\\{} is no escape", other.unwrap_or(' '))),
        });
    }
    Ok(text)
}
