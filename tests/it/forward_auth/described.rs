//! Which request is judged, and how.

use std::time::Duration;

use serde_json::json;

use super::{IDENTITY, STYLES, Style, app, only, proxy, setup};
use crate::support::{App, Gate, Response, answer};

#[test]
fn every_style_gets_the_decision_of_the_gate() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut proxy = proxy(&gate);
    for (method, target, token, status) in [
        ("GET", "/open/a?b=c", "", 200),
        ("POST", "/open", "", 200),
        ("GET", "/mine", "", 401),
        ("GET", "/mine", "unknown", 401),
        ("GET", "/mine", &ann.token, 200),
        ("DELETE", "/mine/7", &bob.token, 200),
        ("HEAD", "/mine", &bob.token, 200),
        ("GET", "/staff", &ann.token, 403),
        ("GET", "/notes/7", &ann.token, 200),
        ("GET", "/notes/7", &bob.token, 403),
        ("GET", "/notes/7", "", 401),
        ("GET", "/elsewhere", &ann.token, 403),
        ("GET", "/open%2Fa", "", 400),
        ("GET", "/.portcullis/login", "", 404),
        ("GET", "/%2eportcullis/x", &ann.token, 404),
        ("POST", "/api/users/login", "", 200),
        ("GET", "/api/users/1", &bob.token, 403),
        ("PATCH", "/api/users/1", &ann.token, 200),
    ] {
        let lines = if token.is_empty() { String::new() } else { format!("Authorization: {token}\r\n") };
        for style in STYLES {
            let answer = style.ask(&mut proxy, method, target, &lines);
            let shown = format!("{style:?} {method} {target} {token}: {}", answer.head);
            assert_eq!(answer.status, style.status(status), "{shown}");
            assert_eq!(answer.field("x-portcullis-error").is_some(), status >= 400, "{shown}");
            assert_eq!(answer.field("www-authenticate").is_some(), answer.status == 401, "{shown}");
        }
        if target.starts_with("/api") || target.contains("portcullis") {
            continue;
        }
        let own = gate.client().ask(method, target, &lines, b"");
        assert_eq!(own.status, status, "the gate itself: {method} {target}");
    }
    let of_proxies =
        app.requests().into_iter().filter(|request| request.field("x-portcullis-lookup").is_none());
    assert_eq!(of_proxies.count(), 6, "only the gate's own clients reach the app");
}

#[test]
fn a_credential_counts_wherever_the_gate_looks_for_it() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    let token = &ann.token;
    let in_query = format!("/mine?a=b&access_token={token}");
    for style in STYLES {
        for lines in [
            format!("Authorization: {token}\r\n"),
            format!("Authorization: Bearer {token}\r\n"),
            format!("X-Access-Token: {token}\r\n"),
            format!("Cookie: other=1; __Host-portcullis={token}\r\n"),
        ] {
            let answer = style.ask(&mut proxy, "GET", "/mine", &lines).expect(200);
            assert_eq!(answer.field("x-forwarded-user"), Some("1"), "{style:?} {lines}");
        }
        style.ask(&mut proxy, "GET", &in_query, "").expect(200);
    }
}

fn identity(answer: &Response) -> [Option<&str>; 4] {
    IDENTITY.map(|name| answer.field(name))
}

#[test]
fn a_permission_has_every_identity_field_and_an_empty_one_replaces_the_clients_own() {
    let app = app();
    let gate = Gate::start(setup(&app).set("identity.preset", "x-forwarded,remote,x-auth-request"));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    let spoofed = "X-Forwarded-User: 99\r\nRemote-User: 99\r\nX-Auth-Request-Groups: staff\r\nX-Forwarded-Groups: staff\r\n";
    for style in STYLES {
        let anonymous = style.ask(&mut proxy, "GET", "/open", spoofed).expect(200);
        let fields = anonymous.head.lines().filter(|line| line.ends_with(": "));
        let names: Vec<&str> = fields.filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(names.len(), 12, "{}", anonymous.head);
        assert!(anonymous.body.is_empty() && anonymous.field("x-request-id").is_some(), "{}", anonymous.head);
        let lines = format!("{spoofed}Authorization: {}\r\n", ann.token);
        let known = style.ask(&mut proxy, "GET", "/open", &lines).expect(200);
        assert_eq!(identity(&known), [Some("1"), Some("ann"), Some(""), Some("")], "{}", known.head);
        assert_eq!([known.field("remote-user"), known.field("remote-groups")], [Some("1"), Some("")]);
        style.ask(&mut proxy, "GET", "/staff", &lines).expect(403);
    }
}

