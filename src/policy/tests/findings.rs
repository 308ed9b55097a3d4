//! Mistakes, each with its place.

use super::*;

fn lines(settings: &Settings, files: &[Source]) -> (bool, Vec<String>) {
    let (set, findings) = compile(settings, files, &stored());
    (set.is_some(), findings.iter().map(ToString::to_string).collect())
}

/// The findings of one file `f.json`.
fn of(text: &str) -> (bool, Vec<String>) {
    lines(&standard(), &[file("f.json", text)])
}

fn refused(definition: &Value, expected: &str) {
    let (compiled, found) = of(&definition.to_string());
    assert!(!compiled, "{definition}: {found:?}");
    let hit = found.iter().find(|line| line.contains(expected));
    assert!(hit.is_some_and(|line| line.contains(": error: ")), "{definition}: {found:?}");
}

#[test]
fn all_mistakes_at_once_with_their_places() {
    let text = r#"{
  "name": "Order",
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DNEY" },
    { "principalType": "ROLE", "principal": "$everyone", "permission": "ALLOW" },
    { "principalType": "ROLE", "principalId": ["a"], "permission": 3 },
    7
  ],
  "relations": []
}"#;
    let (compiled, found) = of(text);
    assert!(!compiled);
    let errors: Vec<&str> =
        found.iter().filter(|line| line.contains(": error: ")).map(String::as_str).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    f.json:4:74: error: `DNEY` is not a permission; did you mean `DENY`?
    f.json:5:32: error: `principal` is not a key of a rule; write `principalId`
    f.json:6:68: error: `permission` is a number; write a text
    f.json:7:5: error: a rule is a number; write an object
    f.json:9:16: error: `relations` is a list; write an object
    ");
}

#[test]
fn an_empty_list_of_methods_is_what_the_generator_writes() {
    let model =
        |methods| json!({"name": "Order", "acls": [rule("admin", "ALLOW")], "methods": methods}).to_string();
    assert_eq!(of(&model(json!([]))), (true, Vec::new()));
    let (compiled, found) = of(&model(json!(["find"])));
    assert!(!compiled && found[0].contains("`methods` of `Order` is a list"), "{found:?}");
}

#[test]
fn warns_of_what_loopback_would_ignore() {
    for (rules, expected) in [
        (json!([rule("editr", "ALLOW")]), "there is no role `editr`; did you mean `editor`?"),
        (json!([rule_with("admin", "ALLOW", json!({"accessType": "read"}))]), "did you mean `READ`?"),
        (json!([{"principalId": "admin", "permission": "ALLOW"}]), "the rule has no principalType"),
        (
            json!([{"principalType": "role", "principalId": "admin", "permission": "ALLOW"}]),
            "did you mean `ROLE`?",
        ),
        (json!([rule_with("admin", "ALLOW", json!({"property": "destroyById"}))]), "write `deleteById`"),
        (json!([rule_with("admin", "ALLOW", json!({"property": "fnd"}))]), "did you mean `find`?"),
        (json!([rule_with("admin", "ALLOW", json!({"property": ["*"]}))]), "`*` in a list matches nothing"),
        (json!([{"principalType": "ROLE", "principalId": "admin"}]), "the rule has no permission"),
        (json!([]), "`Order` has no rules"),
    ] {
        let (compiled, found) = of(&json!({"name": "Order", "acls": rules}).to_string());
        assert!(compiled, "{rules}: {found:?}");
        assert_eq!(found.len(), 1, "{rules}: {found:?}");
        assert!(found[0].contains(": warning: ") && found[0].contains(expected), "{rules}: {found:?}");
    }
}

#[test]
fn a_model_without_rules_says_what_then_holds() {
    let order = |more: Value| {
        let mut file = json!({"name": "Order"});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        file.to_string()
    };
    let (open, shut) = ("every caller may do everything with it", "no caller may do anything with it");
    for (settings, definition, source, word) in [
        (standard(), order(json!({})), "`policies.default_permission`", shut),
        (loopback(), order(json!({})), "`policies.default_permission`", open),
        (standard(), order(json!({"defaultPermission": "ALLOW"})), "its `defaultPermission`", open),
        (
            loopback(),
            order(json!({"options": {"defaultPermission": "DENY"}})),
            "its `defaultPermission`",
            shut,
        ),
        (loopback(), order(json!({"defaultPermission": "DEFAULT"})), "`policies.default_permission`", open),
        (standard(), order(json!({"routes": [{"path": "/a"}]})), "`policies.default_permission`", shut),
    ] {
        let (_, found) = lines(&settings, &[file("f.json", &definition)]);
        let expected = format!("`Order` has no rules: by {source}, {word}");
        assert!(found.len() == 1 && found[0].contains(&expected), "{definition}: {found:?}");
    }
}

