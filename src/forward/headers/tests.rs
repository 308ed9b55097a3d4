//! Requests to the app and its answers, byte for byte.

use std::{net::Ipv4Addr, sync::LazyLock};

use proptest::prelude::*;

use super::*;
use crate::wire::{HeadLimits, Scan};

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 200 };
const IDENTITY: &[u8] = b"X-Forwarded-User: 7\r\n";

static NAMES: LazyLock<Names> =
    LazyLock::new(|| Names::new(&["X-Shop-Clerk".to_owned()], &[], &["my_own".to_owned()]));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
static PEER_TEXT: LazyLock<PeerText> = LazyLock::new(|| PEER.into());
static ORIGIN: LazyLock<Origin<'static>> = LazyLock::new(|| Origin {
    chain: Cow::Borrowed(""),
    peer: PEER,
    peer_text: &PEER_TEXT,
    scheme: "http",
    host: "example.com",
    is_proxy: false,
});

fn request(text: &str) -> RequestHead {
    let mut head = RequestHead::default();
    let scan = head.scan(text.as_bytes(), &LIMITS).unwrap();
    assert!(matches!(scan, Scan::Complete(_)), "{text}");
    head
}

fn response(text: &str) -> ResponseHead {
    let mut head = ResponseHead::default();
    head.scan(text.as_bytes(), &LIMITS, "GET").unwrap();
    head
}

fn settings() -> credential::Settings {
    credential::Settings { headers: vec!["x-app-token".into()], ..credential::Settings::default() }
}

fn outgoing(credentials: &credential::Settings) -> Outgoing<'_> {
    Outgoing {
        credentials,
        names: &NAMES,
        spelling: Spelling::Odd,
        forward_credentials: false,
        query: None,
        identity: IDENTITY,
        client: [203, 0, 113, 9].into(),
        origin: &ORIGIN,
        request_id: "r1",
        body: None,
        via: None,
        token_check: None,
        is_timed: false,
        cors: None,
    }
}

fn forwarded(text: &str) -> String {
    let mut out = Vec::new();
    let head = request(text);
    write_request(&mut out, &head, &outgoing(&settings()), hop(&head));
    String::from_utf8(out).unwrap()
}

/// On a shared connection, with the body framed as it came.
fn hop(head: &RequestHead) -> Hop {
    Hop { framing: head.framing(), alone: false }
}

fn get(fields: &str) -> String {
    forwarded(&format!("GET /a HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n"))
}

#[test]
fn a_plain_request_gets_our_headers_and_keeps_its_own() {
    insta::assert_snapshot!(get("Accept: */*\r\nUser-Agent: curl/8\r\n").replace('\r', ""), @r"
    GET /a HTTP/1.1
    Host: example.com
    Accept: */*
    User-Agent: curl/8
    X-Forwarded-User: 7
    X-Forwarded-For: 10.1.2.3
    X-Forwarded-Proto: http
    X-Forwarded-Host: example.com
    X-Request-Id: r1
    ");
}

#[test]
fn spoofed_names_are_removed_under_any_case() {
    for name in [
        "X-Forwarded-User",
        "x-forwarded-for",
        "X-FORWARDED-ANYTHING",
        "Remote-User",
        "X-Auth-Request-Email",
        "X-Portcullis-Assertion",
        "X-Real-IP",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-Url",
        "X-HTTP-Method-Override",
        "X-Remote-User",
        "X-authentik-uid",
        "Cf-Access-Authenticated-User-Email",
        "X-Request-Id",
        "Proxy",
        "True-Client-IP",
        "X-Goog-Authenticated-User-Id",
    ] {
        let out = get(&format!("{name}: evil\r\nAccept: */*\r\n"));
        assert!(!out.contains("evil"), "{name}: {out}");
        assert!(out.contains("Accept: */*"), "{out}");
        assert_eq!(out.matches("X-Forwarded-User").count(), 1, "{out}");
    }
}

#[test]
fn names_that_only_look_alike_are_kept() {
    for name in [
        "X-Forward",
        "X-Custom",
        "X-Users-Online",
        "Referer",
        "Range",
        "Pragma",
        "X-Requested-With",
        "X-CSRF-Token",
    ] {
        assert!(get(&format!("{name}: mine\r\n")).contains(&format!("{name}: mine\r\n")), "{name}");
    }
}

