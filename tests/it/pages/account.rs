//! The account of the user who is logged in.

use super::support::{Browser, PASSWORD, gate, once, setup, token};
use crate::support::{App, Gate, Response};

const ACCOUNT: &str = "/.portcullis/account";
const NEW: &str = "another-good-password";

fn page(name: &str) -> String {
    format!("{ACCOUNT}/{name}")
}

/// The values of the buttons that end something.
fn handles(response: &Response) -> Vec<String> {
    let parts = response.text().split("name=\"end\" value=\"").skip(1);
    parts.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
}

#[test]
fn account_pages_are_for_those_who_are_logged_in() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    for name in ["", "/password", "/email", "/username", "/sessions", "/tokens", "/delete"] {
        let sent = browser.get(&format!("{ACCOUNT}{name}")).expect(303);
        assert_eq!(sent.field("location").unwrap(), format!("/.portcullis/login?to={ACCOUNT}{name}"));
        browser.post(&format!("{ACCOUNT}{name}"), &[]).expect(303);
    }
    browser.log_in("ann");
    let overview = browser.get(ACCOUNT).expect(200);
    for told in ["ann@example.com", "ann", "not confirmed", "Delete account"] {
        assert!(overview.text().contains(told), "{told}: {}", overview.text());
    }
    browser.get("/.portcullis/account/nothing").expect(404);
    browser.get("/.portcullis/accounts").expect(404);
    browser.ask("PUT", ACCOUNT, "", "").expect(405);
}

#[test]
fn a_token_with_a_scope_is_no_login() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let request = portcullis::accounts::TokenRequest {
        scopes: vec!["reset-password".to_owned()],
        ..Default::default()
    };
    let issued = gate.run(gate.parts().accounts().issue(&1.into(), request)).unwrap();
    let mut browser = Browser::new(&gate);
    browser.cookies.insert("portcullis".to_owned(), issued.id.expose().to_owned());
    browser.get(ACCOUNT).expect(303);
}

#[test]
fn a_password_is_changed_by_who_knows_it() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let (mut browser, mut other) = (Browser::new(&gate), Browser::new(&gate));
    browser.log_in("ann");
    other.log_in("ann");
    for (current, new, repeat, told) in [
        ("wrong", NEW, NEW, "The current password is wrong."),
        ("", NEW, NEW, "The current password is wrong."),
        (PASSWORD, NEW, "other", "The two passwords differ."),
        (PASSWORD, "short", "short", "at least 8 characters"),
    ] {
        let fields = [("current", current), ("password", new), ("repeat", repeat)];
        let page = browser.submit(&page("password"), None, &fields).expect(422);
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
    let fields = [("current", PASSWORD), ("password", NEW), ("repeat", NEW)];
    let done = browser.submit(&page("password"), None, &fields).expect(303);
    let overview = browser.get(done.field("location").unwrap()).expect(200);
    assert!(overview.text().contains("Your password is changed."), "{}", overview.text());
    other.get("/mine").expect(303);
}

#[test]
fn an_address_is_changed_by_who_knows_the_password() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    for (email, current, told) in [
        ("", PASSWORD, "Enter your email address."),
        ("new@example.com", "wrong", "The current password is wrong."),
        ("new", PASSWORD, "not an email address"),
    ] {
        let page =
            browser.submit(&page("email"), None, &[("email", email), ("current", current)]).expect(422);
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
}

#[test]
fn a_username_is_changed_by_who_knows_the_password_where_users_may_rename_themselves() {
    for (rename, status) in [("true", 303), ("false", 403)] {
        let (_app, gate) = gate(&[("users.rename", rename)]);
        gate.sign_up("ann");
        gate.sign_up("bob");
        let mut browser = Browser::new(&gate);
        browser.log_in("ann");
        assert_eq!(browser.get(ACCOUNT).text().contains("account/username"), status == 303);
        let mut change = |name, current| {
            browser.submit(&page("username"), None, &[("username", name), ("current", current)])
        };
        change("nina", "wrong").expect(422);
        change("", PASSWORD).expect(422);
        if status == 303 {
            assert!(change("bob", PASSWORD).expect(422).text().contains("This username is taken."));
        }
        change("nina", PASSWORD).expect(status);
        assert_eq!(browser.get(ACCOUNT).expect(200).text().contains("<bdi>nina</bdi>"), status == 303);
    }
}

