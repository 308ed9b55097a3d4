//! `explain`: by the files where no gate runs, and by the running gate, which asks the app.

use std::fs;

use super::support::House;

/// The line of the answer that begins with this word.
fn line(text: &str, word: &str) -> String {
    let found = text.lines().find(|line| line.trim_start().starts_with(word));
    found
        .unwrap_or_else(|| panic!("no line `{word}` in\n{text}"))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn without_a_gate_the_files_decide_and_it_says_so() {
    let house = House::new();
    let text = house.ok("explain --as id:7 GET /notes/7");
    assert!(text.starts_with("deny 403 by notes.json#/acls/0\nallow if the row is theirs"), "{text}");
    assert!(line(&text, "by").ends_with("; no gate runs"), "{text}");
    assert!(!house.path("data").exists(), "to explain makes nothing");
    let text = house.ok("explain --as id:7 --owner yes GET /notes/7");
    assert!(text.starts_with("allow by notes.json#/acls/2\n"), "{text}");
    assert!(house.app.seen().is_empty(), "the app is not asked without a gate");
}

#[test]
fn a_running_gate_decides_by_its_own_set_and_asks_the_app() {
    let house = House::new();
    house.add_user("ann");
    house.ok("role add editor");
    let gate = house.serve();
    // The app says that note 1 is user 1's.
    for who in ["ann@example.com", "email:ann@example.com", "username:ann", "id:1", "1"] {
        let text = house.ok(&format!("explain --as {who} GET /notes/1"));
        assert!(text.starts_with("allow by notes.json#/acls/2\n"), "{who}: {text}");
        assert_eq!(line(&text, "owner"), "owner theirs, says the app (GET /notes/1)");
        assert!(line(&text, "by  ").starts_with("by the set in force at the running gate ("), "{text}");
    }
    let asked = house.app.seen();
    assert!(asked.iter().all(|head| head.contains("x-portcullis-lookup: owner")), "{asked:#?}");
    assert_eq!(asked.len(), 5);
    let json = house.json("explain --as ann GET /notes/2");
    assert_eq!((&json["verdict"], &json["status"]), (&"deny".into(), &403.into()));
    assert!(json.get("asks").is_none(), "{json}");
    // The app is not asked for facts in the arguments; nor is an anonymous caller's row.
    let count = house.app.seen().len();
    assert!(house.ok("explain --as ann --owner no GET /notes/1").starts_with("deny 403"));
    assert!(house.ok("explain --as anonymous GET /notes/1").starts_with("deny 401"));
    assert_eq!(house.app.seen().len(), count);
    // Roles are the store's, as of now.
    house.ok("role grant editor ann");
    let text = house.ok("explain --as ann GET /notes/2");
    assert!(text.starts_with("allow by notes.json#/acls/3\n"), "{text}");
    assert_eq!(line(&text, "caller"), "caller user 1 (editor)");
    assert!(house.run("explain --as unknown GET /notes/1").refused().contains("there is no user `unknown`"));
    house.ok("user disable ann");
    assert!(house.ok("explain --as ann GET /notes/2").contains("the account is switched off"));
    drop(gate);
}

#[test]
fn the_set_in_force_counts_and_not_what_lies_on_disk() {
    let house = House::new();
    let _gate = house.serve();
    let before = house.ok("explain --as anonymous GET /about");
    assert!(before.starts_with("allow "), "{before}");
    let text = fs::read_to_string(house.path("policies/public.json")).unwrap();
    // Broken, so that it never comes into force.
    house.write("policies/public.json", &text.replace("\"ALLOW\"", "\"ALOW\""));
    let after = house.ok("explain --as anonymous GET /about");
    let said: Vec<&str> = after.lines().filter(|line| !line.contains("not those in force")).collect();
    assert_eq!(said, before.lines().collect::<Vec<_>>());
}

#[test]
fn an_app_that_does_not_answer_is_a_503_that_says_why() {
    let house = House::with("");
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    let address = format!("http://{}", house.app.address);
    house.write("portcullis.toml", &config.replace(&address, "unix:nowhere.sock"));
    house.add_user("ann");
    let _gate = house.serve();
    let text = house.ok("explain --as ann GET /notes/1");
    assert!(text.starts_with("deny 503 by owner\n"), "{text}");
    assert!(
        line(&text, "to turn").starts_with("to turn the app has to say whose the row is: cannot connect"),
        "{text}"
    );
    let json = house.json("explain --as ann GET /notes/1");
    assert_eq!(
        (&json["status"], &json["winner"], &json["runnerUp"]),
        (&503.into(), &"owner".into(), &().into())
    );
}

#[test]
fn json_has_the_documented_shape_and_no_colour() {
    let house = House::new();
    let json = house.json("explain --as id:7 GET /notes/7 --owner no");
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = "verdict status route model property accessType modelId rules winner runnerUp flip";
    assert_eq!(keys.join(" "), documented);
    for rule in json["rules"].as_array().unwrap() {
        let keys: Vec<&str> = rule.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.join(" "), "ref score applied reason");
    }
    let line = "explain --as id:7 GET /notes/7";
    assert!(!house.ok(line).contains('\u{1b}'));
    let mut forced = house.command(line);
    forced.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR");
    assert!(super::support::finish(forced, "").ok().contains("\u{1b}[31mdeny 403\u{1b}[0m"));
    let mut refused = house.command(line);
    refused.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!super::support::finish(refused, "").ok().contains('\u{1b}'));
}

