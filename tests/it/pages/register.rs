//! Registration.

use super::support::{Browser, PASSWORD, gate, set_cookies, setup, token};
use crate::support::{App, Gate};

const REGISTER: &str = "/.portcullis/register";

fn fields<'f>(email: &'f str, password: &'f str, repeat: &'f str) -> [(&'f str, &'f str); 3] {
    [("email", email), ("password", password), ("repeat", repeat)]
}

#[test]
fn a_visitor_registers_and_is_logged_in() {
    let (_app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    let login = browser.get("/mine/a").expect(303).field("location").unwrap().to_owned();
    assert!(browser.get(&login).text().contains("Create an account"));
    let page = format!("{REGISTER}?to=/mine/a");
    let done = browser.submit(&page, None, &fields("ann@example.com", PASSWORD, PASSWORD)).expect(303);
    assert_eq!(done.field("location"), Some("/mine/a"));
    browser.get("/mine/a").expect(200);
    // It is an account as any other.
    let mut other = Browser::new(&gate);
    other.log_in("ann");
    // Whoever is there already is asked to log in.
    let page = other.submit(REGISTER, None, &fields("ann@example.com", PASSWORD, PASSWORD)).expect(422);
    assert!(page.text().contains("There is an account with this address."), "{}", page.text());
}

#[test]
fn what_is_wrong_is_said_and_what_was_typed_stays() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("bob");
    let mut browser = Browser::new(&gate);
    for (email, username, password, repeat, told) in [
        ("", "", PASSWORD, PASSWORD, "Enter your email address."),
        ("ann", "", PASSWORD, PASSWORD, "not an email address"),
        ("ann@example.com", "", "", "", "Enter your password."),
        ("ann@example.com", "", PASSWORD, "other", "The two passwords differ."),
        ("ann@example.com", "", "short", "short", "at least 8 characters"),
        ("ann@example.com", "", "password1", "password1", "one of the most common"),
        ("ann@example.com", "bob", PASSWORD, PASSWORD, "This username is taken."),
        ("ann@example.com", "x@y.example", PASSWORD, PASSWORD, "This username cannot be used."),
    ] {
        let fields = [("email", email), ("username", username), ("password", password), ("repeat", repeat)];
        let page = browser.submit(REGISTER, None, &fields).expect(422);
        let text = page.text();
        assert!(text.contains(told), "{told}: {text}");
        assert!(
            text.contains(&format!("value=\"{email}\"")) && text.contains(&format!("value=\"{username}\""))
        );
        assert!(password.is_empty() || !text.contains(&format!("value=\"{password}\"")), "{text}");
        assert!(!browser.cookies.contains_key("portcullis"));
    }
    // All at once.
    let page = browser.submit(REGISTER, None, &fields("", "", "")).expect(422);
    assert!(page.text().contains("href=\"#email\"") && page.text().contains("href=\"#password\""));
}

