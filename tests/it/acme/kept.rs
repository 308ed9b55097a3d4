//! What outlives the gate, and what it does with it.

use std::fs;

use super::support::{Acme, Answer, Served};

const NAME: &str = "a.example";

#[test]
fn a_restart_asks_for_nothing() {
    let Some(acme) = Acme::start() else { return };
    let gate = acme.serve(&[NAME]);
    gate.wait_until_issued(NAME);
    let issued = acme.shown(NAME);
    assert_eq!(gate.gate.stop(), Some(0));
    let before = acme.asked().len();
    let gate = acme.serve(&[NAME]);
    // At once: the cores start with it.
    assert_eq!(acme.shown(NAME), issued);
    assert_eq!(gate.gate.stop(), Some(0));
    assert_eq!(acme.asked().len(), before);
    // The account is good for another name.
    let gate = acme.serve(&[NAME, "b.example"]);
    gate.wait_until_issued("b.example");
    assert_eq!(acme.shown(NAME), issued);
    assert_eq!(acme.accounts(), 1);
}

#[test]
fn a_new_contact_is_told_to_the_account() {
    let Some(acme) = Acme::start() else { return };
    stop_when_issued(acme.serve(&[NAME]), NAME);
    let gate = acme.serve_with(&["b.example"], "", "--set tls.acme_email=new@example.com");
    stop_when_issued(gate, "b.example");
    let told = acme.asked().into_iter().filter_map(|asked| asked.payload.get("contact").cloned());
    let mut told: Vec<_> = told.map(|contact| contact[0].clone()).collect();
    // What is refused for its nonce is told again.
    told.dedup();
    assert_eq!(told, ["mailto:ops@example.com", "mailto:new@example.com"]);
    let kept = fs::read_to_string(acme.kept("account.json")).unwrap();
    assert!(kept.contains("new@example.com") && kept.contains("key_pkcs8"), "it is still the account");
}

fn stop_when_issued(gate: Served, name: &str) {
    gate.wait_until_issued(name);
    assert_eq!(gate.gate.stop(), Some(0));
}

#[test]
fn files_that_cannot_be_used_are_replaced() {
    let Some(acme) = Acme::start() else { return };
    let other = acme.authority.issue(&["other.example"]);
    fs::create_dir_all(acme.kept("")).unwrap();
    fs::write(acme.kept("account.json"), "{").unwrap();
    fs::write(acme.kept("a.example.pem"), format!("{}{}", other.key, other.chain)).unwrap();
    fs::write(acme.kept("b.example.pem"), "half a cert").unwrap();
    let gate = acme.serve(&[NAME, "b.example"]);
    for name in [NAME, "b.example"] {
        gate.wait_until_issued(name);
        acme.shown(name);
    }
    let told = gate.line(|line| line["msg"].as_str().is_some_and(|msg| msg.contains("kept certificate")));
    assert!(told["error"].as_str().unwrap().contains("the certificate is not for `a.example`"), "{told}");
}

#[test]
fn an_account_that_the_server_has_lost_is_made_again() {
    let Some(acme) = Acme::start() else { return };
    stop_when_issued(acme.serve(&[NAME]), NAME);
    acme.replace_pebble();
    let gate = acme.serve(&["b.example"]);
    gate.line(|line| line["msg"] == "the ACME server does not know the account; a new one is registered");
    gate.wait_until_issued("b.example");
}

#[test]
fn a_stop_in_the_middle_of_an_order_leaves_nothing_half_done() {
    let Some(acme) = Acme::start() else { return };
    acme.reply(|asked, _| asked.path.starts_with("/chalZ/").then_some(Answer::Silence));
    let gate = acme.serve(&[NAME]);
    acme.wait_for(|asked| asked.path.starts_with("/chalZ/"));
    assert_eq!(gate.gate.stop(), Some(0));
    let left: Vec<_> = fs::read_dir(acme.kept("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["account.json"]);
    // The next start goes on where it can.
    acme.reply(|_, _| None);
    let gate = acme.serve(&[NAME]);
    gate.wait_until_issued(NAME);
}
