//! Decisions: callers, rules and their scores.

use super::*;

fn order(acls: &[Value]) -> Value {
    json!({
        "name": "Order", "plural": "orders", "base": "PersistedModel", "acls": acls,
        "relations": {"buyer": {"type": "belongsTo", "model": "User", "foreignKey": "buyerId"}}
    })
}

fn with(model: Value, key: &str, value: Value) -> Value {
    let mut model = model;
    model[key] = value;
    model
}

#[test]
fn the_account_models_own_rules() {
    let (loopback, standard) = (set(&loopback(), &[]), set(&standard(), &[]));
    for (request, caller, expected) in [
        ("POST /api/users", ANONYMOUS, "allow User#/acls/1"),
        ("POST /api/users/login", ANONYMOUS, "allow User#/acls/3"),
        ("POST /api/users/logout", ANONYMOUS, "allow User#/acls/4"),
        ("GET /api/users/confirm", ANONYMOUS, "allow User#/acls/9"),
        ("POST /api/users/2/verify", ANONYMOUS, "allow User#/acls/8"),
        ("POST /api/users/reset", ANONYMOUS, "allow User#/acls/10"),
        ("GET /api/users/1", ANONYMOUS, "401 User#/acls/0"),
        ("GET /api/users/1", user("1"), "allow User#/acls/5"),
        ("GET /api/users/%31", user("1"), "allow User#/acls/5"),
        ("GET /api/users/01", user("1"), "DENIED User#/acls/0"),
        ("GET /api/users/1.0", user("1"), "DENIED User#/acls/0"),
        ("GET /api/users/2", user("1"), "DENIED User#/acls/0"),
        ("HEAD /api/users/1", user("1"), "DENIED User#/acls/0"),
        ("PATCH /api/users/1", user("1"), "allow User#/acls/6"),
        ("PUT /api/users/1", user("1"), "allow User#/acls/7"),
        ("DELETE /api/users/1", user("1"), "allow User#/acls/2"),
        ("GET /api/users", user("1"), "DENIED User#/acls/0"),
        ("GET /api/users/count", user("1"), "DENIED User#/acls/0"),
        ("GET /api/users/1/accessTokens", user("1"), "DENIED User#/acls/0"),
        ("POST /api/users/change-password", ANONYMOUS, "401 User#/acls/0"),
        ("POST /api/users/change-password", user("1"), "allow User#/acls/11"),
        ("GET /api/AccessTokens", user("1"), "DENIED unmatched"),
    ] {
        assert_eq!(verdict(&loopback, request, caller, None), expected.replace("DENIED", "401"), "{request}");
        assert_eq!(verdict(&standard, request, caller, None), expected.replace("DENIED", "403"), "{request}");
    }
}

#[test]
fn roles_users_and_scores() {
    let roles = [Box::from("admin")];
    let admin = Caller { user: Some("3"), roles: &roles, certificate: None, scopes: &[] };
    let set = set(
        &loopback(),
        &[order(&[
            rule("$everyone", "DENY"),
            rule_with("$authenticated", "ALLOW", json!({"accessType": "READ"})),
            rule_with("$unauthenticated", "ALLOW", json!({"property": "count"})),
            rule_with("admin", "ALLOW", json!({"property": ["find", "create"]})),
            rule_with("admin", "DENY", json!({"property": "deleteById"})),
            json!({"principalType": "USER", "principalId": 7, "permission": "ALLOW", "accessType": "*"}),
            json!({"principalType": "USER", "principalId": "7", "permission": "DENY", "property": "find"}),
            rule_with("$everyone", "AUDIT", json!({"property": "findOne"})),
        ])],
    );
    for (request, caller, expected) in [
        ("GET /api/orders", ANONYMOUS, "401 order.json#/acls/0"),
        ("GET /api/orders", user("1"), "allow order.json#/acls/1"),
        ("GET /api/orders", admin, "allow order.json#/acls/3"),
        ("GET /api/orders", user("7"), "401 order.json#/acls/6"),
        ("GET /api/orders/count", ANONYMOUS, "allow order.json#/acls/2"),
        ("GET /api/orders/count", user("1"), "allow order.json#/acls/1"),
        ("POST /api/orders", user("1"), "401 order.json#/acls/0"),
        ("POST /api/orders", admin, "allow order.json#/acls/3"),
        ("POST /api/orders", user("7"), "allow order.json#/acls/5"),
        ("DELETE /api/orders/1", admin, "401 order.json#/acls/4"),
        ("GET /api/orders/findOne", ANONYMOUS, "allow order.json#/acls/7"),
    ] {
        assert_eq!(verdict(&set, request, caller, None), expected, "{request} {caller:?}");
    }
}

