use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

const ID: &str = "kQ7aZ0xPw3RtYv5LmN8bJc1HsDfGeTuIoQ2WrXyC4VnB6MzAqSwEdRfTgYhUjIkO";

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn loopback() -> Settings {
    Settings { bearer: Bearer::Base64, ..Settings::default() }
}

/// All hits as `place id|alternative`.
fn hits(settings: &Settings, query: Option<&str>, fields: &[(&str, &str)]) -> Vec<String> {
    let offered = offered(settings, query, fields.iter().map(|(name, value)| (*name, value.as_bytes())));
    offered
        .first()
        .into_iter()
        .chain(offered.others())
        .map(|hit| match &hit.alternative {
            Some(other) => format!("{:?} {}|{other}", hit.place, hit.id),
            None => format!("{:?} {}", hit.place, hit.id),
        })
        .collect()
}

#[test]
fn reads_every_form_of_a_header() {
    let basic = |text: &str| format!("Basic {}", base64(text));
    for (value, expected) in [
        (ID.to_owned(), ID),
        (format!("  {ID}\t"), ID),
        (format!("Bearer {}", base64(ID)), ID),
        (format!("Bearer  {}", base64(ID)), ID),
        (format!("Bearer {}", base64(ID).trim_end_matches('=')), ID),
        (format!("bearer {ID}"), "bearer kQ7aZ0xPw3RtYv5LmN8bJc1HsDfGeTuIoQ2WrXyC4VnB6MzAqSwEdRfTgYhUjIkO"),
        ("Bearer".to_owned(), "Bearer"),
        ("Bearer ==".to_owned(), ""),
        (basic(ID), ID),
        (basic(&format!("token:{ID}")), ID),
        (basic(&format!("{ID}:")), ID),
        (basic(&format!(":{ID}")), ID),
        (basic(ID).replace("Basic", "bAsIc"), ID),
        (basic("ab:cd"), "ab"),
        ("Token xyz".to_owned(), "Token xyz"),
        ("Basic".to_owned(), "Basic"),
    ] {
        for name in ["X-Access-Token", "authorization"] {
            assert_eq!(
                hits(&loopback(), None, &[(name, &value)]),
                [format!("Header {expected}")],
                "{name}: {value}"
            );
        }
    }
}

#[test]
fn a_raw_id_behind_bearer_is_garbage_in_loopback() {
    let value = format!("Bearer {ID}");
    let found = hits(&loopback(), None, &[("Authorization", &value)]);
    assert!(found[0].starts_with("Header ") && !found[0].contains(ID), "{found:?}");
}

#[test]
fn bearer_follows_the_settings() {
    let coded = base64("tok-alice");
    for (bearer, word, expected) in [
        (Bearer::Base64, coded.as_str(), "Header tok-alice".to_owned()),
        (Bearer::Raw, &coded, format!("Header {coded}")),
        (Bearer::Raw, ID, format!("Header {ID}")),
        (Bearer::RawThenBase64, &coded, format!("Header {coded}|tok-alice")),
        (Bearer::RawThenBase64, ID, format!("Header {ID}")),
    ] {
        let settings = Settings { bearer, ..Settings::default() };
        assert_eq!(hits(&settings, None, &[("Authorization", &format!("Bearer {word}"))]), [expected]);
    }
}

#[test]
fn the_places_come_in_loopbacks_order() {
    let all = [("Authorization", "auth"), ("Cookie", "portcullis=page"), ("X-Access-Token", "header")];
    let settings = loopback();
    for (query, fields, expected) in [
        (None, &all[..0], &[][..]),
        (Some("access_token=q"), &all, &["Param q", "Header header", "Header auth", "Cookie page"]),
        (Some("access_token="), &all[..1], &["Param ", "Header auth"]),
        (Some("access_token"), &all[..0], &["Param "]),
        (Some("access_token=a&access_token=b"), &all[..1], &["Header auth"]),
        (Some("access_token[]=a"), &all[..1], &["Header auth"]),
        (Some("Access_Token=a"), &all[..1], &["Header auth"]),
        (Some("sid=a"), &[("Authorization", "")], &[]),
        (None, &[("X-Access-Token", ""), ("Authorization", "auth")], &["Header auth"]),
        (None, &[("X-Access-Token", "a"), ("x-access-token", "b")], &["Header a, b"]),
        (None, &[("X-Access-Token", ""), ("x-access-token", "b")], &["Header , b"]),
        (None, &[("Authorization", "a"), ("authorization", "b")], &["Header a"]),
        (None, &[("Authorization", ""), ("authorization", "b")], &[]),
        (None, &[("Cookie", "access_token=plain; authorization=plain; portcullis=")], &[]),
        (None, &[("Cookie", "portcullis=b"), ("Cookie", "__Host-portcullis=a")], &["Cookie a", "Cookie b"]),
    ] {
        assert_eq!(hits(&settings, query, fields), expected, "{query:?} {fields:?}");
    }
}

