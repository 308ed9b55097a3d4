//! The argument WHO, which names a user.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::identity::UserId;

/// `id:7`, `email:a@b`, `username:ann`, or a bare text: an id, else an email, else a username.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// By id.
    Id(UserId),
    /// By email address.
    Email(String),
    /// By username.
    Username(String),
    /// The first match of id, email and username.
    Bare(String),
}

/// The reason why a text names no user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhoError {
    /// The text is empty.
    #[error("no user is named; write id:7, email:a@b, username:ann, or one of these without its prefix")]
    Empty,
    /// The text is similar to `anonymous`, a caller without a login.
    #[error("did you mean `anonymous`? A user of this name is `username:{0}`")]
    Anonymous(String),
}

impl FromStr for Who {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        let who = match text.split_once(':') {
            Some(("id", id)) => named(id).map(|id| Self::Id(UserId::parse(id))),
            Some(("email", email)) => named(email).map(|email| Self::Email(email.to_owned())),
            Some(("username", name)) => named(name).map(|name| Self::Username(name.to_owned())),
            _ => named(text).map(|text| Self::Bare(text.to_owned())),
        };
        who.ok_or(WhoError::Empty)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Email(email) => write!(f, "email:{email}"),
            Self::Username(name) => write!(f, "username:{name}"),
            Self::Bare(text) => text.fmt(f),
        }
    }
}

fn named(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let cases = [
            ("id:7", Who::Id(UserId::Number(7))),
            ("id:5f0a", Who::Id(UserId::Text("5f0a".into()))),
            ("id:07", Who::Id(UserId::Text("07".into()))),
            ("email:a@b", Who::Email("a@b".into())),
            ("username:ann", Who::Username("ann".into())),
            ("username:id:7", Who::Username("id:7".into())),
            ("7", Who::Bare("7".into())),
            ("a@b", Who::Bare("a@b".into())),
            ("realm:ann", Who::Bare("realm:ann".into())),
        ];
        for (text, who) in cases {
            assert_eq!(text.parse(), Ok(who.clone()), "{text}");
            assert_eq!(who.to_string(), text);
        }
        for text in ["", "id:", "email:", "username:"] {
            assert_eq!(text.parse::<Who>(), Err(WhoError::Empty), "{text:?}");
        }
    }

    #[test]
    fn travels_as_json() {
        for text in ["id:7", "id:abc", "email:a@b", "username:ann", "ann"] {
            let who: Who = text.parse().unwrap();
            let json = serde_json::to_string(&who).unwrap();
            assert_eq!(serde_json::from_str::<Who>(&json).unwrap(), who, "{json}");
        }
    }
}
