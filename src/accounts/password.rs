//! The rules for new passwords.

mod breached;
mod fault;
mod similar;

use std::collections::HashSet;

use super::Settings;
use crate::identity::{Password, PasswordHash};
use similar::is_similar;

pub use breached::{BreachedError, BreachedPasswords};
pub use fault::PasswordError;

/// The most common passwords, in lower case, one for each line.
const COMMON: &str = include_str!("common-passwords.txt");

/// Maximum cost of a bcrypt hash that a client supplies as its password. LoopBack creates hashes of cost 10. A more
/// expensive hash would occupy a hashing thread for seconds at each login, and the client can repeat that.
const MAX_BCRYPT_COST: u8 = 12;

/// The rules, with the blocklist in a set.
pub(super) struct Rules {
    min_length: usize,
    max_bytes: usize,
    loopback: bool,
    blocked: HashSet<&'static str>,
    /// Names of the site, which no password is made of. Empty where the blocklist is off.
    site: Vec<String>,
    breached: Option<BreachedPasswords>,
}

/// An accepted password: a text to hash or, in profile `loopback3`, a hash that the client supplied.
pub(super) enum Secret {
    Plain(Password),
    Hashed(PasswordHash),
}

impl Rules {
    /// The rules of these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        let blocked = if settings.blocklist { COMMON.lines().collect() } else { HashSet::new() };
        Self {
            min_length: settings.min_length,
            max_bytes: settings.max_bytes,
            loopback: settings.loopback,
            blocked,
            site: settings.site_names.clone(),
            breached: settings.breached.clone().map(BreachedPasswords::new),
        }
    }

    /// The list of breached passwords, if there is one.
    pub(super) fn breached(&self) -> Option<&BreachedPasswords> {
        self.breached.as_ref()
    }

    /// Checks that a new password is not made of the user's names or the site's.
    pub(super) fn accept_beside(&self, secret: &Secret, names: &[Option<&str>]) -> Result<(), PasswordError> {
        let Secret::Plain(password) = secret else { return Ok(()) };
        if self.blocked.is_empty() {
            return Ok(());
        }
        let names = names.iter().copied().flatten().chain(self.site.iter().map(String::as_str));
        if is_similar(password.expose(), names) { Err(PasswordError::TooSimilar) } else { Ok(()) }
    }

    /// Checks a new password by itself.
    pub(super) fn accept(&self, text: &str) -> Result<Secret, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        match bcrypt_cost(text) {
            // LoopBack takes `$2a$` and `$2b$` for hashes, and nothing else (docs/loopback-3.28.md section 2.1).
            Some(4..=MAX_BCRYPT_COST) if self.loopback && !text.starts_with("$2y$") => {
                return Ok(Secret::Hashed(PasswordHash::new(text.to_owned())));
            }
            // A client that sends a hash may have stolen it. In `standard` it must know the password.
            Some(_) if !self.loopback => return Err(PasswordError::Hash),
            _ if !self.loopback && text.starts_with("$argon2") => return Err(PasswordError::Hash),
            _ => {}
        }
        // Bytes, because bcrypt's limit is in bytes; the minimum below is in characters, which is what users count.
        if text.len() > self.max_bytes {
            return Err(PasswordError::TooLong { max: self.max_bytes, entered: text.len() });
        }
        let entered = text.chars().count();
        if entered < self.min_length {
            return Err(PasswordError::TooShort { min: self.min_length, entered });
        }
        if !self.blocked.is_empty() && self.blocked.contains(text.to_lowercase().as_str()) {
            return Err(PasswordError::TooCommon);
        }
        Ok(Secret::Plain(Password::new(text.to_owned())))
    }
}

