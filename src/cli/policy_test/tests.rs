use std::fs;

use super::*;
use crate::config::{self, Sources};

const POLICY: &str = r#"{"name": "Order", "routes": [
    {"path": "/orders", "property": "list"},
    {"path": "/orders/{id}", "methods": ["GET"], "property": "show"}],
    "owner": {"lookup": "/orders/{id}", "field": "/owner"},
    "acls": [
    {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
    {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW", "property": "show"},
    {"principalType": "ROLE", "principalId": "clerk", "permission": "ALLOW"}]}"#;

fn config(folder: &Path) -> Config {
    let file = folder.join("portcullis.toml");
    fs::write(&file, "").unwrap();
    config::load(&Sources { file: Some(file), env: Vec::new(), flags: Vec::new() }).unwrap().config
}

/// The lines that a folder with these cases prints, and how it ends.
fn tested(cases: &Value, flags: &[&str]) -> (Vec<String>, Exit) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.json"), POLICY).unwrap();
    fs::write(folder.path().join("order.cases.json"), cases.to_string()).unwrap();
    let test = PolicyTest {
        app: None,
        allow_empty: false,
        dir: Some(folder.path().to_owned()),
        coverage: flags.contains(&"coverage"),
        require_coverage: flags.contains(&"require"),
        mutate: flags.contains(&"mutate"),
    };
    let config = config(folder.path());
    let mut read = Folder::read(&config, folder.path()).unwrap();
    let text = read.test(test.mutate).text(&read, &test, Paint::none());
    (text.lines().map(str::to_owned).collect(), run(&config, &test, false).unwrap())
}

#[test]
fn a_line_a_case_and_how_many() {
    let (lines, exit) = tested(
        &json!([
            {"as": "anonymous", "method": "GET", "target": "/orders/7", "expect": "deny", "status": 401, "because": "order.json#/acls/0"},
            {"as": {"user": 1}, "method": "GET", "target": "/orders/7?x=1", "owner": 1, "expect": "allow", "because": "order.json#/acls/1"},
            {"as": {"user": 1}, "method": "GET", "target": "/orders/7", "owner": "2", "expect": "deny", "status": 403},
            {"as": {"user": "x", "roles": ["clerk"]}, "method": "POST", "target": "/orders", "expect": "allow"},
            {"as": "anonymous", "method": "GET", "target": "/orders/../x", "expect": "deny", "status": 400, "because": "dot-segment"},
            {"as": "anonymous", "method": "GET", "target": "/orders/a%2Fb", "expect": "deny", "status": 400},
            {"as": {"user": 1}, "method": "GET", "target": "/orders/7", "expect": "allow"},
            {"as": "anonymous", "method": "GET", "target": "/orders", "expect": "deny", "status": 403},
            {"as": "anonymous", "method": "GET", "target": "/orders", "expect": "deny", "because": "default"},
        ]),
        &[],
    );
    insta::assert_snapshot!(lines.join("\n"), @r"
    ok   order.cases.json#/0 GET /orders/7 as anonymous: deny by order.json#/acls/0
    ok   order.cases.json#/1 GET /orders/7?x=1 as user 1: allow by order.json#/acls/1
    ok   order.cases.json#/2 GET /orders/7 as user 1: deny by order.json#/acls/0
    ok   order.cases.json#/3 POST /orders as user x (clerk): allow by order.json#/acls/2
    ok   order.cases.json#/4 GET /orders/../x as anonymous: deny by dot-segment
    ok   order.cases.json#/5 GET /orders/a%2Fb as anonymous: deny by encoded-slash
    FAIL order.cases.json#/6 GET /orders/7 as user 1: expected allow, got deny 403 by order.json#/acls/0; the rules ask whose the row is: say it with `owner`
    FAIL order.cases.json#/7 GET /orders as anonymous: expected the status 403, got deny 401 by order.json#/acls/0
    FAIL order.cases.json#/8 GET /orders as anonymous: expected deny by default, got deny 401 by order.json#/acls/0
    6 passed, 3 failed
    ");
    assert_eq!(exit, Exit::Failed);
}

#[test]
fn coverage_is_told_and_can_be_required() {
    let one = json!([{"as": "anonymous", "method": "GET", "target": "/orders", "expect": "deny"}]);
    assert_eq!(tested(&one, &["coverage"]).1, Exit::Done);
    let (lines, exit) = tested(&one, &["require"]);
    assert_eq!(
        lines[1..],
        [
            "not covered: order.json#/acls/1 ($owner ALLOW show)",
            "not covered: order.json#/acls/2 (clerk ALLOW)",
            "1 of 3 rules decide a case",
            "1 passed, 0 failed",
        ]
    );
    assert_eq!(exit, Exit::Failed);
}

#[test]
fn a_mutant_that_no_case_notices_is_named() {
    let owner =
        json!({"as": {"user": 1}, "method": "GET", "target": "/orders/7", "owner": 1, "expect": "allow"});
    let clerk = json!({"as": {"user": 2, "roles": ["clerk"]}, "method": "POST", "target": "/orders", "expect": "allow"});
    let nobody = json!({"as": "anonymous", "method": "GET", "target": "/orders", "expect": "deny"});
    let (lines, exit) = tested(&json!([owner, nobody]), &["mutate"]);
    assert_eq!(
        lines[2..],
        [
            "no case notices when order.json#/acls/2 (clerk ALLOW) is dropped",
            "no case notices when order.json#/acls/2 (clerk ALLOW) is flipped",
            "3 of 5 changes of a rule are noticed",
            "2 passed, 0 failed",
        ]
    );
    assert_eq!(exit, Exit::Failed);
    assert_eq!(tested(&json!([owner, clerk, nobody]), &["mutate"]).1, Exit::Done);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.json"), POLICY).unwrap();
    fs::write(folder.path().join("a.cases.json"), "[\n {\"as\": \"nobody\"}]").unwrap();
    let error = Folder::read(&config(folder.path()), folder.path()).unwrap_err().to_string();
    assert!(error.contains("a.cases.json:2:"), "{error}");
}

#[test]
fn json_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.json"), POLICY).unwrap();
    let case = json!([{"as": "anonymous", "method": "GET", "target": "/orders", "expect": "allow"}]);
    fs::write(folder.path().join("a.cases.json"), case.to_string()).unwrap();
    let mut read = Folder::read(&config(folder.path()), folder.path()).unwrap();
    let json = read.test(false).to_json(&read);
    assert_eq!((&json["passed"], &json["failed"]), (&json!(0), &json!(1)));
    assert_eq!(json["cases"][0]["failure"], "expected allow, got deny 401 by order.json#/acls/0");
    assert_eq!(
        json["coverage"][0],
        json!({"ref": "order.json#/acls/0", "says": "$everyone DENY", "cases": 1})
    );
}
