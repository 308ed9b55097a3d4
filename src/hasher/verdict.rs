//! What a hash is, and what a check came to.

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Match,
    /// The password is right, and its hash should be replaced by a new one (bcrypt, or other parameters).
    MatchOutdated,
    /// The password is wrong, or there is no hash.
    Mismatch,
}

/// What a stored hash looks like, before any of it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It can be checked.
    Good,
    /// It is a bcrypt or argon2id hash that asks for more work or memory than any is given.
    TooMuch,
    /// It is neither.
    Unknown,
}
