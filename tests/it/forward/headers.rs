//! The heads that go to the app.

use portcullis::accounts::Actor;
use serde_json::json;

use crate::support::{App, Gate, Setup};

#[test]
fn the_app_sees_these_bytes() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(
        "GET /orders/7?x=1&access_token=secret&y=%20&x=%3C HTTP/1.1\r\nHost: shop.test:8080\r\nX-Own: a  b\r\n\
         Accept: */*\r\nX-Own: c\r\nX-Empty:\r\n\r\n",
    );
    client.response().expect(200);
    let request = app.only_request();
    let id = request.field("x-request-id").unwrap();
    assert_eq!(id.len(), 32, "{id}");
    let via = request.field("x-portcullis-via").unwrap();
    assert_eq!(
        request.head,
        format!(
            "GET /orders/7?x=1&y=%20&x=%3C HTTP/1.1\r\nHost: shop.test:8080\r\nX-Own: a  b\r\nAccept: */*\r\n\
             X-Own: c\r\nX-Empty: \r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\
             X-Forwarded-Host: shop.test:8080\r\nX-Request-Id: {id}\r\nX-Portcullis-Via: {via}\r\n"
        )
    );
}

#[test]
fn the_target_goes_on_byte_for_byte() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for target in [
        "/",
        "/a%20b/%C3%A4/~x;y=1",
        "/a/",
        "/?",
        "/a?filter={\"where\":{\"x\":\"<>\"}}",
        "/a?x=%2f..%2F&a=b+c",
        "/A/b%41",
    ] {
        assert_eq!(client.get(target).expect(200).json()["target"], target);
    }
}

#[test]
fn tokens_in_the_query_stay_here() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for (asked, seen) in [
        ("/a?access_token=t", "/a"),
        ("/a?access_token=t&b=1", "/a?b=1"),
        ("/a?b=1&access_token=t", "/a?b=1"),
        ("/a?%61ccess_token=t&b", "/a?b"),
        ("/a?x_access_token=1", "/a?x_access_token=1"),
    ] {
        assert_eq!(client.get(asked).expect(200).json()["target"], seen, "{asked}");
    }
}

#[test]
fn what_a_client_says_of_itself_does_not_reach_the_app() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let lines = "X-Forwarded-User: 1\r\nx-forwarded-for: 6.6.6.6\r\nX-FORWARDED-GROUPS: admin\r\n\
                 Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: mine\r\nRemote-User: root\r\n\
                 X-Auth-Request-User: root\r\nX-Portcullis-Lookup: owner\r\nX-Original-URL: /admin\r\n\
                 X-Rewrite-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\nTrue-Client-IP: 6.6.6.6\r\n\
                 X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\n";
    gate.client().ask("GET", "/a", lines, b"").expect(200);
    let request = app.only_request();
    for word in ["6.6.6.6", "root", "admin", "owner", "mine", "evil", "https", "DELETE", "X-Forwarded-User"] {
        assert!(!request.head.contains(word), "{word}: {}", request.head);
    }
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn reserved_names_in_disguise_are_refused() {
    let app = App::echo();
    let gate = Gate::open(&app);
    for (lines, check) in [
        ("X_Forwarded_User: 1\r\n", "folded-header-name"),
        ("X-Forwarded_For: 1\r\n", "folded-header-name"),
        ("X.Real.IP: 1\r\n", "folded-header-name"),
        ("Connection: close, X-Forwarded-User\r\n", "connection-names-reserved"),
        ("Connection: authorization\r\n", "connection-names-reserved"),
    ] {
        let told = gate.client().ask("GET", "/a", lines, b"").expect(400).json();
        assert!(told["error"]["message"].as_str().unwrap().contains(check), "{told}");
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn fields_of_one_hop_stay_on_their_hop() {
    let app = App::answering(|_| {
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\n\
          Proxy-Authenticate: Basic\r\nX-Yours: 2\r\nContent-Length: 0\r\n\r\n"
            .to_vec()
    });
    let gate = Gate::open(&app);
    let lines = "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nTE: gzip\r\n\
                 Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nX-End: 2\r\n";
    let response = gate.client().ask("GET", "/a", lines, b"").expect(200);
    let head = app.only_request().head;
    assert!(head.contains("X-End: 2\r\n"), "{head}");
    for name in ["X-Hop", "Keep-Alive", "TE:", "Proxy-", "Connection"] {
        assert!(!head.contains(name), "{name}: {head}");
    }
    assert_eq!(response.head, "HTTP/1.1 200 OK\r\nX-Yours: 2\r\nContent-Length: 0\r\n");
}

#[test]
fn the_app_learns_who_asks_and_gets_no_credential() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("identity.preset", "x-forwarded,remote"));
    let ann = gate.sign_up("ann");
    gate.run(gate.parts().accounts().confirm_email(Actor::Operator, &ann.id.into())).unwrap();
    let token = &ann.token;
    let mut client = gate.client();
    let places = [
        (format!("Authorization: {token}\r\n"), "/a".to_owned()),
        (format!("Authorization: Bearer {token}\r\nCookie: theme=dark; lang=en\r\n"), "/a".to_owned()),
        (format!("X-Access-Token: {token}\r\n"), "/a".to_owned()),
        (String::new(), format!("/a?access_token={token}")),
        (format!("Cookie: lang=en; __Host-portcullis={token}; theme=dark\r\n"), "/a".to_owned()),
    ];
    for (lines, target) in places {
        let response = client.ask("GET", &target, &lines, b"").expect(200);
        assert!(!response.text().contains(token.as_str()), "{lines}{target}: {}", response.text());
        let told = response.json();
        let headers: Vec<_> = told["headers"].as_array().unwrap().clone();
        assert!(headers.contains(&json!(["X-Forwarded-User", ann.id.to_string()])), "{told}");
        assert!(headers.contains(&json!(["X-Forwarded-Preferred-Username", "ann"])), "{told}");
        assert!(headers.contains(&json!(["Remote-Email", "ann@example.com"])), "{told}");
        if lines.contains("theme") {
            let cookie = headers.iter().find(|pair| pair[0] == "Cookie").unwrap();
            assert!(!cookie.to_string().contains("portcullis"), "{told}");
            assert!(cookie.to_string().contains("theme=dark"), "{told}");
        }
    }
}

#[test]
fn an_anonymous_request_carries_no_identity() {
    let app = App::echo();
    let gate = Gate::open(&app);
    gate.client().ask("GET", "/a", "Authorization: no-such-token\r\n", b"").expect(200);
    let head = app.only_request().head;
    assert!(!head.contains("X-Forwarded-User") && !head.contains("uthorization"), "{head}");
}

#[test]
fn the_credential_goes_on_where_the_setting_says_so() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("identity.forward_credentials", "true"));
    gate.client().ask("GET", "/a", "Authorization: opaque\r\n", b"").expect(200);
    assert_eq!(app.only_request().field("authorization"), Some("opaque"));
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("server.trusted_proxies", "127.0.0.0/8"));
    let lines = "X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\
                 X-Forwarded-Host: shop.test\r\nX-Request-Id: trace-7\r\nX-Forwarded-User: 1\r\n";
    gate.client().ask("GET", "/a", lines, b"").expect(200);
    let request = app.only_request();
    assert_eq!(request.field("x-forwarded-for"), Some("6.6.6.6, 1.2.3.4, 127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("shop.test"));
    assert_eq!(request.field("x-request-id"), Some("trace-7"));
    assert_eq!(request.field("x-forwarded-user"), None, "{}", request.head);
    assert_eq!(gate.log.access("/a")["client"], "1.2.3.4");
}
