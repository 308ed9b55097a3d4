//! Users, roles and tokens: the same commands on a store of their own and on a running gate, and what they do to
//! requests at once.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::support::{Answer, Gate, House, PASSWORD, wait_until};

/// Every command on accounts, and what it answers.
fn walk(house: &House) -> Vec<String> {
    let mut told = Vec::new();
    let mut run = |line: &str, input: &str| {
        let done = house.run_with(line, input);
        let said = if done.code == Some(0) { done.out } else { done.err };
        told.push(format!("$ {line} -> {}\n{}", done.code.unwrap(), redacted(&said)));
    };
    run("role add editor", "");
    run("role add editor", "");
    run("role add $owner", "");
    run("user add --email ann@example.com --username ann --role editor --password-stdin", PASSWORD);
    run("user add --email bob@example.com --id 7 --password-stdin", &format!("{PASSWORD}\n"));
    run("user add --email ann@example.com --password-stdin", PASSWORD);
    run("user add --email carl@example.com --password-stdin", "short");
    run("user add --email carl@example.com --role chief --password-stdin", PASSWORD);
    run("user list", "");
    run("role grant editor id:7", "");
    run("role grant chief ann", "");
    run("role revoke editor ann@example.com", "");
    run("role list", "");
    run("user show username:ann", "");
    run("user disable ann", "");
    run("user list", "");
    run("user enable ann", "");
    run("token issue 7 --name robot --ttl 60", "");
    run("token issue 7 --ttl -1", "");
    run("token list --user 7 --json", "");
    run("token revoke abcd", "");
    run("token revoke --user 7", "");
    run("token list", "");
    run("user set-password 7 --password-stdin", "another-password-5");
    run("user delete 7 --yes", "");
    run("user delete 7 --yes", "");
    run("user list --json", "");
    told
}

/// Ids of tokens, handles and times are never the same.
fn redacted(text: &str) -> String {
    let plain = |word: &str| word.trim_matches(['"', ',']).to_owned();
    let mut told = text.to_owned();
    for word in text.split_whitespace().map(plain) {
        if word.len() == 64 && word.chars().all(|c| c.is_ascii_alphanumeric()) {
            told = told.replace(&word, "ID");
        } else if word.starts_with("20") && word.ends_with('Z') {
            told = told.replace(&word, "TIME");
        }
    }
    told
}

#[test]
fn commands_answer_the_same_with_and_without_a_gate() {
    let (alone, served) = (House::new(), House::new());
    let told = walk(&alone);
    let gate = served.serve();
    assert_eq!(told.join("\n"), walk(&served).join("\n"));
    assert_eq!(gate.stop(), Some(0));
    assert_eq!(alone.json("user list"), served.json("user list"), "it was written, too");
    insta::assert_snapshot!(told.join("\n"));
}

/// A gate with ann (id 1) and bob (id 2), who are logged in.
fn inhabited() -> (House, Gate, [String; 2]) {
    let house = House::new();
    house.ok("role add editor");
    house.add_user("ann");
    house.add_user("bob");
    let gate = house.serve();
    let tokens = ["ann", "bob"].map(|name| gate.http.login(name));
    (house, gate, tokens)
}

/// The caller's roles in the app's request.
fn groups(gate: &Gate, token: &str) -> Option<String> {
    let Answer { status, body, .. } = gate.http.send("GET /whoami", token, &Value::Null);
    assert_eq!(status, 200, "{body}");
    body.lines().find_map(|line| line.strip_prefix("x-forwarded-groups: ")).map(str::to_owned)
}

#[test]
fn the_socket_is_the_owners_alone() {
    let (house, _gate, _) = inhabited();
    let mode = |name: &str| house.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data/admin.sock"), mode("data")), (0o600, 0o700));
}

#[test]
fn a_revoked_token_is_refused_at_once() {
    let (house, gate, [ann, bob]) = inhabited();
    let tokens = house.json("token list --user ann");
    let handle = tokens[0]["handle"].as_str().unwrap().to_owned();
    assert_eq!(gate.http.get("/notes/1", &handle), 401, "a handle is not a credential");
    assert_eq!(gate.http.get("/notes/1", &ann), 200);
    house.ok(&format!("token revoke {handle}"));
    assert_eq!(gate.http.get("/notes/1", &ann), 401);
    let issued = house.ok("token issue bob --ttl 60").trim().to_owned();
    assert_eq!((gate.http.get("/notes/2", &bob), gate.http.get("/notes/2", &issued)), (200, 200));
    assert_eq!(house.ok("token revoke --user bob"), "2 tokens of user 2 (bob@example.com) have ended\n");
    assert_eq!((gate.http.get("/notes/2", &bob), gate.http.get("/notes/2", &issued)), (401, 401));
}

