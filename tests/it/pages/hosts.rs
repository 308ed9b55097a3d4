//! One login for several hosts.

use std::time::Duration;

use super::support::{Browser, NAVIGATES, PASSWORD, token};
use crate::support::{App, Gate, Response, Setup};

/// A gate with three apps, each on a host of its own; the login page is on the first one's.
fn three() -> (App, Gate) {
    let app = App::echo();
    let gate = Gate::start(three_before(&app).with_manual_clock());
    (app, gate)
}

/// The settings of such a gate.
pub(super) fn three_before(app: &App) -> Setup {
    let entry = |name: &str, accounts: &str| {
        format!(
            "[[apps]]\nname = \"{name}\"\nhosts = [\"{name}.localhost\"]\nupstream = {{ servers = [\"{}\"] }}\n{accounts}",
            app.url()
        )
    };
    let tables = [entry("one", ""), entry("two", ""), entry("three", "accounts = false\n")].concat();
    let setup = Setup::before(&app.url()).tables(&tables).set("server.public_url", "http://one.localhost");
    setup.set("policies.unmatched", "authenticated")
}

/// The browser's view of each host: cookies are of one host alone.
fn browsers(gate: &Gate) -> [Browser; 2] {
    ["one.localhost", "two.localhost"].map(|host| Browser::over(gate.client(), host))
}

fn location(response: Response) -> String {
    response.expect(303).field("location").unwrap().to_owned()
}

/// The path of a URL of this host.
fn path_on(url: &str, host: &str) -> String {
    url.strip_prefix(&format!("http://{host}")).unwrap_or_else(|| panic!("{url} is not on {host}")).to_owned()
}

fn sign_up(gate: &Gate) {
    let account = serde_json::json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
    let lines = "Content-Type: application/json\r\nHost: one.localhost\r\n";
    let body = account.to_string();
    let mut client = gate.client();
    client.send(format!("POST /api/users HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()));
    client.response().expect(200);
}

/// From a page of the second host to the login page of the first.
fn to_login(two: &mut Browser, page: &str) -> String {
    let own = location(two.get(page));
    assert!(own.starts_with("/.portcullis/login?to="), "{own}");
    path_on(&location(two.get(&own)), "one.localhost")
}

#[test]
fn a_login_on_one_host_is_good_on_the_other_and_so_is_a_logout() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart?x=1&y=2");
    let back = one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)]);
    let code = path_on(&location(back), "two.localhost");
    assert!(code.starts_with("/.portcullis/handover?code="), "{code}");
    assert_eq!(location(two.get(&code)), "/cart?x=1&y=2");
    two.get("/cart?x=1&y=2").expect(200);
    one.get("/other").expect(200);
    assert_ne!(one.cookies["portcullis"], two.cookies["portcullis"]);
    // It is one device, with one button.
    let sessions = one.get("/.portcullis/account/sessions").expect(200);
    assert_eq!(sessions.text().matches("<li>").count(), 1, "{}", sessions.text());
    // The code works once.
    two.cookies.remove("portcullis");
    assert!(location(two.get(&code)).starts_with("/.portcullis/login"));
    two.get("/cart").expect(303);

    // Logged in on the first host, the second one needs no form. (A moment later: a browser that comes back at once is
    // told why.)
    gate.advance(Duration::from_secs(300));
    let login = to_login(&mut two, "/cart");
    let code = path_on(&location(one.get(&login)), "two.localhost");
    two.get(&code).expect(303);
    two.get("/cart").expect(200);
    two.submit("/.portcullis/logout", None, &[]).expect(303);
    one.get("/other").expect(303);
    two.get("/cart").expect(303);
}

#[test]
fn a_code_is_for_one_host_one_browser_and_half_a_minute() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart");
    let handed = |one: &mut Browser| path_on(&location(one.get(&login)), "two.localhost");
    one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)]).expect(303);
    let refused = |browser: &mut Browser, code: &str| {
        assert!(location(browser.get(code)).starts_with("/.portcullis/login"));
        assert!(!browser.cookies.contains_key("portcullis"));
    };
    // Another browser, with the link.
    let code = handed(&mut one);
    let mut thief = Browser::over(gate.client(), "two.localhost");
    refused(&mut thief, &code);
    refused(&mut two, &code);
    let code = handed(&mut one);
    thief.get("/.portcullis/nothing");
    assert!(thief.cookies.contains_key("portcullis-form"));
    refused(&mut thief, &code);
    refused(&mut two, &code);
    // The other host.
    let code = handed(&mut one);
    let mut elsewhere = Browser::over(gate.client(), "one.localhost");
    elsewhere.cookies = two.cookies.clone();
    refused(&mut elsewhere, &code);
    // Too late, and after a logout.
    let code = handed(&mut one);
    gate.advance(Duration::from_secs(30));
    refused(&mut two, &code);
    let code = handed(&mut one);
    one.submit("/.portcullis/logout", None, &[]).expect(303);
    refused(&mut two, &code);
}

