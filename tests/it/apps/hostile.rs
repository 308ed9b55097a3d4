//! Hosts and paths that are spelled to reach another app: the app that answers is that of what it was sent, or none is.

use super::{House, ask, policy, who, with};
use crate::support::{Authority, Gate, Http2, Request, http2::END_STREAM};

/// A house whose apps would all answer everything, so that only the way decides who does.
fn open_house() -> (House, Gate) {
    let house = House::new();
    let all = |name: &str| {
        let rule = r#"{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}"#;
        format!(
            r#"{{"name": "{name}", "routes": [{{"path": "/"}}, {{"path": "/{{*rest}}"}}], "acls": [{rule}]}}"#
        )
    };
    let setup = house.setup("");
    let setup = setup
        .policy("shop/order.json", &all("Order"))
        .policy("notes/note.json", &all("Note"))
        .policy("tools/tool.json", &all("Tool"))
        .policy("rest/page.json", &all("Page"));
    let gate = Gate::start(setup);
    (house, gate)
}

/// The app of a host and a path, as the simplest reader of the settings has it.
fn app_of(host: &str, path: &str) -> &'static str {
    let host = host.to_ascii_lowercase();
    let name = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or(&*host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_tools = path == "/tools" || path.starts_with("/tools/");
    match name {
        "shop.test" if is_tools => "tools",
        "shop.test" => "shop",
        "notes.test" => "notes",
        _ if name.strip_suffix(".notes.test").is_some_and(|label| !label.contains('.')) => "notes",
        _ => "rest",
    }
}

/// What each app has received since the last time, with its name.
struct Received<'h> {
    house: &'h House,
    known: [usize; 4],
}

impl<'h> Received<'h> {
    fn by(house: &'h House) -> Self {
        Self { house, known: [0; 4] }
    }

    fn take(&mut self) -> Vec<(&'static str, Request)> {
        let House { shop, notes, rest, tools } = self.house;
        let named = [("shop", shop), ("notes", notes), ("rest", rest), ("tools", tools)];
        let mut new = Vec::new();
        for ((name, app), known) in named.into_iter().zip(&mut self.known) {
            let requests = app.requests();
            new.extend(requests.iter().skip(*known).map(|request| (name, request.clone())));
            *known = requests.len();
        }
        new
    }
}

