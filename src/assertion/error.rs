//! Why there are no keys.

use std::{io, path::PathBuf};

/// Why the keys for assertions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("`{}`", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file holds something else.
    #[error(
        "`{}` is damaged: {flaw}; restore it from a backup, or remove it and restart: a new key is made, and apps \
         fetch it by themselves",
        .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        flaw: String,
    },
    /// No random bytes for a new key.
    #[error("the system gives no random bytes")]
    Random(#[from] getrandom::Error),
    /// The new key is refused.
    #[error("a key of Ed25519 cannot be made")]
    Key,
}