#[test]
fn warns_of_owners_that_no_caller_can_be() {
    let relations = json!({"buyer": {"type": "belongsTo", "model": "User"}});
    let acls = json!([rule("$everyone", "DENY")]);
    for (definition, expected) in [
        (
            json!({"name": "A", "relations": relations, "ownerRelations": ["buyr"], "acls": acls}),
            "did you mean `buyer`?",
        ),
        (
            json!({"name": "A", "relations": relations, "hidden": ["buyerId"], "acls": acls}),
            "`buyerId` is hidden",
        ),
        (json!({"name": "A", "hidden": ["userId"], "acls": acls}), "`userId` is hidden"),
        (
            json!({"name": "A", "relations": {"b": {"type": "belongsTo", "model": "Bee"}}, "acls": acls}),
            "unknown model `Bee`",
        ),
        (json!({"name": "A", "routes": [{"path": "/a"}], "acls": [rule("$owner", "ALLOW")]}), "add `owner`"),
    ] {
        let (compiled, found) = of(&definition.to_string());
        assert!(compiled && found.len() == 1, "{definition}: {found:?}");
        assert!(found[0].contains(": warning: ") && found[0].contains(expected), "{definition}: {found:?}");
    }
}

#[test]
fn refuses_what_cannot_be_meant() {
    let acls = json!([rule("$everyone", "DENY")]);
    for (definition, expected) in [
        (json!({"acls": []}), "the file has no name"),
        (json!({"nmae": "A"}), "did you mean `name` where you wrote `nmae`?"),
        (json!({"name": "A", "rotes": [{"path": "/a"}], "acls": acls}), "write `routes`"),
        (json!({"name": 5}), "the file has no name"),
        (json!({"name": "a\nb"}), "control characters"),
        (json!(["x"]), "the file holds a list"),
        (
            json!({"name": "A", "base": "PersistdModel"}),
            "the base `PersistdModel` of `A` is not defined; did you mean `PersistedModel`?",
        ),
        (json!({"name": "A", "plural": 3, "acls": acls}), "`plural` is a number"),
        (json!({"name": "A", "aclErrorStatus": 418, "acls": acls}), "`aclErrorStatus` is not one"),
        (json!({"name": "A", "defaultPermission": "deny", "acls": acls}), "did you mean `DENY`?"),
        (
            json!({"name": "A", "relations": {"r": {"type": "hasMeny", "model": "A"}}, "acls": acls}),
            "did you mean `hasMany`?",
        ),
        (
            json!({"name": "A", "methods": {"m": {"accessType": "read"}}, "acls": acls}),
            "the access type of `m`",
        ),
        (
            json!({"name": "A", "methods": {"m": {"http": {"path": "/a*"}}}, "acls": acls}),
            "the path `/a*` of `A`",
        ),
        (json!({"name": "User", "base": "PersistedModel"}), "write `\"base\": \"User\"`"),
        (json!({"name": "A", "plural": "../x", "acls": acls}), "`../x` cannot be the path"),
    ] {
        refused(&definition, expected);
    }
}

