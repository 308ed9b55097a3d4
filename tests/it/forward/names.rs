//! Which names of fields reach the app, and what a trusted proxy may say.

use crate::support::{App, Gate, Setup};

/// The message of the 400 that these lines are refused with.
fn refused(gate: &Gate, lines: &str) -> String {
    let told = gate.client().ask("GET", "/a", lines, b"").expect(400).json();
    told["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn b2_variables_of_the_apps_server_are_refused() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("upstream.underscore_headers", "my_own"));
    for name in [
        "SCRIPT_NAME",
        "script_name",
        "PATH_INFO",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "HTTP_X",
        "Content_Length",
        "wsgi.input",
    ] {
        let message = refused(&gate, &format!("{name}: /public\r\n"));
        assert!(message.contains("folded-header-name"), "{name}: {message}");
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn b2_no_name_with_an_underscore_goes_on_unless_it_is_listed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("upstream.underscore_headers", "session_id,X_Own"));
    let lines = "session_id: mine\r\nx_own: mine\r\nother_id: evil\r\nX_Other: evil\r\nx-own: mine\r\n";
    gate.client().ask("GET", "/a", lines, b"").expect(200);
    let head = app.only_request().head;
    assert!(!head.contains("evil"), "{head}");
    assert_eq!(head.matches("mine").count(), 3, "{head}");
}

#[test]
fn b2_names_that_move_the_path_stay_here() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let names = "X-Script-Name X-Forwarded-Prefix X-Original-Path X-Original-URL X-Rewrite-URL X-Forwarded-Path \
        X-Forwarded-Uri X-Forwarded-Context X-Ingress-Path X-External-Path X-Envoy-Original-Path X-Base-Path \
        X-Script-Path X-Request-Uri X-Traefik-Path X-Waws-Unencoded-Url X-Appengine-Path Script-Name Path-Info";
    let lines: String = names.split_whitespace().map(|name| format!("{name}: /evil\r\n")).collect();
    gate.client().ask("GET", "/a", &lines, b"").expect(200);
    let head = app.only_request().head;
    assert!(!head.contains("evil"), "{head}");
}

#[test]
fn b10_identities_of_other_gateways_stay_here() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("identity.reserved", "X-Shop-Clerk"));
    let names = "X-Consumer-Username Tailscale-User-Login X-WEBAUTH-ROLE Impersonate-User X-SSL-Client-DN \
        X-Sendfile-Type X-MS-Client-Principal-Name iv-user X-Client-Cert SM-USER OIDC-CLAIM-email X-Shop-Clerk \
        x-shop-CLERK X-Proxy-Roles Client-Cert Remote-Addr";
    let lines: String = names.split_whitespace().map(|name| format!("{name}: evil\r\n")).collect();
    let ordinary = "X-Requested-With: mine\r\nX-API-Key: mine\r\nX-Vault-Token: mine\r\ntraceparent: mine\r\n\
                    X-Amz-Date: mine\r\nX-Goog-Api-Key: mine\r\nSec-Fetch-Mode: mine\r\nX-Shop-Clerks: mine\r\n";
    gate.client().ask("GET", "/a", &format!("{lines}{ordinary}"), b"").expect(200);
    let head = app.only_request().head;
    assert!(!head.contains("evil"), "{head}");
    assert_eq!(head.matches("mine").count(), 8, "{head}");
    for name in ["X_Shop_Clerk", "SM_USER", "OIDC_CLAIM_email", "x.consumer.username"] {
        assert!(refused(&gate, &format!("{name}: evil\r\n")).contains("folded-header-name"), "{name}");
    }
    let nominated = refused(&gate, "Connection: X-Shop-Clerk\r\n");
    assert!(nominated.contains("connection-names-reserved"), "{nominated}");
}

/// Behind a proxy that is trusted, the app being the last hop.
fn behind_a_proxy(app: &App) -> Gate {
    Gate::start(Setup::new(app).set("server.trusted_proxies", "127.0.0.0/8,10.0.0.0/8"))
}

