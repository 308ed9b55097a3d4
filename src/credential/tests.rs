use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

const ID: &str = "kQ7aZ0xPw3RtYv5LmN8bJc1HsDfGeTuIoQ2WrXyC4VnB6MzAqSwEdRfTgYhUjIkO";

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn loopback() -> Settings {
    Settings { bearer: Bearer::Base64, exact_case: true, ..Settings::default() }
}

/// All hits as `place id|alternative`.
fn hits(settings: &Settings, query: Option<&str>, fields: &[(&str, &str)]) -> Vec<String> {
    let offered = offered(
        settings,
        query,
        fields.iter().map(|(name, value)| (*name, value.as_bytes())),
        |_| true,
        || true,
    );
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
        ("Basic".to_owned(), "Basic"),
    ] {
        for name in ["X-Access-Token", "authorization"] {
            // A browser sends it by itself in `Authorization` alone.
            let is_basic = name == "authorization" && value.to_lowercase().starts_with("basic ");
            let place = if is_basic { "Basic" } else { "Header" };
            assert_eq!(
                hits(&loopback(), None, &[(name, &value)]),
                [format!("{place} {expected}")],
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
        |_| true,
        || true,
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
    let offered = offered(&settings, None, fields.into_iter(), |_| true, || true);
    assert_eq!(offered.first().unwrap().id, "\u{c3}\u{a9}\u{ff}");
}

#[test]
fn knows_the_headers_that_the_app_must_not_get() {
    let settings = Settings { headers: vec!["X-Session".into()], ..loopback() };
    for name in
        ["authorization", "Authorization", "X-Access-Token", "x_access_token", "X.Access.Token", "x-session"]
    {
        assert!(is_credential(&settings, name, b"id"), "{name}");
    }
    for name in ["cookie", "x-access", "proxy-authorization", ""] {
        assert!(!is_credential(&settings, name, b"id"), "{name}");
    }
}

/// Which values of `Authorization` are credentials, by what `[credentials] schemes` lists.
#[test]
fn e12_other_schemes_are_the_apps_own() {
    let none = Schemes { raw: false, bearer: false, basic: false };
    let all = Schemes { raw: true, bearer: true, basic: true };
    let foreign = [
        "Digest username=\"ann\", uri=\"/\"",
        "Negotiate YIIB",
        "NTLM TlRM",
        "AWS4-HMAC-SHA256 Credential=A/20260101/eu/s3/aws4_request",
        "AWS AKID:signature",
        "Token xyz",
        "DPoP abc",
        "Hawk id=\"1\"",
        "Bearers abc",
        "Basics abc",
        "Signature\tkeyId=\"1\"",
    ];
    let (raw, bearer, basic) = (
        ["abc", "Bearertoken", "Digest", "a=b,c"],
        ["Bearer abc", "bEARER\tabc"],
        ["Basic YWJj", "basic\tYWJj"],
    );
    for (schemes, ours) in [
        (all, vec![&raw[..], &bearer, &basic]),
        (Schemes { basic: false, ..all }, vec![&raw, &bearer]),
        (Schemes { raw: false, ..all }, vec![&bearer, &basic]),
        (Schemes { bearer: true, ..none }, vec![&bearer]),
        (none, vec![]),
    ] {
        for settings in [Settings { schemes, ..loopback() }, Settings { schemes, ..Settings::default() }] {
            for value in foreign.iter().chain(&raw).chain(&bearer).chain(&basic) {
                let is_ours = ours.iter().any(|list| list.contains(value));
                let found = hits(&settings, None, &[("authorization", value)]);
                assert_eq!(!found.is_empty(), is_ours, "{schemes:?}: {value}: {found:?}");
                assert_eq!(is_credential(&settings, "Authorization", value.as_bytes()), is_ours, "{value}");
                // No other header has schemes.
                assert!(is_credential(&settings, "X-Access-Token", value.as_bytes()), "{value}");
            }
        }
    }
    let two = [("Authorization", "Digest a"), ("Authorization", "Bearer abc")];
    assert_eq!(hits(&Settings::default(), None, &two), ["Header abc"]);
}

#[test]
fn a13_schemes_have_no_letter_case_but_in_loopback() {
    for value in ["Bearer abc-d", "bearer abc-d", "BEARER  abc-d ", "bEaReR\tabc-d"] {
        let raw = Settings { bearer: Bearer::Raw, ..Settings::default() };
        for settings in [Settings::default(), raw] {
            let found = hits(&settings, None, &[("Authorization", value)]);
            assert!(found[0].starts_with("Header abc-d"), "{value}: {found:?}");
        }
    }
    let raw = Settings { bearer: Bearer::Raw, ..loopback() };
    for settings in [loopback(), raw] {
        for value in ["bearer abc", "BEARER abc"] {
            assert_eq!(hits(&settings, None, &[("Authorization", value)]), [format!("Header {value}")]);
        }
    }
    let basic = format!("bAsIc {}", base64("ann:a-long-token"));
    assert_eq!(hits(&loopback(), None, &[("Authorization", &basic)]), ["Basic a-long-token"]);
}

#[test]
fn a8_without_the_default_keys_only_named_places_count() {
    let settings = Settings {
        headers: vec!["X-Session".into()],
        params: vec!["sid".into()],
        cookies: vec!["tok".into()],
        cookie_secret: Some(CookieSecret::new("keyboard cat")),
        default_keys: false,
        ..loopback()
    };
    let signed = "s%3Atok-alice.kRndn8Ru3BThyoAMQFB3eb9hNgag8ni%2Bk1aRy4LBYHw";
    let cookie = format!("access_token={signed}; authorization={signed}");
    let fields = [("Authorization", "a"), ("X-Access-Token", "b"), ("Cookie", &*cookie)];
    assert_eq!(hits(&settings, Some("access_token=q"), &fields), [] as [&str; 0]);
    for (name, value) in [("Authorization", "a"), ("X-Access-Token", "b")] {
        assert!(!is_credential(&settings, name, value.as_bytes()), "the app's own");
    }
    assert_eq!(strip_query(&settings, "access_token=q&sid=1"), "access_token=q");
    assert_eq!(*strip_cookies(&settings, cookie.as_bytes()), *cookie.as_bytes());
    let named = format!("tok={signed}; portcullis=p");
    assert_eq!(
        hits(&settings, Some("sid=1"), &[("x-session", "h"), ("Cookie", &named)]),
        ["Param 1", "Header h", "Cookie tok-alice", "Cookie p"]
    );
}

#[test]
fn c8_the_plain_page_cookie_is_for_this_machine_alone() {
    let settings = Settings::default();
    for (cookie, is_local, expected) in [
        ("portcullis=a", true, Some("a")),
        ("portcullis=a", false, None),
        ("__Host-portcullis=b; portcullis=a", false, Some("b")),
    ] {
        let fields = [("Cookie", cookie.as_bytes())];
        let found = offered(&settings, None, fields.into_iter(), |_| true, || is_local);
        assert_eq!(found.first().map(|hit| &*hit.id), expected, "{cookie}");
        assert_eq!(*strip_cookies(&settings, cookie.as_bytes()), *b"", "no app gets it");
    }
    let asked = std::cell::Cell::new(false);
    let fields = [("Cookie", &b"a=1"[..]), ("Authorization", b"abc")];
    let _ = offered(&settings, None, fields.into_iter(), |_| true, || asked.replace(true));
    assert!(!asked.get(), "nothing is asked of the system without such a cookie");
}

#[test]
fn a_raw_id_costs_no_allocation() {
    let settings = Settings::default();
    let value = format!("Bearer {ID}");
    for value in [ID, &value] {
        let fields = [("Host", &b"a"[..]), ("Authorization", value.as_bytes())];
        let offered = offered(&settings, Some("a=1&b=2"), fields.into_iter(), |_| true, || true);
        let hit = offered.first().unwrap();
        assert!(matches!(hit.id, Cow::Borrowed(id) if id == ID) && hit.alternative.is_none(), "{value}");
    }
}

#[test]
fn nothing_shows_a_token() {
    let settings = Settings { cookie_secret: Some(CookieSecret::new("keyboard cat")), ..Settings::default() };
    let offered = offered(&settings, Some("access_token=very-secret"), std::iter::empty(), |_| true, || true);
    let shown = format!("{offered:?} {settings:?}");
    assert!(!shown.contains("very-secret") && !shown.contains("keyboard"), "{shown}");
}

proptest! {
    #[test]
    fn no_input_panics(query in ".{0,80}", name in "(?i)authorization|x-access-token|cookie", value in prop::collection::vec(any::<u8>(), 0..80)) {
        let settings = Settings { cookie_secret: Some(CookieSecret::new("x")), ..Settings::default() };
        let fields = [(name.as_str(), value.as_slice())];
        let _ = offered(&settings, Some(&query), fields.into_iter(), |_| true, || true);
        let _ = strip_query(&settings, &query);
        let _ = strip_cookies(&settings, &value);
    }

    #[test]
    fn a_stripped_query_holds_no_credential(parts in prop::collection::vec(r"(access_token|access%5Ftoken|%61ccess_token|\[access_token\]|a|access|\+)(\[\]|%5Bx%5d|\[|\]|\[x\]y)?(=|]=)?[a-z%+&\[\]=]{0,4}", 0..6)) {
        let settings = Settings::default();
        let query = parts.join("&");
        let stripped = strip_query(&settings, &query);
        prop_assert!(offered(&settings, Some(&stripped), std::iter::empty(), |_| true, || true).first().is_none(), "{query} -> {stripped}");
        prop_assert_eq!(&strip_query(&settings, &stripped), &stripped);
    }

    #[test]
    fn stripped_cookies_hold_no_credential(value in r"((portcullis|__Host-portcullis|a)( ?= ?)?[a-z=\x22]{0,4}; ?){0,5}") {
        let settings = Settings::default();
        let stripped = strip_cookies(&settings, value.as_bytes()).into_owned();
        let fields = [("cookie", stripped.as_slice())];
        prop_assert!(offered(&settings, None, fields.into_iter(), |_| true, || true).first().is_none());
    }
}