#[test]
fn b2_a_name_with_an_underscore_goes_on_only_where_it_is_listed() {
    let out = get("my_header: evil\r\nsession_id: evil\r\nMy_Own: mine\r\nX.Own: mine\r\n");
    assert!(!out.contains("evil"), "{out}");
    assert!(out.contains("My_Own: mine\r\nX.Own: mine\r\n"), "{out}");
}

#[test]
fn b10_a_name_of_the_operator_is_reserved() {
    assert!(!get("X-Shop-Clerk: evil\r\n").contains("evil"));
}

#[test]
fn b9_four_names_of_a_trusted_proxy_go_on() {
    let names = ["X-Forwarded-Port", "x-forwarded-prefix", "X-Forwarded-Ssl", "X-Forwarded-Scheme"];
    let values = ["8443", "/told", "off", "http"];
    let lines: Vec<String> =
        names.iter().zip(values).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut fields = lines.concat();
    fields.push_str("X-Forwarded-Path: evil\r\nX-Forwarded-User: evil\r\nX-Script-Name: evil\r\n");
    assert!(!get(&fields).contains("told"));
    let plain = get(&fields);
    assert!(lines.iter().all(|line| !plain.contains(line.as_str())), "{plain}");
    let text = format!("GET /a HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n");
    let origin = Origin { is_proxy: true, ..ORIGIN.clone() };
    let mut out = Vec::new();
    let head = request(&text);
    write_request(&mut out, &head, &Outgoing { origin: &origin, ..outgoing(&settings()) }, hop(&head));
    let out = String::from_utf8(out).unwrap();
    for line in lines {
        assert!(out.contains(&line), "{line}: {out}");
    }
    assert!(!out.contains("evil"), "{out}");
}

#[test]
fn folded_spellings_and_nominations_are_refused() {
    for (fields, why) in [
        ("X_Forwarded_User: 1\r\n", Some(Forbidden::FoldedName)),
        ("x.forwarded.user: 1\r\n", Some(Forbidden::FoldedName)),
        ("X-Forwarded_User: 1\r\n", Some(Forbidden::FoldedName)),
        ("SCRIPT_NAME: /public\r\n", Some(Forbidden::FoldedName)),
        ("Connection: x_shop_clerk\r\n", Some(Forbidden::Nominated)),
        ("my_header: 1\r\n", None),
        ("Connection: close, X-Forwarded-User\r\n", Some(Forbidden::Nominated)),
        ("Connection: authorization\r\n", Some(Forbidden::Nominated)),
        ("Connection: keep-alive, X-Hop\r\n", None),
    ] {
        let head = request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(check_names(&NAMES, &head).err(), why, "{fields}");
    }
}

#[test]
fn credentials_stay_here_unless_the_config_says_otherwise() {
    let text = "GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: secret\r\nX-Access-Token: secret\r\nX-App-Token: secret\r\n\
                Cookie: a=1; portcullis=secret; b=2\r\n\r\n";
    let out = forwarded(text);
    assert!(!out.contains("secret"), "{out}");
    assert!(out.contains("Cookie: a=1; b=2\r\n"), "{out}");
    let settings = settings();
    let mut kept = Vec::new();
    let head = request(text);
    let keeping = Outgoing { forward_credentials: true, ..outgoing(&settings) };
    write_request(&mut kept, &head, &keeping, hop(&head));
    assert_eq!(String::from_utf8(kept).unwrap().matches("secret").count(), 4);
}

