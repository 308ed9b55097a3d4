//! Pages of other origins (docs/cors.md): preflights, answers of the gate and of the app, cookies.

use crate::support::{App, Client, Gate, Response, Setup, answer};

const PAGE: &str = "https://app.test";
const EVIL: &str = "https://evil.test";

/// A gate whose `origins` is this value of TOML, in front of an app that lets every origin in.
fn gate(origins: &str, credentials: bool) -> (App, Gate) {
    let app =
        App::answering(|_| answer("200 OK", "Vary: Accept\r\nAccess-Control-Allow-Origin: *\r\n", "ok"));
    let setup = Setup::new(&app)
        .tables(&format!("[cors]\norigins = {origins}\ncredentials = {credentials}\n"))
        .set("policies.unmatched", "authenticated");
    let gate = Gate::start(setup);
    (app, gate)
}

fn listed(credentials: bool) -> (App, Gate) {
    gate(&format!("[\"{PAGE}\"]"), credentials)
}

fn preflight(client: &mut Client, target: &str, origin: &str) -> Response {
    let lines = format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: authorization,x-a\r\n"
    );
    client.ask("OPTIONS", target, &lines, b"")
}

/// The value of `Access-Control-Allow-Origin`.
fn allowed(answer: &Response) -> Option<&str> {
    answer.field("access-control-allow-origin")
}

/// All values of `Vary`.
fn vary(answer: &Response) -> Vec<&str> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("vary")).map(|(_, value)| value).collect()
}

#[test]
fn a_preflight_is_answered_before_the_decision_and_the_app_hears_nothing() {
    let (app, gate) = listed(true);
    let mut client = gate.client();
    for target in ["/orders", "/api/users/1", "/api/users/login"] {
        let answer = preflight(&mut client, target, PAGE);
        assert_eq!((answer.status, allowed(&answer)), (204, Some(PAGE)), "{target}");
        assert_eq!(answer.field("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.field("access-control-allow-headers"), Some("authorization,x-a"));
        assert!(answer.field("access-control-allow-methods").unwrap().contains("PATCH"));
        assert_eq!(answer.field("access-control-max-age"), Some("86400"));
        let answer = preflight(&mut client, target, EVIL);
        assert_eq!((answer.status, allowed(&answer)), (403, None), "{target}");
        assert!(answer.text().contains("ORIGIN_NOT_ALLOWED"), "{}", answer.text());
    }
    assert!(app.requests().is_empty());
    // Without its fields it is a request as any other.
    assert_eq!(client.ask("OPTIONS", "/orders", &format!("Origin: {PAGE}\r\n"), b"").status, 401);
    let method = "Access-Control-Request-Method: PATCH\r\n";
    assert_eq!(client.ask("OPTIONS", "/orders", method, b"").status, 401);
    // No page of another origin reads the login page.
    let answer = preflight(&mut client, "/.portcullis/login", PAGE);
    assert_eq!((answer.status == 204, allowed(&answer)), (false, None));
}

#[test]
fn a_listed_page_reads_refusals_answers_of_the_gate_and_of_the_app() {
    let (_app, gate) = listed(false);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let token = format!("X-Access-Token: {}\r\n", ann.token);
    let own = format!("/api/users/{}", ann.id);
    for (target, lines, status) in [("/orders", "", 401), (&*own, &*token, 200), ("/orders", &token, 200)] {
        let of = |origin: &str| format!("{lines}Origin: {origin}\r\n");
        let answer = client.ask("GET", target, &of(PAGE), b"");
        assert_eq!((answer.status, allowed(&answer)), (status, Some(PAGE)), "{target}");
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        for lines in [of(EVIL), of("null"), lines.to_owned(), format!("{}Origin: {PAGE}\r\n", of(PAGE))] {
            let answer = client.ask("GET", target, &lines, b"");
            assert_eq!((answer.status, allowed(&answer)), (status, None), "{target}: {lines}");
            assert!(vary(&answer).contains(&"Origin"), "{target}: {lines}");
        }
    }
    let answer = client.ask("GET", "/orders", &format!("{token}Origin: {PAGE}\r\n"), b"");
    assert_eq!(vary(&answer), ["Origin", "Accept"]);
    let answer = client.ask("GET", "/orders", &format!("Origin: {PAGE}\r\n"), b"");
    assert!(answer.field("access-control-expose-headers").unwrap().contains("X-Request-Id"));
}

#[test]
fn a_star_and_a_reflection_are_for_every_origin() {
    for (origins, credentials, told) in [("\"*\"", false, "*"), ("\"reflect\"", true, EVIL)] {
        let (_app, gate) = gate(origins, credentials);
        let ann = gate.sign_up("ann");
        let lines = format!("X-Access-Token: {}\r\nOrigin: {EVIL}\r\n", ann.token);
        let mut client = gate.client();
        for target in ["/orders", "/api/users/1", "/api/users"] {
            let answer = client.ask("GET", target, &lines, b"");
            assert_eq!(allowed(&answer), Some(told), "{origins}: {target}");
            assert_eq!(answer.field("access-control-allow-credentials").is_some(), credentials);
        }
        assert_eq!(allowed(&preflight(&mut client, "/orders", EVIL)), Some(told));
    }
}

#[test]
fn a_cookie_acts_for_pages_of_listed_origins_alone() {
    for (origins, credentials, page, status) in [
        ("[\"https://app.test\"]", true, PAGE, 200),
        ("[\"https://app.test\"]", true, EVIL, 403),
        ("[\"https://app.test\"]", true, "null", 403),
        ("[\"https://app.test\"]", false, PAGE, 403),
        ("\"reflect\"", true, PAGE, 403),
        ("[]", false, PAGE, 403),
    ] {
        let (_app, gate) = gate(origins, credentials);
        let ann = gate.sign_up("ann");
        let lines = format!(
            "Cookie: __Host-portcullis={}\r\nOrigin: {page}\r\nSec-Fetch-Site: same-site\r\n",
            ann.token
        );
        let answer = gate.client().ask("POST", "/orders", &lines, b"");
        assert_eq!(answer.status, status, "{origins} {credentials} {page}: {}", answer.text());
    }
}

#[test]
fn without_the_setting_the_app_speaks_for_itself() {
    let (app, gate) = gate("[]", false);
    let ann = gate.sign_up("ann");
    let lines = format!("X-Access-Token: {}\r\nOrigin: {EVIL}\r\n", ann.token);
    let mut client = gate.client();
    assert_eq!(allowed(&client.ask("GET", "/orders", &lines, b"")), Some("*"));
    assert_eq!(allowed(&client.ask("GET", "/api/users/1", &lines, b"")), None);
    let lines = format!("{lines}Access-Control-Request-Method: PATCH\r\n");
    assert_eq!(client.ask("OPTIONS", "/orders", &lines, b"").status, 200);
    assert_eq!(app.requests().len(), 2);
}