#[test]
fn a_list_of_tokens_shows_what_a_running_gate_has_seen_and_what_a_stop_wrote_down() {
    let (house, gate, [ann, _]) = inhabited();
    let robot = house.ok("token issue bob --name nightly --ttl 3600").trim().to_owned();
    let unused = house.json("token list");
    assert_eq!(unused.as_array().unwrap().len(), 3, "{unused}");
    assert!(unused.as_array().unwrap().iter().all(|token| token["lastUsed"].is_null()), "{unused}");
    assert_eq!((gate.http.get("/notes/1", &ann), gate.http.get("/notes/2", &robot)), (200, 200));
    let used = |listed: &Value| -> Vec<(Value, Value, Value)> {
        let tokens = listed.as_array().unwrap().iter().filter(|token| !token["lastUsed"].is_null());
        let row = |token: &Value| (token["userId"].clone(), token["name"].clone(), token["client"].clone());
        tokens.map(row).collect()
    };
    let live = house.json("token list");
    let mut expected =
        vec![(json!(1), Value::Null, json!("127.0.0.1")), (json!(2), json!("nightly"), json!("127.0.0.1"))];
    let mut found = used(&live);
    expected.sort_by_key(|row| row.0.to_string());
    found.sort_by_key(|row| row.0.to_string());
    assert_eq!(found, expected, "{live}");
    assert!(live[0]["expires"].as_str().unwrap() > live[0]["created"].as_str().unwrap());
    assert_eq!(gate.stop(), Some(0));
    assert_eq!(house.json("token list"), live, "nothing is lost by a stop");
    let text = house.ok("token list --user bob");
    assert!(text.starts_with("HANDLE") && text.contains("LAST USED") && text.contains("nightly"), "{text}");
}

#[test]
fn a_service_token_opens_what_its_scopes_say_for_as_long_as_it_was_given() {
    let house = House::with("[users]\nallow_eternal_tokens = true\nmax_ttl = 1000000\n");
    let report = json!({
        "name": "Statistic",
        "routes": [{ "path": "/statistics", "property": "list", "accessScopes": ["statistics"] }],
        "acls": [{ "principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW" }]
    });
    house.write("policies/statistics.json", &report.to_string());
    house.add_user("ann");
    let gate = house.serve();
    let ann = gate.http.login("ann");
    let robot = house.ok("token issue ann --name nightly --ttl -1 --scope statistics").trim().to_owned();
    assert_eq!((gate.http.get("/statistics", &robot), gate.http.get("/notes/1", &robot)), (200, 403));
    assert_eq!((gate.http.get("/statistics", &ann), gate.http.get("/statistics", "")), (403, 401));
    let listed = house.json("token list --user ann");
    let row = listed.as_array().unwrap().iter().find(|token| token["name"] == "nightly").unwrap();
    assert_eq!((&row["ttl"], &row["expires"], &row["expired"]), (&json!(-1.0), &Value::Null, &json!(false)));
    assert_eq!((&row["scopes"], row["lastUsed"].is_string()), (&json!(["statistics"]), true));
    let told = house.run("explain --as ann GET /statistics");
    assert!(told.out.contains("use a token with the scope `statistics`"), "{}", told.out);
    let told = house.run("explain --as ann --scope statistics GET /statistics").ok();
    assert!(told.contains("allow"), "{told}");
    house.ok(&format!("token revoke {}", row["handle"].as_str().unwrap()));
    assert_eq!(gate.http.get("/statistics", &robot), 401);
    let error = house.run("token issue ann --ttl 1000001").refused();
    assert!(error.contains("more than `users.max_ttl` allows, which is 1000000"), "{error}");
}

#[test]
fn a_granted_role_counts_at_once_for_decisions_and_for_the_app() {
    let (house, gate, [ann, _]) = inhabited();
    assert_eq!((gate.http.get("/notes/2", &ann), groups(&gate, &ann)), (403, None));
    house.ok("role add clerk");
    house.ok("role grant editor ann");
    house.ok("role grant clerk ann");
    assert_eq!((gate.http.get("/notes/2", &ann), groups(&gate, &ann)), (200, Some("clerk,editor".into())));
    house.ok("role revoke editor ann");
    assert_eq!((gate.http.get("/notes/2", &ann), groups(&gate, &ann)), (403, Some("clerk".into())));
}

#[test]
fn a_rule_for_a_role_that_is_added_later_applies_soon() {
    let house = House::new();
    house.add_user("ann");
    let gate = house.serve();
    let ann = gate.http.login("ann");
    assert_eq!(gate.http.get("/reports/1", &ann), 403);
    house.ok("role add editor");
    house.ok("role grant editor ann");
    // The rules are compiled again when the store's roles have changed.
    wait_until("the new role", || (gate.http.get("/reports/1", &ann) == 200).then_some(()));
}

