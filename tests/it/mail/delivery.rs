use serde_json::{Value, json};

use super::{house, sends_by, server::MailServer, token};
use crate::process::support::{Gate, House, PASSWORD};

const NEW: &str = "another-good-password-9";

/// Requests a reset, as the page or a client does.
#[track_caller]
fn request_reset(gate: &Gate, name: &str) {
    let body = json!({"email": format!("{name}@example.com")});
    assert_eq!(gate.http.send("POST /api/users/reset", "", &body).status, 200);
}

/// Sets a password with the token of a mail; the status.
fn set_password(gate: &Gate, token: &str) -> u16 {
    gate.http.send("POST /api/users/reset-password", token, &json!({"newPassword": NEW})).status
}

/// A gate with Ann, who gets a mail and sets a password by its link.
#[track_caller]
fn resets_by(server: &MailServer, house: &House) -> Value {
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    let mail = server.mail();
    let token = token(mail["mail"].as_str().unwrap());
    assert_eq!(set_password(&gate, &token), 204);
    assert_eq!(set_password(&gate, &token), 401, "the link works once");
    assert_eq!(gate.http.try_login("ann", NEW).status, 200);
    // The change is told, too.
    assert!(server.mail()["mail"].as_str().unwrap().contains(".password-changed@"));
    let log = gate.log();
    assert!(!log.contains(&token) && !log.contains("p@ss"), "{log}");
    mail
}

#[test]
fn a_link_sets_a_password_after_starttls_and_a_login() {
    let Some(server) = MailServer::start("--starttls CERT KEY --login ann p@ss:w/rd") else { return };
    let house = House::with(&sends_by(&server, "ann:p%40ss%3Aw%2Frd@", &server.ca()));
    let mail = resets_by(&server, &house);
    assert_eq!((&mail["tls"], &mail["login"]), (&json!(true), &json!("ann")));
    assert_eq!(mail["to"], json!(["ann@example.com"]));
}

#[test]
fn a_link_sets_a_password_by_tls_from_the_first_byte() {
    let Some(server) = MailServer::start("--tls CERT KEY") else { return };
    let house = House::with(&sends_by(&server, "", &server.ca()));
    assert_eq!(resets_by(&server, &house)["tls"], true);
}

#[test]
fn a_certificate_that_no_authority_has_signed_gets_no_mail() {
    let Some(server) = MailServer::start("--tls CERT KEY") else { return };
    let house = House::with(&sends_by(&server, "", ""));
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    let line = gate.logged("was not delivered");
    assert!(line.contains("set `mail.ca` to the authority's file"), "{line}");
}

#[test]
fn neither_a_dead_server_nor_a_killed_gate_loses_a_mail() {
    let Some(mut server) = MailServer::bound("") else { return };
    let house = house(&server);
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    gate.logged("was not delivered");
    gate.kill();
    server.listen();
    let gate = house.serve();
    let mail = server.mail();
    assert_eq!(set_password(&gate, &token(mail["mail"].as_str().unwrap())), 204);
}

#[test]
fn a_server_that_comes_back_gets_what_waited() {
    let Some(mut server) = MailServer::bound("") else { return };
    let house = house(&server);
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    let line = gate.logged("was not delivered");
    assert!(line.contains("the connection was not made"), "{line}");
    server.listen();
    let mail = server.mail();
    assert_eq!(set_password(&gate, &token(mail["mail"].as_str().unwrap())), 204);
}

#[test]
fn a_refusal_for_now_is_tried_again_and_one_for_good_is_recorded() {
    let Some(mut server) = MailServer::start("") else { return };
    server.tell(&json!({"answers": {"ann@example.com": "451 4.7.1 greylisted", "bob@example.com": "550 5.1.1 unknown"}}));
    let house = House::with(&sends_by(&server, "", "[admin]\nlisten = \"127.0.0.1:0\"\n"));
    let gate = house.serve();
    for name in ["ann", "bob", "cy"] {
        gate.http.register(name);
        request_reset(&gate, name);
    }
    // The others do not wait for Ann.
    assert_eq!(server.mail()["to"], json!(["cy@example.com"]));
    let line = gate.logged("delivery.given_up");
    assert!(line.contains("550 5.1.1 unknown") && line.contains("mail:reset"), "{line}");
    server.named("ann@example.com");
    server.tell(&json!({"answers": {"ann@example.com": null}}));
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["ann@example.com"]));
    assert_eq!(set_password(&gate, &token(mail["mail"].as_str().unwrap())), 204);
}

#[test]
fn a_slow_server_keeps_no_request_waiting() {
    let Some(mut server) = MailServer::start("") else { return };
    server.tell(&json!({"hold": true}));
    let house = house(&server);
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    server.named("ann@example.com");
    // The server holds the mail, and the gate answers.
    gate.http.login("ann");
    request_reset(&gate, "none");
    server.tell(&json!({"hold": false}));
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["ann@example.com"]));
}