#[test]
fn the_app_is_asked_only_where_its_answer_matters() {
    let rules = [
        rule("$everyone", "DENY"),
        rule_with("$owner", "ALLOW", json!({"accessType": "WRITE"})),
        rule_with("$authenticated", "ALLOW", json!({"accessType": "READ"})),
        rule_with("$owner", "ALLOW", json!({"accessType": "READ"})),
    ];
    let set = set(&loopback(), &[order(&rules)]);
    let owner = Some(OwnerVerdict::Owner);
    for (request, caller, verdict_of_app, expected) in [
        ("PATCH /api/orders/7", ANONYMOUS, None, "401 order.json#/acls/0"),
        ("PATCH /api/orders/7", user("1"), None, "ask /api/orders/7"),
        ("PATCH /api/orders/7", user("1"), owner, "allow order.json#/acls/1"),
        ("PATCH /api/orders/7", user("1"), Some(OwnerVerdict::NotOwner), "401 order.json#/acls/0"),
        // A verdict opens nothing for a stranger, nor where there is no row.
        ("PATCH /api/orders/7", ANONYMOUS, owner, "401 order.json#/acls/0"),
        ("POST /api/orders", user("1"), owner, "401 order.json#/acls/0"),
        ("POST /api/orders/update?id=7", user("1"), None, "ask /api/orders/7"),
        ("POST /api/orders/update?id=", user("1"), None, "401 order.json#/acls/0"),
        // Allowed either way.
        ("GET /api/orders/7", user("1"), None, "allow order.json#/acls/2"),
        ("GET /api/orders/7", user("1"), owner, "allow order.json#/acls/3"),
        // A question for anything but a row is never sent.
        ("DELETE /api/orders/findOne", user("1"), None, "401 order.json#/acls/0"),
        ("DELETE /api/orders/%3B", user("1"), None, "401 ambiguous"),
        ("DELETE /api/orders/7%3B", user("1"), None, "401 order.json#/acls/0"),
        ("POST /api/orders/update?id=..%2Fx", user("1"), None, "401 order.json#/acls/0"),
        ("DELETE /api/orders/a%20b", user("1"), None, "ask /api/orders/a%20b"),
    ] {
        assert_eq!(verdict(&set, request, caller, verdict_of_app), expected, "{request} {caller:?}");
    }
}

#[test]
fn owners_of_rows() {
    let base = order(&[rule("$everyone", "DENY"), rule("$owner", "ALLOW")]);
    let two = with(
        base.clone(),
        "relations",
        json!({
            "buyer": {"type": "belongsTo", "model": "User", "foreignKey": "buyerId"},
            "seller": {"type": "belongsTo", "model": "User"},
            "owner": {"type": "belongsTo", "model": "Order"}
        }),
    );
    let all = with(two.clone(), "ownerRelations", json!(true));
    let one = with(two.clone(), "ownerRelations", json!(["seller"]));
    let hidden = with(two.clone(), "relations", json!({"buyer": {"type": "belongsTo", "model": "Client"}}));
    let client = json!({"name": "Client", "base": "User"});
    for (model, row, expected) in [
        (&two, json!({"buyerId": 1}), true),
        (&two, json!({"sellerId": 1}), false),
        (&two, json!({"userId": 1}), true),
        (&two, json!({"owner": 1}), false),
        (&all, json!({"sellerId": 1}), true),
        (&all, json!({"userId": 1}), false),
        (&one, json!({"buyerId": 1}), false),
        (&one, json!({"sellerId": "1"}), true),
        // `Client` does not hold the accounts.
        (&hidden, json!({"buyerId": 1}), false),
    ] {
        let set = set(&loopback(), &[model.clone(), client.clone()]);
        let action = set.action("GET", "/api/orders/7", None);
        let Decision::Ask(question) = set.decide(&action, user("1"), None) else { panic!("{model}") };
        let owns = question.verdict(&OwnerAnswer::Row(row.clone()), user("1"), true) == OwnerVerdict::Owner;
        assert_eq!(owns, expected, "{model} {row}");
        assert_eq!(question.verdict(&OwnerAnswer::Missing, user("1"), true), OwnerVerdict::NotOwner);
    }
}

