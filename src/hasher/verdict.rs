//! The form of a hash, and the result of a verification.

/// The result of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Match,
    /// The password is right, and its hash should be replaced (it is bcrypt, or has other parameters).
    MatchOutdated,
    /// The password is wrong, or there is no hash.
    Mismatch,
}

/// The form of a stored hash, determined without computing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It can be verified.
    Good,
    /// A bcrypt or argon2id hash that exceeds the limits of work or memory.
    TooMuch,
    /// Another format.
    Unknown,
}