/// Sends a request, and sees that no app gets it, or the one that its own Host and path name. Returns that one's name.
fn sent(gate: &Gate, received: &mut Received<'_>, line: &str, fields: &str) -> Option<&'static str> {
    let mut client = gate.client();
    client.send(format!("{line}\r\n{fields}\r\n"));
    let response = client.response_to("GET");
    let new = received.take();
    let shown = format!("{line} {fields:?}: {}", response.status);
    let [(app, request)] = &*new else {
        assert!(new.is_empty() && response.status >= 400, "{shown}: {new:?}");
        return None;
    };
    let hosts: Vec<_> =
        request.head.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
    assert_eq!(hosts.len(), 1, "{shown}: {}", request.head);
    let host = request.field("host").unwrap();
    assert_eq!(*app, app_of(host, request.target().split('?').next().unwrap()), "{shown}: {}", request.head);
    assert_eq!(request.field("x-forwarded-host"), Some(host), "{shown}");
    assert_eq!(response.field("x-app"), Some(*app), "{shown}");
    Some(app)
}

#[test]
fn the_host_that_is_judged_is_the_one_that_is_forwarded() {
    let (house, gate) = open_house();
    let mut received = Received::by(&house);
    let mut of = |host: &str| sent(&gate, &mut received, "GET /x HTTP/1.1", &format!("Host: {host}\r\n"));
    for (host, app) in [
        ("shop.test", "shop"),
        ("sHOP.TEST.:65535", "shop"),
        ("NoTeS.tEsT", "notes"),
        // Names of IDNA are names like others.
        ("xn--shp-fka.test", "rest"),
        ("xn--nxasmq6b.notes.test", "notes"),
        ("127.0.0.1:80", "rest"),
        ("[::1]", "rest"),
        ("shop.test.notes.test.", "rest"),
    ] {
        assert_eq!(of(host), Some(app), "{host}");
    }
    // Whatever becomes of these, no app gets what is another's.
    for host in [
        "",
        " ",
        "notes.test, shop.test",
        "notes.test shop.test",
        "notes.test@shop.test",
        "shop.test/notes.test",
        "shop.test#notes.test",
        "shop.test?notes.test",
        "shop.test\\notes.test",
        "shop.test:80:80",
        "shop.test:x",
        "shop.test:",
        "shop.test..",
        ".shop.test",
        "..notes.test",
        "[shop.test]",
        "[::ffff:127.0.0.1]:1",
        "%73hop.test",
        "shop.test%2e",
        "shop%2etest",
        "shop.test\t",
        "shop.test;notes.test",
        "sh\u{f6}p.test",
        "\u{ff53}hop.test",
        "shop\u{3002}test",
        "shop\u{200b}.test",
        "*.notes.test",
        "0x7f.1",
        "2130706433",
    ] {
        of(host);
    }
}

#[test]
fn a_host_that_is_said_twice_or_in_the_target_is_one_or_none() {
    let (house, gate) = open_house();
    let mut received = Received::by(&house);
    let mut of =
        |target: &str, fields: &str| sent(&gate, &mut received, &format!("GET {target} HTTP/1.1"), fields);
    assert_eq!(of("/x", ""), None, "no host");
    assert_eq!(of("/x", "Host: shop.test\r\nHost: notes.test\r\n"), None);
    assert_eq!(of("/x", "Host: shop.test\r\nHost: shop.test\r\n"), None);
    assert_eq!(of("/x", "Host: shop.test\r\n notes.test\r\n"), None);
    assert_eq!(of("/x", "Host : notes.test\r\nHost: shop.test\r\n"), None);
    assert_eq!(of("http://notes.test/x", "Host: shop.test\r\n"), None, "the two disagree");
    for (target, fields) in [
        ("http://notes.test/x", "Host: notes.test\r\n"),
        ("http://shop.test/tools/x", "Host: shop.test\r\n"),
        ("http://NOTES.test:80/x", "Host: notes.test\r\n"),
        ("http://shop.test@notes.test/x", "Host: notes.test\r\n"),
        ("http://notes.test", "Host: notes.test\r\n"),
        ("//notes.test/x", "Host: shop.test\r\n"),
        ("http:/notes.test/x", "Host: shop.test\r\n"),
        ("notes.test/x", "Host: shop.test\r\n"),
        ("*", "Host: shop.test\r\n"),
        // Names that a client says beside it, and that no proxy of ours has written.
        ("/x", "Host: shop.test\r\nX-Forwarded-Host: notes.test\r\n"),
        ("/x", "Host: shop.test\r\nForwarded: host=notes.test\r\n"),
        ("/x", "Host: shop.test\r\nX-Host: notes.test\r\nX-Original-Host: notes.test\r\n"),
        ("/x", "Host: shop.test\r\nX-Original-URL: /tools/x\r\nX-Rewrite-URL: /tools/x\r\n"),
        ("/x", "Host: shop.test\r\nX-Forwarded-Prefix: /tools\r\nX-Forwarded-Uri: /tools/x\r\n"),
    ] {
        of(target, fields);
    }
    for request in house.shop.requests() {
        assert!(!request.head.contains("notes.test") && !request.head.contains("tools"), "{}", request.head);
    }
}

#[test]
fn over_http2_the_authority_is_the_host() {
    let house = House::new();
    let authority = Authority::new();
    let gate = Gate::start(house.setup("").tls(&[&authority.issue(&["127.0.0.1"])]));
    for (authority_field, host) in [("notes.test", "shop.test"), ("shop.test", "notes.test")] {
        let mut client = Http2::open(&gate, "127.0.0.1", &authority);
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/notes"),
            (":authority", authority_field),
            ("host", host),
        ];
        let stream = client.headers(END_STREAM, &fields);
        // A stream that is reset has no answer.
        let status = client.answer(stream).map(|answer| answer.status);
        assert!(!matches!(status, Ok(200)), "{authority_field} {host}: {status:?}");
    }
    assert!(house.all().iter().all(|app| app.requests().is_empty()));
}

