//! The settings that a reload applies, and those that wait for a restart.

mod apps;
mod provenance;

use super::{Config, ConfigErrors, Loaded, apps::OF_APP, inputs::APPS, load_in};

pub(super) use provenance::Provenance;

/// The changed keys of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadedKeys {
    /// Keys that apply from the next request on.
    pub now: Vec<&'static str>,
    /// Keys that keep their old values until a restart, and were not reported before.
    pub restart: Vec<&'static str>,
    /// All keys whose values in the file differ from the running ones.
    pub waiting: Vec<&'static str>,
}

/// A key that a reload applies.
struct LiveKey {
    name: &'static str,
    /// Copies the value from the new configuration.
    take: fn(&mut Config, &Config),
}

/// Lists keys that a reload applies. `as` names the field to copy, if it differs from the key.
macro_rules! live {
    ($($section:ident.$key:ident $(as $field:ident)?,)+) => {
        &[$(LiveKey {
            name: concat!(stringify!($section), ".", stringify!($key)),
            take: |held, new| live!(@copy held new $section $key $($field)?),
        },)+]
    };
    (@copy $held:ident $new:ident $section:ident $key:ident) => {
        $held.$section.$key.clone_from(&$new.$section.$key)
    };
    (@copy $held:ident $new:ident $section:ident $key:ident $field:ident) => {
        $held.$section.$field.clone_from(&$new.$section.$field)
    };
}

/// The keys that are part of the ruleset and are replaced with it. All other settings are used at the start only:
/// listeners, threads, the store and its keys, connections to the app, most secrets, limits. They keep their old values.
const LIVE: &[LiveKey] = live![
    api.users,
    api.user_model,
    api.short_routes,
    users.ttl,
    users.max_ttl,
    users.max_tokens,
    users.reset_password_token_ttl,
    users.restrict_reset_password_token_scope,
    users.reject_password_changes_via_patch_or_replace,
    users.access_token_id_length,
    users.current_user_literal,
    users.registration,
    users.rename,
    users.redirect_hosts,
    password.min_length,
    password.blocklist,
    password.breached,
    tls.certificates,
    tls.acme_domains,
    tls.acme_email,
    tls.acme_directory,
    tls.acme_ca,
    pages.enabled,
    pages.title,
    pages.color,
    pages.logo,
    pages.templates,
    pages.register,
    pages.languages,
    policies.unmatched,
    policies.default_permission as default_allow,
    policies.acl_error_status,
    mail.smtp,
    mail.smtp_file as smtp,
    mail.ca,
    mail.timeout,
    mail.from,
    mail.templates,
    mail.messages,
    mail.verify_on_register,
];

/// Whether a reload applies this key.
pub(super) fn is_live(key: &str) -> bool {
    LIVE.iter().any(|live| live.name == key)
}

impl Config {
    /// Reads the same sources again.
    ///
    /// # Errors
    /// All findings of the sources, if one is an error.
    pub fn reread(&self) -> Result<Loaded, ConfigErrors> {
        load_in(&self.origin.folder, &self.origin.sources)
    }

