//! Forms that a network has just sent often: a proof of work, or a wait without a script.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::support::{Browser, PASSWORD, setup, token};
use crate::support::{App, Gate, Response};

const REGISTER: &str = "/.portcullis/register";

const FORGOT: &str = "/.portcullis/forgot";

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'self'";

/// A gate whose clock stands. That of its limits runs, and gets one percent further in 36 seconds.
fn gate() -> Gate {
    let app = App::echo();
    let setup =
        setup(&app).set("limits.register_per_client", "10/hour").set("limits.reset_per_client", "10/hour");
    Gate::start(setup.with_manual_clock())
}

/// Registrations of clients without the page, which need nothing but the limit.
fn warm_up(gate: &Gate, accounts: std::ops::Range<usize>) {
    accounts.for_each(|index| drop(gate.sign_up(&format!("early{index}"))));
}

/// An attribute, or the value of a field, of a page.
fn part<'p>(page: &'p str, before: &str) -> &'p str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split_once('"').unwrap().0
}

fn challenge(page: &str) -> String {
    part(page, "name=\"challenge\" value=\"").to_owned()
}

/// What the script does.
fn solve(page: &str) -> String {
    let (challenge, target) = (challenge(page), part(page, "data-target=\""));
    let numbers: u32 = part(page, "data-numbers=\"").parse().unwrap();
    let mut block = vec![0; 16 * 1024];
    block[4..4 + challenge.len()].copy_from_slice(challenge.as_bytes());
    let mut solves = |number: u32| {
        block[..4].copy_from_slice(&number.to_be_bytes());
        let hash = Sha256::digest(&block);
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>() == target
    };
    (0..numbers).find(|number| solves(*number)).expect("a solution").to_string()
}

/// Sends the form of a page.
fn send(browser: &mut Browser, page: &Response, email: &str, more: &[(&str, &str)]) -> Response {
    let token = token(page.text());
    let mut fields = vec![("email", email), ("password", PASSWORD), ("repeat", PASSWORD)];
    fields.extend([("form_token", &*token)]);
    fields.extend(more);
    browser.post(REGISTER, &fields)
}

#[test]
fn a_cold_form_has_no_challenge_and_a_warm_one_has() {
    let gate = gate();
    let mut browser = Browser::new(&gate);
    warm_up(&gate, 0..5);
    let cold = browser.get(REGISTER).expect(200);
    assert!(!cold.text().contains("challenge") && !cold.text().contains("<script"), "{}", cold.text());
    assert_eq!(cold.field("content-security-policy"), Some(POLICY));
    warm_up(&gate, 5..6);
    let warm = browser.get(REGISTER).expect(200);
    assert_eq!(warm.field("content-security-policy"), Some(&*format!("{POLICY}; script-src 'self'")));
    assert!(warm.text().contains("Please wait 13 seconds before you send this form."), "{}", warm.text());
    let script = part(warm.text(), "<script src=\"");
    let script = browser.get(script).expect(200);
    assert_eq!(script.field("content-type"), Some("text/javascript; charset=utf-8"));
    // Each limit for itself, and the other pages not at all.
    for page in [FORGOT, "/.portcullis/login"] {
        let page = browser.get(page).expect(200);
        assert!(!page.text().contains("<script"), "{}", page.text());
    }
    warm_up(&gate, 6..10);
    assert!(browser.get(REGISTER).text().contains("Please wait 29 seconds"));
}

#[test]
fn without_a_script_a_form_is_taken_after_a_wait() {
    let gate = gate();
    let mut browser = Browser::new(&gate);
    warm_up(&gate, 0..6);
    let page = browser.get(REGISTER).expect(200);
    let first = challenge(page.text());
    gate.advance(Duration::from_secs(3));
    let fields = [("challenge", &*first), ("solution", "")];
    let early = send(&mut browser, &page, "ann@example.com", &fields).expect(429);
    assert_eq!(early.field("retry-after"), Some("10"));
    assert!(early.text().contains("Wait 10 more seconds, then send the form again."), "{}", early.text());
    assert!(early.text().contains("value=\"ann@example.com\"") && !early.text().contains(PASSWORD));
    assert_eq!(challenge(early.text()), first, "the wait goes on");
    gate.advance(Duration::from_secs(10));
    // What else is wrong does not use the challenge up.
    let wrong = send(&mut browser, &page, "", &fields).expect(422);
    assert_eq!(challenge(wrong.text()), first);
    assert!(!wrong.text().contains("<script"), "there is nothing left to wait for: {}", wrong.text());
    send(&mut browser, &page, "ann@example.com", &fields).expect(303);
    assert_eq!(gate.parts().store.counters().users, 7);
}

