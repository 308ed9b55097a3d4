//! Register, log in, look at oneself, log out: in both profiles.

use serde_json::{Value, json};

use super::{PASSWORD, ask, gate, told};
use crate::support::{App, Gate, Setup};

/// A life of an account, in requests, and what each is answered.
fn life(gate: &Gate) -> String {
    let mut client = gate.client();
    let ann = gate.sign_up("ann");
    let bob = gate.sign_up("bob");
    let again = json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
    let more =
        json!({"email": "carl@example.com", "password": PASSWORD, "emailVerified": true, "plan": {"a": [1]}});
    let right = json!({"email": "ann@example.com", "password": PASSWORD});
    let wrong = json!({"email": "ann@example.com", "password": "not-my-password"});
    let unknown = json!({"email": "unknown@example.com", "password": PASSWORD});
    let by_name = json!({"username": "ann", "password": PASSWORD, "ttl": 60});
    let steps: [(&str, &str, Value); 24] = [
        ("POST /api/users", "", more),
        ("POST /api/users", "", again),
        ("POST /api/users", "", json!({})),
        ("POST /api/users", "", json!({"email": "bad", "password": PASSWORD})),
        ("POST /api/users", "", json!({"email": "x@example.com", "password": ""})),
        ("POST /api/users", "", json!({"email": "x@example.com", "password": PASSWORD, "id": 77})),
        ("POST /api/users", "", json!("text")),
        ("POST /api/users/login", "", right.clone()),
        ("POST /api/users/login?include=user", "", by_name),
        ("POST /api/users/login", "", wrong),
        ("POST /api/users/login", "", unknown),
        ("POST /api/users/login", "", json!({"password": PASSWORD})),
        ("POST /api/users/login", "", json!({"email": 5, "password": PASSWORD})),
        ("POST /api/users/login", "", json!([])),
        ("GET /api/users/1", &ann.token, Value::Null),
        ("GET /API/Users/1/", &ann.token, Value::Null),
        ("GET /api/users/1", &bob.token, Value::Null),
        ("GET /api/users/99", &ann.token, Value::Null),
        ("GET /api/users/1", "", Value::Null),
        ("GET /api/users", &ann.token, Value::Null),
        ("POST /api/users/1/nope", &ann.token, Value::Null),
        ("POST /api/users/logout", &ann.token, Value::Null),
        ("POST /api/users/logout", &ann.token, Value::Null),
        ("GET /api/users/1", &ann.token, Value::Null),
    ];
    let mut lines = String::new();
    for (line, token, body) in steps {
        let who = if token == ann.token {
            " as ann"
        } else if token == bob.token {
            " as bob"
        } else {
            ""
        };
        let answer = told(&mut client, line, token, &body);
        lines.push_str(&format!("{line}{who}\n  {answer}\n"));
    }
    lines
}

/// A gate where paths without a policy are closed.
fn closed(profile: &str) -> (App, Gate) {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", profile).set("policies.unmatched", "deny");
    let gate = Gate::start(setup.with_manual_clock());
    (app, gate)
}

