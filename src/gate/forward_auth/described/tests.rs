use super::*;

fn asked(line: &str, fields: &[&str]) -> RequestHead {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let bytes = format!("{line} HTTP/1.1\r\nHost: gate.internal\r\n{fields}\r\n");
    let mut head = RequestHead::new();
    let scan = head.scan(bytes.as_bytes(), &HeadLimits { bytes: 8192, fields: 100 }).unwrap();
    assert_eq!(scan, Scan::Complete(bytes.len()));
    head
}

/// Method, target and host of what is described, or the message of the refusal.
fn read(line: &str, fields: &[&str]) -> Result<(String, String, String), String> {
    match described(&asked(line, fields)) {
        Ok(head) => Ok((head.method().to_owned(), head.target().to_owned(), head.host().to_owned())),
        Err(error) => Err(Refusal::from(&error).error_parts().3.into_owned()),
    }
}

const NGINX: [&str; 2] = ["X-Original-Method: PUT", "X-Original-URI: /a%20b?c=d"];
const TRAEFIK: [&str; 3] =
    ["X-Forwarded-Method: PUT", "X-Forwarded-Uri: /a%20b?c=d", "X-Forwarded-Host: shop.test"];

#[test]
fn every_style_describes_the_same_request() {
    let url = ["X-Original-Method: PUT", "X-Original-URL: https://shop.test/a%20b?c=d"];
    let both = [&NGINX[..], &url[1..]].concat();
    let clients_host = [&NGINX[..], &["X-Forwarded-Host: shop.test"]].concat();
    let chain = [&TRAEFIK[..2], &["X-Forwarded-Host: shop.test, inner.test"]].concat();
    for (line, fields, host, style) in [
        ("GET /", &NGINX[..], "gate.internal", Style::Original),
        ("GET /", &clients_host, "gate.internal", Style::Original),
        ("GET /", &url, "shop.test", Style::Original),
        ("GET /", &both, "shop.test", Style::Original),
        ("GET /", &TRAEFIK, "shop.test", Style::Forwarded),
        ("GET /", &chain, "shop.test", Style::Forwarded),
        ("GET /", &TRAEFIK[..2], "gate.internal", Style::Forwarded),
        ("PUT /ext_authz/a%20b?c=d", &[], "gate.internal", Style::OwnLine),
        ("PUT /ext_authz/a%20b?c=d", &["X-Forwarded-Host: evil.test"], "gate.internal", Style::OwnLine),
    ] {
        let wanted = ("PUT".to_owned(), "/a%20b?c=d".to_owned(), host.to_owned());
        assert_eq!(read(line, fields), Ok(wanted), "{line} {fields:?}");
        assert_eq!(Style::of(&asked(line, fields)), style, "{line} {fields:?}");
    }
}

#[test]
fn a_missing_part_names_the_setting_of_the_proxy() {
    for (fields, named) in [
        (&NGINX[1..], "proxy_set_header X-Original-Method $request_method;"),
        (&NGINX[..1], "proxy_set_header X-Original-URI $request_uri;"),
        (&["X-Original-URL: http://a/b"], "proxy_set_header X-Original-Method $request_method;"),
        (&["X-Original-Method:", NGINX[1]], "`X-Original-Method` is missing"),
        (&TRAEFIK[1..], "`X-Forwarded-Method` is missing"),
        (&TRAEFIK[..1], "`X-Forwarded-Uri` is missing"),
        (&TRAEFIK[2..], "path_prefix: /ext_authz"),
        (&[], "proxy_set_header X-Original-URI $request_uri;"),
    ] {
        let message = read("GET /", fields).unwrap_err();
        assert!(message.contains(named) && message.ends_with("(forward-auth)"), "{fields:?}: {message}");
    }
    for line in ["GET /ext_authz", "GET /ext_authzx/a", "GET /EXT_AUTHZ/a"] {
        assert!(read(line, &[]).unwrap_err().starts_with("no request is described"), "{line}");
    }
}

#[test]
fn two_descriptions_have_to_be_of_one_request() {
    let with = |first: &[&'static str], more: &[&'static str]| [first, more].concat();
    for fields in [
        with(&NGINX, &["X-Forwarded-Method: GET", TRAEFIK[1]]),
        with(&NGINX, &[TRAEFIK[0], "X-Forwarded-Uri: /a b"]),
        with(&NGINX, &[TRAEFIK[0], "X-Forwarded-Uri: /A%20b?c=d"]),
        // The client of Traefik would choose the app by the name of the gate, that of nginx by any other.
        with(&NGINX, &TRAEFIK),
        with(&NGINX, &["X-Original-URL: http://a/other"]),
        with(&NGINX, &["X-Original-Method: PUT"]),
        with(&NGINX, &["x-original-uri: /a%20b?c=d"]),
        with(&TRAEFIK, &["X-Forwarded-Host: shop.test"]),
        with(&TRAEFIK, &["X-Forwarded-Uri: /a%20b?c=d"]),
        with(&TRAEFIK, &["X-Original-Method: PUT"]),
    ] {
        let message = read("GET /", &fields).unwrap_err();
        assert!(message.ends_with("(forward-auth)"), "{fields:?}: {message}");
    }
    let same = with(&NGINX, &[TRAEFIK[0], TRAEFIK[1], "X-Forwarded-Host: GATE.internal"]);
    assert!(read("GET /", &same).is_ok());
    assert!(read("PUT /ext_authz/a%20b?c=d", &NGINX).is_ok());
    assert!(read("GET /ext_authz/a%20b?c=d", &NGINX).is_err());
}

