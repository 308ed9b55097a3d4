//! Logout: revokes one token. Open streams of the token end when the core checks the session again.

use std::sync::Arc;

use super::{
    Accounts, Actor, Fault, audit,
    event::{About, Event},
};
use crate::{
    identity::TokenHash,
    store::{Change, Outcome, Session, TokenState},
};

impl Accounts {
    /// Revokes the token of a session. The deletion is durable when this returns.
    ///
    /// # Errors
    /// [`Fault::TokenRequired`] if the token was revoked already, or an error of the store.
    pub async fn logout(&self, actor: Actor<'_>, session: &Session) -> Result<(), Fault> {
        let user = session.subject.load().id.clone();
        let mut batch = vec![Change::DeleteToken(session.hash)];
        self.announce(&mut batch, actor, Event::new("logout", About::Id(&user)))?;
        let outcomes = self.commit(batch).await?;
        // Two logouts may race; only the one that removed the row succeeds, as LoopBack answers the second with 401.
        if !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Removed(1..))) {
            return Err(Fault::TokenRequired);
        }
        audit::record("logout", actor, Some(&user), None);
        Ok(())
    }

    /// The live session of a token id that a request body names.
    ///
    /// # Errors
    /// [`Fault::TokenRequired`] for an unknown token, [`Fault::TokenExpired`] for the first use of an expired one.
    pub async fn session(&self, id: &str) -> Result<Arc<Session>, Fault> {
        let hash = TokenHash::of(id);
        let known = match self.store.sessions().get(&hash) {
            Some(session) => Some(session),
            None => self.store.load_session(&hash).await?,
        };
        let session = known.ok_or(Fault::TokenRequired)?;
        let standing =
            session.token_state(&session.subject.load(), self.clock.now(), &self.settings.lifetimes());
        match standing {
            TokenState::Live => Ok(session),
            TokenState::Expired => {
                // LoopBack reports an expired token once and deletes its row (docs/loopback-3.28.md section 1.3).
                self.store.commit(vec![Change::DeleteToken(hash)]).await?;
                Err(Fault::TokenExpired)
            }
            TokenState::Ended | TokenState::Unusable => Err(Fault::TokenRequired),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::accounts::testing::{self, CLIENT, TestAccounts};

    async fn with_ann() -> TestAccounts {
        let fixture = testing::fixture(testing::loopback()).await;
        fixture.register(&json!({"email": "ann@b.c", "password": "x"})).await.unwrap();
        fixture
    }

    async fn token(fixture: &TestAccounts, ttl: f64) -> String {
        let body = json!({"email": "ann@b.c", "password": "x", "ttl": ttl});
        fixture.login(&body).await.unwrap().id.expose().to_owned()
    }

    #[tokio::test]
    async fn ends_one_session_once() {
        let fixture = with_ann().await;
        let (gone, stays) = (token(&fixture, 60.0).await, token(&fixture, 60.0).await);
        let session = fixture.accounts.session(&gone).await.unwrap();
        fixture.accounts.logout(CLIENT, &session).await.unwrap();
        assert!(matches!(fixture.accounts.logout(CLIENT, &session).await, Err(Fault::TokenRequired)));
        assert!(matches!(fixture.accounts.session(&gone).await, Err(Fault::TokenRequired)));
        fixture.accounts.session(&stays).await.unwrap();
    }

    #[tokio::test]
    async fn an_expired_token_is_told_once() {
        let fixture = with_ann().await;
        let (short, long) = (token(&fixture, 1.0).await, token(&fixture, 60.0).await);
        fixture.clock.advance(Duration::from_secs(1));
        assert!(matches!(fixture.accounts.session(&short).await, Err(Fault::TokenExpired)));
        assert!(matches!(fixture.accounts.session(&short).await, Err(Fault::TokenRequired)));
        fixture.accounts.session(&long).await.unwrap();
    }

    #[tokio::test]
    async fn unusable_tokens_are_none() {
        let fixture = with_ann().await;
        for ttl in [-1.0, -2.0] {
            let id = token(&fixture, ttl).await;
            assert!(fixture.accounts.session(&id).await.is_err(), "{ttl}");
        }
        assert!(matches!(fixture.accounts.session("").await, Err(Fault::TokenRequired)));
        assert!(matches!(fixture.accounts.session("$anonymous").await, Err(Fault::TokenRequired)));
    }
}
