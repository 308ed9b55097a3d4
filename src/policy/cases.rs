//! `*.cases.json`: requests with the decision that the rules should make.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Caller, Code, Finding, Inquiry, Severity, Source, Verdict, analysis::Analysis, finding::Report,
    json::Node, owner::scalar, pattern, verb,
};

/// A request, its caller, and the expected decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The caller.
    pub r#as: As,
    /// The verb, in upper case.
    pub method: String,
    /// The path and, behind a `?`, the query.
    pub target: String,
    /// The JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The id of the owner of the row that the request names; absent = it has no owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Id>,
    /// The verdict.
    pub expect: Expect,
    /// The status of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The rule that should decide, as `invoice.json#/acls/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum As {
    /// `"anonymous"`: without a login.
    Word(Anonymous),
    /// A user, with these roles and no others.
    User(AsUser),
    /// A client without a login that shows a certificate.
    Certificate(AsCertificate),
}

/// Without a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// `"anonymous"`
    Anonymous,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsUser {
    /// The id.
    pub user: Id,
    /// The names of the roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The scopes of the token; none = an ordinary token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The subject of the certificate that the client shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A client without a login that shows a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsCertificate {
    /// The subject, as `CN=robot,O=Example`.
    pub certificate: String,
}

/// A user's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

/// The expected verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The request is allowed.
    Allow,
    /// It is refused.
    Deny,
}

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The status of the refusal.
    pub status: Option<u16>,
    /// The rule that decided.
    pub rule: String,
    /// The difference from the expectation; `None` if the case passes.
    pub failure: Option<String>,
}

impl Case {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// A finding if the text is not a list of cases.
    pub fn read(source: &Source) -> Result<Vec<Self>, Finding> {
        serde_json::from_str(&source.text).map_err(|error| {
            let whole = error.to_string();
            // The finding has its own position.
            let message = whole.split(" at line ").next().unwrap_or(&whole).to_lowercase();
            let fix = "a case is {\"as\", \"method\", \"target\", \"expect\"}, and may have body, owner, status, because";
            Finding {
                file: source.name.clone(),
                line: error.line().max(1),
                column: error.column().max(1),
                severity: Severity::Error,
                code: Code::Cases.name(),
                message: format!("no list of cases: {message}"),
                fix: Some(fix.to_owned()),
            }
        })
    }

    /// Errors in cases whose request could never reach a rule. Cases that expect a 400 or a 405 are such
    /// requests on purpose.
    #[must_use]
    pub fn doubts(source: &Source) -> Vec<Finding> {
        let mut report = Report::new(std::slice::from_ref(source));
        // `read` reports a file that is not JSON.
        let list = Node::read(&source.text, 0, &mut Report::new(&[]));
        for case in list.as_ref().map_or(&[][..], Node::items) {
            let status = case.get("status").map(Node::plain).and_then(|status| status.as_u64());
            // A test of the gate's own checks is legitimate in a file of cases.
            if matches!(status, Some(400 | 405)) {
                continue;
            }
            let text = |key: &str| case.get(key).and_then(|node| Some((node.at, node.text()?)));
            if let Some((at, method)) = text("method")
                && let Some((message, fix)) = verb::mistake(method)
            {
                report.error(at, Code::Cases, message, Some(fix));
            }
            if let Some((at, target)) = text("target")
                && let Some((message, fix)) = target_mistake(target)
            {
                report.error(at, Code::Cases, format!("`{target}`: {message}"), Some(fix.to_owned()));
            }
        }
        report.finish().1
    }

    /// The outcome of a refusal before any rule. `status` is that of the answer, `reason` names the check.
    #[must_use]
    pub fn refused(&self, status: u16, reason: &str) -> Outcome {
        self.outcome(Verdict::Deny, Some(status), reason.to_owned())
    }

