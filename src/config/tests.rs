//! Whole loads: from sources to settings or mistakes.

use std::{fs, path::PathBuf, time::Duration};

use super::{keys::KEYS, sources::DEFAULT_FILE, *};
use crate::{policy::Unmatched, rate::Rate, store};

mod apps;
mod mistakes;

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

    fn load(&self, sources: &Sources) -> Result<Loaded, ConfigErrors> {
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
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(shown(&sample, &Sources::default()), shown(&Folder::new(""), &Sources::default()));
    for key in KEYS.iter().filter(|key| !key.ends_with("_file")) {
        assert!(loaded.config.is_set(key), "{key} is not in the sample");
    }
}

/// A key that nothing reads would be accepted, documented and ignored.
#[test]
fn every_key_is_resolved() {
    let code = [
        include_str!("resolve.rs"),
        include_str!("resolve/fields.rs"),
        include_str!("resolve/mail.rs"),
        include_str!("resolve/server.rs"),
        include_str!("resolve/tls.rs"),
        include_str!("load.rs"),
    ]
    .concat();
    for key in KEYS {
        let name = key.rsplit('.').next().unwrap();
        let mut words = code.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        let is_read = words.any(|word| word.split('.').skip(1).any(|part| part == name));
        assert!(is_read, "`{key}` is in keys.rs, and nothing in resolve.rs reads it");
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
    assert_eq!(config.store.keys, store::KeyRules { canonical: true, ..store::KeyRules::default() });
    let rate = |burst| Some(Rate { burst, period: Duration::from_secs(60) });
    assert_eq!((config.limits.login_per_client, config.limits.reset_per_client), (rate(10), rate(5)));
    assert_eq!((config.limits.register_per_client, config.limits.requests_per_client), (rate(10), None));
    assert_eq!((config.limits.login_per_account, config.limits.requests_per_token), (rate(10), None));
    assert_eq!(config.limits.shadow, []);
    assert_eq!(config.identity.preset, [Preset::XForwarded]);
    assert_eq!(config.pages.languages, [crate::templates::Language::En]);
    assert_eq!(
        config.upstream.servers,
        [UpstreamAddress::Http {
            scheme: UpstreamScheme::Http,
            authority: "127.0.0.1:3000".into(),
            host: "127.0.0.1".into(),
            port: 3000
        }]
    );
}

#[test]
fn profile_loopback3_changes_the_defaults_it_names_and_no_other() {
    let folder = Folder::new("");
    let (standard, loopback3) =
        (shown(&folder, &env(&[])), shown(&folder, &env(&[("PORTCULLIS_PROFILE", "loopback3")])));
    let changed: Vec<&str> =
        standard.split(", ").zip(loopback3.split(", ")).filter(|(a, b)| a != b).map(|(_, b)| b).collect();
    insta::assert_snapshot!(changed.join(", "), @"Config { profile: Loopback3, min_length: 1, max_bytes: 72, blocklist: false, default_allow: true, acl_error_status: Some(401) }, canonical: false } }, pages: PagesSettings { enabled: false");
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
fn a_file_that_is_named_must_be_there() {
    let folder = Folder::new("[users]\nttl = 1");
    folder.write("other/my.toml", "[users]\nttl = 2");
    let ttl = |file: Option<&str>, variable: &str| {
        let sources = Sources { file: file.map(PathBuf::from), ..env(&[("PORTCULLIS_CONFIG", variable)]) };
        folder
            .load(&sources)
            .map(|loaded| loaded.config.users.ttl)
            .map_err(|config_errors| config_errors.to_string())
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
    for kind in store::EngineKind::ALL {
        let rest = match kind {
            store::EngineKind::Memory => "",
            store::EngineKind::Sled => "x",
        };
        assert_eq!(engine(&format!("{}:{rest}", kind.scheme())).unwrap().kind(), *kind);
    }
    for url in
        ["sled:", "memory", "memory:x", "redis://:hush@x", "postgres://u:hush@h/d", "postgresql:hush", "hush"]
    {
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
    portcullis.toml:4:10: warning: `webhook.secret` has no effect without `webhook.url`; set `webhook.url`, or take it out
    PORTCULLIS_STORE__URL_FILE: error: cannot read the secret of `store.url_file` from `s`: is a directory (os error 21); name a file that this user may read, with the secret as its only line
    PORTCULLIS_MAIL__SMTP_FILE: error: cannot read the secret of `mail.smtp_file` from `s/none`: no such file or directory (os error 2); name a file that this user may read, with the secret as its only line
    PORTCULLIS_WEBHOOK__SECRET_FILE: error: `webhook.secret` and `webhook.secret_file` are both set; keep one of them, best `webhook.secret_file`
    PORTCULLIS_WEBHOOK__SECRET_FILE: warning: `webhook.secret_file` has no effect without `webhook.url`; set `webhook.url`, or take it out
    ");
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

#[test]
fn the_environment_is_read() {
    let sources = Sources::from_environment(Some("a".into()), Vec::new());
    assert!(sources.env.iter().any(|(name, _)| name == "PATH"));
    assert_eq!(sources.file, Some("a".into()));
}
