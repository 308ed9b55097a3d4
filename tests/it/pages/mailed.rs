//! Accounts with an unconfirmed address, and the mails that the gate writes about them.

use std::{fs, thread, time::Instant};

use super::support::{Browser, PASSWORD, set_cookies, setup, token};
use crate::support::{App, GUARD, Gate, Response};

const LOGIN: &str = "/.portcullis/login";
const REGISTER: &str = "/.portcullis/register";
const RESEND: &str = "/.portcullis/resend";
const NEW: &str = "another-good-password";
const ANN: &str = "ann@example.com";

/// A gate whose mails are files.
pub(super) fn mailing(settings: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let setup = setup(&app);
    let data = setup.path("data");
    let setup = setup.set("server.data_dir", data.to_str().unwrap()).set("pages.languages", "en,de");
    let gate = Gate::start(settings.iter().fold(setup, |setup, (key, value)| setup.set(key, value)));
    (app, gate)
}

/// The mails of a kind, the oldest first.
pub(super) fn mails(gate: &Gate, kind: &str) -> Vec<String> {
    let entries = fs::read_dir(gate.path("data/outbox")).into_iter().flatten();
    let is_of_kind = |name: &str| !name.starts_with('.') && name.contains(&format!("Z-{kind}-"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| is_of_kind(&path.file_name().unwrap().to_string_lossy())).collect();
    paths.sort();
    let read = |path| fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "=");
    paths.into_iter().map(read).collect()
}

/// The mail of a kind with this number, once it is written.
pub(super) fn mail(gate: &Gate, kind: &str, number: usize) -> String {
    let began = Instant::now();
    loop {
        if let Some(mail) = mails(gate, kind).into_iter().nth(number) {
            return mail;
        }
        assert!(began.elapsed() < GUARD, "no `{kind}` {number}");
        thread::yield_now();
    }
}

/// Path and query of the link of a mail.
pub(super) fn link(mail: &str) -> String {
    let (_, rest) = mail.split_once("/.portcullis/").unwrap_or_else(|| panic!("no link in {mail}"));
    format!("/.portcullis/{}", rest.split_whitespace().next().unwrap())
}

fn register(browser: &mut Browser, page: &str, password: &str) -> Response {
    let fields = [("email", ANN), ("password", password), ("repeat", password)];
    browser.submit(page, None, &fields).expect(200)
}

fn log_in(browser: &mut Browser, page: &str, password: &str) -> Response {
    browser.submit(page, None, &[("name", ANN), ("password", password)])
}

#[test]
fn an_unconfirmed_account_gets_its_link_again_and_leads_where_it_should() {
    let (_app, gate) = mailing(&[("users.email_verification_required", "true")]);
    let mut browser = Browser::new(&gate);
    let told = register(&mut browser, &format!("{REGISTER}?to=/mine/a"), PASSWORD);
    assert!(told.text().contains(&format!("a link to {ANN}.")), "{}", told.text());
    assert!(!told.text().contains("class=\"button\""), "a sign-in would fail: {}", told.text());
    mail(&gate, "confirm", 0);
    assert!(!log_in(&mut browser, LOGIN, "wrong-password").expect(422).text().contains(RESEND));
    let page = log_in(&mut browser, &format!("{LOGIN}?to=/mine/a"), PASSWORD).expect(422);
    assert!(page.text().contains("Send the link again") && !page.text().contains(PASSWORD));
    let (_, sealed) = page.text().split_once("name=\"account\" value=\"").unwrap();
    let sealed = sealed.split_once('"').unwrap().0;
    let again = format!("{RESEND}?to=/mine/a");
    let own = token(page.text());
    let sent = browser.post(&again, &[("account", sealed), ("form_token", &own)]).expect(200);
    assert!(sent.text().contains("a link is on its way"), "{}", sent.text());
    let link = link(&mail(&gate, "confirm", 1));
    // The button is of this browser, and nothing else names an account.
    browser.post(&again, &[("account", "1"), ("form_token", &own)]).expect(403);
    browser.post(&again, &[("account", sealed)]).expect(403);
    let mut other = Browser::new(&gate);
    let foreign = token(other.get(LOGIN).text());
    other.post(&again, &[("account", sealed), ("form_token", &foreign)]).expect(403);
    browser.get(RESEND).expect(405);

    assert!(browser.get(&link).expect(200).text().contains(&format!("that {ANN} is")));
    let next = browser.submit(&link, None, &[]).expect(303).field("location").unwrap().to_owned();
    let done = log_in(&mut browser, &next, PASSWORD).expect(303);
    assert_eq!(done.field("location"), Some("/mine/a"));
    let dead = browser.get(&link).expect(403);
    assert!(dead.text().contains("the link can be sent again there"), "{}", dead.text());
}

