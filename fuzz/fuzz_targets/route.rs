//! Any request line against fixed sets: one reading of a path, and what is closed is closed under every spelling.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis::{
    policy::{Action, Caller, Decision, PolicySet, Settings, Source, Stored, Unmatched, compile},
    wire::{HeadLimits, RequestHead, Scan},
};

/// Everything is denied to every caller but `/open`, and so are unknown paths.
const FILES: [(&str, &str); 4] = [
    (
        "order.json",
        r#"{"name": "Order", "base": "PersistedModel", "properties": {"userId": "number"},
            "relations": {"items": {"type": "hasMany", "model": "Item"}, "buyer": {"type": "belongsTo", "model": "User"}},
            "methods": {"prototype.ship": {"http": [{"path": "/ship", "verb": "post"}, {"path": "/ship/:how", "verb": "put"}]}},
            "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#,
    ),
    (
        "item.json",
        r#"{"name": "Item", "base": "PersistedModel", "http": {"path": "shop/things"},
            "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#,
    ),
    (
        "invoice.json",
        r#"{"name": "Invoice", "routes": [
                {"path": "/invoices", "methods": ["GET"]}, {"path": "/invoices/{id}"},
                {"path": "/invoices/{id}/{*rest}", "encodedSlash": true}, {"path": "/invoices/new"}],
            "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#,
    ),
    (
        "open.json",
        r#"{"name": "Open", "ignoreCase": true, "routes": [{"path": "/open", "property": "open"}, {"path": "/open/shut", "property": "shut"}],
            "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                     {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "open"}]}"#,
    ),
];

static SETS: LazyLock<[PolicySet; 2]> = LazyLock::new(|| [set(false), set(true)]);

const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 8 };

fuzz_target!(|input: &str| {
    let (method, target) = input.split_once(' ').unwrap_or(("GET", input));
    for set in &*SETS {
        // Whatever others may describe, it does no harm.
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        check(set, &set.action(method, path, query), path);

        let bytes = format!("{method} {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let mut head = RequestHead::new();
        let Ok(Scan::Complete(_)) = head.scan(bytes.as_bytes(), &LIMITS) else { continue };
        let action = set.action(head.method(), head.path(), head.query());
        check(set, &action, head.path());
        same_with_a_slash(set, &head, &action);
        same_when_decoded(set, &head, &action);
    }
});

fn check(set: &PolicySet, action: &Action<'_, '_>, path: &str) {
    assert_eq!(set.routes().nth(action.route_index as usize), Some(action.route));
    for (user, roles) in [(None, vec![]), (Some("7"), vec![Box::<str>::from("clerk")])] {
        let caller = Caller { user, roles: &roles, certificate: None, scopes: &[] };
        if let Decision::Permit(permit) = set.decide(action, caller, None) {
            let decoded = decode(path).to_ascii_lowercase();
            let is_open = decoded.trim_end_matches('/') == "/open" || permit.rule == "no-such-method";
            // LoopBack's 13 rules of the account model are not closed.
            assert!(is_open || action.model == "User", "{path} is open by {}", permit.rule);
        }
    }
}

/// One trailing slash makes no difference.
fn same_with_a_slash(set: &PolicySet, head: &RequestHead, action: &Action<'_, '_>) {
    if head.path().ends_with('/') {
        return;
    }
    let longer = format!("{}/", head.path());
    let other = set.action(head.method(), &longer, head.query());
    assert_eq!(other.route, action.route, "{longer}");
    assert_eq!(other.model_id, action.model_id);
}

/// An app that undoes needless escapes sees the route that was judged.
fn same_when_decoded(set: &PolicySet, head: &RequestHead, action: &Action<'_, '_>) {
    let plain = decode(head.path());
    if action.route == "unmatched" || plain.contains(';') {
        return;
    }
    let other = set.action(head.method(), &plain, head.query());
    assert_eq!(other.route, action.route, "{plain}");
    assert_eq!(other.model_id, action.model_id);
}

/// Undoes the escapes of letters, digits and `-._~`, and no other ones.
fn decode(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, escape)) = rest.split_once('%') {
        out.push_str(before);
        let value = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match value.filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c)) {
            Some(c) => {
                out.push(c);
                rest = &escape[2..];
            }
            None => {
                out.push('%');
                rest = escape;
            }
        }
    }
    out + rest
}

fn set(loopback: bool) -> PolicySet {
    let settings = Settings {
        api_root: "/api".to_owned(),
        users_plural: None,
        user_model: None,
        is_one_of_several: false,
        unmatched: Unmatched::Deny,
        default_allow: false,
        acl_error_status: None,
        loopback,
        short_routes: false,
        restrict_reset_scope: None,
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    };
    let sources = FILES.map(|(name, text)| Source { name: name.to_owned(), text: text.to_owned() });
    let (set, findings) = compile(&settings, &sources, &Stored::default());
    set.unwrap_or_else(|| panic!("{findings:#?}"))
}
