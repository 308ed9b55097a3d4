//! A command line that makes no sense.

/// The command line lacks what only a terminal could have given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::cli) struct UsageError(pub(super) String);

impl UsageError {
    /// What makes no sense, and what would.
    pub(in crate::cli) fn new(text: String) -> Self {
        Self(text)
    }
}