#[test]
fn a_second_copy_of_a_mail_has_the_same_id_and_the_newer_link() {
    let Some(mut server) = MailServer::start("") else { return };
    server.tell(&json!({"hold_answer": true}));
    let house = house(&server);
    let gate = house.serve();
    gate.http.register("ann");
    request_reset(&gate, "ann");
    // The server has the mail, and the gate ends before it is told so.
    let first = text(&server.mail());
    gate.kill();
    server.tell(&json!({"hold_answer": false}));
    let gate = house.serve();
    let second = text(&server.mail());
    assert_eq!(message_id(&first), message_id(&second));
    assert_eq!(set_password(&gate, &token(&first)), 401, "the newer link ends the one before");
    assert_eq!(set_password(&gate, &token(&second)), 204);
    let other = text(&server.mail());
    assert_ne!(message_id(&other), message_id(&second), "{other}");
    let log = gate.log();
    assert!(!log.contains(PASSWORD), "{log}");
}

fn text(mail: &Value) -> String {
    mail["mail"].as_str().unwrap().to_owned()
}

#[track_caller]
fn message_id(mail: &str) -> &str {
    mail.lines()
        .find_map(|line| line.strip_prefix("Message-ID: "))
        .unwrap_or_else(|| panic!("no id in {mail}"))
}

/// The kind of a mail, and its recipient.
#[track_caller]
fn told(mail: &Value) -> (String, String) {
    let text = text(mail);
    let (_, kind) = message_id(&text).split_once('.').unwrap();
    let kind = kind.split('@').next().unwrap();
    (kind.to_owned(), mail["to"][0].as_str().unwrap().to_owned())
}

#[test]
fn what_happens_to_an_account_is_told_to_its_owner() {
    let Some(server) = MailServer::start("") else { return };
    let house = house(&server);
    let gate = house.serve();
    let id = gate.http.register("ann");
    let session = gate.http.login("ann");
    let is_told = |expected: &[(&str, &str)]| {
        let mut mails: Vec<_> = expected.iter().map(|_| told(&server.mail())).collect();
        mails.sort_unstable();
        let mails: Vec<(&str, &str)> = mails.iter().map(|(kind, to)| (kind.as_str(), to.as_str())).collect();
        assert_eq!(mails, expected);
    };
    let user = format!("/api/users/{id}");
    let send = |head: &str, body: Value| gate.http.send(head, &session, &body).status;
    house.ok("token issue ann@example.com");
    is_told(&[("token-made", "ann@example.com")]);
    assert_eq!(send(&format!("PATCH {user}"), json!({"username": "anna"})), 200);
    is_told(&[("username-changed", "ann@example.com")]);
    assert_eq!(send(&format!("PATCH {user}"), json!({"email": "new@example.com"})), 200);
    is_told(&[("address-changed", "ann@example.com"), ("address-changed", "new@example.com")]);
    assert_eq!(send(&format!("DELETE {user}"), json!({})), 200);
    is_told(&[("account-deleted", "new@example.com")]);
}

#[test]
fn an_invited_person_gets_a_mail_and_sets_the_first_password() {
    let Some(server) = MailServer::start("") else { return };
    let house = house(&server);
    let gate = house.serve();
    house.ok("role add clerk");
    let printed = house.ok("user invite ann@example.com --role clerk");
    let mail = server.mail();
    assert_eq!(mail["to"], json!(["ann@example.com"]));
    let mailed = token(mail["mail"].as_str().unwrap());
    assert_ne!(token(&printed), mailed);
    assert_eq!(gate.http.try_login("ann@example.com", "").status, 401);
    assert_eq!(set_password(&gate, &mailed), 204);
    assert_eq!(set_password(&gate, &token(&printed)), 401, "the account has a password");
    let login = json!({"email": "ann@example.com", "password": NEW});
    assert_eq!(gate.http.send("POST /api/users/login", "", &login).status, 200);
    let shown = house.json("user show ann@example.com");
    assert_eq!((&shown["emailVerified"], &shown["roles"]), (&json!(true), &json!(["clerk"])));
}

#[test]
fn a_confirmation_is_followed_to_its_address() {
    let Some(server) = MailServer::start("") else { return };
    let house = House::with(&sends_by(
        &server,
        "",
        "verify_on_register = true\n[users]\nemail_verification_required = true\n",
    ));
    let gate = house.serve();
    let id = gate.http.register("ann");
    assert_eq!(gate.http.try_login("ann", PASSWORD).status, 401);
    let mail = server.mail();
    let token = token(mail["mail"].as_str().unwrap());
    let target = format!("/api/users/confirm?uid={id}&token={token}");
    assert_eq!(gate.http.get(&target, ""), 204);
    gate.http.login("ann");
}