#[test]
fn where_no_link_can_be_mailed_an_address_is_changed_at_once() {
    let (_app, gate) = gate(&[("mail.messages", "confirm,reset")]);
    gate.sign_up("ann");
    gate.sign_up("bob");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let mut change = |email| browser.submit(&page("email"), None, &[("email", email), ("current", PASSWORD)]);
    assert!(change("bob@example.com").expect(422).text().contains("There is an account with this address."));
    change("new@example.com").expect(303);
    assert!(browser.get(ACCOUNT).expect(200).text().contains("new@example.com"));
}

#[test]
fn rules_and_settings_close_what_a_user_may_not_change() {
    let app = App::echo();
    let rule = |who: &str, property: &str| {
        format!(
            r#"{{"principalType": "ROLE", "principalId": "{who}", "permission": "DENY", "property": "{property}"}}"#
        )
    };
    let closed = format!(
        r#"{{"name": "Member", "base": "User", "acls": [{}, {}, {}]}}"#,
        rule("$owner", "deleteById"),
        rule("$owner", "patchAttributes"),
        rule("$authenticated", "changePassword").replace("}", r#", "accessType": "EXECUTE"}"#)
    );
    let setup =
        setup(&app).policy("member.json", &closed).set("api.user_model", "Member").set("api.users", "users");
    let gate = Gate::start(setup);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let overview = browser.get(ACCOUNT).expect(200);
    for page in ["email", "password", "delete"] {
        assert!(!overview.text().contains(&format!("account/{page}")), "{page}: {}", overview.text());
    }
    let own = [("current", PASSWORD), ("password", NEW), ("repeat", NEW), ("email", "new@example.com")];
    for name in ["email", "password", "delete"] {
        let answer = browser.submit(&page(name), None, &own).expect(403);
        assert!(answer.text().contains("Your account may not do this."), "{}", answer.text());
    }
}

#[test]
fn sessions_are_listed_with_their_device_and_ended() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let (mut browser, mut phone, mut third) = (Browser::new(&gate), Browser::new(&gate), Browser::new(&gate));
    browser
        .fields
        .push_str("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n");
    phone
        .fields
        .push_str("User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1\r\n");
    browser.log_in("ann");
    phone.log_in("ann");
    third.log_in("ann");
    phone.get("/mine").expect(200);
    let list = browser.get(&page("sessions")).expect(200);
    for told in [
        "Firefox on Linux",
        "Safari on iPhone",
        "This device",
        "App or unknown device",
        "127.0.0.1",
        "just now",
    ] {
        assert!(list.text().contains(told), "{told}: {}", list.text());
    }
    // Three browsers and the login of `sign_up`; this one has no button, but all others have one.
    let ends = handles(&list);
    assert_eq!(ends.len(), 4, "{ends:?}");
    for text in [&browser.cookies["portcullis"], &phone.cookies["portcullis"]] {
        assert!(!list.text().contains(text.as_str()), "no token is shown");
    }
    browser.submit(&page("sessions"), None, &[("end", &ends[0])]).expect(303);
    browser.submit(&page("sessions"), None, &[("end", &ends[0])]).expect(303);
    assert_eq!(handles(&browser.get(&page("sessions"))).len(), 3);
    browser.submit(&page("sessions"), None, &[("end", "others")]).expect(303);
    assert!(handles(&browser.get(&page("sessions"))).is_empty());
    phone.get("/mine").expect(303);
    third.get("/mine").expect(303);
    browser.get("/mine").expect(200);
}

#[test]
fn nobody_ends_what_is_not_theirs() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    gate.sign_up("bob");
    let (mut ann, mut bob) = (Browser::new(&gate), Browser::new(&gate));
    ann.log_in("ann");
    bob.log_in("bob");
    let of_ann = handles(&ann.get(&page("sessions")));
    bob.submit(&page("sessions"), None, &[("end", &of_ann[0])]).expect(303);
    assert_eq!(handles(&ann.get(&page("sessions"))), of_ann);
    // A page of Ann's that is still open when Bob logs in on the same browser does nothing to Bob.
    let stale = token(ann.get(&page("delete")).text());
    ann.log_in("bob");
    ann.post(&page("delete"), &[("current", PASSWORD), ("form_token", &stale)]).expect(403);
    bob.get("/mine").expect(200);
}