#[test]
fn sending_the_link_again_counts_as_a_reset() {
    let (_app, gate) =
        mailing(&[("users.email_verification_required", "true"), ("limits.reset_per_client", "1/hour")]);
    let mut browser = Browser::new(&gate);
    register(&mut browser, REGISTER, PASSWORD);
    for status in [200, 429] {
        let page = log_in(&mut browser, LOGIN, PASSWORD).expect(422);
        let (_, sealed) = page.text().split_once("name=\"account\" value=\"").unwrap();
        let fields = [("account", sealed.split_once('"').unwrap().0), ("form_token", &token(page.text()))];
        browser.post(RESEND, &fields).expect(status);
    }
}

#[test]
fn the_owner_of_an_address_takes_over_what_a_stranger_registered() {
    let (_app, gate) = mailing(&[("users.email_verification_required", "true")]);
    let (mut stranger, mut owner) = (Browser::new(&gate), Browser::new(&gate));
    register(&mut stranger, REGISTER, PASSWORD);
    let first = mail(&gate, "confirm", 0);
    assert!(first.contains("Forgot your password?"), "{first}");
    register(&mut owner, REGISTER, NEW);
    mail(&gate, "confirm", 1);
    assert_eq!(mails(&gate, "name-taken").len(), 0);
    // Nothing of it is a password before the address is proven.
    log_in(&mut owner, LOGIN, NEW).expect(422);
    owner.fields.push_str("Accept-Language: de\r\n");
    let page = owner.submit("/.portcullis/forgot?to=/mine/a", None, &[("email", ANN)]).expect(200);
    assert!(page.text().contains(&format!("mit der Adresse {ANN}")), "{}", page.text());
    let reset = mail(&gate, "reset", 0);
    assert!(reset.contains("lang=\"de\""), "{reset}");
    let link = link(&reset);
    let set = owner.submit(&link, None, &[("password", NEW), ("repeat", NEW)]).expect(303);
    let next = set.field("location").unwrap().to_owned();
    assert_eq!(log_in(&mut owner, &next, NEW).expect(303).field("location"), Some("/mine/a"));
    log_in(&mut stranger, LOGIN, PASSWORD).expect(422);
    let overview = owner.get("/.portcullis/account").expect(200);
    assert!(overview.text().contains("bestätigt") && !overview.text().contains("nicht bestätigt"));
    // A confirmed address gets no confirmation.
    register(&mut stranger, REGISTER, PASSWORD);
    mail(&gate, "name-taken", 0);
    assert_eq!(mails(&gate, "confirm").len(), 2);
}

#[test]
fn a_target_of_a_link_that_leads_elsewhere_is_left_out() {
    let (_app, gate) = mailing(&[("users.email_verification_required", "true")]);
    let mut browser = Browser::new(&gate);
    register(&mut browser, REGISTER, PASSWORD);
    let link = link(&mail(&gate, "confirm", 0));
    assert!(!link.contains("&to="), "{link}");
    let done = browser.submit(&format!("{link}&to=//evil.example"), None, &[]).expect(303);
    assert_eq!(done.field("location"), Some("/.portcullis/login?note=confirmed"));
}

