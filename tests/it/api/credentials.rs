//! The places of tokens in a request, by `[credentials]`, in both profiles; and which of them the app sees.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::ask;
use crate::support::{App, Client, Gate, Setup};

const PROFILES: [&str; 2] = ["standard", "loopback3"];

pub(super) fn gate(profile: &str, settings: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let mut setup = Setup::new(&app).set("profile", profile);
    for (key, value) in settings {
        setup = setup.set(key, value);
    }
    (app, Gate::start(setup))
}

/// The user in the app's request, and all of the app's request.
pub(super) fn told(client: &mut Client, target: &str, lines: &str) -> (Option<String>, String) {
    let text = client.ask("GET", target, lines, b"").expect(200).json();
    let user = text["headers"].as_array().unwrap().iter().find(|field| field[0] == "X-Forwarded-User");
    (user.map(|field| field[1].as_str().unwrap().to_owned()), text.to_string())
}

/// As Express' `res.cookie(name, id, { signed: true })` sets it.
pub(super) fn signed(id: &str, secret: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(id.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.trim_end_matches('=').replace('+', "%2B").replace('/', "%2F");
    format!("s%3A{id}.{signature}")
}

#[test]
fn more_headers_and_parameters_are_places_and_the_app_never_sees_them() {
    let settings = [("credentials.headers", "X-Session,X-Api-Key"), ("credentials.params", "sid,token")];
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &settings);
        let ann = gate.sign_up("ann");
        let bearer = BASE64_STANDARD.encode(&ann.token);
        let mut client = gate.client();
        for (target, lines) in [
            ("/open".to_owned(), format!("X-Session: {}\r\n", ann.token)),
            ("/open".to_owned(), format!("x-api-key: Bearer {bearer}\r\n")),
            (format!("/open?a=1&sid={}", ann.token), String::new()),
            (format!("/open?token={}&b=2", ann.token), String::new()),
            (format!("/open?access_token={}", ann.token), String::new()),
            ("/open".to_owned(), format!("Authorization: {}\r\n", ann.token)),
        ] {
            let (user, seen) = told(&mut client, &target, &lines);
            assert_eq!(user.as_deref(), Some("1"), "{profile}: {target} {lines}");
            assert!(!seen.contains(&ann.token) && !seen.contains(&bearer), "{profile}: {seen}");
        }
    }
}

#[test]
fn a_named_place_comes_before_the_built_in_one_of_its_kind() {
    let settings = [("credentials.headers", "X-Session"), ("credentials.params", "sid")];
    let (_app, gate) = gate("loopback3", &settings);
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    for (target, lines) in [
        ("/open".to_owned(), format!("Authorization: {}\r\nX-Session: {}\r\n", bob.token, ann.token)),
        (format!("/open?access_token={}&sid={}", bob.token, ann.token), String::new()),
        (format!("/open?access_token={}", ann.token), format!("X-Session: {}\r\n", bob.token)),
    ] {
        assert_eq!(told(&mut client, &target, &lines).0.as_deref(), Some("1"), "{target} {lines}");
    }
}

#[test]
fn without_query_a_parameter_is_the_apps_own() {
    for profile in PROFILES {
        let (app, gate) = gate(profile, &[("credentials.query", "false"), ("credentials.params", "sid")]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for name in ["access_token", "sid"] {
            let target = format!("/open?{name}={}", ann.token);
            assert_eq!(told(&mut client, &target, "").0, None, "{profile}: {name}");
            assert_eq!(app.requests().pop().unwrap().target(), target, "{profile}");
        }
    }
}

#[test]
fn signed_cookies_of_an_express_app_are_read() {
    let secret = "keyboard cat";
    let settings = [("credentials.cookie_secret", secret), ("credentials.cookies", "sid")];
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &settings);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let good = signed(&ann.token, secret);
        for name in ["access_token", "authorization", "sid"] {
            let (user, seen) = told(&mut client, "/open", &format!("Cookie: a=1; {name}={good}; b=2\r\n"));
            assert_eq!(user.as_deref(), Some("1"), "{profile}: {name}");
            assert!(seen.contains("a=1; b=2") && !seen.contains(&ann.token), "{profile}: {seen}");
        }
        let forged = signed(&ann.token, "another cat");
        for cookie in [format!("sid={forged}"), format!("sid={}", ann.token), format!("other={good}")] {
            let (user, _) = told(&mut client, "/open", &format!("Cookie: {cookie}\r\n"));
            assert_eq!(user, None, "{profile}: {cookie}");
        }
    }
}

#[test]
fn without_a_secret_no_signed_cookie_is_read() {
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &[]);
        let ann = gate.sign_up("ann");
        let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, ""));
        assert_eq!(told(&mut gate.client(), "/open", &cookie).0, None, "{profile}");
    }
}

