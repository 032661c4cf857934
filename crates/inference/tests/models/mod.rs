//! The models that tests run on: the synthetic one always, the real one when there is one.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, OnceLock};

use inferno_inference::backend::Backend;
use inferno_inference::candle::{CandleBackend, CandleModel, threads};

/// Makes candle's pool with one thread: tests run beside each other already, and threads that
/// spin at a barrier slow each other down.
pub(crate) fn one_thread() {
    static POOL: Once = Once::new();
    POOL.call_once(|| {
        #[expect(
            unsafe_code,
            reason = "the number of threads passes through the environment"
        )]
        // SAFETY: whatever reads the environment in these tests does so through `std::env`.
        unsafe { threads::start_pool(NonZeroUsize::MIN) }.expect("no product came before");
    });
}

/// The file of `synthetic-tiny`, written once per test program.
pub(crate) fn synthetic_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    one_thread();
    PATH.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("synthetic-tiny.gguf");
        inferno_provision::synthetic::write(&path).expect("writing the synthetic model");
        path
    })
}

/// `synthetic-tiny` on candle, loaded once per test program.
#[allow(dead_code, reason = "not every test program needs it")]
pub(crate) fn synthetic() -> Arc<CandleModel> {
    static MODEL: OnceLock<Arc<CandleModel>> = OnceLock::new();
    let load = || {
        Arc::new(
            CandleBackend
                .load(synthetic_path())
                .expect("loading the synthetic model"),
        )
    };
    Arc::clone(MODEL.get_or_init(load))
}

/// The model that `BENCH_MODEL_PATH` names; says so on the terminal when `test` is skipped for
/// want of it, past the capture of test output.
#[allow(dead_code, reason = "not every test program needs it")]
pub(crate) fn real(test: &str) -> Option<Arc<CandleModel>> {
    let Some(path) = std::env::var_os("BENCH_MODEL_PATH") else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: set BENCH_MODEL_PATH to the SmolLM2-135M-Instruct GGUF to run it"
        );
        return None;
    };
    one_thread();
    let model = CandleBackend.load(Path::new(&path));
    Some(Arc::new(
        model.expect("loading the model of BENCH_MODEL_PATH"),
    ))
}

/// `synthetic-tiny` on llama.cpp, loaded once per test program.
#[cfg(feature = "llama")]
#[allow(dead_code, reason = "not every test program needs it")]
pub(crate) fn synthetic_llama() -> Arc<inferno_inference::llama::LlamaModel> {
    use inferno_inference::llama::{LlamaBackend, LlamaModel};
    static MODEL: OnceLock<Arc<LlamaModel>> = OnceLock::new();
    let backend = LlamaBackend {
        threads: NonZeroUsize::MIN,
    };
    let load = || {
        Arc::new(
            backend
                .load(synthetic_path())
                .expect("loading the synthetic model"),
        )
    };
    Arc::clone(MODEL.get_or_init(load))
}