#[test]
fn owners_of_routes() {
    let plain = |owner: Value| {
        json!({
            "name": "Invoice",
            "routes": [{"path": "/u/{userId}/invoices/{id}"}, {"path": "/invoices"}],
            "owner": owner,
            "acls": [rule("$everyone", "DENY"), rule("$owner", "ALLOW")]
        })
    };
    let by_path = set(&standard(), &[plain(json!({"path": "userId"}))]);
    assert_eq!(verdict(&by_path, "GET /u/1/invoices/7", user("1"), None), "allow invoice.json#/acls/1");
    assert_eq!(verdict(&by_path, "GET /u/%31/invoices/7", user("1"), None), "allow invoice.json#/acls/1");
    assert_eq!(verdict(&by_path, "GET /u/2/invoices/1", user("1"), None), "403 invoice.json#/acls/0");
    assert_eq!(
        verdict(&by_path, "GET /invoices", user("1"), Some(OwnerVerdict::Owner)),
        "403 invoice.json#/acls/0"
    );
    let lookup = json!({"lookup": "/x/{userId}/{id}.json?full=1", "header": "X-Owner", "cache": "30s"});
    let by_header = set(&standard(), &[plain(lookup)]);
    let action = by_header.action("GET", "/u/a%20b/invoices/7", None);
    let Decision::Ask(question) = by_header.decide(&action, user("1"), None) else { panic!() };
    assert_eq!(question.target, "/x/a%20b/7.json?full=1");
    assert_eq!(question.header, Some("x-owner"));
    assert_eq!(question.cache, Some(std::time::Duration::from_secs(30)));
    // A capture that is not valid in a path asks nothing.
    assert_eq!(verdict(&by_header, "GET /u/a%3Bb/invoices/7", user("1"), None), "403 invoice.json#/acls/0");
    // A LoopBack model may say it too; `id` is then the row's, wherever it came from.
    let own = with(
        order(&[rule("$everyone", "DENY"), rule("$owner", "ALLOW")]),
        "owner",
        json!({"lookup": "/o/{id}", "field": "/by"}),
    );
    let set = set(&loopback(), &[own]);
    assert_eq!(verdict(&set, "GET /api/orders/7", user("1"), None), "ask /o/7");
    assert_eq!(verdict(&set, "POST /api/orders/update?id=8", user("1"), None), "ask /o/8");
    assert_eq!(verdict(&set, "GET /api/orders", user("1"), None), "401 order.json#/acls/0");
}

#[test]
fn scopes() {
    let reset = ["reset-password".to_owned()];
    let full = ["x".to_owned(), "DEFAULT".to_owned()];
    let token = |scopes| Caller { user: Some("1"), roles: &[], certificate: None, scopes };
    let mut restricted = loopback();
    restricted.restrict_reset_scope = Some(true);
    let public = json!({"name": "Order", "acls": [rule("$everyone", "ALLOW")],
        "methods": {"audit": {"http": {"verb": "get"}, "accessScopes": ["x"]}}});
    let mut open = standard();
    open.unmatched = Unmatched::Allow;
    for (settings, request, scopes, expected) in [
        (loopback(), "GET /api/orders/count", &reset[..], "401 scope"),
        (loopback(), "GET /api/orders/count", &full[..], "allow order.json#/acls/0"),
        (loopback(), "GET /api/orders/audit", &[][..], "401 scope"),
        (loopback(), "GET /api/orders/audit", &full[..], "allow order.json#/acls/0"),
        (loopback(), "POST /api/users/reset-password", &reset[..], "401 scope"),
        (loopback(), "POST /api/users/reset-password", &[][..], "allow User#/acls/12"),
        (restricted.clone(), "POST /api/users/reset-password", &reset[..], "allow User#/acls/12"),
        (restricted.clone(), "POST /api/users/reset-password", &[][..], "401 scope"),
        (standard(), "POST /api/users/reset-password", &reset[..], "allow User#/acls/12"),
        (standard(), "POST /api/users/reset-password", &[][..], "allow User#/acls/12"),
        (standard(), "GET /api/users/1", &reset[..], "403 scope"),
        (open.clone(), "GET /nowhere", &reset[..], "403 scope"),
        (open, "GET /nowhere", &[][..], "allow unmatched"),
    ] {
        let set = set(&settings, std::slice::from_ref(&public));
        assert_eq!(verdict(&set, request, token(scopes), None), expected, "{request} {scopes:?}");
    }
}

