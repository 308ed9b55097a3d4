//! Links of mails: what mail scanners open first, and what is used, expired, foreign or cut.

use std::time::{Duration, Instant};

use portcullis::accounts::TokenRequest;
use serde_json::Value;

use super::support::{Browser, PASSWORD, gate, setup, token};
use crate::support::{App, GUARD, Gate, answer, echo};

const NEW: &str = "another-good-password";

/// An app that takes events, too.
fn mailing() -> (App, Gate) {
    let app = App::answering(|request| {
        if request.target() == "/hook" { answer("204 No Content", "", "") } else { echo(request) }
    });
    let hook = format!("{}/hook", app.url());
    let setup = setup(&app).set("webhook.url", &hook).set("webhook.secret", "hush");
    let gate = Gate::start(setup.set("users.email_verification_required", "true"));
    (app, gate)
}

/// The last event of a kind.
fn event(app: &App, kind: &str) -> Value {
    let began = Instant::now();
    loop {
        let hooks = app.requests().into_iter().filter(|request| request.target() == "/hook");
        let events = hooks.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        if let Some(event) = events.rev().find(|event| event["type"] == kind) {
            return event;
        }
        assert!(began.elapsed() < GUARD, "no `{kind}`");
    }
}

fn reset_token(gate: &Gate, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let request = TokenRequest { scopes, ttl: Some(900.0), ..TokenRequest::default() };
    let issued = gate.run(gate.parts().accounts().issue(&1.into(), request)).unwrap();
    issued.id.expose().to_owned()
}

#[test]
fn a_forgotten_password_is_set_by_the_link_of_the_mail() {
    let (app, gate) = mailing();
    let mut browser = Browser::new(&gate);
    let fields = [("email", "ann@example.com"), ("password", PASSWORD), ("repeat", PASSWORD)];
    browser.submit("/.portcullis/register", None, &fields).expect(200);
    // The address first.
    let confirm = event(&app, "verification.requested");
    let link = format!("/.portcullis/confirm?uid=1&token={}", confirm["verificationToken"].as_str().unwrap());
    let mut scanner = Browser::new(&gate);
    scanner.get(&link).expect(200);
    scanner.ask("HEAD", &link, "", "").expect(200);
    scanner.post(&link, &[]).expect(403);
    let next = browser.submit(&link, None, &[]).expect(303).field("location").unwrap().to_owned();
    assert!(browser.get(&next).text().contains("Your address is confirmed."));
    assert!(browser.submit(&next, Some(&link), &[]).expect(403).text().contains("This link does not work"));

    let told = |browser: &mut Browser, email: &str| {
        let page = browser.submit("/.portcullis/forgot", None, &[("email", email)]).expect(200);
        assert!(page.text().contains("Check your mail"), "{}", page.text());
        page.text().replace(email, "EMAIL")
    };
    assert!(browser.get("/.portcullis/login").text().contains("Forgot your password?"));
    assert_eq!(told(&mut browser, "nobody@example.com"), told(&mut browser, "ann@example.com"));
    let reset = event(&app, "reset.requested");
    let link = format!("/.portcullis/reset?token={}", reset["accessToken"]["id"].as_str().unwrap());
    for _ in 0..2 {
        let page = scanner.get(&link).expect(200);
        assert!(
            page.text().contains("ann@example.com") && page.field("referrer-policy") == Some("no-referrer")
        );
    }
    let next = browser.submit(&link, None, &[("password", NEW), ("repeat", NEW)]).expect(303);
    let next = next.field("location").unwrap().to_owned();
    assert!(browser.get(&next).text().contains("Your password is set."));
    assert!(!browser.cookies.contains_key("portcullis"), "the link alone logs nobody in");
    browser.submit("/.portcullis/login", None, &[("name", "ann@example.com"), ("password", NEW)]).expect(303);
    browser.get(&link).expect(403);
}

#[test]
fn a_link_that_is_no_good_says_what_to_do() {
    let app = App::echo();
    let gate = Gate::start(setup(&app).with_manual_clock());
    let ann = gate.sign_up("ann");
    let good = reset_token(&gate, &["reset-password"]);
    let mut browser = Browser::new(&gate);
    let own = token(browser.get("/.portcullis/login").text());
    let fields = [("password", NEW), ("repeat", NEW), ("form_token", &*own)];
    let cut = good.get(..good.len() - 1).unwrap();
    let scoped = [["reports"], ["DEFAULT"]].map(|scopes| reset_token(&gate, &scopes));
    let (twice, long) = (format!("{good}&token={good}"), "t".repeat(10_000));
    for token in ["", "x", cut, &ann.token, &scoped[0], &scoped[1], &twice, "%00", &long] {
        for page in ["reset", "invite"] {
            let link = format!("/.portcullis/{page}?token={token}");
            let answer = browser.get(&link).expect(403);
            assert!(answer.text().contains("This link does not work"), "{}", answer.text());
            let way = if page == "reset" { "Ask for a new link" } else { "ask the person who invited you" };
            assert!(answer.text().contains(way), "{}", answer.text());
            browser.post(&link, &fields).expect(403);
        }
    }
    for query in ["", "?uid=1", "?token=x", "?uid=1&token=x", "?uid=99&token=x"] {
        let link = format!("/.portcullis/confirm{query}");
        assert!(browser.get(&link).expect(403).text().contains("This link does not work"));
        browser.post(&link, &fields).expect(403);
    }
    let link = format!("/.portcullis/reset?token={good}");
    for (password, repeat, told) in [
        ("", "", "Enter your password."),
        (NEW, "other", "The two passwords differ."),
        ("short", "short", "at least 8 characters"),
    ] {
        let fields = [("password", password), ("repeat", repeat)];
        assert!(browser.submit(&link, None, &fields).expect(422).text().contains(told), "{told}");
    }
    browser.fields = "Sec-Fetch-Site: cross-site\r\n".to_owned();
    browser.post(&link, &fields).expect(403);
    browser.fields = String::new();
    gate.advance(Duration::from_secs(900));
    browser.post(&link, &fields).expect(403);
    Browser::new(&gate).log_in("ann");
}

#[test]
fn an_invited_user_chooses_the_first_password() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let link = format!("/.portcullis/invite?token={}", reset_token(&gate, &["reset-password"]));
    let mut browser = Browser::new(&gate);
    assert!(browser.get(&link).text().contains("Choose a password for your account ann@example.com."));
    let link = format!("{link}&to=/mine/a");
    let done = browser.submit(&link, None, &[("password", NEW), ("repeat", NEW)]).expect(303);
    assert_eq!(done.field("location"), Some("/mine/a"));
    browser.get("/mine/a").expect(200);
    Browser::new(&gate).submit("/.portcullis/login", None, &[("name", "ann"), ("password", NEW)]).expect(303);
}

#[test]
fn a_site_that_resets_no_passwords_does_not_promise_it() {
    let denied = r#"{"name": "Member", "base": "User", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY", "property": "resetPassword",
         "accessType": "EXECUTE"}]}"#;
    let app = App::echo();
    for setup in [
        setup(&app).set("mail.messages", "confirm"),
        setup(&app).policy("member.json", denied).set("api.user_model", "Member").set("api.users", "users"),
    ] {
        let gate = Gate::start(setup);
        let mut browser = Browser::new(&gate);
        assert!(!browser.get("/.portcullis/login").text().contains("Forgot"));
        assert!(browser.get("/.portcullis/forgot").expect(403).text().contains("cannot be reset"));
        browser.post("/.portcullis/forgot", &[("email", "ann@example.com")]).expect(403);
    }
}
