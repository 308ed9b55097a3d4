//! The rules for new passwords.

mod fault;

use std::collections::HashSet;

use super::Settings;
use crate::identity::{Password, PasswordHash};

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
        }
    }

    /// Checks a new password.
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
    use super::*;
    use crate::accounts::testing;

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