#[test]
fn a_route_names_the_scopes_that_open_it() {
    let reports = ["reports".to_owned()];
    let both = ["reports".to_owned(), "DEFAULT".to_owned()];
    let token = |scopes| Caller { user: Some("1"), roles: &[], certificate: None, scopes };
    let stranger = Caller { user: None, roles: &[], certificate: None, scopes: &[] };
    let file = json!({"name": "Report", "acls": [rule("$everyone", "ALLOW")], "routes": [
        {"path": "/reports", "accessScopes": ["reports", "audit"]},
        {"path": "/reports/either", "accessScopes": ["reports", "DEFAULT"]},
        {"path": "/reports/usual"},
    ]});
    let open = "allow report.json#/acls/0";
    for (request, caller, expected) in [
        ("GET /reports", token(&reports), open),
        ("GET /reports", token(&both), open),
        ("GET /reports", token(&[]), "403 scope"),
        ("GET /reports", stranger, "401 scope"),
        ("POST /reports/either", token(&reports), open),
        ("GET /reports/either", token(&[]), open),
        ("GET /reports/either", stranger, open),
        ("GET /reports/usual", token(&reports), "403 scope"),
        ("GET /reports/usual", token(&both), open),
        ("GET /api/users/1", token(&reports), "403 scope"),
    ] {
        let set = set(&standard(), std::slice::from_ref(&file));
        assert_eq!(verdict(&set, request, caller, None), expected, "{request} {caller:?}");
    }
}

#[test]
fn statuses_and_defaults() {
    let bare = json!({"name": "Order", "base": "PersistedModel"});
    let denying = with(bare.clone(), "defaultPermission", json!("DENY"));
    let hiding = with(denying.clone(), "aclErrorStatus", json!(404));
    let mut forbidden = loopback();
    forbidden.acl_error_status = Some(403);
    for (settings, model, caller, expected) in [
        (loopback(), &bare, ANONYMOUS, "allow default"),
        (standard(), &bare, ANONYMOUS, "401 default"),
        (standard(), &bare, user("1"), "403 default"),
        (loopback(), &denying, user("1"), "401 default"),
        (forbidden.clone(), &denying, user("1"), "403 default"),
        (forbidden.clone(), &denying, ANONYMOUS, "401 default"),
        (forbidden, &hiding, user("1"), "404 default"),
        (standard(), &hiding, ANONYMOUS, "401 default"),
    ] {
        let set = set(&settings, std::slice::from_ref(model));
        assert_eq!(verdict(&set, "GET /api/Orders/7", caller, None), expected, "{model}");
    }
    let set = set(&loopback(), &[hiding]);
    let action = set.action("GET", "/api/Orders/7", None);
    let Decision::Denial(denial) = set.decide(&action, user("1"), None) else { panic!() };
    assert_eq!((denial.status, denial.model, action.model_id.as_deref()), (404, "Order", Some("7")));
}

#[test]
fn unmatched_requests() {
    for (unmatched, anonymous, known) in [
        (Unmatched::Allow, "allow unmatched", "allow unmatched"),
        (Unmatched::Authenticated, "401 unmatched", "allow unmatched"),
        (Unmatched::Deny, "401 unmatched", "403 unmatched"),
    ] {
        let set = set(&Settings { unmatched, ..standard() }, &[]);
        assert_eq!(verdict(&set, "GET /x", ANONYMOUS, None), anonymous);
        assert_eq!(verdict(&set, "GET /x", user("1"), None), known);
    }
}

