//! Remote methods in model files, beyond the plain cases.

use super::*;

fn routes_of(definition: Value, config: Value, requests: &[&str]) -> Vec<String> {
    let mut files = sources(&[definition]);
    files.push(file("model-config.json", &config.to_string()));
    let (set, findings) = compile(&loopback(), &files, &stored());
    let set = set.unwrap_or_else(|| panic!("{findings:#?}"));
    let route = |request: &&str| {
        let (method, path) = request.split_once(' ').unwrap();
        let action = set.action(method, path, None);
        format!("{} {}", action.route, action.model_id.as_deref().unwrap_or("-"))
    };
    requests.iter().map(route).collect()
}

fn listed(options: Value) -> Value {
    json!({"User": {"dataSource": "db"}, "Thing": {"dataSource": "db", "options": options}})
}

#[test]
fn shared_methods_hide_and_show() {
    let thing =
        || json!({"name": "Thing", "methods": {"secret": {"shared": false, "http": {"verb": "get"}}}});
    let requests =
        ["DELETE /api/Things", "GET /api/Things/secret", "GET /api/Things/count", "PATCH /api/Things/1"];
    for (shared, expected) in [
        (
            json!({}),
            ["unmatched -", "Thing.findById secret", "Thing.count -", "Thing.prototype.patchAttributes 1"],
        ),
        (
            json!({"*": true, "count": false}),
            [
                "Thing.destroyAll -",
                "Thing.secret -",
                "Thing.findById count",
                "Thing.prototype.patchAttributes 1",
            ],
        ),
        (
            json!({"*": false, "destroyAll": true}),
            ["Thing.destroyAll -", "unmatched -", "unmatched -", "unmatched -"],
        ),
        // An alias is not a name, and what a glob has hidden no other one shows.
        (
            json!({"updateAttributes": false, "coun*": false, "c*": true}),
            ["unmatched -", "Thing.secret -", "Thing.findById count", "Thing.prototype.patchAttributes 1"],
        ),
    ] {
        let config = listed(json!({"remoting": {"sharedMethods": shared}}));
        assert_eq!(routes_of(thing(), config, &requests), expected, "{shared}");
    }
}

#[test]
fn paths_are_dashed_where_the_model_says_so() {
    let thing = json!({"name": "Thing", "plural": "MyThings", "remoting": {"normalizeHttpPath": true},
        "methods": {"doIt": {"http": {"verb": "get"}}, "prototype.runNow": {"http": {"verb": "post"}}}});
    let found = routes_of(
        thing,
        listed(json!({})),
        &[
            "GET /api/my-things/do-it",
            "POST /api/my-things/7/run-now",
            "GET /api/my-things/find-one",
            "GET /api/my-things/findOne",
            "GET /api/MyThings/1",
        ],
    );
    assert_eq!(
        found,
        [
            "Thing.doIt -",
            "Thing.prototype.runNow 7",
            "Thing.findOne -",
            "Thing.findById findOne",
            "unmatched -"
        ]
    );
}

#[test]
fn the_last_of_two_segments_of_one_name_counts() {
    let thing =
        json!({"name": "Thing", "methods": {"prototype.x": {"http": {"verb": "get", "path": "/x/:id"}}}});
    assert_eq!(routes_of(thing, listed(json!({})), &["GET /api/Things/1/x/2"]), ["Thing.prototype.x 2"]);
}

#[test]
fn a_path_that_no_request_has_is_a_warning() {
    let thing = json!({"name": "Thing",
        "relations": {"lines": {"type": "hasMany", "model": "Thing", "options": {"http": {"path": "/rows"}}}},
        "methods": {"x": {"http": {"verb": "get", "path": "x"}}}});
    let (set, findings) = compile(&loopback(), &sources(std::slice::from_ref(&thing)), &stored());
    assert!(findings.iter().any(|finding| finding.code == "dead-path"), "{findings:#?}");
    let set = set.unwrap();
    for path in ["/api/Things/1/rows", "/api/Things/1/lines"] {
        assert_eq!(set.action("GET", path, None).route, "unmatched");
    }
    assert_eq!(set.action("GET", "/api/Things/x", None).route, "Thing.findById");
}

/// Whether user 1 owns the row `{"ownerId": 1, "k": 2}` of a model with these relations.
fn owns(relations: Value) -> bool {
    let acls = json!([rule("$everyone", "DENY"), rule("$owner", "ALLOW")]);
    let mut thing = relations;
    thing["name"] = "Thing".into();
    thing["acls"] = acls;
    let set = set(&loopback(), &[thing]);
    let action = set.action("GET", "/api/Things/7", None);
    let caller = Caller { user: Some("1"), roles: &[], certificate: None, scopes: &[] };
    let Decision::Ask(question) = set.decide(&action, caller, None) else { panic!("the app is not asked") };
    let row = OwnerAnswer::Row(json!({"ownerId": 1, "k": 2}));
    question.verdict(&row, caller, true) == OwnerVerdict::Owner
}