#[test]
fn the_life_of_an_account_in_profile_standard() {
    let (app, gate) = closed("standard");
    insta::assert_snapshot!(life(&gate), @r#"
    POST /api/users
      200 {"email":"carl@example.com","emailVerified":false,"id":3,"plan":{"a":[1]}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `email` Email already exists (value: \"ann@example.com\"); `username` User already exists (value: \"ann\").","details":{"context":"User","codes":{"email":["uniqueness"],"username":["uniqueness"]},"messages":{"email":["Email already exists"],"username":["User already exists"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).","details":{"context":"User","codes":{"password":["presence"],"email":["presence"]},"messages":{"password":["can't be blank"],"email":["can't be blank"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `email` is invalid (value: \"bad\").","details":{"context":"User","codes":{"email":["custom.email"]},"messages":{"email":["is invalid"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"Error","message":"Invalid password.","code":"INVALID_PASSWORD"}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `id` can't be set (value: 77).","details":{"context":"User","codes":{"id":["absence"]},"messages":{"id":["can't be set"]}}}}
    POST /api/users
      400 {"error":{"statusCode":400,"name":"Error","message":"Value is not an object."}}
    POST /api/users/login
      200 {"id":"TOKEN","ttl":1209600,"created":"2026-11-21T20:51:11.688Z","userId":1}
    POST /api/users/login?include=user
      200 {"id":"TOKEN","ttl":60,"created":"2026-11-21T20:51:11.688Z","userId":1,"user":{"username":"ann","email":"ann@example.com","id":1}}
    POST /api/users/login
      401 {"error":{"statusCode":401,"name":"Error","message":"login failed","code":"LOGIN_FAILED"}}
    POST /api/users/login
      401 {"error":{"statusCode":401,"name":"Error","message":"login failed","code":"LOGIN_FAILED"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"username or email is required","code":"USERNAME_EMAIL_REQUIRED"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"Invalid email","code":"INVALID_EMAIL"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"Value is not an object."}}
    GET /api/users/1 as ann
      200 {"username":"ann","email":"ann@example.com","id":1}
    GET /API/Users/1/ as ann
      200 {"username":"ann","email":"ann@example.com","id":1}
    GET /api/users/1 as bob
      403 {"error":{"statusCode":403,"name":"Error","message":"Access Denied","code":"ACCESS_DENIED"}}
    GET /api/users/99 as ann
      403 {"error":{"statusCode":403,"name":"Error","message":"Access Denied","code":"ACCESS_DENIED"}}
    GET /api/users/1
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    GET /api/users as ann
      403 {"error":{"statusCode":403,"name":"Error","message":"Access Denied","code":"ACCESS_DENIED"}}
    POST /api/users/1/nope as ann
      403 {"error":{"statusCode":403,"name":"Error","message":"Access Denied","code":"ACCESS_DENIED"}}
    POST /api/users/logout as ann
      204
    POST /api/users/logout as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"accessToken is required to logout"}}
    GET /api/users/1 as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    "#);
    assert!(app.requests().is_empty(), "the account model is not the app's");
}

#[test]
fn the_life_of_an_account_in_profile_loopback3() {
    let (app, gate) = closed("loopback3");
    insta::assert_snapshot!(life(&gate), @r#"
    POST /api/users
      200 {"email":"carl@example.com","emailVerified":false,"id":3,"plan":{"a":[1]}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `email` Email already exists (value: \"ann@example.com\"); `username` User already exists (value: \"ann\").","details":{"context":"User","codes":{"email":["uniqueness"],"username":["uniqueness"]},"messages":{"email":["Email already exists"],"username":["User already exists"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).","details":{"context":"User","codes":{"password":["presence"],"email":["presence"]},"messages":{"password":["can't be blank"],"email":["can't be blank"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `email` is invalid (value: \"bad\").","details":{"context":"User","codes":{"email":["custom.email"]},"messages":{"email":["is invalid"]}}}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"Error","message":"Invalid password.","code":"INVALID_PASSWORD"}}
    POST /api/users
      422 {"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `id` can't be set (value: 77).","details":{"context":"User","codes":{"id":["absence"]},"messages":{"id":["can't be set"]}}}}
    POST /api/users
      400 {"error":{"statusCode":400,"name":"Error","message":"Value is not an object."}}
    POST /api/users/login
      200 {"id":"TOKEN","ttl":1209600,"created":"2026-11-21T20:51:11.688Z","userId":1}
    POST /api/users/login?include=user
      200 {"id":"TOKEN","ttl":60,"created":"2026-11-21T20:51:11.688Z","userId":1,"user":{"username":"ann","email":"ann@example.com","id":1}}
    POST /api/users/login
      401 {"error":{"statusCode":401,"name":"Error","message":"login failed","code":"LOGIN_FAILED"}}
    POST /api/users/login
      401 {"error":{"statusCode":401,"name":"Error","message":"login failed","code":"LOGIN_FAILED"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"username or email is required","code":"USERNAME_EMAIL_REQUIRED"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"Invalid email","code":"INVALID_EMAIL"}}
    POST /api/users/login
      400 {"error":{"statusCode":400,"name":"Error","message":"Value is not an object."}}
    GET /api/users/1 as ann
      200 {"username":"ann","email":"ann@example.com","id":1}
    GET /API/Users/1/ as ann
      200 {"username":"ann","email":"ann@example.com","id":1}
    GET /api/users/1 as bob
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    GET /api/users/99 as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    GET /api/users/1
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    GET /api/users as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    POST /api/users/1/nope as ann
      404 {"error":{"statusCode":404,"name":"Error","message":"Shared class \"User\" has no method handling POST /1/nope"}}
    POST /api/users/logout as ann
      204
    POST /api/users/logout as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"accessToken is required to logout"}}
    GET /api/users/1 as ann
      401 {"error":{"statusCode":401,"name":"Error","message":"Authorization Required","code":"AUTHORIZATION_REQUIRED"}}
    "#);
    assert!(app.requests().is_empty(), "the account model is not the app's");
}

#[test]
fn answers_carry_their_headers() {
    let (_app, gate) = gate("standard");
    let mut client = gate.client();
    let ann = gate.sign_up("ann");
    let login = json!({"username": "ann", "password": PASSWORD});
    let login = ask(&mut client, "POST", "/api/users/login", "", &login);
    assert_eq!(login.field("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(login.field("cache-control"), Some("no-store"), "a cached token is readable for all");
    let logout = ask(&mut client, "POST", "/api/users/logout", &ann.token, &Value::Null).expect(204);
    assert!(logout.field("content-length").is_none_or(|length| length == "0"), "{}", logout.head);
    let denied = client.get("/api/users/1").expect(401);
    assert_eq!(denied.field("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(denied.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(denied.field("www-authenticate"), Some("Bearer"));
    let page = client.ask("GET", "/api/users/1", "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n", b"");
    assert_eq!((page.status, page.field("location")), (303, Some("/.portcullis/login?to=/api/users/1")));
}

#[test]
fn the_routes_lie_where_the_configuration_says() {
    let app = App::echo();
    let setup = Setup::new(&app).set("api.root", "/v1").set("api.users", "members");
    let gate = Gate::start(setup);
    let mut client = gate.client();
    let ann = json!({"email": "ann@example.com", "password": PASSWORD});
    assert_eq!(ask(&mut client, "POST", "/v1/members", "", &ann).status, 200);
    assert_eq!(ask(&mut client, "POST", "/v1/members/login", "", &ann).status, 200);
    assert!(app.requests().is_empty());
    assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &ann).status, 200);
    assert_eq!(app.only_request().line(), "POST /api/users/login HTTP/1.1", "that path is the app's now");
}

#[test]
fn the_account_model_of_a_file_is_served() {
    let app = App::echo();
    let member = json!({
        "name": "Member", "base": "User", "plural": "members", "hidden": ["secret"],
        "acls": [{"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "findById"}],
    });
    let config = json!({"User": {"public": false}, "Member": {"public": true}});
    let setup = Setup::new(&app);
    let setup =
        setup.policy("member.json", &member.to_string()).policy("model-config.json", &config.to_string());
    let gate = Gate::start(setup);
    let mut client = gate.client();
    let ann = json!({"email": "ann@example.com", "password": PASSWORD, "secret": "word", "open": "word"});
    assert_eq!(
        told(&mut client, "POST /api/members", "", &ann),
        r#"200 {"email":"ann@example.com","id":1,"open":"word"}"#
    );
    let refused = told(&mut client, "POST /api/members", "", &ann);
    assert!(
        refused.starts_with("422") && refused.contains("The `Member` instance is not valid"),
        "{refused}"
    );
    let token = ask(&mut client, "POST", "/api/members/login", "", &ann).expect(200).json()["id"].clone();
    let token = token.as_str().unwrap();
    assert_eq!(ask(&mut client, "GET", "/api/members/1", token, &Value::Null).status, 200);
    assert_eq!(
        ask(&mut client, "GET", "/api/members/2", token, &Value::Null).status,
        404,
        "its rule lets all in"
    );
}