#[test]
fn extra_names_come_before_the_built_in_ones_of_their_class() {
    let settings = Settings {
        headers: vec!["X-Session".into()],
        params: vec!["sid".into()],
        cookies: vec!["sid".into()],
        cookie_secret: Some(CookieSecret::new("keyboard cat")),
        ..loopback()
    };
    let cookie = "access_token=s%3Atok-alice.kRndn8Ru3BThyoAMQFB3eb9hNgag8ni%2Bk1aRy4LBYHw; portcullis=p";
    let fields = [("x-session", "h"), ("Cookie", cookie)];
    assert_eq!(
        hits(&settings, Some("sid=1"), &fields),
        ["Param 1", "Header h", "Cookie tok-alice", "Cookie p"]
    );
    assert_eq!(hits(&settings, Some("access_token=2&sid=1"), &[]), ["Param 1", "Param 2"]);
    let more = offered(
        &settings,
        Some("access_token=2&sid=1"),
        [("x-session", &b"a"[..]), ("authorization", b"b"), ("x-access-token", b"c")].into_iter(),
    );
    assert!(more.overflow());
}

#[test]
fn the_query_can_be_switched_off() {
    let settings = Settings { query: false, ..loopback() };
    assert_eq!(hits(&settings, Some("access_token=q"), &[("Authorization", "a")]), ["Header a"]);
}

#[test]
fn bytes_beyond_ascii_match_nothing_and_break_nothing() {
    let settings = loopback();
    let fields = [("Authorization", &b"\xc3\xa9\xff"[..])];
    let offered = offered(&settings, None, fields.into_iter());
    assert_eq!(offered.first().unwrap().id, "\u{c3}\u{a9}\u{ff}");
}

#[test]
fn knows_the_headers_that_the_app_must_not_get() {
    let settings = Settings { headers: vec!["X-Session".into()], ..loopback() };
    for name in
        ["authorization", "Authorization", "X-Access-Token", "x_access_token", "X.Access.Token", "x-session"]
    {
        assert!(is_credential_header(&settings, name), "{name}");
    }
    for name in ["cookie", "x-access", "proxy-authorization", ""] {
        assert!(!is_credential_header(&settings, name), "{name}");
    }
}

#[test]
fn a_raw_id_costs_no_allocation() {
    let settings = Settings::default();
    let value = format!("Bearer {ID}");
    for value in [ID, &value] {
        let fields = [("Host", &b"a"[..]), ("Authorization", value.as_bytes())];
        let offered = offered(&settings, Some("a=1&b=2"), fields.into_iter());
        let hit = offered.first().unwrap();
        assert!(matches!(hit.id, Cow::Borrowed(id) if id == ID) && hit.alternative.is_none(), "{value}");
    }
}

#[test]
fn nothing_shows_a_token() {
    let settings = Settings { cookie_secret: Some(CookieSecret::new("keyboard cat")), ..Settings::default() };
    let offered = offered(&settings, Some("access_token=very-secret"), std::iter::empty());
    let shown = format!("{offered:?} {settings:?}");
    assert!(!shown.contains("very-secret") && !shown.contains("keyboard"), "{shown}");
}

proptest! {
    #[test]
    fn no_input_panics(query in ".{0,80}", name in "(?i)authorization|x-access-token|cookie", value in prop::collection::vec(any::<u8>(), 0..80)) {
        let settings = Settings { cookie_secret: Some(CookieSecret::new("x")), ..Settings::default() };
        let fields = [(name.as_str(), value.as_slice())];
        let _ = offered(&settings, Some(&query), fields.into_iter());
        let _ = strip_query(&settings, &query);
        let _ = strip_cookies(&settings, &value);
    }

    #[test]
    fn a_stripped_query_holds_no_credential(parts in prop::collection::vec(r"(access_token|access%5Ftoken|%61ccess_token|\[access_token\]|a|access|\+)(\[\]|%5Bx%5d|\[|\]|\[x\]y)?(=|]=)?[a-z%+&\[\]=]{0,4}", 0..6)) {
        let settings = Settings::default();
        let query = parts.join("&");
        let stripped = strip_query(&settings, &query);
        prop_assert!(offered(&settings, Some(&stripped), std::iter::empty()).first().is_none(), "{query} -> {stripped}");
        prop_assert_eq!(&strip_query(&settings, &stripped), &stripped);
    }

    #[test]
    fn stripped_cookies_hold_no_credential(value in r"((portcullis|__Host-portcullis|a)( ?= ?)?[a-z=\x22]{0,4}; ?){0,5}") {
        let settings = Settings::default();
        let stripped = strip_cookies(&settings, value.as_bytes()).into_owned();
        let fields = [("cookie", stripped.as_slice())];
        prop_assert!(offered(&settings, None, fields.into_iter()).first().is_none());
    }
}
