//! Models on ONNX Runtime: what is refused, and that Magika knows files for what they are.
//!
//! What needs the library or a model runs where a variable names it: see `variables`.
#![cfg(feature = "onnx")]

mod variables;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use inferno_inference::Error;
use inferno_inference::backend::{Backend, BatchModel};
use inferno_inference::onnx::{
    MagikaBackend, MagikaClassifier, OnnxEmbeddingBackend, OnnxSettings,
};
use variables::named;

#[test]
fn a_missing_library_is_an_error_with_a_next_step() {
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED a_missing_library_is_an_error_with_a_next_step: ORT_DYLIB_PATH names one"
        );
        return;
    }
    let settings = OnnxSettings::new("/nonexistent/libonnxruntime.so");
    let model = Path::new("/nonexistent/model.onnx");
    let embedder = OnnxEmbeddingBackend::new(settings.clone()).load(model);
    let classifier = MagikaBackend::new(settings).load(model);
    for error in [
        embedder.expect_err("no library"),
        classifier.expect_err("no library"),
    ] {
        assert!(matches!(error, Error::MissingLibrary { .. }), "{error:?}");
        assert!(error.to_string().contains("/nonexistent/libonnxruntime.so"));
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("fetch onnxruntime"))
        );
        assert_eq!(error.exit_code(), 20);
    }
}

#[test]
fn a_damaged_onnx_model_is_refused() {
    let test = "a_damaged_onnx_model_is_refused";
    let (Some(path), Some(library)) = (
        named("INFERNO_TEST_MAGIKA", test),
        named("ORT_DYLIB_PATH", test),
    ) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (model, config) = (
        directory.path().join("model.onnx"),
        directory.path().join("config.min.json"),
    );
    let load = || {
        let backend = MagikaBackend::new(OnnxSettings::new(&library));
        backend.load(directory.path()).expect_err("refused")
    };
    assert!(matches!(load(), Error::Io { .. }), "there is nothing");
    let real = path.with_file_name("config.min.json");
    std::fs::copy(real, &config).expect("copying");
    let whole = std::fs::read(path).expect("reading");
    for damaged in [&whole[..whole.len() / 2], b"", b"not a model"] {
        std::fs::write(&model, damaged).expect("writing");
        let error = load();
        assert!(matches!(error, Error::CorruptModel { .. }), "{error:?}");
        assert!(error.to_string().contains("model.onnx"), "{error}");
    }
    std::fs::write(&model, &whole).expect("writing");
    let text = std::fs::read_to_string(&config).expect("reading");
    std::fs::write(&config, text.replacen("\"3gp\",", "", 1)).expect("writing");
    let error = load();
    assert!(matches!(error, Error::UnsupportedModel { .. }), "{error:?}");
}

fn magika(test: &str) -> Option<Arc<MagikaClassifier>> {
    static MODEL: OnceLock<Arc<MagikaClassifier>> = OnceLock::new();
    let (path, library) = (
        named("INFERNO_TEST_MAGIKA", test)?,
        named("ORT_DYLIB_PATH", test)?,
    );
    let backend = MagikaBackend::new(OnnxSettings::new(library));
    let load = || Arc::new(backend.load(&path).expect("the model"));
    Some(Arc::clone(MODEL.get_or_init(load)))
}

/// Files whose kind is beyond doubt.
const FILES: [(&str, &str); 3] = [
    (
        "python",
        "#!/usr/bin/env python3\nimport os\nimport sys\n\n\ndef main(arguments):\n    for name in \
         arguments:\n        with open(name) as file:\n            print(name, len(file.read()))\n    \
         return 0\n\n\nif __name__ == \"__main__\":\n    sys.exit(main(sys.argv[1:]))\n",
    ),
    (
        "json",
        "{\n  \"name\": \"example\",\n  \"version\": \"1.0.0\",\n  \"keywords\": [\"one\", \"two\", \
         \"three\"],\n  \"nested\": {\"number\": 3, \"flag\": true, \"nothing\": null}\n}\n",
    ),
    (
        "html",
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Page</title>\n\
         </head>\n<body>\n<h1>Heading</h1>\n<p>A <a href=\"x.html\">link</a>.</p>\n</body>\n</html>\n",
    ),
];

#[test]
fn files_are_known_for_what_they_are() {
    let Some(model) = magika("files_are_known_for_what_they_are") else {
        return;
    };
    assert_eq!(model.labels().len(), 214);
    let contents = FILES.map(|(_, content)| content.as_bytes().to_vec());
    let answers = model.run(&contents).expect("a batch");
    for ((label, _), answer) in FILES.into_iter().zip(answers) {
        let answer = answer.expect("a label");
        assert_eq!(&*answer.label, label);
        assert!((0.5..=1.001).contains(&answer.score), "{answer:?}");
    }
}

#[test]
fn a_batch_of_files_equals_the_files_alone() {
    let Some(model) = magika("a_batch_of_files_equals_the_files_alone") else {
        return;
    };
    let mut contents: Vec<Vec<u8>> = FILES
        .map(|(_, content)| content.as_bytes().to_vec())
        .to_vec();
    contents.push((0..=255).cycle().take(8 << 20).collect());
    contents.push(Vec::new());
    let together = model.run(&contents).expect("a batch");
    for (content, together) in contents.iter().zip(together) {
        let alone = model.run(std::slice::from_ref(content)).expect("a batch");
        let (alone, together) = (
            alone[0].as_ref().expect("a label"),
            together.expect("a label"),
        );
        assert_eq!(alone.label, together.label);
        assert!((alone.score - together.score).abs() < 1e-4);
    }
    let again = |_| {
        model.run(&contents[..1]).expect("a batch")[0]
            .clone()
            .expect("a label")
    };
    let [first, second] = [0, 1].map(again);
    assert_eq!(first, second);
}

#[test]
fn files_that_are_too_small_have_their_label_by_a_rule() {
    let Some(model) = magika("files_that_are_too_small_have_their_label_by_a_rule") else {
        return;
    };
    let files: [(&[u8], &str); 4] = [
        (b"", "empty"),
        (b"seven b", "txt"),
        (b"\xff\xfe", "unknown"),
        (b"          \n\n     x", "txt"),
    ];
    let contents: Vec<Vec<u8>> = files.iter().map(|(content, _)| content.to_vec()).collect();
    let answers = model.run(&contents).expect("a batch");
    for ((_, label), answer) in files.into_iter().zip(answers) {
        let answer = answer.expect("a label");
        assert_eq!(&*answer.label, label);
        assert!((answer.score - 1.0).abs() < f32::EPSILON);
    }
}
