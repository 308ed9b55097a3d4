use std::fs;

use serde_json::Value;

use super::*;
use crate::config::{self, Sources};

fn policy(rules: &Value) -> String {
    json!({"name": "Order", "routes": [{"path": "/orders/{id}", "methods": ["GET"], "property": "show"}],
        "owner": {"lookup": "/orders/{id}", "field": "/owner"}, "acls": rules})
    .to_string()
}

fn rule(who: &str, permission: &str) -> Value {
    json!({"principalType": "ROLE", "principalId": who, "permission": permission})
}

/// The lines of the answer, and how the command ends.
fn diff(old: &Value, new: &Value, log: &[Value]) -> (Vec<String>, Exit) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, rules) in [("old", old), ("new", new)] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("order.json"), policy(rules)).unwrap();
    }
    let case = json!([{"as": {"user": 1, "roles": ["clerk"]}, "method": "GET", "target": "/orders/1", "expect": "deny"}]);
    fs::write(at("old").join("a.cases.json"), case.to_string()).unwrap();
    fs::write(at("new").join("a.cases.json"), case.to_string()).unwrap();
    fs::write(at("portcullis.toml"), "").unwrap();
    let lines: Vec<String> = log.iter().map(Value::to_string).collect();
    fs::write(at("log"), lines.join("\n")).unwrap();
    let sources = Sources { file: Some(at("portcullis.toml")), env: Vec::new(), flags: Vec::new() };
    let config = config::load(&sources).unwrap().config;
    let wanted =
        PolicyDiff { old: at("old"), new: at("new"), app: None, log: (!log.is_empty()).then(|| at("log")) };
    let (old, new) =
        (Folder::read(&config, &wanted.old).unwrap(), Folder::read(&config, &wanted.new).unwrap());
    let mut seen = of_rules(&old.analysis, &new.analysis);
    seen.extend(of_cases(&old, &new));
    if let Some(log) = &wanted.log {
        seen.extend(of_log(&old.analysis, &new.analysis, None, log).unwrap().0);
    }
    let line = |seen: &Seen| {
        let word = if seen.change.opens() { "opens" } else { "closes" };
        format!("{word} {} {}: {} {}", seen.change.route, seen.change.who, seen.from, seen.count)
    };
    (seen.iter().map(line).collect(), run(&config, &wanted, false).unwrap())
}

fn logged(user: &str, roles: &[&str], owner: &Value) -> Value {
    json!({"request_id": "r", "method": "GET", "path": "/orders/1", "user": user, "decision": "deny",
        "facts": {"policy": "p", "model_id": "1", "roles": roles, "scopes": [], "owner": owner}})
}

#[test]
fn nothing_changes_nothing() {
    let rules = json!([rule("$everyone", "DENY"), rule("clerk", "ALLOW")]);
    let (lines, exit) = diff(&rules, &rules, &[logged("1", &[], &Value::Null)]);
    assert_eq!((lines, exit), (Vec::new(), Exit::Done));
}

#[test]
fn what_opens_fails_and_what_closes_does_not() {
    let (closed, open) =
        (json!([rule("$everyone", "DENY")]), json!([rule("$everyone", "DENY"), rule("clerk", "ALLOW")]));
    let log = [
        logged("1", &["clerk"], &json!(false)),
        logged("2", &["clerk"], &json!(false)),
        logged("3", &[], &json!(false)),
    ];
    let (lines, exit) = diff(&closed, &open, &log);
    assert_eq!(
        lines,
        [
            "opens Order.show role clerk: rules 0",
            "opens Order.show user 1 (clerk): case a.cases.json#/0 1",
            "opens Order.show role clerk: log 2",
        ]
    );
    assert_eq!(exit, Exit::Failed);
    let (lines, exit) = diff(&open, &closed, &[]);
    assert_eq!(lines[0], "closes Order.show role clerk: rules 0");
    assert_eq!(exit, Exit::Done);
}

#[test]
fn an_owner_that_the_log_does_not_know_may_be_one() {
    let (closed, open) =
        (json!([rule("$everyone", "DENY")]), json!([rule("$everyone", "DENY"), rule("$owner", "ALLOW")]));
    let (lines, exit) = diff(&closed, &open, &[logged("1", &[], &Value::Null)]);
    assert_eq!(
        lines,
        [
            "opens Order.show the owner: rules 0",
            "opens Order.show users without a role + if they own the row: log 1",
        ]
    );
    assert_eq!(exit, Exit::Failed);
    let (lines, _) = diff(&closed, &open, &[logged("1", &[], &json!(false))]);
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn lines_that_are_none_of_ours_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("p")).unwrap();
    fs::write(at("p/order.json"), policy(&json!([rule("$everyone", "DENY")]))).unwrap();
    let sources = Sources { file: None, env: Vec::new(), flags: vec![("policies.dir".into(), "x".into())] };
    let config = config::load(&sources).unwrap().config;
    let analysis = Folder::read(&config, &at("p")).unwrap().analysis;
    let read = |log: &[u8]| {
        fs::write(at("log"), log).unwrap();
        of_log(&analysis, &analysis, None, &at("log")).map(|(_, read)| read)
    };
    let good = logged("1", &[], &json!(false)).to_string();
    let refused =
        json!({"request_id": "r", "method": "GET", "path": "/x", "decision": "refused"}).to_string();
    let half = good.get(..good.len() / 2).unwrap();
    let log = format!("{good}\n{{\"stream\":\"audit\"}}\nGET / 200\n{refused}\n\n{half}");
    let found = read(&[log.as_bytes(), b"\n\xff\xfe"].concat()).unwrap();
    assert_eq!(found, LogRead { requests: 1, without_facts: 1, foreign: 3 });
    assert_eq!(
        found.text(),
        "1 request of the log decided again; 1 request refused before any rule was asked; 3 lines passed over: no access log, or broken\n"
    );
    assert_eq!(read(b"").unwrap(), LogRead::default());
    let error = read(b"127.0.0.1 - GET / 200\n").unwrap_err().to_string();
    assert!(error.ends_with("has no JSON line of a request; is `log.format` json there?"), "{error}");
}

#[test]
fn what_opens_comes_first() {
    let old = json!([rule("$everyone", "DENY"), rule("a", "ALLOW"), rule("z", "DENY")]);
    let new = json!([rule("$everyone", "DENY"), rule("a", "DENY"), rule("z", "ALLOW")]);
    let log = [logged("1", &["a"], &json!(false)), logged("2", &["z"], &json!(false))];
    let (lines, exit) = diff(&old, &new, &log);
    let of_the_log: Vec<&String> = lines.iter().filter(|line| line.contains(": log ")).collect();
    assert_eq!(of_the_log, ["opens Order.show role z: log 1", "closes Order.show role a: log 1"]);
    assert_eq!(exit, Exit::Failed);
}
