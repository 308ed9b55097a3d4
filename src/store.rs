//! The store: users, tokens, roles, rules, the changes feed and the outbox.
//!
//! Every write is a batch of [`Change`]s, applied whole or not at all, and [`Store::commit`] answers only when
//! it would survive a power cut (docs/decisions.md section 5). The request path reads [`Sessions`], which needs
//! no lock, no await and no disk.

#[cfg(test)]
mod contract;
mod error;
mod import_rows;
mod keys;
mod last_use;
mod live;
mod memory;
mod open;
mod records;
mod resident;
mod sessions;
mod settings;
mod sled;
mod state;

use std::sync::Arc;

use async_trait::async_trait;

use crate::identity::{Handle, PasswordHash, TokenHash, UserId};

pub use self::sled::Loader;
pub use error::{CommitError, StoreError};
pub use import_rows::{ImportOutcome, ImportRow, SkipReason, UsernameWarning};
pub use keys::{KeyRules, UserKey};
pub use last_use::LastUse;
pub use open::{open, open_for_import};
pub use records::{
    AclRow, Change, ChangeNotice, ChangeNotices, Counters, OutboxEntry, Outcome, PrincipalKind, Role,
    RoleMapping, Token, User, UserDraft,
};
pub use sessions::{Session, Sessions, Subject, TokenState};
pub use settings::{Engine, EngineKind, Settings};

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