    /// The caller in a report: `user 1 (clerk)`.
    #[must_use]
    pub fn caller(&self) -> String {
        match &self.r#as {
            As::Word(_) => "anonymous".to_owned(),
            As::Certificate(client) => format!("certificate {}", client.certificate),
            As::User(user) if user.roles.is_empty() => format!("user {}", user.user.text()),
            As::User(user) => format!("user {} ({})", user.user.text(), user.roles.join(", ")),
        }
    }

    /// The caller's user id; `None` = anonymous.
    #[must_use]
    pub fn user(&self) -> Option<String> {
        match &self.r#as {
            As::Word(_) | As::Certificate(_) => None,
            As::User(user) => Some(user.user.text()),
        }
    }

    /// Calls `ask` with the case's caller. Path and query are those of the case's target.
    pub fn inquire<T>(&self, path: &str, query: Option<&str>, ask: impl FnOnce(&Inquiry<'_>) -> T) -> T {
        let certificate = match &self.r#as {
            As::Word(_) => None,
            As::Certificate(client) => Some(&*client.certificate),
            As::User(user) => user.certificate.as_deref(),
        };
        let (user, roles, scopes): (_, Vec<Box<str>>, &[String]) = match &self.r#as {
            As::Word(_) | As::Certificate(_) => (None, Vec::new(), &[]),
            As::User(user) => {
                let mut roles: Vec<Box<str>> = user.roles.iter().map(|role| role.as_str().into()).collect();
                // `Caller` requires sorted roles.
                roles.sort();
                (Some(user.user.text()), roles, &user.scopes)
            }
        };
        let caller = Caller { user: user.as_deref(), roles: &roles, certificate, scopes };
        let owner = self.owner.as_ref().map(|owner| Some(owner.text()) == user);
        let body = self.body.as_ref();
        ask(&Inquiry { method: &self.method, path, query, body, model_id: None, caller, owner })
    }

    fn outcome(&self, verdict: Verdict, status: Option<u16>, rule: String) -> Outcome {
        let got = match status {
            Some(status) => format!("{} {status} by {rule}", verdict.word()),
            None => format!("{} by {rule}", verdict.word()),
        };
        let expected = if self.expect == Expect::Allow { Verdict::Allow } else { Verdict::Deny };
        let failure = if verdict != expected {
            Some(format!("expected {}, got {got}", expected.word()))
        } else if let Some(wanted) = self.status.filter(|wanted| Some(*wanted) != status) {
            Some(format!("expected the status {wanted}, got {got}"))
        } else {
            let wanted = self.because.as_deref().filter(|wanted| *wanted != rule);
            wanted.map(|wanted| format!("expected {} by {wanted}, got {got}", verdict.word()))
        };
        Outcome { verdict, status, rule, failure }
    }
}

/// The fault of a target, and a fix.
fn target_mistake(target: &str) -> Option<(&'static str, &'static str)> {
    let path = target.split('?').next().unwrap_or_default();
    let is_pattern = |segment: &str| {
        segment.starts_with([':', '<']) || segment.contains(['{', '}']) || matches!(segment, "*" | "**")
    };
    if !target.starts_with('/') {
        return Some(("a target is the path and the query alone", "begin it with a slash, without a host"));
    }
    if path.split('/').any(is_pattern) {
        return Some(("a case names one request, and no pattern", "write a value in its place: `/notes/7`"));
    }
    if path.contains(char::is_whitespace) {
        return Some(("a blank arrives as `%20`", "write `%20`"));
    }
    // Such a case would pass or fail without a meaning: no rule decides about these paths.
    let is_ours = pattern::RESERVED_PATHS.iter().any(|ours| path.starts_with(ours));
    is_ours.then_some(("the gate serves this path itself, and asks no rule", "remove the case"))
}

impl Analysis {
    /// Runs a case. Path and query are those of its target.
    #[must_use]
    pub fn run(&self, case: &Case, path: &str, query: Option<&str>) -> Outcome {
        case.inquire(path, query, |inquiry| {
            let action = self.action(inquiry);
            let decided = self.decide(&action, inquiry.caller, inquiry.owner);
            let mut outcome = case.outcome(decided.verdict, decided.status, decided.rule);
            // Without `owner` the case was decided as for a caller who is not the owner.
            if let (Some(failure), Some(_)) = (&mut outcome.failure, &decided.asks) {
                failure.push_str("; the rules ask whose the row is: say it with `owner`");
            }
            outcome
        })
    }
}

impl Id {
    /// The id in the form that decisions compare.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => scalar(&Value::Number(number.clone())).unwrap_or_default(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Verdict {
    /// `allow` or `deny`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_a_case_names_one_request() {
        let found = |method: &str, target: &str, more: &str| {
            let text = format!(
                r#"[{{"as": "anonymous", "method": "{method}", "target": "{target}", "expect": "deny"{more}}}]"#
            );
            let source = Source { name: "a.cases.json".into(), text };
            assert!(Case::read(&source).is_ok());
            Case::doubts(&source).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for (method, target) in [
            ("GTE", "/notes/7"),
            ("get", "/notes/7"),
            ("GET", "/notes/:id"),
            ("GET", "/notes/{id}"),
            ("GET", "/notes/*"),
            ("GET", "notes/7"),
            ("GET", "http://app/notes/7"),
            ("GET", "/my file"),
            ("GET", "/.portcullis/x"),
        ] {
            let told = found(method, target, "");
            assert!(told.len() == 1 && told[0].contains(": error: "), "{method} {target}: {told:?}");
        }
        assert_eq!(found("get", "a/../b", r#", "status": 400"#), Vec::<String>::new());
        assert_eq!(found("GET", "/api/notes?filter={x}", ""), Vec::<String>::new());
    }
}
