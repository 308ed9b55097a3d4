//! Names as they are compared: what makes two of them one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::{address_key, canonical_name, fold_case};

/// How emails and usernames are folded before they are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// `caseSensitiveEmail: false`: emails are compared by [`fold_case`].
    pub fold_email_case: bool,
    /// Both realm settings are on: names are unique in their realm, not globally.
    pub per_realm: bool,
    /// Profile `standard`: names are compared in their canonical forms, addresses by [`address_key`].
    pub canonical: bool,
}

/// A name that one user has at most: already folded by [`KeyRules`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UserKey {
    /// An email address.
    Email(String),
    /// A username.
    Username(String),
    /// What a username is in any letter case and width, where that differs from the name itself (profile `standard`).
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

    /// Every key of a user: blank names have none.
    #[must_use]
    pub fn of(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        // A blank realm is one, too.
        let realm = properties.get("realm").and_then(Value::as_str);
        let email = text("email").map(|email| self.email(realm, email));
        let username = text("username").map(|username| self.username(realm, username));
        let alike = self.alike(properties);
        // A name in its plainest form is found by itself.
        let alike = alike.filter(|alike| username != Some(UserKey::Username(alike.clone())));
        email.into_iter().chain(username).chain(alike.map(UserKey::Alike)).collect()
    }

    /// What may be no other user's name when this one is new: names that differ in letter case or width alone are one
    /// person's to a reader, and to an app that normalizes them.
    #[must_use]
    pub fn alikes(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        let Some(folded) = self.alike(properties) else { return Vec::new() };
        vec![UserKey::Username(folded.clone()), UserKey::Alike(folded)]
    }

    /// What a user is found by when the realm is not known: the names alone.
    #[must_use]
    pub fn without_realm(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        Self { per_realm: false, ..*self }.of(properties)
    }

    /// A username in its plainest form, where that counts.
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
        format!("{}\u{0}{realm}\u{0}{name}", realm.len())
    }
}
