//! The configurations of `deploy/forward-auth`, run by the real proxies between a client and the tests' app.

mod start;

use serde_json::{Value, json};

use super::{IDENTITY, NAVIGATES, setup};
use crate::support::{App, Client, Connection, Gate, Response, SignedUp, answer, echo};
use start::Proxy;

/// A gate, an app that it guards for a proxy, and two users.
struct House {
    app: App,
    gate: Gate,
    proxy: Proxy,
    ann: SignedUp,
    bob: SignedUp,
}

const SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Echoes requests and WebSockets, and says that notes belong to user 1.
fn serve(connection: &mut Connection) {
    while let Some(request) = connection.request() {
        if request.field("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
            connection.send(SWITCH);
            loop {
                let piece = connection.piece();
                if piece.is_empty() || !connection.send(piece) {
                    return;
                }
            }
        }
        let is_look_up = request.field("x-portcullis-lookup").is_some();
        let told = if is_look_up { answer("200 OK", "", "{\"ownerId\": 1}") } else { echo(&request) };
        if !connection.send(told) {
            return;
        }
    }
}

impl House {
    /// `None` = the proxy is not on this machine.
    fn behind(name: &'static str) -> Option<Self> {
        if !start::is_there(name) {
            return None;
        }
        let app = App::start(serve);
        let setup = setup(&app).set("server.trusted_proxies", "127.0.0.1");
        let gate = Gate::start(setup.set("server.public_url", "https://gate.test"));
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let proxy = Proxy::start(name, &app, &gate);
        Some(Self { app, gate, proxy, ann, bob })
    }

    /// A request through the proxy, on a connection of its own.
    fn ask(&self, method: &str, target: &str, lines: &str) -> Response {
        self.client().ask(method, target, lines, b"")
    }

    fn client(&self) -> Client {
        Client::tcp(self.proxy.address)
    }

    fn all(&self) {
        self.decisions();
        self.identities();
        self.logins();
        self.foreign_descriptions();
        self.paths();
        self.bodies();
        self.websockets();
        self.connections();
    }

    fn decisions(&self) {
        for (method, target, token, status, code) in [
            ("GET", "/open/a?b=%20c", "", 200, None),
            ("GET", "/mine", "", 401, Some("AUTHORIZATION_REQUIRED")),
            ("DELETE", "/mine/1", &*self.ann.token, 200, None),
            ("GET", "/staff", &self.ann.token, 403, Some("ACCESS_DENIED")),
            ("GET", "/notes/7", &self.ann.token, 200, None),
            ("GET", "/notes/7", &self.bob.token, 403, Some("ACCESS_DENIED")),
            ("GET", "/elsewhere", &self.ann.token, 403, Some("ACCESS_DENIED")),
        ] {
            let lines = if token.is_empty() { String::new() } else { format!("Authorization: {token}\r\n") };
            let answer = self.ask(method, target, &lines).expect(status);
            assert_eq!(answer.field("x-portcullis-error"), code, "{target}: {}", answer.head);
            assert_eq!(
                answer.field("www-authenticate"),
                (status == 401).then_some("Bearer"),
                "{}",
                answer.head
            );
            if status == 200 {
                let seen = answer.json();
                assert_eq!([&seen["method"], &seen["target"]], [method, target], "{seen}");
            }
        }
        let line = self.gate.log.access("/elsewhere");
        assert_eq!(line["listener"], "forward-auth");
        // Envoy adds the address of its machine, which no test can know, and which is trusted where that matters.
        if self.proxy.name != "envoy" {
            assert_eq!(line["client"], "127.0.0.1");
        }
    }

    fn identities(&self) {
        let names = [&IDENTITY[..], &["remote-user", "remote-groups", "x-auth-request-user"]].concat();
        let spoofed: String = names.iter().map(|name| format!("{name}: spoofed\r\n")).collect();
        for (lines, user, name) in [
            (spoofed.clone(), None, None),
            (format!("{spoofed}Authorization: {}\r\n", self.ann.token), Some("1"), Some("ann")),
        ] {
            let seen = self.ask("GET", "/open", &lines).expect(200).json();
            assert!(!seen.to_string().contains("spoofed"), "{seen}");
            assert_eq!([told(&seen, IDENTITY[0]), told(&seen, IDENTITY[1])], [user, name], "{seen}");
            assert_eq!([told(&seen, IDENTITY[2]), told(&seen, IDENTITY[3])], [None, None], "{seen}");
        }
        // WSGI and CGI read `_` as `-`.
        let answer = self.ask("GET", "/open", "X_Forwarded_User: spoofed\r\nREMOTE_USER: spoofed\r\n");
        assert!(answer.status != 200 || !answer.text().contains("spoofed"), "{}", answer.text());
        let twice =
            "X-Forwarded-User: spoofed\r\nX-Forwarded-User: spoofed\r\nConnection: X-Forwarded-User\r\n";
        let answer = self.ask("GET", "/open", twice);
        assert!(answer.status != 200 || !answer.text().contains("spoofed"), "{}", answer.text());
    }