/// The cost of a bcrypt hash; `None` for any other text.
fn bcrypt_cost(text: &str) -> Option<u8> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    let alphabet = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'/');
    let shaped = cost.len() == 2 && rest.len() == 53 && rest.bytes().all(alphabet);
    cost.parse().ok().filter(|_| shaped)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::accounts::{
        Actor, Fault,
        testing::{self, CLIENT, map},
    };

    const HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

    fn verdict(settings: &Settings, text: &str) -> Result<&'static str, PasswordError> {
        Rules::new(settings).accept(text).map(|secret| match secret {
            Secret::Plain(_) => "plain",
            Secret::Hashed(_) => "hashed",
        })
    }

    #[test]
    fn standard_refuses_what_is_weak() {
        let settings = testing::standard();
        for (text, expected) in [
            ("", Err(PasswordError::Empty)),
            ("sevench", Err(PasswordError::TooShort { min: 8, entered: 7 })),
            ("ünïcödé", Err(PasswordError::TooShort { min: 8, entered: 7 })),
            ("ünïcödéx", Ok("plain")),
            ("password", Err(PasswordError::TooCommon)),
            ("PassWord1", Err(PasswordError::TooCommon)),
            ("correct horse battery staple", Ok("plain")),
            (HASH, Err(PasswordError::Hash)),
            (&HASH.replace("$10$", "$31$"), Err(PasswordError::Hash)),
            ("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", Err(PasswordError::Hash)),
        ] {
            assert_eq!(verdict(&settings, text), expected, "{text:?}");
        }
        assert_eq!(verdict(&settings, &"q".repeat(1024)), Ok("plain"));
        let long = verdict(&settings, &"q".repeat(1025));
        assert_eq!(long, Err(PasswordError::TooLong { max: 1024, entered: 1025 }));
    }

    #[test]
    fn loopback_takes_nearly_all() {
        let settings = testing::loopback();
        for (text, expected) in [
            ("x", Ok("plain")),
            ("password", Ok("plain")),
            (HASH, Ok("hashed")),
            // LoopBack would spend hours on checking this one.
            (&HASH.replace("$10$", "$31$"), Ok("plain")),
            (&HASH.replace("$2a$", "$2y$"), Ok("plain")),
            (&HASH.replace("$2a$", "$2z$"), Ok("plain")),
            (&"é".repeat(36), Ok("plain")),
            (&"é".repeat(37), Err(PasswordError::TooLong { max: 72, entered: 74 })),
        ] {
            assert_eq!(verdict(&settings, text), expected, "{text:?}");
        }
    }

    #[test]
    fn says_it_in_loopbacks_words() {
        let fault = PasswordError::TooLong { max: 72, entered: 73 };
        assert_eq!(fault.to_string(), "The password entered was too long. Max length is 72 (entered 73)");
        assert_eq!(PasswordError::Empty.to_string(), "Invalid password.");
    }

    #[tokio::test]
    async fn a_breached_password_is_refused_wherever_one_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.txt");
        let bad = "a-breached-password-1";
        std::fs::write(&path, format!("{}:12\n", BreachedPasswords::hash(bad))).unwrap();
        for settings in [testing::standard(), testing::loopback()] {
            let fixture = testing::with_ann(Settings { breached: Some(path.clone()), ..settings }).await;
            let refused =
                |fault: Option<Fault>| matches!(fault, Some(Fault::Password(PasswordError::Breached)));
            let registered = fixture.register(&json!({"email": "bob@b.c", "password": bad})).await;
            assert!(refused(registered.err()));
            assert!(refused(fixture.accounts.set_password(Actor::Operator, &1.into(), bad).await.err()));
            let user = fixture.accounts.user(&1.into()).await.unwrap();
            let patched = fixture.accounts.patch(CLIENT, user, map(&json!({"password": bad}))).await;
            assert!(refused(patched.err()));
            fixture.login(&testing::ann()).await.unwrap();
            fixture.accounts.set_password(Actor::Operator, &1.into(), "a-good-password-1").await.unwrap();
        }
        // A list that is gone refuses all passwords, and says so.
        let fixture =
            testing::with_ann(Settings { breached: Some(path.clone()), ..testing::standard() }).await;
        std::fs::remove_file(&path).unwrap();
        let refused = fixture.register(&json!({"email": "bob@b.c", "password": "a-good-password-1"})).await;
        assert!(matches!(refused, Err(Fault::BreachedUnreadable(_))), "{refused:?}");
        fixture.login(&testing::ann()).await.unwrap();
    }

    #[tokio::test]
    async fn a_password_made_of_names_is_refused_wherever_one_is_set() {
        let settings = Settings { site_names: vec!["Paper Boat".to_owned()], ..testing::standard() };
        let fixture = testing::fixture(settings).await;
        let ann = json!({"email": "ann.smith@b.c", "username": "ann", "password": "a-good-password-1"});
        fixture.register(&ann).await.unwrap();
        let refused =
            |fault: Option<Fault>| matches!(fault, Some(Fault::Password(PasswordError::TooSimilar)));
        for bad in ["ann.smith@b.c", "AnnSmith-2024", "paperboat99"] {
            let user = fixture.accounts.user(&1.into()).await.unwrap();
            let patched = fixture.accounts.patch(CLIENT, user, map(&json!({"password": bad}))).await;
            assert!(refused(patched.err()), "{bad}");
            assert!(
                refused(fixture.accounts.set_password(Actor::Operator, &1.into(), bad).await.err()),
                "{bad}"
            );
        }
        let registered =
            fixture.register(&json!({"email": "bobby.tables@b.c", "password": "bobbytables1"})).await;
        assert!(refused(registered.err()));
        let fixture = testing::fixture(testing::loopback()).await;
        fixture.register(&json!({"email": "bobby.tables@b.c", "password": "bobbytables1"})).await.unwrap();
    }

    #[test]
    fn the_list_is_clean() {
        let lines: Vec<&str> = COMMON.lines().collect();
        let distinct: HashSet<&str> = lines.iter().copied().collect();
        assert!((1000..=5000).contains(&lines.len()), "{} lines", lines.len());
        assert_eq!(distinct.len(), lines.len(), "no line twice");
        for line in lines {
            assert_eq!(line, line.trim().to_lowercase());
            assert!(!line.is_empty());
        }
    }
}
