//! What a browser gets in place of a refusal.

use super::support::{Browser, NAVIGATES, PASSWORD, gate, setup};
use crate::support::{App, Gate, Setup};

#[test]
fn a_browser_that_navigates_is_sent_to_the_login_and_nothing_else_is() {
    let (app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    let old = "Accept: text/html\r\n";
    for lines in [NAVIGATES, old] {
        let sent = browser.ask("GET", "/mine", lines, "").expect(303);
        assert_eq!(sent.field("location"), Some("/.portcullis/login?to=/mine"));
        assert_eq!(sent.field("cache-control"), Some("no-store"));
    }
    for (method, lines) in [
        ("GET", ""),
        ("GET", "Accept: application/json\r\n"),
        ("GET", "Accept: */*\r\n"),
        ("GET", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n"),
        ("GET", "Accept: */*\r\nSec-Fetch-Mode: no-cors\r\n"),
        ("GET", "Accept: text/html\r\nAuthorization: unknown\r\n"),
        ("POST", old),
        ("DELETE", NAVIGATES.split_once("Sec-Fetch").unwrap().0),
    ] {
        let answer = browser.ask(method, "/mine", lines, "").expect(401);
        assert!(answer.field("location").is_none(), "{method} {lines}");
    }
    // The cookie of a session that has ended: a script hears it.
    browser.cookies.insert("portcullis".to_owned(), "0".repeat(64));
    let answer = browser.ask("GET", "/mine", "Accept: */*\r\nSec-Fetch-Mode: cors\r\n", "").expect(401);
    assert_eq!(answer.json()["error"]["code"], "AUTHORIZATION_REQUIRED");
    assert!(app.requests().is_empty());
}

#[test]
fn a_token_in_the_address_is_not_carried_along() {
    let (_app, gate) = gate(&[]);
    let sent = Browser::new(&gate).get("/mine?a=1&access_token=secret&b=2").expect(303);
    assert_eq!(sent.field("location"), Some("/.portcullis/login?to=/mine%3Fa%3D1%26b%3D2"));
    let sent = Browser::new(&gate).get("/mine?access_token=secret").expect(303);
    assert_eq!(sent.field("location"), Some("/.portcullis/login?to=/mine"));
}

#[test]
fn a_user_who_may_not_is_told_so_and_can_change_accounts() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    gate.sign_up("bob");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let page = browser.get("/staff?x=1").expect(403);
    assert!(page.text().contains("You are signed in as ann."), "{}", page.text());
    let token = super::support::token(page.text());
    let (_, action) = page.text().split_once("action=\"").unwrap();
    let action = action.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#x2f;", "/");
    let out = browser.post(&action, &[("form_token", &token)]).expect(303);
    let login = out.field("location").unwrap().to_owned();
    let back = browser.submit(&login, None, &[("name", "bob"), ("password", PASSWORD)]).expect(303);
    assert_eq!(back.field("location"), Some("/staff?x=1"));
    assert!(browser.get("/staff").expect(403).text().contains("signed in as bob"));
    let answer = browser.ask("GET", "/staff", "Accept: application/json\r\n", "").expect(403);
    assert_eq!(answer.json()["error"]["code"], "ACCESS_DENIED");
}

#[test]
fn a_form_that_was_sent_in_vain_is_not_lost() {
    let (app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    let page = browser.post("/mine", &[("text", "long")]).expect(401);
    assert!(page.text().contains("was not accepted") && page.text().contains("target=\"_blank\""));
    assert!(app.requests().is_empty());
}

#[test]
fn a_loop_is_explained() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    // It keeps one cookie and drops the other.
    browser.cookies.remove("portcullis").unwrap();
    let login = browser.get("/mine").expect(303).field("location").unwrap().to_owned();
    let page = browser.get(&login).expect(200);
    assert!(page.text().contains("came back without the session cookie"), "{}", page.text());
    // After a logout this is no loop.
    browser.log_in("ann");
    browser.submit("/.portcullis/logout", None, &[]).expect(303);
    assert!(!browser.get(&login).text().contains("came back without"));
}

#[test]
fn where_basic_is_asked_for_a_browser_asks_itself() {
    let app = App::echo();
    let policy = r#"{"name": "Files", "challenge": "basic", "routes": [{"path": "/files"}], "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#;
    let gate = Gate::start(setup(&app).policy("files.json", policy));
    let answer = Browser::new(&gate).get("/files").expect(401);
    assert!(answer.head.to_lowercase().contains("www-authenticate: basic"), "{}", answer.head);
}

#[test]
fn without_pages_nothing_changes() {
    for settings in [&[("profile", "loopback3")][..], &[("pages.enabled", "false")]] {
        let (_app, gate) = gate(settings);
        let mut browser = Browser::new(&gate);
        browser.get("/.portcullis/login").expect(404);
        browser.get("/.portcullis/assets/style.css").expect(404);
        let refused = browser.get("/mine").expect(401);
        assert!(refused.field("location").is_none());
    }
}

#[test]
fn an_app_without_accounts_has_no_pages() {
    let (one, two) = (App::echo(), App::echo());
    let tables = format!(
        "[[apps]]\nname = \"one\"\nhosts = [\"127.0.0.1\"]\nupstream = {{ servers = [\"{}\"] }}\npolicies = {{ dir = \"policies\" }}\naccounts = false\n\
         [[apps]]\nname = \"two\"\nhosts = [\"localhost\"]\nupstream = {{ servers = [\"{}\"] }}\npolicies = {{ dir = \"policies\" }}\n",
        one.url(),
        two.url()
    );
    let gate = Gate::start(Setup::before(&one.url()).set("policies.unmatched", "deny").tables(&tables));
    Browser::over(gate.client(), "127.0.0.1").get("/.portcullis/login").expect(404);
    Browser::over(gate.client(), "127.0.0.1").get("/mine").expect(401);
    Browser::over(gate.client(), "localhost").get("/.portcullis/login").expect(200);
    Browser::over(gate.client(), "localhost").get("/mine").expect(303);
}

#[test]
fn a_failure_has_a_page_for_browsers_and_stays_what_it_is_for_programs() {
    let app = App::echo();
    let setup = setup(&app)
        .set("pages.title", "Fish & Ships")
        .set("pages.color", "#0a7")
        .set("pages.languages", "en,de,ja,zh")
        .set("upstream.servers", "http://127.0.0.1:1");
    let gate = Gate::start(setup);
    let mut browser = Browser::new(&gate);
    for (accepted, title) in [
        ("", "The application does not answer"),
        ("Accept-Language: de\r\n", "Die Anwendung antwortet nicht"),
        ("Accept-Language: ja\r\n", "アプリケーションが応答しません"),
        ("Accept-Language: zh\r\n", "应用程序没有响应"),
    ] {
        browser.fields = accepted.to_owned();
        let page = browser.get("/open").expect(502);
        let text = page.text();
        assert!(text.contains(&format!("<h1>{title}</h1>")) && text.contains("Fish &amp; Ships"), "{text}");
        assert!(text.contains(page.field("x-request-id").unwrap()), "{text}");
        // Complete in itself: what stops one request may stop the next.
        assert!(text.contains("--accent: #00aa77") && !text.contains("/.portcullis/assets"), "{text}");
        assert!(page.field("content-security-policy").unwrap().contains("default-src 'none'"));
        assert!(!text.contains("127.0.0.1:1") && page.field("set-cookie").is_none(), "{text}");
    }
    for lines in ["Accept: */*\r\n", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n"] {
        let program = browser.ask("GET", "/open", lines, "").expect(502);
        assert_eq!(program.json()["error"]["code"], "BAD_GATEWAY");
    }
}

#[test]
fn a_limit_has_a_page_with_the_time_to_wait() {
    let (_app, gate) = gate(&[("limits.requests_per_client", "1/minute")]);
    let mut browser = Browser::new(&gate);
    browser.get("/open").expect(200);
    let page = browser.get("/open").expect(429);
    let wait = page.field("retry-after").unwrap().to_owned();
    assert!(page.text().contains(&format!("Wait {wait} second")), "{}", page.text());
}
