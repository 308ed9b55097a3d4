//! What editors, copies and mistakes make of a policies folder: `check` and `serve` say what is wrong, where, and what
//! would be right, and a gate that runs stays as it is.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::process::Signal;

use super::support::House;

const MODEL: &str = r#"{"name": "A", "base": "PersistedModel", "acls": [
    {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]}"#;

type Spoil = (&'static str, fn(&Path), &'static str);

fn put(dir: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(dir.join(name), text).unwrap();
}

/// A change of the folder, and the beginning of the message about it.
const SPOILT: &[Spoil] = &[
    ("truncated", |dir| put(dir, "a.json", MODEL.split_at(40).0), "a.json:1:"),
    ("empty", |dir| put(dir, "a.json", ""), "a.json:1:1: error: the file is empty"),
    ("blank", |dir| put(dir, "a.json", " \n"), "a.json:1:1: error: the file is empty"),
    (
        "huge",
        |dir| fs::File::create(dir.join("a.json")).unwrap().set_len(100 << 20).unwrap(),
        "a.json:1:1: error: the file has 104857600 bytes",
    ),
    (
        "twice",
        |dir| {
            put(dir, "a.json", MODEL);
            put(dir, "b.json", MODEL);
        },
        "b.json:1:1: error: the model `A` is already defined in `a.json`; rename one of them",
    ),
    (
        "cycle",
        |dir| {
            put(dir, "a.json", r#"{"name": "A", "base": "B"}"#);
            put(dir, "b.json", r#"{"name": "B", "base": "A"}"#);
        },
        "a.json:1:23: error: the base of `A` leads back to itself",
    ),
    (
        "tie",
        |dir| {
            put(
                dir,
                "a.json",
                r#"{"name": "A", "routes": [{"path": "/a/{x}"}, {"path": "/a/{y}"}], "acls": []}"#,
            )
        },
        "a.json:1:46: error: the route `/a/{y}` ties with `/a/{x}` of a.json:1:26; remove one",
    ),
    (
        "deep",
        |dir| put(dir, "a.json", "[".repeat(100_000)),
        "a.json:1:65: error: more than 64 levels of nesting",
    ),
    (
        "deep object",
        |dir| put(dir, "a.json", r#"{"name":"A","x":"#.to_owned() + &r#"{"x":"#.repeat(100_000)),
        "a.json:1:",
    ),
    (
        "folder",
        |dir| fs::create_dir(dir.join("a.json")).unwrap(),
        "a.json:1:1: error: this is a folder, not a file",
    ),
    (
        "link",
        |dir| symlink("nowhere", dir.join("a.json")).unwrap(),
        "a.json:1:1: error: this link leads nowhere",
    ),
    ("latin-1", |dir| put(dir, "a.json", b"{\n\"\xe9\": 1}"), "a.json:2:2: error: the file is not UTF-8"),
    ("utf-16", |dir| put(dir, "a.json", b"\xff\xfe{\0}\0"), "a.json:1:1: error: the file is not UTF-8"),
    (
        "no object",
        |dir| put(dir, "a.json", "null"),
        "a.json:1:1: error: the file holds null; write an object",
    ),
    (
        "misspelt routes",
        |dir| put(dir, "a.json", r#"{"name": "A", "rotes": [{"path": "/a"}]}"#),
        "a.json:1:15: error: `rotes` is not read, only `routes` is",
    ),
    ("comment", |dir| put(dir, "a.json", "{\n// no\n}"), "a.json:2:1: error: this is not JSON"),
];

/// A house with one policy of its own, spoilt.
fn spoilt(spoil: fn(&Path)) -> House {
    let house = House::new();
    let policies = house.path("policies");
    spoil(&policies);
    house
}

#[test]
fn check_and_serve_say_what_is_wrong_and_where() {
    for (what, spoil, told) in SPOILT {
        let house = spoilt(*spoil);
        let checked = house.run("check");
        assert_eq!(checked.code, Some(1), "{what}: {checked:?}");
        let line = format!("policies/{told}");
        assert!(checked.out.lines().any(|found| found.starts_with(&line)), "{what}: {}", checked.out);
        assert!(checked.out.len() < 20_000, "{what}: it is not told at length");
        let served = house.run("serve").refused();
        assert!(served.contains(told), "{what}: {served}");
    }
}

#[test]
fn a_running_gate_keeps_its_set_and_says_why() {
    let house = House::new();
    let gate = house.serve();
    assert_eq!(gate.http.get("/about", ""), 200);
    for (what, spoil, told) in SPOILT {
        spoil(&house.path("policies"));
        gate.signal(Signal::HUP);
        gate.logged(&told.replace('"', "\\\""));
        assert_eq!(gate.http.get("/about", ""), 200, "{what}");
        for name in ["a.json", "b.json"] {
            let path = house.path("policies").join(name);
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn what_loopback_takes_loads_with_a_warning() {
    let house = House::new();
    house.ok("role add editor");
    house.write(
        "policies/a.json",
        r#"{
  "name": "A", "base": "PersistedModel", "acl": [],
  "relations": {"b": {"type": "hasMany", "model": "Bee"}},
  "acls": [
    {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
    {"principalType": "ROLE", "principalId": "clrk", "permission": "ALLOW"},
    {"principalType": "role", "principalId": "editor", "permission": "ALLOW", "accessType": "read"}
  ]
}"#,
    );
    let text = house.ok("check");
    for told in [
        "a.json:2:42: warning: LoopBack does not know the key `acl`, and it has no effect; did you mean `acls`?",
        "unknown model `Bee`",
        "a.json:6:5: warning: there is no role `clrk`",
        "a.json:7:23: warning: `role` is not a principal type",
        "a.json:7:93: warning: `read` is not an access type",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    let _gate = house.serve();
}

#[test]
fn a_byte_order_mark_is_taken() {
    let house = House::new();
    house.write("policies/a.json", &format!("\u{feff}{MODEL}"));
    assert!(house.ok("check").contains("0 errors"));
}
