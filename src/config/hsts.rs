//! `tls.hsts`: for how long browsers come by HTTPS alone (RFC 6797 section 6.1).

use serde_json::{Value, json};

use super::{
    finding::ValueError,
    setting::{Setting, wrong_value},
};

/// The value of `Strict-Transport-Security`, in the spelling of the RFC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hsts(pub(crate) String);

impl Setting for Hsts {
    fn wanted() -> String {
        "seconds, and what follows them, such as \"31536000\" or \"31536000; includeSubDomains\"".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^([0-9]+( *; *(includeSubDomains|preload))*)?$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let wrong = || wrong_value::<Self>(text);
        let mut parts = text.split(';').map(str::trim);
        let seconds: u32 = parts.next().and_then(|seconds| seconds.parse().ok()).ok_or_else(wrong)?;
        let mut value = format!("max-age={seconds}");
        for directive in parts {
            let known = ["includeSubDomains", "preload"];
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(directive)).ok_or_else(wrong)?;
            value.push_str("; ");
            value.push_str(known);
        }
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_seconds_and_known_words() {
        for (text, expected) in [
            ("31536000", Some("max-age=31536000")),
            ("0", Some("max-age=0")),
            ("60; includesubdomains ;preload", Some("max-age=60; includeSubDomains; preload")),
            ("max-age=60", None),
            ("60;", None),
            ("60; x\r\ny: z", None),
            ("-1", None),
            ("1h", None),
        ] {
            assert_eq!(Hsts::from_text(text).ok().map(|hsts| hsts.0).as_deref(), expected, "{text}");
        }
    }
}
