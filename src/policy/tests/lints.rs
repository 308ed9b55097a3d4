//! Doubts that only a whole set shows.

use super::*;

/// The lints of these files, `code message` each.
fn lints_of(settings: &Settings, files: &[Source], stored: &Stored) -> Vec<String> {
    let (analysis, findings) = analyze(settings, files, stored);
    let analysis = analysis.unwrap_or_else(|| panic!("{findings:#?}"));
    analysis
        .lint(files)
        .iter()
        .map(|found| format!("{}:{} {} {}", found.file, found.line, found.code, found.message))
        .collect()
}

fn of(definition: &Value) -> Vec<String> {
    lints_of(&standard(), &sources(std::slice::from_ref(definition)), &stored())
}

fn order(acls: Value) -> Value {
    json!({"name": "Order", "base": "PersistedModel", "acls": acls})
}

#[test]
fn a_sound_file_has_none() {
    let rules = json!([
        rule("$everyone", "DENY"),
        rule_with("$authenticated", "ALLOW", json!({"accessType": "READ"})),
        rule_with("$owner", "ALLOW", json!({"accessType": "WRITE"})),
        rule_with("admin", "DENY", json!({"property": "deleteById"})),
        rule_with("$everyone", "ALLOW", json!({"property": "create", "accessType": "EXECUTE"})),
        {"principalType": "USER", "principalId": 7, "permission": "ALLOW"},
    ]);
    let found = of(&order(rules));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("execute-governs-all") && found[0].ends_with("it also decides `Order.create`"));
    let file = json!({"name": "A", "routes": [{"path": "/a"}], "acls": [rule("editor", "ALLOW")]});
    assert_eq!(of(&file), Vec::<String>::new());
}

#[test]
fn a_rule_that_never_decides() {
    let deny = rule("$everyone", "DENY");
    for (rules, expected) in [
        // About nothing.
        (
            json!([deny, rule_with("admin", "ALLOW", json!({"property": "create", "accessType": "READ"}))]),
            "never-wins the rule can never decide: no request is about `create` and is READ",
        ),
        (
            json!([
                deny,
                rule_with("admin", "ALLOW", json!({"property": ["find", "count"], "accessType": "WRITE"}))
            ]),
            "no request is about `find` or `count` and is WRITE",
        ),
        (json!([deny, rule("$related", "ALLOW")]), "LoopBack has no resolver for `$related`"),
        // About rows, where there are none.
        (
            json!([deny, rule_with("$owner", "ALLOW", json!({"property": "find"}))]),
            "never-wins the rule can never decide: no request that it covers names a row",
        ),
        // Behind others for every caller.
        (
            json!([deny, rule("$everyone", "ALLOW")]),
            "shadowed the rule never decides: for every caller that it names, `order.json#/acls/0` comes first",
        ),
        (json!([deny, rule("admin", "DENY"), rule("admin", "ALLOW")]), "`order.json#/acls/1` comes first"),
        (
            json!([
                rule("$authenticated", "ALLOW"),
                rule("$unauthenticated", "DENY"),
                rule("$everyone", "ALLOW")
            ]),
            "`order.json#/acls/0`, `order.json#/acls/1` comes first",
        ),
        // A role is behind a rule for all of one access type or the other.
        (
            json!([
                rule_with("$everyone", "DENY", json!({"accessType": "READ"})),
                rule_with("$everyone", "DENY", json!({"accessType": "WRITE"})),
                rule("admin", "ALLOW")
            ]),
            "shadowed",
        ),
    ] {
        let found = of(&order(rules.clone()));
        assert_eq!(found.len(), 1, "{rules}: {found:#?}");
        assert!(found[0].contains(expected), "{rules}: {found:#?}");
    }
}

#[test]
fn what_has_been_told_is_not_told_again() {
    let deny = rule("$everyone", "DENY");
    for more in [
        json!({"principalType": "role", "principalId": "admin", "permission": "ALLOW"}),
        rule_with("admin", "ALLOW", json!({"accessType": "read"})),
        rule_with("admin", "ALLOW", json!({"property": "fnd"})),
    ] {
        assert_eq!(of(&order(json!([deny, more]))), Vec::<String>::new(), "{more}");
    }
    // An alias has no effect in LoopBack, which is reported. The standard profile applies it.
    let alias = order(json!([deny, rule_with("admin", "ALLOW", json!({"property": "updateAttributes"}))]));
    assert_eq!(
        lints_of(&loopback(), &sources(std::slice::from_ref(&alias)), &stored()),
        Vec::<String>::new()
    );
    assert_eq!(of(&alias), Vec::<String>::new());
}

#[test]
fn loopback_takes_the_id_from_elsewhere() {
    let rules = json!([rule("$everyone", "DENY"), rule_with("$owner", "ALLOW", json!({"property": "find"}))]);
    assert_eq!(lints_of(&loopback(), &sources(&[order(rules)]), &stored()), Vec::<String>::new());
}

