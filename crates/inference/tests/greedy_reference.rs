//! The engine's greedy tokens against those of another implementation (llama.cpp).
//!
//! `tests/reference/` says how the expected values were made. Both implementations round
//! activations to 8 bits, each at its own places. Measured over all 288 steps of the reference:
//! the logits of either are 0.2 (root mean square) away from those of a forward pass without that
//! rounding, and as far from each other. A lead of one token over another, a difference of two
//! logits, so wanders by √2 · 0.22; where the reference's best token leads by less, either choice
//! is right, and what comes after it has another history and cannot be compared.
#![cfg(feature = "candle")]

mod models;

use inferno_inference::backend::Model;
use inferno_inference::candle::CandleModel;
use inferno_inference::chat::{Message, Role};
use inferno_inference::single;
use serde::Deserialize;

/// A lead below this may be lost to rounding, in logits: √2 · 0.22.
const TIE_LOGITS: f32 = 0.31;

/// Tokens that count as agreement of a whole answer.
const ANSWER_TOKENS: usize = 24;

/// At least so many prompts must agree in all of their first [`ANSWER_TOKENS`] tokens.
const MIN_AGREEING_PROMPTS: usize = 5;

/// Least share of steps at which the best tokens agree, each step following the reference.
const MIN_AGREEING_SHARE: f64 = 0.97;

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
    let mut sequence = single(model).expect("a sequence");
    let mut tokens = vec![best(sequence.prefill(prompt).expect("prefill"))];
    while tokens.len() < count {
        let last = tokens[tokens.len() - 1];
        tokens.push(best(sequence.decode(last).expect("decode")));
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
fn greedy_answers_agree_with_the_reference() {
    let Some(model) = models::real("greedy_answers_agree_with_the_reference") else {
        return;
    };
    let mut agreeing = 0;
    for case in reference().cases {
        let tokens = greedy(&model, &case.prompt_tokens, ANSWER_TOKENS);
        let mut pairs = tokens.iter().zip(&case.tokens);
        let Some(step) = pairs.position(|(ours, theirs)| ours != theirs) else {
            agreeing += 1;
            continue;
        };
        let lead = case.top2_gap[step];
        println!(
            "{:?}: differs from step {step} on, where the lead is {lead}",
            case.prompt
        );
        assert!(
            lead < TIE_LOGITS,
            "{:?}: step {step}, lead {lead}",
            case.prompt
        );
    }
    assert!(
        agreeing >= MIN_AGREEING_PROMPTS,
        "only {agreeing} prompts agree"
    );
}

/// Follows the reference whatever the engine would say, so that every step is compared.
#[test]
fn each_step_agrees_unless_it_is_a_tie() {
    let Some(model) = models::real("each_step_agrees_unless_it_is_a_tie") else {
        return;
    };
    let (mut steps, mut agreeing) = (0_u32, 0_u32);
    for case in reference().cases {
        let mut sequence = single(model.as_ref()).expect("a sequence");
        let mut ours = best(sequence.prefill(&case.prompt_tokens).expect("prefill"));
        for (step, (&theirs, &lead)) in case.tokens.iter().zip(&case.top2_gap).enumerate() {
            steps += 1;
            agreeing += u32::from(ours == theirs);
            let is_tie = lead < TIE_LOGITS;
            assert!(
                ours == theirs || is_tie,
                "{:?}: step {step}, lead {lead}",
                case.prompt
            );
            ours = best(sequence.decode(theirs).expect("decode"));
        }
    }
    let share = f64::from(agreeing) / f64::from(steps);
    println!("{agreeing} of {steps} steps agree");
    assert!(
        share >= MIN_AGREEING_SHARE,
        "{agreeing} of {steps} steps agree"
    );
}
