use serde_json::{Value, json};

use super::*;
use crate::{
    policy::{PolicySet, Settings, Source as File, Stored, Unmatched, compile},
    wire::{HeadLimits, Scan},
};

fn set(accepts: &Value) -> PolicySet {
    let settings = Settings {
        api_root: "/api".into(),
        users_plural: None,
        user_model: None,
        is_one_of_several: false,
        unmatched: Unmatched::Deny,
        default_allow: true,
        acl_error_status: Some(401),
        loopback: true,
        short_routes: false,
        restrict_reset_scope: None,
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    };
    let model = json!({"name": "Thing", "methods": {"act": {
        "http": [{"verb": "all", "path": "/act"}, {"verb": "all", "path": "/act/:a"}], "accepts": accepts
    }}});
    let file = File { name: "thing.json".into(), text: model.to_string() };
    compile(&settings, &[file], &Stored::default()).0.unwrap()
}

/// What is said of `POST TARGET` with these headers and this body.
fn said_by(set: &PolicySet, target: &str, headers: &str, body: Option<Value>) -> String {
    let mut head = RequestHead::new();
    let text = format!("POST {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let limits = HeadLimits { bytes: 4096, fields: 20 };
    assert!(matches!(head.scan(text.as_bytes(), &limits), Ok(Scan::Complete(_))), "{text}");
    let action = set.action(head.method(), head.path(), head.query());
    match check_takes(&action, &head, body.map(Body::json).as_ref()) {
        Ok(()) => "ok".into(),
        Err(problem) => problem.envelope()["error"]["message"].as_str().unwrap().to_owned(),
    }
}

const JSON: &str = "content-type: application/json; charset=utf-8\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const NUMBER: &str = "Value is not a number.";
const BOOLEAN: &str = "Value is not a boolean.";
const TEXT: &str = "Value is not a string.";
const OBJECT: &str = "Value is not an object.";
const DATE: &str = "Value is not a valid date.";

#[test]
fn a_list_may_be_longer_than_qs_likes() {
    let set = set(&json!({"arg": "a", "type": ["number"]}));
    let many = |last: &str| format!("/api/Things/act?{}a={last}", "a=1&".repeat(30));
    assert_eq!(said_by(&set, &many("2"), "", None), "ok");
    assert_eq!(said_by(&set, &many("x"), "", None), NUMBER);
    assert_eq!(said_by(&set, "/api/Things/act?a[x]=1", "", None), NUMBER);
}

#[test]
fn what_has_no_type_of_its_own_is_guessed() {
    for (kind, good, bad, message) in [
        (
            json!("number"),
            &["1", "-1.5e3", "", "+5", "0x1F", "null&a="][..5],
            &["x", "1,2", "null"][..],
            NUMBER,
        ),
        (json!("integer"), &["1", ""], &["1.5", "12345678901234567890"], "Value is not a safe integer."),
        (json!("boolean"), &["TRUE", "0", ""], &["yes", "null", "%5B%5D"], BOOLEAN),
        (json!("string"), &["1", "null", "%7B%7D"], &[], TEXT),
        (json!("object"), &["%7B%22a%22:1%7D", "null", ""], &["x", "1", "%5B1%5D"], OBJECT),
        (json!("thing"), &["%7B%7D"], &["x"], OBJECT),
        (json!("date"), &["2020-13-45", "17", "soon"], &["1&a=2"], DATE),
        (json!("any"), &["x", "%7Bbad%7D"], &[], ""),
        (json!("buffer"), &["x"], &[], ""),
        (json!(["number"]), &["1", "%5B1,2%5D", "1&a=2", "null"], &["x", "1&a=x", "%5B%22x%22%5D"], NUMBER),
        (json!("array"), &["x", "%5B%7B%7D%5D"], &[], ""),
        (json!([["boolean"]]), &["%5B%5Btrue%5D%5D", "1"], &["%5B%5B1%5D%5D"], BOOLEAN),
    ] {
        let set = set(&json!({"arg": "a", "type": kind}));
        for text in good {
            assert_eq!(said_by(&set, &format!("/api/Things/act?a={text}"), "", None), "ok", "{kind} {text}");
        }
        for text in bad {
            assert_eq!(
                said_by(&set, &format!("/api/Things/act?a={text}"), "", None),
                message,
                "{kind} {text}"
            );
        }
    }
    let broken = |kind: Value| {
        said_by(&set(&json!({"arg": "a", "type": kind})), "/api/Things/act?a=%7Bx%7D", "", None)
    };
    assert_eq!(broken(json!("object")), "Cannot parse JSON-encoded object value.");
    let broken = |kind: Value| {
        said_by(&set(&json!({"arg": "a", "type": kind})), "/api/Things/act?a=%5Bx%5D", "", None)
    };
    assert_eq!(broken(json!("array")), "Cannot parse JSON-encoded array value.");
}

#[test]
fn json_has_told_its_types() {
    for (kind, value, expected) in [
        (json!("number"), json!("1"), NUMBER),
        (json!("number"), json!(null), NUMBER),
        (json!("number"), json!(1), "ok"),
        (json!("boolean"), json!("true"), BOOLEAN),
        (json!("string"), json!(5), TEXT),
        (json!("object"), json!(null), "ok"),
        (json!("object"), json!([]), OBJECT),
        (json!("date"), json!(null), DATE),
        (json!("date"), json!("nonsense"), "ok"),
        (json!(["string"]), json!("x"), "Value is not an array."),
        (json!(["string"]), json!(["x", 1]), TEXT),
        (json!("array"), json!([1, "x"]), "ok"),
    ] {
        let set = set(&json!([{"arg": "a", "type": kind}]));
        let said = said_by(&set, "/api/Things/act", JSON, Some(json!({"a": value})));
        assert_eq!(said, expected, "{kind} {value}");
    }
    // A form, and a content type in capitals, have told nothing.
    let number = set(&json!([{"arg": "a", "type": "number"}]));
    assert_eq!(said_by(&number, "/api/Things/act", FORM, Some(json!({"a": "1"}))), "ok");
    let capitals = "content-type: Application/JSON\r\n";
    assert_eq!(said_by(&number, "/api/Things/act", capitals, Some(json!({"a": "1"}))), "ok");
}

#[test]
fn an_argument_is_looked_for_where_its_source_says() {
    let with = |source: &str| set(&json!([{"arg": "a", "type": "number", "http": {"source": source}}]));
    let everywhere = "a: x\r\ncontent-type: application/json\r\n";
    let body = || Some(json!({"a": 1}));
    for (source, target, expected) in [
        ("query", "/api/Things/act/x?a=1", "ok"),
        ("query", "/api/Things/act/1?a=x", NUMBER),
        ("path", "/api/Things/act/1?a=x", "ok"),
        ("path", "/api/Things/act/x", NUMBER),
        ("header", "/api/Things/act/1", NUMBER),
        ("form", "/api/Things/act/x?a=x", "ok"),
        ("body", "/api/Things/act/1", NUMBER),
        ("context", "/api/Things/act/1", NUMBER),
        ("moon", "/api/Things/act/x?a=x", "ok"),
    ] {
        assert_eq!(said_by(&with(source), target, everywhere, body()), expected, "{source} {target}");
    }
    let named = set(&json!([{"arg": "a", "type": "number"}]));
    for (target, headers, body, expected) in [
        ("/api/Things/act/x?a=1", "a: 1\r\n", Some(json!({"a": 1})), NUMBER),
        ("/api/Things/act/1?a=x", "a: x\r\n", Some(json!({"a": "x"})), "ok"),
        ("/api/Things/act?a=x", "a: x\r\n", Some(json!({"a": 1})), "ok"),
        ("/api/Things/act?a=x", "a: 1\r\n", Some(json!({})), NUMBER),
        ("/api/Things/act", "a: 1\r\na: 2\r\n", None, NUMBER),
        ("/api/Things/act", "a: 1\r\n", None, "ok"),
        // Of a body that is nothing, LoopBack looks no further.
        ("/api/Things/act?a=x", "", Some(json!(false)), "ok"),
    ] {
        assert_eq!(said_by(&named, target, headers, body), expected, "{target} {headers}");
    }
}

#[test]
fn a_list_of_objects_does_where_the_method_says_so() {
    let batch = set(&json!([{"arg": "a", "type": "object", "allowArray": true, "http": {"source": "body"}}]));
    for (body, expected) in [
        (json!([{}, null]), "ok"),
        (json!([{}, 1]), "Some of array items are not an object."),
        (json!("x"), OBJECT),
    ] {
        assert_eq!(said_by(&batch, "/api/Things/act", JSON, Some(body.clone())), expected, "{body}");
    }
}

#[test]
fn loopbacks_own_methods_are_known() {
    let set = set(&json!([]));
    for (target, headers, body, expected) in [
        ("/api/Things/change-stream?options=x", "", None, OBJECT),
        ("/api/Things", JSON, Some(json!([1])), "Some of array items are not an object."),
        ("/api/Things/update?where=x", JSON, Some(json!({})), OBJECT),
        ("/api/Things/update", JSON, Some(json!([])), OBJECT),
        ("/api/Things/act?filter=x", JSON, Some(json!(5)), "ok"),
        ("/api/Nothings?filter=x", JSON, Some(json!(5)), "ok"),
    ] {
        assert_eq!(said_by(&set, target, headers, body), expected, "{target}");
    }
}
