//! The compiled decision against a slow, literal reading of docs/loopback-3.28.md sections 8.3 to 8.5.

use proptest::{prelude::*, sample::select};

use super::*;

/// A request of the model below, and its method as docs/loopback-3.28.md section 9 has it.
pub(super) struct Request {
    pub(super) line: &'static str,
    names: &'static [&'static str],
    access: &'static str,
    has_id: bool,
}

#[rustfmt::skip]
pub(super) const REQUESTS: [Request; 8] = [
    Request { line: "GET /api/orders", names: &["find"], access: "READ", has_id: false },
    Request { line: "POST /api/orders", names: &["create"], access: "WRITE", has_id: false },
    Request { line: "GET /api/orders/7", names: &["findById"], access: "READ", has_id: true },
    Request { line: "PATCH /api/orders/7", names: &["patchAttributes", "updateAttributes"], access: "WRITE", has_id: true },
    Request { line: "DELETE /api/orders/7", names: &["deleteById", "destroyById", "removeById"], access: "WRITE", has_id: true },
    Request { line: "POST /api/orders/7/approve", names: &["approve"], access: "EXECUTE", has_id: true },
    Request { line: "GET /api/orders/7/lines", names: &["__get__lines"], access: "READ", has_id: true },
    Request { line: "POST /api/orders/checkpoint", names: &["checkpoint"], access: "REPLICATE", has_id: false },
];

/// The caller, and whether the row is the caller's.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) user: Option<&'static str>,
    pub(super) roles: Vec<Box<str>>,
    pub(super) owns: bool,
}

/// Weights of model, property and access type, and the rule itself.
type Candidate = (i64, i64, i64, Value);

