//! Magika: what kind of file some bytes are (Fratantonio et al., "Magika: AI-Powered Content-Type
//! Detection", 2024; <https://github.com/google/magika>).
//!
//! Takes the content of files; gives a label and its probability for each. The labels and the
//! sizes are those of `config.min.json` beside the model. What Magika's own programs make of the
//! label afterwards is not done here: see [`MagikaClassifier`].

mod features;

use std::path::Path;
use std::sync::Arc;

use ort::session::SessionInputValue;
use ort::value::{TensorElementType, TensorRef};

use super::model::{OnnxModel, Port, Signature};
use super::{NAME, OnnxSettings, runtime};
use crate::backend::{Backend, BatchModel, Classification};
use crate::error::Error;
use crate::model_folder::{ModelFolder, read_json, unsupported};
use features::{ConfigFile, Features, Prepared};

/// The main file of a model.
const MODEL_FILE: &str = "model.onnx";

/// The file beside it that describes it.
const CONFIG_FILE: &str = "config.min.json";

/// What the model takes.
const INPUT: &str = "bytes";

/// What the model gives: a probability per label.
const OUTPUT: &str = "target_label";

/// Loads Magika models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagikaBackend {
    settings: OnnxSettings,
}

impl MagikaBackend {
    /// A backend whose models are run by `settings`.
    pub fn new(settings: OnnxSettings) -> Self {
        Self { settings }
    }
}

impl Backend for MagikaBackend {
    type Model = MagikaClassifier;

    const NAME: &'static str = NAME;

    /// Loads the model whose `model.onnx`, or its folder, is at `path`; `config.min.json` lies
    /// beside it.
    fn load(&self, path: &Path) -> Result<MagikaClassifier, Error> {
        MagikaClassifier::load(&self.settings, path)
    }
}

/// A loaded model that says what kind of file some bytes are.
///
/// The answer is the model's best label as it is, with its probability. Magika's own programs go
/// on from there: they rename some labels (`overwrite_map` in the configuration: `randombytes`
/// becomes `unknown`, `randomtxt` becomes `txt`), and replace a label below its threshold
/// (`thresholds`, else `medium_confidence_threshold`) by `txt` or `unknown`. Whoever wants that has
/// label and probability to do it with.
///
/// Of what is too little for the model it is not asked, as in Magika's own programs, and the
/// probability is 1: no bytes are `empty`; a few, or nothing but white space at the beginning, are
/// `txt` when they are UTF-8 and `unknown` when they are not.
#[derive(Debug)]
pub struct MagikaClassifier {
    model: OnnxModel,
    features: Features,
    labels: Vec<Arc<str>>,
}

impl MagikaClassifier {
    fn load(settings: &OnnxSettings, path: &Path) -> Result<Self, Error> {
        let environment = runtime::environment(&settings.library)?;
        let folder = ModelFolder::new(path, MODEL_FILE);
        let config_path = folder.beside(CONFIG_FILE);
        let config: ConfigFile = read_json(&config_path)?;
        let features =
            Features::new(&config).map_err(|problem| unsupported(&config_path, problem))?;
        let labels: Vec<Arc<str>> = config
            .target_labels_space
            .iter()
            .map(|label| Arc::from(label.as_str()))
            .collect();
        let (model, signature) = OnnxModel::load(folder.main(), settings, &environment)?;
        check(&signature, features.count(), labels.len())
            .map_err(|problem| unsupported(folder.main(), problem))?;
        Ok(Self {
            model,
            features,
            labels,
        })
    }

    /// The labels that the model knows.
    pub fn labels(&self) -> &[Arc<str>] {
        &self.labels
    }

    /// One result for each row of `features`.
    fn classify(&self, features: &[i32]) -> Result<Vec<Result<Classification, Error>>, Error> {
        let (columns, labels) = (self.features.count(), self.labels.len());
        let rows = features.len() / columns;
        let tensor =
            TensorRef::from_array_view(([rows, columns], features)).map_err(Error::backend)?;
        let inputs = vec![(INPUT, SessionInputValue::from(tensor))];
        self.model.run(inputs, OUTPUT, |shape, scores| {
            if scores.len() != rows * labels {
                return Err(Error::backend(format!(
                    "the model gave values of shape {shape:?} for {rows} files and {labels} labels"
                )));
            }
            let scores = scores.chunks_exact(labels);
            Ok(scores.map(|scores| best(&self.labels, scores)).collect())
        })
    }
}

