//! The configuration in the words of the parts that commands use.

use crate::{
    accounts,
    config::{Config, Profile},
    store::{self, Engine},
};

/// What the rules of accounts need.
pub(super) fn accounts(config: &Config) -> accounts::Settings {
    let users = &config.users;
    accounts::Settings {
        model: config.api.user_model.clone().unwrap_or_else(|| "User".to_owned()),
        loopback: config.profile == Profile::Loopback3,
        ttl: seconds(users.ttl),
        max_ttl: seconds(users.max_ttl),
        allow_eternal_tokens: users.allow_eternal_tokens,
        access_token_id_length: users.access_token_id_length,
        max_tokens: users.max_tokens,
        email_verification_required: users.email_verification_required,
        realm_required: users.realm_required,
        realm_delimiter: users.realm_delimiter.clone(),
        case_sensitive_email: users.case_sensitive_email,
        min_length: config.password.min_length,
        max_bytes: config.password.max_bytes,
        blocklist: config.password.blocklist,
    }
}

/// The store's name, as the two ends of the admin socket compare it.
#[must_use]
pub(super) fn store_name(settings: &store::Settings) -> String {
    match &settings.engine {
        Engine::Memory => "memory:".to_owned(),
        Engine::Sled(folder) => {
            let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            format!("sled:{}", whole.display())
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "lifetimes are far below 2^52 seconds")]
fn seconds(seconds: i64) -> f64 {
    seconds as f64
}
