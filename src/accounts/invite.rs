//! Invitations: accounts without a password, and the link that sets the first one.

use std::fmt;

use serde_json::{Map, Value};

use super::{
    Accounts, Actor, Fault, TokenRequest, audit,
    event::{About, Event},
    profile::{Draft, Verified},
    recover::RESET_SCOPE,
};
use crate::{
    identity::TokenId,
    mail::Message,
    store::{Change, CommitError, Outcome, Token, User, UserDraft},
};

/// The longest lifetime of an invitation in seconds: a week, because the invited person does not wait for the mail.
const INVITE_TTL: f64 = 7.0 * 86_400.0;

/// The name of an invitation's token, by which lists show what it is.
const NAME: &str = "(invitation)";

/// An account and the link that sets its first password.
pub struct Invitation {
    /// The account.
    pub user: User,
    /// The link. It is shown once.
    pub link: String,
    /// The seconds that the link lives.
    pub lifetime: f64,
    /// Whether a mail with a link is on its way, too.
    pub mailed: bool,
}

/// Without the link.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("user", &self.user.id).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Creates an account without a password, and a link that sets the first one. An account that still has no password
    /// gets another link; the earlier ones end.
    ///
    /// # Errors
    /// [`Fault::Invalid`], among others if the address has an account with a password.
    pub async fn invite(&self, actor: Actor<'_>, email: &str) -> Result<Invitation, Fault> {
        let known = self.store.find_user(&self.settings.keys().email(None, email)).await?;
        let user = match known.filter(|user| user.password.is_none() && !user.disabled) {
            Some(user) => {
                let mut batch = self.earlier_invitations(&user).await?;
                self.announce_mail(&mut batch, actor, Message::Invite, About::User(&user), Value::Null)?;
                self.commit(batch).await?;
                user
            }
            None => self.create_invited(actor, email).await?,
        };
        let id = self.invitation_token(&user, None).await?;
        audit::record("user.invited", actor, Some(&user.id), None);
        let mailed = self.settings.mails.contains(&Message::Invite);
        Ok(Invitation { link: self.invitation_url(&id), user, lifetime: self.invitation_lifetime(), mailed })
    }

    /// Ends the links of a user's earlier invitations.
    async fn earlier_invitations(&self, user: &User) -> Result<Vec<Change>, Fault> {
        let tokens = self.store.tokens(Some(&user.id)).await?;
        let is_invitation = |token: &Token| token.name.as_deref().is_some_and(|name| name.starts_with(NAME));
        let earlier = tokens.into_iter().filter(is_invitation);
        Ok(earlier.map(|token| Change::DeleteToken(token.hash)).collect())
    }

    /// How long an invitation lives, in seconds: a week, or `users.max_ttl`, which no token outlives.
    pub(super) fn invitation_lifetime(&self) -> f64 {
        INVITE_TTL.min(self.settings.max_ttl)
    }

    async fn create_invited(&self, actor: Actor<'_>, email: &str) -> Result<User, Fault> {
        let data = Map::from_iter([("email".to_owned(), Value::from(email))]);
        let draft = self.vetted(self.invited_draft(data)?, &Default::default(), None).await?;
        self.admit_write(actor, &draft.properties, None)?;
        let mut batch = actor.conditions();
        batch.push(Change::CreateUser(UserDraft {
            properties: draft.properties.clone(),
            ..UserDraft::default()
        }));
        let about = About::Created(&draft.properties);
        self.announce(&mut batch, actor, Event::new("user.registered", about))?;
        self.announce_mail(&mut batch, actor, Message::Invite, about, Value::Null)?;
        match self.commit(batch).await {
            Ok(outcomes) => {
                let user = outcomes.into_iter().find_map(|outcome| match outcome {
                    Outcome::User(user) => Some(*user),
                    _ => None,
                });
                user.ok_or(Fault::Contended)
            }
            Err(CommitError::Taken { keys, .. }) => Err(self.taken(&draft, &keys)),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates the token of an invitation. It sets one password and can do nothing else. A second delivery of the mail of
    /// an event ends the token of the first.
    pub(super) async fn invitation_token(&self, user: &User, event: Option<&str>) -> Result<TokenId, Fault> {
        let name = event.map_or_else(|| NAME.to_owned(), |event| format!("{NAME} {event}"));
        if event.is_some() {
            let tokens = self.store.tokens(Some(&user.id)).await?;
            let earlier = tokens.into_iter().filter(|token| token.name.as_deref() == Some(&name));
            self.commit(earlier.map(|token| Change::DeleteToken(token.hash)).collect()).await?;
        }
        let request = TokenRequest {
            ttl: Some(self.invitation_lifetime()),
            scopes: vec![RESET_SCOPE.to_owned()],
            name: Some(name),
            fixed: true,
            host: None,
        };
        Ok(self.issue_with(user.clone(), request, None, Vec::new()).await?.id)
    }

    /// The properties of an account that gets its password later.
    fn invited_draft(&self, data: Map<String, Value>) -> Result<Draft, Fault> {
        let mut draft = Draft::read(&self.settings, &self.passwords, Verified::Never, data)?;
        draft.violations.retain(|violation| violation.property != "password");
        Ok(draft)
    }

    /// The page that sets the first password.
    pub(super) fn invitation_url(&self, id: &TokenId) -> String {
        format!("{}/.portcullis/invite?token={}", self.settings.links.base, id.expose())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::accounts::{
        Settings,
        testing::{self, CLIENT, TestAccounts, fixture},
    };

    fn token(link: &str) -> String {
        link.split_once("/.portcullis/invite?token=").unwrap().1.to_owned()
    }

    async fn accept(fixture: &TestAccounts, link: &str, password: &str) -> Result<(), Fault> {
        let session = fixture.accounts.session(&token(link)).await?;
        let Actor::Client { address, request_id, reach, .. } = CLIENT else { panic!("not a client") };
        let actor = Actor::Client { address, request_id, session: Some(&session), reach, by_cookie: false };
        fixture.accounts.reset_password(actor, &session, password).await
    }

    #[tokio::test]
    async fn an_invited_user_sets_a_password_once_and_has_a_confirmed_address() {
        for settings in [testing::standard(), testing::loopback()] {
            let fixture = fixture(Settings { email_verification_required: true, ..settings }).await;
            let invited = fixture.accounts.invite(Actor::Operator, "ann@b.c").await.unwrap();
            let login = json!({"email": "ann@b.c", "password": "a-good-password"});
            assert!(matches!(fixture.login(&login).await, Err(Fault::LoginFailed)), "no password, no login");
            accept(&fixture, &invited.link, "a-good-password").await.unwrap();
            let second = accept(&fixture, &invited.link, "another-good-one").await;
            assert!(
                matches!(
                    second,
                    Err(Fault::LoginFailed
                        | Fault::TokenExpired
                        | Fault::TokenRequired
                        | Fault::SessionEnded)
                ),
                "{second:?}"
            );
            fixture.login(&login).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_second_invitation_is_another_link_until_there_is_a_password() {
        let fixture = fixture(testing::standard()).await;
        let first = fixture.accounts.invite(Actor::Operator, "ann@b.c").await.unwrap();
        let second = fixture.accounts.invite(Actor::Operator, "ann@b.c").await.unwrap();
        assert_eq!(first.user.id, second.user.id);
        accept(&fixture, &first.link, "a-good-password").await.unwrap_err();
        accept(&fixture, &second.link, "another-good-one").await.unwrap();
        let third = fixture.accounts.invite(Actor::Operator, "ann@b.c").await;
        assert!(matches!(third, Err(Fault::Invalid(_))), "{third:?}");
        let bad = fixture.accounts.invite(Actor::Operator, "nonsense").await;
        assert!(matches!(bad, Err(Fault::Invalid(_))), "{bad:?}");
    }

    #[tokio::test]
    async fn an_invitation_lives_a_week_and_is_no_login() {
        let fixture = fixture(testing::standard()).await;
        let invited = fixture.accounts.invite(Actor::Operator, "ann@b.c").await.unwrap();
        let stored = fixture.accounts.tokens(&invited.user.id).await.unwrap();
        assert_eq!(
            (stored[0].ttl, stored[0].scopes.clone()),
            (Some(604_800.0), vec![RESET_SCOPE.to_owned()])
        );
        fixture.clock.advance(std::time::Duration::from_secs(7 * 86_400 + 1));
        accept(&fixture, &invited.link, "a-good-password").await.unwrap_err();
    }

    #[tokio::test]
    async fn an_invitation_outlives_no_longest_lifetime() {
        let fixture = fixture(Settings { max_ttl: 3600.0, ..testing::standard() }).await;
        let invited = fixture.accounts.invite(Actor::Operator, "ann@b.c").await.unwrap();
        let stored = fixture.accounts.tokens(&invited.user.id).await.unwrap();
        assert_eq!((invited.lifetime, stored[0].ttl), (3600.0, Some(3600.0)), "what is told is what holds");
    }
}