#[test]
fn a_disabled_user_cannot_log_in_until_enabled() {
    let (house, gate, [ann, bob]) = inhabited();
    house.ok("user disable ann");
    assert_eq!((gate.http.get("/notes/1", &ann), gate.http.get("/notes/2", &bob)), (401, 200));
    assert_eq!(gate.http.try_login("ann", PASSWORD).status, 401);
    assert_eq!(gate.http.logout(&ann), 401);
    house.ok("user enable ann");
    assert_eq!(gate.http.get("/notes/1", &ann), 401, "the old sessions do not come back");
    gate.http.login("ann");
}

#[test]
fn a_new_password_ends_every_session() {
    let (house, gate, [ann, bob]) = inhabited();
    let second = gate.http.login("ann");
    house.run_with("user set-password ann --password-stdin", "another-password-5").ok();
    for token in [&ann, &second] {
        assert_eq!(gate.http.get("/notes/1", token), 401);
    }
    assert_eq!(gate.http.get("/notes/2", &bob), 200);
    assert_eq!(gate.http.try_login("ann", PASSWORD).status, 401);
    assert_eq!(gate.http.try_login("ann", "another-password-5").status, 200);
}

#[test]
fn a_deleted_user_is_gone_and_the_id_is_not_used_again() {
    let (house, gate, [_, bob]) = inhabited();
    house.ok("user delete bob --yes");
    assert_eq!(gate.http.get("/notes/2", &bob), 401);
    assert_eq!(gate.http.try_login("bob", PASSWORD).status, 401);
    assert_eq!(gate.http.register("bob"), 3);
}

#[test]
fn a_password_comes_from_a_file_as_well() {
    let house = House::new();
    house.write("secret.txt", &format!("{PASSWORD}\n"));
    house.ok("user add --email ann@example.com --username ann --password-file secret.txt");
    let error = house.run("user add --email b@example.com --password-file none.txt").refused();
    assert!(error.contains("cannot read `none.txt`"), "{error}");
    let gate = house.serve();
    gate.http.login("ann");
}

#[test]
fn a_command_that_means_another_store_is_refused_by_the_gate() {
    let (house, _gate, _) = inhabited();
    let error = house.run("user list --set store.url=sled:other").refused();
    assert!(error.contains("the gate uses the store `sled:") && error.contains("other`"), "{error}");
    assert!(!house.path("other").exists());
}

#[test]
fn a_store_in_memory_belongs_to_its_gate_alone() {
    let house = House::with("[store]\nurl = \"memory:\"\n");
    let error = house.run("user list").refused();
    assert!(error.contains("a store in memory is nowhere else"), "{error}");
    let gate = house.serve();
    house.add_user("ann");
    gate.http.login("ann");
    assert_eq!(house.json("user list").pointer("/0/email"), Some(&json!("ann@example.com")));
}

#[test]
fn an_account_of_an_operator_can_log_in_where_addresses_are_to_be_confirmed() {
    let house = House::with("[users]\nemail_verification_required = true\n");
    house.add_user("bob");
    assert!(house.ok("user show bob").contains("state     active"), "{}", house.ok("user show bob"));
    let gate = house.serve();
    gate.http.login("bob");
    gate.http.register("ann");
    assert!(house.ok("user show ann").contains("state     unconfirmed"), "{}", house.ok("user show ann"));
}

#[test]
fn a_slowed_account_can_be_unlocked() {
    let house = House::with("login_per_account = \"2/hour\"\n");
    house.add_user("ann");
    let error = house.run("user unlock ann").refused();
    assert!(error.contains("no gate runs here"), "{error}");
    let gate = house.serve();
    let login = |password: &str| {
        let body = json!({"username": "ann", "password": password});
        gate.http.send("POST /api/users/login", "", &body).status
    };
    let statuses = [login("wrong"), login("wrong"), login(PASSWORD)];
    assert_eq!(statuses, [401, 401, 429]);
    assert_eq!(house.ok("user unlock ann"), "the failed logins of user 1 (ann@example.com) are forgotten\n");
    assert_eq!(login(PASSWORD), 200);
    let log = gate.log();
    let line = log.lines().find(|line| line.contains("user.unlocked")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(r#""stream":"audit""#) && line.contains(r#""by":"operator""#), "{line}");
}

#[test]
fn the_log_tells_what_a_shadow_lets_through() {
    let limits = "requests_per_client = \"1/hour\"\nshadow = [\"requests_per_client\"]\n";
    let house = House::with(limits);
    let gate = house.serve();
    for _ in 0..3 {
        assert_eq!(gate.http.get("/notes/1", ""), 401);
    }
    let line = wait_until("a line about the shadow", || {
        let log = gate.log();
        log.lines().find(|line| line.contains("`limits.shadow` names it")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["limit"], &line["rate"]), (&json!("requests_per_client"), &json!("1/hour")));
}
