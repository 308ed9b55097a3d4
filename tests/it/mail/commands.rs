use serde_json::json;

use super::{house, sends_by, server::MailServer};
use crate::process::support::House;

#[test]
fn a_preview_shows_each_mail_in_each_language() {
    let house = House::with("[pages]\nlanguages = [\"de\"]\ntitle = \"Laden\"\n");
    let text = house.ok("mail preview reset");
    assert!(text.starts_with("Subject: Neues Passwort für Laden wählen\n\n"), "{text}");
    let shown = house.json("mail preview new-login --language ja");
    assert_eq!(shown["subject"], "Laden 新しい場所からのログイン");
    assert!(
        house
            .ok("mail preview invite --language zh --html")
            .starts_with("<!doctype html>\n<html lang=\"zh\">")
    );
    let wrong = house.run("mail preview welcome");
    assert_eq!(wrong.code, Some(64));
    assert!(wrong.err.contains("there is no mail `welcome`; there are `confirm`, `reset`"), "{}", wrong.err);
    assert_eq!(house.run("mail preview reset --language fr").code, Some(64));
}

#[test]
fn a_preview_shows_the_operators_own_templates_and_check_their_mistakes() {
    let house = House::with("[mail]\ntemplates = \"mails\"\n");
    std::fs::create_dir_all(house.path("mails/reset")).unwrap();
    house.write("mails/reset/body.txt", "Hello {{ username }}: {{ link }}");
    assert!(
        house.ok("mail preview reset").contains("Hello ann: http://127.0.0.1:0/.portcullis/reset?token=")
    );
    house.ok("check");
    let told = house.ok("check");
    assert!(told.contains("`mail.templates` replaces `body.txt` of `reset`, and not `body.html`"), "{told}");
    assert!(told.contains("portcullis.toml:16:13: warning: "), "{told}");
    house.write("mails/reset/body.html", "{{ link }}");
    assert!(!house.ok("check").contains("mail.templates"));
    for (text, expected) in
        [("{{ lnik }}", "`reset/body.txt` line 1"), ("{% if %}", "`reset/body.txt` line 1")]
    {
        house.write("mails/reset/body.txt", text);
        let found = house.run("check");
        assert_eq!(found.code, Some(1), "{}", found.out);
        assert!(found.out.contains("`mail.templates`: ") && found.out.contains(expected), "{}", found.out);
        assert!(house.run("mail preview reset").refused().contains(expected));
    }
}

#[test]
fn a_test_tells_each_step_and_sends_a_mail() {
    let Some(server) = MailServer::start("--starttls CERT KEY --login ann s3cret") else { return };
    let house = House::with(&sends_by(&server, "ann:s3cret@", &server.ca()));
    let told = house.ok("mail test bob@example.com");
    let steps: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("ok: ")).collect();
    let expected = [
        "connected",
        "the server greets",
        "the connection is encrypted (STARTTLS)",
        "logged in",
        "the sender is accepted",
        "the recipient is accepted",
        "the mail is accepted",
    ];
    assert_eq!(steps, expected, "{told}");
    assert_eq!(server.mail()["to"], json!(["bob@example.com"]));
    assert!(!told.contains("s3cret"));
    let answer = house.json("mail test bob@example.com");
    assert_eq!((&answer["sent"], answer["steps"].as_array().unwrap().len()), (&json!(true), 7));
}

