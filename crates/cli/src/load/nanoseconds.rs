//! How times are written in files: as whole nanoseconds, so that lines are short and nothing is
//! rounded.
//!
//! For serde's `with`; it takes one time, perhaps one, or several.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

/// What can be written so.
pub(super) trait Times: Sized {
    /// The form in the file.
    type Written: Serialize + DeserializeOwned;

    fn to_written(&self) -> Self::Written;

    fn from_written(written: Self::Written) -> Self;
}

impl Times for Duration {
    type Written = u64;

    fn to_written(&self) -> u64 {
        // More than 500 years are no time of a load.
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }

    fn from_written(written: u64) -> Self {
        Self::from_nanos(written)
    }
}

impl<T: Times> Times for Option<T> {
    type Written = Option<T::Written>;

    fn to_written(&self) -> Self::Written {
        self.as_ref().map(T::to_written)
    }

    fn from_written(written: Self::Written) -> Self {
        written.map(T::from_written)
    }
}

impl<T: Times> Times for Vec<T> {
    type Written = Vec<T::Written>;

    fn to_written(&self) -> Self::Written {
        self.iter().map(T::to_written).collect()
    }

    fn from_written(written: Self::Written) -> Self {
        written.into_iter().map(T::from_written).collect()
    }
}

pub(super) fn serialize<T: Times, S: Serializer>(
    times: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    times.to_written().serialize(serializer)
}

pub(super) fn deserialize<'de, T: Times, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::Written::deserialize(deserializer).map(T::from_written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Ending, Outcome};
    use super::*;

    #[test]
    fn a_line_has_whole_nanoseconds_and_is_read_again() {
        let outcome = Outcome {
            number: 3,
            client: 1,
            due: Duration::from_micros(5),
            sent: Some(Duration::from_nanos(5_001)),
            first_token: Some(Duration::from_millis(2)),
            ended: None,
            token_times: vec![Duration::from_millis(2), Duration::from_millis(4)],
            prompt_tokens: None,
            answer_tokens: None,
            was_cached: Some(false),
            ending: Ending::TimedOut,
            error: None,
        };
        let line = serde_json::to_value(&outcome).expect("plain data");
        assert_eq!(line["due_ns"], 5_000);
        assert_eq!(line["sent_ns"], 5_001);
        assert_eq!(line["ended_ns"], json!(null));
        assert_eq!(line["token_times_ns"], json!([2_000_000, 4_000_000]));
        assert_eq!(line["ending"], "timed-out");
        let again: Outcome = serde_json::from_value(line).expect("an outcome");
        assert_eq!(again, outcome);
    }
}