#[test]
fn refuses_routes_that_cannot_be_meant() {
    let routes =
        |routes: Value| json!({"name": "Order", "routes": routes, "acls": [rule("$everyone", "DENY")]});
    let one = |key: &str, value: Value| {
        let mut file = routes(json!([{"path": "/a/{id}"}]));
        file[key] = value;
        file
    };
    let limited = |limit: Value| routes(json!([{"path": "/a", "limit": limit}]));
    for (definition, expected) in [
        (routes(json!({})), "`routes` holds an object"),
        (routes(json!([{"paht": "/a"}])), "did you mean `path`?"),
        (routes(json!([{"path": "a"}])), "a path begins with a slash"),
        (routes(json!([{"path": "/{*a}/b"}])), "comes last"),
        (routes(json!([{"path": "/a{b}"}])), "a `{name}` is a whole segment"),
        (routes(json!([{"path": "/{a}/{a}"}])), "the same name"),
        (routes(json!([{"path": "/a/../b"}])), "dot segments"),
        (routes(json!([{"path": "/a%62"}])), "written as it is"),
        (routes(json!([{"path": "/a", "methods": ["get"]}])), "write `GET`"),
        (routes(json!([{"path": "/a", "methods": []}])), "`methods` is empty"),
        (routes(json!([{"path": "/a", "accessType": "read"}])), "did you mean `READ`?"),
        (
            routes(json!([{"path": "/a/{x}"}, {"path": "/a/{y}"}])),
            "the route `/a/{y}` ties with `/a/{x}` of f.json:1:27",
        ),
        (
            routes(json!([{"path": "/a", "methods": ["GET", "PUT"]}, {"path": "/a/", "methods": ["PUT"]}])),
            "tie",
        ),
        (one("base", json!("Model")), "either `base` or `routes`"),
        (one("acl", json!([])), "write `acls`"),
        (one("owner", json!({"path": "nope"})), "no route of this file captures `nope`"),
        (one("owner", json!({"lookup": "/x/{id}"})), "`owner` is none of its forms"),
        (one("owner", json!({"lookup": "//x/{id}", "field": "/a"})), "write `/x/{id}`"),
        (
            one("owner", json!({"lookup": "/x/{id}", "field": "a"})),
            "`a` in `owner.field` is not a JSON pointer",
        ),
        (one("owner", json!({"path": "id", "lookup": "/x"})), "`owner` is none of its forms"),
        (one("owner", json!({"lookup": "/x", "header": "h", "cache": "soon"})), "`soon` is not a duration"),
        (one("ignoreCase", json!("yes")), "write `true` or `false`"),
        (one("challenge", json!("digest")), "`digest` is not a challenge"),
        (limited(json!("60/min")), "`60/min` is not a limit"),
        (limited(json!("0/minute")), "such as `\"60/minute\"`"),
        (limited(json!("")), "`` is not a limit"),
        (limited(json!(60)), "`limit` holds a number"),
    ] {
        refused(&definition, expected);
    }
}

#[test]
fn sets_that_contradict_themselves() {
    let acls = json!([rule("$everyone", "DENY")]);
    let model = |name: &str, base: &str| json!({"name": name, "base": base, "acls": acls}).to_string();
    for (files, expected) in [
        (vec![file("a.json", &model("A", "B")), file("b.json", &model("B", "A"))], "leads back to itself"),
        (
            vec![file("a.json", &model("A", "Model")), file("b.json", &model("A", "Model"))],
            "already defined in `a.json`",
        ),
        (
            vec![file("a.json", &model("Dog", "Model")), file("b.json", &model("dogs", "Model"))],
            "the same path `/dogs`",
        ),
        (vec![file("a.json", &model("user", "User"))], "user_model = \"user\""),
    ] {
        let (compiled, found) = lines(&standard(), &files);
        assert!(!compiled, "{found:?}");
        assert!(found.iter().any(|line| line.contains(expected)), "{found:?}");
    }
}

