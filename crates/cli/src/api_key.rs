//! The key that a server wants and a client shows.
//!
//! Takes a file or the environment; gives a key that compares without telling, by the time that it
//! takes, how much of a guess was right. It is never printed.

use std::path::Path;

use constant_time_eq::constant_time_eq;

use crate::failure::Failure;

/// Where the key is when no file is named.
const VARIABLE: &str = "INFERNO_API_KEY";

/// A key: visible ASCII characters.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

impl ApiKey {
    /// The key in `file`; without a file, the one of the environment, if it has one.
    pub(crate) fn find(file: Option<&Path>) -> Result<Option<Self>, Failure> {
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| Failure::Read {
                path: path.to_owned(),
                source,
            })?;
            return Self::new(&text, &path.display().to_string()).map(Some);
        }
        // An empty variable is a variable that somebody meant to unset.
        match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => Self::new(&value.to_string_lossy(), VARIABLE).map(Some),
        }
    }

    /// The key in `text`, without the end of its line; `origin` says where it comes from.
    fn new(text: &str, origin: &str) -> Result<Self, Failure> {
        let key = text.trim_end_matches(['\r', '\n']);
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::BadKey(origin.to_owned()));
        }
        Ok(Self(key.to_owned()))
    }

    /// Whether the value of an `Authorization` header shows this key.
    pub(crate) fn is_shown_by(&self, authorization: &[u8]) -> bool {
        let Some((scheme, shown)) = authorization.split_at_checked(b"Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && constant_time_eq(shown, self.0.as_bytes())
    }

    /// The value of an `Authorization` header that shows it.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_of_visible_characters() {
        assert!(ApiKey::new("secret-1\r\n", "f").is_ok());
        for bad in ["", "\n", "two words", "zwei\nzeilen", "schlüssel"] {
            let key = ApiKey::new(bad, "key.txt");
            assert!(
                matches!(key, Err(Failure::BadKey(origin)) if origin == "key.txt"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn only_the_whole_key_opens() {
        let key = ApiKey::new("secret", "f").expect("a key");
        assert!(key.is_shown_by(key.authorization().as_bytes()));
        assert!(key.is_shown_by(b"bearer secret"));
        for wrong in [
            "Bearer secre",
            "Bearer secrets",
            "Bearer ",
            "Basic secret",
            "secret",
            "",
        ] {
            assert!(!key.is_shown_by(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = ApiKey::new("secret", "f").expect("a key");
        assert!(!format!("{key:?}").contains("secret"));
    }
}
