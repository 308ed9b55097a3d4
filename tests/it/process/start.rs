//! Starts that fail: each says what is wrong, where, and ends with 1.

use std::{fs, net::TcpListener};

use super::support::House;

#[test]
fn a_second_gate_on_the_same_data_names_the_first() {
    let house = House::new();
    let gate = house.serve();
    let error = house.run("serve").refused();
    assert!(error.contains("is in use by process"), "{error}");
    assert!(error.contains(&format!("process {};", gate.id())), "{error}");
    assert_eq!(error.lines().filter(|line| !line.contains("warning:")).count(), 2, "{error}");
    gate.http.register("ann");
    assert!(house.path("data/admin.sock").exists(), "the second one took the socket away");
    assert!(house.ok("user list").contains("ann@example.com"));
}

#[test]
fn a_port_in_use_is_named() {
    let house = House::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = house.run(&format!("serve --set server.http=127.0.0.1:{port}")).refused();
    let expected = format!("cannot listen on `127.0.0.1:{port}`: another process listens there");
    assert!(error.contains(&expected), "{error}");
    // Nothing is left locked by it.
    drop(taken);
    house.serve();
}

#[test]
fn a_gate_that_listens_already_is_no_reason_to_share_its_port() {
    let (one, other) = (House::new(), House::new());
    let gate = one.serve();
    let error = other.run(&format!("serve --set server.http={}", gate.http.0)).refused();
    assert!(error.contains("another process listens there"), "{error}");
}

/// A name, what is done to the folder, and what the start says.
type Case = (&'static str, fn(&House), &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "broken TOML",
        |house| house.write("portcullis.toml", "[server]\nhttp = 127.0.0.1:0\n"),
        &["portcullis.toml:2:", ": error: "],
    ),
    (
        "an unknown key",
        |house| house.write("portcullis.toml", "[server]\nhtp = \"127.0.0.1:0\"\n"),
        &["portcullis.toml:2:1: error: unknown key `htp` in [server]; did you mean `http`?"],
    ),
    (
        "two mistakes at once",
        |house| house.write("portcullis.toml", "[sever]\nx = 1\n[users]\nttl = \"long\"\n"),
        &[
            "portcullis.toml:1:2: error: ",
            "did you mean [server]?",
            "portcullis.toml:4:7: error: `users.ttl`",
        ],
    ),
    (
        "a protective key that is not built",
        |house| house.write("portcullis.toml", "[tls]\nclient_ca = \"ca.pem\"\n"),
        &["portcullis.toml:2:13: error: `tls.client_ca`"],
    ),
    (
        "no such configuration",
        |house| fs::remove_file(house.path("portcullis.toml")).unwrap(),
        &["no-such.toml"],
    ),
    (
        "broken policy JSON",
        |house| house.write("policies/notes.json", "{\n  \"name\": \"Note\",\n  \"acls\": [,]\n}\n"),
        &["notes.json:3:12: error: "],
    ),
    (
        "an unknown permission word",
        |house| {
            let text = fs::read_to_string(house.path("policies/public.json")).unwrap();
            house.write("policies/public.json", &text.replacen("\"DENY\"", "\"DENNY\"", 1));
        },
        &["public.json:8:", "error: ", "`DENNY`", "did you mean `DENY`?"],
    ),
    (
        "an unknown key in a rule",
        |house| {
            let text = fs::read_to_string(house.path("policies/public.json")).unwrap();
            house.write("policies/public.json", &text.replacen("\"permission\"", "\"permision\"", 1));
        },
        &["public.json:8:", "error: ", "`permision`", "did you mean `permission`?"],
    ),
    (
        "a policies folder with nothing in it",
        |house| {
            fs::remove_dir_all(house.path("policies")).unwrap();
            fs::create_dir(house.path("policies")).unwrap();
        },
        &["holds no `.json` file", "policies"],
    ),
    (
        "no policies folder",
        |house| fs::remove_dir_all(house.path("policies")).unwrap(),
        &["cannot read the policies in", "No such file"],
    ),
    (
        "a data folder below a file",
        |house| house.write("data", "a file"),
        &["cannot use the store folder", "data/store", "Not a directory"],
    ),
    (
        "a data folder where none can be made",
        |house| {
            house.write("portcullis.toml", &house.configuration("[store]\nurl = \"sled:/proc/portcullis\""))
        },
        &["cannot use the store folder `/proc/portcullis`", "No such file"],
    ),
];

#[test]
fn a_start_that_cannot_be_says_what_is_wrong_and_where() {
    for (name, spoil, expected) in CASES {
        let house = House::new();
        spoil(&house);
        let line = if *name == "no such configuration" { "serve -c no-such.toml" } else { "serve" };
        let done = house.run(line);
        assert_eq!(done.code, Some(1), "{name}: {done:?}");
        for part in *expected {
            assert!(done.err.contains(part), "{name}: `{part}` is not in\n{}", done.err);
        }
        assert!(!done.err.contains("panicked"), "{name}: {}", done.err);
        assert!(house.app.seen().is_empty(), "{name}");
    }
}