#[test]
fn the_owners_key_is_the_one_that_loopback_makes() {
    let relation = |extra: Value| {
        let mut relation = json!({"type": "belongsTo", "model": "User"});
        relation.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"owner": relation})
    };
    assert!(owns(json!({"relations": relation(json!({}))})));
    assert!(owns(json!({"relations": relation(json!({"foreignKey": ""}))})));
    assert!(!owns(json!({"relations": relation(json!({"foreignKey": "k"}))})));
    // The key holds an email, say, which is not an id.
    assert!(!owns(json!({"relations": relation(json!({"primaryKey": "email"}))})));
    assert!(owns(json!({"relationships": relation(json!({})), "relations": {}})));
}

#[test]
fn nested_remoting_goes_one_level_deeper() {
    let nest =
        |kind: &str, model: &str| json!({"type": kind, "model": model, "options": {"nestRemoting": true}});
    let order = json!({"name": "Order", "relations": {
        "lines": nest("hasMany", "Line"), "cover": nest("hasOne", "Line"), "plain": {"type": "hasMany", "model": "Line"}}});
    let line = json!({"name": "Line", "relations": {
        "tags": {"type": "hasMany", "model": "Order"}, "odd_name": {"type": "belongsTo", "model": "Order"},
        "order": nest("belongsTo", "Order")}});
    let set = set(&loopback(), &[order, line]);
    for (request, expected) in [
        ("GET /api/Orders/1/lines/2/tags", "Order.prototype.__get__lines__tags READ"),
        ("POST /api/Orders/1/lines/2/tags", "Order.prototype.__create__lines__tags WRITE"),
        ("GET /api/Orders/1/lines/2/tags/count", "Order.prototype.__count__lines__tags READ"),
        ("PUT /api/Orders/1/lines/2/tags/3", "Order.prototype.__updateById__lines__tags WRITE"),
        ("GET /api/Orders/1/cover/tags", "Order.prototype.__get__cover__tags READ"),
        ("GET /api/Lines/1/order/plain", "Line.prototype.__get__order__plain READ"),
        ("GET /api/Orders/1/lines/2/odd_name", "unmatched READ"),
        ("GET /api/Orders/1/plain/2/tags", "unmatched READ"),
        ("GET /api/Orders/1/lines/2/order/3", "unmatched READ"),
        ("GET /api/Lines/1/order/lines/2/tags", "unmatched READ"),
    ] {
        let (verb, path) = request.split_once(' ').unwrap();
        let action = set.action(verb, path, None);
        assert_eq!(format!("{} {}", action.route, action.access_type), expected, "{request}");
    }
}

/// Customers are the accounts, sellers log in at the app; whether an id alone says who a caller is.
fn shop(several: bool) -> (PolicySet, Vec<Finding>) {
    let tokens = |polymorphic: Value| json!({"accessTokens": {"type": "hasMany", "model": "AccessToken", "polymorphic": polymorphic}});
    let by = several.then(|| json!({"foreignKey": "userId", "discriminator": "principalType"}));
    let acls = json!([rule("$everyone", "DENY"), rule("$owner", "ALLOW")]);
    let user = |name: &str| json!({"name": name, "plural": format!("{name}s"), "base": "User", "relations": tokens(by.clone().into()), "acls": acls});
    let to = |model: &str| json!({"type": "belongsTo", "model": model});
    let sale = json!({"name": "Sale", "acls": acls, "relations": {"seller": to("Seller"), "customer": to("Customer")}});
    let visit = json!({"name": "Visit", "acls": acls});
    let settings = Settings { user_model: Some("Customer".into()), ..loopback() };
    let files = sources(&[user("Customer"), user("Seller"), sale, visit]);
    let (set, findings) = compile(&settings, &files, &stored());
    (set.unwrap(), findings)
}

#[test]
fn with_several_user_models_an_id_alone_owns_nothing() {
    let caller = Caller { user: Some("1"), roles: &[], certificate: None, scopes: &[] };
    let owns = |set: &PolicySet, path: &str, row: Value| match set.decide(
        &set.action("GET", path, None),
        caller,
        None,
    ) {
        Decision::Permit(_) => true,
        Decision::Denial(_) => false,
        Decision::Ask(question) => {
            question.verdict(&OwnerAnswer::Row(row), caller, true) == OwnerVerdict::Owner
        }
    };
    for (path, row, one, several) in [
        ("/api/Customers/1", json!({"id": 1}), true, true),
        // A customer is not a seller of the same id.
        ("/api/Sellers/1", json!({"id": 1}), true, false),
        ("/api/Visits/7", json!({"userId": 1}), true, false),
        ("/api/Visits/7", json!({"owner": 1}), true, false),
        // Of the relations that to the accounts counts, wherever it stands.
        ("/api/Sales/7", json!({"customerId": 1, "sellerId": 2}), false, true),
        ("/api/Sales/7", json!({"customerId": 2, "sellerId": 1}), false, false),
        ("/api/Sales/7", json!({"customerId": 1, "userId": 2}), false, true),
    ] {
        assert_eq!(owns(&shop(false).0, path, row.clone()), one, "{path} {row}, single");
        assert_eq!(owns(&shop(true).0, path, row.clone()), several, "{path} {row}, several");
    }
    let told = |several| shop(several).1.iter().any(|finding| finding.code == "several-user-models");
    assert!(told(true) && !told(false));
}
