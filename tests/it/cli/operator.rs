//! The operator's commands: help, status, the origin of settings, stored rules, and plain messages.

use std::{fs, process::Command};

use serde_json::json;

use super::support::{Done, Gate, House, finish, portcullis, wait_until};

/// Runs what a message proposes, as a person pastes it.
fn paste(house: &House, command: &str) -> Done {
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(house.path("")).env("PATH", path);
    finish(shell, "")
}

/// The command between back quotes that holds this text.
fn proposed(told: &str, text: &str) -> String {
    let found = told.split('`').find(|part| part.starts_with("portcullis ") && part.contains(text));
    found.unwrap_or_else(|| panic!("no command with `{text}` in\n{told}")).to_owned()
}

#[test]
fn f11_the_commands_that_explain_the_others_are_there() {
    let house = House::new();
    for line in [
        "help",
        "help user",
        "help user add",
        "help acl",
        "version",
        "completions bash",
        "completions fish",
        "status --help",
    ] {
        let done = house.run(line);
        assert_eq!((done.code, done.err.is_empty()), (Some(0), true), "{line}: {done:?}");
    }
    assert_eq!(house.ok("version"), house.ok("--version"));
    assert_eq!(house.json("version")["name"], "portcullis");
    assert!(house.ok("help").contains("completions") && house.ok("help user delete").contains("--yes"));
    assert!(house.ok("completions bash").contains("set-password"));
    assert!(house.ok("completions zsh").starts_with("#compdef portcullis"));
    house.ok("man pages/man1");
    let page = fs::read_to_string(house.path("pages/man1/portcullis.1")).unwrap();
    assert!(page.contains(".TH portcullis"), "{page}");
    assert!(house.path("pages/man1/portcullis-user-add.1").exists());
    house.write("file", "");
    assert!(house.run("man file").refused().contains("cannot write manual pages to `file`"));
    assert_eq!(house.run("help nosuch").code, Some(64));
    assert!(!house.path("data").exists());
}