#[test]
fn bearer_is_read_as_the_setting_says() {
    for (profile, encoded, raw, base64) in [
        ("standard", "true", true, true),
        ("standard", "false", true, false),
        ("loopback3", "true", false, true),
        ("loopback3", "false", true, false),
    ] {
        let (_app, gate) = gate(profile, &[("users.bearer_token_base64_encoded", encoded)]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for (word, good) in [(ann.token.clone(), raw), (BASE64_STANDARD.encode(&ann.token), base64)] {
            let (user, _) = told(&mut client, "/open", &format!("Authorization: Bearer {word}\r\n"));
            assert_eq!(user.is_some(), good, "{profile}: {encoded}: {word}");
        }
    }
}

#[test]
fn two_users_in_one_request_are_refused_wherever_they_stand() {
    let secret = "keyboard cat";
    let settings = [
        ("credentials.headers", "X-Session"),
        ("credentials.params", "sid"),
        ("credentials.cookie_secret", secret),
    ];
    for (profile, status) in [("standard", 400), ("loopback3", 200)] {
        let (app, gate) = gate(profile, &settings);
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let query = format!("/open?sid={}", ann.token);
        for (target, lines) in [
            (query.clone(), format!("X-Session: {}\r\n", bob.token)),
            (query.clone(), format!("Authorization: Bearer {}\r\n", BASE64_STANDARD.encode(&bob.token))),
            (query.clone(), format!("Cookie: access_token={}\r\n", signed(&bob.token, secret))),
            (query.clone(), format!("Cookie: __Host-portcullis={}\r\n", bob.token)),
            (format!("{query}&access_token={}", bob.token), String::new()),
            ("/open".to_owned(), format!("X-Session: {}\r\nX-Access-Token: {}\r\n", ann.token, bob.token)),
        ] {
            let answer = client.ask("GET", &target, &lines, b"");
            assert_eq!(answer.status, status, "{profile}: {target} {lines}");
        }
        assert_eq!(app.requests().len(), if status == 200 { 6 } else { 0 }, "{profile}");
        // One user twice, and one beside a token that has ended: nothing is wrong with that.
        let lines = format!("X-Session: {}\r\nX-Access-Token: {}\r\n", ann.token, ann.token);
        assert_eq!(told(&mut client, "/open", &lines).0.as_deref(), Some("1"), "{profile}");
        ask(&mut client, "POST", "/api/users/logout", &bob.token, &Value::Null).expect(204);
        let lines = format!("X-Session: {}\r\nX-Access-Token: {}\r\n", ann.token, bob.token);
        assert_eq!(told(&mut client, "/open", &lines).0.as_deref(), Some("1"), "{profile}");
    }
}

#[test]
fn an_empty_parameter_says_anonymous() {
    for (profile, status) in [("standard", 400), ("loopback3", 200)] {
        let (_app, gate) = gate(profile, &[]);
        let ann = gate.sign_up("ann");
        let lines = format!("Authorization: {}\r\n", ann.token);
        // In profile `standard` the two differ about who is asking.
        let answer = gate.client().ask("GET", "/open?access_token=", &lines, b"").expect(status);
        assert!(!answer.text().contains("X-Forwarded-User"), "{profile}: {}", answer.text());
    }
}

#[test]
fn credentials_reach_the_app_where_they_are_asked_for() {
    for profile in PROFILES {
        let (app, gate) = gate(profile, &[("identity.forward_credentials", "true")]);
        let ann = gate.sign_up("ann");
        let target = format!("/open?access_token={}", ann.token);
        gate.client().ask("GET", &target, "", b"").expect(200);
        assert_eq!(app.requests().pop().unwrap().target(), target, "{profile}");
    }
}

/// The values of `Authorization` that the app was sent.
fn authorization(app: &App) -> Vec<String> {
    let head = app.requests().pop().unwrap().head;
    let lines = head.lines().filter_map(|line| line.strip_prefix("Authorization: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn e12_schemes_that_are_not_listed_are_the_apps_own() {
    const FOREIGN: [&str; 4] =
        ["Digest username=\"ann\"", "Negotiate YIIB", "AWS4-HMAC-SHA256 Credential=A", "Token abc"];
    for profile in PROFILES {
        for (schemes, raw, bearer, basic) in [
            ("raw,bearer,basic", true, true, true),
            ("bearer", false, true, false),
            ("raw,bearer", true, true, false),
            ("", false, false, false),
        ] {
            let (app, gate) = gate(profile, &[("credentials.schemes", schemes)]);
            let ann = gate.sign_up("ann");
            let mut client = gate.client();
            let coded = BASE64_STANDARD.encode(&ann.token);
            let login = BASE64_STANDARD.encode(format!("ann:{}", ann.token));
            for (value, is_ours) in [
                (ann.token.clone(), raw),
                (format!("Bearer {coded}"), bearer),
                (format!("Basic {login}"), basic),
            ] {
                let (user, _) = told(&mut client, "/open", &format!("Authorization: {value}\r\n"));
                assert_eq!(user.is_some(), is_ours, "{profile}: {schemes}: {value}");
                let seen = if is_ours { vec![] } else { vec![value] };
                assert_eq!(authorization(&app), seen, "{profile}: {schemes}");
            }
            for value in FOREIGN {
                let lines = format!("X-Access-Token: {}\r\nAuthorization: {value}\r\n", ann.token);
                assert_eq!(told(&mut client, "/open", &lines).0.as_deref(), Some("1"), "{profile}: {value}");
                assert_eq!(authorization(&app), [value], "{profile}: {schemes}");
            }
        }
    }
}

#[test]
fn a13_bearer_has_no_letter_case_in_standard() {
    for (profile, any_case) in [("standard", true), ("loopback3", false)] {
        let (app, gate) = gate(profile, &[]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let coded = BASE64_STANDARD.encode(&ann.token);
        for (scheme, good) in
            [("Bearer", true), ("bearer", any_case), ("BEARER", any_case), ("bEARER", any_case)]
        {
            let (user, _) = told(&mut client, "/open", &format!("Authorization: {scheme} {coded}\r\n"));
            assert_eq!(user.is_some(), good, "{profile}: {scheme}");
            assert_eq!(authorization(&app), [] as [&str; 0], "{profile}: {scheme}");
        }
        let basic = format!("Authorization: bAsIc {coded}\r\n");
        assert_eq!(told(&mut client, "/open", &basic).0.as_deref(), Some("1"), "{profile}");
    }
}

#[test]
fn a8_without_the_default_keys_only_named_places_are_looked_at() {
    let settings = [
        ("credentials.default_keys", "false"),
        ("credentials.headers", "X-Session"),
        ("credentials.params", "sid"),
    ];
    for profile in PROFILES {
        let (app, gate) = gate(profile, &settings);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for (target, lines) in [
            (format!("/open?access_token={}", ann.token), String::new()),
            ("/open".to_owned(), format!("Authorization: {}\r\n", ann.token)),
            ("/open".to_owned(), format!("X-Access-Token: {}\r\n", ann.token)),
        ] {
            let (user, seen) = told(&mut client, &target, &lines);
            assert_eq!(user, None, "{profile}: {target} {lines}");
            assert!(seen.contains(&ann.token), "{profile}: the app's own: {seen}");
        }
        for (target, lines) in [
            (format!("/open?sid={}", ann.token), String::new()),
            ("/open".to_owned(), format!("X-Session: {}\r\n", ann.token)),
        ] {
            assert_eq!(
                told(&mut client, &target, &lines).0.as_deref(),
                Some("1"),
                "{profile}: {target} {lines}"
            );
            assert!(!app.requests().pop().unwrap().head.contains(&ann.token), "{profile}");
        }
    }
}

#[test]
fn b12_a_token_in_the_referer_stays_here() {
    let settings = [("credentials.params", "sid,my token")];
    for profile in PROFILES {
        let (app, gate) = gate(profile, &settings);
        let mut client = gate.client();
        for (page, seen) in [
            ("https://a/?access_token=T", "https://a/"),
            ("https://a/x?b=1&access%5ftoken=T&c=2", "https://a/x?b=1&c=2"),
            ("https://a/?%73id=T#top", "https://a/#top"),
            ("https://a/?my+token=T&x", "https://a/?x"),
            ("https://a/#access_token=T", "https://a/"),
            ("https://a/?b=access_token", "https://a/?b=access_token"),
            ("https://a/?r=%2F%3Faccess_token%3DT", "https://a/?r=%2F%3F"),
            ("https://a/?r=%252F%253Fsid%253DT%2526b%253D1", "https://a/?r=%252F%253Fb%253D1"),
        ] {
            client.ask("GET", "/open", &format!("Referer: {page}\r\n"), b"").expect(200);
            assert_eq!(app.requests().pop().unwrap().field("referer"), Some(seen), "{profile}");
        }
    }
}

#[test]
fn b12_a_token_in_a_url_in_the_query_stays_here() {
    for profile in PROFILES {
        let (app, gate) = gate(profile, &[("credentials.params", "sid")]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for (query, seen) in [
            ("next=%2Fcb%3Faccess_token%3DT&b=%zz", "next=%2Fcb%3F&b=%zz"),
            ("a&next=/cb?b=1%26sid=T&&c", "a&next=/cb?b=1%26&&c"),
            ("next=%252Fcb%253Faccess_token%253DT%2526b%253D1", "next=%252Fcb%253Fb%253D1"),
            ("hash=access_token%3DT%26state%3D1", "hash=state%3D1"),
            ("next=%2F%23access_token%3DT&access_token=T", "next=%2F%23"),
            ("b=access_token&c=%3D&d=a=b", "b=access_token&c=%3D&d=a=b"),
            ("", ""),
        ] {
            let target = format!("/open?{}", query.replace('T', &ann.token));
            client.ask("GET", &target, "", b"").expect(200);
            assert_eq!(app.requests().pop().unwrap().target(), format!("/open?{seen}"), "{profile}: {query}");
        }
    }
}

#[test]
fn b12_what_is_left_of_a_query_is_what_is_judged() {
    let (app, gate) = gate("standard", &[]);
    let mut client = gate.client();
    client.ask("POST", "/open?%3Fother%3DT%26_method=DELETE", "", b"").expect(200);
    let seen = app.requests().len();
    // Without the token there is another name: one that method overrides are read from.
    client.ask("POST", "/open?%3Faccess_token%3DT%26_method=DELETE", "", b"").expect(400);
    assert_eq!(app.requests().len(), seen);
}
