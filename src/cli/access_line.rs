//! Parses a line of the access log (docs/metrics.md, "The access log").

use serde::Deserialize;

use crate::policy::{Caller, Inquiry};

/// The fields of a line from which a decision can be repeated.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct AccessLine {
    pub(super) request_id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// The app, where there are several.
    #[serde(default)]
    pub(super) app: Option<String>,
    #[serde(default)]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) user: Option<String>,
    pub(super) decision: String,
    #[serde(default)]
    pub(super) rule: Option<String>,
    #[serde(default)]
    pub(super) facts: Option<Facts>,
}

/// The facts that determine a decision.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Facts {
    pub(super) policy: String,
    #[serde(default)]
    pub(super) model_id: Option<String>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) certificate: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) owner: Option<bool>,
}

/// The kind of a line in a log file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// A request.
    Access(Box<AccessLine>),
    /// A line of another stream, or an empty one.
    Other,
    /// A line of another program, or a truncated one.
    Foreign,
}

/// The field that all lines have.
#[derive(Deserialize)]
struct Any {
    stream: String,
}

impl AccessLine {
    /// Parses a line; `None` if it is not of the access log.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The question that was decided.
    pub(super) fn inquiry<'l>(
        &'l self,
        facts: &'l Facts,
        caller: Caller<'l>,
        owner: Option<bool>,
    ) -> Inquiry<'l> {
        Inquiry {
            method: &self.method,
            path: &self.path,
            // The log has no queries: they may contain tokens.
            query: None,
            body: None,
            model_id: facts.model_id.as_deref(),
            caller,
            owner,
        }
    }
}

impl Line {
    /// Determines the kind of a line.
    pub(super) fn read(line: &[u8]) -> Self {
        if let Some(access) = AccessLine::read(line) {
            return Self::Access(Box::new(access));
        }
        let is_ours = serde_json::from_slice::<Any>(line).is_ok_and(|any| any.stream != "access");
        if is_ours || line.trim_ascii().is_empty() { Self::Other } else { Self::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::Timestamp,
        observe::{
            Client,
            access::{Facts as Written, Record},
        },
    };

    #[test]
    fn tells_our_lines_from_others() {
        assert_eq!(Line::read(br#"{"stream":"audit","msg":"x"}"#), Line::Other);
        assert_eq!(Line::read(b" \r"), Line::Other);
        for line in
            [&b"127.0.0.1 - - GET / 200"[..], b"{\"stream\":\"access\"}", b"{\"a\":1}", b"\xff", b"{\"stre"]
        {
            assert_eq!(Line::read(line), Line::Foreign, "{line:?}");
        }
    }

    #[test]
    fn reads_what_the_gate_writes() {
        let roles = ["clerk".into()];
        let record = Record {
            ts: Timestamp(0),
            request_id: "r1",
            client: Client::Unix,
            method: "GET",
            path: b"/orders/7?x=1",
            app: Some("shop"),
            route: "Order.show",
            status: 403,
            bytes_in: 0,
            bytes_out: 0,
            elapsed: Duration::ZERO,
            user: Some("7"),
            decision: "deny",
            rule: Some("order.json#/acls/0"),
            upstream: None,
            upstream_elapsed: None,
            tls: None,
            tls_client: None,
            listener: None,
            facts: Some(Written {
                policy: "d1",
                model: "Order",
                property: "show",
                access_type: "READ",
                model_id: Some("7"),
                roles: &roles,
                certificate: Some("CN=robot"),
                scopes: &[],
                owner: Some(false),
            }),
        };
        let mut line = Vec::new();
        record.write_json(&mut line);
        let read = AccessLine::read(&line).unwrap();
        assert_eq!((&*read.path, read.status, read.user.as_deref()), ("/orders/7", 403, Some("7")));
        assert_eq!(read.app.as_deref(), Some("shop"));
        let facts = read.facts.unwrap();
        assert_eq!((&*facts.policy, facts.roles, facts.owner), ("d1", vec!["clerk".to_owned()], Some(false)));
        assert_eq!(facts.model_id.as_deref(), Some("7"));
        assert_eq!(AccessLine::read(br#"{"stream":"audit"}"#), None);
    }
}
