//! Reasons why a password is refused.

/// The reason why a new password is refused. The texts go to the client; the first and the last are LoopBack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The password is empty.
    #[error("Invalid password.")]
    Empty,
    /// The password has fewer characters than `min`.
    #[error("The password entered was too short. Min length is {min} (entered {entered})")]
    TooShort {
        /// The minimum number of characters.
        min: usize,
        /// The number of characters entered.
        entered: usize,
    },
    /// The password is one of the most common ones.
    #[error("The password entered is one of the most common ones. Choose another one")]
    TooCommon,
    /// The password is hardly more than the user's address or name, or the site's name.
    #[error("The password entered is too much like the address, the name or the site. Choose another one")]
    TooSimilar,
    /// The password is in the list of breached ones.
    #[error("The password entered is known from a data breach elsewhere. Choose another one")]
    Breached,
    /// The password is a hash. A client that sends one may have stolen it and not know the password.
    #[error("The password entered is a password hash. Send the password itself")]
    Hash,
    /// The password has more bytes than `max`.
    #[error("The password entered was too long. Max length is {max} (entered {entered})")]
    TooLong {
        /// The maximum number of bytes.
        max: usize,
        /// The number of bytes entered.
        entered: usize,
    },
}