#[test]
fn f11_status_says_what_runs() {
    let house = House::new();
    house.add_user("ann");
    house.ok("role add editor");
    let alone = house.run("status").refused();
    assert!(alone.contains("no gate answers on `/") && alone.contains("data/admin.sock`"), "{alone}");
    let gate = house.serve();
    gate.http.login("ann");
    let status = house.json("status");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["ready"], &status["profile"]), (&json!(true), &json!("standard")));
    assert_eq!(status["listeners"], json!([format!("http://{}", gate.http.0)]));
    assert_eq!(status["store"], json!({"users": 1, "roles": 1, "rules": 0}));
    assert_eq!((&status["sessions"], &status["policies"]["files"]), (&json!(1), &json!(3)));
    assert_eq!(status["upstreams"], json!([format!("http://{}", house.app.address)]));
    assert_eq!(status["lastReload"], json!({"at": null, "failure": null}));
    assert!(status["storeName"].as_str().unwrap().ends_with("data/store"), "{status}");
    let text = house.ok("status");
    assert!(text.contains(" routes of ") && text.contains(" of the gate's own"), "{text}");
    for name in
        ["version", "state     serving", "policies", "upstream", "sessions  1 live token", "tls       off"]
    {
        assert!(text.contains(name), "{name}: {text}");
    }
    house.write("policies/broken.json", "{");
    let reload = wait_until("the refusal", || {
        Some(house.json("status")["lastReload"].clone()).filter(|reload| reload["at"].is_string())
    });
    assert!(reload["failure"].as_str().unwrap().starts_with("broken.json:1:"), "{reload}");
    assert!(house.ok("status").contains("REFUSED, the old set stays in force: broken.json:1:"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn f11_config_show_says_where_each_value_came_from() {
    let house = House::with("[credentials]\ncookie_secret = \"hush\"");
    let mut command = house.command("config show --origin --set users.ttl=5");
    command.env("PORTCULLIS_USERS__MAX_TTL", "6");
    let told = finish(command, "").ok();
    let line = |key: &str| {
        told.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {told}"))
    };
    assert!(line("ttl = 5 ").ends_with("# --set users.ttl"), "{told}");
    assert!(line("max_ttl = 6 ").ends_with("# PORTCULLIS_USERS__MAX_TTL"), "{told}");
    assert!(line("threads = 1 ").ends_with("# portcullis.toml:3"), "{told}");
    assert!(line("queue = 64 ").ends_with("# default"), "{told}");
    assert!(
        line("cookie_secret = \"***\"").contains("# portcullis.toml:") && !told.contains("hush"),
        "{told}"
    );
    let plain = house.ok("config show");
    assert!(!plain.contains("# default") && plain.contains("\n[users]\n"), "{plain}");
    house
        .write("again.toml", &plain.replace("cookie_secret = \"***\"\n", "").replace("enabled = true\n", ""));
    let again = house.ok("check -c again.toml");
    assert!(again.contains("\n0 errors, ") && !again.contains("again.toml:1:"), "{again}");
    let list = house.json("config show");
    assert!(
        list.as_array()
            .unwrap()
            .contains(&json!({"key": "server.threads", "value": 1, "origin": "portcullis.toml:3"}))
    );
    assert!(!house.path("data").exists());
}

fn f9_pasted(house: &House, gate: Option<&Gate>) {
    let told = house.ok("explain --as ann GET /api/users");
    assert!(told.starts_with("deny 403"), "{told}");
    let add = proposed(&told, "acl add");
    let stored = paste(house, &add).ok();
    assert!(stored.starts_with("the rule `1` is stored"), "{stored}");
    assert!(paste(house, &add).ok().contains("there is such a rule already: `1`"));
    let told = house.ok("explain --as ann GET /api/users");
    assert!(told.starts_with("allow by "), "{told}");
    if let Some(gate) = gate {
        assert_eq!(gate.http.get("/api/users", &gate.http.login("ann")), 200, "in force at once");
    }
    let remove = proposed(&told, "acl remove");
    assert_eq!(paste(house, &remove).ok(), "the rule `1` is removed\n");
    assert!(house.ok("explain --as ann GET /api/users").starts_with("deny 403"));
    if let Some(gate) = gate {
        assert_eq!(gate.http.get("/api/users", &gate.http.login("ann")), 403, "gone at once");
    }
}

#[test]
fn f9_the_rule_that_explain_proposes_works_when_it_is_pasted() {
    let house = House::new();
    house.add_user("ann");
    f9_pasted(&house, None);
    let gate = house.serve();
    f9_pasted(&house, Some(&gate));
    assert!(gate.log().contains(r#""msg":"rule.changed""#), "{}", gate.log());
}

#[test]
fn f9_stored_rules_are_added_listed_and_removed() {
    let house = House::new();
    house.ok("role add clerk");
    house.ok("acl add --model User --property find --access-type READ --permission ALLOW --principal-type ROLE --principal-id clerk");
    house.ok("acl add --model Note --permission DENY --principal-type USER --principal-id 7");
    let listed = house.json("acl list");
    let second = json!({"id": "2", "model": "Note", "property": "*", "accessType": "*", "permission": "DENY",
        "principalType": "USER", "principalId": "7"});
    assert_eq!((&listed[0]["id"], &listed[1]), (&json!("1"), &second));
    let text = house.ok("acl list");
    assert!(text.starts_with("ID  MODEL  PROPERTY  ACCESS  PERMISSION  PRINCIPAL\n"), "{text}");
    assert!(text.contains("ROLE clerk"), "{text}");
    assert!(house.run("acl remove 1 9").refused().contains("there is no stored rule `9`"));
    assert_eq!(house.json("acl list").as_array().unwrap().len(), 2, "all or none");
    assert_eq!(house.ok("acl remove 1 2"), "the rules `1`, `2` are removed\n");
    assert_eq!(house.json("acl list"), json!([]));
    for (rule, wrong) in [
        (
            "--model User --permission ALOW --principal-type ROLE --principal-id a",
            "`ALOW` is not a valid permission; did you mean `ALLOW`?",
        ),
        (
            "--model User --permission ALLOW --principal-type role --principal-id a",
            "did you mean `ROLE`? There are ROLE, USER, APP",
        ),
        (
            "--model User --permission ALLOW --principal-type GROUP --principal-id a",
            "write one of ROLE, USER, APP",
        ),
        (
            "--model User --permission ALLOW --access-type GET --principal-type ROLE --principal-id a",
            "READ, WRITE, EXECUTE",
        ),
        ("{\"permission\":\"ALLOW\",\"principalType\":\"ROLE\",\"principalId\":\"a\"}", "it names no model"),
        ("{\"model\":\"User\",\"permission\":\"ALLOW\",\"principalType\":\"ROLE\"}", "it names no principal"),
    ] {
        let error = house.run(&format!("acl add {rule}")).refused();
        assert!(error.contains(wrong), "{rule}: {error}");
    }
    for (rule, wrong) in
        [("model=User", "it is not a JSON object"), ("{\"modle\":\"User\"}", "a rule has no key `modle`")]
    {
        let done = house.run(&format!("acl add {rule}"));
        assert_eq!(done.code, Some(64), "{done:?}");
        assert!(done.err.contains(wrong), "{done:?}");
    }
}

#[test]
fn f7_a_command_that_reads_makes_nothing_and_says_where_it_looked() {
    let empty = tempfile::tempdir().unwrap();
    for line in [
        "user list",
        "user show ann",
        "user verify ann",
        "user disable ann",
        "user delete ann --yes",
        "role list",
        "role grant editor ann",
        "token list",
        "token issue ann",
        "token revoke abc",
        "token revoke --user ann",
        "acl list",
        "acl remove 1",
        "status",
        "explain --as id:7 GET /",
        "check",
        "config show",
        "healthcheck",
    ] {
        let mut command = portcullis();
        command.args(line.split_whitespace()).current_dir(empty.path());
        let done = finish(command, "");
        assert_eq!(empty.path().read_dir().unwrap().count(), 0, "{line}: {done:?}");
        if line == "config show" {
            continue;
        }
        assert_eq!(done.code, Some(1), "{line}: {done:?}");
        if !["explain", "check", "healthcheck"].iter().any(|other| line.starts_with(other)) {
            let folder = empty.path().canonicalize().unwrap();
            let there = format!("{}/data/", folder.display());
            assert!(done.err.contains(&there) && done.err.contains("portcullis.toml`"), "{line}: {done:?}");
        }
    }
    let house = House::new();
    let error = house.run("user list").refused();
    assert!(error.contains("/data/store`") && error.contains("`-c FILE` names another"), "{error}");
    assert!(!house.path("data").exists());
}

#[test]
fn f6_explain_after_a_refused_edit_says_which_set_judged_and_why() {
    let house = House::new();
    let gate = house.serve();
    let ask = || house.ok("explain --as anonymous GET /about");
    let before = ask();
    assert!(!before.contains("not those in force"), "{before}");
    let text = fs::read_to_string(house.path("policies/public.json")).unwrap();
    house.write("policies/public.json", &text.replace("\"ALLOW\"", "\"ALOW\""));
    for _ in 0..2 {
        let told = ask();
        assert!(told.contains("the set in force at the running gate"), "{told}");
        assert!(told.contains("are not those in force: they are refused: public.json:"), "{told}");
        assert!(told.contains("`ALOW` is not a permission"), "{told}");
        // Also when the gate itself has seen it.
        gate.logged("the old ones stay in force");
    }
    let json = house.run("explain --as anonymous GET /about --json");
    assert!(json.err.starts_with("note: the files in ") && json.err.contains("refused"), "{json:?}");
    fs::remove_dir_all(house.path("policies")).unwrap();
    assert!(ask().contains("are not those in force, and cannot be: cannot read the policies"), "{}", ask());
    fs::create_dir(house.path("policies")).unwrap();
    house.write("policies/public.json", &text);
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    for name in ["notes.json", "admin.json"] {
        let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        fs::copy(samples.join(name), house.path("policies").join(name)).unwrap();
    }
    wait_until("the set is that of the files again", || (ask() == before).then_some(()));
    house.write("portcullis.toml", &format!("{config}\n[users]\nttl = \"x\"\n"));
    gate.signal(rustix::process::Signal::HUP);
    gate.logged("the new configuration is refused");
    house.write("portcullis.toml", &config);
    assert!(ask().contains("the last reload was refused: ") || ask() == before, "{}", ask());
}

#[test]
fn f10_an_unknown_name_gets_the_nearest_as_a_suggestion() {
    let house = House::new();
    house.ok("role add editor");
    house.add_user("ann");
    for (line, wrong) in [
        ("user show an@example.com", "did you mean `ann@example.com`?"),
        ("user show username:anne", "did you mean `ann`?"),
        ("explain --as email:ann@exampel.com GET /", "did you mean `ann@example.com`?"),
        ("explain --as ane GET /", "did you mean `ann"),
        ("role grant editr ann", "there is no role `editr`; did you mean `editor`?"),
        ("role grant ann editor", "write the role first: `portcullis role grant editor ann`"),
        ("role revoke ann editor", "write the role first: `portcullis role revoke editor ann`"),
        ("user show xyzzy", "there is no user `xyzzy`; `portcullis user list`"),
    ] {
        let error = house.run(line).refused();
        assert!(error.contains(wrong), "{line}: {error}");
    }
    let _gate = house.serve();
    let error = house.run("explain --as an@example.com GET /").refused();
    assert!(error.contains("did you mean `ann@example.com`?"), "{error}");
    let error = house.run("explain --as anonymus GET /");
    assert_eq!(error.code, Some(64));
    assert!(error.err.contains("did you mean `anonymous`?"), "{error:?}");
}

#[test]
fn f10_settings_flags_and_lifetimes_are_told_in_the_users_own_words() {
    let house = House::new();
    for (line, code, wrong) in [
        (
            "check --set nosuch=1",
            1,
            "--set nosuch: error: no setting is called `nosuch`; `portcullis config show`",
        ),
        ("check --set server.htp=1", 1, "did you mean `server.http`?"),
        ("check --set server.idle_timeout=1d", 1, "write \"24h\""),
        ("token issue ann --ttl 10h", 64, "write 36000 for `10h`"),
        ("check --set password.memory_kib=4294967295", 0, "logins will fail"),
    ] {
        let done = house.run(line);
        assert_eq!(done.code, Some(code), "{line}: {done:?}");
        assert!(format!("{}{}", done.out, done.err).contains(wrong), "{line}: {done:?}");
    }
    let add = "user add --email a@b.c --password-file secret.txt --set password.memory_kib=4294967295";
    house.write("secret.txt", super::support::PASSWORD);
    let error = house.run(add).refused();
    assert!(
        error.contains("there is not enough memory to hash a password; lower `password.memory_kib`"),
        "{error}"
    );
    for (text, wrong) in [
        (
            "[server]\nhttp = \"a\"\nhttp = \"b\"",
            "duplicate key: `http` is set twice, first on line 2; keep one of them",
        ),
        (
            "[users]\n[server]\n[users]",
            "duplicate key: [users] is written twice, first on line 1; put its keys below one",
        ),
        ("[server]\nheader_timeout = 10h", "write a duration with its unit (ms, s, m or h), such as \"10s\""),
        ("[server]\nhttp = 127.0.0.1:80", "write an IP address and a port, such as \"127.0.0.1:8080\""),
        ("[server]\nhttp: \"a\"", "write `http = …`"),
    ] {
        house.write("bad.toml", text);
        let done = house.run("check -c bad.toml");
        assert!(done.code == Some(1) && done.out.contains(wrong), "{text}: {done:?}");
    }
}

#[test]
fn f4_a_misspelt_variable_is_named_at_check_and_at_the_start() {
    let house = House::new();
    let mut check = house.command("check");
    check.env("PORTCULLIS_SERVER_HTTP", "0.0.0.0:80").env("PORTCULLIS_SERVICE_HOST", "10.0.0.1");
    let told = finish(check, "").ok();
    let wrong = "PORTCULLIS_SERVER_HTTP: warning: the variable `PORTCULLIS_SERVER_HTTP` sets nothing; did you mean `PORTCULLIS_SERVER__HTTP`?";
    assert!(told.contains(wrong) && !told.contains("SERVICE"), "{told}");
    let mut serve = house.command("serve");
    serve.env("PORTCULLIS_PROFIL", "loopback3").env("PORTCULLIS_PORT_8080_TCP_ADDR", "10.0.0.1");
    let gate = Gate::start(serve);
    assert!(gate.log().contains("did you mean `PORTCULLIS_PROFILE`?") && !gate.log().contains("8080_TCP"));
}

#[test]
fn f5_settings_without_effect_are_named_at_check_and_at_the_start() {
    let house = House::with("[credentials]\ncookies = [\"t\"]");
    let told = house.ok("check");
    assert!(told.contains("`credentials.cookies` has no effect without `cookie_secret`"), "{told}");
    let gate = house.serve();
    assert!(gate.log().contains("`credentials.cookies` has no effect"), "{}", gate.log());
    let clash = house.run("check --set admin.listen=127.0.0.1:9 --set server.http=127.0.0.1:9");
    assert_eq!(clash.code, Some(1));
    assert!(clash.out.contains("`admin.listen` is 127.0.0.1:9, which `server.http` (127.0.0.1:9) has taken"));
}

#[test]
fn f10_https_spoken_to_the_http_port_is_told_so_in_plain_text_and_in_the_log() {
    use std::io::{Read, Write};
    let house = House::new();
    let gate = house.serve();
    // The beginnings of TLS 1.0 to 1.3, and of one that is sent byte by byte.
    for hello in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\x16\x03\x03\x00\x05", b"\x16"] {
        let mut stream = std::net::TcpStream::connect(gate.http.0).unwrap();
        stream.write_all(hello).unwrap();
        let mut told = String::new();
        stream.set_read_timeout(Some(super::support::DEADLINE)).unwrap();
        stream.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
        assert!(told.to_lowercase().contains("content-type: text/plain"), "{told}");
        assert!(told.contains("this port speaks plain HTTP: write http:// instead of https://"), "{told}");
    }
    let line = gate.logged(r#""rule":"tls-handshake""#);
    assert!(line.contains(r#""status":400"#), "{line}");
}

#[test]
fn f10_a_damaged_store_is_told_what_to_do_next() {
    let house = House::new();
    house.add_user("ann");
    let mut spoilt = 0;
    for path in house.files() {
        if path.components().any(|part| part.as_os_str() == "store") {
            let mut bytes = fs::read(&path).unwrap();
            let half = bytes.len() / 2;
            for byte in bytes.iter_mut().skip(half.min(64)).take(4096) {
                *byte ^= 0xff;
            }
            fs::write(&path, bytes).unwrap();
            spoilt += 1;
        }
    }
    assert!(spoilt > 0);
    let error = house.run("user list").refused();
    assert!(error.contains("from a backup") && error.contains("move it away"), "{error}");
}

#[test]
fn f11_status_says_how_the_app_is_and_what_waits_for_a_restart() {
    for (settings, by) in [("", "connection"), ("health_path = \"/health\"", "probe")] {
        let house = House::new();
        let config = house.configuration("").replacen("[password]", &format!("{settings}\n[password]"), 1);
        house.write("portcullis.toml", &config);
        let gate = house.serve();
        house.add_user("ann");
        let told = house.json("status");
        assert_eq!(told["needsRestart"], json!([]), "{told}");
        let token = gate.http.login("ann");
        let health = wait_until("the app is seen", || {
            gate.http.get("/whoami", &token);
            Some(house.json("status")["upstreamHealth"][0].clone()).filter(|health| health["by"] == by)
        });
        assert!(health["up"].is_boolean() && health["since"].is_string(), "{health}");
        let word = if health["up"] == true { " up since 2" } else { " DOWN since 2" };
        assert!(house.ok("status").contains(word), "{health}");
    }
    let house = House::new();
    let gate = house.serve();
    let text = house.ok("status");
    assert!(text.contains(" not asked yet") && text.contains("restart   nothing waits for one"), "{text}");
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    house.write("portcullis.toml", &config.replace("threads = 1", "threads = 2"));
    let waits = wait_until("the setting waits", || {
        Some(house.json("status")).filter(|told| told["needsRestart"] == json!(["server.threads"]))
    });
    assert_eq!(waits["lastReload"]["failure"], json!(null));
    assert!(house.ok("status").contains("restart   needed for server.threads"));
    house.write("portcullis.toml", &config);
    wait_until("nothing waits any more", || {
        Some(house.json("status")).filter(|told| told["needsRestart"] == json!([]))
    });
    assert_eq!(gate.log().matches("the new setting needs a restart").count(), 1, "{}", gate.log());
}

#[test]
fn f11_status_says_that_the_app_is_down() {
    let house = House::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut serve = house.command("serve");
    serve.args(["--set", &format!("upstream.servers=[\"http://{closed}\"]")]);
    let gate = Gate::start(serve);
    house.add_user("ann");
    gate.http.get("/whoami", &gate.http.login("ann"));
    let health = house.json("status")["upstreamHealth"][0].clone();
    assert_eq!((&health["up"], &health["by"]), (&json!(false), &json!("connection")), "{health}");
    assert!(house.ok("status").contains(&format!("http://{closed} DOWN since 2")));
}

#[test]
fn f10_a_list_may_be_written_in_brackets_in_flags_and_variables() {
    let house = House::new();
    let shown = |flags: &[&str], env: &[(&str, &str)]| {
        let mut show = house.command("config show --json");
        show.args(flags.iter().flat_map(|flag| ["--set", flag])).envs(env.iter().copied());
        let told: serde_json::Value = serde_json::from_str(&finish(show, "").ok()).unwrap();
        let value = |key: &str| {
            told.as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap()["value"].clone()
        };
        (value("server.trusted_proxies"), value("upstream.servers"))
    };
    let expected = (json!(["10.0.0.0/8", "::1"]), json!(["http://127.0.0.1:1", "http://127.0.0.1:2"]));
    for (proxies, servers) in [
        ("10.0.0.0/8,::1", "http://127.0.0.1:1,http://127.0.0.1:2"),
        ("[\"10.0.0.0/8\",\"::1\"]", "[\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]"),
        ("[ '10.0.0.0/8', '::1', ]", " [\"http://127.0.0.1:1\",\n\"http://127.0.0.1:2\"]"),
    ] {
        let flags = [format!("server.trusted_proxies={proxies}"), format!("upstream.servers={servers}")];
        assert_eq!(shown(&[&flags[0], &flags[1]], &[]), expected, "{proxies}");
        let env =
            [("PORTCULLIS_SERVER__TRUSTED_PROXIES", proxies), ("PORTCULLIS_UPSTREAM__SERVERS", servers)];
        assert_eq!(shown(&[], &env), expected, "{proxies}");
    }
    for (flag, wrong) in [
        ("upstream.servers=[\"http://127.0.0.1:1\"", "`upstream.servers` cannot be"),
        ("upstream.servers=[1]", "`upstream.servers` cannot be a number"),
        ("server.trusted_proxies=[\"x\"]", "`server.trusted_proxies` cannot be `x`"),
    ] {
        let done = finish(
            {
                let mut check = house.command("check");
                check.args(["--set", flag]);
                check
            },
            "",
        );
        assert!(done.code == Some(1) && done.out.contains(wrong), "{flag}: {done:?}");
    }
    // A text stays what it is.
    let mut show = house.command("check --set webhook.url=http://127.0.0.1:1/");
    show.args(["--set", "webhook.secret=[\"not a list but a long enough secret\"]"]);
    finish(show, "").ok();
}

#[test]
fn f10_explain_knows_the_gates_own_paths() {
    let house = House::new();
    let check = |gate: Option<&Gate>| {
        for (path, told, status) in [
            ("/.portcullis/openapi.json", "allow by the gate itself", 200),
            // The page says that this connection is not secure.
            ("/.portcullis/login", "allow by the gate itself", 403),
            ("/.portcullis/assets/style.css", "allow by the gate itself", 200),
            ("/.portcullis/login/x", "deny 404 by the gate itself", 404),
            ("/.portcullis/x", "deny 404 by the gate itself", 404),
            ("/%2eportcullis/openapi.json", "deny 404 by the gate itself", 404),
            ("/.well-known/portcullis/jwks.json", "deny 404 by the gate itself", 404),
        ] {
            let text = house.ok(&format!("explain --as anonymous GET {path}"));
            assert!(text.starts_with(told) && text.contains("no rule is asked"), "{path}: {text}");
            if let Some(gate) = gate {
                assert_eq!(gate.http.get(path, ""), status, "{path}");
            }
        }
    };
    check(None);
    let gate = house.serve();
    check(Some(&gate));
    let off = house.ok("explain --set api.openapi=false --as anonymous GET /.portcullis/openapi.json");
    assert!(off.starts_with("deny 404"), "{off}");
    let page = house.ok("explain --as anonymous GET /.portcullis/login");
    assert!(page.contains("a page of the gate"), "{page}");
    let off = house.ok("explain --set pages.enabled=false --as anonymous GET /.portcullis/login");
    assert!(off.starts_with("deny 404") && off.contains("the pages are off"), "{off}");
    for path in ["/.portcullis/openapi.json", "/.portcullis/{rest}", "/.well-known/portcullis/x"] {
        house.write(
            "policies/own.json",
            &format!(r#"{{"name":"S","routes":[{{"path":"{path}"}}],"acls":[]}}"#),
        );
        let done = house.run("check");
        assert!(
            done.code == Some(1) && done.out.contains("the gate serves this path itself"),
            "{path}: {done:?}"
        );
    }
}

#[test]
fn f7_a_start_that_fails_makes_no_store_and_a_first_command_says_where_it_makes_one() {
    let empty = tempfile::tempdir().unwrap();
    let run = |line: &str, input: &str| {
        let mut command = portcullis();
        command.args(line.split_whitespace()).current_dir(empty.path());
        finish(command, input)
    };
    for policy in [None, Some("{"), Some(r#"{"name":"A","routes":[{"path":"/a/*"}],"acls":[]}"#)] {
        if let Some(policy) = policy {
            fs::create_dir_all(empty.path().join("policies")).unwrap();
            fs::write(empty.path().join("policies/a.json"), policy).unwrap();
        }
        for line in ["serve", "serve --set server.http=127.0.0.1:0"] {
            let done = run(line, "");
            assert_eq!(done.code, Some(1), "{policy:?}: {done:?}");
            assert!(done.err.contains("polic"), "{policy:?}: {done:?}");
            assert!(!empty.path().join("data/store").exists(), "{policy:?}: {line}");
        }
    }
    let add = "user add --email ann@example.com --password-stdin --set password.memory_kib=8 --set password.iterations=1";
    let made = run(add, super::support::PASSWORD);
    let note = format!(
        "note: a new store was made in `{}/data/store`",
        empty.path().canonicalize().unwrap().display()
    );
    assert!(made.code == Some(0) && made.err.contains(&note), "{made:?}");
    assert!(made.err.contains("portcullis.toml`, so that is the default"), "{made:?}");
    let more = run("role add editor", "");
    assert!(more.code == Some(0) && !more.err.contains("a new store"), "{more:?}");
    let house = House::new();
    let made = house.run("role add editor");
    assert!(made.code == Some(0) && made.err.contains("/portcullis.toml` says"), "{made:?}");
}

#[test]
fn f10_what_is_wrong_is_told_with_what_would_be_right() {
    let house = House::new();
    house.add_user("ann");
    let token = house.json("token issue ann")["id"].as_str().unwrap().to_owned();
    for (line, wrong) in [
        (
            "acl add --model Note --principal-id 1 --permission ALLOW",
            "it has no principal type; write one of ROLE, USER, APP",
        ),
        (
            "acl add --model Note --principal-type USER --principal-id 1",
            "it has no permission; write one of ALLOW, DENY",
        ),
        ("user add --email b@example.com --password-file empty", "the password is empty"),
        ("policy test policies/notes.json", "is a file; name the folder that it is in"),
        ("token revoke abc", "there is no token with the handle `abc`; `portcullis token list`"),
    ] {
        house.write("empty", "\n");
        let error = house.run(line).refused();
        assert!(error.contains(wrong), "{line}: {error}");
    }
    let error = house.run(&format!("token revoke {token}")).refused();
    assert!(
        error.contains("`portcullis token list` shows the handles") && !error.contains(&token),
        "{error}"
    );
    for key in ["url", "address", "backend"] {
        house.write("bad.toml", &format!("[upstream]\n{key} = \"http://127.0.0.1:1\""));
        let done = house.run("check -c bad.toml");
        assert!(done.out.contains("did you mean `servers`?"), "{key}: {done:?}");
    }
    for (file, wrong) in [
        (
            r#"{"name":"A","routes":[{"path":"/a/{id}"}],"owner":{"lookup":"/a/{id}","field":"ownerId"},"acls":[]}"#,
            "`ownerId` in `owner.field` is not a JSON pointer: it begins with `/`",
        ),
        (
            r#"{"name":"A","routes":[{"path":"/a/{id}"}],"owner":{"lookup":"http://x/a","field":"/id"},"acls":[]}"#,
            "`http://x/a` is not a target of a look-up",
        ),
        (
            r#"{"name":"A","routes":[{"path":"/a"}],"acls":[{"principalType":"ROLE","principalId":"$everyone","permission":"DENY","accessType":"GET"}]}"#,
            "write `READ`, `WRITE`, `EXECUTE` or `*`",
        ),
    ] {
        house.write("policies/a.json", file);
        let done = house.run("check");
        assert!(done.out.contains(wrong), "{file}: {done:?}");
    }
}
