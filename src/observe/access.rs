//! The access log: one record for each request.

use std::time::Duration;

use super::{Client, Log, line};
use crate::clock::Timestamp;

/// The facts about an answered request. Written without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    /// The time of arrival.
    pub ts: Timestamp,
    /// The request id that client and app see.
    pub request_id: &'r str,
    /// The client's address.
    pub client: Client,
    /// The method.
    pub method: &'r str,
    /// The path as sent. The query is never written, because it may contain credentials.
    pub path: &'r [u8],
    /// The app's name, where there are several.
    pub app: Option<&'r str>,
    /// The route's name.
    pub route: &'r str,
    /// The status of the answer.
    pub status: u16,
    /// Size of the request body in bytes.
    pub bytes_in: u64,
    /// Size of the response body in bytes.
    pub bytes_out: u64,
    /// The time from the first byte of the request to the last byte of the response.
    pub elapsed: Duration,
    /// The caller's user id.
    pub user: Option<&'r str>,
    /// `allow`, `deny`, or why nothing was decided.
    pub decision: &'r str,
    /// The rule that decided.
    pub rule: Option<&'r str>,
    /// The server of the app that answered.
    pub upstream: Option<&'r str>,
    /// The app's share of `elapsed`.
    pub upstream_elapsed: Option<Duration>,
    /// The TLS version.
    pub tls: Option<&'r str>,
    /// The subject of the client's certificate.
    pub tls_client: Option<&'r str>,
    /// `forward-auth` where a proxy described the request; left out of other lines.
    pub listener: Option<&'r str>,
    /// The facts that a replay of the decision needs.
    pub facts: Option<Facts<'r>>,
}

/// The input of a decision, which is a pure function of it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'r> {
    /// The policy set's digest.
    pub policy: &'r str,
    /// The model's name.
    pub model: &'r str,
    /// The method or property.
    pub property: &'r str,
    /// `READ`, `WRITE`, `EXECUTE`, `REPLICATE`.
    pub access_type: &'r str,
    /// The row's id.
    pub model_id: Option<&'r str>,
    /// The names of the caller's roles.
    pub roles: &'r [Box<str>],
    /// The subject of the client's certificate. Left out if there is none.
    pub certificate: Option<&'r str>,
    /// The token's scopes.
    pub scopes: &'r [String],
    /// Whether the caller owns the row; `None` = not asked.
    pub owner: Option<bool>,
}

/// The access log of one core. It collects lines and passes them to the log's thread in packets.
#[derive(Debug)]
pub struct AccessLog {
    log: Log,
    on: bool,
    json: bool,
    lines: Vec<u8>,
}

/// Bytes of a packet. A write of this size to a pipe is one system call.
const PACKET: usize = 16 * 1024;
/// Capacity for the line that fills a packet.
const LINE: usize = 2 * 1024;

impl AccessLog {
    pub(super) fn new(log: Log, on: bool, json: bool) -> Self {
        Self { log, on, json, lines: Vec::with_capacity(if on { PACKET + LINE } else { 0 }) }
    }

    /// Whether records are written. If not, the caller need not build one.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Writes a record.
    pub fn record(&mut self, record: &Record<'_>) {
        if !self.on {
            return;
        }
        if self.json {
            record.write_json(&mut self.lines);
        } else {
            record.write_text(&mut self.lines);
        }
        if self.lines.len() >= PACKET {
            self.tick();
        }
    }

    /// Passes on the collected lines. Called about every 100 ms, and at the end.
    pub fn tick(&mut self) {
        if !self.lines.is_empty() {
            // The thread frees the packet, so a new one is needed here.
            let next = Vec::with_capacity(PACKET + LINE);
            self.log.offer_access(std::mem::replace(&mut self.lines, next));
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.tick();
    }
}

/// `,"name":` as one text. All names are constants that need no escaping.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

impl Record<'_> {
    /// Appends the record as a JSON line.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"ts\":\"");
        line::timestamp(out, self.ts);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(self.level());
        out.extend_from_slice(b"\",\"stream\":\"access\",\"msg\":\"request\"");
        text(out, key!("request_id"), Some(self.request_id.as_bytes()));
        out.extend_from_slice(b",\"client\":\"");
        line::client(out, self.client);
        out.push(b'"');
        text(out, key!("method"), Some(self.method.as_bytes()));
        out.extend_from_slice(key!("path"));
        self.write_path(out, line::json);
        if let Some(app) = self.app {
            text(out, key!("app"), Some(app.as_bytes()));
        }
        text(out, key!("route"), Some(self.route.as_bytes()));
        number(out, key!("status"), u64::from(self.status));
        number(out, key!("bytes_in"), self.bytes_in);
        number(out, key!("bytes_out"), self.bytes_out);
        millis(out, key!("elapsed_ms"), Some(self.elapsed));
        text(out, key!("user"), self.user.map(str::as_bytes));
        text(out, key!("decision"), Some(self.decision.as_bytes()));
        text(out, key!("rule"), self.rule.map(str::as_bytes));
        text(out, key!("upstream"), self.upstream.map(str::as_bytes));
        millis(out, key!("upstream_ms"), self.upstream_elapsed);
        text(out, key!("tls"), self.tls.map(str::as_bytes));
        text(out, key!("tls_client"), self.tls_client.map(str::as_bytes));
        if let Some(listener) = self.listener {
            text(out, key!("listener"), Some(listener.as_bytes()));
        }
        out.extend_from_slice(key!("facts"));
        match &self.facts {
            Some(facts) => facts.write(out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}\n");
    }

