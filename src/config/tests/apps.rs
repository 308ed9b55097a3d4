//! `[[apps]]`: what is read, and each mistake at its place.

use super::*;

/// What a file gets: findings without its name.
fn findings(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    fs::write(&file, text).unwrap();
    let loaded = load(&Sources { file: Some(file.clone()), ..Sources::default() });
    let all = loaded.map_or_else(|errors| errors.0, |loaded| loaded.warnings);
    all.iter().map(|finding| finding.to_string().replace(&format!("{}:", file.display()), "")).collect()
}

fn assert_told(text: &str, told: &str) {
    let found = findings(text);
    assert!(found.iter().any(|line| line.contains(told)), "{text}\n{told}\n{found:#?}");
}

fn config_of(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    fs::write(&file, text).unwrap();
    load(&Sources { file: Some(file), ..Sources::default() })
        .unwrap_or_else(|errors| panic!("{errors}"))
        .config
}

const TWO: &str = r#"
[upstream]
response_timeout = "7s"
underscore_headers = ["x_a"]
[policies]
unmatched = "allow"
[[apps]]
name = "shop"
hosts = ["Shop.Example.com.", "*.Shop.example.com"]
path = "/"
upstream = { servers = ["http://127.0.0.1:3001"], response_timeout = "3s" }
policies = { dir = "policies/shop", unmatched = "deny" }
[[apps]]
name = "rest"
hosts = []
path = "/a/b"
accounts = false
[apps.upstream]
host = "server"
"#;

#[test]
fn an_app_has_its_own_keys_and_the_sections_are_its_defaults() {
    let config = config_of(TWO);
    let [shop, rest] = &*config.each_app() else { panic!("two") };
    let app = |config: &Config| config.app.clone().unwrap();
    assert_eq!(app(shop).hosts, ["shop.example.com", "*.shop.example.com"]);
    assert_eq!((app(shop).path.as_str(), app(rest).path.as_str()), ("/", "/a/b"));
    assert_eq!((shop.app_name(), shop.serves_accounts()), (Some("shop"), true));
    assert_eq!((rest.app_name(), rest.serves_accounts()), (Some("rest"), false));
    let seconds = |config: &Config| config.upstream.response_timeout.as_secs();
    assert_eq!((seconds(shop), seconds(rest)), (3, 7));
    assert_eq!(shop.upstream.servers[0].to_string(), "http://127.0.0.1:3001");
    assert_eq!(rest.upstream.servers[0].to_string(), "http://127.0.0.1:3000");
    assert_eq!(rest.upstream.underscore_headers, ["x_a"]);
    assert_eq!(rest.upstream.host, crate::forward::HostName::Server);
    assert_eq!((shop.policies.unmatched, rest.policies.unmatched), (Unmatched::Deny, Unmatched::Allow));
    assert!(shop.policies.dir.ends_with("policies/shop") && rest.policies.dir.ends_with("policies"));
    let only = config_of("");
    let [only] = &*only.each_app() else { panic!("one") };
    assert_eq!((only.app_name(), only.serves_accounts()), (None, true));
}