#[test]
fn what_the_app_requires_is_asked_for() {
    let member = r#"{"name": "Member", "base": "User", "properties": {
        "firstName": {"type": "string", "required": true},
        "size": {"type": "number", "required": true, "description": ["Shoe size,", "European"]},
        "born": {"type": "date", "required": true},
        "member": {"type": "boolean", "required": true},
        "tags": {"type": ["string"], "required": true},
        "username": {"type": "string", "required": true},
        "plan": {"type": "string", "required": true, "default": "free"},
        "note": "string"
    }}"#;
    let app = App::echo();
    let gate = Gate::start(setup(&app).policy("member.json", member).set("api.user_model", "Member"));
    let mut browser = Browser::new(&gate);
    let page = browser.get(REGISTER).expect(200);
    let text = page.text();
    for shown in [
        "<label for=\"property-firstName\">First name</label>",
        "autocomplete=\"given-name\"",
        ">Shoe size, European</label>",
        "name=\"property-size\" type=\"number\"",
        "name=\"property-born\" type=\"date\"",
        "<input type=\"checkbox\" id=\"property-member\"",
        "Several are separated by commas.",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(
        !text.contains("property-plan") && !text.contains("property-note") && !text.contains("Optional.")
    );
    let mut fields = fields("ann@example.com", PASSWORD, PASSWORD).to_vec();
    let page = browser.submit(REGISTER, None, &fields).expect(422);
    for name in ["username", "property-firstName", "property-size", "property-born", "property-tags"] {
        assert!(page.text().contains(&format!("href=\"#{name}\"")), "{name}: {}", page.text());
    }
    assert!(
        page.text().contains("Fill in “Shoe size, European”.") && !page.text().contains("#property-member")
    );
    fields.extend([
        ("username", "ann"),
        ("property-firstName", "Änn <b>"),
        ("property-size", "38.5"),
        ("property-born", "soon"),
        ("property-member", "on"),
        ("property-tags", "a, b"),
    ]);
    let page = browser.submit(REGISTER, None, &fields).expect(422);
    let text = page.text();
    assert!(text.contains("`Born` cannot be used like this.") && text.contains("aria-invalid"), "{text}");
    assert!(text.contains("value=\"Änn &lt;b&gt;\"") && text.contains(" checked> "), "{text}");
    let born = fields.iter_mut().find(|(name, _)| *name == "property-born").unwrap();
    born.1 = "2000-02-29";
    browser.submit(REGISTER, None, &fields).expect(303);
    let user = gate.run(gate.parts().accounts().user(&1.into())).unwrap();
    let expected = serde_json::json!({
        "firstName": "Änn <b>", "size": 38.5, "born": "2000-02-29T00:00:00.000Z", "member": true, "tags": ["a", "b"],
        "username": "ann", "plan": "free",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(user.properties.get(name), Some(value), "{name}");
    }
}

#[test]
fn another_site_registers_nobody() {
    let (_app, gate) = gate(&[]);
    let mut browser = Browser::new(&gate);
    let own = token(browser.get(REGISTER).text());
    let [email, password, repeat] = fields("ann@example.com", PASSWORD, PASSWORD);
    browser.post(REGISTER, &[email, password, repeat]).expect(403);
    browser.fields = "Sec-Fetch-Site: cross-site\r\n".to_owned();
    browser.post(REGISTER, &[email, password, repeat, ("form_token", &own)]).expect(403);
    assert_eq!(gate.parts().store.counters().users, 0);
}

#[test]
fn where_an_address_must_be_confirmed_nothing_tells_who_has_an_account() {
    let app = App::echo();
    let setup =
        setup(&app).set("users.email_verification_required", "true").set("password.breached", "breached");
    std::fs::write(setup.path("breached"), "1A62F8F2695592FE6929F8CAB1985F38536EC53E\n").unwrap();
    let gate = Gate::start(setup);
    let mut browser = Browser::new(&gate);
    let mut pages = Vec::new();
    for email in ["ann@example.com", "ann@example.com"] {
        let page = browser.submit(REGISTER, None, &fields(email, PASSWORD, PASSWORD)).expect(200);
        assert!(page.text().contains("Check your mail"), "{}", page.text());
        assert!(set_cookies(&page).is_empty());
        pages.push(page.body);
    }
    assert_eq!(pages[0], pages[1]);
    let credentials = [("name", "ann@example.com"), ("password", PASSWORD)];
    let page = browser.submit("/.portcullis/login", None, &credentials).expect(422);
    assert!(page.text().contains("not confirmed yet"), "{}", page.text());
    // Together with what else may be wrong.
    let mut told = |email: &str, username: &str, password: &str| {
        let fields = [("email", email), ("username", username), ("password", password), ("repeat", password)];
        let page = browser.submit(REGISTER, None, &fields);
        (page.status, page.text().replace(email, "EMAIL"))
    };
    told("bob@example.com", "bob", PASSWORD);
    for (username, password, status) in
        [("bob", PASSWORD, 422), ("x@y.example", PASSWORD, 422), ("", "a-breached-password", 422)]
    {
        let taken = told("ann@example.com", username, password);
        assert_eq!(taken.0, status, "{}", taken.1);
        assert_eq!(taken, told("new@example.com", username, password));
    }
}

#[test]
fn the_confirmation_of_a_registration_counts_for_no_limit_that_tells_of_it() {
    let (_app, gate) = gate(&[
        ("users.email_verification_required", "true"),
        ("limits.reset_per_client", "1/hour"),
        ("limits.register_per_client", "100/hour"),
    ]);
    let mut browser = Browser::new(&gate);
    for email in ["ann@example.com", "bob@example.com", "ann@example.com"] {
        browser.submit(REGISTER, None, &fields(email, PASSWORD, PASSWORD)).expect(200);
    }
    browser.submit("/.portcullis/forgot", None, &[("email", "ann@example.com")]).expect(200);
    browser.submit("/.portcullis/forgot", None, &[("email", "ann@example.com")]).expect(429);
}

#[test]
fn registration_is_closed_by_each_setting_and_by_the_rules() {
    let closed = r#"{"name": "Member", "base": "User", "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY", "property": "create"}]}"#;
    let app = App::echo();
    for setup in [
        setup(&app).set("users.registration", "closed"),
        setup(&app).set("users.registration", "invite"),
        setup(&app).set("pages.register", "false"),
        setup(&app).policy("member.json", closed).set("api.user_model", "Member"),
    ] {
        let gate = Gate::start(setup);
        let mut browser = Browser::new(&gate);
        let login = browser.get("/.portcullis/login").expect(200);
        assert!(!login.text().contains("register"), "{}", login.text());
        let own = token(login.text());
        browser.get(REGISTER).expect(403);
        let [email, password, repeat] = fields("ann@example.com", PASSWORD, PASSWORD);
        browser.post(REGISTER, &[email, password, repeat, ("form_token", &own)]).expect(403);
        assert_eq!(gate.parts().store.counters().users, 0);
    }
}