/// The path as a server may read it: escapes decoded, parameters dropped, slashes merged, dots resolved.
fn read(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/').map(|segment| segment.split(';').next().unwrap()) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Paths that some server takes for others.
const SPELLINGS: [&str; 37] = [
    "/%74ools",
    "/tools%2fx",
    "/tools%2Fx",
    "/tools;x",
    "/tools;/x",
    "/;x/tools",
    "/;/tools",
    "/.;/tools",
    "/./tools",
    "/%2e/tools",
    "/x/../tools",
    "/x/..%2ftools",
    "/x/%2e%2e/tools",
    "/x/..;/tools",
    "/tools/..",
    "/tools/../x",
    "/tools/..;/x",
    "/tools/%2e%2e/x",
    "/tools/.%2e/x",
    "/tools/%252e%252e/x",
    "/tools/..%5cx",
    "/tools\\..\\x",
    "/tools/..\\x",
    "\\tools",
    "/%5ctools",
    "/tools%5cx",
    "/tools%00",
    "/tools%3fx",
    "/tools%23x",
    "/tools%20",
    "/tools%0a",
    "/tools#x",
    "/%2574ools",
    "/%u0074ools",
    "/%c1%b4ools",
    "/tools%",
    "/tools%2",
];

#[test]
fn a_prefix_in_another_spelling_reaches_no_other_app() {
    let (house, gate) = open_house();
    let mut received = Received::by(&house);
    let mut of =
        |path: &str| sent(&gate, &mut received, &format!("GET {path} HTTP/1.1"), "Host: shop.test\r\n");
    for (path, app) in [
        ("/tools", "tools"),
        ("/tools/", "tools"),
        ("/tools?x=/y", "tools"),
        ("/toolsx", "shop"),
        ("/tools.", "shop"),
        ("/Tools", "shop"),
        ("/TOOLS/x", "shop"),
        ("/x/tools", "shop"),
        ("/x?/tools", "shop"),
    ] {
        assert_eq!(of(path), Some(app), "{path}");
    }
    for path in SPELLINGS {
        // A path that some server takes for the other app's is refused, whichever of the two has it.
        let taken = of(path);
        let others = app_of("shop.test", &read(path)) != app_of("shop.test", path);
        assert!(taken.is_none() || !others, "{path}: {taken:?}");
    }
    // A server that merges slashes is still the shop's own.
    for path in ["//tools", "///tools/x"] {
        let taken = of(path);
        assert!(matches!(taken, None | Some("shop")), "{path}: {taken:?}");
    }
    assert!(house.notes.requests().is_empty() && house.rest.requests().is_empty());
}

#[test]
fn one_connection_carries_nothing_of_one_app_to_another() {
    let (house, gate) = open_house();
    let mut client = gate.client();
    // In one packet: the answers come in order, each of its app.
    let hosts = ["shop.test", "notes.test", "elsewhere.test", "shop.test", "notes.test"];
    let requests = hosts.iter().enumerate().map(|(at, host)| {
        format!("GET /x HTTP/1.1\r\nHost: {host}\r\nX-Only-{at}: {host}\r\nCookie: of-{at}=1\r\n\r\n")
    });
    client.send(requests.collect::<String>());
    for host in hosts {
        let response = client.response_to("GET").expect(200);
        assert_eq!(response.field("x-app"), Some(app_of(host, "/x")), "{host}");
        let cookie = format!("{}=1", app_of(host, "/x"));
        assert_eq!(response.field("set-cookie"), Some(&*cookie), "{host}");
        assert_eq!(response.head.to_lowercase().matches("set-cookie").count(), 1, "{host}");
    }
    for app in house.all() {
        for request in app.requests() {
            let host = request.field("host").unwrap();
            let at = hosts.iter().enumerate().filter(|(_, other)| **other == host).map(|(at, _)| at);
            let mine: Vec<String> = at.map(|at| format!("of-{at}=1")).collect();
            assert!(mine.iter().any(|cookie| request.field("cookie") == Some(cookie)), "{}", request.head);
            assert_eq!(request.head.matches("X-Only-").count(), 1, "{}", request.head);
        }
    }
}

#[test]
fn a_token_reaches_no_app_wherever_it_is() {
    let (house, gate) = open_house();
    let ann = gate.sign_up("ann").token;
    let mut client = gate.client();
    for host in ["shop.test", "notes.test", "elsewhere.test"] {
        let path = format!("/x?access_token={ann}&y=1");
        assert_eq!(who(&mut client, host, &path, ""), app_of(host, "/x"));
        for fields in [
            with(&ann),
            format!("Authorization: Bearer {ann}\r\n"),
            format!("X-Access-Token: {ann}\r\n"),
            format!("Cookie: a=1; __Host-portcullis={ann}; b=2\r\n"),
        ] {
            assert_eq!(who(&mut client, host, "/x", &fields), app_of(host, "/x"), "{fields}");
        }
    }
    for app in house.all() {
        for request in app.requests() {
            assert!(!request.head.contains(&ann), "{}", request.head);
        }
    }
}

#[test]
fn an_owner_is_looked_up_within_the_app_however_the_row_is_named() {
    let house = House::new();
    let gate = house.gate();
    let ann = with(&gate.sign_up("ann").token);
    for id in [
        "7",
        "..",
        "%2e%2e",
        "..%2ftools%2f1",
        "%2e%2e%2ftools%2f1",
        "..%5ctools",
        "1%3f..%2ftools",
        "1%23",
        "http:%2f%2fnotes.test%2fnotes%2f1",
        "@notes.test",
        "1%0d%0aHost:%20notes.test",
        "1;x",
    ] {
        ask(&mut gate.client(), "shop.test", &format!("GET /orders/{id}"), &ann);
        ask(&mut gate.client(), "shop.test", &format!("GET /orders/1?id={id}"), &ann);
    }
    for request in house.shop.requests() {
        let target = request.target();
        let path = target.split('?').next().unwrap();
        assert_eq!(app_of("shop.test", &read(path)), "shop", "{target}");
        assert_eq!(request.field("host"), Some("shop.test"), "{target}");
    }
    let others = [&house.notes, &house.rest, &house.tools];
    assert!(others.iter().all(|app| app.requests().is_empty()));
    assert!(!house.shop.requests().is_empty());
    // The row of the same name is another app's, and its owner, too.
    let gate = Gate::start(house.setup("").policy("notes/note.json", &policy("Note", "/orders", "$owner")));
    let ann = with(&gate.sign_up("ann").token);
    assert_eq!(who(&mut gate.client(), "shop.test", "/orders/7", &ann), "shop");
    assert_eq!(who(&mut gate.client(), "notes.test", "/orders/7", &ann), "403");
}
