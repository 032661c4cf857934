//! What every backend must do, written once over the traits and run for each backend.
#![cfg(feature = "candle")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "all checks have one signature; most need the model for themselves"
)]

mod models;

use std::num::NonZeroUsize;
use std::sync::Arc;

use inferno_inference::Error;
use inferno_inference::backend::{Model, Session};
use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::{
    AtEnd, Completion, Engine, EngineConfig, Limits, Prompt, Request, StopReason, generate,
};
use inferno_inference::sampling::Sampling;

/// Runs each check of the suite on one model, one test per check.
macro_rules! conformance {
    ($backend:ident, $model:expr, [$($check:ident),+ $(,)?]) => {
        mod $backend {
            $(
                #[test]
                fn $check() {
                    super::$check($model);
                }
            )+
        }
    };
}

conformance!(
    candle,
    super::models::synthetic(),
    [
        the_same_request_gives_the_same_answer,
        a_seed_decides_random_answers,
        an_answer_stops_at_its_most_tokens,
        an_answer_stops_at_an_end_token,
        end_tokens_can_be_ignored,
        an_answer_stops_when_the_context_is_full,
        an_empty_prompt_is_an_error,
        a_prompt_beyond_the_context_is_an_error,
        unknown_tokens_are_an_error,
        an_error_leaves_the_session_as_it_was,
        a_reset_session_is_like_a_new_one,
        prefill_equals_decoding_one_by_one,
        sessions_do_not_disturb_each_other,
        concurrent_requests_equal_serial_ones,
        timings_add_up,
        a_full_queue_refuses_and_the_others_are_served,
        text_survives_the_tokenizer,
        characters_lie_across_tokens,
        control_tokens_are_tokens_and_not_text,
        chat_prompts_are_templated,
    ]
);

fn limits(max_tokens: usize) -> Limits {
    Limits {
        max_tokens: NonZeroUsize::new(max_tokens).expect("not zero"),
        sampling: Sampling::Greedy,
        at_end: AtEnd::Stop,
    }
}

fn raw(text: &str, limits: Limits) -> Request {
    Request {
        prompt: Prompt::Raw(text.to_owned()),
        limits,
    }
}

fn engine<M: Model>(model: Arc<M>, slots: usize, queue_capacity: usize) -> Engine<M> {
    let config = EngineConfig {
        slots: NonZeroUsize::new(slots).expect("not zero"),
        queue_capacity: NonZeroUsize::new(queue_capacity).expect("not zero"),
    };
    Engine::new(model, config).expect("an engine")
}

fn serve<M: Model>(model: Arc<M>, request: Request) -> Result<Completion, Error> {
    engine(model, 1, 1).submit(request)?.wait()
}

fn encode(model: &impl Model, text: &str) -> Vec<u32> {
    model.tokenizer().encode(text).expect("encoding")
}

/// Logits may differ by rounding where a backend computes many tokens at once in another order.
fn assert_close(left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), right.len());
    let largest = left.iter().fold(1.0_f32, |max, value| max.max(value.abs()));
    for (left, right) in left.iter().zip(right) {
        assert!((left - right).abs() <= 1e-3 * largest, "{left} and {right}");
    }
}

fn the_same_request_gives_the_same_answer(model: Arc<impl Model>) {
    let answer = || serve(Arc::clone(&model), raw("Once upon a time", limits(12))).expect("served");
    let (first, second) = (answer(), answer());
    assert_eq!(first.tokens, second.tokens);
    assert_eq!(first.text, second.text);
    assert_eq!(first.tokens.len(), 12);
}

fn a_seed_decides_random_answers(model: Arc<impl Model>) {
    let answer = |seed| {
        let sampling = Sampling::Random {
            temperature: 1.5,
            top_p: 1.0,
            seed,
        };
        let limits = Limits {
            sampling,
            ..limits(12)
        };
        serve(Arc::clone(&model), raw("Once upon a time", limits)).expect("served")
    };
    assert_eq!(answer(1).tokens, answer(1).tokens);
    assert_ne!(answer(1).tokens, answer(2).tokens);
}

fn an_answer_stops_at_its_most_tokens(model: Arc<impl Model>) {
    for most in [1, 5] {
        let served = serve(Arc::clone(&model), raw("A few words", limits(most))).expect("served");
        assert_eq!(
            (served.tokens.len(), served.stop),
            (most, StopReason::MaxTokens)
        );
    }
}

/// Any token that the model says may play the end token.
fn an_answer_stops_at_an_end_token(model: Arc<impl Model>) {
    let prompt = encode(model.as_ref(), "A few words");
    let context = model.context_tokens();
    let run = |end_tokens: &[u32]| {
        let mut session = model.session().expect("a session");
        generate(&mut session, &prompt, limits(8), end_tokens, context).expect("generated")
    };
    let whole = run(&[]);
    let end = whole.tokens[3];
    let first = whole
        .tokens
        .iter()
        .position(|&token| token == end)
        .expect("it is there");
    let stopped = run(&[end]);
    assert_eq!(stopped.tokens, whole.tokens[..first]);
    assert_eq!(stopped.stop, StopReason::EndOfSequence);
}