#[test]
fn a_form_of_another_site_replaces_no_cookie() {
    let (_app, gate) = mailing(&[]);
    let mut browser = Browser::new(&gate);
    browser.fields = "Sec-Fetch-Site: cross-site\r\n".to_owned();
    // The browser keeps its cookies back.
    assert!(set_cookies(&browser.post(LOGIN, &[("name", ANN)]).expect(403)).is_empty());
    assert!(!set_cookies(&browser.get(LOGIN).expect(200)).is_empty(), "a link of another site");
}

/// Asks for another address on the page of the account.
fn readdress(browser: &mut Browser, email: &str) -> String {
    let fields = [("email", email), ("current", PASSWORD)];
    browser.submit("/.portcullis/account/email", None, &fields).expect(200).text().to_owned()
}

#[test]
fn an_address_stays_until_the_link_to_the_new_one_is_used() {
    let (_app, gate) = mailing(&[]);
    gate.sign_up("ann");
    gate.sign_up("bob");
    let (mut browser, mut other) = (Browser::new(&gate), Browser::new(&gate));
    browser.log_in("ann");
    other.log_in("ann");
    let told = readdress(&mut browser, "old@example.com");
    assert!(
        told.contains("a link to old@example.com.") && told.contains("your address stays ann@example.com")
    );
    let first = link(&mail(&gate, "new-address", 0));
    // A newer one ends it, and what is taken is not told.
    let told = readdress(&mut browser, "bob@example.com").replace("bob@example.com", "old@example.com");
    assert!(told.contains("a link to old@example.com."), "{told}");
    assert!(mail(&gate, "name-taken", 0).contains("To: bob@example.com"));
    browser.get(&first).expect(200);
    readdress(&mut browser, "new@example.com");
    browser.get(&first).expect(403);
    let second = link(&mail(&gate, "new-address", 1));
    Browser::new(&gate).log_in("ann");

    let mut scanner = Browser::new(&gate);
    assert!(scanner.get(&second).expect(200).text().contains("make new@example.com the address"));
    scanner.post(&second, &[]).expect(403);
    assert!(mails(&gate, "address-changed").is_empty());
    let done = browser.submit(&second, None, &[]).expect(303);
    let overview = browser.get(done.field("location").unwrap()).expect(200);
    for told in ["Your address is changed.", "new@example.com", ">confirmed<"] {
        assert!(overview.text().contains(told), "{told}: {}", overview.text());
    }
    other.get("/mine").expect(303);
    // Both are there once the second is; which is first is open.
    mail(&gate, "address-changed", 1);
    let notices = mails(&gate, "address-changed").concat();
    assert!(notices.contains("To: ann@example.com") && notices.contains("To: new@example.com"), "{notices}");
    let dead = browser.get(&second).expect(403);
    assert!(dead.text().contains("This link does not work"), "{}", dead.text());
}

#[test]
fn a_new_password_ends_the_link_to_a_new_address() {
    let (_app, gate) = mailing(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    readdress(&mut browser, "new@example.com");
    let link = link(&mail(&gate, "new-address", 0));
    let fields = [("current", PASSWORD), ("password", NEW), ("repeat", NEW)];
    browser.submit("/.portcullis/account/password", None, &fields).expect(303);
    browser.get(&link).expect(403);
    // Nor is such a link anything else.
    browser.submit("/.portcullis/account/email", None, &[("email", "x@example.com"), ("current", NEW)]);
    let token = self::link(&mail(&gate, "new-address", 1)).split_once("token=").unwrap().1.to_owned();
    browser.get(&format!("/.portcullis/reset?token={token}")).expect(403);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_ne!(gate.client().ask("GET", "/mine", &bearer, b"").status, 200);
}

#[test]
fn an_address_that_was_taken_meanwhile_is_told_to_the_reader_of_its_mails() {
    let (_app, gate) = mailing(&[]);
    gate.sign_up("ann");
    let mut browser = Browser::new(&gate);
    browser.log_in("ann");
    readdress(&mut browser, "bob@example.com");
    let link = link(&mail(&gate, "new-address", 0));
    gate.sign_up("bob");
    let page = Browser::new(&gate).submit(&link, None, &[]).expect(422);
    assert!(page.text().contains("There is an account with this address."), "{}", page.text());
}