#[test]
fn rules_come_from_bases_config_and_store() {
    let base = json!({"name": "Base", "base": "PersistedModel", "acls": [rule("$everyone", "DENY")]});
    let child = json!({"name": "Order", "base": "Base", "options": {"acls": [rule_with("$everyone", "ALLOW", json!({"property": "find"}))]}});
    let config = json!({
        "User": {}, "Base": {"public": false},
        "Order": {"acls": [rule("$everyone", "ALLOW"), rule_with("$everyone", "DENY", json!({"property": "count"}))]}
    });
    let mut files = sources(&[base, child]);
    let plain = compile(&loopback(), &files, &stored()).0.unwrap();
    assert_eq!(verdict(&plain, "GET /api/Orders/7", ANONYMOUS, None), "401 base.json#/acls/0");
    assert_eq!(verdict(&plain, "GET /api/Orders", ANONYMOUS, None), "allow order.json#/options/acls/0");
    files.push(file("model-config.json", &config.to_string()));
    let row = |property: &str, access: &str, permission: &str| StoredRule {
        id: "5".into(),
        model: Some("Order".into()),
        property: Some(property.into()),
        access_type: Some(access.into()),
        permission: Some(permission.into()),
        principal_type: Some("ROLE".into()),
        principal_id: Some("$everyone".into()),
    };
    let rows =
        vec![row("removeById", "*", "DENY"), row("*", "EXECUTE", "DENY"), row("findOne", "READ", "SURE")];
    let (set, findings) = compile(&loopback(), &files, &Stored { rules: rows, ..stored() });
    let set = set.unwrap();
    // model-config takes the place of the base's rule, and adds one.
    assert_eq!(verdict(&set, "GET /api/Orders/7", ANONYMOUS, None), "allow model-config.json#/Order/acls/0");
    assert_eq!(
        verdict(&set, "GET /api/Orders/count", ANONYMOUS, None),
        "401 model-config.json#/Order/acls/1"
    );
    // Rows know aliases, and their EXECUTE is not a wildcard; an unknown word denies.
    assert_eq!(verdict(&set, "DELETE /api/Orders/7", ANONYMOUS, None), "401 store#/ACL/5");
    assert_eq!(verdict(&set, "POST /api/Orders", ANONYMOUS, None), "allow model-config.json#/Order/acls/0");
    assert_eq!(verdict(&set, "GET /api/Orders/findOne", ANONYMOUS, None), "401 store#/ACL/5");
    assert!(findings.iter().any(|finding| finding.code == "unknown-permission"), "{findings:#?}");
}

#[test]
fn an_alias_counts_in_profile_standard_only() {
    let model = [order(&[
        rule("$everyone", "DENY"),
        rule_with("$everyone", "ALLOW", json!({"property": ["updateAttributes"]})),
    ])];
    let request = "PATCH /api/orders/7";
    assert_eq!(verdict(&set(&loopback(), &model), request, ANONYMOUS, None), "401 order.json#/acls/0");
    assert_eq!(verdict(&set(&standard(), &model), request, ANONYMOUS, None), "allow order.json#/acls/1");
}

#[test]
fn a_digest_changes_with_everything() {
    let one = [order(&[rule("$everyone", "DENY")])];
    let row = Stored { rules: vec![StoredRule::default()], ..stored() };
    let digests = [
        set(&loopback(), &one).digest,
        set(&standard(), &one).digest,
        set(&loopback(), &[]).digest,
        compile(&loopback(), &sources(&one), &row).0.unwrap().digest,
    ];
    assert_eq!(digests.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_eq!(digests[0], set(&loopback(), &one).digest);
    assert_eq!(digests[0].len(), 64);
}

/// docs/loopback-3.28.md section 8.7: rules attached to a property count for the method of its name.
#[test]
fn rules_of_a_property_are_those_of_the_method_of_its_name() {
    let everyone = rule("$everyone", "ALLOW");
    let mut model = order(&[rule("$everyone", "DENY")]);
    model["properties"] = json!({
        "count": {"type": "number", "acls": [rule_with("$everyone", "ALLOW", json!({"property": "create"}))]},
        "total": {"type": "number", "acls": [everyone]},
    });
    model["methods"] = json!({"ship": {"http": {"verb": "post"}, "acls": [everyone]}});
    for settings in [loopback(), standard()] {
        let set = set(&settings, std::slice::from_ref(&model));
        for (request, expected) in [
            ("GET /api/orders/count", "allow order.json#/properties/count/acls/0"),
            ("GET /api/orders", "401 order.json#/acls/0"),
            ("POST /api/orders", "401 order.json#/acls/0"),
            ("POST /api/orders/ship", "401 order.json#/acls/0"),
        ] {
            assert_eq!(verdict(&set, request, ANONYMOUS, None), expected, "{request}");
        }
    }
    let (_, findings) = compile(&standard(), &sources(&[model]), &stored());
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["method-acls", "unknown-property"], "{findings:#?}");
}