/// The permission that decides; `None` = the default does. Several where rules tie: LoopBack's order is then that in
/// which its look-ups end.
fn reference(acls: &[Value], rows: &[StoredRule], request: &Request, asker: &Asker) -> Vec<Option<String>> {
    let mut best: (i64, Vec<Option<String>>) = (0, vec![None]);
    for (model, property, access, rule) in
        stored_candidates(rows, request).chain(static_candidates(acls, request))
    {
        let id = match &rule["principalId"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (applies, principal, role) = match (rule["principalType"].as_str(), id.as_str()) {
            (Some("USER"), id) => (asker.user == Some(id), 4, 0),
            (Some("ROLE"), "$everyone") => (true, 2, 1),
            (Some("ROLE"), "$authenticated") => (asker.user.is_some(), 2, 2),
            (Some("ROLE"), "$unauthenticated") => (asker.user.is_none(), 2, 2),
            (Some("ROLE"), "$owner") => (asker.user.is_some() && asker.owns && request.has_id, 2, 4),
            (Some("ROLE"), "$related") => (false, 2, 3),
            (Some("ROLE"), name) => {
                (asker.user.is_some() && asker.roles.iter().any(|role| **role == *name), 2, 5)
            }
            _ => continue,
        };
        let weight = match rule["permission"].as_str() {
            Some("DENY") => 3,
            Some("AUDIT") => 2,
            Some("ALARM") => 1,
            _ => 0,
        };
        let score = ((((model * 4 + property) * 4 + access) * 4 + principal) * 8 + role) * 4 + weight;
        let permission = rule["permission"].as_str().map(str::to_owned);
        match score.cmp(&best.0) {
            _ if !applies => {}
            std::cmp::Ordering::Greater => best = (score, vec![permission]),
            std::cmp::Ordering::Equal => best.1.push(permission),
            std::cmp::Ordering::Less => {}
        }
    }
    best.1
}

fn stored_candidates(rows: &[StoredRule], request: &Request) -> impl Iterator<Item = Candidate> {
    let mut candidates = Vec::new();
    for row in rows {
        let model = match row.model.as_deref() {
            Some("Order") => 3,
            Some("*") => 2,
            _ => continue,
        };
        let (Some(property), Some(access)) = (row.property.as_deref(), row.access_type.as_deref()) else {
            continue;
        };
        let wanted = [request.access, "*", if request.access == "REPLICATE" { "WRITE" } else { "*" }];
        if (property == "*" || request.names.contains(&property)) && wanted.contains(&access) {
            let rule = json!({"principalType": row.principal_type, "principalId": row.principal_id, "permission": row.permission});
            let exact = i64::from(property != "*");
            candidates.push((model, 2 + exact, 2 + i64::from(access != "*"), rule));
        }
    }
    candidates.into_iter()
}

fn static_candidates(acls: &[Value], request: &Request) -> impl Iterator<Item = Candidate> {
    let name = request.names[0];
    let mut candidates = Vec::new();
    for acl in acls {
        let property = match &acl["property"] {
            Value::Null => 2,
            Value::String(text) if text == "*" => 2,
            Value::String(text) if text == name => 3,
            Value::Array(list) if list.iter().any(|item| item == name) => 3,
            _ => continue,
        };
        let access = match acl["accessType"].as_str() {
            None | Some("*") => 2,
            Some("EXECUTE") => 3,
            Some("WRITE") if request.access == "REPLICATE" => 3,
            Some(word) if word == request.access => 3,
            Some(_) => continue,
        };
        candidates.push((3, property, access, acl.clone()));
    }
    candidates.into_iter()
}

pub(super) fn model(acls: &[Value], default: Option<&str>) -> Value {
    let mut model = json!({
        "name": "Order", "base": "PersistedModel", "trackChanges": true, "acls": acls,
        "relations": {"lines": {"type": "hasMany", "model": "AccessToken"}},
        "methods": {"prototype.approve": {"http": {"verb": "post", "path": "/approve"}}},
    });
    if let Some(default) = default {
        model["defaultPermission"] = default.into();
    }
    model
}

fn decided(set: &PolicySet, request: &Request, asker: &Asker) -> bool {
    let caller = Caller { user: asker.user, roles: &asker.roles, certificate: None, scopes: &[] };
    let (method, path) = request.line.split_once(' ').unwrap();
    let action = set.action(method, path, None);
    assert_eq!((action.property, action.access_type), (request.names[0], request.access));
    let decision = match set.decide(&action, caller, None) {
        Decision::Ask(_) => {
            let owner = if asker.owns { OwnerVerdict::Owner } else { OwnerVerdict::NotOwner };
            set.decide(&action, caller, Some(owner))
        }
        decided => decided,
    };
    match decision {
        Decision::Permit(_) => true,
        Decision::Denial(_) => false,
        Decision::Ask(_) => panic!("asked twice"),
    }
}

const NAMES: [&str; 10] = [
    "find",
    "create",
    "findById",
    "patchAttributes",
    "updateAttributes",
    "deleteById",
    "removeById",
    "approve",
    "__get__lines",
    "checkpoint",
];

fn maybe(words: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(select(words))
}

fn principal() -> impl Strategy<Value = (Option<&'static str>, &'static str)> {
    let role = select(
        &["$everyone", "$authenticated", "$unauthenticated", "$owner", "$related", "admin", "editor"][..],
    );
    prop_oneof![
        8 => role.prop_map(|name| (Some("ROLE"), name)),
        2 => select(&["1", "2"][..]).prop_map(|id| (Some("USER"), id)),
        1 => Just((Some("role"), "$everyone")),
        1 => Just((Some("APP"), "1")),
        1 => Just((None, "$everyone")),
    ]
}

const PERMISSIONS: &[&str] = &["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "DENY", "ALARM", "AUDIT"];
const ACCESS: &[&str] = &["READ", "WRITE", "EXECUTE", "REPLICATE", "*", "read"];

prop_compose! {
    pub(super) fn acl()(
        (kind, id) in principal(),
        permission in maybe(PERMISSIONS),
        access in maybe(ACCESS),
        names in proptest::collection::vec(select(&NAMES[..]), 1..3),
        shape in 0..4,
    ) -> Value {
        let mut rule = json!({"principalId": id});
        for (key, value) in [("principalType", kind), ("permission", permission), ("accessType", access)] {
            if let Some(value) = value {
                rule[key] = value.into();
            }
        }
        match shape {
            0 => rule["property"] = "*".into(),
            1 => rule["property"] = names[0].into(),
            2 => rule["property"] = names.into(),
            _ => {}
        }
        rule
    }
}

prop_compose! {
    fn row()(
        (kind, id) in principal(),
        model in select(&["Order", "*", "Other"][..]),
        permission in maybe(PERMISSIONS),
        access in maybe(ACCESS),
        property in proptest::option::of(prop_oneof![Just("*"), select(&NAMES[..])]),
    ) -> StoredRule {
        StoredRule {
            id: "r".into(),
            model: Some(model.into()),
            property: property.map(str::to_owned),
            access_type: access.map(str::to_owned),
            permission: permission.map(str::to_owned),
            principal_type: kind.map(str::to_owned),
            principal_id: Some(id.into()),
        }
    }
}

prop_compose! {
    pub(super) fn asker()(
        user in maybe(&["1", "3"]),
        roles in proptest::sample::subsequence(vec!["admin", "editor"], 0..=2),
        owns: bool,
    ) -> Asker {
        Asker { user, roles: roles.into_iter().map(Into::into).collect(), owns }
    }
}

fn compiled(acls: &[Value], rows: Vec<StoredRule>, default: Option<&str>) -> PolicySet {
    let stored = Stored { rules: rows, ..stored() };
    let (set, findings) = compile(&loopback(), &sources(&[model(acls, default)]), &stored);
    set.unwrap_or_else(|| panic!("{findings:#?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_form_decides_as_the_text_does(
        acls in proptest::collection::vec(acl(), 0..8),
        rows in proptest::collection::vec(row(), 0..4),
        askers in proptest::collection::vec(asker(), 4),
        default in maybe(&["ALLOW", "DENY"]),
    ) {
        let set = compiled(&acls, rows.clone(), default);
        for request in &REQUESTS {
            for asker in &askers {
                let permissions = reference(&acls, &rows, request, asker);
                let allows = |permission: &Option<String>| permission.as_deref().or(default) != Some("DENY");
                let got = decided(&set, request, asker);
                prop_assert!(permissions.iter().any(|permission| allows(permission) == got),
                    "{} {asker:?}: {permissions:?}, got {got}", request.line);
            }
        }
    }

    #[test]
    fn one_more_deny_never_allows_more(
        acls in proptest::collection::vec(acl(), 0..6),
        asker in asker(),
        more in acl(),
    ) {
        let before = compiled(&acls, Vec::new(), None);
        let mut more = more;
        more["permission"] = "DENY".into();
        let after = compiled(&[acls, vec![more]].concat(), Vec::new(), None);
        for request in &REQUESTS {
            prop_assert!(decided(&before, request, &asker) || !decided(&after, request, &asker), "{}", request.line);
        }
    }
}
