//! Issues tokens, and limits how many a user has.

use serde_json::Value;

use super::{Accounts, Actor, Fault, audit, event::About};
use crate::{
    clock::Timestamp,
    identity::{TokenId, UserId},
    mail::Message,
    store::{Change, CommitError, LastUse, Session, Token, User},
};

/// The scope of a token that can only reset the password.
pub(super) const RESET_SCOPE: &str = "reset-password";

/// Prefix of the name of a mailed reset token. The event's id follows, so that a second delivery of the event replaces
/// its own token, and the name of the copy.
pub(super) const RESET_NAME: &str = "(password reset)";

/// A new token with its id. The id is not stored and cannot be shown again.
#[derive(Debug)]
pub struct IssuedToken {
    /// The id, which is the credential.
    pub id: TokenId,
    /// Lifetime in seconds; `None` where LoopBack answers `null`.
    pub ttl: Option<f64>,
    /// The scopes; empty = unrestricted.
    pub scopes: Vec<String>,
    /// Time of creation.
    pub created: Timestamp,
    /// The token's user.
    pub user: User,
}

/// The properties of a token to issue.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// Lifetime in seconds; NaN = LoopBack's `null`, `None` = the default.
    pub ttl: Option<f64>,
    /// The scopes; empty = unrestricted.
    pub scopes: Vec<String>,
    /// A name for operators.
    pub name: Option<String>,
    /// Whether use does not extend the token, even under `sliding_ttl`.
    pub fixed: bool,
    /// The only host at which the token counts; `None` = all.
    pub host: Option<String>,
}

impl Accounts {
    /// Issues a token without a password check, for an operator.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], or an error of a step.
    pub async fn issue(&self, user: &UserId, request: TokenRequest) -> Result<IssuedToken, Fault> {
        let user = self.user(user).await?;
        self.issue_told(Actor::Operator, user, request).await
    }

    /// Issues a token that a user makes for themselves. `user`: as [`Accounts::prove`] has returned it, so that a password
    /// that is changed meanwhile ends the attempt.
    ///
    /// # Errors
    /// [`Fault::ReservedScope`] for the scope of a reset, [`Fault::WrongPassword`] if the password was changed meanwhile,
    /// [`Fault::SessionEnded`], or an error of a step.
    pub async fn issue_own(
        &self,
        actor: Actor<'_>,
        user: User,
        request: TokenRequest,
    ) -> Result<IssuedToken, Fault> {
        if request.scopes.iter().any(|scope| scope == RESET_SCOPE) {
            return Err(Fault::ReservedScope(RESET_SCOPE));
        }
        self.issue_told(actor, user, request).await.map_err(|fault| match fault {
            Fault::LoginFailed => Fault::WrongPassword,
            other => other,
        })
    }

    /// Issues a token, and tells the owner of the account.
    async fn issue_told(
        &self,
        actor: Actor<'_>,
        user: User,
        request: TokenRequest,
    ) -> Result<IssuedToken, Fault> {
        let mut batch = actor.conditions();
        self.announce_mail(&mut batch, actor, Message::TokenMade, About::User(&user), Value::Null)?;
        let issued = self.issue_with(user, request, None, batch).await?;
        audit::record("token.issued", actor, Some(&issued.user.id), None);
        Ok(issued)
    }

    /// Issues a token for the user of a session, if the session still stands at the commit.
    ///
    /// # Errors
    /// [`Fault::SessionEnded`], [`Fault::SessionUserGone`], or an error of a step.
    pub async fn issue_beside(&self, session: &Session, request: TokenRequest) -> Result<IssuedToken, Fault> {
        let id = session.subject.load().id.clone();
        let user = self.store.user(&id).await?.ok_or(Fault::SessionUserGone(id))?;
        self.issue_with(user, request, None, vec![Change::RequireToken(session.hash)]).await
    }

    /// The last use of a token.
    #[must_use]
    pub fn last_use(&self, token: &Token) -> Option<LastUse> {
        self.store.sessions().last_use(token)
    }

    /// Stores a new token. The same commit replaces the user's row by `fresh`, if it is given: with a better hash of the
    /// password that was just checked, or with the network of the login. `batch`: its conditions and events.
    pub(super) async fn issue_with(
        &self,
        user: User,
        request: TokenRequest,
        fresh: Option<User>,
        mut batch: Vec<Change>,
    ) -> Result<IssuedToken, Fault> {
        let id = self.token_id()?;
        let ttl = clamped(request.ttl.unwrap_or(self.settings.ttl), self.settings.max_ttl);
        let created = self.clock.now();
        // INVARIANT: the epoch is the one that was read together with the password's hash. So a login that races a
        // password change creates no valid token.
        let token = Token {
            hash: id.hash(),
            user: user.id.clone(),
            ttl,
            created,
            scopes: request.scopes.clone(),
            name: request.name,
            epoch: user.epoch,
            fixed: request.fixed,
            host: request.host,
            used: None,
        };
        // Behind the conditions: a surplus token may be that of the session which is one.
        batch.extend(self.surplus(&user.id).await?);
        batch.push(Change::CreateToken(token));
        self.commit_login(batch, fresh).await?;
        // Parallel logins each see the count before the others, so it is checked again after the commit.
        self.end_surplus(&user.id).await?;
        Ok(IssuedToken { id, ttl, scopes: request.scopes, created, user })
    }

