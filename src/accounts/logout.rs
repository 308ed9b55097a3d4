//! Logging out: one token ends.

use std::sync::Arc;

use super::{Accounts, Asker, Fault, audit};
use crate::{
    identity::TokenHash,
    store::{Change, Outcome, Session, Standing},
};

impl Accounts {
    /// Ends a session: its token is gone from the disk before this returns.
    ///
    /// # Errors
    /// [`Fault::TokenRequired`] when it was gone already, or the store's.
    pub async fn logout(&self, asker: Asker<'_>, session: &Session) -> Result<(), Fault> {
        // Issue 4: `logout` joins this batch as a `Change::Enqueue`.
        let outcomes = self.store.commit(vec![Change::DeleteToken(session.hash)]).await?;
        if !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Removed(1..))) {
            return Err(Fault::TokenRequired);
        }
        audit::record("logout", asker, Some(&session.subject.load().id), None);
        Ok(())
    }

    /// The live session of a token's id, where a body names one.
    ///
    /// # Errors
    /// [`Fault::TokenRequired`] for an unknown token, [`Fault::TokenExpired`] once for an expired one.
    pub async fn session(&self, id: &str) -> Result<Arc<Session>, Fault> {
        let hash = TokenHash::of(id);
        let known = match self.store.sessions().get(&hash) {
            Some(session) => Some(session),
            None => self.store.load_session(&hash).await?,
        };
        let session = known.ok_or(Fault::TokenRequired)?;
        let standing =
            session.standing(&session.subject.load(), self.clock.now(), self.settings.allow_eternal_tokens);
        match standing {
            Standing::Live => Ok(session),
            Standing::Expired => {
                self.store.commit(vec![Change::DeleteToken(hash)]).await?;
                Err(Fault::TokenExpired)
            }
            Standing::Ended | Standing::Unusable => Err(Fault::TokenRequired),
        }
    }
}
