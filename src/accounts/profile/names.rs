//! Validation of usernames and email addresses.

use serde_json::{Map, Value};

use super::{super::inspect::shown, violation};
use crate::{
    accounts::{Settings, ValidationRule, Violation},
    identity::{UsernameError, canonical_name, has_invisible, username_fault},
};

/// Maximum length of a username or a realm in bytes: both are kept in an index and sent with every event.
pub(in crate::accounts) const MAX_NAME: usize = 1024;

/// Normalizes the names, if the profile requires it, and returns the violations of new ones.
pub(super) fn name_faults(
    settings: &Settings,
    properties: &mut Map<String, Value>,
    old: Option<&Map<String, Value>>,
) -> Vec<Violation> {
    let mut faults = Vec::new();
    for name in ["realm", "username", "email"] {
        // A stored name stays valid, so that an imported user can be patched.
        let is_old = old.is_some_and(|old| old.get(name) == properties.get(name));
        let Some(Value::String(text)) = properties.get_mut(name).filter(|_| !is_old) else { continue };
        if !settings.loopback && name != "email" {
            *text = canonical_name(text);
        }
        let unseen = if name == "email" { ValidationRule::EmailMalformed } else { ValidationRule::Invisible };
        if !settings.loopback && has_invisible(text) {
            faults.push(violation(name, unseen, shown(Some(&text.as_str().into()))));
        }
        if text.len() > MAX_NAME && name != "email" {
            faults.push(violation(name, ValidationRule::TooLong, shown(Some(&text.as_str().into()))));
        }
    }
    if !settings.loopback {
        faults.extend(impersonation(properties, old));
    }
    faults
}

/// The violation of a new username that could be taken for another identity. An address that was the user's own is not
/// kept as username when the user changes their address.
fn impersonation(properties: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Option<Violation> {
    fn text<'p>(properties: &'p Map<String, Value>, name: &str) -> Option<&'p str> {
        properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
    let username = text(properties, "username")?;
    let fault = username_fault(username, text(properties, "email"))?;
    let stays = old.is_some_and(|old| {
        text(old, "username") == Some(username)
            && (fault != UsernameError::OtherAddress
                || username_fault(username, text(old, "email")).is_some())
    });
    (!stays)
        .then(|| violation("username", ValidationRule::Impersonates(fault), shown(Some(&username.into()))))
}