#[test]
fn a_test_says_what_to_change() {
    let Some(server) = MailServer::start("--starttls CERT KEY --login ann s3cret") else { return };
    let (port, ca) = (server.port, server.ca());
    for (settings, expected) in [
        (sends_by(&server, "ann:wr0ng@", &ca), "error: the login failed: 535"),
        (
            sends_by(&server, "ann:wr0ng@", ""),
            "the login failed: the server takes a login only after STARTTLS; set `mail.ca`",
        ),
        (
            format!("[mail]\nsmtp = \"smtps://127.0.0.1:{port}\"\n{ca}"),
            "the server answers without TLS; if it offers STARTTLS (587), write `smtp://`",
        ),
        (format!("[mail]\nsmtp = \"smtp://127.0.0.1:1\"\n{ca}"), "error: the connection was not made: "),
        ("[mail]\nfrom = \"a@b.c\"\n".to_owned(), "`mail.smtp` is not set"),
    ] {
        let refused = House::with(&settings).run("mail test bob@example.com");
        assert_eq!(refused.code, Some(1), "{}", refused.out);
        assert!(refused.err.contains(expected), "{expected} is not in {}", refused.err);
        assert!(!refused.err.contains("wr0ng") && !refused.out.contains("wr0ng"));
    }
}

#[test]
fn check_says_where_links_lead_and_what_is_mixed_up() {
    for (settings, expected) in [
        ("[mail]\nsmtp = \"smtp://mail.example.com:465\"", "write `smtps://`"),
        ("[mail]\nsmtp = \"smtps://mail.example.com:587\"", "write `smtp://`, which demands STARTTLS"),
        ("[mail]\nsmtp = \"smtps://mail.example.com\"", "the links in mails begin with `http://127.0.0.1:0`"),
        (
            "[pages]\nenabled = false\n[mail]\nsmtp = \"smtps://m\"",
            "the links of `reset` and `invite` lead to those pages",
        ),
        ("[mail]\nsmtp = \"smtp://u:hush@\"", "`mail.smtp` has no host"),
        ("[mail]\nfrom = \"nobody\"", "`mail.from` is no sender"),
        ("[mail]\nfrom = \"büro@b.example\"", "`mail.from` has letters beyond ASCII before the `@`"),
        ("[mail]\nsmtp = \"smtps://m\"\nca = \"none.pem\"", "none.pem"),
        ("[mail]\nmessages = [\"welcome\"]", "mail.messages"),
    ] {
        let found = House::with(settings).run("check");
        assert!(found.out.contains(expected), "{settings}: {}{}", found.out, found.err);
        assert!(!found.out.contains("hush"));
    }
}

#[test]
fn an_invitation_without_a_server_is_a_link_to_hand_over() {
    let house = House::new();
    let printed = house.ok("user invite ann@example.com");
    assert!(printed.contains("/.portcullis/invite?token="), "{printed}");
    let shown = house.json("user invite ann@example.com");
    assert!(shown["link"].as_str().unwrap().contains("/.portcullis/invite?token="));
    assert_eq!(shown["user"]["hasPassword"], false);
    house.add_user("bob");
    let taken = house.run("user invite bob@example.com").refused();
    assert!(taken.contains("bob@example.com already has an account (user "), "{taken}");
    let wrong = house.run("user invite nobody").refused();
    assert!(wrong.contains("`nobody` is not an email address"), "{wrong}");
    assert!(house.run("user invite cy@example.com --role none").refused().contains("none"));
}

#[test]
fn a_house_with_a_server_needs_no_other_setting() {
    let Some(server) = MailServer::start("") else { return };
    house(&server).ok("mail test bob@example.com");
    assert_eq!(server.mail()["tls"], false);
}

#[test]
fn the_built_in_templates_are_written_and_nothing_is_overwritten() {
    let house = House::new();
    assert!(house.ok("mail templates mine").starts_with("34 files are written into `mine`"));
    assert!(std::fs::read_to_string(house.path("mine/reset/body.html")).unwrap().contains("{% extends"));
    house.write("mine/reset/body.txt", "mine");
    let again = house.ok("mail templates mine");
    assert!(again.starts_with("0 files") && again.contains("left as they are: "), "{again}");
    assert_eq!(std::fs::read_to_string(house.path("mine/reset/body.txt")).unwrap(), "mine");
    let told = house.ok("check --set mail.templates=mine");
    assert!(!told.contains("mail.templates"), "{told}");
}
