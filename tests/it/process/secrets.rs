//! No password and no token is in a file of the data folder, in the log or in the output of commands. The audit log
//! records the events.

use std::fs;

use serde_json::{Value, json};

use super::support::{House, Http, PASSWORD};

/// All that happened, in the words of docs/interface.md, "Events", and in this order.
const EVENTS: [&str; 16] = [
    "role.changed",
    "user.registered",
    "user.registered",
    "login.succeeded",
    "login.succeeded",
    "login.failed",
    "login.failed",
    "logout",
    "role.changed",
    "role.changed",
    "token.issued",
    "token.revoked",
    "password.changed",
    "user.changed",
    "user.changed",
    "user.deleted",
];

/// Everything that must not be found anywhere.
fn busy_run(house: &House, http: Http, printed: &mut String) -> Vec<String> {
    let ok = |line: &str, input: &str| house.run_with(line, input).ok();
    let spoken = |name: &str, password: &str| json!({"email": format!("{name}@example.com"), "username": name, "password": password});
    printed.push_str(&ok("role add editor", ""));
    printed.push_str(&ok(
        "user add --email ann@example.com --username ann --password-stdin",
        "typed-by-operator-1",
    ));
    http.send("POST /api/users", "", &spoken("bob", "typed-by-bob-22"));
    let login = |name: &str, password: &str| {
        let answer = http.try_login(name, password);
        answer.json()["id"].as_str().map(str::to_owned)
    };
    let (ann, bob) = (login("ann", "typed-by-operator-1").unwrap(), login("bob", "typed-by-bob-22").unwrap());
    assert_eq!(login("bob", "a-wrong-guess-333"), None);
    assert_eq!(login("bob@typed-into-the-name.example", PASSWORD), None);
    assert_eq!(http.get("/notes/2", &bob), 200);
    assert_eq!(http.get(&format!("/notes/2?access_token={bob}&q=a-private-word"), ""), 200);
    assert_eq!(http.logout(&bob), 204);
    printed.push_str(&ok("role grant editor ann", ""));
    printed.push_str(&ok("role revoke editor ann", ""));
    let issued = ok("token issue ann --name robot", "").trim().to_owned();
    printed.push_str(&ok("token list", ""));
    printed.push_str(&ok("token list --json", ""));
    let handle = house.json("token list")[0]["handle"].as_str().unwrap().to_owned();
    printed.push_str(&ok(&format!("token revoke {handle}"), ""));
    printed.push_str(&ok("user set-password ann --password-stdin", "set-by-operator-4444"));
    let last = login("ann", "set-by-operator-4444").unwrap();
    printed.push_str(&ok("user disable ann", ""));
    printed.push_str(&ok("user enable ann", ""));
    printed.push_str(&ok("user show ann --json", ""));
    printed.push_str(&ok("user list", ""));
    printed.push_str(&ok("user delete bob --yes", ""));
    let typed =
        ["typed-by-operator-1", "typed-by-bob-22", "a-wrong-guess-333", "set-by-operator-4444", PASSWORD];
    let words = typed.into_iter().chain(["typed-into-the-name", "a-private-word"]).map(str::to_owned);
    words.chain([ann, bob, issued, last]).collect()
}

#[test]
fn a_busy_run_leaves_no_secret_behind() {
    let house = House::new();
    let gate = house.serve();
    let mut printed = String::new();
    let secrets = busy_run(&house, gate.http, &mut printed);
    gate.logged("user.deleted");
    // Also what is on disk while it runs, and what only the stop writes.
    let mut files = contents(&house);
    let log = gate.log();
    assert_eq!(gate.stop(), Some(0));
    files.extend(contents(&house));
    assert!(files.iter().any(|(_, bytes)| find(bytes, b"ann@example.com")), "the store was not read");
    for secret in &secrets {
        assert!(secret.len() > 12, "{secret} could be found by chance");
        for (name, bytes) in &files {
            assert!(!find(bytes, secret.as_bytes()), "{secret} is in {name}");
        }
        for (name, text) in [("the log", &log), ("an answer to an operator", &printed)] {
            assert!(!text.contains(secret), "{secret} is in {name}:\n{text}");
        }
    }
    must_tell_all(&log);
}

fn must_tell_all(log: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["ts", "level", "stream", "msg"] {
            assert!(line[name].is_string(), "{line} has no {name}");
        }
    }
    let audit = lines.iter().filter(|line| line["stream"] == "audit");
    let mut events: Vec<&str> = audit.map(|line| line["msg"].as_str().unwrap()).collect();
    // The event of ann's second login, after the change of her password.
    assert_eq!(events.remove(13), "login.succeeded");
    assert_eq!(events, EVENTS);
    assert!(lines.iter().any(|line| line["stream"] == "access" && line["path"] == "/notes/2"));
}

#[test]
fn the_audit_log_can_be_off() {
    let house = House::with("[log]\naudit = false\n");
    let gate = house.serve();
    gate.http.register("ann");
    gate.http.login("ann");
    gate.logged(r#""route":"User.login""#);
    assert!(!gate.log().contains("audit"), "{}", gate.log());
}

fn contents(house: &House) -> Vec<(String, Vec<u8>)> {
    let below = house.files().into_iter().filter(|path| path.starts_with(house.path("data")));
    below.filter_map(|path| Some((path.display().to_string(), fs::read(path).ok()?))).collect()
}

fn find(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}
