//! Errors of reads and of commits.

use std::path::PathBuf;

use super::keys::UserKey;

/// The reason why the store cannot answer or open.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has locked the folder.
    #[error(
        "the store in `{path}` is in use by process {pid}; stop it, or give this one a `store.url` of its own"
    )]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The process that holds the lock, from the lock file (`?` if it cannot be read).
        pid: String,
    },
    /// The folder cannot be created, read or written.
    #[error("cannot use the store folder `{path}`")]
    Folder {
        /// The store's folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// A checksum does not match. The store is not opened, and nothing is deleted.
    #[error(
        "the store in `{path}` is damaged: {detail}; it was left as it is: put a copy of the folder from a backup in \
         its place, or move it away to begin with an empty store"
    )]
    Damaged {
        /// The store's folder.
        path: PathBuf,
        /// The damaged record.
        detail: String,
    },
    /// The engine failed.
    #[error("the store failed: {0}")]
    Engine(String),
    /// A sync failed earlier. Nothing is acknowledged until a restart.
    #[error("an earlier write could not be made durable; restart after the disk is repaired")]
    Poisoned,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// The feed no longer contains the requested notices.
    #[error("the changes feed no longer reaches back that far")]
    FeedTruncated,
}

/// The reason why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another user has this email or username.
    #[error("already taken: {keys:?}")]
    Taken {
        /// The index of the change in the batch.
        change: usize,
        /// All keys that other users have.
        keys: Vec<UserKey>,
    },
    /// A row that a change refers to does not exist.
    #[error("no such row")]
    Missing {
        /// The index of the change in the batch.
        change: usize,
    },
    /// The row was changed after it was read.
    #[error("the row was changed by another request")]
    Stale {
        /// The index of the change in the batch.
        change: usize,
    },
    /// The session that requested the batch was revoked before the commit
    /// ([`Change::RequireToken`](super::Change::RequireToken)).
    #[error("the session has ended meanwhile")]
    Ended,
    /// The queue of writes is full.
    #[error("too many writes are waiting")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
