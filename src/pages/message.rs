//! What pages say about faults.

use serde_json::Value;

use super::{
    answer::Answer,
    input::Visit,
    login::shown,
    notice::{Notice, Notices},
    state::{ACCOUNT, FORGOT, LOGIN, Pages},
    view::View,
};
use crate::{
    accounts::{Fault, PasswordError, ValidationRule, Violation},
    rate::whole_seconds,
};

impl Pages {
    /// What a page says about a fault. Faults of the gate are logged.
    pub(super) fn notices(&self, visit: &Visit<'_>, fault: &Fault) -> Notices {
        if let Fault::Invalid(violations) = fault {
            return Notices(violations.list.iter().map(violation).collect());
        }
        let notice = match fault {
            Fault::Limited(exceeded) => Notice {
                limit: Some(Box::new(*exceeded)),
                ..Notice::new(429, "error.limited").counting(exceeded.seconds())
            },
            Fault::LoginFailed => Notice::new(422, "error.login"),
            Fault::EmailNotVerified(id) => {
                Notice { unconfirmed: Some(Box::new(id.clone())), ..Notice::new(422, "error.unverified") }
            }
            // The page that is shown again leads to the login.
            Fault::SessionEnded | Fault::SessionUserGone(_) => Notice::new(403, "error.stale"),
            Fault::WrongPassword => Notice::of("current", "error.wrong_password"),
            Fault::NameRequired => Notice::of("name", "error.name_required"),
            Fault::EmailRequired => Notice::of("email", "error.email_required"),
            Fault::RealmRequired => Notice::of("realm", "error.realm_required"),
            Fault::Password(error) => password(error),
            Fault::RenameRefused(_) => Notice::new(403, "error.rename"),
            Fault::RegistrationClosed => Notice::new(403, "error.closed"),
            Fault::ReservedScope(_) => Notice::of("scope", "error.scope"),
            Fault::Busy(wait) | Fault::NoMemory(wait) => {
                Notice { wait: Some(whole_seconds(*wait)), ..Notice::new(503, "error.busy") }
            }
            other => {
                if let Some(more) = self.failures.say(visit.now) {
                    tracing::error!(
                        error = other as &dyn std::error::Error,
                        more,
                        "a page could not do its work"
                    );
                }
                Notice::new(503, "error.internal")
            }
        };
        notice.into()
    }

    /// A page that says why there is nothing else: `key` is the one of its heading and text.
    pub(super) fn message(&self, visit: &Visit<'_>, key: &'static str) -> Answer {
        let status = match key {
            "nothing" => 404,
            "target" => 400,
            _ => 403,
        };
        self.told(visit, key, LOGIN).status(status)
    }

    /// A page with a message and a way on.
    pub(super) fn told(&self, visit: &Visit<'_>, key: &'static str, next: &str) -> Answer {
        let view = View::new(self, visit).with("key", key).with("next", next);
        view.with("address", Value::Null).render("message.html")
    }

    /// A page about a mail to an address as it was typed, so that a mistake in it is seen.
    pub(super) fn mailed(&self, visit: &Visit<'_>, key: &'static str, next: &str, address: &str) -> Answer {
        let view = View::new(self, visit).with("key", key).with("next", next);
        view.with("address", shown(address)).render("message.html")
    }

    /// The page of a mailed link that is no good: `key` says which.
    pub(super) fn dead_link(&self, visit: &Visit<'_>, key: &'static str) -> Answer {
        let next = match key {
            "bad_reset" => FORGOT,
            "bad_address" => ACCOUNT,
            _ => LOGIN,
        };
        self.told(visit, key, next).status(403)
    }
}

fn password(error: &PasswordError) -> Notice {
    let about = |key| Notice::of("password", key);
    match error {
        PasswordError::Empty => about("error.password_required"),
        PasswordError::TooShort { min, .. } => about("error.password_short").counting(*min),
        PasswordError::TooLong { max, .. } => about("error.password_long").counting(*max),
        PasswordError::TooCommon => about("error.password_common"),
        PasswordError::TooSimilar => about("error.password_similar"),
        PasswordError::Breached => about("error.password_breached"),
        PasswordError::Hash => about("error.password_hash"),
    }
}

/// About a property of an account.
fn violation(violation: &Violation) -> Notice {
    let name = || Some(violation.property.to_string());
    match (violation.rule, &*violation.property) {
        (ValidationRule::EmailTaken, _) => Notice::of("email", "error.email_taken"),
        (ValidationRule::UsernameTaken, _) => Notice::of("username", "error.username_taken"),
        (ValidationRule::Blank, "username") => Notice::of("username", "error.username_required"),
        (_, "email") => Notice::of("email", "error.email_invalid"),
        (_, "username") => Notice::of("username", "error.username_invalid"),
        (ValidationRule::Blank, _) => Notice { name: name(), ..Notice::new(422, "error.property_missing") },
        _ => Notice { name: name(), ..Notice::new(422, "error.property_invalid") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pages::form::Refused, templates::Language};

    #[test]
    fn every_notice_has_a_text() {
        let passwords = [
            PasswordError::Empty,
            PasswordError::TooShort { min: 8, entered: 1 },
            PasswordError::TooLong { max: 72, entered: 73 },
            PasswordError::TooCommon,
            PasswordError::TooSimilar,
            PasswordError::Breached,
            PasswordError::Hash,
        ];
        let refused = [Refused::CrossSite, Refused::NotAForm, Refused::NoCookie, Refused::Stale];
        let notices =
            passwords.iter().map(password).chain(refused.into_iter().flat_map(|why| Notices::from(why).0));
        for notice in notices {
            for language in Language::ALL {
                let text = notice.text(language);
                assert!(!text.is_empty() && !text.contains('{'), "{notice:?} {text}");
            }
        }
    }
}
