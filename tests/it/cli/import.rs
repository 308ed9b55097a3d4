//! `import loopback`: the memory connector's file, into a store of one's own and into a running gate.

use std::{fs, process::Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{House, end, wait_until};

/// bcryptjs's hash of `secret-of-ann` with 4 rounds.
fn bcrypt() -> String {
    bcrypt::hash("secret-of-ann", 4).unwrap().replacen("$2b$", "$2a$", 1)
}

/// A file as the memory connector writes it: every row is JSON in a text.
fn file() -> String {
    let row = |row: Value| Value::String(row.to_string());
    json!({
        "ids": {"User": 12, "AccessToken": 3, "Role": 2, "RoleMapping": 2, "Order": 9},
        "models": {
            "User": {
                "4": row(json!({"id": 4, "email": "ann@example.com", "username": "ann", "password": bcrypt(), "plan": "gold"})),
                "5": row(json!({"id": 5, "email": "bob@example.com", "password": "plain"})),
            },
            "AccessToken": {
                "live-token": row(json!({"id": "live-token", "ttl": 1209600, "created": "2090-01-01T00:00:00.000Z", "userId": 4})),
                "old-token": row(json!({"id": "old-token", "ttl": 60, "created": "2015-01-01T00:00:00.000Z", "userId": 4})),
            },
            "Role": {"1": row(json!({"id": 1, "name": "editor"}))},
            "RoleMapping": {"1": row(json!({"id": 1, "principalType": "USER", "principalId": "4", "roleId": 1}))},
            "ACL": {"1": row(json!({
                "id": 1, "model": "Public", "property": "*", "accessType": "*",
                "permission": "DENY", "principalType": "USER", "principalId": "5",
            }))},
            "Order": {"1": row(json!({"id": 1}))},
        },
    })
    .to_string()
}

#[test]
fn all_sessions_and_passwords_keep_working() {
    for online in [false, true] {
        let house = House::new();
        house.write("db.json", &file());
        let before = online.then(|| house.serve());
        house.ok("import loopback db.json");
        let gate = before.unwrap_or_else(|| house.serve());
        assert_eq!(gate.http.get("/notes/4", "live-token"), 200);
        assert_eq!(gate.http.get("/reports/1", "live-token"), 200, "the role is not there");
        assert_eq!(gate.http.get("/notes/4", "old-token"), 401);
        assert_eq!(gate.http.try_login("ann", "secret-of-ann").status, 200);
        assert_eq!(
            gate.http.try_login("ann", "secret-of-ann").status,
            200,
            "the new hash is another password's"
        );
        let own = gate.http.send("GET /api/users/4", "live-token", &Value::Null).json();
        assert_eq!(own["plan"], "gold");
        assert_eq!(gate.http.register("carl"), 12, "the count goes on where LoopBack's was");
    }
}

#[test]
fn a_second_time_changes_nothing() {
    let house = House::new();
    house.write("db.json", &file());
    let first = house.json("import loopback db.json");
    let (users, tokens) = (house.json("user list"), house.json("token list"));
    let second = house.json("import loopback db.json");
    assert_ne!(first, second, "it says that all was there");
    assert_eq!((users, tokens), (house.json("user list"), house.json("token list")));
}

#[test]
fn the_report_says_what_was_left_and_why_and_no_secret() {
    let house = House::new();
    house.write("db.json", &file());
    let report = house.ok("import loopback db.json");
    for secret in ["live-token", "old-token", "$2a$", "plain"] {
        assert!(!report.contains(secret), "{secret} is in\n{report}");
    }
    insta::assert_snapshot!(report);
}

#[test]
fn a_file_that_is_none_is_told_with_its_place() {
    let house = House::new();
    house.write("broken.json", "{\n\"models\": {,}}");
    house.write("users.json", "[]");
    house.write("other.json", "{\"models\": {\"Customer\": {}}}");
    for (file, expected) in [
        ("none.json", "cannot read `none.json`"),
        ("broken.json", "`broken.json:2:"),
        ("users.json", "--users"),
        ("other.json", "--user-model says what the accounts are called"),
    ] {
        let error = house.run(&format!("import loopback {file}")).refused();
        assert!(error.contains(expected), "{file}: {error}");
    }
}

/// Users and tokens as a database exports them, a row on each line.
fn export(house: &House, rows: u64) -> &'static str {
    let (mut users, mut tokens) = (String::new(), String::new());
    for n in 1..=rows {
        let id = format!("{n:024x}");
        let user =
            json!({"_id": {"$oid": id}, "email": format!("{n}@example.com"), "username": format!("u{n}")});
        let created = json!({"$date": "2090-01-01T00:00:00.000Z"});
        let token = json!({"_id": format!("token-{n}"), "ttl": 1_209_600, "created": created, "userId": {"$oid": id}});
        users.push_str(&format!("{user}\n"));
        tokens.push_str(&format!("{token}\n"));
    }
    house.write("users.ndjson", &users);
    house.write("tokens.ndjson", &tokens);
    "import loopback --users users.ndjson --tokens tokens.ndjson"
}

#[test]
fn one_that_is_killed_goes_on_where_it_was() {
    const ROWS: u64 = 3_000;
    // On a busy machine it may come to its end before the signal: then it is tried again.
    let (house, line) = wait_until("an import is killed on its way", || {
        let house = House::new();
        let line = export(&house, ROWS);
        let mut import = house.command(line).stdout(Stdio::null()).spawn().unwrap();
        // The store's mark begins with the number of commits: the first two say that an import begins.
        let commits = || {
            let mark = fs::read(house.path("data/store/mark")).ok()?;
            mark.first_chunk().map(|number| u64::from_le_bytes(*number))
        };
        wait_until("it has stored rows", || commits().filter(|commits| *commits > 2));
        end(&mut import, Signal::KILL).is_none().then_some((house, line))
    });
    let rest = house.json(line);
    let count = |kind: &str, what: &str| rest[kind][what].as_u64().unwrap();
    for kind in ["users", "tokens"] {
        assert_eq!(count(kind, "taken") + count(kind, "present"), ROWS, "{rest}");
        assert_eq!((count(kind, "updated"), count(kind, "left")), (0, 0), "{rest}");
    }
    assert!(count("users", "present") > 0, "what was stored is lost: {rest}");
    assert!(count("tokens", "taken") > 0, "it was not killed on its way: {rest}");
    let gate = house.serve();
    for n in [1, ROWS] {
        assert_eq!(gate.http.get(&format!("/api/users/{n:024x}"), &format!("token-{n}")), 200);
    }
}
