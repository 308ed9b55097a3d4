//! A store with all rows in memory: reads are answered from there, and an engine persists the writes.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    AclRow, Change, ChangeNotice, CommitError, Counters, KeyRules, OutboxEntry, Outcome, Role, RoleMapping,
    Session, Sessions, Store, StoreError, Token, User, UserKey, live::Live,
};
use crate::identity::{Handle, PasswordHash, TokenHash, UserId};

/// The rows in memory and the engine.
#[derive(Debug)]
pub(super) struct Resident<E> {
    live: Arc<Live>,
    engine: E,
}

/// The part that engines implement: persisting batches.
#[async_trait]
pub(super) trait Writer: Send + Sync {
    /// As [`Store::commit`].
    async fn commit(&self, live: &Live, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError>;

    /// As [`Store::health`].
    async fn health(&self) -> Result<(), StoreError>;

    /// As [`Store::close`].
    async fn close(&self) -> Result<(), StoreError>;
}

impl<E> Resident<E> {
    pub(super) fn new(live: Arc<Live>, engine: E) -> Self {
        Self { live, engine }
    }
}

#[async_trait]
impl<E: Writer> Store for Resident<E> {
    fn sessions(&self) -> &Sessions {
        self.live.sessions()
    }

    async fn load_session(&self, hash: &TokenHash) -> Result<Option<Arc<Session>>, StoreError> {
        self.live.load_session(hash).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.live.read()?.user(id)
    }

    async fn subject(&self, id: &UserId) -> Result<Option<super::Subject>, StoreError> {
        let state = self.live.read()?;
        Ok(if state.user(id)?.is_some() { Some(state.subject(id)?) } else { None })
    }

    async fn find_user(&self, key: &UserKey) -> Result<Option<User>, StoreError> {
        self.live.read()?.find_user(key)
    }

    async fn users_named(&self, key: &UserKey, limit: usize) -> Result<Vec<User>, StoreError> {
        self.live.read()?.users_named(key, limit)
    }

    fn decoy(&self, key: &UserKey) -> Result<Option<PasswordHash>, StoreError> {
        Ok(self.live.read()?.decoy(key))
    }

    async fn users(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        self.live.read()?.users(after, limit)
    }

    async fn tokens(&self, user: Option<&UserId>) -> Result<Vec<Token>, StoreError> {
        let state = self.live.read()?;
        Ok(user.map_or_else(|| state.all_tokens(), |user| state.tokens_of(user)))
    }

    async fn token_page(&self, after: Option<&Token>, limit: usize) -> Result<Vec<Token>, StoreError> {
        Ok(self.live.read()?.token_page(after, limit))
    }

    async fn token_by_handle(&self, handle: &Handle) -> Result<Option<Token>, StoreError> {
        Ok(self.live.read()?.token_by_handle(handle))
    }

    async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        Ok(self.live.read()?.roles())
    }

    async fn role_mappings(&self) -> Result<Vec<RoleMapping>, StoreError> {
        Ok(self.live.read()?.role_mappings())
    }

    async fn acl_rows(&self) -> Result<Vec<AclRow>, StoreError> {
        Ok(self.live.read()?.acl_rows())
    }

    async fn commit(&self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        let answer = self.engine.commit(&self.live, batch).await;
        // Only failures of the store count as errors; a rejected batch is a normal answer.
        if let Err(CommitError::Store(_)) = &answer {
            self.live.count_error();
        }
        answer
    }

    async fn changes(&self, after: u64) -> Result<Vec<ChangeNotice>, StoreError> {
        self.live.changes(after)
    }

    async fn changed(&self, after: u64) {
        self.live.changed(after).await;
    }

    async fn outbox(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.live.outbox(limit)
    }

    async fn outbox_heads(&self, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.live.outbox_heads(after, limit)
    }

    fn fold_names(&self, rules: KeyRules) -> Result<(), StoreError> {
        // Compared under the read lock: usually nothing changes, and a rebuild blocks all readers.
        if self.live.read()?.folds(rules) {
            return Ok(());
        }
        self.live.write()?.fold_names(rules);
        Ok(())
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.engine.health().await
    }

    fn counters(&self) -> Counters {
        self.live.counters()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.engine.close().await
    }
}