    async fn commit_login(&self, batch: Vec<Change>, fresh: Option<User>) -> Result<(), Fault> {
        if let Some(fresh) = fresh {
            let mut with_row = batch.clone();
            with_row.push(Change::UpdateUser(fresh));
            match self.commit(with_row).await {
                Ok(_) => return Ok(()),
                // The user was changed in the meantime. The better row can wait, and the epoch decides about the
                // token.
                Err(CommitError::Stale { .. } | CommitError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.commit(batch).await {
            Ok(_) => Ok(()),
            // The user was deleted or logged out everywhere while the password was checked.
            Err(CommitError::Stale { .. } | CommitError::Missing { .. }) => Err(Fault::LoginFailed),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the oldest tokens, so that one more fits below `max_tokens`.
    pub(super) async fn surplus(&self, user: &UserId) -> Result<Vec<Change>, Fault> {
        self.beyond(user, self.settings.max_tokens.saturating_sub(1)).await
    }

    /// Deletes the tokens beyond `max_tokens` that parallel logins have created.
    pub(super) async fn end_surplus(&self, user: &UserId) -> Result<(), Fault> {
        let surplus = self.beyond(user, self.settings.max_tokens).await?;
        if !surplus.is_empty() {
            self.commit(surplus).await?;
        }
        Ok(())
    }

    /// Deletes all but `most` tokens: expired ones first, then the oldest.
    #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
    async fn beyond(&self, user: &UserId, most: usize) -> Result<Vec<Change>, Fault> {
        if self.settings.max_tokens == 0 {
            return Ok(Vec::new());
        }
        let mut tokens = self.store.tokens(Some(user)).await?;
        let (lifetimes, now) = (self.settings.lifetimes(), self.clock.now().0 as f64);
        // The store returns tokens by age, and the sort is stable.
        tokens.sort_by_cached_key(|token| {
            let end = token.end_by(&lifetimes, self.store.sessions().last_use(token));
            end.is_some_and(|end| end > now)
        });
        let excess = tokens.len().saturating_sub(most);
        Ok(tokens.into_iter().take(excess).map(|token| Change::DeleteToken(token.hash)).collect())
    }

    pub(super) fn token_id(&self) -> Result<TokenId, Fault> {
        let length = self.settings.access_token_id_length;
        // Eight of 256 byte values are skipped. Twice the length is too short once in 10^60 cases.
        let mut random = vec![0; length * 2 + 32];
        getrandom::fill(&mut random).map_err(|_| Fault::NoRandomness)?;
        TokenId::from_random(random, length).ok_or(Fault::NoRandomness)
    }
}

/// At most `max`; `None` for a value that JSON has no number for.
fn clamped(ttl: f64, max: f64) -> Option<f64> {
    // `f64::min` returns the other operand for NaN, which would be the maximum lifetime.
    if ttl.is_nan() { None } else { Some(ttl.min(max)).filter(|ttl| ttl.is_finite()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use std::sync::Arc;

    use crate::accounts::{
        Actor, Settings,
        testing::{self, CLIENT, ann, with_ann},
    };
    use crate::identity::PasswordHash;

    #[test]
    fn a_lifetime_has_an_upper_bound() {
        for (ttl, expected) in [
            (5.0, Some(5.0)),
            (31_556_927.0, Some(31_556_926.0)),
            (f64::INFINITY, Some(31_556_926.0)),
            (-1.0, Some(-1.0)),
            (f64::NAN, None),
            (f64::NEG_INFINITY, None),
        ] {
            assert_eq!(clamped(ttl, 31_556_926.0), expected, "{ttl}");
        }
    }

    #[tokio::test]
    async fn a_login_that_races_a_password_change_makes_no_token() {
        let fixture = with_ann(testing::standard()).await;
        // What the login had read before the change.
        let before = fixture.accounts.user(&1.into()).await.unwrap();
        fixture.accounts.set_password(Actor::Operator, &1.into(), "another-good-one").await.unwrap();
        let old_hash = Some(PasswordHash::new("of the old password".to_owned()));
        let fresh = [None, Some(User { password: old_hash, ..before.clone() })];
        for fresh in fresh {
            let issued =
                fixture.accounts.issue_with(before.clone(), TokenRequest::default(), fresh, Vec::new()).await;
            assert!(matches!(issued, Err(Fault::LoginFailed)));
        }
        assert_eq!(fixture.accounts.tokens(&1.into()).await.unwrap().len(), 0);
        fixture.login(&json!({"email": "ann@b.c", "password": "another-good-one"})).await.unwrap();
    }

    #[tokio::test]
    async fn a_token_of_ones_own_needs_the_password_and_the_session_that_were_shown() {
        let fixture = with_ann(Settings { max_tokens: 1, ..testing::standard() }).await;
        let accounts = &fixture.accounts;
        let session = || async {
            let issued = fixture.login(&ann()).await.unwrap();
            accounts.session(issued.id.expose()).await.unwrap()
        };
        let proven = accounts.user(&1.into()).await.unwrap();
        let make = |session: Arc<Session>, user: User| async move {
            let Actor::Client { address, request_id, reach, .. } = CLIENT else { panic!("a client") };
            let actor =
                Actor::Client { address, request_id, reach, session: Some(&session), by_cookie: false };
            accounts.issue_own(actor, user, TokenRequest::default()).await
        };
        // The session's own token is the surplus one, and goes.
        let made = make(session().await, proven.clone()).await.unwrap();
        assert_eq!(accounts.tokens(&1.into()).await.unwrap()[0].hash, made.id.hash());
        let ended = session().await;
        accounts.logout(CLIENT, &ended).await.unwrap();
        assert!(matches!(make(ended, proven.clone()).await, Err(Fault::SessionEnded)));
        accounts.set_password(Actor::Operator, &1.into(), "another-good-one").await.unwrap();
        let login = json!({"email": "ann@b.c", "password": "another-good-one"});
        let issued = fixture.login(&login).await.unwrap();
        let after = accounts.session(issued.id.expose()).await.unwrap();
        assert!(matches!(make(after, proven).await, Err(Fault::WrongPassword)));
        assert_eq!(accounts.tokens(&1.into()).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_better_hash_can_wait_but_a_login_cannot() {
        let fixture = with_ann(testing::standard()).await;
        let before = fixture.accounts.user(&1.into()).await.unwrap();
        // A property is changed meanwhile: the row is newer, the epoch the same.
        let mut other = before.clone();
        other.properties.insert("nick".to_owned(), json!("z"));
        fixture.store.commit(vec![Change::UpdateUser(other)]).await.unwrap();
        let better = Some(PasswordHash::new("better".to_owned()));
        let fresh = Some(User { password: better, ..before.clone() });
        fixture.accounts.issue_with(before, TokenRequest::default(), fresh, Vec::new()).await.unwrap();
        let after = fixture.accounts.user(&1.into()).await.unwrap();
        assert_eq!(after.properties["nick"], json!("z"));
        assert_ne!(after.password.unwrap().expose(), "better");
    }

    #[tokio::test]
    async fn the_oldest_token_makes_room() {
        let fixture = with_ann(Settings { max_tokens: 2, ..testing::standard() }).await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            fixture.clock.advance(std::time::Duration::from_secs(1));
            ids.push(fixture.login(&ann()).await.unwrap().id);
        }
        let mut alive = Vec::new();
        for id in &ids {
            alive.push(fixture.accounts.session(id.expose()).await.is_ok());
        }
        assert_eq!(alive, [false, false, true, true]);
    }

    #[tokio::test]
    async fn a_token_that_nobody_has_used_since_the_start_is_no_older_for_it() {
        let fixture = with_ann(Settings { max_tokens: 2, ..testing::standard() }).await;
        let mut ids = Vec::new();
        for _ in 0..2 {
            fixture.clock.advance(std::time::Duration::from_secs(1));
            ids.push(fixture.login(&ann()).await.unwrap().id);
        }
        // As after a restart: the younger one has no session yet.
        fixture.store.sessions().remove(&ids[1].hash());
        fixture.login(&ann()).await.unwrap();
        let left = fixture.accounts.tokens(&1.into()).await.unwrap();
        assert!(left.iter().any(|token| token.hash == ids[1].hash()));
        assert!(left.iter().all(|token| token.hash != ids[0].hash()));
    }

    #[tokio::test]
    async fn an_operator_issues_tokens_without_a_password() {
        let fixture = with_ann(testing::standard()).await;
        let request = TokenRequest {
            ttl: Some(60.0),
            scopes: vec!["report".to_owned()],
            name: Some("nightly".to_owned()),
            fixed: true,
            host: None,
        };
        let issued = fixture.accounts.issue(&1.into(), request).await.unwrap();
        let token = fixture.accounts.tokens(&1.into()).await.unwrap().remove(0);
        assert_eq!((token.ttl, token.name.as_deref()), (Some(60.0), Some("nightly")));
        assert_eq!((token.scopes, token.hash), (vec!["report".to_owned()], issued.id.hash()));
        let nobody = fixture.accounts.issue(&99.into(), TokenRequest::default()).await;
        assert!(matches!(nobody, Err(Fault::UnknownUser(_))));
    }
}
