//! Logging in and out.

use std::time::Duration;

use super::support::{Browser, PASSWORD, gate, set_cookies, setup, token};
use crate::support::{App, Authority, Gate};

const LOGIN: &str = "/.portcullis/login";

#[test]
fn a_browser_logs_in_and_comes_back_to_where_it_wanted() {
    let (app, gate) = gate(&[]);
    let ann = gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    let sent = browser.get("/mine/orders?page=2").expect(303);
    let login = sent.field("location").unwrap().to_owned();
    assert_eq!(login, "/.portcullis/login?to=/mine/orders%3Fpage%3D2");
    let back = browser.submit(&login, None, &[("name", "ann@example.com"), ("password", PASSWORD)]);
    assert_eq!(back.expect(303).field("location"), Some("/mine/orders?page=2"));
    browser.get("/mine/orders?page=2").expect(200);
    let seen = app.requests().pop().unwrap();
    assert_eq!(seen.field("x-forwarded-user"), Some(&*ann.id.to_string()));
    assert_eq!(seen.field("cookie"), None, "no token reaches the app, and nothing that a form is bound to");
    // By the username, too.
    let mut other = Browser::new(&gate);
    other.submit(LOGIN, None, &[("name", "ann"), ("password", PASSWORD)]).expect(303);
    other.get("/mine").expect(200);
}

#[test]
fn cookies_are_strict_and_live_as_long_as_asked() {
    let app = App::echo();
    let gate = Gate::start(setup(&app).with_manual_clock());
    gate.sign_up("ann");
    let credentials = [("name", "ann"), ("password", PASSWORD)];
    let mut browser = Browser::new(&gate);
    let cookies = set_cookies(&browser.submit(LOGIN, None, &credentials));
    let session = cookies.iter().find(|cookie| cookie.starts_with("portcullis=")).unwrap();
    let (_, attributes) = session.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    gate.advance(Duration::from_secs(43_199));
    browser.get("/mine").expect(200);
    gate.advance(Duration::from_secs(1));
    let sent = browser.get("/mine").expect(303);
    let page = browser.get(sent.field("location").unwrap()).expect(200);
    assert!(page.text().contains("Your session has ended"), "{}", page.text());

    let [name, password] = credentials;
    let cookies = set_cookies(&browser.submit(LOGIN, None, &[name, password, ("remember", "on")]));
    assert!(cookies.iter().any(|cookie| cookie.contains("; Max-Age=1209600")), "{cookies:?}");
    gate.advance(Duration::from_secs(1_209_599));
    browser.get("/mine").expect(200);
}

#[test]
fn over_tls_the_cookie_is_of_this_host_alone() {
    let authority = Authority::new();
    let app = App::echo();
    let gate = Gate::start(setup(&app).tls(&[&authority.issue(&["site.example"])]));
    gate.sign_up("ann");
    let client = gate.tls_client("site.example", &authority);
    let mut browser = Browser::over(client, "site.example");
    browser.log_in("ann");
    let names: Vec<_> = browser.cookies.keys().map(String::as_str).collect();
    assert_eq!(names, ["__Host-portcullis", "__Host-portcullis-form"]);
    browser.get("/mine").expect(200);
}

#[test]
fn no_password_is_asked_for_over_a_network_in_the_clear() {
    let app = App::echo();
    let gate = Gate::start(setup(&app).set("server.public_url", "https://site.example"));
    gate.sign_up("ann");
    let mut elsewhere = Browser::over(gate.client(), "other.example");
    let page = elsewhere.get(LOGIN).expect(403);
    assert!(page.text().contains("not secure") && !page.text().contains("<input"), "{}", page.text());
    elsewhere.post(LOGIN, &[("name", "ann"), ("password", PASSWORD)]).expect(403);
    // A proxy before the gate has TLS, and `public_url` says so.
    let mut behind = Browser::over(gate.client(), "site.example");
    behind.log_in("ann");
    assert!(behind.cookies.contains_key("__Host-portcullis"));
}