    /// Appends the record as a text line.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        line::timestamp(out, self.ts);
        out.push(b' ');
        line::client(out, self.client);
        out.push(b' ');
        line::plain(out, self.method.as_bytes());
        out.push(b' ');
        self.write_path(out, line::plain);
        out.push(b' ');
        line::number(out, u64::from(self.status));
        out.push(b' ');
        line::millis(out, self.elapsed);
        out.extend_from_slice(b"ms");
        for (name, value) in [
            ("app", self.app),
            ("route", Some(self.route)),
            ("user", self.user),
            ("decision", Some(self.decision)),
            ("rule", self.rule),
            ("upstream", self.upstream),
            ("tls", self.tls),
            ("tls_client", self.tls_client),
            ("listener", self.listener),
            ("request_id", Some(self.request_id)),
        ] {
            if let Some(value) = value {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
                out.push(b'=');
                line::plain(out, value.as_bytes());
            }
        }
        out.push(b'\n');
    }

    fn level(&self) -> &'static [u8] {
        // A 4xx is the client's doing.
        if self.status >= 500 { b"warn" } else { b"info" }
    }

    /// The path without the query and without the segment behind `accessTokens`, in which LoopBack's clients
    /// put token ids.
    fn write_path(&self, out: &mut Vec<u8>, write: impl Fn(&mut Vec<u8>, &[u8])) {
        const TOKENS: &[u8] = b"accessTokens";
        let path = self.path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        let mut end = 0;
        for segment in path.split(|byte| *byte == b'/') {
            end += segment.len();
            if segment.eq_ignore_ascii_case(TOKENS) && path.len() > end + 1 {
                let kept = path.get(..end).unwrap_or_default();
                // The only allocation of a record; these paths are rare.
                return write(out, &[kept, b"/***"].concat());
            }
            end += 1;
        }
        write(out, path);
    }
}

impl Facts<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"policy\":");
        line::json(out, self.policy.as_bytes());
        text(out, key!("model"), Some(self.model.as_bytes()));
        text(out, key!("property"), Some(self.property.as_bytes()));
        text(out, key!("access_type"), Some(self.access_type.as_bytes()));
        text(out, key!("model_id"), self.model_id.map(str::as_bytes));
        list(out, key!("roles"), self.roles.iter().map(AsRef::as_ref));
        if self.certificate.is_some() {
            text(out, key!("certificate"), self.certificate.map(str::as_bytes));
        }
        list(out, key!("scopes"), self.scopes.iter().map(String::as_str));
        out.extend_from_slice(key!("owner"));
        out.extend_from_slice(match self.owner {
            Some(true) => b"true",
            Some(false) => b"false",
            None => b"null",
        });
        out.push(b'}');
    }
}

