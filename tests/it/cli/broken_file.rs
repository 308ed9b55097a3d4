//! A configuration that was broken while the gate runs: the operator's commands reach the gate all the same.

use std::fs;

use super::support::{House, PASSWORD};

/// Commands that have to work whatever is in the file.
fn f10_all_commands_work(house: &House, spoilt: &str, told: &str) {
    for line in [
        "healthcheck",
        "status",
        "status --json",
        "user list",
        "user show ann@example.com",
        "user disable ann@example.com",
        "user enable ann@example.com",
        "user verify ann@example.com",
        "role list",
        "role grant editor ann@example.com",
        "role revoke editor ann@example.com",
        "token list",
        "token revoke --user ann@example.com",
        "acl list",
        "explain --as ann@example.com GET /notes/1 --owner yes",
        "explain --as anonymous GET //x",
    ] {
        let done = house.run(line);
        assert_eq!(done.code, Some(0), "{spoilt}: {line}: {done:?}");
        assert!(done.err.contains(told), "{spoilt}: {line}: {done:?}");
        assert!(done.err.contains("/admin.sock` was started before"), "{spoilt}: {line}: {done:?}");
        assert_eq!(done.err.matches("was started before").count(), 1, "{spoilt}: {line}: {done:?}");
    }
    let missing = house.run("user show zoe");
    assert_eq!(missing.code, Some(1), "the exit code is the command's own: {missing:?}");
    assert!(missing.err.contains("there is no user `zoe`"), "{missing:?}");
}

#[test]
fn f10_a_broken_file_does_not_disarm_the_operator_of_a_gate_that_runs() {
    let house = House::with("[server.x]\n");
    let good = house.configuration("").replacen("[server]\n", "[server]\ndata_dir = \"state\"\n", 1);
    house.write("portcullis.toml", &good);
    house.ok("role add editor");
    house.add_user("ann");
    let gate = house.serve();
    let token = gate.http.login("ann");
    for (spoilt, told) in [
        (format!("{good}\nx="), "portcullis.toml:"),
        (format!("x = = 1\n{good}"), "portcullis.toml:1:"),
        (format!("{good}\n[users]\nttl = \"x\"\n"), "`users.ttl` cannot be"),
        (format!("{good}\n[nosuch]\n"), "nosuch"),
        (good.replacen("http = \"", "http = ", 1), "portcullis.toml:3:"),
        (format!("{good}\n[store]\nurl = \"postgres://a:hush@b/c\"\n"), "`store.url`"),
        (format!("{good}\n[policies"), "portcullis.toml:"),
    ] {
        house.write("portcullis.toml", &spoilt);
        f10_all_commands_work(&house, &spoilt, told);
        // A command that needs the whole configuration reports the fault in it.
        for line in ["check", "config show", "policy test"] {
            let done = house.run(line);
            assert_eq!(done.code, Some(1), "{spoilt}: {line}: {done:?}");
            assert!(format!("{}{}", done.out, done.err).contains(told), "{spoilt}: {line}: {done:?}");
        }
    }
    assert_eq!(gate.http.get("/api/users/1", &token), 401, "its tokens were revoked");
    let secret = house.run_with("user add --email eve@example.com --password-stdin", PASSWORD);
    assert_eq!(secret.code, Some(0), "{secret:?}");
    drop(gate);
    house.write("portcullis.toml", &format!("{good}\nx="));
    for line in ["user list", "healthcheck", "status", "token list", "explain --as id:1 GET /notes/1"] {
        let error = house.run(line).refused();
        assert!(
            error.contains("portcullis.toml:") && !error.contains("was started before"),
            "{line}: {error}"
        );
    }
}

#[test]
fn f10_where_not_even_the_data_folder_can_be_read_the_default_is_asked() {
    let house = House::new();
    house.ok("role add editor");
    house.add_user("ann");
    let gate = house.serve();
    fs::write(house.path("portcullis.toml"), b"\xff\xfe[server]\n").unwrap();
    f10_all_commands_work(&house, "no UTF-8", "cannot read the config file");
    fs::remove_file(house.path("portcullis.toml")).unwrap();
    let named = house.run("user list -c portcullis.toml");
    assert!(named.code == Some(0) && named.err.contains("cannot read the config file"), "{named:?}");
    assert_eq!(gate.http.get("/about", ""), 200);
}