#[test]
fn b12_tokens_in_the_urls_of_pages_stay_here() {
    for name in [
        "Referer",
        "referer",
        "HX-Current-URL",
        "X-XHR-Referer",
        "Ping-From",
        "Ping-To",
        "Turbo-Referrer",
        "Turbolinks-Referrer",
        "X-PJAX-URL",
        "X-IC-Current-URL",
        "X-Referer",
        "X-Referrer",
        "Referrer",
        "X-Current-URL",
        "Content-Location",
        "HTTP-Referer",
        "Next-Url",
        "X-Page-URL",
        "X-SPF-Referer",
    ] {
        let out = get(&format!("{name}: https://a/b?access_token=secret&c=1\r\n"));
        assert!(out.contains(&format!("{name}: https://a/b?c=1\r\n")), "{out}");
    }
    let settings = settings();
    let text = "GET /a HTTP/1.1\r\nHost: a\r\nReferer: https://a/?access_token=secret\r\n\r\n";
    let mut kept = Vec::new();
    let head = request(text);
    let outgoing = Outgoing { forward_credentials: true, ..outgoing(&settings) };
    write_request(&mut kept, &head, &outgoing, hop(&head));
    assert!(String::from_utf8(kept).unwrap().contains("secret"));
}

#[test]
fn e12_authorization_of_the_app_goes_on() {
    for value in ["Digest username=\"ann\"", "Negotiate YIIB", "AWS4-HMAC-SHA256 Credential=A"] {
        assert!(get(&format!("Authorization: {value}\r\n")).contains(&format!("Authorization: {value}\r\n")));
    }
    for value in ["secret", "Bearer secret", "bearer secret", "Basic secret"] {
        assert!(!get(&format!("Authorization: {value}\r\n")).contains("secret"));
    }
}

#[test]
fn hop_by_hop_fields_end_here() {
    let out = get(
        "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\nProxy-Authorization: x\r\nTrailer: a\r\n",
    );
    for gone in ["X-Hop", "Keep-Alive", "TE:", "Proxy-Authorization", "Trailer", "Connection"] {
        assert!(!out.contains(gone), "{gone}: {out}");
    }
}

#[test]
fn an_upgrade_is_asked_for_again() {
    const HANDSHAKE: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
        let out = get(&format!("Connection: Upgrade\r\nUpgrade: {upgrade}\r\n{HANDSHAKE}"));
        assert!(out.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{out}");
        assert!(out.contains(HANDSHAKE) && !out.contains("h2c"), "{out}");
    }
}

#[test]
fn b1_no_other_upgrade_goes_on() {
    for lines in [
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Connection: Upgrade\r\nUpgrade: foo\r\n",
        "Upgrade: websocket\r\n",
        "HTTP2-Settings: AAMAAABk\r\n",
        "http2-settings: AAMAAABk\r\n",
    ] {
        let out = get(lines).to_ascii_lowercase();
        assert!(!out.contains("upgrade") && !out.contains("http2") && !out.contains("connection"), "{out}");
    }
}