fn text(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    out.extend_from_slice(key);
    match value {
        Some(value) => line::json(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, key: &[u8], value: u64) {
    out.extend_from_slice(key);
    line::number(out, value);
}

fn millis(out: &mut Vec<u8>, key: &[u8], value: Option<Duration>) {
    out.extend_from_slice(key);
    match value {
        Some(value) => line::millis(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn list<'t>(out: &mut Vec<u8>, key: &[u8], values: impl Iterator<Item = &'t str>) {
    out.extend_from_slice(key);
    out.push(b'[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        line::json(out, value.as_bytes());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clock::Clock,
        observe::{
            Settings,
            log::tests::{ALL, Kept},
        },
    };

    const RECORD: Record<'_> = Record {
        ts: Timestamp(1_795_294_271_688),
        request_id: "01J-abc",
        client: Client::Unix,
        method: "GET",
        path: b"/api/orders/7?access_token=very-secret",
        app: None,
        route: "Order.findById",
        status: 200,
        bytes_in: 0,
        bytes_out: 1234,
        elapsed: Duration::from_micros(1_502),
        user: None,
        decision: "allow",
        rule: None,
        upstream: None,
        upstream_elapsed: None,
        tls: None,
        tls_client: None,
        listener: None,
        facts: None,
    };

    fn json_of(record: &Record<'_>) -> Value {
        let mut out = Vec::new();
        record.write_json(&mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    fn text_of(record: &Record<'_>) -> String {
        let mut out = Vec::new();
        record.write_text(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_holds_every_field_in_its_place() {
        let mut out = Vec::new();
        RECORD.write_json(&mut out);
        insta::assert_snapshot!(String::from_utf8(out).unwrap().trim_end(), @r#"{"ts":"2026-11-21T20:51:11.688Z","level":"info","stream":"access","msg":"request","request_id":"01J-abc","client":"unix","method":"GET","path":"/api/orders/7","route":"Order.findById","status":200,"bytes_in":0,"bytes_out":1234,"elapsed_ms":1.502,"user":null,"decision":"allow","rule":null,"upstream":null,"upstream_ms":null,"tls":null,"tls_client":null,"facts":null}"#);
        insta::assert_snapshot!(text_of(&RECORD).trim_end(), @r#"2026-11-21T20:51:11.688Z unix GET /api/orders/7 200 1.502ms route=Order.findById decision=allow request_id=01J-abc"#);
    }

    #[test]
    fn a_full_record_has_its_facts() {
        let roles = ["clerk".into(), "auditor".into()];
        let facts = Facts {
            policy: "5f0a",
            model: "Order",
            property: "findById",
            access_type: "READ",
            model_id: Some("7"),
            roles: &roles,
            certificate: None,
            scopes: &[],
            owner: Some(false),
        };
        let record = Record {
            client: Client::Ip("2001:db8::1".parse().unwrap()),
            app: Some("shop"),
            status: 502,
            user: Some("7"),
            rule: Some("order.json#/acls/2"),
            upstream: Some("127.0.0.1:3000"),
            upstream_elapsed: Some(Duration::from_millis(2)),
            tls: Some("1.3"),
            tls_client: Some("CN=ann,O=Example"),
            facts: Some(facts),
            ..RECORD
        };
        let line = json_of(&record);
        assert_eq!(
            line["facts"],
            json!({"policy": "5f0a", "model": "Order", "property": "findById", "access_type": "READ",
                   "model_id": "7", "roles": ["clerk", "auditor"], "scopes": [], "owner": false})
        );
        assert_eq!(line["app"], "shop");
        assert!(text_of(&record).contains(" app=shop route=Order.findById "));
        assert_eq!(
            [&line["client"], &line["level"], &line["upstream_ms"]],
            [&json!("2001:db8::1"), &json!("warn"), &json!(2.0)]
        );
        assert!(
            text_of(&record)
                .contains(" user=7 decision=allow rule=order.json#/acls/2 upstream=127.0.0.1:3000 tls=1.3 tls_client=CN=ann,O=Example ")
        );
    }

    #[test]
    fn no_line_holds_a_credential() {
        for (path, shown) in [
            (&b"/a?access_token=very-secret"[..], "/a"),
            (b"/a#very-secret", "/a"),
            (b"/api/users/1/accessTokens/very-secret", "/api/users/1/accessTokens/***"),
            (b"/api/users/1/ACCESSTOKENS/very-secret/x", "/api/users/1/ACCESSTOKENS/***"),
            (b"/api/users/1/accessTokens", "/api/users/1/accessTokens"),
            (b"/api/users/1/accessTokens/", "/api/users/1/accessTokens/"),
            (b"", ""),
        ] {
            let record = Record { path, ..RECORD };
            assert_eq!(json_of(&record)["path"], shown);
            assert!(!text_of(&record).contains("very-secret"));
        }
    }

    #[test]
    fn lines_are_handed_over_in_packets_and_at_the_end() {
        let kept = Kept::default();
        let log = Log::to(ALL, Clock::System, kept.clone()).unwrap();
        let mut access = log.access();
        access.record(&RECORD);
        log.flush();
        assert_eq!(kept.text(), "", "not yet");
        access.tick();
        log.flush();
        assert_eq!(kept.text().lines().count(), 1);
        for _ in 0..PACKET / 100 {
            access.record(&RECORD);
        }
        log.flush();
        assert!(kept.text().len() > PACKET, "a full packet needs no tick");
        drop(access);
        log.flush();
        assert_eq!(kept.text().lines().count(), 1 + PACKET / 100);
    }

    #[test]
    fn off_it_writes_nothing() {
        let kept = Kept::default();
        let log = Log::to(Settings { access: false, ..ALL }, Clock::System, kept.clone()).unwrap();
        let mut access = log.access();
        access.record(&RECORD);
        assert!(!access.is_on());
        drop(access);
        log.flush();
        assert_eq!(kept.text(), "");
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_it_is_one_line(
            method in ".{0,20}", path in prop::collection::vec(any::<u8>(), 0..2000), id in ".{0,20}", user in ".{0,20}",
        ) {
            let record = Record { method: &method, path: &path, request_id: &id, user: Some(&user), ..RECORD };
            let line = json_of(&record);
            prop_assert_eq!(line["user"].as_str(), Some(user.as_str()));
            prop_assert_eq!(text_of(&record).lines().count(), 1);
            prop_assert!(!text_of(&record).trim_end().contains(char::is_control));
        }
    }
}