#[test]
fn a_solution_is_taken_at_once_and_a_single_time() {
    let gate = gate();
    let mut browser = Browser::new(&gate);
    warm_up(&gate, 0..6);
    let page = browser.get(REGISTER).expect(200);
    let (first, solution) = (challenge(page.text()), solve(page.text()));
    let fields = [("challenge", &*first), ("solution", &*solution)];
    let wrong = (solution.parse::<u32>().unwrap() + 1).to_string();
    let refused =
        send(&mut browser, &page, "ann@example.com", &[fields[0], ("solution", &wrong)]).expect(429);
    assert!(refused.text().contains("Wait 13 more seconds"), "{}", refused.text());
    let mut other = Browser::new(&gate);
    let others = other.get(REGISTER).expect(200);
    let refused = send(&mut other, &others, "bob@example.com", &fields).expect(429);
    assert!(refused.text().contains("has expired or was used before. Wait 13 seconds"), "{}", refused.text());
    send(&mut browser, &page, "ann@example.com", &fields).expect(303);
    for _ in 0..2 {
        let again = send(&mut browser, &page, "bob@example.com", &fields).expect(429);
        assert!(again.text().contains("was used before"), "{}", again.text());
        assert_ne!(challenge(again.text()), first);
    }
    assert_eq!(gate.parts().store.counters().users, 7);
}

#[test]
fn a_page_from_before_and_an_old_challenge_get_a_new_one() {
    let gate = gate();
    let mut browser = Browser::new(&gate);
    let cold = browser.get(REGISTER).expect(200);
    warm_up(&gate, 0..6);
    let refused = send(&mut browser, &cold, "ann@example.com", &[]).expect(429);
    assert!(refused.text().contains("Wait 13 more seconds"), "{}", refused.text());
    let old = challenge(refused.text());
    gate.advance(Duration::from_secs(15 * 60));
    let refused = send(&mut browser, &refused, "ann@example.com", &[("challenge", &old)]).expect(429);
    assert!(refused.text().contains("has expired or was used before."), "{}", refused.text());
    let new = challenge(refused.text());
    gate.advance(Duration::from_secs(13));
    send(&mut browser, &refused, "ann@example.com", &[("challenge", &new)]).expect(303);
}

#[test]
fn resets_have_a_challenge_of_their_own() {
    let gate = gate();
    let mut browser = Browser::new(&gate);
    warm_up(&gate, 0..6);
    let register = challenge(browser.get(REGISTER).text());
    let ask = |browser: &mut Browser, challenge: &str| {
        browser.submit(FORGOT, None, &[("email", "ann@example.com"), ("challenge", challenge)])
    };
    for _ in 0..6 {
        ask(&mut browser, "").expect(200);
    }
    gate.advance(Duration::from_secs(60));
    let refused = ask(&mut browser, &register).expect(429);
    assert!(refused.text().contains("Wait 13 seconds"), "of another form: {}", refused.text());
    let own = challenge(refused.text());
    ask(&mut browser, &own).expect(429);
    gate.advance(Duration::from_secs(13));
    ask(&mut browser, &own).expect(200);
    ask(&mut browser, &own).expect(429);
}

#[test]
fn without_a_limit_there_is_no_challenge() {
    let app = App::echo();
    let gate = Gate::start(setup(&app));
    warm_up(&gate, 0..12);
    let page = Browser::new(&gate).get(REGISTER).expect(200);
    assert!(!page.text().contains("challenge"), "{}", page.text());
}