#[test]
fn a_failed_login_keeps_the_name_and_tells_nothing_more() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    let mut texts = Vec::new();
    for name in ["ann@example.com", "bob@example.com", "ann", "bob"] {
        let page = browser.submit(LOGIN, None, &[("name", name), ("password", "wrong-password")]).expect(422);
        assert!(!browser.cookies.contains_key("portcullis"));
        assert!(!page.text().contains("wrong-password"));
        assert!(page.text().contains(&format!("value=\"{name}\"")), "{}", page.text());
        texts.push(page.text().replace(name, "NAME"));
    }
    assert!(texts.iter().all(|text| text.contains("The name or the password is wrong.")));
    texts.dedup_by(|one, two| one.len() == two.len());
    assert_eq!(texts.len(), 1, "the pages differ");
    for (fields, told) in [
        ([("name", ""), ("password", PASSWORD)], "Enter your email address or your username."),
        ([("name", "ann"), ("password", "")], "Enter your password."),
    ] {
        let page = browser.submit(LOGIN, None, &fields).expect(422);
        assert!(page.text().contains(told), "{}", page.text());
    }
    gate.wait_for_metric("portcullis_logins_total{result=\"failed\"} 4");
}

#[test]
fn what_was_typed_is_text_and_not_markup() {
    let (_app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    for name in ["<script>alert(1)</script>", "\"><img src=x>", "{{ 12345 * 54321 }}", "\u{202e}ann\u{5d0}"] {
        let page = browser.submit(LOGIN, None, &[("name", name), ("password", "x")]).expect(422);
        let text = page.text();
        assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
        assert!(!text.contains("670592745"), "a template: {text}");
        assert!(text.contains("dir=\"auto\""));
    }
    let long = "n".repeat(10_000);
    let page = browser.submit(LOGIN, None, &[("name", &long), ("password", "x")]).expect(422);
    assert!(page.body.len() < 8_000, "{} bytes", page.body.len());
    browser.submit(LOGIN, None, &[("name", &"n".repeat(40_000)), ("password", "x")]).expect(413);
}

#[test]
fn forms_of_other_sites_log_nobody_in() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let fields = [("name", "ann"), ("password", PASSWORD)];
    let good = |browser: &mut Browser| token(browser.get(LOGIN).text());
    let with = |token: &str| {
        let [name, password] = fields;
        [name, password]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .chain([("form_token".to_owned(), token.to_owned())])
            .collect::<Vec<_>>()
    };
    fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
        fields.iter().map(|(name, value)| (&**name, &**value)).collect()
    }
    let refused = |browser: &mut Browser, fields: &[(&str, &str)], told: &str| {
        let page = browser.post(LOGIN, fields).expect(403);
        assert!(page.text().contains(told), "{told}: {}", page.text());
        assert!(!browser.cookies.contains_key("portcullis"));
    };
    // The page is another site's, with everything else right.
    for page in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://evil.example\r\n",
        "Origin: https://127.0.0.1\r\n",
    ] {
        let mut browser = Browser::new(&gate);
        let own = with(&good(&mut browser));
        browser.fields = page.to_owned();
        refused(&mut browser, &borrowed(&own), "Another site sent this form");
    }
    // An old browser tells nothing: the token decides.
    let mut browser = Browser::new(&gate);
    browser.fields = "Origin: null\r\n".to_owned();
    refused(&mut browser, &fields, "did not send the cookie");
    good(&mut browser);
    refused(&mut browser, &fields, "open for too long");
    refused(&mut browser, &borrowed(&with("0".repeat(64).as_str())), "open for too long");
    // The token of another browser: login CSRF with an account of the attacker.
    let foreign = with(&good(&mut Browser::new(&gate)));
    refused(&mut browser, &borrowed(&foreign), "open for too long");
    let own = with(&good(&mut browser));
    let body = format!("name=ann&password={PASSWORD}&form_token={}", own[2].1);
    for kind in ["text/plain", "multipart/form-data", "application/json"] {
        browser.ask("POST", LOGIN, &format!("Content-Type: {kind}\r\n"), &body).expect(415);
    }
    browser.post(LOGIN, &borrowed(&own)).expect(303);
}