    /// The path of the config file. The file need not exist.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        &self.origin.file
    }

    /// Applies the settings of `new` that may change at run time, and returns all keys that differ.
    pub fn apply_reload(&mut self, new: Self) -> ReloadedKeys {
        let (Some(started), Some(old_keys), Some(new_keys)) =
            (&self.origin.started, &self.origin.keys, &new.origin.keys)
        else {
            return ReloadedKeys::default();
        };
        // `ttl = -1` waits for a restart if `allow_eternal_tokens`, which only a restart applies, was off at the start.
        let endless = new.users.ttl == -1 && !self.users.allow_eternal_tokens;
        // Beside apps, `[policies]` holds defaults and no longer the rules of the only app. Which of both it is, only a
        // restart changes.
        let other_kind = self.apps.is_empty() != new.apps.is_empty();
        let is_live = |key: &&str| {
            let waits = (endless && *key == "users.ttl") || (other_kind && key.starts_with("policies."));
            is_live(key) && !waits
        };
        // A profile changes defaults and much of the behaviour, so nothing of the new file is applied.
        let profile = (self.profile != new.profile).then_some("profile");
        if let Some(profile) = profile {
            return ReloadedKeys { now: Vec::new(), restart: vec![profile], waiting: vec![profile] };
        }
        let (mut now, changed): (Vec<_>, Vec<_>) =
            old_keys.differences(new_keys).into_iter().partition(is_live);
        let mut waiting = started.differences(new_keys);
        waiting.retain(|key| !is_live(key));
        // A key that was set back to the running value is not reported.
        let mut restart: Vec<_> = changed.into_iter().filter(|key| waiting.contains(key)).collect();
        let apps = apps::taken(&self.apps, &new.apps);
        if apps != self.apps {
            now.push(APPS);
        }
        if apps != new.apps {
            waiting.push(APPS);
            if apps::taken(&self.origin.apps, &new.apps) != new.apps {
                restart.push(APPS);
            }
        }
        if !self.apps.is_empty() && !other_kind {
            // These are only defaults, which an app need not follow: what changes is told as `apps`.
            let is_of_apps = |key: &&str| key.split('.').next().is_some_and(|of| OF_APP.contains(&of));
            for keys in [&mut now, &mut restart, &mut waiting] {
                keys.retain(|key| !is_of_apps(key));
            }
        }
        for live in LIVE.iter().filter(|live| is_live(&live.name)) {
            (live.take)(self, &new);
        }
        self.apps = apps;
        self.set.retain(|key| !is_live(&key.as_str()));
        self.set.extend(new.set.into_iter().filter(|key| is_live(&key.as_str())));
        self.origin.keys = new.origin.keys;
        self.origin.apps = new.origin.apps;
        ReloadedKeys { now, restart, waiting }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Sources;
    use crate::config::keys::KEYS;

    /// What becomes of a change from one file to another, and the settings then.
    fn taken(old: &str, new: &str) -> (Config, ReloadedKeys) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, old).unwrap();
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let mut config = crate::config::load(&sources).unwrap().config;
        fs::write(&file, new).unwrap();
        let reread = config.reread().unwrap().config;
        let taken = config.apply_reload(reread);
        (config, taken)
    }

    /// Each live key with a value that is not its default.
    const OTHER_VALUES: &[(&str, &str)] = &[
        ("api.users", "\"people\""),
        ("api.user_model", "\"Person\""),
        ("api.short_routes", "true"),
        ("users.ttl", "5"),
        ("users.max_ttl", "1300000"),
        ("users.max_tokens", "3"),
        ("users.reset_password_token_ttl", "60"),
        ("users.restrict_reset_password_token_scope", "true"),
        ("users.reject_password_changes_via_patch_or_replace", "true"),
        ("users.access_token_id_length", "70"),
        ("users.current_user_literal", "\"me\""),
        ("users.registration", "\"closed\""),
        ("users.rename", "false"),
        ("users.redirect_hosts", "[\"a.example\"]"),
        ("password.min_length", "12"),
        ("password.blocklist", "false"),
        ("password.breached", "\"breached.txt\""),
        ("tls.certificates", "[{ cert = \"a.pem\", key = \"a.key\" }]"),
        ("tls.acme_domains", "[\"a.example\"]"),
        ("tls.acme_email", "\"a@b.example\""),
        ("tls.acme_directory", "\"https://ca.example/dir\""),
        ("tls.acme_ca", "\"ca.pem\""),
        ("pages.enabled", "false"),
        ("pages.title", "\"Shop\""),
        ("pages.color", "\"#123456\""),
        ("pages.logo", "\"logo.svg\""),
        ("pages.templates", "\"pages\""),
        ("pages.register", "false"),
        ("pages.languages", "[\"de\"]"),
        ("policies.unmatched", "\"allow\""),
        ("policies.default_permission", "\"ALLOW\""),
        ("policies.acl_error_status", "404"),
        ("mail.smtp", "\"smtp://localhost\""),
        ("mail.smtp_file", "\"smtp.secret\""),
        ("mail.ca", "\"ca.pem\""),
        ("mail.timeout", "\"5s\""),
        ("mail.from", "\"a@b\""),
        ("mail.templates", "\"mails\""),
        ("mail.messages", "[\"reset\"]"),
        ("mail.verify_on_register", "true"),
    ];

    /// The keys that wait for a restart: whole sections, and keys of sections that have live ones.
    const WAITING: &[&str] = &[
        "server",
        "tls.min_version",
        "tls.client_ca",
        "tls.redirect_http",
        "tls.hsts",
        "upstream",
        "credentials",
        "store",
        "limits",
        "identity",
        "cors",
        "webhook",
        "forward_auth",
        "admin",
        "log",
        "api.root",
        "api.body_limit",
        "api.openapi",
        "users.sliding_ttl",
        "users.email_verification_required",
        "users.realm_required",
        "users.realm_delimiter",
        "users.case_sensitive_email",
        "users.allow_eternal_tokens",
        "users.bearer_token_base64_encoded",
        "password.algorithm",
        "password.memory_kib",
        "password.iterations",
        "password.parallelism",
        "password.workers",
        "password.queue",
        "policies.dir",
    ];

    #[test]
    fn every_key_is_live_or_waits() {
        for key in KEYS {
            let section = key.split('.').next().unwrap();
            let waits = WAITING.contains(key) || WAITING.contains(&section);
            assert!(
                is_live(key) != waits,
                "`{key}`: a line of `LIVE`, or of `WAITING` in this test, not both"
            );
        }
        for live in LIVE {
            assert!(KEYS.contains(&live.name), "{}", live.name);
        }
    }

    #[test]
    fn what_is_live_is_copied_whole_and_nothing_else() {
        let settings = |config: &Config| {
            let Config { api, users, password, policies, mail, tls, pages, .. } = config;
            format!("{api:?} {users:?} {password:?} {policies:?} {mail:?} {tls:?} {pages:?}")
        };
        for live in LIVE {
            let (_, value) = OTHER_VALUES.iter().find(|(key, _)| *key == live.name).expect(live.name);
            let (section, key) = live.name.split_once('.').unwrap();
            // Certificates by ACME need the listener.
            let listener = "server = { https = \"127.0.0.1:0\" }\n";
            let text = format!("{listener}[{section}]\n{key} = {value}");
            let folder = tempfile::tempdir().unwrap();
            let sources = Sources { file: Some(folder.path().join("portcullis.toml")), ..Sources::default() };
            let load = |text: &str| {
                fs::write(folder.path().join("portcullis.toml"), text).unwrap();
                fs::write(folder.path().join("smtp.secret"), "smtp://localhost:2525").unwrap();
                fs::write(folder.path().join("breached.txt"), format!("{:040}\n", 0)).unwrap();
                crate::config::load(&sources).unwrap().config
            };
            let mut config = load(listener);
            let (before, new) = (settings(&config), load(&text));
            let taken = config.apply_reload(new.clone());
            assert_eq!((taken.now, taken.restart), (vec![live.name], vec![]), "{text}");
            assert_eq!(settings(&config), settings(&new), "{text}");
            assert_ne!(settings(&config), before, "{text}");
        }
    }

    #[test]
    fn what_is_live_is_taken_and_the_rest_waits() {
        let new = "[server]\nthreads = 3\n[users]\nttl = 5\nrealm_required = true\n[password]\nmin_length = 12\n\
            [policies]\nunmatched = \"allow\"\ndefault_permission = \"ALLOW\"\ndir = \"other\"\n[mail]\nfrom = \"a@b\"";
        let (config, taken) = taken("", new);
        assert_eq!(
            taken.now,
            [
                "users.ttl",
                "password.min_length",
                "policies.unmatched",
                "policies.default_permission",
                "mail.from"
            ]
        );
        assert_eq!(taken.restart, ["server.threads", "users.realm_required", "policies.dir"]);
        assert_eq!((config.users.ttl, config.password.min_length, &*config.mail.from), (5, 12, "a@b"));
        assert!(config.policies.default_allow && config.policies.dir.ends_with("policies"));
        assert_eq!((config.server.threads, config.users.realm_required), (0, false));
        assert!(config.is_set("users.ttl") && !config.is_set("users.realm_required"));
    }

    #[test]
    fn a_key_that_is_gone_has_its_default_again() {
        let (config, taken) = taken("[users]\nttl = 5", "");
        assert_eq!((config.users.ttl, taken.now), (1_209_600, vec!["users.ttl"]));
        assert!(!config.is_set("users.ttl"));
    }

    #[test]
    fn a_profile_and_what_would_contradict_the_rest_wait() {
        let (config, taken_up) = taken("", "profile = \"loopback3\"\n[users]\nttl = 5");
        assert_eq!((taken_up.now, taken_up.restart), (vec![], vec!["profile"]));
        assert!(!config.policies.default_allow && config.users.ttl == 1_209_600);
        let (config, taken_up) = taken("", "[users]\nttl = -1\nallow_eternal_tokens = true");
        assert_eq!(taken_up.restart, ["users.ttl", "users.allow_eternal_tokens"]);
        assert_eq!(config.users.ttl, 1_209_600);
    }

    #[test]
    fn f10_a_setting_that_is_again_what_runs_waits_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, "").unwrap();
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let mut config = crate::config::load(&sources).unwrap().config;
        let mut after = |text: &str| {
            fs::write(&file, text).unwrap();
            let taken = config.apply_reload(config.reread().unwrap().config);
            (taken.now, taken.restart, taken.waiting)
        };
        let threads = "[server]\nthreads = 3";
        assert_eq!(after(threads), (vec![], vec!["server.threads"], vec!["server.threads"]));
        let more = format!("{threads}\nmax_headers = 99\n[users]\nttl = 5");
        let waiting = vec!["server.threads", "server.max_headers"];
        assert_eq!(after(&more), (vec!["users.ttl"], vec!["server.max_headers"], waiting));
        assert_eq!(after(""), (vec!["users.ttl"], vec![], vec![]));
        assert_eq!(after("profile = \"loopback3\"").2, ["profile"]);
        assert_eq!(after(""), (vec![], vec![], vec![]));
    }

    #[test]
    fn apps_take_what_policies_take_and_the_rest_of_them_waits() {
        let app = |name: &str, more: &str| {
            format!(
                "[[apps]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\npolicies = {{ dir = \"{name}\"{more} }}\n"
            )
        };
        let (a, b) = (app("a", ""), app("b", ""));
        let open = app("b", ", unmatched = \"allow\"");
        let both = format!("{a}{b}");
        let (config, keys) = taken(&both, &format!("{a}{open}"));
        assert_eq!((keys.now, keys.waiting), (vec!["apps"], vec![]));
        assert_eq!(config.apps[1].policies.unmatched, crate::policy::Unmatched::Allow);
        assert_eq!(config.apps[0].policies.unmatched, crate::policy::Unmatched::Deny);
        // What [policies] says for all of them.
        let (config, keys) = taken(&both, &format!("[policies]\nunmatched = \"allow\"\n{both}"));
        assert_eq!(keys.now, ["apps"]);
        assert!(
            config.each_app().iter().all(|app| app.policies.unmatched == crate::policy::Unmatched::Allow)
        );
        for other in [
            a.clone(),
            String::new(),
            format!("{b}{a}"),
            both.replace("b.test", "c.test"),
            both.replace("dir = \"b\"", "dir = \"c\""),
            format!("{both}accounts = false\n"),
            format!("{both}upstream = {{ host = \"server\" }}\n"),
        ] {
            let (config, keys) = taken(&both, &other);
            assert_eq!(
                (keys.now, keys.restart, keys.waiting),
                (vec![], vec!["apps"], vec!["apps"]),
                "{other}"
            );
            assert_eq!(config.apps.len(), 2);
        }
        assert_eq!(taken("", &both).1.restart, ["apps"]);
        // A default that no app follows changes nothing, and one of `[upstream]` waits as the apps do.
        let own = format!("{}{}", app("a", ", unmatched = \"deny\""), app("b", ", unmatched = \"deny\""));
        let (_, keys) = taken(&own, &format!("[policies]\nunmatched = \"allow\"\n{own}"));
        assert_eq!(keys, ReloadedKeys::default());
        let (_, keys) = taken(&both, &format!("[upstream]\nresponse_timeout = \"9s\"\n{both}"));
        assert_eq!((keys.now, keys.restart, keys.waiting), (vec![], vec!["apps"], vec!["apps"]));
    }

    #[test]
    fn apps_that_are_new_change_no_policies_of_the_only_app() {
        let app = "[[apps]]\nname = \"a\"\nhosts = [\"a.test\"]\n";
        let open = "unmatched = \"allow\"\ndefault_permission = \"ALLOW\"\nacl_error_status = 404";
        let rules = |policies: &crate::config::PoliciesSettings| {
            (policies.unmatched, policies.default_allow, policies.acl_error_status)
        };
        let before = rules(&taken("", "").0.policies);
        let (config, keys) = taken("", &format!("{app}[apps.policies]\n{open}"));
        assert_eq!(rules(&config.policies), before);
        assert_eq!((keys.now, keys.restart), (vec![], vec!["apps"]));
        // The defaults of all apps are not the rules of the only one, either.
        let (config, keys) = taken("", &format!("[policies]\n{open}\n{app}"));
        assert_eq!(rules(&config.policies), before);
        let waiting =
            ["policies.unmatched", "policies.default_permission", "policies.acl_error_status", "apps"];
        assert_eq!((keys.now, keys.restart), (vec![], waiting.to_vec()));
        // Nor the other way round.
        let (config, keys) = taken(app, &format!("[policies]\n{open}"));
        assert_eq!(rules(&config.each_app()[0].policies), before);
        assert_eq!((keys.now, keys.restart), (vec![], waiting.to_vec()));
    }

    #[test]
    fn what_did_not_change_is_not_told() {
        assert_eq!(taken("[users]\nttl = 5", "# new\n[users]\nttl = 5").1, ReloadedKeys::default());
    }
}