#[test]
fn an_inherited_rule_counts_where_it_is_inherited() {
    // It decides in the model that adds nothing to it, so it is not a dead letter.
    let base = json!({"name": "Base", "base": "PersistedModel", "acls": [rule("$everyone", "DENY"), rule("admin", "ALLOW")]});
    let below = json!({"name": "Below", "base": "Base", "acls": [rule("admin", "DENY")]});
    let found = lints_of(&standard(), &sources(&[base, below]), &stored());
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_verbs_of_a_route_say_whether_it_reads() {
    let with = |methods: Value| {
        json!({"name": "A", "routes": [{"path": "/a", "methods": methods}],
            "acls": [rule_with("$everyone", "DENY", json!({"accessType": "WRITE"})), rule("editor", "ALLOW"),
                rule_with("$everyone", "DENY", json!({"accessType": "READ"}))]})
    };
    let told = |methods| -> Vec<String> {
        let found = of(&with(methods));
        let found = found.iter().filter(|line| line.contains(" never-wins "));
        found.map(|line| line.rsplit(" is ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(told(json!(["GET", "HEAD"])), ["WRITE"]);
    assert_eq!(told(json!(["PUT", "DELETE"])), ["READ"]);
    assert_eq!(told(json!(["GET", "PUT"])), Vec::<String>::new());
}

#[test]
fn routes_that_no_rule_mentions() {
    let found = of(&order(json!([rule_with("$authenticated", "ALLOW", json!({"accessType": "READ"}))])));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("unmentioned-route no rule covers `Order.create`, `Order.deleteById`, `Order.patchOrCreate`, `Order.prototype.patchAttributes` and 4 more: by default no caller may"),
        "{found:#?}"
    );
    let open = lints_of(
        &loopback(),
        &sources(&[order(json!([rule_with("$everyone", "DENY", json!({"accessType": "READ"}))]))]),
        &stored(),
    );
    assert!(open[0].ends_with("by default every caller may"), "{open:#?}");
    // A model without any rule gets one finding.
    assert_eq!(of(&order(json!([]))), Vec::<String>::new());
}

#[test]
fn stored_rules_are_looked_at_too() {
    let row = |id: &str, principal: &str, permission: &str| StoredRule {
        id: id.into(),
        model: Some("Order".into()),
        property: Some("*".into()),
        access_type: Some("*".into()),
        permission: Some(permission.into()),
        principal_type: Some("ROLE".into()),
        principal_id: Some(principal.into()),
    };
    let stored =
        Stored { rules: vec![row("1", "$everyone", "DENY"), row("2", "$everyone", "ALLOW")], ..stored() };
    let found = lints_of(&standard(), &sources(&[order(json!([]))]), &stored);
    assert_eq!(
        found,
        [
            "store:1 shadowed the stored rule `2` never decides: for every caller that it names, `store#/ACL/1` comes first"
        ]
    );
}

#[test]
fn two_files_that_claim_one_path() {
    let deny = rule("$everyone", "DENY");
    let routes = |name: &str, routes: Value| json!({"name": name, "routes": routes, "acls": [deny]});
    for (definitions, expected) in [
        (
            vec![order(json!([deny])), routes("A", json!([{"path": "/api/orders/{x}", "methods": ["GET"]}]))],
            vec![
                "a.json:4 path-claimed-twice `/api/orders/{x}` is claimed by `order.json` as well, as `Order.findById` (/api/Orders/{id}): a LoopBack model's routes come first",
            ],
        ),
        (
            vec![
                routes("A", json!([{"path": "/a/{x}"}])),
                routes("B", json!([{"path": "/a/b", "methods": ["POST"]}])),
            ],
            vec![
                "b.json:4 path-claimed-twice `/a/b` is claimed by `a.json` as well, as `A /a/{x}` (/a/{x}): the more specific one wins",
            ],
        ),
        (
            vec![
                routes("A", json!([{"path": "/a", "methods": ["GET"]}])),
                routes("B", json!([{"path": "/a", "methods": ["POST"]}])),
            ],
            vec![
                "b.json:4 path-claimed-twice `/a` is claimed by `a.json` as well, as `A /a` (/a): each takes its own methods",
            ],
        ),
        // No claim on the same requests.
        (vec![routes("A", json!([{"path": "/a/{x}"}])), routes("B", json!([{"path": "/b/{x}"}]))], vec![]),
        (
            vec![
                routes("A", json!([{"path": "/a/{x}", "methods": ["GET"]}])),
                routes("B", json!([{"path": "/a/b", "methods": ["POST"]}])),
            ],
            vec![],
        ),
        (vec![routes("A", json!([{"path": "/a/{x}"}, {"path": "/a/b"}]))], vec![]),
        (vec![routes("A", json!([{"path": "/{*rest}"}])), routes("B", json!([{"path": "/a"}]))], vec![]),
        (
            vec![
                order(json!([deny])),
                routes("A", json!([{"path": "/api/orders/{x}", "methods": ["LINK"]}])),
            ],
            vec![],
        ),
    ] {
        let found = lints_of(&standard(), &sources(&definitions), &stored());
        assert_eq!(found, expected, "{definitions:?}");
    }
}

#[test]
fn b13_a_denial_that_another_spelling_walks_around_is_told() {
    let file = |routes: Value, more: Value| {
        let mut file = json!({"name": "Admin", "routes": routes, "acls": [rule("$everyone", "DENY"), rule("editor", "ALLOW")]});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        file
    };
    let wide = json!({"name": "Site", "routes": [{"path": "/{*rest}"}, {"path": "/"}], "acls": [rule("$everyone", "ALLOW")]});
    let told = |unmatched, files: &[Value]| {
        let settings = Settings { unmatched, ..standard() };
        let found = lints_of(&settings, &sources(files), &stored());
        found.into_iter().filter(|line| line.contains("walk-around")).collect::<Vec<_>>()
    };
    let admin = |more| file(json!([{"path": "/admin/{*rest}"}]), more);
    let found = told(Unmatched::Deny, &[admin(json!({})), wide.clone()]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("`/ADMIN/x`") && found[0].contains("`Site"), "{found:#?}");
    assert!(found[1].contains("does not cover `/admin`") && found[1].contains("anonymous may"), "{found:#?}");
    let found = told(Unmatched::Deny, &[admin(json!({"ignoreCase": true})), wide.clone()]);
    assert_eq!(found.len(), 1, "{found:#?}");
    let both = json!([{"path": "/admin/{*rest}"}, {"path": "/admin"}]);
    let found = told(Unmatched::Deny, &[file(both, json!({"ignoreCase": true})), wide.clone()]);
    assert_eq!(found, Vec::<String>::new());
    // If an unknown route is not denied, a rule for a single path leaves the paths below it open.
    let alone = || file(json!([{"path": "/admin"}]), json!({"ignoreCase": true}));
    let found = told(Unmatched::Allow, &[alone()]);
    assert!(found.len() == 1 && found[0].contains("`/admin/x`"), "{found:#?}");
    assert_eq!(told(Unmatched::Deny, &[alone()]), Vec::<String>::new());
    let found = told(Unmatched::Authenticated, &[admin(json!({}))]);
    assert!(found.len() == 2 && found[0].contains("any user may"), "{found:#?}");
    // No finding if everything is open anyway.
    assert_eq!(told(Unmatched::Allow, &[wide]), Vec::<String>::new());
}

#[test]
fn an_ending_that_a_wider_route_lets_through_is_told() {
    let file = |name: &str, paths: &[&str], role: &str| {
        let routes: Vec<Value> = paths.iter().map(|path| json!({"path": path})).collect();
        json!({"name": name, "ignoreCase": true, "routes": routes, "acls": [rule("$everyone", "DENY"), rule(role, "ALLOW")]})
    };
    let wide = |role| file("Library", &["/library/{*rest}", "/library"], role);
    let told = |files: &[Value]| {
        let found = lints_of(&standard(), &sources(files), &stored());
        found.into_iter().filter(|line| line.contains("format-ending")).collect::<Vec<_>>()
    };
    let strict = || file("Desk", &["/library/loans", "/library/fines"], "editor");
    let found = told(&[strict(), wide("$authenticated")]);
    assert_eq!(found.len(), 2, "one for each route: {found:#?}");
    assert!(
        found[0].contains("serves `/library/loans.json` as `/library/loans`")
            && found[0].contains("where any user may GET it"),
        "{found:#?}"
    );
    for quiet in [
        // The wide route is no looser.
        vec![strict(), wide("editor")],
        // No route is wider.
        vec![strict()],
        // The ending is closed, too.
        vec![file("Desk", &["/library/loans", "/library/loans.json"], "editor"), wide("$authenticated")],
        // A capture takes the ending, and a file has one.
        vec![file("Desk", &["/library/books/{id}", "/library/app.js"], "editor"), wide("$authenticated")],
    ] {
        assert_eq!(told(&quiet), Vec::<String>::new(), "{quiet:?}");
    }
}

#[test]
fn b5_where_the_app_may_read_a_method_the_rules_that_hang_on_it_are_told() {
    let note = |delete: &str| {
        json!({"name": "Note", "routes": [
            {"path": "/notes/{id}", "methods": ["POST"], "property": "write"},
            {"path": "/notes/{id}", "methods": ["DELETE"], "property": "remove"}
        ], "acls": [rule("$everyone", "DENY"), rule_with("$everyone", "ALLOW", json!({"property": "write"})),
            rule_with(delete, "ALLOW", json!({"property": "remove"}))]})
    };
    for (delete, told) in [("editor", true), ("$everyone", false)] {
        let files = sources(&[note(delete)]);
        let (analysis, _) = analyze(&standard(), &files, &stored());
        let found = analysis.unwrap().lint_overrides(&files);
        assert_eq!(found.len(), usize::from(told), "{found:?}");
        assert!(
            !told || found[0].message.contains("may send `POST /notes/x`, and not `DELETE`"),
            "{found:?}"
        );
    }
}
