//! Sessions are created when their token is first used, so that a start with a million tokens creates none.

mod pending;

use std::sync::Arc;

use tokio::sync::RwLockWriteGuard;

use super::{Live, Published};
use crate::{
    identity::TokenHash,
    store::{
        Session, StoreError,
        state::{Effects, State},
    },
};

pub(super) use pending::Pending;

/// The result of a look-up of a token in the rows.
enum Found {
    Nothing,
    Session(Arc<Session>),
    /// The answer depends on a group that is being written.
    Wait,
}

impl Live {
    /// Marks the begin of a group: rows are changed and published from here on, until the guard is dropped. Blocks, so
    /// it must not run on a thread of a runtime.
    pub(in crate::store) fn begin_group(&self) -> RwLockWriteGuard<'_, ()> {
        self.group_lock.blocking_write()
    }

    /// Records the tokens and users of a group that is applied but not durable.
    ///
    /// # Errors
    /// [`StoreError`] when a writer has panicked.
    pub(in crate::store) fn mark_unpublished<'e>(
        &self,
        group: impl IntoIterator<Item = &'e Effects>,
    ) -> Result<(), StoreError> {
        let pending = &mut self.published()?.pending;
        for effects in group {
            pending.tokens.extend(&effects.fresh);
            pending.users.extend(effects.users.iter().cloned());
        }
        Ok(())
    }

    /// Forgets what was recorded, because all of it is published. After a failed group it stays recorded.
    ///
    /// # Errors
    /// [`StoreError`] when a writer has panicked.
    pub(in crate::store) fn mark_published(&self) -> Result<(), StoreError> {
        let pending = &mut self.published()?.pending;
        if !pending.failed {
            *pending = Pending::default();
        }
        Ok(())
    }

    /// The session of a token; `None` for an unknown token. An unknown token costs one look-up and never waits for a
    /// group.
    ///
    /// # Errors
    /// [`StoreError`] when a change of the user could not be made durable.
    pub(in crate::store) async fn load_session(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        loop {
            match self.find_session(hash)? {
                Found::Nothing => return Ok(None),
                Found::Session(session) => return Ok(Some(session)),
                Found::Wait => drop(self.group_lock.read().await),
            }
        }
    }

    fn find_session(&self, hash: &TokenHash) -> Result<Found, StoreError> {
        if let Some(session) = self.sessions.get(hash) {
            return Ok(Found::Session(session));
        }
        // The lock is held while the session is inserted: a later revocation finds it in the index and removes it.
        let state = self.read()?;
        if !state.has_token(hash) {
            return Ok(Found::Nothing);
        }
        self.published()?.session(self, &state, hash)
    }
}

impl Published {
    /// Creates one session for each token, even if several requests ask at the same time.
    fn session(&mut self, live: &Live, state: &State, hash: &TokenHash) -> Result<Found, StoreError> {
        if let Some(session) = live.sessions.get(hash) {
            return Ok(Found::Session(session));
        }
        // The token is in the rows but not durable: a crash could take it back, so it is unknown until it is published.
        let Some(token) = state.token(hash).filter(|_| !self.pending.tokens.contains(hash)) else {
            return Ok(Found::Nothing);
        };
        // A disabled flag or a new epoch of the user may be in the rows and not durable yet.
        if self.pending.users.contains(&token.user) {
            return if self.pending.failed { Err(StoreError::Poisoned) } else { Ok(Found::Wait) };
        }
        let session = Arc::new(Session::new(&token, self.slot(state, &token.user)?));
        live.sessions.insert(Arc::clone(&session));
        Ok(Found::Session(session))
    }
}

impl Pending {
    /// Marks the group as one that will never be durable.
    pub(super) fn mark_failed(&mut self) {
        self.failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Change, KeyRules, User,
        contract::{row, token},
    };

    fn live() -> Live {
        let mut state = State::new(KeyRules::default());
        state.apply(vec![Change::PutUser(row(1, "a@x")), Change::PutToken(token("t", 1))]).unwrap();
        Live::new(state)
    }

    /// Applies a change without publishing it, as a committer does before its sync.
    fn apply(live: &Live, change: Change) -> Effects {
        let mut state = live.write().unwrap();
        let effects = state.apply(vec![change]).unwrap().effects;
        live.mark_unpublished([&effects]).unwrap();
        effects
    }

    #[tokio::test]
    async fn a_token_has_one_session_however_often_it_is_asked_for() {
        let live = live();
        assert!(live.sessions().get(&TokenHash::of("t")).is_none(), "a start makes none");
        let one = live.load_session(&TokenHash::of("t")).await.unwrap().unwrap();
        let two = live.load_session(&TokenHash::of("t")).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        assert!(live.load_session(&TokenHash::of("other")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn one_that_is_ending_is_not_made() {
        let live = live();
        let effects = apply(&live, Change::DeleteToken(TokenHash::of("t")));
        assert!(live.load_session(&TokenHash::of("t")).await.unwrap().is_none());
        live.publish(&live.read().unwrap(), effects).unwrap();
        assert!(live.load_session(&TokenHash::of("t")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_not_durable_is_given_to_nobody() {
        let live = Arc::new(live());
        let user = live.read().unwrap().user(&1.into()).unwrap().unwrap();
        let changed = User { properties: row(1, "b@x").properties, ..user };
        let other = Arc::clone(&live);
        let held = std::thread::spawn(move || {
            let guard = other.begin_group();
            let effects = apply(&other, Change::UpdateUser(changed));
            let fresh = apply(&other, Change::PutToken(token("new", 2)));
            assert!(matches!(other.find_session(&TokenHash::of("new")).unwrap(), Found::Nothing));
            assert!(matches!(other.find_session(&TokenHash::of("t")).unwrap(), Found::Wait));
            let state = other.read().unwrap();
            other.publish(&state, effects).unwrap();
            other.publish(&state, fresh).unwrap();
            other.mark_published().unwrap();
            drop(guard);
        });
        held.join().unwrap();
        let session = live.load_session(&TokenHash::of("t")).await.unwrap().unwrap();
        assert_eq!(session.subject.load().email.as_deref(), Some("b@x"));
        assert!(live.load_session(&TokenHash::of("new")).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_was_lost_is_given_to_nobody_ever() {
        let live = live();
        let user = live.read().unwrap().user(&1.into()).unwrap().unwrap();
        let effects = apply(&live, Change::UpdateUser(user));
        live.abandon(&live.read().unwrap(), &effects);
        live.mark_published().unwrap();
        let answer = live.load_session(&TokenHash::of("t")).await;
        assert!(matches!(answer, Err(StoreError::Poisoned)), "{answer:?}");
    }
}
