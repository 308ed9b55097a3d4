//! The store: users, tokens, roles, rules, the changes feed and the outbox.
//!
//! Every write is a batch of [`Change`]s. All of them are applied or none, and [`Store::commit`] returns when the batch
//! would survive a power cut (docs/decisions.md section 5). The request path reads [`Sessions`], which needs no lock, no
//! await and no disk.

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

/// The store of accounts and tokens. All methods may be called from any runtime.
///
/// # Errors
/// Every method that returns a [`StoreError`] does so when the store cannot answer. Callers must fail closed then.
#[expect(clippy::missing_errors_doc, reason = "said once, on the trait")]
#[async_trait]
pub trait Store: Send + Sync {
    /// The index of live sessions, for the request path.
    fn sessions(&self) -> &Sessions;

    /// The session of a token that is not in [`Sessions`]. Called on a miss only.
    async fn load_session(&self, hash: &TokenHash) -> Result<Option<Arc<Session>>, StoreError>;

    /// The user with this id.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// What the rules know of a user, as its sessions have it; `None` = there is no such user.
    async fn subject(&self, id: &UserId) -> Result<Option<Subject>, StoreError>;

    /// The user with this email or username, as [`KeyRules`] folds them.
    async fn find_user(&self, key: &UserKey) -> Result<Option<User>, StoreError>;

    /// At most `limit` users with this name in any realm ([`KeyRules::without_realm`]), by ascending id.
    async fn users_named(&self, key: &UserKey, limit: usize) -> Result<Vec<User>, StoreError>;

    /// A decoy hash for an unknown user name, so that a failed login takes the same time. The kind of hash is chosen by
    /// a keyed hash of the name, in the proportion in which users have them; `None` stands for users without a password.
    fn decoy(&self, key: &UserKey) -> Result<Option<PasswordHash>, StoreError>;

    /// At most `limit` users with ids after `after`, in the order of their ids.
    async fn users(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, StoreError>;

    /// The tokens of a user, or of all users for `None`; the oldest first.
    async fn tokens(&self, user: Option<&UserId>) -> Result<Vec<Token>, StoreError>;

    /// At most `limit` tokens after this one, in an unspecified order, for a scan of all tokens in pages.
    async fn token_page(&self, after: Option<&Token>, limit: usize) -> Result<Vec<Token>, StoreError>;

    /// The token with this [`Handle`].
    async fn token_by_handle(&self, handle: &Handle) -> Result<Option<Token>, StoreError>;

    /// All roles. Roles, mappings and ACL rows are compiled into the policy set, together with the files.
    async fn roles(&self) -> Result<Vec<Role>, StoreError>;

    /// All role mappings.
    async fn role_mappings(&self) -> Result<Vec<RoleMapping>, StoreError>;

    /// All stored ACL rows.
    async fn acl_rows(&self) -> Result<Vec<AclRow>, StoreError>;

    /// Applies a batch and makes it durable. Returns one [`Outcome`] for each change, in order.
    ///
    /// # Errors
    /// [`CommitError`]; no change of the batch has been applied then.
    async fn commit(&self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError>;

    /// The notices after number `after` (0 = all that are kept), the oldest first, for other replicas and caches.
    ///
    /// # Errors
    /// [`StoreError::FeedTruncated`] when notices after `after` have been dropped. The caller must reload everything.
    async fn changes(&self, after: u64) -> Result<Vec<ChangeNotice>, StoreError>;

    /// Waits until [`Store::changes`] has a notice after this number. May return early.
    async fn changed(&self, after: u64);

    /// At most `limit` undelivered events, the oldest first.
    async fn outbox(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// At most `limit` events after number `after` that may be delivered next: the first undelivered event of every
    /// user, and events without a user; the oldest first.
    async fn outbox_heads(&self, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Sets how names are folded. A reload may change it; a change rebuilds the index of names.
    fn fold_names(&self, rules: KeyRules) -> Result<(), StoreError>;

    /// Checks whether a commit could succeed now, for the readiness probe.
    ///
    /// # Errors
    /// The reason why it could not.
    async fn health(&self) -> Result<(), StoreError>;

    /// Counters for metrics and for reports of imports.
    fn counters(&self) -> Counters;

    /// Flushes and releases the folder's lock. Later commits fail with [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError`] when the last flush failed.
    async fn close(&self) -> Result<(), StoreError>;
}
