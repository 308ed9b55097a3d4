//! Logging out: one token ends.

use std::sync::Arc;

use super::{Accounts, Actor, Fault, audit, event::About};
use crate::{
    identity::TokenHash,
    store::{Change, Outcome, Session, TokenState},
};

impl Accounts {
    /// Ends a session: its token is gone from the disk before this returns.
    ///
    /// # Errors
    /// [`Fault::TokenRequired`] when it was gone already, or the store's.
    pub async fn logout(&self, actor: Actor<'_>, session: &Session) -> Result<(), Fault> {
        let user = session.subject.load().id.clone();
        let mut batch = vec![Change::DeleteToken(session.hash)];
        self.announce(&mut batch, "logout", actor, About::Id(&user), serde_json::Value::Null)?;
        let outcomes = self.commit(batch).await?;
        if !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Removed(1..))) {
            return Err(Fault::TokenRequired);
        }
        audit::record("logout", actor, Some(&user), None);
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
            session.token_state(&session.subject.load(), self.clock.now(), &self.settings.lifetimes());
        match standing {
            TokenState::Live => Ok(session),
            TokenState::Expired => {
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
    use crate::accounts::testing::{self, CLIENT, House};

    async fn with_ann() -> House {
        let house = testing::house(testing::loopback()).await;
        house.register(&json!({"email": "ann@b.c", "password": "x"})).await.unwrap();
        house
    }

    async fn token(house: &House, ttl: f64) -> String {
        let body = json!({"email": "ann@b.c", "password": "x", "ttl": ttl});
        house.login(&body).await.unwrap().id.expose().to_owned()
    }

    #[tokio::test]
    async fn ends_one_session_once() {
        let house = with_ann().await;
        let (gone, stays) = (token(&house, 60.0).await, token(&house, 60.0).await);
        let session = house.accounts.session(&gone).await.unwrap();
        house.accounts.logout(CLIENT, &session).await.unwrap();
        assert!(matches!(house.accounts.logout(CLIENT, &session).await, Err(Fault::TokenRequired)));
        assert!(matches!(house.accounts.session(&gone).await, Err(Fault::TokenRequired)));
        house.accounts.session(&stays).await.unwrap();
    }

    #[tokio::test]
    async fn an_expired_token_is_told_once() {
        let house = with_ann().await;
        let (short, long) = (token(&house, 1.0).await, token(&house, 60.0).await);
        house.clock.advance(Duration::from_secs(1));
        assert!(matches!(house.accounts.session(&short).await, Err(Fault::TokenExpired)));
        assert!(matches!(house.accounts.session(&short).await, Err(Fault::TokenRequired)));
        house.accounts.session(&long).await.unwrap();
    }

    #[tokio::test]
    async fn unusable_tokens_are_none() {
        let house = with_ann().await;
        for ttl in [-1.0, -2.0] {
            let id = token(&house, ttl).await;
            assert!(house.accounts.session(&id).await.is_err(), "{ttl}");
        }
        assert!(matches!(house.accounts.session("").await, Err(Fault::TokenRequired)));
        assert!(matches!(house.accounts.session("$anonymous").await, Err(Fault::TokenRequired)));
    }
}