#[test]
fn a_login_leads_nowhere_else() {
    let (_app, gate) = gate(&[("users.redirect_hosts", "shop.example")]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    let own = token(browser.get(LOGIN).text());
    let fields = [("name", "ann"), ("password", PASSWORD), ("form_token", &own)];
    for target in [
        "https://evil.example",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "%09//evil.example",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "https://shop.example@evil.example",
        "https://shop.example.evil.example",
        "https://shop.example:;x/",
        "https://shop.example:%3Bscript-src/",
        "https:evil.example",
        "/%0d%0aSet-Cookie:x=1",
        "evil",
    ] {
        let page = browser.get(&format!("{LOGIN}?to={target}")).expect(400);
        assert!(!page.text().contains("evil.example"), "{target}");
        browser.post(&format!("{LOGIN}?to={target}"), &fields).expect(400);
        browser.post(&format!("/.portcullis/logout?to={target}"), &fields).expect(400);
    }
    let target = format!("{LOGIN}?to=https://shop.example/cart");
    let page = browser.get(&target).expect(200);
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.ends_with("form-action 'self' https://shop.example shop.example"), "{policy}");
    assert_eq!(
        browser.post(&target, &fields).expect(303).field("location"),
        Some("https://shop.example/cart")
    );
    let back = browser.post(&format!("{LOGIN}?to=/stra%C3%9Fe"), &fields).expect(303);
    assert_eq!(back.field("location"), Some("/stra%C3%9Fe"));
    // Twice is as good as none: which one counts would depend on the reader.
    let back = browser.post(&format!("{LOGIN}?to=/mine&to=//evil.example"), &fields).expect(303);
    assert_eq!(back.field("location"), Some("/"));
}

#[test]
fn each_login_is_a_new_token_and_ends_the_one_before() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let first = browser.cookies["portcullis"].clone();
    let page = browser.get(LOGIN).expect(200);
    assert!(page.text().contains("You are signed in as ann."), "{}", page.text());
    browser.log_in("ann");
    assert_ne!(first, browser.cookies["portcullis"]);
    browser.get("/mine").expect(200);
    let mut old = Browser::new(&gate);
    old.cookies.insert("portcullis".to_owned(), first);
    old.get("/mine").expect(303);
}

#[test]
fn tabs_survive_each_other() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    let pages = ["/mine/a", "/mine/b"].map(|page| {
        let login = browser.get(page).expect(303).field("location").unwrap().to_owned();
        (token(browser.get(&login).text()), login, page)
    });
    for (token, login, page) in &pages {
        let fields = [("name", "ann"), ("password", PASSWORD), ("form_token", token)];
        assert_eq!(browser.post(login, &fields).expect(303).field("location"), Some(*page));
    }
    browser.get("/mine/a").expect(200);
}

#[test]
fn a_logout_ends_the_session_and_a_get_does_not() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let held = browser.cookies.clone();
    browser.get("/.portcullis/logout").expect(200);
    browser.get("/mine").expect(200);
    browser.fields = "Sec-Fetch-Site: cross-site\r\n".to_owned();
    browser.post("/.portcullis/logout", &[]).expect(403);
    browser.fields = String::new();
    browser.post("/.portcullis/logout", &[]).expect(403);
    browser.get("/mine").expect(200);
    let out = browser.submit("/.portcullis/logout", None, &[]).expect(303);
    assert_eq!(out.field("clear-site-data"), Some("\"cache\""));
    assert!(!browser.cookies.contains_key("portcullis"));
    let page = browser.get(out.field("location").unwrap()).expect(200);
    assert!(page.text().contains("You are signed out."), "{}", page.text());
    // A page of another site, in a browser that does not say so: no cookie of ours comes with its form, and none is removed.
    let mut foreign = Browser::new(&gate);
    foreign.fields = "Origin: null\r\n".to_owned();
    let answer = foreign.post("/.portcullis/logout", &[]).expect(303);
    assert!(set_cookies(&answer).is_empty() && answer.field("clear-site-data").is_none(), "{}", answer.head);
    // Another tab, and a cookie that was copied.
    let mut copy = Browser::new(&gate);
    copy.cookies = held;
    copy.get("/mine").expect(303);
    copy.post("/.portcullis/logout", &[]).expect(303);
    assert_eq!(copy.get("/.portcullis/logout").expect(303).field("location"), Some(LOGIN));
}

#[test]
fn the_limit_of_logins_holds_for_pages() {
    let (_app, gate) = gate(&[("limits.login_per_client", "2/minute")]);
    let mut browser = Browser::new(&gate);
    let mut try_it = || browser.submit(LOGIN, None, &[("name", "ann"), ("password", "x")]);
    try_it().expect(422);
    try_it().expect(422);
    let page = try_it().expect(429);
    let wait: u64 = page.field("retry-after").unwrap().parse().unwrap();
    assert!(page.text().contains(&format!("Wait {wait} second")), "{}", page.text());
}