#[test]
fn a_segment_that_stands_for_the_caller_is_read_as_the_gate_reads_it() {
    let house = House::with("[users]\ncurrent_user_literal = \"me\"");
    house.add_user("ann");
    let offline = house.ok("explain --as id:1 GET /api/users/me");
    let _gate = house.serve();
    let live = house.ok("explain --as ann GET /api/users/me");
    for text in [&offline, &live] {
        assert!(text.starts_with("allow by User#/acls/"), "{text}");
        assert_eq!(line(text, "row"), "row 1");
    }
    assert!(house.ok("explain --as anonymous GET /api/users/me").starts_with("deny 401 by current-user\n"));
}

#[test]
fn a_certificate_is_asked_for_by_its_subject() {
    let house = House::new();
    house.write(
        "policies/jobs.json",
        r#"{"name": "Job", "routes": [{"path": "/jobs"}], "acls": [
            {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
            {"principalType": "CERTIFICATE", "principalId": "CN=robot,O=Example", "permission": "ALLOW"}]}"#,
    );
    house.write(
        "policies/jobs.cases.json",
        r#"[{"as": {"certificate": "CN=robot,O=Example"}, "method": "GET", "target": "/jobs", "expect": "allow"},
            {"as": {"user": 1, "certificate": "CN=robot,O=Example"}, "method": "GET", "target": "/jobs", "expect": "allow"},
            {"as": {"certificate": "CN=robot"}, "method": "GET", "target": "/jobs", "expect": "deny", "status": 401}]"#,
    );
    let cases = house.ok("policy test");
    for line in [
        "ok   jobs.cases.json#/0 GET /jobs as certificate CN=robot,O=Example: allow by jobs.json#/acls/1",
        "ok   jobs.cases.json#/1 GET /jobs as user 1: allow by jobs.json#/acls/1",
        "ok   jobs.cases.json#/2 GET /jobs as certificate CN=robot: deny by jobs.json#/acls/0",
    ] {
        assert!(cases.lines().any(|found| found == line), "no `{line}` in\n{cases}");
    }
    house.add_user("ann");
    let ask =
        |who: &str, subject: &str| house.ok(&format!("explain --as {who} --certificate {subject} GET /jobs"));
    let check = |ann: &str| {
        for who in ["anonymous", ann] {
            let text = ask(who, "CN=robot,O=Example");
            assert!(text.starts_with("allow by jobs.json#/acls/1\n"), "{who}: {text}");
            assert!(line(&text, "caller").ends_with(", certificate CN=robot,O=Example"), "{who}: {text}");
        }
        assert!(ask("anonymous", "CN=robot").starts_with("deny 401 by jobs.json#/acls/0\n"));
        assert!(ask(ann, "CN=other,O=Example").starts_with("deny 403 by jobs.json#/acls/0\n"));
        assert!(house.ok("explain --as anonymous GET /jobs").starts_with("deny 401 "), "without one");
    };
    check("id:1");
    let _gate = house.serve();
    check("ann");
}
