//! Parts of a request that this server does not know, or knows and cannot do.
//!
//! A client that sends them with a value that changes nothing is served. Any other value is
//! refused: an answer that ignores what was asked for looks like one that does not.

use serde_json::{Map, Value};

use super::error::ApiError;

/// Refuses the first of `members` that would change the answer.
pub(super) fn check(members: &Map<String, Value>) -> Result<(), ApiError> {
    let unsupported = members
        .iter()
        .find(|(name, value)| !changes_nothing(name, value));
    match unsupported {
        None => Ok(()),
        Some((name, _)) => Err(refusal(name)),
    }
}

/// Refuses the first of `members`, those of the object at `place` inside the body, that says something.
pub(super) fn check_inner(place: &str, members: &Map<String, Value>) -> Result<(), ApiError> {
    match members.iter().find(|(_, value)| !is_empty(value)) {
        None => Ok(()),
        Some((name, _)) => Err(refusal(&format!("{place}.{name}"))),
    }
}

fn refusal(param: &str) -> ApiError {
    let message = format!("{param} is not supported by this server: leave it out");
    ApiError::invalid_param(param, message)
}

/// Whether the answer is the same without the member.
fn changes_nothing(name: &str, value: &Value) -> bool {
    match name {
        // They say who asks and what is done with the answer elsewhere, or how tools are called,
        // of which there are none.
        "metadata"
        | "store"
        | "service_tier"
        | "safety_identifier"
        | "prompt_cache_key"
        | "parallel_tool_calls" => true,
        "frequency_penalty" | "presence_penalty" => value.is_null() || value.as_f64() == Some(0.0),
        "best_of" => value.is_null() || value.as_u64() == Some(1),
        // Without tools there is nothing to choose.
        "tool_choice" => value.is_null() || value == "none" || value == "auto",
        "response_format" => value.is_null() || value["type"] == "text",
        _ => is_empty(value),
    }
}

/// Whether `value` says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_change_nothing_pass() {
        let body = json!({
            "presence_penalty": 0.0,
            "logprobs": false,
            "tools": [],
            "response_format": { "type": "text" },
            "suffix": null,
            "metadata": { "a": "b" },
        });
        assert!(check(body.as_object().expect("an object")).is_ok());
    }

    #[test]
    fn inner_members_are_named_with_their_place() {
        let members = json!({ "refusal": null, "audio": { "id": "a" } });
        let members = members.as_object().expect("an object");
        let refused = check_inner("messages[1]", members).expect_err("it says something");
        let param = &refused.document()["error"]["param"];
        assert_eq!(*param, "messages[1].audio");
        assert!(check_inner("messages[1]", &Map::new()).is_ok());
    }

    #[test]
    fn values_that_would_change_the_answer_do_not() {
        for body in [
            json!({ "frequency_penalty": 0.5 }),
            json!({ "logprobs": 5 }),
            json!({ "tools": [{}] }),
            json!({ "response_format": { "type": "json_object" } }),
            json!({ "max_token": 5 }),
        ] {
            let refused = check(body.as_object().expect("an object"));
            assert!(refused.is_err(), "{body}");
        }
    }
}
