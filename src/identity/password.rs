//! Passwords and their hashes, kept out of logs.

use std::fmt;

use zeroize::Zeroizing;

/// A password as a client typed it. Shown by nothing; its memory is overwritten when it goes.
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

    /// The bytes, for the hasher.
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
    /// Takes a hash as the hasher or an import gives it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The hash's text, for the hasher and the store.
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
