//! The account model's key under another name, as in LoopBack's suite `user`, whose model has `pk`.

use serde_json::{Value, json};

use super::{ask, told};
use crate::support::{App, Gate, Setup};

fn gate(profile: &str, key: &Value) -> (App, Gate) {
    let model = json!({"name": "Customer", "base": "User", "plural": "customers", "properties": {"pk": key},
        "acls": [{"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "accessType": "READ"},
                 {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "__get__accessTokens"},
                 {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "updateAll"}]});
    let app = App::echo();
    let setup = Setup::new(&app)
        .set("profile", profile)
        .set("api.user_model", "Customer")
        .policy("customer.json", &model.to_string());
    (app, Gate::start(setup))
}

fn ann() -> Value {
    json!({"email": "ann@b.c", "password": "a-good-password"})
}

#[test]
fn a7_answers_paths_and_filters_know_the_key() {
    for profile in ["loopback3", "standard"] {
        let (_app, gate) = gate(profile, &json!({"type": "number", "id": true}));
        let mut client = gate.client();
        let created = r#"200 {"pk":1,"email":"ann@b.c"}"#;
        assert_eq!(told(&mut client, "POST /api/customers", "", &ann()), created);
        let login =
            ask(&mut client, "POST", "/api/customers/login?include=user", "", &ann()).expect(200).json();
        assert_eq!((&login["userId"], &login["user"]["pk"]), (&json!(1), &json!(1)));
        assert!(login["user"].get("id").is_none());
        let token = login["id"].as_str().unwrap();
        let bob = json!({"email": "bob@b.c", "password": "a-good-password", "id": 5});
        assert_eq!(told(&mut client, "POST /api/customers", "", &bob), r#"200 {"pk":2,"email":"bob@b.c"}"#);
        for (target, expected) in [
            ("/api/customers/1", r#"{"pk":1,"email":"ann@b.c"}"#),
            ("/api/customers/findOne?filter[where][pk]=2", r#"{"pk":2,"email":"bob@b.c"}"#),
            ("/api/customers?filter={\"where\":{\"pk\":{\"gt\":1}},\"fields\":[\"pk\"]}", r#"[{"pk":2}]"#),
            (
                "/api/customers?filter={\"order\":\"pk%20DESC\",\"fields\":{\"pk\":true}}",
                r#"[{"pk":2},{"pk":1}]"#,
            ),
            (
                "/api/customers?filter={\"where\":{\"pk\":{\"inq\":[1]}},\"fields\":[\"email\"]}",
                r#"[{"email":"ann@b.c"}]"#,
            ),
            ("/api/customers?filter={\"where\":{\"id\":1}}", "[]"),
            ("/api/customers/count?where={\"pk\":1}", r#"{"count":1}"#),
        ] {
            assert_eq!(
                told(&mut client, &format!("GET {target}"), token, &Value::Null),
                format!("200 {expected}")
            );
        }
        let rows =
            ask(&mut client, "GET", "/api/customers/1/accessTokens", token, &Value::Null).expect(200).json();
        assert_eq!((&rows[0]["userId"], rows[0].get("principalType")), (&json!(1), None));
    }
}

#[test]
fn a7_writes_keep_the_key() {
    for profile in ["loopback3", "standard"] {
        let (_app, gate) = gate(profile, &json!({"type": "number", "id": true}));
        let mut client = gate.client();
        let created = told(&mut client, "POST /api/customers", "", &ann());
        let login = ask(&mut client, "POST", "/api/customers/login", "", &ann()).expect(200).json();
        let token = login["id"].as_str().unwrap();
        for (line, body, expected) in [
            (
                "PATCH /api/customers/1",
                json!({"pk": 1, "nick": "a"}),
                r#"200 {"pk":1,"email":"ann@b.c","nick":"a"}"#,
            ),
            ("PATCH /api/customers/1", json!({"id": 9}), r#"200 {"pk":1,"email":"ann@b.c","nick":"a"}"#),
        ] {
            assert_eq!(told(&mut client, line, token, &body), expected, "{line} {body}");
        }
        for (line, body, expected) in [
            (
                "PATCH /api/customers/1",
                json!({"pk": 9}),
                "id cannot be updated from 1 to 9 when forceId is set to true",
            ),
            (
                "PUT /api/customers/1",
                json!({"pk": 9, "email": "ann@b.c", "password": "a-good-password"}),
                "id property (pk) cannot be updated from 1 to 9",
            ),
        ] {
            let (method, target) = line.split_once(' ').unwrap();
            let answer = ask(&mut client, method, target, token, &body).expect(400).json();
            assert_eq!(answer["error"]["message"], expected);
        }
        let replaced = told(&mut client, "PUT /api/customers/1", token, &ann());
        assert_eq!(replaced, created, "the rest is gone");
        let many = told(
            &mut client,
            "POST /api/customers/update?where={\"pk\":1}",
            token,
            &json!({"pk": 7, "nick": "b"}),
        );
        assert_eq!(many, r#"200 {"count":1}"#);
        assert_eq!(told(&mut client, "DELETE /api/customers/1", token, &Value::Null), r#"200 {"count":1}"#);
    }
}

#[test]
fn a7_who_makes_the_key_is_the_definitions_to_say() {
    let taken =
        r#"409 {"error":{"statusCode":409,"name":"Error","message":"Duplicate entry for Customer.pk"}}"#;
    let refused = |shown: &str| {
        format!("The `Customer` instance is not valid. Details: `pk` can't be set (value: {shown}).")
    };
    let with = |name: &str, pk: Value| json!({"email": format!("{name}@b.c"), "password": "a-good-password", "pk": pk});
    // A number that the database does not generate: a client may choose it, and the sequence continues after it.
    let (_app, chosen) = gate("loopback3", &json!({"type": "number", "id": true}));
    let mut client = chosen.client();
    assert_eq!(
        told(&mut client, "POST /api/customers", "", &with("a", json!(77))),
        r#"200 {"pk":77,"email":"a@b.c"}"#
    );
    assert_eq!(told(&mut client, "POST /api/customers", "", &with("b", json!("77"))), taken);
    assert_eq!(
        told(&mut client, "POST /api/customers", "", &with("c", Value::Null)),
        r#"200 {"pk":78,"email":"c@b.c"}"#
    );
    // A text is one, also where it is made of digits.
    let (_app, texts) = gate("loopback3", &json!({"type": "string", "id": true, "generated": false}));
    let mut client = texts.client();
    assert_eq!(
        told(&mut client, "POST /api/customers", "", &with("a", json!("k7"))),
        r#"200 {"pk":"k7","email":"a@b.c"}"#
    );
    assert_eq!(told(&mut client, "POST /api/customers", "", &with("b", json!("k7"))), taken);
    assert_eq!(
        told(&mut client, "POST /api/customers", "", &with("c", Value::Null)),
        r#"200 {"pk":"1","email":"c@b.c"}"#
    );
    let login = json!({"email": "a@b.c", "password": "a-good-password"});
    let login = ask(&mut client, "POST", "/api/customers/login", "", &login).expect(200).json();
    assert_eq!(login["userId"], "k7");
    let own = told(&mut client, "GET /api/customers/k7", login["id"].as_str().unwrap(), &Value::Null);
    assert_eq!(own, r#"200 {"pk":"k7","email":"a@b.c"}"#);
    // A client cannot choose a generated id, nor any id in the safer profile.
    for (profile, key, shown) in [
        ("loopback3", json!({"type": "number", "id": true, "generated": true}), "77"),
        ("standard", json!({"type": "number", "id": true}), "77"),
        ("standard", json!({"type": "string", "id": true, "generated": false}), "\"77\""),
    ] {
        let (_app, gate) = gate(profile, &key);
        let given = if shown == "77" { json!(77) } else { json!("77") };
        let answer =
            ask(&mut gate.client(), "POST", "/api/customers", "", &with("a", given)).expect(422).json();
        assert_eq!(answer["error"]["message"], refused(shown), "{profile} {key}");
        assert_eq!(answer["error"]["details"]["codes"], json!({"pk": ["absence"]}));
    }
}

#[test]
fn a7_a_hidden_key_is_hidden_and_the_description_knows_it() {
    let model = |hidden: &Value| {
        json!({"name": "Customer", "base": "User", "plural": "customers", "hidden": hidden,
               "properties": {"pk": {"type": "string", "id": true, "generated": true}}})
    };
    for (hidden, shown) in
        [(json!(["pk"]), r#"200 {"email":"ann@b.c"}"#), (json!([]), r#"200 {"pk":"1","email":"ann@b.c"}"#)]
    {
        let app = App::echo();
        let setup =
            Setup::new(&app).set("api.user_model", "Customer").policy("c.json", &model(&hidden).to_string());
        let gate = Gate::start(setup);
        assert_eq!(told(&mut gate.client(), "POST /api/customers", "", &ann()), shown);
        let described = gate.client().get("/.portcullis/openapi.json").expect(200).json();
        let user = &described["components"]["schemas"]["User"]["properties"];
        assert_eq!(user.get("pk").is_some(), hidden == json!([]), "{user}");
        assert!(user.get("id").is_none());
        let id = &described["components"]["schemas"]["NewAccessToken"]["properties"]["userId"];
        assert_eq!(id["type"], "string");
    }
}
