//! `check`, and exit codes.

use std::fs;

use serde_json::Value;

use super::support::{House, finish, portcullis};

/// A house whose roles exist, so that there is nothing to warn of but the cheap passwords of tests.
fn sound() -> House {
    let house = House::new();
    house.ok("role add editor");
    house
}

#[test]
fn a_sound_house_has_no_errors() {
    let house = sound();
    // If nothing is open beside the routes, no other spelling of a path is.
    let text = house.ok("check --set policies.unmatched=deny");
    assert!(text.ends_with("0 errors, 1 warning\n") && text.contains("below OWASP's minimum"), "{text}");
    assert_eq!(
        house.run("check --strict --set policies.unmatched=deny").code,
        Some(1),
        "a warning is a mistake then"
    );
    let cured = "check --strict --set policies.unmatched=deny --set password.memory_kib=19456 --set password.iterations=2";
    assert_eq!(house.run(cured).code, Some(0));
}

#[test]
fn it_tells_every_mistake_at_once_and_where_it_is() {
    let house = sound();
    let text = fs::read_to_string(house.path("policies/notes.json")).unwrap();
    let text = text.replacen("\"$owner\"", "\"$ownr\"", 1).replacen("\"DENY\"", "\"FORBID\"", 1);
    house.write("policies/notes.json", &text);
    house.write("policies/more.json", "{");
    house.write("policies/bad.cases.json", "[{\"as\": \"unknown\"}]");
    let done = house.run("check");
    assert_eq!(done.code, Some(1), "{done:?}");
    for place in ["policies/notes.json:10:", "policies/more.json:1:", "policies/bad.cases.json:1:"] {
        assert!(done.out.contains(place), "{place} is not in\n{}", done.out);
    }
    assert!(done.out.contains("`FORBID`"), "{}", done.out);
    let json = house.run("check --json");
    assert_eq!(json.code, Some(1));
    let entries: Vec<Value> = serde_json::from_str(&json.out).unwrap();
    assert_eq!(entries.len() + 1, done.out.lines().count());
    for entry in entries {
        let fields = entry.as_object().unwrap();
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["file", "line", "column", "severity", "code", "message", "fix"]);
        assert!(["error", "warning"].contains(&fields["severity"].as_str().unwrap()), "{entry}");
        let message = fields["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n') && !message.ends_with('.'), "{entry}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_told_as_serve_tells_it() {
    let house = House::new();
    house.write("portcullis.toml", "[users]\nttl = true\nmax_tll = 3\n");
    let done = house.run("check");
    let start = house.run("serve");
    assert_eq!((done.code, start.code), (Some(1), Some(1)));
    for line in start.err.lines() {
        assert!(done.out.contains(line), "{line} is not in\n{}", done.out);
    }
    assert!(done.out.contains("did you mean `max_ttl`?"), "{}", done.out);
}

#[test]
fn an_unknown_role_is_a_warning_that_knows_the_store() {
    let house = House::new();
    // Without a store there is no role yet, and no store is made to find out.
    assert!(house.ok("check").contains("there is no role `editor`"));
    assert!(!house.path("data").exists());
    house.ok("role add clerk");
    let text = house.ok("check");
    assert!(text.contains("policies/admin.json:9:5: warning: there is no role `editor`"), "{text}");
    let _gate = house.serve();
    assert_eq!(house.ok("check"), text, "the store is asked through the gate");
    house.ok("role add editor");
    assert!(!house.ok("check").contains("editor"));
}

#[test]
fn exit_codes_are_0_1_and_64() {
    let house = House::new();
    for (line, code) in [
        ("--help", 0),
        ("--version", 0),
        ("user --help", 0),
        ("check", 0),
        ("user show unknown", 1),
        ("serve -c none.toml", 1),
        ("nonsense", 64),
        ("user", 64),
        ("user show", 64),
        ("check --stric", 64),
        ("user add --email a@b.c --password secret", 64),
        ("token revoke", 64),
        ("serve --set nonsense", 64),
    ] {
        let done = house.run(line);
        assert_eq!(done.code, Some(code), "{line}: {done:?}");
        assert_eq!(done.err.is_empty(), code == 0, "{line}: {done:?}");
        assert!(code == 0 || done.out.is_empty(), "{line}: {done:?}");
    }
}

#[test]
fn variables_and_flags_come_before_the_file() {
    let house = sound();
    let mut command = house.command("check --set server.http=nowhere");
    command.env("PORTCULLIS_USERS__TTL", "soon").env("PORTCULLIS_SERVICE_HOST", "10.0.0.1");
    let done = finish(command, "");
    assert_eq!(done.code, Some(1));
    for line in ["PORTCULLIS_USERS__TTL: error: `users.ttl` cannot be `soon`", "--set server.http: error: "] {
        assert!(done.out.contains(line), "{line} is not in\n{}", done.out);
    }
    assert!(!done.out.contains("SERVICE_HOST"), "{}", done.out);
    let mut elsewhere = portcullis();
    elsewhere.args(["check", "-c"]).arg(house.path("portcullis.toml")).current_dir("/");
    assert!(finish(elsewhere, "").ok().contains("0 errors"), "paths count from the file");
}

#[test]
fn e5_an_app_that_is_the_gate_itself_is_a_mistake() {
    let house = sound();
    let port = house.app.address.port();
    for (settings, key) in [
        (format!("server.http=127.0.0.1:{port}"), "server.http"),
        (format!("server.http=0.0.0.0:{port}"), "server.http"),
        (format!("server.http=[::]:{port}"), "server.http"),
        (format!("admin.listen=127.0.0.1:{port}"), "admin.listen"),
        (
            format!(
                "server.http=127.0.0.1:{port} --set upstream.servers=http://127.0.0.1:1,http://localhost:{port}"
            ),
            "server.http",
        ),
        ("server.http=unix:gate.sock --set upstream.servers=unix:./gate.sock".to_owned(), "server.http"),
        ("upstream.servers=unix:data/admin.sock".to_owned(), "server.data_dir"),
    ] {
        for command in ["check", "serve"] {
            let done = house.run(&format!("{command} --set {settings}"));
            let told = format!("{}{}", done.out, done.err);
            assert_eq!(done.code, Some(1), "{settings}: {told}");
            let expected = format!("where this gate listens itself (`{key}`)");
            assert!(told.contains(&expected) && told.contains("address of the app"), "{settings}: {told}");
        }
    }
}

#[test]
fn the_files_of_the_pages_are_checked() {
    let house = sound();
    fs::create_dir(house.path("mine")).unwrap();
    house.write("mine/login.html", "{% block %}");
    for (settings, told) in [
        ("--set pages.logo=none.svg", "none.svg"),
        ("--set pages.logo=portcullis.toml", "portcullis.toml"),
        ("--set pages.templates=mine", "`login.html` line 1"),
    ] {
        let done = house.run(&format!("check {settings}"));
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.out.contains("error") && done.out.contains(told), "{}", done.out);
    }
    house.ok("check --set pages.templates=mine --set pages.enabled=false");
}

#[test]
fn the_recipes_of_the_documentation_do_what_they_say() {
    let house = House::with("[api]\nuser_model = \"Account\"\n");
    for sample in ["admin.json", "notes.json", "public.json", "samples.cases.json"] {
        fs::remove_file(house.path("policies").join(sample)).unwrap();
    }
    house.ok("role add admin");
    let recipe = |page: &str, after: &str| {
        let path = format!("{}/docs/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let (_, rest) = text.split_once(after).unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    house.write("policies/accounts.json", &recipe("accounts", "## A role that looks after accounts"));
    house.write("policies/data.json", &recipe("writing-policies", "here datasette"));
    house.ok("check");
    for (caller, request, expected) in [
        ("anonymous", "GET /api/users", "deny"),
        ("anonymous", "GET /data", "deny"),
        ("anonymous", "GET /-/static/app.css?v=1", "deny"),
    ] {
        let told = house.ok(&format!("explain --as {caller} {request}"));
        assert!(told.starts_with(expected), "{caller} {request}: {told}");
        assert_eq!(told.contains("rules see the path alone"), request.contains('?'), "{told}");
    }
    house.write("policies/recipes.cases.json", r#"[
        {"as": {"user": 7, "roles": ["admin"]}, "method": "GET", "target": "/api/users", "expect": "allow"},
        {"as": {"user": 7, "roles": ["admin"]}, "method": "PATCH", "target": "/api/users/2", "expect": "allow"},
        {"as": {"user": 7, "roles": ["admin"]}, "method": "GET", "target": "/api/users/2/accessTokens", "expect": "deny"},
        {"as": {"user": 7}, "method": "GET", "target": "/api/users", "expect": "deny"},
        {"as": {"user": 7}, "method": "GET", "target": "/data/people.json?_size=3", "expect": "allow"},
        {"as": {"user": 7}, "method": "GET", "target": "/-/static/app.css", "expect": "allow"},
        {"as": {"user": 7}, "method": "GET", "target": "/-/threads", "expect": "deny"}
    ]"#);
    house.ok("policy test");
}

#[test]
fn pages_begin_with_the_built_in_ones_and_every_mistake_in_them_is_told() {
    let house = House::with("[pages]\ntemplates = \"mine\"\nlogo = \"logo.png\"\n");
    let missing = house.run("check");
    assert_eq!(missing.code, Some(1));
    for told in [
        "portcullis.toml:16:13: error: `pages.templates`: cannot read",
        "portcullis.toml:17:8: error: `pages.logo`: cannot read",
    ] {
        assert!(missing.out.contains(told), "{}", missing.out);
    }
    house.write("logo.png", "GIF89a");
    let written = house.json("pages templates mine");
    assert!(written["written"].as_array().unwrap().iter().any(|name| name == "login.html"), "{written}");
    let told = house.run("check").out;
    assert!(told.contains("its content is not image/png") && !told.contains("pages.templates"), "{told}");
    house.write("mine/lost.html", "{% extends 'layout.html' %}{% block bdoy %}{% endblock %}");
    house.write("mine/login.html", "{% extends 'layout.html' %}");
    house.write("mine/message.html", "{{ nxet }}");
    let told = house.run("check").out;
    let lines = told.lines().filter(|line| line.contains(":16:13: error: `pages.templates`, in "));
    assert_eq!(lines.count(), 3, "{told}");
    let kept = house.json("pages templates mine");
    assert_eq!(kept["written"], serde_json::json!([]));
    assert!(fs::read_to_string(house.path("mine/message.html")).unwrap().contains("nxet"));
}
