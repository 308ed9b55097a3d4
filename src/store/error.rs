//! Why the store does not answer, and why it does not write.

use std::path::PathBuf;

use super::keys::UserKey;

/// Why the store could not answer or open.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the folder.
    #[error(
        "the store in `{path}` is in use by process {pid}; stop it, or give this one a `store.url` of its own"
    )]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The process that holds the lock, as it wrote it down (`?` when it did not).
        pid: String,
    },
    /// The folder cannot be made, read or written.
    #[error("cannot use the store folder `{path}`")]
    Folder {
        /// The store's folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A record's checksum does not hold: the store is not opened, and nothing is thrown away.
    #[error(
        "the store in `{path}` is damaged: {detail}; it was left as it is: put a copy of the folder from a backup in \
         its place, or move it away to begin with an empty store"
    )]
    Damaged {
        /// The store's folder.
        path: PathBuf,
        /// Which record.
        detail: String,
    },
    /// The engine failed.
    #[error("the store failed: {0}")]
    Engine(String),
    /// A sync failed earlier: nothing more is acknowledged until a restart.
    #[error("an earlier write could not be made durable; restart after the disk is repaired")]
    Poisoned,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// The changes feed no longer reaches back that far.
    #[error("the changes feed no longer reaches back that far")]
    FeedTruncated,
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another user has this email or username: the index of the change, and every key that is taken.
    #[error("already taken: {keys:?}")]
    Taken {
        /// The index of the change in the batch.
        change: usize,
        /// The keys that other users have.
        keys: Vec<UserKey>,
    },
    /// The row that a change names does not exist.
    #[error("no such row")]
    Missing {
        /// The index of the change in the batch.
        change: usize,
    },
    /// The row was changed since it was read.
    #[error("the row was changed by another request")]
    Stale {
        /// The index of the change in the batch.
        change: usize,
    },
    /// The session whose wish the batch is has ended meanwhile ([`Change::RequireToken`](super::Change::RequireToken)).
    #[error("the session has ended meanwhile")]
    Ended,
    /// Too many writes are waiting.
    #[error("too many writes are waiting")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
