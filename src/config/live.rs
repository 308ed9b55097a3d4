//! Settings that a running gate takes up, and those that wait for a restart.

mod origin;

use super::{
    Config, ConfigErrors, Loaded, load_in,
    settings::{ApiSettings, PoliciesSettings, UsersSettings},
};

pub(super) use origin::Origin;

/// What has become of the keys that are not as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// They hold from the next request on.
    pub now: Vec<&'static str>,
    /// They keep their old values, and have not been told of before.
    pub restart: Vec<&'static str>,
    /// All whose values in the file are not those that run.
    pub waiting: Vec<&'static str>,
}

/// What goes with the set in force, and so is swapped with it. All else is wired at the start: listeners, threads,
/// the store and its keys, connections to the app, secrets, limits.
pub(super) const LIVE: &[&str] = &[
    "api.users",
    "api.user_model",
    "api.short_routes",
    "users.ttl",
    "users.max_ttl",
    "users.max_tokens",
    "users.reset_password_token_ttl",
    "users.restrict_reset_password_token_scope",
    "users.reject_password_changes_via_patch_or_replace",
    "users.access_token_id_length",
    "users.current_user_literal",
    "users.registration",
    "users.rename",
    "users.redirect_hosts",
    "password.min_length",
    "password.blocklist",
    "policies.unmatched",
    "policies.default_permission",
    "policies.acl_error_status",
    "mail.from",
    "mail.verify_on_register",
];

impl Config {
    /// Reads the same sources again.
    ///
    /// # Errors
    /// Every mistake of all of them.
    pub fn again(&self) -> Result<Loaded, ConfigErrors> {
        load_in(&self.origin.folder, &self.origin.sources)
    }

    /// The file that it was read from; it may not be there.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        &self.origin.file
    }

    /// Takes those settings of `new` that may change while a gate runs, and says what has become of all that differ.
    pub fn take_up(&mut self, new: Self) -> Taken {
        let (Some(started), Some(old_keys), Some(new_keys)) =
            (&self.origin.started, &self.origin.keys, &new.origin.keys)
        else {
            return Taken::default();
        };
        // For ever means nothing where tokens for ever have been refused so far.
        let endless = new.users.ttl == -1 && !self.users.allow_eternal_tokens;
        let is_live = |key: &&str| LIVE.contains(key) && !(endless && *key == "users.ttl");
        // A profile sets defaults, and much besides.
        let profile = (self.profile != new.profile).then_some("profile");
        if let Some(profile) = profile {
            return Taken { now: Vec::new(), restart: vec![profile], waiting: vec![profile] };
        }
        let (now, changed): (Vec<_>, Vec<_>) = old_keys.differences(new_keys).into_iter().partition(is_live);
        let mut waiting = started.differences(new_keys);
        waiting.retain(|key| !is_live(key));
        // What is as it runs waits for nothing.
        let restart = changed.into_iter().filter(|key| waiting.contains(key)).collect();
        let old = self.users.clone();
        self.users = UsersSettings {
            ttl: if endless { old.ttl } else { new.users.ttl },
            sliding_ttl: old.sliding_ttl,
            email_verification_required: old.email_verification_required,
            realm_required: old.realm_required,
            realm_delimiter: old.realm_delimiter,
            case_sensitive_email: old.case_sensitive_email,
            allow_eternal_tokens: old.allow_eternal_tokens,
            bearer_token_base64_encoded: old.bearer_token_base64_encoded,
            ..new.users
        };
        self.api = ApiSettings {
            users: new.api.users,
            user_model: new.api.user_model,
            short_routes: new.api.short_routes,
            ..self.api.clone()
        };
        self.password.min_length = new.password.min_length;
        self.password.blocklist = new.password.blocklist;
        self.policies = PoliciesSettings { dir: self.policies.dir.clone(), ..new.policies };
        self.mail.from = new.mail.from;
        self.mail.verify_on_register = new.mail.verify_on_register;
        self.set.retain(|key| !is_live(&key.as_str()));
        self.set.extend(new.set.into_iter().filter(|key| is_live(&key.as_str())));
        self.origin.keys = new.origin.keys;
        Taken { now, restart, waiting }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Sources;
    use crate::config::keys::KEYS;

    /// What becomes of a change from one file to another, and the settings then.
    fn taken(old: &str, new: &str) -> (Config, Taken) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, old).unwrap();
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let mut config = crate::config::load(&sources).unwrap().config;
        fs::write(&file, new).unwrap();
        let again = config.again().unwrap().config;
        let taken = config.take_up(again);
        (config, taken)
    }

    #[test]
    fn they_are_all_keys() {
        for key in LIVE {
            assert!(KEYS.contains(key), "{key}");
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
            let taken = config.take_up(config.again().unwrap().config);
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
    fn what_did_not_change_is_not_told() {
        assert_eq!(taken("[users]\nttl = 5", "# new\n[users]\nttl = 5").1, Taken::default());
    }
}
