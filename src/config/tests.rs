//! Whole loads: from sources to settings or mistakes.

use std::fs;

use super::{keys::KEYS, *};
use crate::policy::{Severity, Unmatched};

/// A working directory with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(DEFAULT_FILE, config);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self, sources: &Sources) -> Result<Loaded, Mistakes> {
        load_in(self.0.path(), sources)
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn env(variables: &[(&str, &str)]) -> Sources {
    Sources { env: pairs(variables), ..Sources::default() }
}

fn config(text: &str) -> Config {
    Folder::new(text).load(&Sources::default()).unwrap().config
}

fn mistakes(text: &str) -> String {
    Folder::new(text).load(&Sources::default()).unwrap_err().to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = Folder::new(text).load(&Sources::default()).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

/// Everything but which keys were set, paths without the folder.
fn shown(folder: &Folder, sources: &Sources) -> String {
    let mut config = folder.load(sources).unwrap().config;
    config.set.clear();
    format!("{config:?}").replace(&format!("{}/", folder.0.path().display()), "")
}

#[test]
fn the_documented_sample_is_exactly_the_defaults() {
    let sample = Folder::new(include_str!("sample.toml"));
    let loaded = sample.load(&Sources::default()).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(shown(&sample, &Sources::default()), shown(&Folder::new(""), &Sources::default()));
    for key in KEYS.iter().filter(|key| !key.ends_with("_file")) {
        assert!(loaded.config.is_set(key), "{key} is not in the sample");
    }
}

#[test]
fn defaults() {
    let config = config("");
    assert_eq!(config.profile, Profile::Standard);
    assert_eq!(config.server.http, Listen::Tcp(([127, 0, 0, 1], 8080).into()));
    assert_eq!(config.server.header_timeout, Duration::from_secs(10));
    assert_eq!(config.server.max_header_bytes, 65_536);
    assert_eq!(config.api.body_limit, 102_400);
    assert_eq!((config.users.ttl, config.users.max_ttl), (1_209_600, 31_556_926));
    assert_eq!((config.password.min_length, config.password.max_bytes), (8, 1_024));
    assert!(config.password.blocklist && !config.policies.default_allow);
    assert_eq!((config.policies.acl_error_status, config.policies.unmatched), (None, Unmatched::Deny));
    assert_eq!(config.store.keys, store::KeyRules::default());
    let rate = |burst| Some(limit::Rate { burst, period: Duration::from_secs(60) });
    assert_eq!((config.limits.login_per_client, config.limits.reset_per_client), (rate(10), rate(5)));
    assert_eq!((config.limits.register_per_client, config.limits.requests_per_client), (rate(10), None));
    assert_eq!(config.identity.preset, [Preset::XForwarded]);
    assert_eq!(config.pages.languages, ["en"]);
    assert_eq!(
        config.upstream.servers,
        [UpstreamAddress::Http { authority: "127.0.0.1:3000".into(), host: "127.0.0.1".into(), port: 3000 }]
    );
}

#[test]
fn profile_loopback3_changes_the_defaults_it_names_and_no_other() {
    let folder = Folder::new("");
    let (standard, loopback3) =
        (shown(&folder, &env(&[])), shown(&folder, &env(&[("PORTCULLIS_PROFILE", "loopback3")])));
    let changed: Vec<&str> =
        standard.split(", ").zip(loopback3.split(", ")).filter(|(a, b)| a != b).map(|(_, b)| b).collect();
    insta::assert_snapshot!(changed.join(", "), @"Config { profile: Loopback3, min_length: 1, max_bytes: 72, blocklist: false }, default_allow: true, acl_error_status: Some(401) }");
}

#[test]
fn a_key_that_is_set_wins_over_the_profile() {
    let config = config(
        "profile = \"loopback3\"\n[password]\nmin_length = 10\nblocklist = true\n\
         [policies]\ndefault_permission = \"DENY\"\nacl_error_status = 0",
    );
    assert_eq!((config.password.min_length, config.password.max_bytes), (10, 72));
    assert!(config.password.blocklist && !config.policies.default_allow);
    assert_eq!(config.policies.acl_error_status, None);
}

#[test]
fn flags_beat_variables_beat_the_file() {
    let folder =
        Folder::new("profile = \"loopback3\"\n[users]\nttl = 1\nmax_ttl = 1\nreset_password_token_ttl = 1");
    let sources = Sources {
        env: pairs(&[
            ("PORTCULLIS_USERS__TTL", "2"),
            ("PORTCULLIS_USERS__MAX_TTL", "2"),
            ("PORTCULLIS_PROFILE", "standard"),
        ]),
        flags: pairs(&[("users.ttl", "3"), ("profile", "loopback3")]),
        ..Sources::default()
    };
    let config = folder.load(&sources).unwrap().config;
    let users = &config.users;
    assert_eq!((users.ttl, users.max_ttl, users.reset_password_token_ttl), (3, 2, 1));
    assert_eq!(config.profile, Profile::Loopback3);
    assert!(
        config.is_set("users.ttl") && config.is_set("users.max_ttl") && !config.is_set("users.sliding_ttl")
    );
}

#[test]
fn variables_have_the_types_of_their_keys() {
    let sources = env(&[
        ("PORTCULLIS_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,::1"),
        ("PORTCULLIS_SERVER__MAX_HEADER_BYTES", "2048"),
        ("PORTCULLIS_UPSTREAM__SERVERS", "http://a:1,unix:/run/app.sock"),
        ("PORTCULLIS_USERS__REALM_REQUIRED", "true"),
        ("PORTCULLIS_LIMITS__LOGIN_PER_CLIENT", ""),
        ("PORTCULLIS_TLS__CERTIFICATES", "a.pem:a.key,/b.pem:/b.key"),
        ("PORTCULLIS_CREDENTIALS__COOKIE_SECRET", "a,b"),
        ("PORTCULLIS_IDENTITY__PRESET", ""),
    ]);
    let folder = Folder::new("");
    let config = folder.load(&sources).unwrap().config;
    let nets: Vec<String> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]);
    assert_eq!(config.server.max_header_bytes, 2_048);
    assert_eq!(config.upstream.servers.len(), 2);
    assert!(config.users.realm_required && config.limits.login_per_client.is_none());
    let base = folder.0.path();
    let certificates = [
        Certificate { cert: base.join("a.pem"), key: base.join("a.key") },
        Certificate { cert: "/b.pem".into(), key: "/b.key".into() },
    ];
    assert_eq!(config.tls.certificates, certificates);
    assert_eq!(config.credentials.cookie_secret.unwrap().expose(), "a,b");
    assert_eq!(config.identity.preset, []);
}

