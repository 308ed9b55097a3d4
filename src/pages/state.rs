//! What all pages have: accounts, settings, templates and texts.

use std::sync::Arc;

use super::{challenge::Spent, codes::Codes, form_key::FormKey, settings::Settings};
use crate::{
    accounts::Accounts,
    observe::LogThrottle,
    templates::{Catalogue, TemplateError, Templates},
};

/// The paths of all pages begin with it.
pub(super) const ROOT: &str = "/.portcullis/";

/// The page that a browser is sent to for a login.
pub const LOGIN: &str = "/.portcullis/login";

/// The page that asks for a new password.
pub(super) const FORGOT: &str = "/.portcullis/forgot";

/// What sends the link that confirms an address again.
pub(super) const RESEND: &str = "/.portcullis/resend";

/// The page that creates an account.
pub(super) const REGISTER: &str = "/.portcullis/register";

/// The page of the user who is logged in.
pub(super) const ACCOUNT: &str = "/.portcullis/account";

/// The pages of an app.
#[derive(Debug)]
pub struct Pages {
    pub(super) accounts: Accounts,
    pub(super) settings: Settings,
    pub(super) templates: Templates,
    pub(super) shared: Shared,
    pub(super) failures: LogThrottle,
}

/// What the pages of all apps share, and what outlives a reload: open forms stay good.
#[derive(Clone, Debug)]
pub struct Shared {
    pub(super) key: FormKey,
    pub(super) codes: Arc<Codes>,
    pub(super) spent: Arc<Spent>,
}

impl Shared {
    /// With a key of random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self { key: FormKey::new(random), codes: Arc::default(), spent: Arc::default() }
    }
}

pub(super) static TEXTS: Catalogue = Catalogue::new([
    include_str!("texts/en.toml"),
    include_str!("texts/de.toml"),
    include_str!("texts/ja.toml"),
    include_str!("texts/zh.toml"),
]);

pub(super) const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("form.html", include_str!("templates/form.html")),
    ("login.html", include_str!("templates/login.html")),
    ("logout.html", include_str!("templates/logout.html")),
    ("denied.html", include_str!("templates/denied.html")),
    ("lost.html", include_str!("templates/lost.html")),
    ("message.html", include_str!("templates/message.html")),
    ("failure.html", include_str!("templates/failure.html")),
    ("check.html", include_str!("templates/check.html")),
    ("register.html", include_str!("templates/register.html")),
    ("forgot.html", include_str!("templates/forgot.html")),
    ("reset.html", include_str!("templates/reset.html")),
    ("confirm.html", include_str!("templates/confirm.html")),
    ("address.html", include_str!("templates/address.html")),
    ("account.html", include_str!("templates/account.html")),
    ("account_error.html", include_str!("templates/account_error.html")),
    ("account_password.html", include_str!("templates/account_password.html")),
    ("account_email.html", include_str!("templates/account_email.html")),
    ("account_username.html", include_str!("templates/account_username.html")),
    ("account_sessions.html", include_str!("templates/account_sessions.html")),
    ("account_tokens.html", include_str!("templates/account_tokens.html")),
    ("account_delete.html", include_str!("templates/account_delete.html")),
];

impl Pages {
    /// The pages of these accounts.
    ///
    /// # Errors
    /// When a template of the settings cannot be used.
    pub fn new(accounts: Accounts, settings: Settings, shared: Shared) -> Result<Self, TemplateError> {
        let templates = Templates::new(TEMPLATES, &TEXTS).overridden(settings.templates.clone())?;
        Ok(Self { accounts, settings, templates, shared, failures: LogThrottle::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text() {
        assert_eq!(TEXTS.mistakes(), Vec::<String>::new());
    }
}