#[test]
fn passes_over_what_is_no_policy() {
    let (compiled, found) = lines(
        &standard(),
        &[
            file("order.cases.json", "no json"),
            file("policy.schema.json", "no json"),
            file("datasources.json", "no json"),
            file("component-config.json", "no json"),
            file("readme.md", "no json"),
        ],
    );
    assert!(compiled && found.len() == 2, "{found:?}");
    assert!(
        found.iter().all(|line| line.contains("warning: this is neither a model nor a `routes` file")),
        "{found:?}"
    );
    // A model that an edit broke is not passed over.
    let broken = file("package.json", r#"{"name": "Package", "acls": ["#);
    assert!(!lines(&standard(), &[broken]).0);
}

#[test]
fn scopes_that_no_token_can_have_are_errors() {
    for scopes in [json!("reports"), json!([]), json!(["reports", 7]), json!([""]), json!({})] {
        let route = json!([{"path": "/reports", "accessScopes": scopes}]);
        refused(&json!({"name": "Report", "routes": route}), "`accessScopes` is not a list of scopes");
        let method = json!({"audit": {"http": {"verb": "get"}, "accessScopes": scopes}});
        refused(&json!({"name": "Order", "methods": method}), "`accessScopes` is not a list of scopes");
    }
}

/// The findings of a set of files, and whether it compiles.
fn told(settings: &Settings, files: &[Source]) -> (Option<PolicySet>, Vec<String>) {
    let (set, findings) = compile(settings, files, &stored());
    (set, findings.iter().map(ToString::to_string).collect())
}

#[test]
fn a1_a_file_is_what_its_content_says() {
    let deny = json!([rule("$everyone", "DENY")]);
    let package = json!({"name": "Package", "base": "PersistedModel", "acls": deny}).to_string();
    let config = json!({"name": "Config", "properties": {"key": "string"}, "acls": deny}).to_string();
    let middleware = json!({"name": "Route", "routes": [{"path": "/r"}], "acls": deny}).to_string();
    let npm = r#"{"name": "my-app", "version": "1.0.0", "dependencies": {"loopback": "3"}}"#;
    let files = [
        file("package.json", &package),
        file("config.json", &config),
        file("middleware.json", &middleware),
        file("component-config.json", r#"{"loopback-component-explorer": {"mountPath": "/explorer"}}"#),
        file("package.dev.json", npm),
    ];
    let settings = Settings { unmatched: Unmatched::Allow, ..loopback() };
    let (set, found) = told(&settings, &files);
    let set = set.unwrap_or_else(|| panic!("{found:#?}"));
    for request in ["GET /api/Packages", "GET /api/Configs", "GET /r"] {
        assert!(verdict(&set, request, ANONYMOUS, None).starts_with("401"), "{request}");
    }
    let passed: Vec<&String> = found.iter().filter(|line| line.contains("passed over")).collect();
    assert_eq!(passed.len(), 2, "{found:#?}");
    assert!(passed[0].starts_with("component-config.json:1:1: warning: "), "{passed:#?}");
    assert!(passed[1].starts_with("package.dev.json:1:1: warning: "), "{passed:#?}");
    // A configuration of models is none itself.
    let config = r#"{"_meta": {"sources": []}, "User": {"dataSource": "db"}}"#;
    let (set, found) = told(&loopback(), &[file("model-config.json", config)]);
    assert!(set.is_some() && found.iter().all(|line| !line.contains("passed over")), "{found:#?}");
}

#[test]
fn a2_the_accounts_are_where_loopback_has_them() {
    let customer = json!({"name": "Customer", "base": "User"});
    let config = file("model-config.json", r#"{"Customer": {"dataSource": "db"}}"#);
    let path = |settings: &Settings, definition: &Value| {
        let mut files = sources(std::slice::from_ref(definition));
        files.push(config.clone());
        let (set, found) = told(settings, &files);
        set.unwrap_or_else(|| panic!("{found:#?}")).account().unwrap().plural.clone()
    };
    for settings in [loopback(), standard()] {
        assert_eq!(path(&settings, &customer), "Customers");
        let set = Settings { users_plural: Some("members".into()), ..settings.clone() };
        assert_eq!(path(&set, &customer), "members");
        let plural = json!({"name": "Customer", "base": "User", "plural": "clients"});
        assert_eq!(path(&set, &plural), "clients");
        let named = Settings { user_model: Some("Customer".into()), ..settings.clone() };
        assert_eq!(path(&named, &customer), "Customers");
        // LoopBack's own is where it has always been.
        let (own, _) = told(&settings, &[]);
        assert_eq!(own.unwrap().account().unwrap().plural, "users");
    }
    // Two models on one path stay an error.
    let other = json!({"name": "Other", "base": "PersistedModel", "plural": "customers", "acls": [rule("$everyone", "DENY")]});
    let both = file("model-config.json", r#"{"Customer": {}, "Other": {}}"#);
    let mut files = sources(&[customer, other]);
    files.push(both);
    let (set, found) = told(&loopback(), &files);
    assert!(set.is_none() && found.iter().any(|line| line.contains("have the same path")), "{found:#?}");
}

#[test]
fn a5_the_models_of_components_are_bases() {
    for base in [
        "UserIdentity",
        "UserCredential",
        "Installation",
        "Notification",
        "Application",
        "Change",
        "OAuthAccessToken",
    ] {
        let (first, rest) = base.split_at(1);
        let name = format!("{}{rest}", first.to_lowercase());
        let definition =
            json!({"name": name, "base": base, "plural": "rows", "acls": [rule("$everyone", "DENY")]});
        let (set, found) = told(&loopback(), &sources(&[definition]));
        let set = set.unwrap_or_else(|| panic!("{base}: {found:#?}"));
        assert!(verdict(&set, "GET /api/rows/1", ANONYMOUS, None).starts_with("401"), "{base}");
    }
    // Their rules come with them: LoopBack denies every other caller.
    let (set, found) =
        told(&loopback(), &sources(&[json!({"name": "userIdentity", "base": "UserIdentity"})]));
    let set = set.unwrap_or_else(|| panic!("{found:#?}"));
    let asked = verdict(&set, "GET /api/userIdentities/1", user("7"), None);
    assert_eq!(asked, "ask /api/userIdentities/1");
    assert_eq!(verdict(&set, "GET /api/userIdentities", user("7"), None), "401 UserIdentity#/acls/0");
    // An unknown base: an error where the model is public, and what to do.
    let odd = json!({"name": "Thing", "base": "SoapThing", "acls": []});
    let (set, found) = told(&loopback(), &sources(std::slice::from_ref(&odd)));
    assert!(set.is_none() && found[0].contains("add the file of `SoapThing`"), "{found:#?}");
    for entry in [r#"{"Thing": {"public": false}}"#, "{}"] {
        let mut files = sources(std::slice::from_ref(&odd));
        files.push(file("model-config.json", entry));
        let (set, found) = told(&loopback(), &files);
        assert!(
            set.is_some() && found.iter().any(|line| line.contains("warning: the base `SoapThing`")),
            "{found:#?}"
        );
    }
}

#[test]
fn a6_rules_that_loopback_takes_are_taken() {
    let (set, found) =
        told(&loopback(), &sources(&[json!({"name": "A", "base": "PersistedModel", "acls": false})]));
    assert!(set.is_some() && found.iter().any(|line| line.contains("takes for no rules")), "{found:#?}");
    let list = |id: Value| {
        let rules = json!([rule("$everyone", "DENY"), {"principalType": "ROLE", "principalId": id, "permission": "ALLOW"}]);
        told(&loopback(), &sources(&[json!({"name": "A", "base": "PersistedModel", "acls": rules})]))
    };
    let (set, found) = list(json!(["$authenticated"]));
    assert_eq!(verdict(&set.unwrap(), "GET /api/As", user("7"), None), "allow a.json#/acls/1", "{found:#?}");
    assert!(found[0].contains("reads as the text `$authenticated`"), "{found:#?}");
    let (set, found) = list(json!(["admin", "editor"]));
    let is_told = found.iter().any(|line| line.contains("the text `admin,editor`"));
    assert!(set.is_some() && is_told, "{found:#?}");
    // LoopBack would fail at each request.
    let (set, _) =
        told(&loopback(), &sources(&[json!({"name": "A", "base": "PersistedModel", "acls": {"a": 1}})]));
    assert!(set.is_none());
    // A `routes` file has no such past.
    let (set, _) =
        told(&standard(), &sources(&[json!({"name": "A", "routes": [{"path": "/a"}], "acls": false})]));
    assert!(set.is_none());
}

#[test]
fn a10_a_model_without_requests_needs_no_rules() {
    for definition in [
        json!({"name": "Email", "base": "Email"}),
        json!({"name": "Mail", "base": "Email"}),
        json!({"name": "Helper", "base": "Model"}),
    ] {
        let (set, found) = told(&loopback(), &sources(&[definition]));
        assert!(set.is_some() && found.iter().all(|line| !line.contains("no rules")), "{found:#?}");
    }
    let (_, found) = told(&loopback(), &sources(&[json!({"name": "Note", "base": "PersistedModel"})]));
    assert!(found.iter().any(|line| line.contains("every caller may do everything with it")), "{found:#?}");
}

#[test]
fn f1_a_misspelt_route_or_method_refuses_the_set() {
    for (route, told_right) in [
        (json!({"path": "/admin/*"}), "write `/admin/{*rest}`"),
        (json!({"path": "/c/:id"}), "write `/c/{id}`"),
        (json!({"path": "/.portcullis/x"}), "the gate serves this path itself"),
        (json!({"path": "/admin "}), "write `/admin`"),
        (json!({"path": "/a", "methods": ["GTE"]}), "did you mean `GET`?"),
        (json!({"path": "/a", "verb": ["GET"]}), "write `methods`"),
    ] {
        let definition = json!({"name": "A", "routes": [route], "acls": [rule("$everyone", "DENY")]});
        let (set, found) = told(&standard(), &sources(&[definition]));
        assert!(set.is_none() && found[0].contains(told_right), "{found:#?}");
    }
    let owner = json!({"name": "A", "routes": [{"path": "/a/{id}"}], "acls": [rule("$owner", "ALLOW")],
        "owner": {"lookup": "/a/:id", "field": "/owner"}});
    let (set, found) = told(&standard(), &sources(&[owner]));
    assert!(set.is_none() && found.len() == 1 && found[0].contains("write `/a/{id}`"), "{found:#?}");
}
