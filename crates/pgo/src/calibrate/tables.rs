//! The generated part of `docs/suitability.md`: predicted against measured, and how good that is.
//!
//! Takes rows; gives Markdown. The text stands between two markers, and a test checks that it is
//! the one that the rows give.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::suitability::calibration::Row;
use crate::suitability::evidence::Input;
use crate::suitability::model::{self, Model, Skill};
use crate::suitability::points;

const BEGIN: &str = "<!-- calibration: begin -->\n";
const END: &str = "<!-- calibration: end -->\n";

/// Single inputs that are listed beside the model, the best first.
const LISTED: usize = 5;

/// Writes the tables into the document, between its markers.
///
/// # Errors
/// [`Error::Usage`] when the markers are missing.
pub fn update(document: &Path, rows: &[Row]) -> Result<()> {
    let text = std::fs::read_to_string(document).map_err(Error::io("read", document))?;
    let replaced = replaced(&text, &markdown(rows)).ok_or_else(|| Error::Usage {
        message: format!("{} has no calibration markers", document.display()),
        hint: "restore the file".into(),
    })?;
    Ok(inferno_measure::write_atomically(
        document,
        replaced.as_bytes(),
    )?)
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// The tables.
pub fn markdown(rows: &[Row]) -> String {
    let rows = model::complete(rows);
    let model = match Model::calibrate(&rows) {
        Ok(model) => model,
        Err(reason) => return format!("No score is given: {}.\n", reason.0),
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Formula from {} programs: {}.\n",
        rows.len(),
        model.formula()
    );
    let _ = writeln!(
        text,
        "Residual error s = {:.4} of g with {} degrees of freedom.\n",
        model.fit.residual_error, model.fit.degrees_of_freedom
    );
    if let Some(unseen) = model::unseen(&rows) {
        programs(&mut text, &rows, &model, &unseen);
        skills(&mut text, &rows, unseen);
    }
    inputs(&mut text, &rows);
    origins(&mut text, &rows);
    text
}

fn programs(text: &mut String, rows: &[Row], model: &Model, unseen: &Skill) {
    let _ = writeln!(
        text,
        "| program | kind | measured change of time | 95 % interval | verdict | predicted without it | score without it | predicted, in the fit |\n|---|---|---:|---:|---|---:|---:|---:|"
    );
    for (row, predicted) in rows.iter().zip(&unseen.predicted) {
        let fitted = model.predict_row(row);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} … {} | {} | {} | {:.0} | {} |",
            row.name,
            row.kind,
            change(row.effect),
            change(row.ci_low),
            change(row.ci_high),
            verdict(row),
            change((-predicted).exp()),
            points(1.0 - (-predicted).exp()),
            fitted.map_or("not measured".into(), |fitted| change(
                (-fitted.value).exp()
            )),
        );
    }
    let _ = writeln!(text);
}

fn skills(text: &mut String, rows: &[Row], unseen: Skill) {
    let singles = model::singles(rows);
    let _ = writeln!(
        text,
        "{}\n",
        comparison(&unseen, singles.first(), singles.len())
    );
    let _ = writeln!(
        text,
        "| predictor, each row left out in turn | error of g (RMSE) | rank correlation |\n|---|---:|---:|"
    );
    let mut listed = vec![unseen];
    listed.extend(singles.into_iter().take(LISTED));
    listed.extend(model::constant(rows));
    for skill in listed {
        let _ = writeln!(
            text,
            "| {} | {:.4} | {} |",
            skill.name,
            skill.error,
            correlation(&skill)
        );
    }
    let _ = writeln!(text);
}

/// Whether the model is worth its inputs, in one sentence.
fn comparison(unseen: &Skill, single: Option<&Skill>, singles: usize) -> String {
    let Some(single) = single else {
        return "No single input predicts anything.".into();
    };
    let beats = if unseen.error < single.error {
        "It beats the best single input"
    } else {
        "It does **not** beat the best single input"
    };
    format!(
        "Each program is predicted by a fit to the others: error {:.4}, rank correlation {}. {beats} of {singles} tried, {} (error {:.4}, rank correlation {}). The latter was chosen with all rows, and so was the form of the model.",
        unseen.error,
        correlation(unseen),
        single.name,
        single.error,
        correlation(single),
    )
}

fn inputs(text: &mut String, rows: &[Row]) {
    let names: Vec<&str> = Input::ALL.iter().map(|input| input.name()).collect();
    let _ = writeln!(text, "| program | {} |", names.join(" | "));
    let _ = writeln!(text, "|---{}|", "|---:".repeat(names.len()));
    for row in rows {
        let values: Vec<String> = Input::ALL
            .iter()
            .map(|input| {
                row.value(*input)
                    .map_or("not measured".into(), |value| format!("{value:.2}"))
            })
            .collect();
        let _ = writeln!(text, "| {} | {} |", row.name, values.join(" | "));
    }
    let _ = writeln!(text);
}

fn origins(text: &mut String, rows: &[Row]) {
    let mut origins: Vec<String> = rows
        .iter()
        .map(|row| format!("{}, {}, {}", row.date, row.cpu_model, row.rustc))
        .collect();
    origins.sort();
    origins.dedup();
    let _ = writeln!(text, "Measured: {}.", origins.join("; "));
}

fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let sign = if percent < 0.0 { "−" } else { "+" };
    format!("{sign}{:.1} %", percent.abs())
}

fn correlation(skill: &Skill) -> String {
    skill
        .rank_correlation
        .map_or("not measured".into(), |value| format!("{value:.2}"))
}

fn verdict(row: &Row) -> String {
    serde_json::to_value(row.verdict)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suitability::calibration;
    use crate::suitability::model::tests::rows;

    #[test]
    fn the_document_is_in_step_with_the_rows() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/suitability.md");
        let text = std::fs::read_to_string(&path).expect("the document");
        let tables = markdown(&calibration::embedded().expect("rows"));
        let expected = replaced(&text, &tables).expect("markers");
        assert!(
            text == expected,
            "docs/suitability.md is out of step: cargo xtask calibrate --document"
        );
    }

    #[test]
    fn tables_show_every_program_and_how_good_the_prediction_is() {
        let rows = rows();
        let text = markdown(&rows);
        for row in &rows {
            assert_eq!(text.matches(&format!("| {} |", row.name)).count(), 2);
        }
        assert!(text.contains("It beats the best single input"), "{text}");
        assert!(text.contains("the mean of the others"));
        assert!(!text.contains("NaN"), "{text}");
    }

    #[test]
    fn the_score_of_a_row_does_not_know_its_effect() {
        let scored = |effect: f64| {
            let mut rows = rows();
            rows[9].effect = effect;
            let text = markdown(&rows);
            let line = text.lines().find(|line| line.starts_with("| program-9 |"));
            let cells: Vec<&str> = line.expect("a row").split('|').map(str::trim).collect();
            (
                cells[6].to_owned(),
                cells[7].to_owned(),
                cells[8].to_owned(),
            )
        };
        let (gains, loses) = (scored(0.5), scored(2.0));
        assert_eq!((&gains.0, &gains.1), (&loses.0, &loses.1));
        assert_ne!(gains.2, loses.2, "the fit does");
    }

    #[test]
    fn few_rows_give_no_table() {
        assert!(markdown(&rows()[..4]).starts_with("No score is given: not calibrated"));
    }

    #[test]
    fn only_the_part_between_the_markers_is_replaced() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let once = replaced(&text, "new").expect("markers");
        assert_eq!(once, format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(replaced(&once, "new").as_ref(), Some(&once));
        assert_eq!(replaced("no markers", "new"), None);
    }
}