#[test]
fn the_app_is_found_by_the_described_host_and_path() {
    let apps = [app(), app()];
    let table = |name: &str, hosts: &str, path: &str, app: &App, role: &str| {
        let file = json!({"name": name, "routes": [{"path": "/{*rest}"}], "acls": only(role)});
        let table = format!(
            "\n[[apps]]\nname = \"{name}\"\nhosts = [{hosts}]\npath = \"{path}\"\n\
             upstream = {{ servers = [\"{}\"] }}\npolicies = {{ dir = \"policies/{name}\" }}\n",
            app.url()
        );
        (table, file.to_string())
    };
    let (shop, shop_file) = table("shop", "\"shop.test\"", "/", &apps[0], "$authenticated");
    let (rest, rest_file) = table("rest", "", "/", &apps[1], "$everyone");
    let setup = setup(&apps[0]).tables(&[shop, rest].concat());
    let gate = Gate::start(setup.policy("shop/a.json", &shop_file).policy("rest/a.json", &rest_file));
    let mut proxy = proxy(&gate);
    let mut judged = |style: Style, from: &str, to: &str| {
        proxy.send(style.bytes("GET", "/a", "").replace(from, to));
        proxy.response().status
    };
    for style in STYLES {
        assert_eq!(judged(style, "shop.test", "shop.test"), 401, "{style:?}");
        assert_eq!(judged(style, "shop.test", "SHOP.test:8443"), 401, "{style:?}");
        assert_eq!(judged(style, "shop.test", "other.test"), 200, "{style:?}");
        // A client's own field names another app, and its proxy does not set it.
        let status = judged(style, "\r\n\r\n", "\r\nX-Forwarded-Host: other.test\r\n\r\n");
        assert_eq!(status, if style == Style::Traefik { 400 } else { 401 }, "{style:?}");
    }
    let url = "GET / HTTP/1.1\r\nHost: other.test\r\nX-Original-Method: GET\r\nX-Original-URL: https://shop.test/a\r\n\r\n";
    proxy.send(url);
    proxy.response().expect(401);
}

#[test]
fn the_client_is_the_one_that_the_proxies_name() {
    let app = app();
    let gate = Gate::start(setup(&app).set("server.trusted_proxies", "10.0.0.0/8"));
    let mut proxy = proxy(&gate);
    let lines = "X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.1.2.3, 127.0.0.1\r\nX-Request-Id: trace-7\r\n";
    let answer = Style::Envoy.ask(&mut proxy, "GET", "/open/x", lines).expect(200);
    assert_eq!(answer.field("x-request-id"), Some("trace-7"));
    let line = gate.log.access("/open/x");
    assert_eq!(
        [&line["client"], &line["request_id"], &line["listener"], &line["decision"], &line["upstream"]],
        [&json!("192.0.2.7"), &json!("trace-7"), &json!("forward-auth"), &json!("allow"), &json!(null)]
    );
    gate.client().get("/open/y").expect(200);
    assert!(gate.log.access("/open/y").get("listener").is_none());
    gate.wait_for_metric("portcullis_requests_total{route=\"Open /open/{*rest}\",status=\"200\"} 2");
}

