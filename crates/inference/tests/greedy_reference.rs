//! The engine's greedy tokens against those of another implementation (llama.cpp).
//!
//! `tests/reference/` says how the expected values were made. The two implementations round
//! differently: where the reference's best token leads by almost nothing, either choice is right.
//! So tokens must be equal up to the first step at which the reference's lead is below
//! [`TIE_LOGITS`]; beyond a tie the two answers have different histories and cannot be compared.
#![cfg(feature = "candle")]

mod models;

use inferno_inference::backend::{Model, Session};
use inferno_inference::candle::CandleModel;
use inferno_inference::chat::{Message, Role};
use serde::Deserialize;

/// A lead below this may be lost to rounding, in logits.
const TIE_LOGITS: f32 = 9.0;

/// At least so many cases must agree in all their tokens.
const MIN_WHOLE_CASES: usize = 5;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    raw: bool,
    prompt: String,
    templated: String,
    prompt_tokens: Vec<u32>,
    tokens: Vec<u32>,
    top2_gap: Vec<f32>,
}

fn reference() -> Reference {
    let text = include_str!("reference/smollm2-135m-instruct-q4_1.json");
    serde_json::from_str(text).expect("the reference is valid")
}

fn best(logits: &[f32]) -> u32 {
    let best = (0_u32..).zip(logits).max_by(|a, b| a.1.total_cmp(b.1));
    best.expect("logits").0
}

fn greedy(model: &CandleModel, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut session = model.session().expect("a session");
    let mut tokens = vec![best(session.prefill(prompt).expect("prefill"))];
    while tokens.len() < count {
        let last = tokens[tokens.len() - 1];
        tokens.push(best(session.decode(last).expect("decode")));
    }
    tokens
}

#[test]
fn prompts_are_templated_and_cut_as_by_the_reference() {
    let Some(model) = models::real("prompts_are_templated_and_cut_as_by_the_reference") else {
        return;
    };
    for case in reference().cases {
        let text = if case.raw {
            case.prompt.clone()
        } else {
            let message = Message {
                role: Role::User,
                content: case.prompt.clone(),
            };
            let template = model.chat_template().expect("a chat template");
            template.render(&[message]).expect("rendering")
        };
        assert_eq!(text, case.templated);
        let tokens = model.tokenizer().encode(&text).expect("encoding");
        assert_eq!(tokens, case.prompt_tokens, "{:?}", case.prompt);
    }
}

#[test]
fn greedy_tokens_agree_with_the_reference() {
    let Some(model) = models::real("greedy_tokens_agree_with_the_reference") else {
        return;
    };
    let mut whole = 0;
    for case in reference().cases {
        let tokens = greedy(&model, &case.prompt_tokens, case.tokens.len());
        let differs = tokens
            .iter()
            .zip(&case.tokens)
            .position(|(ours, theirs)| ours != theirs);
        match differs {
            None => whole += 1,
            Some(step) => {
                let lead = case.top2_gap[step];
                eprintln!("{:?}: differs at step {step}, lead {lead}", case.prompt);
                assert!(
                    lead < TIE_LOGITS,
                    "{:?}: step {step}: lead {lead}",
                    case.prompt
                );
            }
        }
    }
    assert!(
        whole >= MIN_WHOLE_CASES,
        "only {whole} cases agree in all tokens"
    );
}
