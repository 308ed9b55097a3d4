//! The keys by which names are compared.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::{address_key, canonical_name, fold_case};

/// The rules by which emails and usernames are folded before they are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// Whether emails are compared by [`fold_case`] (`caseSensitiveEmail: false`).
    pub fold_email_case: bool,
    /// Whether names are unique per realm instead of globally: both realm settings are on.
    pub per_realm: bool,
    /// Whether names are compared in their canonical forms, and addresses by [`address_key`] (profile `standard`).
    pub canonical: bool,
}

/// A unique name, folded by [`KeyRules`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UserKey {
    /// An email address.
    Email(String),
    /// A username.
    Username(String),
    /// A username folded by letter case and width, if that differs from the name itself (profile `standard`).
    Alike(String),
}

impl KeyRules {
    /// The key of an email address in a realm.
    #[must_use]
    pub fn email(&self, realm: Option<&str>, email: &str) -> UserKey {
        let email = if self.canonical { address_key(email) } else { email.to_owned() };
        UserKey::Email(self.scoped(realm, if self.fold_email_case { fold_case(&email) } else { email }))
    }

    /// The key of a username in a realm.
    #[must_use]
    pub fn username(&self, realm: Option<&str>, username: &str) -> UserKey {
        let username = if self.canonical { canonical_name(username) } else { username.to_owned() };
        UserKey::Username(self.scoped(realm, username))
    }

    /// All keys of a user. Empty names have none.
    #[must_use]
    pub fn of(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // An empty realm is a realm, too.
        let realm = properties.get("realm").and_then(Value::as_str);
        let email = text("email").map(|email| self.email(realm, email));
        let username = text("username").map(|username| self.username(realm, username));
        let alike = self.alike(properties);
        // A name that equals its folded form is found by its own key.
        let alike = alike.filter(|alike| username != Some(UserKey::Username(alike.clone())));
        email.into_iter().chain(username).chain(alike.map(UserKey::Alike)).collect()
    }

    /// The keys that no other user may have when this username is new. Names that differ in letter case or width only
    /// look the same to a reader, and are the same to an app that normalizes them.
    #[must_use]
    pub fn alikes(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        let Some(folded) = self.alike(properties) else { return Vec::new() };
        vec![UserKey::Username(folded.clone()), UserKey::Alike(folded)]
    }

    /// The keys by which a user is found if the realm is unknown: the names alone.
    #[must_use]
    pub fn without_realm(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        Self { per_realm: false, ..*self }.of(properties)
    }

    /// The folded username, if the profile compares it.
    fn alike(self, properties: &Map<String, Value>) -> Option<String> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let username = text("username").filter(|username| self.canonical && !username.is_empty())?;
        Some(self.scoped(text("realm"), fold_case(username)))
    }

    fn scoped(self, realm: Option<&str>, name: String) -> String {
        match (self.per_realm, realm) {
            (true, Some(realm)) if self.canonical => Self::in_realm(&canonical_name(realm), &name),
            (true, Some(realm)) => Self::in_realm(realm, &name),
            _ => name,
        }
    }

    fn in_realm(realm: &str, name: &str) -> String {
        // The length makes the key unambiguous: no realm and name can be chosen that spell another pair.
        format!("{}\u{0}{realm}\u{0}{name}", realm.len())
    }
}
