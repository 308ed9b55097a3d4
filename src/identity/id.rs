//! User ids: counted numbers, or text ids of an import.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of an account. LoopBack compares ids as strings, so `7` and `"7"` are the same user.
///
/// ```
/// use portcullis::identity::UserId;
///
/// assert_eq!(UserId::parse("7"), UserId::Number(7));
/// assert_eq!(UserId::parse("07"), UserId::Text("07".into()), "not the text that 7 has");
/// assert_eq!(UserId::parse("5e9f8f8f8f8f8f8f8f8f8f8f").to_string(), "5e9f8f8f8f8f8f8f8f8f8f8f");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UserId {
    /// A number, as the memory connector and SQL databases count them.
    Number(i64),
    /// A text, such as MongoDB's 24 hex digits.
    Text(Box<str>),
}

impl UserId {
    /// Parses an id: a canonical decimal number, otherwise a text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.parse::<i64>() {
            // Only the canonical spelling: `01` and `+1` parse as 1 and would be second names of that account.
            Ok(number) if number.to_string() == text => Self::Number(number),
            _ => Self::Text(text.into()),
        }
    }

    /// Whether `text` is this id, compared as strings (docs/loopback-3.28.md section 7: `01` is not `1`).
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Number(_) => Self::parse(text) == *self,
            Self::Text(own) => &**own == text,
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<i64> for UserId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_as_strings() {
        let seven = UserId::Number(7);
        assert!(seven.is("7"));
        for other in ["07", "7.0", "+7", " 7", "", "70"] {
            assert!(!seven.is(other), "{other:?}");
        }
        assert!(UserId::parse("5f0a").is("5f0a"));
        assert_eq!(UserId::parse("07"), UserId::Text("07".into()));
    }
}
