//! One set of accounts: where it is served, and which app's files define it.

use serde_json::json;

use super::{House, ask, policy, who, with};
use crate::{process::support::wait_until, support::Gate};

/// `Customer` in the place of `User`.
const PUBLIC: &str = r#"{"Customer": {"public": true}}"#;

/// A model that holds the accounts; `more` are its settings.
fn model(more: &str) -> String {
    format!(r#"{{"name": "Customer", "base": "User", "plural": "customers", "acls": []{more}}}"#)
}

fn post(gate: &Gate, host: &str, path: &str, body: &serde_json::Value) -> crate::support::Response {
    let body = body.to_string();
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let mut client = gate.client();
    client.send(format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{body}"));
    client.response_to("POST")
}

#[test]
fn a_token_of_one_app_is_good_in_all_and_ends_in_all() {
    let house = House::new();
    let gate =
        Gate::start(house.setup("").policy("notes/note.json", &policy("Note", "/notes", "$authenticated")));
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    post(&gate, "shop.test", "/api/users", &account).expect(200);
    let token = post(&gate, "notes.test", "/api/users/login", &account).expect(200).json();
    let token = with(token["id"].as_str().unwrap());
    let mut client = gate.client();
    assert_eq!(who(&mut client, "shop.test", "/orders/1", &token), "shop");
    assert_eq!(who(&mut client, "notes.test", "/notes/1", &token), "notes");
    assert_eq!(who(&mut client, "shop.test", "/tools/1", &token), "tools");
    ask(&mut client, "elsewhere.test", "POST /api/users/logout", &format!("{token}Content-Length: 0\r\n"))
        .expect(204);
    for (host, path) in [("shop.test", "/orders/1"), ("notes.test", "/notes/1"), ("shop.test", "/tools/1")] {
        assert_eq!(who(&mut client, host, path, &token), "401", "{host}");
    }
}

#[test]
fn without_accounts_the_paths_of_the_user_api_are_the_apps() {
    let house = House::new();
    let gate = Gate::start(house.setup("accounts = false\n"));
    let ann = with(&gate.sign_up("ann").token);
    let login = json!({"email": "ann@example.com", "password": "a-good-password"});
    let denied = post(&gate, "notes.test", "/api/users/login", &login).expect(401);
    assert_eq!(denied.json()["error"]["code"], "AUTHORIZATION_REQUIRED", "no rule of the app covers it");
    ask(&mut gate.client(), "notes.test", "GET /.portcullis/openapi.json", "").expect(404);
    let described =
        ask(&mut gate.client(), "shop.test", "GET /.portcullis/openapi.json", "").expect(200).json();
    assert_eq!(described["servers"].as_array().unwrap().len(), 1);
    assert_eq!(described["servers"][0]["url"], "/", "an app's API is where its description is");
    assert_eq!(who(&mut gate.client(), "notes.test", "/api/users/1", &ann), "403");
    drop(gate);
    // Once the app has them, they are forwarded and judged like any other path.
    let mine = policy("Login", "/api/users", "$everyone");
    let gate = Gate::start(house.setup("accounts = false\n").policy("notes/login.json", &mine));
    let answered = post(&gate, "notes.test", "/api/users/login", &login).expect(200);
    assert_eq!(answered.field("x-app"), Some("notes"));
    post(&gate, "shop.test", "/api/users/login", &login).expect(401);
}

#[test]
fn the_owners_of_an_app_without_accounts_are_users_all_the_same() {
    let house = House::new();
    let order = r#"{"name": "Order", "base": "PersistedModel", "plural": "orders", "properties": {},
        "relations": {"user": {"type": "belongsTo", "model": "User", "foreignKey": "ownerId"}},
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                 {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;
    let gate = Gate::start(house.setup("accounts = false\n").policy("notes/order.json", order));
    let (ann, bob) = (with(&gate.sign_up("ann").token), with(&gate.sign_up("bob").token));
    let mut client = gate.client();
    assert_eq!(who(&mut client, "notes.test", "/api/orders/7", &ann), "403");
    assert_eq!(
        who(&mut client, "notes.test", "/api/orders/7", &bob),
        "notes",
        "its rows are those of user 2"
    );
}

#[test]
fn one_app_may_have_a_model_of_its_own_and_two_may_not_differ() {
    let house = House::new();
    let own = model(", \"ttl\": 77");
    let setup = |more: &str| {
        house.setup(more).policy("notes/model-config.json", PUBLIC).policy("notes/customer.json", &own)
    };
    let gate = Gate::start(setup(""));
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    post(&gate, "notes.test", "/api/customers", &account).expect(200);
    for (host, path) in [("notes.test", "/api/customers/login"), ("shop.test", "/api/users/login")] {
        assert_eq!(post(&gate, host, path, &account).expect(200).json()["ttl"], 77, "{host}");
    }
    post(&gate, "notes.test", "/api/users/login", &account).expect(401);
    drop(gate);
    let both = |more: &str, shop: &str| {
        setup(more).policy("shop/model-config.json", PUBLIC).policy("shop/customer.json", shop)
    };
    drop(Gate::start(both("", &own)));
    let error = Gate::try_start(both("", &model(""))).err().map(|error| format!("{error:#}")).unwrap();
    assert!(
        error.contains("the app `notes` has the accounts in `Customer`, and the app `shop` in `Customer`"),
        "{error}"
    );
    // An app without accounts has no say.
    drop(Gate::start(both("accounts = false\n", &model(""))));
}

#[test]
fn a_link_has_the_path_of_the_app_that_it_leads_to() {
    for (host, path) in [("shop.test", "/api/users/confirm"), ("notes.test", "/api/customers/confirm")] {
        let house = House::new();
        let setup = house
            .setup("")
            .policy("notes/model-config.json", PUBLIC)
            .policy("notes/customer.json", &model(""))
            .set("server.public_url", &format!("http://{host}"))
            .set("webhook.url", &format!("{}/hook", house.rest.url()))
            .set("webhook.secret", "hush")
            .set("mail.verify_on_register", "true");
        let gate = Gate::start(setup);
        let account = json!({"email": "ann@example.com", "password": "a-good-password"});
        post(&gate, "shop.test", "/api/users", &account).expect(200);
        let link = wait_until("the link", || {
            let requests = house.rest.requests();
            let bodies =
                requests.iter().map(|request| serde_json::from_slice::<serde_json::Value>(&request.body));
            bodies.flatten().find_map(|body| body["url"].as_str().map(str::to_owned))
        });
        let start = format!("http://{host}{path}?uid=1&");
        assert!(link.starts_with(&start), "{link}");
        let target = link.strip_prefix(&format!("http://{host}")).unwrap();
        ask(&mut gate.client(), host, &format!("GET {target}"), "").expect(302);
    }
}

#[test]
fn the_account_model_that_is_named_is_needed_in_one_app() {
    let house = House::new();
    let setup = |accounts: &str| house.setup(accounts).set("api.user_model", "Customer");
    let with_model = |accounts: &str| setup(accounts).policy("notes/customer.json", &model(", \"ttl\": 77"));
    let gate = Gate::start(with_model(""));
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    post(&gate, "notes.test", "/api/customers", &account).expect(200);
    for (host, path) in [("notes.test", "/api/customers/login"), ("shop.test", "/api/users/login")] {
        assert_eq!(post(&gate, host, path, &account).expect(200).json()["ttl"], 77, "{host}");
    }
    for refused in [setup(""), with_model("accounts = false\n")] {
        let error = Gate::try_start(refused).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains("`api.user_model` is `Customer`, which no file of an app"), "{error}");
    }
}
