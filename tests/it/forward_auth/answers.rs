//! What a proxy gets for a refusal, by what it can do with it.

use super::{NAVIGATES, STYLES, Style, app, proxy, setup};
use crate::support::Gate;

#[test]
fn a_browser_that_has_to_log_in_is_led_to_the_login_page() {
    let app = app();
    for (public_url, forwarded_base, base) in
        [("", "https://shop.test", ""), ("https://login.test/", "https://login.test", "https://login.test")]
    {
        let gate = Gate::start(setup(&app).set("server.public_url", public_url));
        let mut proxy = proxy(&gate);
        let lines = format!("{NAVIGATES}X-Forwarded-Proto: https\r\n");
        for style in STYLES {
            let answer = style.ask(&mut proxy, "GET", "/mine?a=b&access_token=x", &lines);
            let answer = answer.expect(style.status(303));
            let base = if style == Style::Traefik { forwarded_base } else { base };
            let login = format!("{base}/.portcullis/login?to=/mine%3Fa%3Db");
            assert_eq!(answer.field("location"), Some(&*login), "{style:?}");
            assert_eq!(answer.field("x-portcullis-error"), Some("AUTHORIZATION_REQUIRED"));
            assert_eq!(answer.field("www-authenticate"), (style == Style::Nginx).then_some("Bearer"));
        }
    }
}

#[test]
fn a_program_gets_the_answer_of_the_gate() {
    let app = app();
    let gate = Gate::start(setup(&app));
    let ann = gate.sign_up("ann");
    let mut proxy = proxy(&gate);
    for (target, token, status) in [("/mine", "", 401), ("/staff", &*ann.token, 403), ("/open//a", "", 400)] {
        let lines = if token.is_empty() { String::new() } else { format!("Authorization: {token}\r\n") };
        let own = gate.client().ask("GET", target, &lines, b"").expect(status);
        for style in [Style::Nginx, Style::Traefik] {
            let told = style.ask(&mut proxy, "GET", target, &lines).expect(style.status(status));
            assert_eq!(told.json(), own.json(), "{style:?} {target}");
            assert_eq!(told.field("content-type"), own.field("content-type"));
            assert_eq!(told.field("x-portcullis-error"), own.json()["error"]["code"].as_str());
        }
    }
}

#[test]
fn nginx_gets_no_other_status_than_it_knows() {
    let app = app();
    let limits = setup(&app).set("limits.requests_per_client", "3/hour").with_manual_clock();
    let gate = Gate::start(limits);
    let mut proxy = proxy(&gate);
    for style in STYLES {
        let client = format!("X-Forwarded-For: 192.0.2.{}\r\n", style as u8);
        for _ in 0..3 {
            style.ask(&mut proxy, "GET", "/open", &client).expect(200);
        }
        let answer = style.ask(&mut proxy, "GET", "/open", &client).expect(style.status(429));
        assert_eq!(answer.field("x-portcullis-error"), Some("TOO_MANY_REQUESTS"));
        assert_eq!(answer.field("x-portcullis-status"), (style == Style::Nginx).then_some("429"));
        assert!(answer.field("retry-after").is_some());
    }
}

#[test]
fn a_401_has_a_challenge_in_every_profile() {
    let app = app();
    for (key, value, challenge) in [
        ("profile", "standard", "Bearer"),
        ("profile", "loopback3", "Portcullis"),
        ("credentials.schemes", "raw", "Portcullis"),
    ] {
        let gate = Gate::start(setup(&app).set(key, value));
        let mut proxy = proxy(&gate);
        for style in STYLES {
            let answer = style.ask(&mut proxy, "GET", "/mine", "").expect(401);
            assert_eq!(answer.field("www-authenticate"), Some(challenge), "{style:?} {value}");
        }
    }
}
