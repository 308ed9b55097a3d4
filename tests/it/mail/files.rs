use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::token;
use crate::process::support::{House, wait_until};

#[test]
fn without_a_server_a_mail_is_a_file_for_its_owner_alone() {
    let house = House::new();
    let gate = house.serve();
    gate.http.register("ann");
    let body = json!({"email": "ann@example.com"});
    assert_eq!(gate.http.send("POST /api/users/reset", "", &body).status, 200);
    let path = wait_until("a mail is written", || {
        let files = house.files();
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "eml"))
    });
    assert_eq!(path.parent().unwrap(), house.path("data/outbox"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mail = fs::read_to_string(&path).unwrap();
    let set = json!({"newPassword": "another-good-password-9"});
    assert_eq!(gate.http.send("POST /api/users/reset-password", &token(&mail), &set).status, 204);
}

#[test]
fn where_the_webhook_sends_the_mails_there_are_no_files() {
    let house = House::with("[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"\n");
    let gate = house.serve();
    gate.http.register("ann");
    let body = json!({"email": "ann@example.com"});
    assert_eq!(gate.http.send("POST /api/users/reset", "", &body).status, 200);
    // The event is tried, so a mail would be, too.
    gate.logged("was not delivered");
    assert_eq!(gate.stop(), Some(0));
    assert!(!house.path("data/outbox").exists());
}

#[test]
fn a_reload_takes_other_mails_and_templates() {
    let house = House::new();
    let gate = house.serve();
    gate.http.register("ann");
    fs::create_dir_all(house.path("mails/reset")).unwrap();
    house.write("mails/reset/subject.txt", "Our own words\n");
    house.write("portcullis.toml", &house.configuration("[mail]\ntemplates = \"mails\"\n"));
    gate.logged("the new setting is in force");
    let body = json!({"email": "ann@example.com"});
    assert_eq!(gate.http.send("POST /api/users/reset", "", &body).status, 200);
    let path = wait_until("a mail is written", || {
        let files = house.files();
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "eml"))
    });
    assert!(fs::read_to_string(path).unwrap().contains("Subject: Our own words"));
    house.write("mails/reset/body.txt", "{{ nothing");
    house.write("portcullis.toml", &house.configuration("[mail]\ntemplates = \"mails\"\nfrom = \"a@b.c\"\n"));
    let line = gate.logged("mail.templates` cannot be used");
    assert!(!line.is_empty());
    gate.http.login("ann");
}
