//! Which models rows are kept under, keys of other names, several user models, and models of changes.

use super::*;

/// The findings with one code, with what would be right.
fn told(settings: &Settings, definitions: &[Value], code: &str) -> Vec<String> {
    let (_, findings) = compile(settings, &sources(definitions), &stored());
    let of_code = findings.into_iter().filter(|finding| finding.code == code);
    of_code.map(|finding| format!("{}; {}", finding.message, finding.fix.unwrap_or_default())).collect()
}

fn names(collections: &[Collection]) -> Vec<&str> {
    collections.iter().map(|collection| collection.model.as_str()).collect()
}

#[test]
fn a3_the_base_chain_says_where_rows_are() {
    let own = |name: &str, base: &str| json!({"name": name, "base": base});
    let with_tokens = |name: &str| {
        json!({"name": "Customer", "base": "User",
               "relations": {"accessTokens": {"type": "hasMany", "model": name, "foreignKey": "userId"}}})
    };
    let customer = own("Customer", "User");
    for (definitions, expected) in [
        (vec![customer.clone()], "AccessToken Role RoleMapping ACL"),
        (vec![customer.clone(), own("accessToken", "AccessToken")], "accessToken Role RoleMapping ACL"),
        (
            vec![customer.clone(), own("MyRole", "Role"), own("Grant", "RoleMapping")],
            "AccessToken MyRole Grant ACL",
        ),
        (vec![customer.clone(), own("rule", "ACL")], "AccessToken Role RoleMapping rule"),
        // A chain: LoopBack meets the first of it first.
        (vec![customer.clone(), own("B", "A"), own("A", "AccessToken")], "A Role RoleMapping ACL"),
        (
            vec![customer.clone(), own("A", "AccessToken"), own("B", "AccessToken")],
            "A+B Role RoleMapping ACL",
        ),
        // The account model's setting wins.
        (vec![with_tokens("B"), own("A", "AccessToken"), own("B", "AccessToken")], "B Role RoleMapping ACL"),
        (vec![customer.clone(), own("AccessToken", "AccessToken")], "AccessToken Role RoleMapping ACL"),
    ] {
        let settings = Settings { user_model: Some("Customer".into()), ..loopback() };
        let set = set(&settings, &definitions);
        let kept = &set.account().unwrap().collections;
        let all = [&kept.tokens, &kept.roles, &kept.mappings, &kept.acls];
        let found: Vec<String> = all.iter().map(|kind| names(kind).join("+")).collect();
        assert_eq!(found.join(" "), expected, "{definitions:?}");
        assert!(kept.others.iter().any(|name| name == "Customer"));
    }
}

#[test]
fn a3_a_collection_has_a_name_and_a_key_of_its_own() {
    let definitions = [
        json!({"name": "Customer", "base": "User", "properties": {"pk": {"id": true, "type": "string"}},
               "options": {"memory": {"collection": "people"}}}),
        json!({"name": "token", "base": "AccessToken", "properties": {"key": {"type": "string", "id": 1}},
               "memory": {"collection": "sessions"}}),
    ];
    let settings = Settings { user_model: Some("Customer".into()), ..loopback() };
    let set = set(&settings, &definitions);
    let account = set.account().unwrap();
    let tokens = Collection { model: "token".into(), name: "sessions".into(), key: "key".into() };
    assert_eq!(account.collections.tokens, [tokens]);
    assert_eq!(account.collection, "people");
    assert_eq!(account.key, Key { name: "pk".into(), text: true, generated: false });
}

#[test]
fn a7_the_key_is_the_property_that_is_marked() {
    for (properties, name, text, generated) in [
        (json!({}), "id", false, true),
        (json!({"pk": {"id": true}}), "pk", false, false),
        (json!({"uuid": {"type": "String", "id": 1, "generated": false}}), "uuid", true, false),
        (json!({"id": {"type": "string", "id": true, "generated": true}}), "id", true, true),
        (json!({"pk": {"id": false, "type": "string"}}), "id", false, true),
        (json!({"pk": "string"}), "id", false, true),
    ] {
        let definition = json!({"name": "Customer", "base": "User", "properties": properties});
        let set = set(&Settings { user_model: Some("Customer".into()), ..loopback() }, &[definition]);
        let expected = Key { name: name.into(), text, generated };
        assert_eq!(set.account().unwrap().key, expected, "{properties}");
    }
}