#[test]
fn a_mistake_of_an_app_is_told_at_its_place() {
    let app = "[[apps]]\nname = \"a\"\nhosts = [\"a.test\"]\n";
    for (text, told) in [
        (app.replace("name", "nam"), "2:1: error: unknown key `nam` in [[apps]]; did you mean `name`?"),
        (app.replace("name", "nam"), "1:1: error: an entry of `apps` has no `name`"),
        (
            format!("{app}servers = []"),
            "4:1: error: unknown key `servers` in [[apps]]; write it in `upstream = { … }`",
        ),
        (
            format!("{app}upstream = {{ server = \"x\" }}"),
            "4:14: error: unknown key `server` in [upstream]; did you mean `servers`?",
        ),
        (format!("{app}upstream = {{ servers = [\"x\"] }}"), "error: `upstream.servers` cannot be `x`"),
        (format!("{app}upstream = 1"), "error: `upstream` of an app is a table"),
        (format!("{app}policies = {{ dirr = \"x\" }}"), "did you mean `dir`?"),
        (app.replace("hosts = [\"a.test\"]", ""), "error: an entry of `apps` has no `hosts`; write such as"),
        (app.replace("[\"a.test\"]", "\"a.test\""), "error: `apps.hosts` cannot be a text"),
        (
            app.replace("a.test", "a.test:80"),
            "3:10: error: `apps.hosts` cannot be `a.test:80`: it has a port",
        ),
        (app.replace("a.test", "http://a.test"), "a host has no scheme"),
        (app.replace("a.test", "*"), "write hosts = [] for every other host"),
        (app.replace("a.test", "a..test"), "`apps.hosts` cannot be `a..test`"),
        (app.replace("a.test", "*.10.0.0.1"), "`apps.hosts` cannot be"),
        (app.replace("a.test", "a.*.test"), "`apps.hosts` cannot be"),
        (format!("{app}path = \"shop\""), "4:8: error: `apps.path` cannot be `shop`"),
        (format!("{app}path = \"/shop/\""), "it ends with a slash"),
        (format!("{app}path = \"/a//b\""), "`apps.path` cannot be"),
        (format!("{app}path = \"/%73hop\""), "`apps.path` cannot be"),
        (format!("{app}path = \"/a/..\""), "`apps.path` cannot be"),
        (format!("{app}accounts = 1"), "`apps.accounts` cannot be a number"),
        (app.replace("\"a\"", "\"a b\""), "2:8: error: `apps.name` cannot be `a b`"),
    ] {
        assert_told(&text, told);
    }
}

#[test]
fn two_apps_that_take_the_same_and_wrong_keys_of_sections_are_told() {
    let app = "[[apps]]\nname = \"a\"\nhosts = [\"a.test\"]\n";
    for (text, told) in [
        (
            format!("{app}{}", app.replace("a.test", "b.test").replace("\"a\"", "\"A\"")),
            "5:8: error: two apps are called `A`",
        ),
        (
            format!("{app}{}", app.replace("\"a\"", "\"b\"")),
            "6:10: error: `a.test` with the path `/` is that of the app `a`",
        ),
        (
            format!("{app}{}", app.replace("\"a\"", "\"b\"").replace("a.test", "A.test.")),
            "is that of the app `a`",
        ),
        (app.replace("[\"a.test\"]", "[\"a.test\", \"A.TEST\"]"), "3:20: error: `a.test` is named twice"),
        (
            format!(
                "{0}{1}",
                app.replace("\"a.test\"", ""),
                app.replace("\"a.test\"", "").replace("\"a\"", "\"b\"")
            ),
            "6:1: error: every other host with the path `/` is that of the app `a`",
        ),
        ("apps = 1".to_owned(), "error: `apps` is a list of tables; write [[apps]]"),
        ("apps = [1]".to_owned(), "error: an entry of `apps` is a table"),
        ("[apps]\nname = \"x\"".to_owned(), "error: `apps` is a list of tables; write [[apps]]"),
        (format!("{app}upstream = {{ servers = [] }}"), "`upstream.servers` is empty"),
        (
            format!("{app}upstream = {{ servers = [\"http://127.0.0.1:8080\"] }}"),
            "where this gate listens itself",
        ),
        (
            format!("{app}upstream = {{ balance = \"hash\" }}"),
            "4:24: warning: `upstream.balance` has no effect",
        ),
        (
            format!("{app}upstream = {{ client_cert = \"x\" }}"),
            "of `upstream.client_cert` and `upstream.client_key` only one is set",
        ),
    ] {
        assert_told(&text, told);
    }
}