#[test]
fn a_token_that_was_handed_over_counts_at_its_host_alone() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart");
    let code = path_on(
        &location(one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)])),
        "two.localhost",
    );
    two.get(&code).expect(303);
    let token = two.cookies["portcullis"].clone();
    let mut client = gate.client();
    for (host, status) in [("two.localhost", 200), ("TWO.localhost", 200), ("one.localhost", 401)] {
        for credential in ["X-Access-Token: ", "Cookie: portcullis="] {
            // Twice: a connection remembers its last caller.
            for _ in 0..2 {
                client.send(format!("GET /cart HTTP/1.1\r\nHost: {host}\r\n{credential}{token}\r\n\r\n"));
                assert_eq!(client.response().status, status, "{host}: {credential}");
            }
        }
    }
    let mut elsewhere = Browser::over(gate.client(), "one.localhost");
    elsewhere.cookies.insert("portcullis".to_owned(), token.clone());
    assert!(location(elsewhere.get("/.portcullis/account")).starts_with("/.portcullis/login"));
    // Out of its cookie it is a browser's token still, which does not take over the account.
    let body = r#"{"password":"another-good-password"}"#;
    client.send(format!(
        "PATCH /api/users/1 HTTP/1.1\r\nHost: two.localhost\r\nX-Access-Token: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let refused = client.response().expect(403);
    assert_eq!(refused.json()["error"]["code"], "CURRENT_PASSWORD_REQUIRED");
    // Its host is no login page for others: it gives no code, for whichever browser it is asked.
    for target in ["http://one.localhost/", "http://two.localhost/cart"] {
        let login = format!("/.portcullis/login?to={target}&for={}", "0".repeat(64));
        assert!(!two.get(&login).expect(200).text().contains("code="), "{target}");
    }
}

#[test]
fn a_frame_gets_no_code() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart");
    one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)]).expect(303);
    for dest in ["iframe", "frame", "embed", "object", "empty"] {
        let page = one.ask("GET", &login, &format!("{NAVIGATES}Sec-Fetch-Dest: {dest}\r\n"), "").expect(200);
        assert_eq!(page.field("x-frame-options"), Some("DENY"), "{dest}");
        assert!(!page.text().contains("handover"), "{dest}");
    }
    for dest in ["Sec-Fetch-Dest: document\r\n", ""] {
        let next = location(one.ask("GET", &login, &format!("{NAVIGATES}{dest}"), ""));
        assert!(next.contains("/.portcullis/handover?code="), "{next}");
    }
}

/// A page that has filled the browser with cookies could else read from its frame that a code was refused, and where.
#[test]
fn what_is_refused_early_is_in_no_frame() {
    let app = App::echo();
    let gate = Gate::start(three_before(&app).set("server.max_header_bytes", "1kb"));
    let (large, broken) = (format!("Cookie: a={}\r\n", "a".repeat(1100)), "A B: c\r\n".to_owned());
    for (lines, status) in [(large, 431), (broken, 400)] {
        let mut client = gate.client();
        let target = "/.portcullis/handover?code=1";
        client.send(format!("GET {target} HTTP/1.1\r\nHost: two.localhost\r\n{NAVIGATES}{lines}\r\n"));
        let answer = client.response().expect(status);
        assert_eq!(answer.field("x-frame-options"), Some("DENY"), "{status}");
        assert!(
            answer.field("content-security-policy").unwrap().contains("frame-ancestors 'none'"),
            "{status}"
        );
    }
}

#[test]
fn a_login_leads_to_hosts_with_pages_alone() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, _] = browsers(&gate);
    let proof = "0".repeat(64);
    for target in [
        "http://three.localhost/",
        "https://two.localhost/",
        "http://two.localhost:81/",
        "http://two.localhost.evil.example/",
        "http://two.localhost@evil.example/",
    ] {
        one.get(&format!("/.portcullis/login?to={target}&for={proof}")).expect(400);
    }
    let page = one.get(&format!("/.portcullis/login?to=http://two.localhost/&for={proof}")).expect(200);
    assert!(
        page.field("content-security-policy").unwrap().ends_with("form-action 'self' http://two.localhost")
    );
    // Without a proof the browser goes there as it is.
    let fields = [("name", "ann"), ("password", PASSWORD), ("form_token", &*token(page.text()))];
    let next = one.post("/.portcullis/login?to=http://two.localhost/a&for=x", &fields);
    assert_eq!(location(next), "http://two.localhost/a");
    // An app without accounts has no pages, and its browsers no redirect.
    Browser::over(gate.client(), "three.localhost").get("/a").expect(401);
}

