//! docs/metrics.md: the keys of the access log, made of a record, and the metrics, made of the page that Prometheus
//! reads.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use serde_json::Value;

use super::{
    Client,
    access::{Facts, Record},
    metrics::{CertificateEnd, CoreGauges, Decision, Gauges, Metrics, ProcessFigures, ServerGauges},
};
use crate::{
    clock::Timestamp,
    docs::{assert_generated, head, row},
};

/// What each key of the access log means, in any order: their own comes from the record.
const KEYS: [(&str, &str); 29] = [
    ("ts", "when the request came, in UTC"),
    ("level", "`info`; `warn` from status 500 on"),
    ("stream", "`access`"),
    ("msg", "`request`"),
    ("request_id", "as in `X-Request-Id`"),
    ("client", "the client's address; `unix` on a Unix listener without a trusted proxy"),
    ("method", "as it was judged"),
    ("path", "as it was judged, without its query; `***` stands for what follows `accessTokens/`"),
    ("app", "the app that took the request; only where there are [several](several-apps.md)"),
    ("route", "`Model.method`, or `unmatched`"),
    ("status", "what the client got; 499 when it left before"),
    ("bytes_in", "bytes of the request's body"),
    ("bytes_out", "bytes of the answer's body"),
    ("elapsed_ms", "from the first byte of the request to the last of the answer"),
    ("user", "the caller's id, or null"),
    (
        "decision",
        "`allow`, `deny`, `error` (the owner could not be found out), `none` (it never came to a decision)",
    ),
    ("rule", "the rule that decided (`notes.json#/acls/3`), or the check that refused the head"),
    ("upstream", "the app's server"),
    ("upstream_ms", "the app's share of the time"),
    ("tls", "the version of TLS of the connection, such as `1.3`; null without TLS"),
    (
        "tls_client",
        "the subject of the client's certificate (`tls.client_ca`), such as `CN=ann,O=Example`, or null",
    ),
    (
        "listener",
        "`forward-auth`, where a [proxy described the request](forward-auth.md); left out of other lines",
    ),
    ("facts", "what the decision is made again from, or null; the keys below are in it"),
    ("facts.policy", "the digest of the policies in force"),
    ("facts.model, facts.property, facts.access_type", "what the route asks for"),
    ("facts.model_id", "the row, or null"),
    ("facts.roles, facts.scopes", "of the caller and its token"),
    ("facts.certificate", "the subject of the client's certificate, if it has shown one"),
    ("facts.owner", "whether the caller owns the row; null when it was not asked"),
];

#[test]
fn access() {
    let facts = Facts {
        policy: "",
        model: "",
        property: "",
        access_type: "",
        model_id: None,
        roles: &[],
        certificate: Some("CN=robot"),
        scopes: &[],
        owner: None,
    };
    let record = Record {
        ts: Timestamp(0),
        request_id: "",
        client: Client::Ip(Ipv4Addr::LOCALHOST.into()),
        method: "",
        path: b"",
        app: Some(""),
        route: "",
        status: 200,
        bytes_in: 0,
        bytes_out: 0,
        elapsed: Duration::ZERO,
        user: None,
        decision: "",
        rule: None,
        upstream: None,
        upstream_elapsed: None,
        tls: None,
        tls_client: None,
        listener: Some("forward-auth"),
        facts: Some(facts),
    };
    let mut line = Vec::new();
    record.write_json(&mut line);
    let written: Value = serde_json::from_slice(&line).unwrap();
    let keys = written.as_object().unwrap().keys().cloned();
    let of_facts = written["facts"].as_object().unwrap().keys().map(|key| format!("facts.{key}"));
    let mut meanings: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (number, (names, meaning)) in KEYS.iter().enumerate() {
        meanings.extend(names.split(", ").map(|name| (name, (number, *meaning))));
    }
    let mut table = head(&["key", ""]);
    let mut last = None;
    for key in keys.chain(of_facts) {
        let (number, meaning) =
            meanings.remove(key.as_str()).unwrap_or_else(|| panic!("`{key}` is not explained"));
        if last.replace(number) != Some(number) {
            let names: Vec<String> = KEYS[number].0.split(", ").map(|name| format!("`{name}`")).collect();
            table.push_str(&row(&[&names.join(", "), meaning]));
        }
    }
    assert!(meanings.is_empty(), "no line has {:?}", meanings.keys());
    assert_generated("docs/metrics.md", "access", &table);
}

#[test]
fn metrics() {
    let metrics = Metrics::new();
    let core = metrics.core();
    let routes = metrics.register_routes(Some("shop"), &["Model.method"]);
    core.request(routes[0], 200, Duration::ZERO);
    core.decision(Decision::Allow);
    let end = CertificateEnd { name: "a.test".into(), file: "a.pem".into(), not_after_seconds: 1 };
    let server =
        ServerGauges { app: Some("shop".into()), server: "10.0.0.1:80".into(), in_progress: 0, idle: 0 };
    let cores = CoreGauges { servers: vec![server], ..CoreGauges::default() };
    let process = ProcessFigures::measure(Timestamp(0));
    let gauges = Gauges { certificates: vec![end], cores, is_complete: true, process, ..Gauges::default() };
    let page = metrics.render(&gauges);
    let mut table = head(&["metric", "type", "labels", ""]);
    for help in page.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = help.split_once(' ').unwrap();
        let kind = page.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        table.push_str(&row(&[&format!("`{name}`"), kind, &labels(&page, name), help]));
    }
    assert_generated("docs/metrics.md", "metrics", &table);
}

/// The labels of a metric; with their values where a fixed set is always shown.
fn labels(page: &str, name: &str) -> String {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let lines = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    for pair in lines.filter_map(|line| line.split_once('}')).flat_map(|(pairs, _)| pairs.split(',')) {
        let (label, value) = pair.split_once('=').unwrap();
        let value = value.trim_matches('"').to_owned();
        match found.iter_mut().find(|(known, _)| known == label) {
            Some((_, values)) => values.push(value),
            None => found.push((label.to_owned(), vec![value])),
        }
    }
    let shown = found.iter().map(|(label, values)| {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        let values = if values.len() > 1 { format!(": {}", values.join(", ")) } else { String::new() };
        format!("`{label}`{values}")
    });
    shown.collect::<Vec<_>>().join(", ")
}
