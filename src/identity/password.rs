//! Passwords and their hashes, which no log shows.

use std::fmt;

use zeroize::Zeroizing;

/// A password in plain text. Never shown; its memory is overwritten when it is dropped.
pub struct Password(Zeroizing<String>);

/// A stored password hash: a PHC string (`$argon2id$…`) or an imported bcrypt string (`$2a$…`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl Password {
    /// Takes the text of a request or a prompt.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the hasher.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl PasswordHash {
    /// Takes a hash from the hasher or an import.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text of the hash, for the hasher and the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_password() {
        let shown =
            format!("{:?} {:?}", Password::new("hunter2".into()), PasswordHash::new("$argon2id$x".into()));
        assert_eq!(shown, "Password(..) PasswordHash(..)");
    }
}