#[test]
fn service_links_of_kubernetes_and_other_programs_are_ignored() {
    let sources = env(&[
        ("PORTCULLIS_PORT", "tcp://10.0.0.1:8080"),
        ("PORTCULLIS_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("PORTCULLIS_SERVICE_HOST", "10.0.0.1"),
        ("PORTCULLIS_SERVICE_PORT", "8080"),
        ("MYPORTCULLIS_SERVER__HTTP", "x"),
        ("portcullis_server__http", "x"),
        ("PORTCULLIS", "x"),
        ("PORTCULLIS_CONFIG", ""),
    ]);
    let folder = Folder::new("");
    assert_eq!(shown(&folder, &sources), shown(&folder, &Sources::default()));
}

#[test]
fn mistakes_in_variables_and_flags_name_them() {
    let sources = Sources {
        env: pairs(&[
            ("PORTCULLIS_SERVER__HTPP", "hush"),
            ("PORTCULLIS_SERVER__http", "hush"),
            ("PORTCULLIS_NOWHERE__XYZZY", "hush"),
            ("PORTCULLIS_SERVER__THREADS", "four"),
            ("PORTCULLIS_STORE__URL", "post\u{fffd}"),
            ("PORTCULLIS_PROFILE", ""),
        ]),
        flags: pairs(&[("server.http", "8080"), ("server.port", "1")]),
        ..Sources::default()
    };
    insta::assert_snapshot!(Folder::new("").load(&sources).unwrap_err(), @r#"
    PORTCULLIS_SERVER__HTPP: error: no setting is called `PORTCULLIS_SERVER__HTPP`; did you mean `PORTCULLIS_SERVER__HTTP`?
    PORTCULLIS_SERVER__http: error: no setting is called `PORTCULLIS_SERVER__http`; did you mean `PORTCULLIS_SERVER__HTTP`?
    PORTCULLIS_NOWHERE__XYZZY: error: no setting is called `PORTCULLIS_NOWHERE__XYZZY`
    PORTCULLIS_STORE__URL: error: the value of `PORTCULLIS_STORE__URL` is not UTF-8
    --server.port: error: no setting is called `server.port`
    PORTCULLIS_PROFILE: error: `profile` cannot be empty; write "standard" or "loopback3"
    --server.http: error: `server.http` cannot be `8080`; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
    PORTCULLIS_SERVER__THREADS: error: `server.threads` cannot be `four`; write a whole number from 0 to 1024
    "#);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(
        mistakes(
            "htpp = 1\nprofil = \"loopback3\"\n[servr]\nhttp = \"x\"\n[server]\nhtpp = \"hush\"\nbodyTimeout = \"1s\"\n\
             [users]\nmaxTTL = 5\nmin_length = 3\nxyzzy = 1\n[users.deep]\na = 1\n[[log]]\n"
        ),
        @r"
        portcullis.toml:1:1: error: unknown key `htpp`; did you mean `http` in [server]?
        portcullis.toml:2:1: error: unknown key `profil`; did you mean `profile`?
        portcullis.toml:3:2: error: unknown section `servr`; did you mean [server]?
        portcullis.toml:6:1: error: unknown key `htpp` in [server]; did you mean `http`?
        portcullis.toml:7:1: error: unknown key `bodyTimeout` in [server]; did you mean `body_timeout`?
        portcullis.toml:9:1: error: unknown key `maxTTL` in [users]; did you mean `max_ttl`?
        portcullis.toml:10:1: error: unknown key `min_length` in [users]; did you mean `min_length` in [password]?
        portcullis.toml:11:1: error: unknown key `xyzzy` in [users]
        portcullis.toml:12:8: error: unknown key `deep` in [users]
        portcullis.toml:14:3: error: `log` is a section, not a value; write [log] once, and its keys below it
        "
    );
    insta::assert_snapshot!(mistakes("server = 3\ncors.origin = []\nusers.ttl.x = 1"), @r"
    portcullis.toml:1:1: error: `server` is a section, not a value; write [server] once, and its keys below it
    portcullis.toml:2:6: error: unknown key `origin` in [cors]; did you mean `origins`?
    portcullis.toml:3:7: error: `users.ttl` cannot be a table; write seconds from 1 to 9007199254740, or -1 for ever
    ");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(
        mistakes(
            "profile = 3\n[server]\nhttp = 8080\nthreads = \"4\"\nheader_timeout = 10\nproxy_protocol = \"yes\"\n\
             trusted_proxies = \"10.0.0.0/8\"\nmax_headers = 1.5\nmax_connections = 99999999999999999999\n\
             [webhook]\nsecret = [\"hush\"]\n[users]\nredirect_hosts = [\"a\", 3, \"\", true]\n[log]\naccess = 1979-05-27"
        ),
        @r#"
        portcullis.toml:1:11: error: `profile` cannot be a number; write "standard" or "loopback3"
        portcullis.toml:3:8: error: `server.http` cannot be a number; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
        portcullis.toml:4:11: error: `server.threads` cannot be a text; write a whole number from 0 to 1024, without quotes
        portcullis.toml:5:18: error: `server.header_timeout` cannot be a number; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:6:18: error: `server.proxy_protocol` cannot be a text; write true or false, without quotes
        portcullis.toml:7:19: error: `server.trusted_proxies` cannot be a text; write a list in brackets, each item a network such as "10.0.0.0/8", or one address
        portcullis.toml:8:15: error: `server.max_headers` cannot be a number with a point; write a whole number from 1 to 10000
        portcullis.toml:9:19: error: `server.max_connections` cannot be so large a number; write a whole number from 1 to 10000000
        portcullis.toml:11:10: error: `webhook.secret` cannot be a list; write a text in quotes
        portcullis.toml:13:24: error: `users.redirect_hosts` cannot be a number; write a text that is not empty
        portcullis.toml:13:27: error: `users.redirect_hosts` cannot be empty; write a text that is not empty
        portcullis.toml:13:31: error: `users.redirect_hosts` cannot be true or false; write a text that is not empty
        portcullis.toml:15:10: error: `log.access` cannot be a date; write true or false
        "#
    );
}

#[test]
fn wrong_values() {
    insta::assert_snapshot!(
        mistakes(
            "profile = \"loopback\"\n[server]\nhttp = \"8080\"\ntrusted_proxies = [\"10.0.0.1/8\", \"all\"]\nheader_timeout = \"0s\"\n\
             idle_timeout = \"10\"\nmax_header_bytes = \"64kib\"\nthreads = -1\ndata_dir = \"\"\n\
             [upstream]\nservers = [\"http://a/base\", \"https://a\", \"h2c://a\", \"a:1\", \"http://u:hush@a\"]\n\
             [users]\nttl = 0\naccess_token_id_length = 8\n[policies]\nunmatched = \"maybe\"\nacl_error_status = 200\n\
             [limits]\nlogin_per_client = \"10/min\"\n[api]\nroot = \"api\"\nusers = \"a/b\"\n[identity]\npreset = [\"remote\", \"x\"]"
        ),
        @r#"
        portcullis.toml:1:11: error: `profile` cannot be `loopback`; write "standard" or "loopback3"
        portcullis.toml:3:8: error: `server.http` cannot be `8080`; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
        portcullis.toml:4:20: error: `server.trusted_proxies` cannot be `10.0.0.1/8`: it has bits set behind its prefix; write "10.0.0.0/8" for the network or "10.0.0.1" for the one address
        portcullis.toml:4:34: error: `server.trusted_proxies` cannot be `all`; write a network such as "10.0.0.0/8", or one address
        portcullis.toml:5:18: error: `server.header_timeout` cannot be `0s`; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:6:16: error: `server.idle_timeout` cannot be `10`; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:7:20: error: `server.max_header_bytes` cannot be `64kib`; write bytes, or a size such as "64kb" or "1mb", from 1kb to 16mb
        portcullis.toml:8:11: error: `server.threads` cannot be `-1`; write a whole number from 0 to 1024
        portcullis.toml:9:12: error: `server.data_dir` cannot be empty; write a path, counted from the folder of the config file
        portcullis.toml:11:12: error: `upstream.servers` cannot be `http://a/base`: a path is not added, because the path that is judged is the path that is forwarded; write the address without a path
        portcullis.toml:11:29: error: `upstream.servers` cannot be `https://…`: https towards the app is not built yet; write "http://host:port" or "unix:/path"
        portcullis.toml:11:42: error: `upstream.servers` cannot be `h2c://…`: h2c towards the app is not built yet; write "http://host:port" or "unix:/path"
        portcullis.toml:11:53: error: `upstream.servers` cannot be `a:1`; write "http://host:port" or "unix:/path"
        portcullis.toml:11:60: error: `upstream.servers` cannot be `…@…`; write "http://host:port" or "unix:/path"
        portcullis.toml:13:7: error: `users.ttl` cannot be `0`; write seconds from 1 to 9007199254740, or -1 for ever
        portcullis.toml:14:26: error: `users.access_token_id_length` cannot be `8`; write a whole number from 16 to 1024
        portcullis.toml:16:13: error: `policies.unmatched` cannot be `maybe`; write "allow" or "authenticated" or "deny"
        portcullis.toml:17:20: error: `policies.acl_error_status` cannot be `200`; write 401, 403 or 404, or 0 for 401 without a valid token and 403 with one
        portcullis.toml:19:20: error: `limits.login_per_client` cannot be `10/min`; write a rate such as "10/minute" (second, minute or hour)
        portcullis.toml:21:8: error: `api.root` cannot be `api`; write a path such as "/api", in plain characters
        portcullis.toml:22:9: error: `api.users` cannot be `a/b`; write one word of a path, such as "users", in plain characters
        portcullis.toml:24:21: error: `identity.preset` cannot be `x`; write "x-forwarded" or "remote" or "x-auth-request"
        "#
    );
}

#[test]
fn rules_between_keys() {
    insta::assert_snapshot!(
        mistakes(
            "profile = \"loopback3\"\n[server]\nhttp = \"\"\n[upstream]\nservers = []\n[users]\nttl = -1\n[password]\nmemory_kib = 16\nparallelism = 4\n\
             min_length = 100\n[cors]\norigins = \"*\"\ncredentials = true\n[forward_auth]\nlisten = \"127.0.0.1:1\"\n\
             [tls]\ncertificates = [{ cert = \"a\", kee = \"b\" }]"
        ),
        @r#"
        portcullis.toml:3:8: error: `server.http` is off and there is no other listener; write an address such as "127.0.0.1:8080"
        portcullis.toml:5:11: error: `upstream.servers` is empty; write where the app is, such as ["http://127.0.0.1:3000"]
        portcullis.toml:7:7: error: `users.ttl` is -1, but tokens for ever are not allowed; write seconds, or set `allow_eternal_tokens = true`
        portcullis.toml:9:14: error: `password.memory_kib` is 16, and argon2 needs 8 a lane; write at least 32, or lower `parallelism`
        portcullis.toml:11:14: error: `password.min_length` is 100, more than the 72 bytes of the longest password; write at most 72
        portcullis.toml:13:11: warning: `cors.origins` is not built yet and has no effect
        portcullis.toml:14:15: warning: `cors.credentials` is not built yet and has no effect
        portcullis.toml:14:15: error: `cors.credentials` goes with no `"*"`: browsers refuse that; list the origins in `cors.origins`
        portcullis.toml:16:10: warning: `forward_auth.listen` is not built yet and has no effect
        portcullis.toml:16:10: error: `forward_auth.listen` is set without `trusted`; list the proxies that may ask, such as `trusted = ["127.0.0.1"]`
        portcullis.toml:18:17: error: `tls.certificates` has an entry without `key`; write { cert = "server.pem", key = "server.key" }
        portcullis.toml:18:31: error: unknown key `kee` in `tls.certificates`; it has `cert` and `key`
        "#
    );
    let eternal = config("[users]\nttl = -1\nallow_eternal_tokens = true");
    assert_eq!(eternal.users.ttl, -1);
}

#[test]
fn protection_that_is_not_built_refuses_to_start() {
    insta::assert_snapshot!(
        mistakes(
            "[server]\nhttps = \"0.0.0.0:8443\"\nproxy_protocol = true\n[tls]\nmin_version = \"1.3\"\nclient_ca = \"ca.pem\"\n\
             redirect_http = true\nhsts = \"1\"\nacme_domains = [\"a.example\"]\n[limits]\nlogin_per_account = \"5/minute\"\n\
             [upstream]\nca = \"ca.pem\"\nclient_cert = \"c.pem\"\nclient_key = \"c.key\"\n[identity]\nassertion = true\n\
             [users]\nmax_tokens = 5\n[store]\nurl = \"postgres://u:hush@db/x\""
        ),
        @r#"
        portcullis.toml:2:9: error: `server.https` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:3:18: error: `server.proxy_protocol` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:5:15: error: `tls.min_version` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:6:13: error: `tls.client_ca` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:7:17: error: `tls.redirect_http` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:8:8: error: `tls.hsts` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:9:16: error: `tls.acme_domains` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:11:21: error: `limits.login_per_account` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:13:6: error: `upstream.ca` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:14:15: error: `upstream.client_cert` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:15:14: error: `upstream.client_key` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:17:13: error: `identity.assertion` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:19:14: error: `users.max_tokens` is not built yet, and nothing would be protected by it; take it out
        portcullis.toml:21:7: error: `store.url` names PostgreSQL, which is not built yet; write "sled:PATH", "memory:" or ""
        "#
    );
}

#[test]
fn other_features_that_are_not_built_get_a_warning() {
    insta::assert_snapshot!(
        warnings("[webhook]\nurl = \"http://127.0.0.1:1/?a=b\"\nsecret = \"x\"\n[mail]\nsmtp = \"smtp://u:hush@m\"").join("\n"),
        @r"
        portcullis.toml:2:7: warning: `webhook.url` is not built yet and has no effect
        portcullis.toml:5:8: warning: `mail.smtp` is not built yet and has no effect
        "
    );
    let defaults =
        "[webhook]\nurl = \"\"\n[server]\nhttps = \"\"\nproxy_protocol = false\n[tls]\nmin_version = \"1.2\"";
    assert!(warnings(defaults).is_empty());
}

#[test]
fn password_parameters_below_owasps_minimum_are_a_warning() {
    let weak = |memory: u32, passes: u32| {
        !warnings(&format!("[password]\nmemory_kib = {memory}\niterations = {passes}")).is_empty()
    };
    for (memory, passes, expected) in [
        (19_456, 2, false),
        (19_455, 2, true),
        (19_456, 1, true),
        (47_104, 1, false),
        (7_168, 5, false),
        (7_168, 4, true),
        (8, 9, true),
    ] {
        assert_eq!(weak(memory, passes), expected, "{memory} KiB, {passes} passes");
    }
    insta::assert_snapshot!(warnings("[password]\nmemory_kib = 64\niterations = 1").join("\n"), @"portcullis.toml:2:14: warning: argon2id with 64 KiB and 1 passes is below OWASP's minimum; write `memory_kib = 19456` and `iterations = 2`, or more");
}

#[test]
fn broken_toml_is_one_mistake() {
    insta::assert_snapshot!(mistakes("[server]\nhttp = \"127.0.0.1:80\nthreads = 1\n"), @r#"portcullis.toml:2:21: error: invalid basic string, expected `"`"#);
    insta::assert_snapshot!(mistakes("# ü\n[server]\nhttp = hush\n"), @"portcullis.toml:3:8: error: string values must be quoted, expected literal string");
    insta::assert_snapshot!(mistakes("[log]\naccess = true\n[log]\n"), @"portcullis.toml:3:2: error: duplicate key");
}

#[test]
fn columns_count_characters() {
    insta::assert_snapshot!(mistakes("pages = { title = \"üüü\", x = 1 }"), @"portcullis.toml:1:26: error: unknown key `x` in [pages]");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let folder = Folder::new("[users]\nttl = 1");
    folder.write("other/my.toml", "[users]\nttl = 2");
    let ttl = |file: Option<&str>, variable: &str| {
        let sources = Sources { file: file.map(PathBuf::from), ..env(&[("PORTCULLIS_CONFIG", variable)]) };
        folder.load(&sources).map(|loaded| loaded.config.users.ttl).map_err(|mistakes| mistakes.to_string())
    };
    assert_eq!(ttl(None, ""), Ok(1));
    assert_eq!(ttl(None, "other/my.toml"), Ok(2));
    assert_eq!(ttl(Some("portcullis.toml"), "none.toml"), Ok(1));
    insta::assert_snapshot!(ttl(None, "none.toml").unwrap_err(), @"none.toml: error: cannot read the config file: no such file or directory (os error 2); name a TOML file that this user may read");
    insta::assert_snapshot!(ttl(Some("other"), "").unwrap_err(), @"other: error: cannot read the config file: is a directory (os error 21); name a TOML file that this user may read");
    fs::remove_file(folder.0.path().join(DEFAULT_FILE)).unwrap();
    assert_eq!(ttl(None, ""), Ok(1_209_600));
}

#[test]
fn relative_paths_count_from_the_config_file() {
    let folder = Folder::new("");
    folder.write(
        "etc/p.toml",
        "[server]\ndata_dir = \"../var\"\nhttp = \"unix:gate.sock\"\n[upstream]\nservers = [\"unix:app.sock\"]\n\
         [policies]\ndir = \"/abs\"\n[store]\nurl_file = \"url\"\n[mail]\ntemplates = \"mail\"",
    );
    folder.write("etc/url", "sled:users.db\n");
    let config =
        folder.load(&Sources { file: Some("etc/p.toml".into()), ..Sources::default() }).unwrap().config;
    let etc = folder.0.path().join("etc");
    assert_eq!(config.server.data_dir, etc.join("../var"));
    assert_eq!(config.server.http, Listen::Unix(etc.join("gate.sock")));
    assert_eq!(config.upstream.servers, [UpstreamAddress::Unix(etc.join("app.sock"))]);
    assert_eq!(config.policies.dir, PathBuf::from("/abs"));
    assert_eq!(config.store.engine, store::Engine::Sled(etc.join("users.db")));
    assert_eq!(config.mail.templates, Some(etc.join("mail")));
}

#[test]
fn the_store_lies_in_the_data_folder_unless_told_otherwise() {
    let folder = Folder::new("[server]\ndata_dir = \"d\"");
    let engine = |url: &str| {
        folder.load(&env(&[("PORTCULLIS_STORE__URL", url)])).map(|loaded| loaded.config.store.engine)
    };
    assert_eq!(engine("").unwrap(), store::Engine::Sled(folder.0.path().join("d/store")));
    assert_eq!(engine("sled:/x").unwrap(), store::Engine::Sled("/x".into()));
    assert_eq!(engine("memory:").unwrap(), store::Engine::Memory);
    for url in ["sled:", "memory", "redis://:hush@x", "postgres://u:hush@h/d", "postgresql:hush", "hush"] {
        let text = engine(url).unwrap_err().to_string();
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn names_fold_as_the_users_section_says() {
    let keys = |text: &str| config(&format!("[users]\n{text}")).store.keys;
    assert!(keys("case_sensitive_email = false").fold_email_case);
    assert!(!keys("realm_required = true").per_realm);
    assert!(!keys("realm_delimiter = \":\"").per_realm);
    assert!(keys("realm_required = true\nrealm_delimiter = \":\"").per_realm);
}

#[test]
fn secrets_come_by_value_or_by_file() {
    let text = "[credentials]\ncookie_secret_file = \"s/cookie\"\n[webhook]\nsecret = \"by value\"\nsecret_file = \"\"";
    let folder = Folder::new(text);
    folder.write("s/cookie", "by file\n");
    let config = folder.load(&Sources::default()).unwrap().config;
    assert_eq!(config.credentials.cookie_secret.as_ref().map(Secret::expose), Some("by file"));
    assert_eq!(config.webhook.secret.as_ref().map(Secret::expose), Some("by value"));
    let debug = format!("{config:?}");
    assert!(!debug.contains("by file") && !debug.contains("by value"));

    let sources = env(&[
        ("PORTCULLIS_WEBHOOK__SECRET_FILE", "s/cookie"),
        ("PORTCULLIS_MAIL__SMTP_FILE", "s/none"),
        ("PORTCULLIS_STORE__URL_FILE", "s"),
    ]);
    insta::assert_snapshot!(folder.load(&sources).unwrap_err(), @r"
    PORTCULLIS_MAIL__SMTP_FILE: warning: `mail.smtp_file` is not built yet and has no effect
    PORTCULLIS_STORE__URL_FILE: error: cannot read the secret of `store.url_file` from `s`: is a directory (os error 21); name a file that this user may read, with the secret as its only line
    PORTCULLIS_MAIL__SMTP_FILE: error: cannot read the secret of `mail.smtp_file` from `s/none`: no such file or directory (os error 2); name a file that this user may read, with the secret as its only line
    PORTCULLIS_WEBHOOK__SECRET_FILE: error: `webhook.secret` and `webhook.secret_file` are both set; keep one of them, best `webhook.secret_file`
    ");
}

#[test]
fn no_mistake_tells_a_secret() {
    let text = "[credentials]\ncookie_secret = 5\ncookie_secrt = \"hush\"\n[webhook]\nsecret = { a = \"hush\" }\n\
                url = \"https://u:hush@h\"\n[mail]\nsmtp = [\"hush\"]\n[server]\npublic_url = \"https://u:hush@h/\"\n\
                [upstream]\nservers = [\"http://u:hush@h\"]";
    let text = mistakes(text);
    assert!(!text.contains("hush"), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn warnings_come_along_with_errors() {
    let found = Folder::new("[password]\nmemory_kib = 8\n[server]\nthreads = -1")
        .load(&Sources::default())
        .unwrap_err();
    let severities: Vec<Severity> = found.0.iter().map(|mistake| mistake.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Error]);
}

#[test]
fn the_gate_of_the_conformance_kit_and_the_benchmark_load() {
    let kit = "profile = \"loopback3\"\n[server]\nhttp = \"127.0.0.1:31000\"\nthreads = 1\ndata_dir = \"/tmp/w/data\"\n\
               [upstream]\nservers = [\"http://127.0.0.1:31001\"]\n[users]\nrealm_required = true\nrealm_delimiter = \":\"\n\
               current_user_literal = \"me\"\nbearer_token_base64_encoded = false\n[credentials]\nheaders = [\"X-T\"]\n\
               params = [\"t\"]\ncookies = [\"t\"]\ncookie_secret = \"s\"\n[password]\nmemory_kib = 64\niterations = 1\nworkers = 1\n\
               [policies]\ndir = \"/tmp/w/policies\"\nunmatched = \"allow\"\nacl_error_status = 403\n[store]\nurl = \"sled:/tmp/w/data/store\"\n\
               [limits]\nlogin_per_client = \"\"\nlogin_per_account = \"\"\nreset_per_client = \"\"\nregister_per_client = \"\"\n\
               requests_per_client = \"\"\n[mail]\nfrom = \"noreply@example.com\"\nverify_on_register = true\n\
               [webhook]\nurl = \"http://127.0.0.1:31002/\"\nsecret = \"conformance\"\n[log]\naccess = false\naudit = false";
    let config = config(kit);
    assert_eq!(config.policies.acl_error_status, Some(403));
    assert_eq!(config.webhook.url.as_deref(), Some("http://127.0.0.1:31002/"));
    assert!(config.store.keys.per_realm && config.limits.login_per_client.is_none());
}