#[test]
fn a_browser_that_comes_back_without_its_cookie_is_told_so() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart");
    let back = one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)]);
    let code = path_on(&location(back), "two.localhost");
    two.get(&code).expect(303);
    two.cookies.remove("portcullis");
    let own = location(two.get("/cart"));
    let page = two.get(&own).expect(200);
    assert!(page.text().contains("came back without the session cookie"), "{}", page.text());
}

/// The link of a page to this path, with its query.
fn link(page: &Response, path: &str) -> String {
    let text = page.text().replace("&amp;", "&").replace("&#x2f;", "/");
    let (_, link) = text.split_once(&format!("href=\"{path}")).unwrap_or_else(|| panic!("{path}: {text}"));
    format!("{path}{}", link.split_once('"').unwrap().0)
}

fn form_action(page: &Response) -> String {
    let policy = page.field("content-security-policy").unwrap();
    policy.split_once("form-action ").unwrap().1.to_owned()
}

#[test]
fn a_form_may_lead_to_the_login_page_of_all_hosts() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart");
    let code = path_on(
        &location(one.submit(&login, None, &[("name", "ann"), ("password", PASSWORD)])),
        "two.localhost",
    );
    two.get(&code).expect(303);
    for page in ["logout", "denied", "account/delete", "forgot"] {
        assert_eq!(
            form_action(&two.get(&format!("/.portcullis/{page}"))),
            "'self' http://one.localhost",
            "{page}"
        );
        assert_eq!(form_action(&one.get(&format!("/.portcullis/{page}"))), "'self'", "{page}");
    }
    // What follows a form is said by the page that it ends on.
    let out = location(two.submit("/.portcullis/logout", None, &[]));
    let central = path_on(&location(two.get(&out)), "one.localhost");
    let page = one.get(&central).expect(200);
    assert!(page.text().contains("You are signed out."), "{}", page.text());
    assert_eq!(form_action(&page), "'self' http://two.localhost");
    // A session there does not undo a logout here.
    one.log_in("ann");
    assert!(one.get(&central).expect(200).text().contains("You are signed in as ann."));
    let long = format!("/{}", "a".repeat(4090));
    let own = format!("/.portcullis/login?to={long}");
    let sent = location(two.get(&own));
    assert!(sent.contains("login?to=http%3A//two.localhost/&for="), "{sent}");
}

#[test]
fn a_registration_leads_back_to_the_host_that_asked() {
    let (_app, gate) = three();
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/cart?x=1");
    let page = one.get(&login).expect(200);
    let register = link(&page, "/.portcullis/register");
    // The host's own page of registration is that one, too.
    let own = path_on(&location(two.get("/.portcullis/register?to=/cart%3Fx%3D1")), "one.localhost");
    assert_eq!(own, register);
    let page = one.get(&register).expect(200);
    assert_eq!(form_action(&page), "'self' http://two.localhost");
    assert_eq!(link(&page, "/.portcullis/login"), login);
    let fields = [("email", "bob@example.com"), ("password", PASSWORD), ("repeat", PASSWORD)];
    let code = path_on(&location(one.submit(&register, None, &fields)), "two.localhost");
    assert_eq!(location(two.get(&code)), "/cart?x=1");
    two.get("/cart?x=1").expect(200);
}

#[test]
fn a_target_without_a_slash_has_a_path() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    let login = to_login(&mut two, "/a");
    let (_, proof) = login.split_once("&for=").unwrap();
    one.log_in("ann");
    for (target, expected) in [
        ("http://two.localhost", "/"),
        ("http://two.localhost/a", "/a"),
        ("http://two.localhost%3Fx=1", "/?x=1"),
        ("http://two.localhost%23x", "/#x"),
        ("http://two.localhost/stra%C3%9Fe", "/stra%C3%9Fe"),
    ] {
        let code = location(one.get(&format!("/.portcullis/login?to={target}&for={proof}")));
        assert_eq!(location(two.get(&path_on(&code, "two.localhost"))), expected, "{target}");
    }
}

#[test]
fn tabs_of_one_browser_each_come_back() {
    let (_app, gate) = three();
    sign_up(&gate);
    let [mut one, mut two] = browsers(&gate);
    one.log_in("ann");
    let logins = ["/a", "/b"].map(|page| to_login(&mut two, page));
    let codes = logins.map(|login| path_on(&location(one.get(&login)), "two.localhost"));
    assert_eq!(codes.map(|code| location(two.get(&code))), ["/a", "/b"]);
    two.get("/b").expect(200);
}
