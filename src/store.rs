//! What is kept: users, tokens, roles, rules, the changes feed and the outbox.
//!
//! Every write is a batch of [`Change`]s, applied whole or not at all, and [`Store::commit`] answers only when
//! it would survive a power cut (docs/decisions.md section 5). The request path reads [`Sessions`], which needs
//! no lock, no await and no disk.

#[cfg(test)]
mod contract;
mod import_rows;
mod keys;
mod last_use;
mod live;
mod memory;
mod records;
mod resident;
mod sessions;
mod sled;
mod state;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;

use crate::identity::{Handle, PasswordHash, TokenHash, UserId};

pub use self::sled::Loader;
pub use import_rows::{ImportOutcome, ImportRow, SkipReason, UsernameWarning};
pub use keys::{KeyRules, UserKey};
pub use last_use::LastUse;
pub use records::{
    AclRow, Change, ChangeNotice, Counters, Noticed, OutboxEntry, Outcome, PrincipalKind, Role, RoleMapping,
    Token, User, UserDraft,
};
pub use sessions::{Session, Sessions, Standing, Subject};

/// Where accounts and tokens are kept. All methods may be called from any runtime.
#[async_trait]
pub trait Store: Send + Sync {
    /// The index of live sessions, for the request path.
    fn sessions(&self) -> &Sessions;

    /// The session of a token that [`Sessions`] has not seen: asked on a miss only.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer; the caller must then refuse.
    async fn load_session(&self, hash: &TokenHash) -> Result<Option<Arc<Session>>, StoreError>;

    /// The user with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// The user with this email or username, as [`KeyRules`] folds them.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn find_user(&self, key: &UserKey) -> Result<Option<User>, StoreError>;

    /// The users with this name in any realm ([`KeyRules::without_realm`]), by id upwards, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn users_named(&self, key: &UserKey, limit: usize) -> Result<Vec<User>, StoreError>;

    /// A hash that no user has, to check a password with an unknown name: drawn by a keyed hash of the name from the
    /// kinds that the users' hashes have, in their proportion. `None` = as those who have no password.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    fn decoy(&self, key: &UserKey) -> Result<Option<PasswordHash>, StoreError>;

    /// At most `limit` users with ids after `after`, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn users(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, StoreError>;

    /// A user's tokens, the oldest first; of all users for `None`.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn tokens(&self, user: Option<&UserId>) -> Result<Vec<Token>, StoreError>;

    /// At most `limit` tokens after this one, in an order of the store's own: to look at all of them,
    /// little by little.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn token_page(&self, after: Option<&Token>, limit: usize) -> Result<Vec<Token>, StoreError>;

    /// The token that a [`Handle`] stands for.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn token_by_handle(&self, handle: &Handle) -> Result<Option<Token>, StoreError>;

    /// All roles, mappings and stored ACL rows: what the policy set is compiled with, besides files.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn roles(&self) -> Result<Vec<Role>, StoreError>;

    /// All role mappings.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn role_mappings(&self) -> Result<Vec<RoleMapping>, StoreError>;

    /// All stored ACL rows.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn acl_rows(&self) -> Result<Vec<AclRow>, StoreError>;

    /// Applies a batch whole and makes it durable before it answers: one [`Outcome`] a change, in order.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of the batch has then been applied.
    async fn commit(&self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError>;

    /// What changed after notice number `after` (0 = from the beginning of what is kept), oldest first.
    /// Another replica, or a cache in this process, applies it.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer, or [`StoreError::FeedTruncated`] when `after` is older than
    /// what is kept: the caller must then reload everything.
    async fn changes(&self, after: u64) -> Result<Vec<ChangeNotice>, StoreError>;

    /// Waits until [`Store::changes`] has a notice after this number. It may come back early.
    async fn changed(&self, after: u64);

    /// At most `limit` undelivered events, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn outbox(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// The first undelivered event of every user after event number `after`, and the events about no user, at most
    /// `limit`, the oldest first: what may be delivered next without changing any user's order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    async fn outbox_heads(&self, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// From now on names are folded so. With other rules than before all names are read once.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    fn fold_names(&self, rules: KeyRules) -> Result<(), StoreError>;

    /// Whether a commit could succeed now: for readiness.
    ///
    /// # Errors
    /// [`StoreError`] says why not.
    async fn health(&self) -> Result<(), StoreError>;

    /// Numbers for metrics and for import reports.
    fn counters(&self) -> Counters;

    /// Flushes and gives the data folder's lock back. Later commits fail with [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError`] when the last flush failed.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Opens the store that the settings name, reading and verifying all of it.
///
/// # Errors
/// [`StoreError`] when another process holds it, when its folder cannot be used, and when it is damaged.
pub async fn open(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    match &settings.engine {
        Engine::Memory => memory::open(settings.keys),
        Engine::Sled(folder) => sled::open(folder, settings.keys).await,
    }
}

/// Opens a store for an import alone: users and tokens stay on the disk, however many there are.
///
/// # Errors
/// As [`open`]; and a store in memory is open to its gate alone.
pub fn open_for_import(settings: &Settings) -> Result<Loader, StoreError> {
    match &settings.engine {
        Engine::Memory => Err(StoreError::Engine("a store in memory is nowhere else".to_owned())),
        Engine::Sled(folder) => Loader::open(folder, settings.keys),
    }
}

/// Which store, and how it folds names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which engine, and where.
    pub engine: Engine,
    /// How emails and usernames are compared.
    pub keys: KeyRules,
}

/// The engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Everything is forgotten at exit.
    Memory,
    /// An embedded store in this folder.
    Sled(PathBuf),
}

impl Engine {
    /// Whether a store lies there already. One in memory lies nowhere.
    #[must_use]
    pub fn has_files(&self) -> bool {
        match self {
            Self::Sled(folder) => folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()),
            Self::Memory => false,
        }
    }
}

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
    #[error("an earlier write could not be made durable; restart after the disk is mended")]
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
    #[error("the row was changed by somebody else")]
    Stale {
        /// The index of the change in the batch.
        change: usize,
    },
    /// The session whose wish the batch is has ended meanwhile ([`Change::RequireToken`]).
    #[error("the session has ended meanwhile")]
    Ended,
    /// Too many writes are waiting.
    #[error("too many writes are waiting")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
