//! Whole sets: files in, decisions out.

mod account;
mod app_collections;
mod certificates;
mod decisions;
mod explain;
mod findings;
mod lints;
mod reference;
mod remote;
mod routing;
mod samples;

use serde_json::{Value, json};

use super::*;

/// Profile `loopback3` as the config makes it.
fn loopback() -> Settings {
    Settings {
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
    }
}

/// Profile `standard`.
fn standard() -> Settings {
    Settings { default_allow: false, acl_error_status: None, loopback: false, ..loopback() }
}

fn stored() -> Stored {
    Stored { roles: ["admin", "editor"].map(String::from).to_vec(), rules: Vec::new() }
}

/// One source per definition, called as its model.
fn sources(definitions: &[Value]) -> Vec<Source> {
    let name = |definition: &Value| definition["name"].as_str().unwrap_or("unnamed").to_lowercase();
    definitions
        .iter()
        .map(|definition| Source {
            name: format!("{}.json", name(definition)),
            text: serde_json::to_string_pretty(definition).unwrap(),
        })
        .collect()
}

fn set(settings: &Settings, definitions: &[Value]) -> PolicySet {
    let (set, findings) = compile(settings, &sources(definitions), &stored());
    set.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn file(name: &str, text: &str) -> Source {
    Source { name: name.into(), text: text.into() }
}

/// `allow RULE`, `STATUS RULE` or `ask TARGET`.
fn verdict(set: &PolicySet, request: &str, caller: Caller<'_>, owner: Option<OwnerVerdict>) -> String {
    let (method, target) = request.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    show(&set.decide(&set.action(method, path, query), caller, owner))
}

fn show(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Permit(permit) => format!("allow {}", permit.rule),
        Decision::Denial(denial) => format!("{} {}", denial.status, denial.rule),
        Decision::Ask(question) => format!("ask {}", question.target),
    }
}

const ANONYMOUS: Caller<'static> = Caller { user: None, roles: &[], certificate: None, scopes: &[] };

fn user(id: &str) -> Caller<'_> {
    Caller { user: Some(id), ..ANONYMOUS }
}

fn rule(principal: &str, permission: &str) -> Value {
    json!({"principalType": "ROLE", "principalId": principal, "permission": permission})
}

/// A rule with more keys.
fn rule_with(principal: &str, permission: &str, more: Value) -> Value {
    let mut rule = rule(principal, permission);
    let Value::Object(more) = more else { panic!("an object") };
    rule.as_object_mut().unwrap().extend(more);
    rule
}