/// Users in two models. The tokens name the model.
fn two_user_models(acls: &Value) -> Vec<Value> {
    let tokens = json!({"accessTokens": {"type": "hasMany", "model": "accessToken",
        "polymorphic": {"foreignKey": "userId", "discriminator": "principalType"}}});
    let user = |name: &str| json!({"name": name, "base": "User", "plural": name, "relations": tokens});
    vec![
        user("OneUser"),
        user("AnotherUser"),
        json!({"name": "accessToken", "base": "AccessToken"}),
        json!({"name": "Note", "base": "PersistedModel", "plural": "notes", "acls": acls}),
    ]
}

fn principal(kind: &str, id: &str, permission: &str, property: &str) -> Value {
    json!({"principalType": kind, "principalId": id, "permission": permission, "property": property})
}

#[test]
fn a4_the_principal_type_is_the_models_name() {
    let acls = json!([
        rule("$everyone", "DENY"),
        principal("OneUser", "1", "ALLOW", "find"),
        principal("USER", "1", "ALLOW", "count"),
        principal("AnotherUser", "1", "ALLOW", "findOne"),
        rule_with("$authenticated", "ALLOW", json!({"property": "create"})),
    ]);
    let settings = Settings { user_model: Some("OneUser".into()), ..loopback() };
    let rows = Stored {
        rules: [("OneUser", "findById"), ("USER", "exists")]
            .map(|(kind, property)| StoredRule {
                id: kind.into(),
                model: Some("Note".into()),
                property: Some(property.into()),
                access_type: Some("*".into()),
                permission: Some("ALLOW".into()),
                principal_type: Some(kind.into()),
                principal_id: Some("1".into()),
            })
            .to_vec(),
        ..stored()
    };
    for settings in [settings.clone(), Settings { user_model: settings.user_model.clone(), ..standard() }] {
        let (set, _) = compile(&settings, &sources(&two_user_models(&acls)), &rows);
        let set = set.unwrap();
        let account = set.account().unwrap();
        assert_eq!(account.principal_type, "OneUser");
        for (request, allowed) in [
            ("GET /api/notes", true),
            ("GET /api/notes/count", false),
            ("GET /api/notes/findOne", false),
            ("POST /api/notes", true),
            ("GET /api/notes/5", true),
            ("GET /api/notes/5/exists", false),
        ] {
            let found = verdict(&set, request, user("1"), None);
            assert_eq!(found.starts_with("allow"), allowed, "{request}: {found}");
            assert!(!verdict(&set, request, ANONYMOUS, None).starts_with("allow"), "{request}");
        }
        assert!(verdict(&set, "GET /api/notes", user("2"), None).starts_with("40"), "of this user alone");
    }
}

#[test]
fn a4_a_rule_of_a_models_name_weighs_less_than_one_of_a_role() {
    // LoopBack's weights: a role 2, a principal type that it does not know 1.
    let acls = json!([
        principal("OneUser", "1", "ALLOW", "find"),
        rule_with("$authenticated", "DENY", json!({"property": "find"})),
    ]);
    let settings = Settings { user_model: Some("OneUser".into()), ..loopback() };
    let set = set(&settings, &two_user_models(&acls));
    assert_eq!(verdict(&set, "GET /api/notes", user("1"), None), "401 note.json#/acls/1");
}

