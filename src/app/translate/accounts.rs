//! The settings of accounts: `[users]` where it is set, otherwise the account model's file, otherwise the default.

use super::{addresses, is_loopback, link_base};
use crate::{
    accounts,
    config::{Config, UsersSettings},
    policy::{self, AccountModel},
    store,
};

/// The sources of a setting.
struct Merged<'a> {
    config: &'a Config,
    model: Option<&'a AccountModel>,
}

impl Merged<'_> {
    /// The value in `[users]` if it is set there, or if the model's file does not contain it.
    fn value<T>(
        &self,
        key: &str,
        configured: impl FnOnce(&UsersSettings) -> T,
        file: impl FnOnce(&AccountModel) -> Option<T>,
    ) -> T {
        // A default of the gate must not override the file of the model, so it matters whether the key was set.
        let is_set = self.config.set_in("users").any(|set| set == key);
        let from_file = self.model.filter(|_| !is_set).and_then(file);
        from_file.unwrap_or_else(|| configured(&self.config.users))
    }

    /// An empty text means no delimiter.
    fn realm_delimiter(&self) -> Option<String> {
        let delimiter = self.value(
            "realm_delimiter",
            |users| users.realm_delimiter.clone().unwrap_or_default(),
            |file| file.realm_delimiter.clone(),
        );
        // An operator can switch off the delimiter of the file with `realm_delimiter = ""`.
        Some(delimiter).filter(|text| !text.is_empty())
    }

    /// The name of the account model, if the app has several user models.
    fn principal_type(&self) -> Option<String> {
        self.model.filter(|model| model.principal_type == model.name).map(|model| model.name.clone())
    }

    fn case_sensitive_email(&self) -> bool {
        let key = "case_sensitive_email";
        self.value(key, |users| users.case_sensitive_email, |file| file.case_sensitive_email)
    }

    fn id_length(&self) -> usize {
        let key = "access_token_id_length";
        self.value(key, |users| users.access_token_id_length, |file| file.access_token_id_length)
    }
}

/// The settings of accounts. Without a model they are called `User`.
#[must_use]
pub fn accounts(config: &Config, model: Option<&AccountModel>) -> accounts::Settings {
    let merged = Merged { config, model };
    let key = model.map(|model| key(config, model)).unwrap_or_default();
    accounts::Settings {
        model: model.map_or_else(|| "User".to_owned(), |model| model.name.clone()),
        loopback: is_loopback(config),
        ttl: merged.value("ttl", |users| seconds(users.ttl), |file| file.ttl),
        max_ttl: merged.value("max_ttl", |users| seconds(users.max_ttl), |file| file.max_ttl),
        allow_eternal_tokens: merged.value(
            "allow_eternal_tokens",
            |users| users.allow_eternal_tokens,
            |file| file.allow_eternal_tokens,
        ),
        access_token_id_length: merged.id_length(),
        sliding_ttl: config.users.sliding_ttl,
        max_tokens: config.users.max_tokens,
        email_verification_required: merged.value(
            "email_verification_required",
            |users| users.email_verification_required,
            |file| file.email_verification_required,
        ),
        realm_required: merged.value(
            "realm_required",
            |users| users.realm_required,
            |file| file.realm_required,
        ),
        realm_delimiter: merged.realm_delimiter(),
        case_sensitive_email: merged.case_sensitive_email(),
        min_length: config.password.min_length,
        max_bytes: config.password.max_bytes,
        blocklist: config.password.blocklist,
        breached: config.password.breached.clone(),
        site_names: site_names(config),
        hidden: model.map(|model| model.hidden.clone()).unwrap_or_default(),
        properties: accounts::Property::complete(model.map(declared).unwrap_or_default(), &key),
        key,
        principal_type: merged.principal_type(),
        reset_ttl: merged.value(
            "reset_password_token_ttl",
            |users| seconds(users.reset_password_token_ttl),
            |file| file.reset_password_token_ttl,
        ),
        restrict_reset_scope: merged.value(
            "restrict_reset_password_token_scope",
            |users| users.restrict_reset_password_token_scope,
            |file| file.restrict_reset_password_token_scope,
        ),
        reject_password_changes: merged.value(
            "reject_password_changes_via_patch_or_replace",
            |users| users.reject_password_changes_via_patch_or_replace,
            |file| file.reject_password_changes_via_patch_or_replace,
        ),
        verify_on_register: config.mail.verify_on_register,
        mail_from: config.mail.from.clone(),
        links: links(config, model),
        events: config.webhook.url.is_some(),
        mails: if config.sends_mail() { config.mail.messages.clone() } else { Vec::new() },
        registration: config.users.registration,
        rename: config.users.rename,
    }
}

/// The settings of the store, with the folding of these accounts' names.
#[must_use]
pub fn store(config: &Config, model: Option<&AccountModel>) -> store::Settings {
    store::Settings { keys: accounts(config, model).keys(), ..config.store.clone() }
}

/// The title of the pages, and the words of the public host.
fn site_names(config: &Config) -> Vec<String> {
    let title = config.is_set("pages.title").then(|| config.pages.title.clone());
    let host =
        config.server.public_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
    let host = host.unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    // Without the last label, which is no name of the site.
    let labels = host.rsplit_once('.').map_or(host, |(labels, _)| labels).split('.');
    let words = labels.filter(|label| !label.is_empty() && *label != "www").map(str::to_owned);
    title.into_iter().chain(words).collect()
}

/// The prefixes of links to the routes of this account model.
pub(in crate::app) fn links(config: &Config, model: Option<&AccountModel>) -> accounts::Links {
    let plural = model.map_or(config.api.users.as_str(), |model| model.plural.as_str());
    accounts::Links {
        base: link_base(config, &addresses(config)),
        api: format!("{}/{plural}", config.api.root),
        pages: config.pages.enabled,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of seconds is far below 2^52")]
fn seconds(seconds: i64) -> f64 {
    seconds as f64
}

/// The key of the account model. In profile `standard` clients cannot choose it.
fn key(config: &Config, model: &AccountModel) -> accounts::Key {
    let policy::Key { name, text, generated } = model.key.clone();
    accounts::Key { name, text, chosen: !generated && is_loopback(config) }
}

/// The properties that the account model declares.
fn declared(model: &AccountModel) -> Vec<accounts::Property> {
    let property = |property: &policy::Property| accounts::Property {
        name: property.name.clone(),
        kind: accounts::Kind::named(property.items.as_deref().unwrap_or(&property.kind)),
        list: property.items.is_some(),
        required: property.required,
        default: property.default.clone(),
        description: property.description.clone(),
    };
    model.properties.iter().map(property).collect()
}