fn end_tokens_can_be_ignored(model: Arc<impl Model>) {
    let prompt = encode(model.as_ref(), "A few words");
    let context = model.context_tokens();
    let run = |at_end, end_tokens: &[u32]| {
        let mut session = model.session().expect("a session");
        let limits = Limits {
            at_end,
            ..limits(8)
        };
        generate(&mut session, &prompt, limits, end_tokens, context).expect("generated")
    };
    let end = run(AtEnd::Stop, &[]).tokens[0];
    let ignoring = run(AtEnd::Continue, &[end]);
    assert_eq!(ignoring.tokens.len(), 8);
    assert!(!ignoring.tokens.contains(&end));
}

fn an_answer_stops_when_the_context_is_full(model: Arc<impl Model>) {
    let context = model.context_tokens();
    let prompt = vec![encode(model.as_ref(), "word")[0]; context - 3];
    let mut session = model.session().expect("a session");
    let generation = generate(&mut session, &prompt, limits(50), &[], context).expect("generated");
    // Three more fit in; what comes after the last of them is chosen but not taken in.
    assert_eq!(generation.tokens.len(), 4);
    assert_eq!(generation.stop, StopReason::ContextFull);
    assert_eq!(session.position(), context);
    assert!(matches!(
        session.decode(prompt[0]),
        Err(Error::ContextFull { .. })
    ));
}

fn an_empty_prompt_is_an_error(model: Arc<impl Model>) {
    let mut session = model.session().expect("a session");
    assert!(matches!(session.prefill(&[]), Err(Error::EmptyPrompt)));
    let chat = Prompt::Chat(vec![Message {
        role: Role::User,
        content: String::new(),
    }]);
    for prompt in [Prompt::Raw(String::new()), chat, Prompt::Chat(Vec::new())] {
        let request = Request {
            prompt,
            limits: limits(1),
        };
        let result = serve(Arc::clone(&model), request);
        assert!(matches!(result, Err(Error::EmptyPrompt)), "{result:?}");
    }
}

fn a_prompt_beyond_the_context_is_an_error(model: Arc<impl Model>) {
    let text = "many words ".repeat(model.context_tokens());
    let result = serve(Arc::clone(&model), raw(&text, limits(1)));
    let Err(Error::PromptTooLong {
        prompt_tokens,
        context_tokens,
    }) = result
    else {
        panic!("{result:?}");
    };
    assert_eq!(context_tokens, model.context_tokens());
    assert!(prompt_tokens > context_tokens);
    let mut session = model.session().expect("a session");
    let tokens = vec![1; context_tokens + 1];
    assert!(matches!(
        session.prefill(&tokens),
        Err(Error::PromptTooLong { .. })
    ));
}

fn unknown_tokens_are_an_error(model: Arc<impl Model>) {
    let unknown = model.tokenizer().vocabulary_size() as u32;
    let mut session = model.session().expect("a session");
    for result in [
        session.prefill(&[1, unknown]).err(),
        session.decode(u32::MAX).err(),
    ] {
        assert!(
            matches!(result, Some(Error::UnknownToken { .. })),
            "{result:?}"
        );
    }
}

fn an_error_leaves_the_session_as_it_was(model: Arc<impl Model>) {
    let tokens = encode(model.as_ref(), "A few words");
    let mut disturbed = model.session().expect("a session");
    disturbed.prefill(&tokens).expect("prefill");
    assert!(disturbed.prefill(&[u32::MAX]).is_err());
    assert!(disturbed.decode(u32::MAX).is_err());
    assert_eq!(disturbed.position(), tokens.len());
    let mut undisturbed = model.session().expect("a session");
    undisturbed.prefill(&tokens).expect("prefill");
    let expected = undisturbed.decode(tokens[0]).expect("decode");
    assert_close(disturbed.decode(tokens[0]).expect("decode"), expected);
}

fn a_reset_session_is_like_a_new_one(model: Arc<impl Model>) {
    let (one, two) = (
        encode(model.as_ref(), "One story"),
        encode(model.as_ref(), "Another"),
    );
    let mut reused = model.session().expect("a session");
    reused.prefill(&one).expect("prefill");
    reused.reset();
    assert_eq!(reused.position(), 0);
    let mut new = model.session().expect("a session");
    let expected = new.prefill(&two).expect("prefill");
    assert_close(reused.prefill(&two).expect("prefill"), expected);
}

fn prefill_equals_decoding_one_by_one(model: Arc<impl Model>) {
    let tokens = encode(
        model.as_ref(),
        &"A sentence with a few more words. ".repeat(12),
    );
    let mut at_once = model.session().expect("a session");
    let expected = at_once.prefill(&tokens).expect("prefill").to_vec();
    let mut one_by_one = model.session().expect("a session");
    let mut logits = Vec::new();
    for &token in &tokens {
        logits = one_by_one.decode(token).expect("decode").to_vec();
    }
    assert_close(&logits, &expected);
    let mut in_parts = model.session().expect("a session");
    in_parts.prefill(&tokens[..5]).expect("prefill");
    assert_close(in_parts.prefill(&tokens[5..]).expect("prefill"), &expected);
}