#[test]
fn what_the_apps_share_is_told_once_and_what_none_uses_is_not() {
    let two = "[[apps]]\nname = \"a\"\nhosts = [\"a.test\"]\n[[apps]]\nname = \"b\"\nhosts = [\"b.test\"]\n";
    let found = findings(&format!("[upstream]\nbalance = \"hash\"\nconect_timeout = \"1s\"\n{two}"));
    assert_eq!(found.iter().filter(|line| line.contains("conect_timeout")).count(), 1, "{found:#?}");
    let found = findings(&format!("[upstream]\nbalance = \"hash\"\n{two}"));
    assert_eq!(found.iter().filter(|line| line.contains("balance")).count(), 1, "{found:#?}");
    // One default has an effect in one of them.
    let servers = "upstream = { servers = [\"http://127.0.0.1:7\", \"http://127.0.0.1:9\"] }";
    let one = two.replacen("hosts", &format!("{servers}\nhosts"), 1);
    assert_eq!(findings(&format!("[upstream]\nbalance = \"hash\"\n{one}")), Vec::<String>::new());
    let own = one.replacen(
        "[[apps]]\nname = \"b\"",
        "[[apps]]\nupstream = { balance = \"hash\" }\nname = \"b\"",
        1,
    );
    let found = findings(&format!("[upstream]\nbalance = \"hash\"\n{own}"));
    assert_eq!(found.len(), 1, "what an app says itself has none: {found:#?}");
    // The default of [upstream] is no app's server.
    let own = two.replace("hosts", "upstream = { servers = [\"http://127.0.0.1:9\"] }\nhosts");
    assert_eq!(findings(&format!("[server]\nhttp = \"127.0.0.1:3000\"\n{own}")), Vec::<String>::new());
}

#[test]
fn no_variable_and_no_flag_makes_an_app() {
    let env = vec![("PORTCULLIS_APPS__NAME".to_owned(), "x".to_owned())];
    let flags = vec![("apps.name".to_owned(), "x".to_owned())];
    let told = load(&Sources { file: None, env, flags }).unwrap_err().to_string();
    assert_eq!(
        told.matches("apps are tables, which only the file can have: write [[apps]] there").count(),
        2,
        "{told}"
    );
}

#[test]
fn a_variable_sets_what_apps_take_over_and_not_what_is_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    fs::write(&file, TWO).unwrap();
    let env = vec![("PORTCULLIS_UPSTREAM__RESPONSE_TIMEOUT".to_owned(), "11s".to_owned())];
    let config = load(&Sources { file: Some(file), env, flags: Vec::new() }).unwrap().config;
    let seconds: Vec<u64> = config.apps.iter().map(|app| app.upstream.response_timeout.as_secs()).collect();
    assert_eq!(seconds, [3, 11]);
}

#[test]
fn links_that_lead_to_no_app_of_the_accounts_are_told() {
    let told = |url: &str, api: &str| {
        let found = findings(&format!("[server]\npublic_url = \"{url}\"\n[api]\nroot = \"{api}\"\n{TWO}"));
        found.into_iter().find(|line| line.contains("public_url"))
    };
    assert_eq!(told("https://shop.example.com", "/api"), None);
    assert_eq!(told("https://a.Shop.example.com:8443", "/api"), None);
    assert_eq!(
        told("https://b.example.com", "/api").unwrap(),
        "2:14: warning: `server.public_url` leads to no app: none has `b.example.com` and `/api`, and so do links in mails; \
         write the address of an app with `accounts = true`"
    );
    let of_rest = told("https://b.example.com", "/a/b/api").unwrap();
    assert!(of_rest.contains("leads to the app `rest`, which has `accounts = false`"), "{of_rest}");
}

#[test]
fn a_public_url_with_a_path_leads_to_no_page() {
    let told = |url: &str, pages: bool| {
        let found = findings(&format!("[server]\npublic_url = \"{url}\"\n[pages]\nenabled = {pages}\n"));
        found.into_iter().find(|line| line.contains("has the path"))
    };
    for url in ["https://library.example.com", "https://library.example.com/", "http://[::1]:8080"] {
        assert_eq!(told(url, true), None, "{url}");
    }
    let error = told("http://library.example.com/app/", true).unwrap();
    assert!(
        error.starts_with("2:14: error: ")
            && error.ends_with("the pages are at the root of the host; write `http://library.example.com`"),
        "{error}"
    );
    let warning = told("http://library.example.com/app", false).unwrap();
    assert!(warning.starts_with("2:14: warning: "), "{warning}");
}
