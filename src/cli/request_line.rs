//! Reads a method and a target of a command as the gate reads a request line.

use crate::{
    policy::{CurrentUser, PolicySet},
    wire::{HeadLimits, Reject, RequestHead, Scan},
};

/// A target that the gate does not refuse before the rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    /// The raw path.
    pub(super) path: String,
    /// The text after the `?`.
    pub(super) query: Option<String>,
    /// Whether the path contains a `%2f`.
    pub(super) encoded_slash: bool,
}

/// The reason why the gate refuses a request line before the rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The status of the answer.
    pub(super) status: u16,
    /// The name of the check.
    pub(super) check: &'static str,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

/// The check of a `%2f` on a route without `encodedSlash`.
pub(super) const ENCODED_SLASH: &str = "encoded-slash";

// The default of `server.max_header_bytes`. The head has one field.
const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 8 };

impl RequestLine {
    /// Reads a request line.
    pub(super) fn read(method: &str, target: &str) -> Result<Self, Refused> {
        let mut head = RequestHead::new();
        let line = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        // A line break would end the request line and begin a header.
        if let Some(bad) = [method, target].into_iter().find(|text| text.contains(['\r', '\n'])) {
            let message = format!("`{}` holds a line break", bad.escape_debug());
            return Err(Refused { status: 400, check: "line-break", message });
        }
        match head.scan(line.as_bytes(), &LIMITS) {
            Ok(Scan::Complete(_)) => Ok(Self {
                path: head.path().to_owned(),
                query: head.query().map(str::to_owned),
                encoded_slash: head.encoded_slash(),
            }),
            Ok(Scan::Partial) => Err(Refused {
                status: 400,
                check: "request-line",
                message: "the request line is not complete".to_owned(),
            }),
            Err(reject) => Err(Refused::from(&reject)),
        }
    }

    /// Reads a request line as the gate does for this caller: `current_user_literal` is replaced by their id.
    pub(super) fn by(
        set: &PolicySet,
        user: Option<&str>,
        method: &str,
        target: &str,
    ) -> Result<Self, Refused> {
        let asked = Self::read(method, target)?;
        match set.current_user(target, user) {
            CurrentUser::AsSent => Ok(asked),
            CurrentUser::Replaced(target) => Self::read(method, &target),
            CurrentUser::Anonymous => Err(Refused {
                status: 401,
                check: "current-user",
                message: "the path stands for the caller's own row, and the caller is not logged in"
                    .to_owned(),
            }),
        }
    }

    /// Path and query of the decision.
    pub(super) fn parts(&self) -> (&str, Option<&str>) {
        (&self.path, self.query.as_deref())
    }
}

impl Refused {
    /// The refusal of a `%2f` that the route does not allow.
    pub(super) fn encoded_slash() -> Self {
        let message = "the path holds an encoded slash, and its route has no `encodedSlash`".to_owned();
        Self { status: 400, check: ENCODED_SLASH, message }
    }
}

impl From<&Reject> for Refused {
    fn from(reject: &Reject) -> Self {
        let status = crate::refusal::Refusal::from(reject).status();
        Self { status, check: reject.check(), message: reject.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app, config,
        policy::{Stored, compile},
    };

    #[test]
    fn reads_what_the_gate_takes() {
        let asked = RequestLine::read("GET", "/a/%2F?b=\"c\"").unwrap();
        assert_eq!(asked.parts(), ("/a/%2F", Some("b=\"c\"")));
        assert!(asked.encoded_slash);
        assert_eq!(RequestLine::read("PURGE", "/").unwrap().parts(), ("/", None));
    }

    #[test]
    fn a_literal_is_the_callers_id() {
        let text = "[users]\ncurrent_user_literal = \"me\"\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portcullis.toml");
        std::fs::write(&file, text).unwrap();
        let sources = config::Sources { file: Some(file), env: Vec::new(), flags: Vec::new() };
        let config = config::load(&sources).unwrap().config;
        let (set, _) = compile(&app::policy_settings(&config), &[], &Stored::default());
        let set = set.unwrap();
        let by = |user| RequestLine::by(&set, user, "GET", "/users/me?a");
        assert_eq!(by(Some("7")).unwrap().parts(), ("/users/7", Some("a")));
        assert_eq!(by(Some("..")).unwrap_err().check, "dot-segment");
        assert_eq!((by(None).unwrap_err().status, by(None).unwrap_err().check), (401, "current-user"));
    }

    #[test]
    fn refuses_what_the_gate_refuses() {
        for (method, target, status, check) in [
            ("GET", "/a/../b", 400, "dot-segment"),
            ("GET", "/a//b", 400, "double-slash"),
            ("GET", "a", 400, "origin-form"),
            ("GET", "/a\r\nx: y", 400, "line-break"),
            ("G\nT", "/a", 400, "line-break"),
            ("TRACE", "/a", 405, "method-not-allowed"),
        ] {
            let refused = RequestLine::read(method, target).unwrap_err();
            assert_eq!((refused.status, refused.check), (status, check), "{method} {target}");
        }
    }
}
