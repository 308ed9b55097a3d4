//! What commands say of several apps.

use std::fs;

use serde_json::Value;

use super::policy;
use crate::process::support::House;

const CASES: &str = r#"[{"as": "anonymous", "method": "GET", "target": "PATH", "expect": "allow"}]"#;

/// Two apps, of which the second takes every other host.
fn house() -> House {
    let apps = |address| {
        format!(
            "[[apps]]\nname = \"shop\"\nhosts = [\"shop.test\"]\npolicies = {{ dir = \"shop\", unmatched = \"deny\" }}\n\
             upstream = {{ servers = [\"http://{address}\"] }}\n\
             [[apps]]\nname = \"rest\"\nhosts = []\npath = \"/all\"\naccounts = false\npolicies = {{ dir = \"rest\" }}\n\
             upstream = {{ response_timeout = \"3s\" }}\n"
        )
    };
    let house = House::new();
    for (dir, text) in [
        ("shop", policy("Note", "/notes", "$owner").replace("/ownerId", "/userId")),
        ("rest", policy("All", "/all", "$everyone")),
    ] {
        fs::create_dir(house.path(dir)).unwrap();
        house.write(&format!("{dir}/a.json"), &text);
    }
    house.write("portcullis.toml", &house.configuration(&apps(house.app.address)));
    house
}

