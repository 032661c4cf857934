//! The score of one program, as the record has it.
//!
//! Takes evidence, calibration rows and, where there is one, the profile; gives a [`Suitability`].

use inferno_measure::record::{Profile, Suitability, SuitabilityInput};
use inferno_measure::regression::Prediction;

use super::calibration::{Identity, Row};
use super::evidence::{Evidence, Input};
use super::model::Model;

/// The gain that scores 100: the highest that the documents expect of profile-guided optimisation
/// (15 to 30 %).
pub(super) const FULL_GAIN: f64 = 0.30;

/// Scores a program by the rows of all others. Without a calibrated model, or without an input that
/// the model needs, the score is absent and the reason is said.
pub fn score(
    evidence: &Evidence,
    rows: &[Row],
    program: Identity<'_>,
    profile: Option<&Profile>,
) -> Suitability {
    let (own, others): (Vec<Row>, Vec<Row>) =
        rows.iter().cloned().partition(|row| row.is_of(program));
    let inputs = Input::ALL.into_iter().filter_map(|input| {
        let measured = evidence.0.get(&input)?;
        let shown = SuitabilityInput {
            value: measured.value,
            unit: input.unit().into(),
            detail: measured.detail.clone(),
        };
        Some((input.name().to_owned(), shown))
    });
    let mut suitability = Suitability {
        inputs: inputs.collect(),
        ..Suitability::default()
    };
    let model = match Model::calibrate(&others) {
        Ok(model) => model,
        Err(not_calibrated) => {
            suitability.reason = Some(format!("{}{}", not_calibrated.0, left_out(&own)));
            return suitability;
        }
    };
    suitability.formula = Some(format!("{}{}", model.formula(), left_out(&own)));
    suitability.calibration_programs = u32::try_from(model.programs).ok();
    match model.predict(evidence) {
        Ok(prediction) => {
            fill(&mut suitability, prediction);
            suitability.confidence = Some(confidence(evidence, profile));
        }
        Err(missing) => {
            let names: Vec<&str> = missing.iter().map(|input| input.name()).collect();
            suitability.reason = Some(format!(
                "these inputs are not measured: {}",
                names.join(", ")
            ));
        }
    }
    suitability
}

/// Says which rows were not fitted on, because they are the program's own.
fn left_out(own: &[Row]) -> String {
    if own.is_empty() {
        return String::new();
    }
    let names: Vec<String> = own.iter().map(|row| format!("`{}`", row.name)).collect();
    format!(
        "; fitted without what was measured under this program's own name ({})",
        names.join(", ")
    )
}

fn fill(suitability: &mut Suitability, prediction: Prediction) {
    let gain = |log_gain: f64| 1.0 - (-log_gain).exp();
    suitability.predicted_gain = Some(gain(prediction.value));
    suitability.predicted_gain_low = Some(gain(prediction.low));
    suitability.predicted_gain_high = Some(gain(prediction.high));
    suitability.score = Some(points(gain(prediction.value)));
    suitability.low = Some(points(gain(prediction.low)));
    suitability.high = Some(points(gain(prediction.high)));
}

/// 0 for no gain or a loss, 100 for [`FULL_GAIN`] or more.
pub(crate) fn points(gain: f64) -> f64 {
    (100.0 * gain / FULL_GAIN).clamp(0.0, 100.0)
}

