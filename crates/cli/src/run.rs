//! `inferno run`: one prompt, answered token by token.
//!
//! Takes a prompt; gives the answer's text on stdout as it grows, and where the time went on
//! stderr. The first SIGINT or SIGTERM withdraws the request: what was said by then stays said.

use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use inferno_inference::Error;
use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::{AtEnd, Completion, EngineConfig, Event, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;

use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::{exit, signals};

/// What is asked, of which model, and how it is answered.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    /// Most tokens of the answer
    #[arg(long, value_name = "N", default_value = "512")]
    max_tokens: NonZeroUsize,

    /// Randomness of the answer; 0 always takes the best token
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,

    /// Share of the probability that tokens are drawn from, when the temperature is not 0
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    top_p: f32,

    /// Decides the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Send the prompt as it is, without the model's chat template
    #[arg(long)]
    raw: bool,

    /// The prompt; `-` reads it from stdin
    prompt: String,
}

/// Answers the prompt; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let path = arguments.model.path()?;
    let request = arguments.request()?;
    let engine = arguments.model.start(&path, EngineConfig::default())?;
    let (sender, events) = mpsc::channel();
    let sink = move |event| {
        // Nobody listens any more once writing has failed.
        let _ = sender.send(event);
    };
    let handle = engine.submit(request, Box::new(sink))?;
    let (signalled, signal) = mpsc::channel();
    let on_signal = handle.clone();
    signals::listen(move |signal| {
        let _ = signalled.send(signal);
        on_signal.cancel();
    })?;
    let answered = write_answer(&events).inspect_err(|_| handle.cancel())?;
    match (answered, signal.try_recv()) {
        (Ok(completion), _) => {
            eprint!("{}", figures(&completion));
            Ok(exit::ANSWERED)
        }
        (Err(Error::Cancelled), Ok(signal)) => {
            eprintln!("{}: the answer is not complete", signal.name());
            Ok(signal.exit_code())
        }
        (Err(error), _) => Err(error.into()),
    }
}

impl Arguments {
    fn request(&self) -> Result<Request, Failure> {
        let text = self.text()?;
        let prompt = if self.raw {
            Prompt::Raw(text)
        } else {
            Prompt::Chat(vec![Message {
                role: Role::User,
                content: text,
            }])
        };
        let sampling = if self.temperature == 0.0 {
            Sampling::Greedy
        } else {
            Sampling::Random {
                temperature: self.temperature,
                top_p: self.top_p,
                seed: self.seed,
            }
        };
        let limits = Limits {
            max_tokens: self.max_tokens,
            sampling,
            at_end: AtEnd::Stop,
            stop_texts: Vec::new(),
        };
        Ok(Request::new(prompt, limits))
    }

    /// The prompt's text; what is read from stdin loses the end of its last line.
    fn text(&self) -> Result<String, Failure> {
        if self.prompt != "-" {
            return Ok(self.prompt.clone());
        }
        let mut text = String::new();
        io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(Failure::Input)?;
        let end = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(end);
        Ok(text)
    }
}

/// Writes the text as it comes, up to the end of the answer, which is the result.
fn write_answer(events: &mpsc::Receiver<Event>) -> Result<Result<Completion, Error>, Failure> {
    let mut out = io::stdout().lock();
    loop {
        match events.recv() {
            Ok(Event::Text(text)) => {
                out.write_all(text.as_bytes())
                    .and_then(|()| out.flush())
                    .map_err(Failure::Output)?;
            }
            Ok(Event::Done(result)) => {
                writeln!(out).map_err(Failure::Output)?;
                return Ok(result);
            }
            Err(mpsc::RecvError) => return Ok(Err(Error::EngineStopped)),
        }
    }
}

/// Where the time of `completion` went.
fn figures(completion: &Completion) -> String {
    let timings = &completion.timings;
    let computed = completion.prompt_tokens - completion.reused_tokens;
    let times = &completion.token_times;
    // The first token comes out of the prompt's passes.
    let decoded = times.len().saturating_sub(1);
    let decode = match (times.first(), times.last()) {
        (Some(first), Some(last)) => last.saturating_sub(*first),
        _ => Duration::ZERO,
    };
    format!(
        "Prefill: {}\nDecode: {}\nFirst token: {:.3} s\nTotal: {:.3} s\n",
        rate(computed, timings.prefill),
        rate(decoded, decode),
        timings.first_token.as_secs_f64(),
        timings.total.as_secs_f64(),
    )
}

fn rate(tokens: usize, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if tokens == 0 || seconds == 0.0 {
        return "n/a (no token)".to_owned();
    }
    format!(
        "{tokens} tokens in {seconds:.3} s ({:.1} tokens/s)",
        tokens as f64 / seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_tokens_is_none() {
        assert_eq!(rate(0, Duration::from_secs(1)), "n/a (no token)");
        assert_eq!(
            rate(10, Duration::from_millis(500)),
            "10 tokens in 0.500 s (20.0 tokens/s)"
        );
    }
}