#[test]
fn explain_takes_a_url_or_a_host_and_names_the_app() {
    let house = house();
    let app = |line: &str| house.json(line)["app"].clone();
    assert_eq!(app("explain --as anonymous GET https://shop.test/notes/1"), "shop");
    assert_eq!(app("explain --as anonymous --host SHOP.test:8443 GET /notes/1"), "shop");
    assert_eq!(app("explain --as anonymous GET http://b.test/all?x=1"), "rest");
    let text = house.ok("explain --as anonymous GET http://shop.test/notes/1");
    assert!(text.starts_with("deny 401 by default\n") && text.contains("  app        shop\n"), "{text}");
    for (line, told) in [
        ("explain --as anonymous GET /notes/1", "say which host, as `--host NAME` or as a whole URL"),
        (
            "explain --as anonymous GET http://b.test/notes/1",
            "no app of the host `b.test` has the path `/notes/1`: the gate answers 404",
        ),
        (
            "explain --as anonymous GET http://b.test/%61ll",
            "disagree about the app of the path `/%61ll`: the gate answers 400",
        ),
        ("explain --as anonymous --host b.test GET http://shop.test/notes/1", "leave one of them out"),
    ] {
        let refused = house.run(line).refused();
        assert!(refused.contains(told), "{line}: {refused}");
    }
    // The running gate finds the app, and asks the servers of that app.
    house.add_user("ann");
    let gate = house.serve();
    let text = house.ok("explain --as ann GET https://shop.test/notes/1");
    assert!(
        text.contains("theirs, says the app (GET /notes/1)") && text.contains("  app        shop\n"),
        "{text}"
    );
    assert!(
        text.contains("by the set in force at the running gate") || text.contains("the set in force"),
        "{text}"
    );
    let refused = house.run("explain --as ann GET https://b.test/notes/1").refused();
    assert!(refused.contains("the gate answers 404"), "{refused}");
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn check_looks_at_every_app_and_names_it() {
    let house = house();
    house.write("shop/a.json", &policy("Note", "/notes", "$owner").replace("ALLOW", "ALOW"));
    house.write("rest/b.json", "{");
    let found = house.run("check");
    assert_eq!(found.code, Some(1));
    let line = |start: &str| {
        let line = found.out.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no `{start}` in\n{}", found.out)).to_owned()
    };
    assert!(line("shop/a.json:3:").contains("(app shop)"), "{}", found.out);
    assert!(line("rest/b.json:1:").contains("(app rest)"), "{}", found.out);
    let customer = |ttl: u32| format!(r#"{{"name": "Customer", "base": "User", "acls": [], "ttl": {ttl}}}"#);
    let house = self::house();
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    house.write("portcullis.toml", &config.replace("accounts = false\n", ""));
    for dir in ["shop", "rest"] {
        house.write(&format!("{dir}/model-config.json"), r#"{"Customer": {"public": true}}"#);
    }
    house.write("shop/c.json", &customer(1));
    house.write("rest/c.json", &customer(2));
    let found = house.run("check");
    assert!(
        found.out.contains("portcullis.toml: error: the app `rest` has the accounts in `Customer`"),
        "{}",
        found.out
    );
    // A rule in the store for a model of one app is no mistake in the others.
    let house = self::house();
    house.ok("role add clerk");
    house.ok("acl add --model Note --permission ALLOW --principal-type ROLE --principal-id clerk");
    let refused = house
        .run("acl add --model Nte --permission ALLOW --principal-type ROLE --principal-id clerk")
        .refused();
    assert!(refused.contains("Nte"), "{refused}");
    assert!(house.ok("check").ends_with("\n0 errors, 1 warning\n"), "only the cheap passwords");
}

#[test]
fn hosts_without_a_certificate_are_told() {
    let house = house();
    house.ok("cert dev certs");
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    let config = config.replace("[server]\n", "[server]\nhttps = \"127.0.0.1:0\"\n");
    house.write(
        "portcullis.toml",
        &config.replace("\"shop.test\"", "\"localhost\", \"shop.test\", \"*.shop.test\""),
    );
    let found = house.ok("check");
    for host in ["shop.test", "*.shop.test"] {
        assert!(
            found.contains(&format!(
                "warning: no certificate is for `{host}`, a host of the app `shop`; they are for localhost"
            )),
            "{found}"
        );
    }
    assert!(!found.contains("for `localhost`,"), "{found}");
    // One that is requested by ACME is on its way.
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    house.write("portcullis.toml", &format!("{config}[tls]\nacme_domains = [\"shop.test\"]\n"));
    let found = house.run("check").out;
    assert!(!found.contains("for `shop.test`") && found.contains("for `*.shop.test`"), "{found}");
}

#[test]
fn cases_are_run_for_each_app() {
    let house = house();
    house.write("shop/a.cases.json", &CASES.replace("PATH", "/notes/1"));
    house.write("rest/a.cases.json", &CASES.replace("PATH", "/all/1"));
    let done = house.run("policy test");
    assert_eq!(done.code, Some(1));
    assert!(
        done.out.starts_with("app shop: ") && done.out.contains("0 passed, 1 failed\napp rest: "),
        "{}",
        done.out
    );
    assert!(done.out.ends_with("1 passed, 0 failed\n"), "{}", done.out);
    assert!(house.ok("policy test --app rest").ends_with("1 passed, 0 failed\n"));
    assert!(
        house.ok("policy test rest").starts_with("app rest: rest\nok  "),
        "the settings of the app that has the folder"
    );
    let json: Value = serde_json::from_str(&house.run("policy test --json").out).unwrap();
    let apps: Vec<_> = json["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| (app["app"].clone(), app["failed"].clone()))
        .collect();
    assert_eq!(apps, [("shop".into(), 1.into()), ("rest".into(), 0.into())]);
    let unknown = house.run("policy test --app shp").refused();
    assert!(unknown.contains("there is no app `shp`; there are `shop`, `rest`"), "{unknown}");
}

#[test]
fn a_diff_takes_the_settings_and_the_log_of_its_app() {
    let house = house();
    fs::create_dir(house.path("new")).unwrap();
    house.write("new/a.json", &policy("Note", "/notes", "$everyone"));
    let opens = house.run("policy diff shop new");
    assert!(opens.code == Some(1) && opens.out.contains("opens"), "{}", opens.out);
    fs::create_dir(house.path("old")).unwrap();
    house.write("old/a.json", &policy("Note", "/notes", "$everyone"));
    let which = house.run("policy diff old new").refused();
    assert!(which.contains("say with `--app` whose settings count, `shop`, `rest`"), "{which}");
    assert!(house.ok("policy diff old new --app shop").ends_with("0 open, 0 close\n"));
    let line = |app: &str| {
        format!(
            r#"{{"request_id":"r","app":"{app}","method":"GET","path":"/notes/1","status":200,"decision":"allow","facts":{{"policy":"p","model_id":"1","owner":false}}}}"#
        )
    };
    house.write("access.jsonl", &[line("shop"), line("rest"), line("rest")].join("\n"));
    // A recorded request is decided again by the rules of its app.
    house.write("one.jsonl", &line("rest").replace("\"r\"", "\"q\"").replace("/notes/1", "/all/1"));
    let again = house.ok("explain --request-id q --log one.jsonl");
    assert!(
        again.contains("app        rest\n") && again.contains("the policies have changed since"),
        "{again}"
    );
    let done = house.run("policy diff shop new --log access.jsonl");
    assert!(done.out.contains("1 request of the log decided again"), "{}", done.out);
}

#[test]
fn status_and_config_show_list_the_apps() {
    let house = house();
    let shown = house.ok("config show --origin");
    for line in [
        "\n[[apps]]\nname = \"shop\"",
        "hosts = [\"shop.test\"]",
        "policies.dir = \"shop\"",
        "upstream.response_timeout = \"3s\"",
        "accounts = false",
        "# portcullis.toml:",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    house.write("portcullis.toml", &house.ok("config show"));
    assert_eq!(house.run("check").code, Some(0), "what is shown reads back");
    house.write("portcullis.toml", &config);
    let gate = house.serve();
    let text = house.ok("status");
    assert!(text.contains("app       shop: shop.test, /\npolicies  "), "{text}");
    assert!(text.contains("app       rest: every other host, /all\npolicies  "), "{text}");
    assert_eq!(text.matches("upstream  http://").count(), 2, "{text}");
    let json = house.json("status");
    assert_eq!((&json["apps"][0]["name"], &json["apps"][1]["path"]), (&"shop".into(), &"/all".into()));
    // A new host waits for a restart.
    house.write("portcullis.toml", &config.replace("\"shop.test\"", "\"shop.test\", \"b.test\""));
    gate.signal(rustix::process::Signal::HUP);
    assert!(gate.logged("needs a restart").contains("\"key\":\"apps\""));
    assert!(house.ok("status").contains("needed for apps"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn a_stored_rule_for_a_model_of_one_app_is_no_warning_in_the_others() {
    let house = house();
    house.ok("role add clerk");
    house.ok("acl add --model Note --permission ALLOW --principal-type ROLE --principal-id clerk");
    let gate = house.serve();
    assert!(!gate.log().contains("the stored rule"), "{}", gate.log());
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn the_log_names_the_app_whose_policies_are_refused() {
    let house = house();
    let gate = house.serve();
    house.write("rest/a.json", "{");
    let refused = gate.logged("the new policies are refused; the old ones stay in force");
    assert!(refused.contains("\"app\":\"rest\"") && refused.contains("app `rest`: a.json:1:"), "{refused}");
    assert!(house.ok("status").contains("REFUSED, the old set stays in force: app `rest`: a.json:1:"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn what_only_one_app_says_of_a_stored_rule_is_told() {
    let house = house();
    house.ok("role add clerk");
    let rule =
        "acl add --model Note --property nope --permission ALLOW --principal-type ROLE --principal-id clerk";
    let told = "never applies: no route of `Note` has the property `nope` (app shop)";
    let added = house.ok(rule);
    assert!(added.contains(&format!("warning: it {told}")), "{added}");
    let found = house.ok("check");
    assert!(found.contains(&format!("store: warning: the stored rule `1` {told}")), "{found}");
    // As a running gate says it.
    let gate = house.serve();
    house.ok("acl remove 1");
    let added = house.ok(rule);
    assert!(added.contains(&format!("warning: it {told}")), "{added}");
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn a_folder_of_several_apps_needs_a_name() {
    let house = house();
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    house.write("portcullis.toml", &config.replace("dir = \"rest\"", "dir = \"shop\""));
    for line in ["policy test shop", "policy diff shop rest"] {
        let refused = house.run(line).refused();
        let told =
            "several apps have their policies there: say with `--app` whose settings count, `shop`, `rest`";
        assert!(refused.contains(told), "{line}: {refused}");
    }
    assert!(house.run("policy test shop --app rest").out.starts_with("app rest: shop\n"));
    // The folders of two apps, compared.
    house.write("portcullis.toml", &config);
    let refused = house.run("policy diff shop rest").refused();
    assert!(refused.contains("several apps have their policies there"), "{refused}");
}

#[test]
fn a_recorded_request_of_an_app_that_is_gone_is_told_so() {
    let house = house();
    let line = |app: &str| {
        format!(
            r#"{{"request_id":"r",{app}"method":"GET","path":"/notes/1","status":200,"decision":"allow","facts":{{"policy":"p","model_id":"1","owner":false}}}}"#
        )
    };
    let refused = |app: &str| {
        house.write("access.jsonl", &line(app));
        house.run("explain --request-id r --log access.jsonl").refused()
    };
    let gone = refused("\"app\":\"old\",");
    assert!(
        gone.contains("the request was for the app `old`, and the configuration has the apps `shop`, `rest`"),
        "{gone}"
    );
    let before = refused("");
    assert!(
        before.contains("the line of the request names no app, and the configuration has the apps"),
        "{before}"
    );
    let config = fs::read_to_string(house.path("portcullis.toml")).unwrap();
    let config = config.split("[[apps]]").next().unwrap().to_owned();
    house.write("portcullis.toml", &config);
    let alone = refused("\"app\":\"shop\",");
    assert!(
        alone.contains("the request was for the app `shop`, and the configuration has no `[[apps]]`"),
        "{alone}"
    );
}