#[test]
fn a4_a_rule_of_type_user_is_told() {
    let acls = json!([principal("USER", "1", "ALLOW", "find")]);
    let settings = Settings { user_model: Some("OneUser".into()), ..loopback() };
    let told_here = told(&settings, &two_user_models(&acls), "principal-type");
    assert_eq!(
        told_here,
        [
            "the app has several user models: the principal type of `OneUser` is its name, and a rule of type `USER` never \
          applies; write `\"principalType\": \"OneUser\"`"
        ]
    );
    let one = json!({"name": "Note", "base": "PersistedModel", "acls": [principal("OneUser", "1", "ALLOW", "find")]});
    let told_here = told(&loopback(), &[one], "principal-type");
    assert!(told_here[0].starts_with("`OneUser` is not a principal type"), "{told_here:?}");
}

#[test]
fn a11_tracked_changes_have_routes() {
    let tracked = |more: Value| {
        let mut todo = json!({"name": "Todo", "base": "PersistedModel", "acls": [rule("$everyone", "DENY")]});
        todo.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        todo
    };
    let definitions = [tracked(json!({"trackChanges": true}))];
    let (open, closed) = (set(&loopback(), &definitions), set(&standard(), &definitions));
    for (request, property) in [
        ("GET /api/Todo-changes", "find"),
        ("GET /api/todo-CHANGES/count", "count"),
        ("POST /api/Todo-changes", "create"),
        ("GET /api/Todo-changes/7", "findById"),
        ("DELETE /api/Todo-changes/7", "deleteById"),
        ("PUT /api/Todo-changes/7", "replaceById"),
        ("GET /api/Todo-changes/change-stream", "createChangeStream"),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let action = open.action(method, path, None);
        assert_eq!((action.model, action.property), ("Todo-change", property), "{request}");
        assert_eq!(verdict(&open, request, ANONYMOUS, None), "allow default", "{request}: as LoopBack");
        assert_eq!(verdict(&closed, request, ANONYMOUS, None), "401 default", "{request}");
    }
    // The model itself keeps its rules, its replication too.
    for request in
        ["GET /api/Todos", "GET /api/Todos/changes", "POST /api/Todos/checkpoint", "POST /api/Todos/diff"]
    {
        assert!(verdict(&open, request, ANONYMOUS, None).starts_with("401 todo.json"), "{request}");
    }
    let told_here = told(&loopback(), &definitions, "change-model");
    assert!(told_here[0].contains("`Todo-change`, which has no rules"), "{told_here:?}");
    for more in [json!({}), json!({"trackChanges": false}), json!({"enableRemoteReplication": true})] {
        let set = set(&loopback(), &[tracked(more)]);
        assert_eq!(verdict(&set, "GET /api/Todo-changes", ANONYMOUS, None), "401 unmatched");
    }
}

#[test]
fn a11_a_file_gives_changes_their_rules() {
    let definitions = [
        json!({"name": "Todo", "base": "PersistedModel", "trackChanges": true}),
        json!({"name": "Todo-change", "base": "Change",
               "acls": [rule("$everyone", "DENY"), rule_with("admin", "ALLOW", json!({"accessType": "READ"}))]}),
    ];
    let set = set(&loopback(), &definitions);
    assert_eq!(verdict(&set, "GET /api/Todo-changes", ANONYMOUS, None), "401 todo-change.json#/acls/0");
    let roles = ["admin".into()];
    let admin = Caller { roles: &roles, ..user("1") };
    assert_eq!(verdict(&set, "GET /api/Todo-changes", admin, None), "allow todo-change.json#/acls/1");
    assert!(told(&loopback(), &definitions, "change-model").is_empty());
}

#[test]
fn a11_a_model_that_is_not_public_has_no_public_changes() {
    let todo = json!({"name": "Todo", "base": "PersistedModel", "trackChanges": true});
    let config = file("model-config.json", r#"{"User": {}, "Todo": {"dataSource": "db", "public": false}}"#);
    let mut files = sources(&[todo]);
    files.push(config);
    let (set, _) = compile(&loopback(), &files, &stored());
    assert_eq!(verdict(&set.unwrap(), "GET /api/Todo-changes", ANONYMOUS, None), "401 unmatched");
}