fn sessions_do_not_disturb_each_other(model: Arc<impl Model>) {
    let (one, two) = (
        encode(model.as_ref(), "One story"),
        encode(model.as_ref(), "Another"),
    );
    let mut alone = model.session().expect("a session");
    alone.prefill(&one).expect("prefill");
    let expected = alone.decode(one[0]).expect("decode");
    let mut first = model.session().expect("a session");
    let mut second = model.session().expect("a session");
    first.prefill(&one).expect("prefill");
    second.prefill(&two).expect("prefill");
    assert_close(first.decode(one[0]).expect("decode"), expected);
}

fn concurrent_requests_equal_serial_ones(model: Arc<impl Model>) {
    let prompts: Vec<String> = (0..9)
        .map(|number| format!("Story number {number}"))
        .collect();
    let answers = |slots| -> Vec<Vec<u32>> {
        let engine = engine(Arc::clone(&model), slots, 16);
        let requests = prompts
            .iter()
            .map(|prompt| raw(prompt, limits(6)))
            .collect();
        let served = engine.run(requests).into_iter();
        served
            .map(|result| result.expect("served").tokens)
            .collect()
    };
    assert_eq!(answers(1), answers(3));
}

fn timings_add_up(model: Arc<impl Model>) {
    let engine = engine(model, 1, 16);
    let requests = (0..3).map(|_| raw("A few words", limits(4))).collect();
    let served: Vec<Completion> = engine
        .run(requests)
        .into_iter()
        .map(|result| result.expect("served"))
        .collect();
    for timings in served.iter().map(|served| served.timings) {
        assert!(timings.prefill.as_nanos() > 0 && timings.decode.as_nanos() > 0);
        assert!(timings.tokenize + timings.inference() <= timings.service());
        assert!(timings.queue_wait + timings.tokenize + timings.prefill <= timings.first_token);
        assert!(timings.first_token <= timings.total);
    }
    // With one slot the last waits while the first is served.
    assert!(served[2].timings.queue_wait >= served[0].timings.inference());
}

fn a_full_queue_refuses_and_the_others_are_served(model: Arc<impl Model>) {
    let engine = engine(model, 1, 2);
    let requests = (0..10).map(|_| raw("A few words", limits(30))).collect();
    let results = engine.run(requests);
    let refused = |result: &&Result<_, _>| matches!(result, Err(Error::QueueFull { capacity: 2 }));
    let refusals = results.iter().filter(refused).count();
    let served = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(refusals + served, 10);
    // Two may wait and one be served before the last is submitted.
    assert!(served >= 2 && refusals >= 1, "{served} served");
}

fn text_survives_the_tokenizer(model: Arc<impl Model>) {
    for text in [
        "plain words",
        " leading and trailing ",
        "line\nbreaks\r\n\ttabs",
        "1984 and 365",
        "it's we'll",
        "Zürich, naïve, 日本語, 🦀🧪, e\u{301}",
        "\u{0}\u{7f}\u{ad}\u{fffd}",
    ] {
        let tokens = encode(model.as_ref(), text);
        assert_eq!(model.tokenizer().decode(&tokens), text);
    }
}

fn characters_lie_across_tokens(model: Arc<impl Model>) {
    let text = "🧪ꙮ𒀱";
    let tokens = encode(model.as_ref(), text);
    assert!(
        tokens.len() > text.chars().count(),
        "each character has several tokens"
    );
    let mut stream = model.tokenizer().text_stream();
    let mut grown = String::new();
    for &token in &tokens {
        let piece = stream.push(token);
        assert!(
            !piece.contains(char::REPLACEMENT_CHARACTER),
            "half a character came out"
        );
        grown.push_str(&piece);
    }
    assert_eq!(grown, text);
    assert_eq!(stream.finish(), "");
    // An answer that ends inside a character says so.
    let cut = model.tokenizer().decode(&tokens[..tokens.len() - 1]);
    assert!(cut.ends_with(char::REPLACEMENT_CHARACTER), "{cut:?}");
}

fn control_tokens_are_tokens_and_not_text(model: Arc<impl Model>) {
    let end = model.tokenizer().end_tokens()[0];
    let word = encode(model.as_ref(), "word");
    let mut marked = word.clone();
    marked.push(end);
    assert_eq!(model.tokenizer().decode(&marked), "word");
    assert_eq!(encode(model.as_ref(), "word<|im_end|>"), marked);
}

fn chat_prompts_are_templated(model: Arc<impl Model>) {
    let request = |prompt| Request {
        prompt,
        limits: limits(1),
    };
    let chat = Prompt::Chat(vec![Message {
        role: Role::User,
        content: "Hello".to_owned(),
    }]);
    let templated = serve(Arc::clone(&model), request(chat)).expect("served");
    let raw = serve(model, request(Prompt::Raw("Hello".to_owned()))).expect("served");
    assert!(templated.prompt_tokens > raw.prompt_tokens);
}