#[test]
fn b9_all_lines_are_one_list() {
    let app = App::echo();
    let gate = behind_a_proxy(&app);
    for (path, lines, client, chain) in [
        (
            "/1",
            "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 203.0.113.7\r\n",
            "203.0.113.7",
            "10.0.0.1, 203.0.113.7, ",
        ),
        (
            "/2",
            "x-forwarded-for: 6.6.6.6\r\nX-FORWARDED-FOR: 203.0.113.7, 10.1.1.1\r\n",
            "203.0.113.7",
            "6.6.6.6, 203.0.113.7, 10.1.1.1, ",
        ),
        ("/3", "X-Forwarded-For: 203.0.113.7:5678\r\n", "203.0.113.7", "203.0.113.7, "),
        (
            "/4",
            "X-Forwarded-For: [2001:db8::1]:443, 10.0.0.9:80\r\n",
            "2001:db8::1",
            "2001:db8::1, 10.0.0.9, ",
        ),
        ("/5", "X-Forwarded-For: 6.6.6.6, junk\r\n", "127.0.0.1", ""),
        ("/6", "X-Forwarded-For: 6.6.6.6, junk, 10.0.0.9\r\n", "10.0.0.9", "10.0.0.9, "),
    ] {
        gate.client().ask("GET", path, lines, b"").expect(200);
        let told = app.only_request_to(path);
        assert_eq!(told.field("x-forwarded-for"), Some(&*format!("{chain}127.0.0.1")), "{lines}");
        assert_eq!(gate.log.access(path)["client"], client, "{lines}");
    }
}

#[test]
fn b9_a_second_line_of_what_is_one_thing_is_refused() {
    let app = App::echo();
    let gate = behind_a_proxy(&app);
    for (name, one, two) in [
        ("X-Forwarded-Proto", "http", "https"),
        ("X-Forwarded-Host", "a.test", "b.test"),
        ("X-Request-Id", "one", "two"),
        ("X-Forwarded-Port", "80", "443"),
        ("X-Forwarded-Prefix", "/a", "/b"),
    ] {
        let message =
            refused(&gate, &format!("{name}: {one}\r\nAccept: */*\r\n{}: {two}\r\n", name.to_lowercase()));
        assert!(message.contains("repeated-header"), "{message}");
    }
    assert_eq!(app.connections(), 0);
    // A stranger is not believed, once or twice.
    let stranger = Gate::open(&app);
    let lines = "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n";
    stranger.client().ask("GET", "/a", lines, b"").expect(200);
}

#[test]
fn b9_a_proxy_that_says_its_scheme_in_another_word_is_understood() {
    let app = App::echo();
    let gate = behind_a_proxy(&app);
    for (lines, proto, handed_on) in [
        ("X-Forwarded-Ssl: on\r\n", "https", "x-forwarded-ssl"),
        ("X-Forwarded-Scheme: https\r\n", "https", "x-forwarded-scheme"),
        ("X-Forwarded-Ssl: off\r\n", "http", "x-forwarded-ssl"),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", "https", ""),
        ("X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https\r\n", "http", ""),
    ] {
        gate.client().ask("GET", "/a", lines, b"").expect(200);
        let request = app.requests().pop().unwrap();
        assert_eq!(request.field("x-forwarded-proto"), Some(proto), "{}", request.head);
        for name in ["x-forwarded-ssl", "x-forwarded-scheme"] {
            assert_eq!(request.field(name).is_some(), name == handed_on, "{lines}: {}", request.head);
        }
    }
}

#[test]
fn b9_a_host_of_a_trusted_proxy_is_looked_at_as_any_host() {
    let app = App::echo();
    let gate = behind_a_proxy(&app);
    for (host, told) in [
        ("shop.test:8443", "shop.test:8443"),
        ("[::1]:80", "[::1]:80"),
        ("a.test, b.test", "a.test"),
        ("..", "a"),
        ("[::1", "a"),
        ("a:b:c", "a"),
        ("a.test:99999", "a"),
        ("a.test:", "a"),
        ("user@a.test", "a"),
        ("", "a"),
    ] {
        gate.client().ask("GET", "/a", &format!("X-Forwarded-Host: {host}\r\n"), b"").expect(200);
        let request = app.requests().pop().unwrap();
        let own = request.field("host").unwrap();
        assert_eq!(request.field("x-forwarded-host"), Some(if told == "a" { own } else { told }), "{host}");
    }
}

#[test]
fn b9_what_a_trusted_proxy_says_goes_on() {
    let app = App::echo();
    let gate = behind_a_proxy(&app);
    let lines = "X-Forwarded-Proto: https, http\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-Prefix: /shop\r\n\
                 X-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https\r\nX-Forwarded-Path: /evil\r\nX-Script-Name: /evil\r\n";
    gate.client().ask("GET", "/a", lines, b"").expect(200);
    let request = app.only_request();
    for (name, value) in [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/shop"),
        ("x-forwarded-ssl", "on"),
        ("x-forwarded-scheme", "https"),
    ] {
        assert_eq!(request.field(name), Some(value), "{}", request.head);
    }
    assert!(!request.head.contains("evil"), "{}", request.head);
    let stranger = Gate::open(&app);
    stranger.client().ask("GET", "/b", lines, b"").expect(200);
    assert_eq!(app.only_request_to("/b").field("x-forwarded-prefix"), None);
}