    fn logins(&self) {
        let login = json!({"email": "ann@example.com", "password": "a-good-password"});
        for target in ["/api/users/login", "/API/Users/login"] {
            let token = self.client().post_json(target, "", &login).expect(200).json();
            let lines = format!("X-Access-Token: {}\r\n", token["id"].as_str().unwrap());
            self.ask("GET", "/mine", &lines).expect(200);
        }
        let sent = self.ask("GET", "/mine?a=b", NAVIGATES).expect(303);
        let login = "https://gate.test/.portcullis/login?to=/mine%3Fa%3Db";
        assert_eq!(sent.field("location"), Some(login), "{}", sent.head);
        let page = self.ask("GET", "/.portcullis/login?to=/mine", NAVIGATES).expect(200);
        assert!(page.text().contains("<form"), "{}", page.text());
    }

    /// A client cannot have another request judged than the one that the app gets.
    fn foreign_descriptions(&self) {
        for lines in [
            "X-Original-Method: GET\r\nX-Original-URI: /open\r\n",
            "X-Original-URL: http://gate.test/open\r\n",
            "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /open\r\n",
            "X-Forwarded-Uri: /open\r\n",
            "X-Forwarded-Host: other.test\r\nX-Forwarded-Prefix: /open\r\n",
            "X-Rewrite-URL: /open\r\n",
        ] {
            let answer = self.ask("GET", "/mine", lines);
            assert!(matches!(answer.status, 400..=403 | 500), "{lines}: {}", answer.head);
        }
        for target in ["/ext_authz/open", "/_judge", "/_judge?x"] {
            let answer = self.ask("GET", target, "X-Original-Method: GET\r\nX-Original-URI: /open\r\n");
            assert_ne!(answer.status, 200, "{target}: {}", answer.head);
        }
    }

    fn paths(&self) {
        for target in [
            "/open/../staff",
            "/open/%2e%2e/staff",
            "/open/.%2E/staff",
            "/open/..;/staff",
            "/open/..%2fstaff",
            "/open/%2e%2e%2fstaff",
            "/open/%252e%252e/staff",
            "/open%00/../staff",
            "/open\\..\\staff",
            "//staff",
            "/open/%zz/../staff",
            "/STAFF",
            "/.portcullis/../staff",
            "/api/users/../../staff",
            "/%2eportcullis/../staff",
        ] {
            let before = self.app.requests().len();
            let answer = self.ask("GET", target, &format!("Authorization: {}\r\n", self.ann.token));
            assert_ne!(answer.status, 200, "{target}: {}", answer.text());
            assert_eq!(self.app.requests().len(), before, "{target} reached the app");
        }
    }

    fn bodies(&self) {
        let body = b"a body that the app gets, and the gate does not";
        let seen = self.client().ask("POST", "/open", "", body).expect(200).json();
        assert_eq!(seen["body"], String::from_utf8_lossy(body).as_ref());
        let mut client = self.client();
        client.send("POST /open HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(client.response().expect(200).json()["body"], "hello");
        // The refusal does not wait for the rest of a body that never comes. Caddy and Traefik wait for a shorter one
        // themselves, after the answer of the gate.
        let mut client = self.client();
        client.send("POST /mine HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 900000\r\n\r\nslow");
        client.response().expect(401);
    }

    fn websockets(&self) {
        let cookie = format!("Cookie: __Host-portcullis={}\r\n", self.ann.token);
        for (lines, status) in [
            (String::new(), 401),
            (format!("{cookie}Origin: http://evil.test\r\n"), 403),
            (format!("{cookie}Origin: http://gate.test\r\n"), 101),
            (format!("Authorization: {}\r\n", self.ann.token), 101),
        ] {
            let mut client = self.client();
            client.send(format!("GET /mine/socket HTTP/1.1\r\nHost: gate.test\r\n{SOCKET}{lines}\r\n"));
            let answer = client.response();
            assert_eq!(answer.status, status, "{lines}: {}", answer.head);
            if status == 101 {
                client.send("\u{1}frame");
                assert_eq!(client.take(6), b"\x01frame");
            }
        }
    }

    fn connections(&self) {
        let mut client = self.client();
        for round in 0..100 {
            let (lines, status) = match round % 3 {
                0 => (format!("Authorization: {}\r\n", self.ann.token), 200),
                1 => (format!("Authorization: {}\r\n", self.bob.token), 200),
                _ => (String::new(), 401),
            };
            let answer = client.ask("GET", "/mine", &lines, b"").expect(status);
            let user = [Some("1"), Some("2"), None][round % 3];
            assert_eq!(user.is_some(), status == 200);
            if status == 200 {
                assert_eq!(told(&answer.json(), IDENTITY[0]), user);
            }
            if answer.field("connection").is_some_and(|option| option.eq_ignore_ascii_case("close")) {
                client = self.client();
            }
        }
    }
}

/// What the app was told in this field; an empty one tells nothing.
fn told<'s>(seen: &'s Value, name: &str) -> Option<&'s str> {
    let pairs = seen["headers"].as_array().unwrap();
    let pair = pairs.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    pair.and_then(|pair| pair[1].as_str()).filter(|value| !value.is_empty())
}

macro_rules! guards {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            if let Some(house) = House::behind(stringify!($name)) {
                house.all();
            }
        }
    )*};
}

guards!(nginx traefik caddy envoy haproxy);