/// The label with the highest of `scores`, the first one of equals.
fn best(labels: &[Arc<str>], scores: &[f32]) -> Result<Classification, Error> {
    if !scores.iter().all(|score| score.is_finite()) {
        return Err(Error::NotFinite);
    }
    let (label, &score) = labels
        .iter()
        .zip(scores)
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .expect("a model has labels: `Features::new` sees to it");
    Ok(Classification {
        label: Arc::clone(label),
        score,
    })
}

/// Whether the model takes and gives what the configuration says.
fn check(signature: &Signature, features: usize, labels: usize) -> Result<(), String> {
    let Signature { inputs, outputs } = signature;
    let is_input =
        |port: &Port| port.name == INPUT && port.is_matrix(TensorElementType::Int32, features);
    let is_output =
        |port: &Port| port.name == OUTPUT && port.is_matrix(TensorElementType::Float32, labels);
    if inputs.len() != 1 || !inputs.iter().any(is_input) {
        return Err(format!(
            "{features} 32-bit integers per file called {INPUT:?} should be its one input; it has \
             {inputs:?}"
        ));
    }
    if !outputs.iter().any(is_output) {
        return Err(format!(
            "{labels} 32-bit numbers per file called {OUTPUT:?} should be among its outputs; it \
             has {outputs:?}"
        ));
    }
    Ok(())
}

impl BatchModel for MagikaClassifier {
    type Input = Vec<u8>;
    type Output = Classification;

    fn run(&self, inputs: &[Vec<u8>]) -> Result<Vec<Result<Classification, Error>>, Error> {
        let mut rows = Vec::with_capacity(inputs.len() * self.features.count());
        let prepared: Vec<Prepared> = inputs
            .iter()
            .map(|content| self.features.prepare(content, &mut rows))
            .collect();
        let computed = if rows.is_empty() {
            Vec::new()
        } else {
            self.classify(&rows)?
        };
        let mut computed = computed.into_iter();
        let result = |prepared| match prepared {
            Prepared::Row => computed.next().expect("one result per row"),
            Prepared::Ruled(label) => Ok(Classification {
                label: Arc::from(label),
                score: 1.0,
            }),
        };
        Ok(prepared.into_iter().map(result).collect())
    }

    /// The same for all: the model looks at as many bytes of each.
    fn length(&self, _input: &Vec<u8>) -> usize {
        self.features.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: TensorElementType, columns: i64) -> Port {
        Port {
            name: name.to_owned(),
            element: Some(element),
            shape: vec![-1, columns],
        }
    }

    #[test]
    fn a_model_must_take_and_give_what_its_configuration_says() {
        let signature = |features, labels| Signature {
            inputs: vec![port(INPUT, TensorElementType::Int32, features)],
            outputs: vec![port(OUTPUT, TensorElementType::Float32, labels)],
        };
        check(&signature(2048, 214), 2048, 214).expect("as it says");
        check(&signature(-1, -1), 2048, 214).expect("any number will do");
        for (features, labels, named) in [(1024, 214, INPUT), (2048, 213, OUTPUT)] {
            let problem = check(&signature(features, labels), 2048, 214).expect_err(named);
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn the_first_of_the_highest_scores_wins() {
        let labels: [Arc<str>; 3] = ["a", "b", "c"].map(Arc::from);
        let answer = best(&labels, &[0.2, 0.4, 0.4]).expect("a label");
        assert_eq!(&*answer.label, "b");
        assert!((answer.score - 0.4).abs() < f32::EPSILON);
        let nonsense = best(&labels, &[0.2, f32::NAN, 0.4]);
        assert!(matches!(nonsense, Err(Error::NotFinite)), "{nonsense:?}");
    }
}
