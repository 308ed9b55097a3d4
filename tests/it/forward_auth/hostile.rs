//! What proxies, their clients and peers send that is not as it should be.

use std::net::IpAddr;

use serde_json::json;

use super::{STYLES, Style, app, proxy, setup};
use crate::support::{Client, Gate};

#[test]
fn an_untrusted_peer_is_told_so_and_nothing_is_judged() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let from: IpAddr = "127.0.0.2".parse().unwrap();
    for style in STYLES {
        for lines in
            [String::new(), format!("Authorization: {}\r\nX-Forwarded-For: 127.0.0.1\r\n", ann.token)]
        {
            let mut peer = Client::tcp_from(from, gate.judge_address());
            peer.send(style.bytes("GET", "/mine", &lines));
            let answer = peer.response().expect(403);
            assert!(answer.text().contains("`forward_auth.trusted`"), "{}", answer.text());
            assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(answer.field("x-forwarded-user"), None);
            peer.expect_close();
        }
    }
    let line = gate.log.wait_for(|line| line["rule"] == "untrusted-peer");
    assert_eq!(
        [&line["client"], &line["status"], &line["decision"]],
        [&json!("127.0.0.2"), &json!(403), &json!("none")]
    );
}

#[test]
fn a_path_that_servers_read_differently_is_refused() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    let token = format!("Authorization: {}\r\n", ann.token);
    for target in [
        "/open/../staff",
        "/open/%2e%2e/staff",
        "/open/.%2E/staff",
        "/open/..;/staff",
        "/open/..%2fstaff",
        "/open/%2e%2e%2fstaff",
        "/open/%252e%252e/staff",
        "/open%00",
        "/open\\..\\staff",
        "//open",
        "/open/%zz",
    ] {
        for style in [Style::Nginx, Style::Traefik] {
            let answer = style.ask(&mut proxy, "GET", target, &token).expect(style.status(400));
            assert_eq!(answer.field("x-portcullis-error"), Some("BAD_REQUEST"), "{style:?} {target}");
        }
        // Its own line is read by the same checks, and a malformed one ends the connection.
        let mut envoy = Client::tcp(gate.judge_address());
        Style::Envoy.ask(&mut envoy, "GET", target, &token).expect(400);
    }
    for target in ["/open/\u{e9}", "/open /a", "/open\tb", "/open HTTP/1.1"] {
        for style in [Style::Nginx, Style::Traefik] {
            style.ask(&mut proxy, "GET", target, &token).expect(style.status(400));
        }
    }
    Style::Nginx.ask(&mut proxy, "GET", "/open/a;b", &token).expect(200);
}

#[test]
fn a_description_that_is_none_names_the_setting_of_the_proxy() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let mut proxy = proxy(&gate);
    for (fields, named) in [
        ("", "proxy_set_header X-Original-URI $request_uri;"),
        ("X-Original-URI: /open\r\n", "proxy_set_header X-Original-Method $request_method;"),
        ("X-Original-Method: GET\r\n", "proxy_set_header X-Original-URI $request_uri;"),
        ("X-Forwarded-Method: GET\r\n", "`X-Forwarded-Uri` is missing"),
        ("X-Forwarded-Uri: /open\r\n", "`X-Forwarded-Method` is missing"),
        (
            "X-Original-Method: GET\r\nX-Original-URI: /open\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /mine\r\n",
            "described twice",
        ),
    ] {
        let answer = proxy.ask("GET", "/", fields, b"").expect(400);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{fields}: {message}");
    }
    assert_eq!(gate.log.wait_for(|line| line["rule"] == "forward-auth")["status"], 400);
}

#[test]
fn a_body_that_is_announced_is_not_waited_for() {
    let app = app();
    let gate = Gate::start(setup(&app));
    for style in STYLES {
        for framing in [
            "Content-Length: 5\r\n",
            "Content-Length: 99999999999\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nExpect: 100-continue\r\n",
        ] {
            let mut proxy = proxy(&gate);
            // What follows may be the body, and may be a request that the client has hidden in it.
            proxy.send(style.bytes("POST", "/open", framing) + &style.bytes("GET", "/mine", ""));
            let answer = proxy.response().expect(200);
            assert_eq!(answer.field("connection"), Some("close"), "{style:?} {framing}");
            proxy.expect_close();
        }
        let mut proxy = proxy(&gate);
        for _ in 0..2 {
            let answer = style.ask(&mut proxy, "POST", "/open", "Content-Length: 0\r\n").expect(200);
            assert_eq!(answer.field("connection"), None, "{style:?}");
        }
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        style.ask(&mut proxy, "POST", "/open", both).expect(400);
    }
}

#[test]
fn a_name_that_the_app_would_read_as_another_is_refused() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let mut proxy = proxy(&gate);
    for style in STYLES {
        for line in ["X_Forwarded_User: 1\r\n", "Remote_User: 1\r\n", "X-Forwarded_Groups: staff\r\n"] {
            style.ask(&mut proxy, "GET", "/open", line).expect(style.status(400));
        }
        let twice = "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n";
        style.ask(&mut proxy, "GET", "/open", twice).expect(style.status(400));
    }
}

#[test]
fn the_listener_serves_nothing_else_and_the_others_judge_nothing() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let mut proxy = proxy(&gate);
    for target in ["/open", "/metrics", "/healthz", "/.portcullis/login", "/api/users/login"] {
        proxy.get(target).expect(400);
    }
    // Fields of a description mean nothing on the listener for clients.
    let lines = "X-Original-Method: GET\r\nX-Original-URI: /open\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /open\r\n";
    gate.client().ask("GET", "/mine", lines, b"").expect(401);
    gate.client().ask("GET", "/ext_authz/open", lines, b"").expect(401);
    assert!(app.requests().is_empty());
}
