//! Bodies and what they ask for.

use serde_json::json;

use super::*;

fn rules() -> Rules<'static> {
    Rules {
        model_name: "tiny",
        context_tokens: 100,
        prompt_bytes: 1000,
        answer_tokens: NonZeroUsize::new(16).expect("not zero"),
        deadline: Duration::from_secs(10),
    }
}

fn generation(shape: Shape, body: Value) -> Result<Generation, ApiError> {
    let body: GenerationBody = serde_json::from_value(body).expect("the types are right");
    body.into_generation(shape, &rules())
}

/// A conversation of one message, with the members of `more`.
fn chat(more: &Value) -> Value {
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hi" }] });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

fn refused(body: Value) -> Value {
    let error = generation(Shape::Chat, body).expect_err("a refusal");
    error.document()["error"].clone()
}

#[test]
fn what_is_left_out_has_the_interface_s_defaults() {
    let asked = generation(Shape::Chat, chat(&json!({}))).expect("valid");
    assert_eq!(asked.delivery, Delivery::Whole);
    let Request {
        prompt,
        limits,
        client,
        deadline,
    } = asked.request;
    assert_eq!(
        prompt,
        Prompt::Chat(vec![Message {
            role: Role::User,
            content: "Hi".to_owned()
        }])
    );
    assert_eq!(limits.max_tokens.get(), 16);
    assert!(matches!(limits.sampling, Sampling::Random { .. }));
    assert_eq!(limits.at_end, AtEnd::Stop);
    assert_eq!((&*client, deadline), ("", Some(Duration::from_secs(10))));
}

#[test]
fn what_is_given_is_taken() {
    let body = chat(&json!({
        "model": "tiny",
        "max_tokens": 9,
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.25,
        "seed": -1,
        "stop": "\n",
        "stream": true,
        "stream_options": { "include_usage": true },
        "n": 1,
        "user": "ann",
        "frequency_penalty": 0,
        "tools": [],
        "logit_bias": null,
    }));
    let asked = generation(Shape::Chat, body).expect("valid");
    assert_eq!(asked.delivery, Delivery::Stream { with_usage: true });
    let limits = asked.request.limits;
    assert_eq!(limits.max_tokens.get(), 7);
    assert_eq!(limits.stop_texts, ["\n"]);
    assert_eq!(
        limits.sampling,
        Sampling::Random {
            temperature: 0.5,
            top_p: 0.25,
            seed: u64::MAX
        }
    );
    assert_eq!(&*asked.request.client, "ann");
}

#[test]
fn no_temperature_is_greedy() {
    let asked = generation(Shape::Chat, chat(&json!({ "temperature": 0 }))).expect("valid");
    assert_eq!(asked.request.limits.sampling, Sampling::Greedy);
}

#[test]
fn parts_of_text_are_one_text_and_the_developer_is_the_system() {
    let body = json!({ "messages": [
        { "role": "developer", "content": "Be brief." },
        { "role": "user", "content": [
            { "type": "text", "text": "a" },
            { "type": "text", "text": "b" },
        ] },
    ] });
    let asked = generation(Shape::Chat, body).expect("valid");
    let Prompt::Chat(messages) = asked.request.prompt else {
        panic!("a conversation");
    };
    assert_eq!(messages[0].role, Role::System);
    assert_eq!(messages[1].content, "ab");
}

#[test]
fn members_of_messages_that_say_nothing_and_names_are_left_out() {
    let body = json!({ "messages": [
        { "role": "user", "content": "Hi", "name": "ann" },
        {
            "role": "assistant",
            "content": "Hello",
            "refusal": null,
            "annotations": [],
            "audio": null,
            "function_call": null,
            "tool_calls": [],
        },
    ] });
    let asked = generation(Shape::Chat, body).expect("valid");
    let Prompt::Chat(messages) = asked.request.prompt else {
        panic!("a conversation");
    };
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_plain_prompt_goes_as_it_is() {
    let body = json!({ "prompt": "Once", "stop": ["a", "b"] });
    let asked = generation(Shape::Completion, body).expect("valid");
    assert_eq!(asked.request.prompt, Prompt::Raw("Once".to_owned()));
    assert_eq!(asked.request.limits.stop_texts, ["a", "b"]);
}

#[test]
fn a_prompt_with_more_bytes_than_its_tokens_can_have_is_refused() {
    let text = |bytes| generation(Shape::Completion, json!({ "prompt": "x".repeat(bytes) }));
    let message = |content: String| {
        let messages = json!([{ "role": "user", "content": content }]);
        generation(Shape::Chat, json!({ "messages": messages }))
    };
    assert!(text(1000).is_ok());
    assert!(message("x".repeat(1000)).is_ok());
    assert!(message(" ".repeat(1001)).is_ok(), "a template may drop it");
    for refused in [text(1001), message("x".repeat(1001))] {
        let error = refused.expect_err("too long").document()["error"].clone();
        assert_eq!(error["code"], "context_length_exceeded");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains("1001 bytes"))
        );
    }
}

#[test]
fn what_makes_no_sense_is_named() {
    for (more, param) in [
        (json!({ "n": 2 }), "n"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": 101 }), "max_tokens"),
        (json!({ "temperature": 2.5 }), "temperature"),
        (json!({ "top_p": 0 }), "top_p"),
        (json!({ "stop": [""] }), "stop"),
        (json!({ "user": "x".repeat(257) }), "user"),
        (json!({ "stream_options": {} }), "stream_options"),
        (json!({ "model": "other" }), "model"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "prompt": "x" }), "prompt"),
        (json!({ "logprobs": true }), "logprobs"),
        (
            json!({ "messages": [{ "role": "user" }] }),
            "messages[0].content",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            "messages[0].content",
        ),
        (
            json!({ "messages": [
                { "role": "user", "content": "a" },
                { "role": "assistant", "content": "b", "audio": { "id": "c" } },
            ] }),
            "messages[1].audio",
        ),
        (
            json!({ "messages": [
                { "role": "assistant", "content": "a", "function_call": { "name": "b" } },
            ] }),
            "messages[0].function_call",
        ),
        (
            json!({ "messages": [{ "role": "assistant", "content": "a", "tool_calls": [{}] }] }),
            "messages[0].tool_calls",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [
                { "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } },
            ] }] }),
            "messages[0].content[0].cache_control",
        ),
        (
            json!({ "stream": true, "stream_options": { "include_obfuscation": true } }),
            "stream_options.include_obfuscation",
        ),
    ] {
        let error = refused(chat(&more));
        assert_eq!(error["param"], param, "{more}");
    }
}
