//! The error of an invalid command line.

/// The command line lacks something that only a terminal could have provided.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::cli) struct UsageError(pub(super) String);

impl UsageError {
    /// `text` says what is wrong and what would be right.
    pub(in crate::cli) fn new(text: String) -> Self {
        Self(text)
    }
}