#[test]
fn the_body_keeps_its_framing() {
    let sized = forwarded("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert!(sized.contains("\r\nContent-Length: 5\r\n") && !sized.contains("Expect"), "{sized}");
    let chunked = forwarded("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(chunked.contains("\r\nTransfer-Encoding: chunked\r\n"), "{chunked}");
    // Read before the decision, in chunks.
    let mut read = Vec::new();
    let head = request("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let hop = Hop { framing: Framing::Length(2), alone: false };
    write_request(&mut read, &head, &outgoing(&settings()), hop);
    let read = String::from_utf8(read).unwrap();
    assert!(read.contains("Content-Length: 2\r\n") && !read.contains("Transfer-Encoding"), "{read}");
}

#[test]
fn b3_a_connection_that_ends_with_its_request_is_told_so_and_nothing_else() {
    for fields in ["", "TE: trailers\r\n", "Connection: keep-alive, TE\r\nTE: trailers\r\n"] {
        let head = request(&format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 2\r\n\r\n"));
        let mut out = Vec::new();
        write_request(&mut out, &head, &outgoing(&settings()), Hop { alone: true, ..hop(&head) });
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("\r\nConnection: close\r\n") && !out.contains("TE"), "{out}");
        assert_eq!(out.matches("Connection").count(), 1, "{out}");
    }
}

#[test]
fn e11_te_goes_on_as_trailers_alone() {
    for fields in ["TE: trailers\r\n", "TE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n"] {
        let out = get(fields);
        assert!(out.contains("\r\nConnection: TE\r\nTE: trailers\r\n"), "{out}");
        assert_eq!((out.matches("TE: ").count(), out.contains("gzip")), (1, false), "{out}");
    }
    for fields in ["TE: gzip\r\n", "TE:\r\nConnection: TE\r\n", "Trailers: TE\r\n"] {
        assert!(!get(fields).contains("TE: "), "{fields}");
    }
}

#[test]
fn e11_an_empty_cookie_goes_on_and_one_that_held_a_token_does_not() {
    assert!(get("Cookie:\r\n").contains("\r\nCookie: \r\n"));
    let out = get("Cookie: portcullis=t\r\n");
    assert!(!out.contains("Cookie"), "{out}");
}

#[test]
fn an_answer_is_framed_for_the_client() {
    let new = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let old = request("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    for (text, request, delivery, has) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
            &new,
            Delivery::Length(3),
            "Content-Length: 3\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            &new,
            Delivery::Chunked,
            "Transfer-Encoding: chunked\r\n\r\n",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", &new, Delivery::Chunked, "Transfer-Encoding: chunked\r\n\r\n"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            &old,
            Delivery::UntilClose,
            "Connection: close\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
            &old,
            Delivery::Length(3),
            "Connection: keep-alive\r\n\r\n",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
            &new,
            Delivery::Empty,
            "Content-Length: 3\r\n\r\n",
        ),
    ] {
        let mut out = Vec::new();
        assert_eq!(
            write_response(
                &mut out,
                &response(text),
                request,
                ClientHop { keep_alive: true, strict_transport: None, cors: None }
            ),
            delivery,
            "{text}"
        );
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with(has), "{text}: {out}");
    }
}

#[test]
fn hop_by_hop_fields_of_an_answer_end_here() {
    let new = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
    let mut out = Vec::new();
    let hop = ClientHop { keep_alive: false, strict_transport: None, cors: None };
    write_response(&mut out, &response(text), &new, hop);
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("X-Hop") && !out.contains("Keep-Alive"), "{out}");
    assert_eq!(out.matches("Set-Cookie").count(), 2);
    assert!(out.ends_with("Connection: close\r\n\r\n"), "{out}");
}

#[test]
fn what_the_app_says_about_origins_is_replaced() {
    let new = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\nACCESS-CONTROL-ALLOW-CREDENTIALS: true\r\nAccess-Control-Expose-Headers: X-Total\r\n\r\n";
    let ours: &[u8] = b"Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.test\r\n";
    for (cors, has, lacks) in [
        (Some(ours), "https://a.test", "Allow-Origin: *"),
        (Some(&b"Vary: Origin\r\n"[..]), "Vary: Origin", "llow-"),
        (None, "Allow-Origin: *", "Vary: Origin"),
    ] {
        let mut out = Vec::new();
        let hop = ClientHop { keep_alive: true, strict_transport: None, cors };
        write_response(&mut out, &response(text), &new, hop);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(has) && !out.contains(lacks), "{out}");
        assert!(out.contains("Vary: Accept\r\n") && out.contains("Expose-Headers: X-Total\r\n"), "{out}");
        assert_eq!(out.contains("CREDENTIALS"), cors.is_none(), "{out}");
    }
}

proptest! {
    /// Whatever a client sends, each name that tells who is asking appears as often as we say it.
    #[test]
    fn no_client_sets_an_identity(names in prop::collection::vec("(?i)(x-forwarded-(user|email|groups|for)|remote-user|x-[a-z-]{1,12}|[a-z-]{1,12})", 0..12)) {
        let fields: String = names
            .iter()
            .filter(|name| name.is_ascii())
            .filter(|name| !["connection", "content-length", "transfer-encoding", "host", "upgrade", "expect"].iter().any(|n| name.eq_ignore_ascii_case(n)))
            .map(|name| format!("{name}: evil\r\n"))
            .collect();
        let out = get(&fields);
        let head = request(&out);
        for field in head.fields() {
            prop_assert!(!(NAMES.is_reserved(field.name) && field.value == b"evil"), "{out}");
        }
        for name in ["x-forwarded-user", "x-forwarded-for", "x-request-id", "host"] {
            prop_assert_eq!(head.fields().filter(|f| f.name.eq_ignore_ascii_case(name)).count(), 1, "{}", name);
        }
    }
}