#[test]
fn a_token_for_a_script_is_shown_once_and_works_until_it_is_ended() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    let fields = |name, days, current| [("name", name), ("days", days), ("current", current), ("scope", "")];
    for (fields, told) in [
        (fields("", "30", PASSWORD), "Give the token a name"),
        (fields("(password reset) x", "30", PASSWORD), "Give the token a name"),
        (fields("report", "9999", PASSWORD), "Choose when the token ends."),
        (fields("report", "30", "wrong"), "The current password is wrong."),
    ] {
        let page = browser.submit(&page("tokens"), None, &fields).expect(422);
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
    let opened = browser.get(&page("tokens"));
    let (own, sent) = (token(opened.text()), once(opened.text()).unwrap());
    let made = browser.submit(&page("tokens"), None, &fields("<b>report</b>", "30", PASSWORD)).expect(200);
    let (_, rest) = made.text().split_once("id=\"made\"").unwrap();
    let secret = rest.split_once(['>', '<']).unwrap().1.split_once('<').unwrap().0.to_owned();
    assert!(!made.text().contains("<b>report"), "{}", made.text());
    let script =
        |gate: &Gate| gate.client().ask("GET", "/mine", &format!("Authorization: Bearer {secret}\r\n"), b"");
    script(&gate).expect(200);
    let list = browser.get(&page("tokens")).expect(200);
    assert!(!list.text().contains(&secret) && list.text().contains("report"));
    // A reload sends the form again that was sent.
    let again = [fields("again", "30", PASSWORD).to_vec(), vec![("form_token", &*own), ("once", &*sent)]];
    let refused = browser.post(&page("tokens"), &again.concat()).expect(422);
    assert!(refused.text().contains("This form was sent before"), "{}", refused.text());
    assert_eq!(handles(&browser.get(&page("tokens"))).len(), 1);
    assert!(!browser.get(&page("sessions")).text().contains("report"), "it is no device");
    browser.submit(&page("sessions"), None, &[("end", "others")]).expect(303);
    script(&gate).expect(200);
    browser.submit(&page("tokens"), None, &[("end", &handles(&list)[0])]).expect(303);
    script(&gate).expect(401);
    // The scope of a reset is not for scripts.
    let scoped = [("name", "x"), ("days", "7"), ("current", PASSWORD), ("scope", "reset-password")];
    browser.submit(&page("tokens"), None, &scoped).expect(422);
}

#[test]
fn rules_about_tokens_close_their_page() {
    let app = App::echo();
    let rule = |property: &str| {
        format!(
            r#"{{"principalType": "ROLE", "principalId": "$owner", "permission": "DENY", "property": "{property}"}}"#
        )
    };
    let start = |closed: &str| {
        let member = format!(r#"{{"name": "Member", "base": "User", "acls": [{}]}}"#, rule(closed));
        let setup = setup(&app).policy("member.json", &member).set("api.user_model", "Member");
        let gate = Gate::start(setup.set("api.users", "users"));
        gate.sign_up("ann");
        let mut browser = Browser::new(&gate);
        browser.log_in("ann");
        (gate, browser)
    };
    let fields = [("name", "report"), ("days", "30"), ("current", PASSWORD), ("scope", "")];
    let told = "Your account may not do this.";

    let (_gate, mut browser) = start("__get__accessTokens");
    assert!(!browser.get(ACCOUNT).expect(200).text().contains("account/tokens"));
    assert!(browser.get(&page("tokens")).expect(403).text().contains(told));

    let (gate, mut browser) = start("__create__accessTokens");
    let list = browser.get(&page("tokens")).expect(200);
    assert!(!list.text().contains("id=\"current\""), "{}", list.text());
    let own = token(browser.get(&page("password")).text());
    let [name, days, current, scope] = fields;
    let refused =
        browser.post(&page("tokens"), &[name, days, current, scope, ("form_token", &own)]).expect(403);
    assert!(refused.text().contains(told), "{}", refused.text());
    assert_eq!(gate.run(gate.parts().accounts().tokens(&1.into())).unwrap().len(), 2, "two logins");

    let (_gate, mut browser) = start("__destroyById__accessTokens");
    browser.submit(&page("tokens"), None, &fields).expect(200);
    let list = browser.get(&page("tokens")).expect(200);
    assert!(list.text().contains("report") && handles(&list).is_empty(), "{}", list.text());
    assert!(browser.submit(&page("tokens"), None, &[("end", "x")]).expect(403).text().contains(told));
}

#[test]
fn an_account_is_deleted_by_who_knows_the_password() {
    let (_app, gate) = gate(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    browser.submit(&page("delete"), None, &[("current", "wrong")]).expect(422);
    browser.get("/mine").expect(200);
    let gone = browser.submit(&page("delete"), None, &[("current", PASSWORD)]).expect(303);
    assert!(browser.get(gone.field("location").unwrap()).text().contains("Your account is deleted."));
    browser.get("/mine").expect(303);
    let fields = [("name", "ann"), ("password", PASSWORD)];
    browser.submit("/.portcullis/login", None, &fields).expect(422);
}
