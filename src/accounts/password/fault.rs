//! Why a password is refused.

/// Why a new password is not taken. The texts are what the client reads; the first and the last are LoopBack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty.
    #[error("Invalid password.")]
    Empty,
    /// It has fewer characters than `min`.
    #[error("The password entered was too short. Min length is {min} (entered {entered})")]
    TooShort {
        /// The fewest characters.
        min: usize,
        /// How many it has.
        entered: usize,
    },
    /// It is one of the commonest.
    #[error("The password entered is one of the most common ones. Choose another one")]
    TooCommon,
    /// It is a hash: a client that sends one may have a stolen hash, not a password.
    #[error("The password entered is a password hash. Send the password itself")]
    Hash,
    /// It has more bytes than `max`.
    #[error("The password entered was too long. Max length is {max} (entered {entered})")]
    TooLong {
        /// The most bytes.
        max: usize,
        /// How many it has.
        entered: usize,
    },
}