#[test]
fn a_websocket_by_cookie_is_judged_by_where_it_comes_from() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    // As proxies describe it, which drop the fields of their own connection.
    let socket = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cookie = format!("{socket}Cookie: __Host-portcullis={}\r\n", ann.token);
    for style in STYLES {
        for (lines, status) in [
            (format!("{cookie}Origin: https://shop.test\r\nX-Forwarded-Proto: wss\r\n"), 200),
            (format!("{cookie}Origin: http://shop.test\r\nX-Forwarded-Proto: ws\r\n"), 200),
            (format!("{cookie}Origin: https://evil.test\r\nX-Forwarded-Proto: wss\r\n"), 403),
            (format!("{cookie}Origin: https://evil.test\r\n"), 403),
            (cookie.clone(), 403),
            (format!("{socket}Origin: https://evil.test\r\nAuthorization: {}\r\n", ann.token), 200),
        ] {
            let answer = style.ask(&mut proxy, "GET", "/mine", &lines).expect(status);
            let code = answer.field("x-portcullis-error");
            assert_eq!(code, (status == 403).then_some("CROSS_SITE"), "{style:?} {lines}");
        }
        let upgrade = format!("{cookie}Connection: Upgrade\r\nUpgrade: websocket\r\n");
        style.ask(&mut proxy, "GET", "/mine", &upgrade).expect(403);
    }
}

#[test]
fn what_a_request_asks_for_besides_is_judged_too() {
    let app = app();
    let gate = Gate::start(setup(&app).set("upstream.method_override", "judge"));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    let token = format!("Authorization: {}\r\n", ann.token);
    for style in STYLES {
        let to = |target: &str| format!("{token}Destination: http://shop.test{target}\r\n");
        style.ask(&mut proxy, "MOVE", "/mine/a", &to("/mine/b")).expect(200);
        style.ask(&mut proxy, "MOVE", "/mine/a", &to("/staff/b")).expect(403);
        style.ask(&mut proxy, "MOVE", "/mine/a", &to("/mine/../staff")).expect(style.status(400));
        style.ask(&mut proxy, "POST", "/mine/a?_method=DELETE", &token).expect(200);
        let copy = format!("{token}X-Amz-Copy-Source: /staff/a\r\n");
        style.ask(&mut proxy, "PUT", "/mine/a", &copy).expect(style.status(400));
    }
}

#[test]
fn a_request_is_refused_while_the_app_does_not_tell_an_owner() {
    let app = App::answering(|_| answer("500 Internal Server Error", "", ""));
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    for style in STYLES {
        let token = format!("Authorization: {}\r\n", ann.token);
        let answer = style.ask(&mut proxy, "GET", "/notes/7", &token).expect(style.status(503));
        assert_eq!(answer.field("x-portcullis-error"), Some("OWNER_UNAVAILABLE"));
        assert_eq!(answer.field("x-portcullis-status"), (style == Style::Nginx).then_some("503"));
    }
}

#[test]
fn the_next_request_of_a_connection_may_be_another_callers() {
    let app = app();
    let gate = Gate::start(setup(&app).with_manual_clock());
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut proxy = proxy(&gate);
    for round in 0..100 {
        let style = STYLES[round % 3];
        let (lines, user) = match round % 4 {
            0 => (format!("Authorization: {}\r\n", ann.token), "1"),
            1 => (String::new(), ""),
            2 => (format!("Authorization: {}\r\n", bob.token), "2"),
            _ => (format!("Cookie: __Host-portcullis={}\r\n", ann.token), "1"),
        };
        let answer = style.ask(&mut proxy, "GET", "/open", &lines).expect(200);
        assert_eq!(answer.field("x-forwarded-user"), Some(user), "{round}");
        assert_eq!(answer.field("connection"), None, "{round}: one connection for all");
    }
    gate.advance(Duration::from_secs(15 * 86_400));
    let late = format!("Authorization: {}\r\n", ann.token);
    let answer = Style::Traefik.ask(&mut proxy, "GET", "/mine", &late).expect(401);
    assert_eq!(answer.field("x-portcullis-error"), Some("INVALID_TOKEN"));
}