/// The share of inputs that were measured × the overlap of training and holdout × the share of
/// counts that the build could use; what is not known of the profile does not lower it.
fn confidence(evidence: &Evidence, profile: Option<&Profile>) -> f64 {
    let measured = Input::ALL
        .iter()
        .filter(|input| evidence.value(**input).is_some())
        .count();
    let of_profile = |share: fn(&Profile) -> Option<f64>| profile.and_then(share);
    let overlap = of_profile(|profile| profile.holdout_overlap).unwrap_or(1.0);
    let discarded = of_profile(|profile| profile.counts_discarded_share).unwrap_or(0.0);
    measured as f64 / Input::ALL.len() as f64
        * overlap.clamp(0.0, 1.0)
        * (1.0 - discarded).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Measured;
    use super::super::model::tests::{evidence, rows};
    use super::*;

    /// A program that has no row.
    const NEW: Identity<'_> = Identity {
        spec: "new",
        binary: "new",
    };

    fn profile(holdout_overlap: Option<f64>) -> Profile {
        let profile = serde_json::json!({
            "sha256": "00",
            "counts_discarded_share": 0.0,
            "holdout_overlap": holdout_overlap,
            "workloads": [],
        });
        serde_json::from_value(profile).expect("a profile")
    }

    #[test]
    fn points_are_monotone_and_between_0_and_100() {
        let gains: Vec<f64> = (-200..=200).map(|n| f64::from(n) / 100.0).collect();
        for pair in gains.windows(2) {
            assert!(points(pair[0]) <= points(pair[1]));
            assert!((0.0..=100.0).contains(&points(pair[0])));
        }
        assert!(points(-0.1).abs() < 1e-9);
        assert!((points(0.15) - 50.0).abs() < 1e-9);
        assert!((points(0.5) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn every_score_lies_within_its_interval() {
        let rows = rows();
        for row in &rows {
            let suitability = score(&evidence(row), &rows, NEW, None);
            let (score, low, high) = (
                suitability.score.expect("a score"),
                suitability.low.expect("a bound"),
                suitability.high.expect("a bound"),
            );
            assert!(0.0 <= low && low <= score && score <= high && high <= 100.0);
            assert_eq!(suitability.confidence, Some(1.0));
            assert_eq!(suitability.inputs.len(), Input::ALL.len());
        }
    }

    #[test]
    fn a_poor_profile_lowers_confidence_and_not_the_score() {
        let rows = rows();
        let plain = score(&evidence(&rows[4]), &rows, NEW, Some(&profile(None)));
        let poor = score(&evidence(&rows[4]), &rows, NEW, Some(&profile(Some(0.4))));
        assert_eq!(plain.score, poor.score);
        assert_eq!(plain.confidence, Some(1.0));
        assert_eq!(poor.confidence, Some(0.4));
    }

    #[test]
    fn an_input_that_is_missing_withholds_the_score_or_lowers_confidence() {
        let rows = rows();
        let mut needed = evidence(&rows[4]);
        needed.0.insert(Input::Calls, Measured::not("no valgrind"));
        let withheld = score(&needed, &rows, NEW, None);
        assert_eq!((withheld.score, withheld.confidence), (None, None));
        assert!(
            withheld
                .reason
                .is_some_and(|reason| reason.contains("calls"))
        );
        let mut unused = evidence(&rows[4]);
        unused
            .0
            .insert(Input::CodeLines, Measured::not("no valgrind"));
        let known = score(&unused, &rows, NEW, None);
        assert!(known.score.is_some());
        assert!(known.confidence.is_some_and(|confidence| confidence < 1.0));
    }

    #[test]
    fn without_calibration_there_is_no_score() {
        let suitability = score(&evidence(&rows()[4]), &[], NEW, None);
        assert_eq!(suitability.score, None);
        assert!(
            suitability
                .reason
                .is_some_and(|reason| reason.starts_with("not calibrated"))
        );
    }

    #[test]
    fn what_was_measured_of_a_program_does_not_go_into_its_own_score() {
        let rows = rows();
        let own = &rows[9];
        for (spec, binary) in [
            (own.name.as_str(), "other"),
            ("other", own.name.as_str()),
            ("the-spec", "other"),
            ("other", "the-binary"),
        ] {
            let program = Identity { spec, binary };
            let scored = |effect: f64| {
                let mut rows = rows.clone();
                rows[9].spec = Some("the-spec".into());
                rows[9].binary = Some("the-binary".into());
                rows[9].effect = effect;
                score(&evidence(&rows[9]), &rows, program, None)
            };
            let (gains, loses) = (scored(0.5), scored(2.0));
            assert_eq!(gains, loses, "{program:?}");
            assert!(gains.score.is_some());
            assert_eq!(gains.calibration_programs, Some(13));
            let formula = gains.formula.expect("a formula");
            assert!(formula.contains("without what was measured"), "{formula}");
        }
        // Of another program, the row counts.
        let with = |effect: f64| {
            let mut rows = rows.clone();
            rows[9].effect = effect;
            score(&evidence(&rows[4]), &rows, NEW, None)
        };
        assert_ne!(with(0.5).predicted_gain, with(2.0).predicted_gain);
    }
}
