//! An app's own user model, `"base": "User"`: what LoopBack 3.28 answers for the same file.

use serde_json::{Value, json};

use super::{ask, told};
use crate::support::{App, Gate, Setup};

fn gate() -> (App, Gate) {
    let text = |required: bool| json!({"type": "string", "required": required});
    let customer = json!({
        "name": "customer", "plural": "customers", "base": "User",
        "properties": {
            "firstName": text(true), "lastName": "string", "username": text(true), "age": {"type": "number"},
            "newsletter": {"type": "boolean", "default": false}, "tags": {"type": ["string"], "default": []},
            "birthday": {"type": "date"}, "note": "string",
        },
        "hidden": ["note"],
        "relations": {"orders": {"type": "hasMany", "model": "order", "foreignKey": "customerId"}},
        "acls": [{"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW", "property": "__get__orders"}],
        "methods": {"featured": {"http": {"path": "/featured", "verb": "get"}}},
    });
    let order =
        json!({"name": "order", "relations": {"customer": {"type": "belongsTo", "model": "customer"}}});
    let exposed = json!({"User": {"public": false}, "customer": {}, "order": {}});
    let app = App::echo();
    let setup = Setup::new(&app)
        .set("profile", "loopback3")
        .policy("customer.json", &customer.to_string())
        .policy("order.json", &order.to_string())
        .policy("model-config.json", &exposed.to_string());
    (app, Gate::start(setup))
}

fn ann() -> Value {
    json!({"email": "ann@x.org", "password": "x", "username": "ann", "firstName": "Ann", "age": "42", "tags": [1, "b"],
        "birthday": "2000-01-02", "note": "kept back", "extra": {"x": [1]}})
}

#[test]
fn its_own_properties_come_first_and_have_their_types() {
    let (_app, gate) = gate();
    let mut client = gate.client();
    let shown = r#"200 {"firstName":"Ann","username":"ann","age":42,"newsletter":false,"tags":["1","b"],"birthday":"2000-01-02T00:00:00.000Z","email":"ann@x.org","id":1,"extra":{"x":[1]}}"#;
    assert_eq!(told(&mut client, "POST /api/customers", "", &ann()), shown);
    let login = json!({"username": "ann", "password": "x"});
    let token = ask(&mut client, "POST", "/api/customers/login", "", &login).expect(200).json()["id"].clone();
    let token = token.as_str().unwrap();
    assert_eq!(told(&mut client, "GET /api/Customers/1", token, &Value::Null), shown);
    let patched =
        ask(&mut client, "PATCH", "/api/customers/1", token, &json!({"tags": "[\"q\"]", "age": null}));
    assert_eq!((&patched.json()["tags"], &patched.json()["age"]), (&json!(["q"]), &Value::Null));
    assert!(told(&mut client, "GET /api/customers/1/orders", token, &Value::Null).starts_with("200"));
    assert!(told(&mut client, "GET /api/customers/1/orders", "", &Value::Null).starts_with("401"));
    assert!(told(&mut client, "GET /api/users/1", token, &Value::Null).starts_with("200"), "the app's");
}

#[test]
fn complaints_come_in_the_order_of_the_model() {
    let (_app, gate) = gate();
    let mut client = gate.client();
    ask(&mut client, "POST", "/api/customers", "", &ann()).expect(200);
    let with = |more: Value| {
        let mut body = ann();
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let other = json!({"email": "bob@x.org", "username": "bob"});
    for (body, expected) in [
        (
            json!({}),
            "`firstName` can't be blank (value: undefined); `username` can't be blank (value: undefined); `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).",
        ),
        (
            json!({"email": "bad", "username": "q", "id": 77}),
            "`id` can't be set (value: 77); `firstName` can't be blank (value: undefined); `password` can't be blank (value: undefined); `email` is invalid (value: \"bad\").",
        ),
        (
            ann(),
            "`username` User already exists (value: \"ann\"); `email` Email already exists (value: \"ann@x.org\").",
        ),
        (
            with(json!({"firstName": "", "birthday": "no"})),
            "`firstName` can't be blank (value: \"\"); `birthday` is not a valid date (value: Invalid Date); `username` User already exists (value: \"ann\"); `email` Email already exists (value: \"ann@x.org\").",
        ),
    ] {
        let answer = ask(&mut client, "POST", "/api/customers", "", &body).expect(422).json();
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(message, format!("The `customer` instance is not valid. Details: {expected}"));
    }
    for (tags, expected) in [
        (json!("one"), "could not create List from JSON string: \"one\""),
        (json!({"a": 1}), "Items must be an array: {\"a\":1}"),
    ] {
        let mut body = with(other.clone());
        body["tags"] = tags;
        let answer = ask(&mut client, "POST", "/api/customers", "", &body).expect(400).json();
        assert_eq!(answer["error"]["message"], expected);
    }
}