#[test]
fn what_is_no_request_is_none_when_described() {
    for (method, target) in [
        ("GET", "/a/../b"),
        ("GET", "/a/%2e%2e/b"),
        ("GET", "/..;x/b"),
        ("GET", "//b"),
        ("GET", "/a%00"),
        ("GET", "/a\\b"),
        ("GET", "/a#b"),
        ("GET", "/a%zz"),
        ("GET", "/a b"),
        ("GET", "/a HTTP/1.1"),
        ("GET", "/a\tb"),
        ("GET", "/\u{e9}"),
        ("GET", "http://a/b"),
        ("GET", "*"),
        ("GET", "a"),
        ("get", "/a"),
        ("GET /x", "/a"),
        ("G\u{e9}T", "/a"),
        ("TRACE", "/a"),
        ("CONNECT", "/a"),
        ("PRI", "*"),
    ] {
        for [a, b] in [["X-Original-Method", "X-Original-URI"], ["X-Forwarded-Method", "X-Forwarded-Uri"]] {
            let fields = [format!("{a}: {method}"), format!("{b}: {target}")];
            assert!(read("GET /", &[&fields[0], &fields[1]]).is_err(), "{fields:?}");
        }
    }
    for url in
        ["shop.test/a", "ftp://shop.test/a", "http://shop.test", "http:///a", "http://a b/c", "http://u@h/c"]
    {
        assert!(read("GET /", &[NGINX[0], &format!("X-Original-URL: {url}")]).is_err(), "{url}");
    }
    for host in ["a b", "a/b", "", "a@b", "x, "] {
        let fields = [TRAEFIK[0], TRAEFIK[1], &format!("X-Forwarded-Host: {host}")];
        assert_eq!(read("GET /", &fields).is_ok(), matches!(host, "" | "x, "), "{host}");
    }
}

#[test]
fn fields_of_the_connection_are_not_those_of_the_request() {
    let own =
        ["Connection: close", "Expect: 100-continue", "Keep-Alive: 5", "TE: trailers", "Content-Length: 7"];
    let kept = ["Cookie: a=b", "Authorization: t", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"];
    let head = described(&asked("GET /", &[&NGINX[..], &own, &kept].concat())).unwrap();
    let names: Vec<String> =
        head.fields().map(|field| format!("{}: {}", field.name, field.value.escape_ascii())).collect();
    assert_eq!(names, [&["Host: gate.internal"], &kept[..]].concat());
    let url = ["X-Original-Method: GET", "X-Original-URL: https://shop.test/", "X-Forwarded-Proto: http"];
    let head = described(&asked("GET /", &url)).unwrap();
    let told: Vec<&[u8]> =
        head.fields().filter(|field| field.name == "X-Forwarded-Proto").map(|field| field.value).collect();
    assert_eq!(told, [b"https"]);
}

#[test]
fn a_websocket_is_known_without_its_hop_by_hop_fields() {
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const VERSION: &str = "Sec-WebSocket-Version: 13";
    let line = ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /a"];
    for (fields, is_socket) in [
        (&[KEY, VERSION][..], true),
        (&[KEY, VERSION, "Connection: Upgrade", "Upgrade: websocket"], true),
        (&[KEY, VERSION, "X-Forwarded-Proto: wss"], true),
        (&[VERSION], false),
        (&["Connection: Upgrade", "Upgrade: h2c"], false),
    ] {
        let head = described(&asked("GET /", &[&line, fields].concat())).unwrap();
        assert_eq!(head.websocket_key().is_some(), is_socket, "{fields:?}");
    }
    for fields in [&[KEY][..], &["X-Forwarded-Proto: ws"], &[KEY, "Sec-WebSocket-Version: 8"]] {
        assert!(read("GET /", &[&line, fields].concat()).unwrap_err().contains("websocket"), "{fields:?}");
    }
    let post = ["X-Forwarded-Method: POST", "X-Forwarded-Uri: /a", KEY, VERSION];
    assert!(read("GET /", &post).is_ok(), "a POST opens none");
}
