//! Forgotten and changed passwords (docs/loopback-3.28.md section 6).

use serde_json::{Map, Value};

pub(super) use super::issue::{RESET_NAME, RESET_SCOPE};
use super::{
    Accounts, Actor, Fault, Reader, audit,
    change::{ATTEMPTS, Edit, set_verified},
    event::{About, Event},
    login::Claim,
    profile::MAX_NAME,
};

use crate::{
    identity::{Password, UserId},
    javascript::{to_text, truthy},
    limit::LimitKind,
    mail::Message,
    store::{CommitError, Session, User},
};

/// A request for a password reset.
#[derive(Clone, Debug)]
pub struct Reset {
    email: String,
    realm: Option<String>,
    /// The reader, if a page asks. LoopBack has none: its API is more reluctant.
    page: Option<Reader>,
}

/// The current password and the new one.
#[derive(Clone, Copy)]
pub struct PasswordChange<'a> {
    /// The current password.
    pub old: &'a str,
    /// The new password.
    pub new: &'a str,
}

/// The proof that a caller may set a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// The caller's session. The commit requires that it is still live.
    Session {
        /// Whether the session ends with the change.
        ends: bool,
        /// Whether its token was sent to the user's address.
        confirms: bool,
    },
    /// The current password. It must still be the user's at the commit.
    OldPassword,
}

impl Reset {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Fault::EmailRequired`], and [`Fault::Password`] for a `password` that is not valid: LoopBack validates one
    /// here and then ignores it.
    pub fn read(accounts: &Accounts, body: &Map<String, Value>) -> Result<Self, Fault> {
        let Some(Value::String(email)) = body.get("email") else { return Err(Fault::EmailRequired) };
        match body.get("password").filter(|password| truthy(password)) {
            None => {}
            Some(Value::String(password)) => drop(accounts.passwords.accept(password)?),
            Some(_) => return Err(Fault::Password(super::PasswordError::Empty)),
        }
        let realm = body.get("realm").filter(|realm| truthy(realm)).map(to_text);
        Ok(Self { email: email.clone(), realm, page: None })
    }

    /// The same for a page: the link is mailed to an unconfirmed address in every profile.
    #[must_use]
    pub fn of_page(self, reader: Reader) -> Self {
        Self { page: Some(reader), ..self }
    }

    /// Whether the event of a request is one of a page.
    pub(super) fn is_of_page(more: &Value) -> bool {
        more.get("page") == Some(&Value::Bool(true))
    }

    /// What the event of the request says.
    fn facts(&self) -> Value {
        let mut more = Map::from_iter([("email".to_owned(), self.email.clone().into())]);
        if let Some(realm) = &self.realm {
            more.insert("realm".to_owned(), realm.clone().into());
        }
        if let Some(reader) = &self.page {
            more.insert("page".to_owned(), true.into());
            more.extend(reader.facts().as_object().cloned().unwrap_or_default());
        }
        more.into()
    }

    /// Whether no user can have this address or realm, because it is too long. Its event would only occupy the outbox.
    fn is_unassignable(&self) -> bool {
        self.email.len() > MAX_NAME || self.realm.as_ref().is_some_and(|realm| realm.len() > MAX_NAME)
    }

    /// The same in a realm.
    pub(super) fn in_realm(self, realm: Option<&str>) -> Self {
        Self { realm: realm.map(str::to_owned), ..self }
    }

    /// The address of a registration; `None` without one.
    pub(super) fn of_registration(data: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { email: text("email")?, realm: text("realm"), page: None })
    }

    /// Reads the body of an event.
    pub(super) fn of_event(more: &Value) -> Option<Self> {
        more.as_object().and_then(Self::of_registration)
    }
}

impl Accounts {
    /// Requests a token that resets the password. The dispatcher creates and sends it.
    ///
    /// In profile `standard` neither the answer nor its time tells whether a user has the address: no user is looked up
    /// before the event is delivered.
    ///
    /// # Errors
    /// [`Fault::Limited`]; in profile `loopback3` [`Fault::EmailNotFound`] and [`Fault::ResetNotVerified`].
    pub async fn request_reset(&self, actor: Actor<'_>, reset: Reset) -> Result<(), Fault> {
        self.admit(LimitKind::Reset, actor)?;
        let user = if self.settings.loopback {
            let user = self.user_to_reset(&reset).await?.ok_or(Fault::EmailNotFound)?;
            let must_confirm = self.settings.email_verification_required && reset.page.is_none();
            if must_confirm && !user.email_verified() {
                return Err(Fault::ResetNotVerified);
            }
            Some(user)
        } else {
            None
        };
        // The answer is the same as for any other address.
        if reset.is_unassignable() {
            return Ok(());
        }
        let about = user.as_ref().map_or(About::NoUser, About::User);
        // The typed address only finds the user. The mail goes to the stored address.
        let event = Event::new("reset.requested", about).with(reset.facts()).mailed(Message::Reset);
        let mut batch = Vec::new();
        self.announce(&mut batch, actor, event)?;
        self.commit(batch).await?;
        audit::record("reset.requested", actor, user.as_ref().map(|user| &user.id), None);
        Ok(())
    }

    /// Tells the owner of an address that a registration gave it: the answer alone would tell it to others only. An
    /// account whose address still has to be confirmed gets that link again, because it can do nothing else.
    pub(super) async fn tell_owner(
        &self,
        actor: Actor<'_>,
        address: Reset,
        reader: &Reader,
    ) -> Result<(), Fault> {
        if address.is_unassignable() {
            return Ok(());
        }
        let Some(owner) = self.user_to_reset(&address).await? else { return Ok(()) };
        let (mut batch, about) = (Vec::new(), About::User(&owner));
        let is_waiting = self.settings.email_verification_required && !owner.email_verified();
        if is_waiting && owner.password.is_some() && !owner.disabled {
            let event = Event::new("verification.requested", about).with(reader.facts());
            self.announce(&mut batch, actor, event.mailed(Message::Confirm))?;
        } else {
            self.announce_mail(&mut batch, actor, Message::NameTaken, about, reader.facts())?;
        }
        self.commit(batch).await?;
        Ok(())
    }

    /// The user of a reset: the first with this address, in the realm if one is given.
    pub(super) async fn user_to_reset(&self, reset: &Reset) -> Result<Option<User>, Fault> {
        let keys = self.settings.keys();
        if !keys.per_realm || reset.realm.is_some() {
            let key = keys.email(reset.realm.as_deref(), &reset.email);
            let found = self.store.find_user(&key).await?;
            let realm = reset.realm.as_deref();
            return Ok(found.filter(|user| realm.is_none() || user.realm() == realm));
        }
        Ok(self.store.users_named(&keys.email(None, &reset.email), 1).await?.pop())
    }

    /// Sets a new password for the session's user, and ends their other sessions. Profile `standard` requires a reset
    /// token, which ends with the change. There a mailed one also confirms the address that it was sent to.
    ///
    /// # Errors
    /// [`Fault::SessionUserGone`], [`Fault::ResetTokenRequired`], [`Fault::Password`], [`Fault::SessionEnded`] for the
    /// second use of a token, or an error of a step.
    pub async fn reset_password(
        &self,
        actor: Actor<'_>,
        session: &Session,
        password: &str,
    ) -> Result<(), Fault> {
        self.reset_by(actor, session, password, !self.settings.loopback).await
    }

    /// As [`Accounts::reset_password`], by the page of a mailed link: in every profile the link sets one password, and
    /// the address that it was mailed to is confirmed.
    ///
    /// # Errors
    /// As [`Accounts::reset_password`].
    pub async fn follow_link(
        &self,
        actor: Actor<'_>,
        session: &Session,
        password: &str,
    ) -> Result<(), Fault> {
        self.reset_by(actor, session, password, true).await
    }

    /// `is_strict`: unlike LoopBack's API, see [`Accounts::follow_link`].
    async fn reset_by(
        &self,
        actor: Actor<'_>,
        session: &Session,
        password: &str,
        is_strict: bool,
    ) -> Result<(), Fault> {
        let user = self.present(&session.subject.load().id).await?;
        let is_reset = is_reset(session);
        if !self.takes_for_reset(session) {
            return Err(Fault::ResetTokenRequired);
        }
        // In LoopBack a reset token stays valid until it expires (docs/loopback-3.28.md section 6.2). The token of an
        // invitation, which LoopBack does not have, sets one password.
        let is_first = user.password.is_none();
        // Who sets the first password by the link of an invitation has read the mail, or got the link of the operator
        // who gave the address.
        let confirms = (is_reset && is_first) || (is_strict && self.is_mailed(session, &user).await?);
        self.renew(actor, user, password, Proof::Session { ends: is_strict || is_first, confirms }).await
    }

    /// Whether the token of a session was mailed to the user's address, for a new password. It ends when the address
    /// changes.
    async fn is_mailed(&self, session: &Session, user: &User) -> Result<bool, Fault> {
        let tokens = self.store.tokens(Some(&user.id)).await?;
        let own = tokens.iter().find(|token| token.hash == session.hash);
        Ok(own.and_then(|token| token.name.as_deref()).is_some_and(|name| name.starts_with(RESET_NAME)))
    }

    /// Whether the token of this session may set a password without the old one.
    #[must_use]
    pub fn takes_for_reset(&self, session: &Session) -> bool {
        is_reset(session) || self.settings.loopback
    }

    /// Sets a new password for the session's user, who proves that they know the old one.
    ///
    /// # Errors
    /// [`Fault::WrongPassword`], or as [`Accounts::reset_password`].
    pub async fn change_password(
        &self,
        actor: Actor<'_>,
        session: &Session,
        PasswordChange { old, new }: PasswordChange<'_>,
    ) -> Result<(), Fault> {
        // LoopBack answers a wrong old password with 400, not with the 401 of a login (docs/loopback-3.28.md section
        // 6.3).
        let user = self.prove(actor, session, old).await?;
        self.renew(actor, user, new, Proof::OldPassword).await
    }

    /// The session's user, who proves that they know the password, before what a stolen session must not do.
    ///
    /// # Errors
    /// [`Fault::WrongPassword`], [`Fault::Limited`], or an error of a step.
    pub async fn prove(&self, actor: Actor<'_>, session: &Session, password: &str) -> Result<User, Fault> {
        let user = self.present(&session.subject.load().id).await?;
        let password = Password::new(password.to_owned());
        let checked = self.check_password(actor, Claim::User(user), &password).await;
        checked.map(|(user, _)| user).map_err(|fault| match fault {
            Fault::LoginFailed => Fault::WrongPassword,
            other => other,
        })
    }

    async fn present(&self, id: &UserId) -> Result<User, Fault> {
        self.store.user(id).await?.ok_or_else(|| Fault::SessionUserGone(id.clone()))
    }

    /// Replaces the password of `known`. The proof must still hold at the commit.
    async fn renew(&self, actor: Actor<'_>, known: User, password: &str, proof: Proof) -> Result<(), Fault> {
        let secret = self.passwords.accept(password)?;
        self.passwords.accept_beside(&secret, &[known.email(), known.username()])?;
        let hash = self.hashed(actor, Some(&known.id), secret).await?;
        let (mut old, proven) = (known.clone(), known.password.clone());
        let ends_own = matches!(proof, Proof::Session { ends: true, .. });
        let confirms = matches!(proof, Proof::Session { confirms: true, .. }) && old.email().is_some();
        for _ in 0..ATTEMPTS {
            let mut properties = old.properties.clone();
            if confirms && old.email() == known.email() {
                set_verified(&mut properties, true);
            }
            let edit = self.edited(actor, &old, properties, Some(hash.clone()))?;
            match self.save(actor, &old, Edit { ends_own, ..edit }).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. } | CommitError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            old = self.present(&old.id).await?;
            // Another request has changed the password since the old one was checked.
            if proof == Proof::OldPassword && old.password != proven {
                return Err(Fault::WrongPassword);
            }
        }
        Err(Fault::Contended)
    }
}

fn is_reset(session: &Session) -> bool {
    session.scopes.iter().any(|scope| scope == RESET_SCOPE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::accounts::{
        Settings, TokenRequest,
        testing::{self, CLIENT, TestAccounts, fixture, map},
    };

    const GOOD: &str = "a-good-password";
    const NEW: &str = "another-good-password";

    async fn ann(settings: Settings) -> TestAccounts {
        let fixture = fixture(settings).await;
        let data = json!({"username": "ann", "email": "ann@b.c", "password": GOOD});
        fixture.register(&data).await.unwrap();
        fixture
    }

    async fn request(fixture: &TestAccounts, body: &Value) -> Result<(), Fault> {
        let reset = Reset::read(&fixture.accounts, &map(body))?;
        fixture.accounts.request_reset(CLIENT, reset).await
    }

    /// A session of user 1 with these scopes.
    async fn session(fixture: &TestAccounts, scopes: &[&str]) -> Arc<Session> {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let request = TokenRequest { scopes, ..TokenRequest::default() };
        let issued = fixture.accounts.issue(&1.into(), request).await.unwrap();
        fixture.accounts.session(issued.id.expose()).await.unwrap()
    }

    fn with(session: &Session) -> Actor<'_> {
        let Actor::Client { address, request_id, reach, .. } = CLIENT else { panic!("not a client") };
        Actor::Client { address, request_id, session: Some(session), reach, by_cookie: false }
    }

    #[tokio::test]
    async fn asks_for_a_reset_as_loopback_does() {
        let fixture = ann(testing::loopback()).await;
        for (body, expected) in [
            (json!({"email": "ann@b.c"}), "ok"),
            (json!({"email": "ann@b.c", "realm": "", "password": ""}), "ok"),
            (json!({"email": "ANN@b.c"}), "no user has this email"),
            (json!({"email": ""}), "no user has this email"),
            (json!({"email": "ann@b.c", "realm": 5}), "no user has this email"),
            (json!({}), "an email is required"),
            (json!({"email": ["ann@b.c"], "password": 5}), "an email is required"),
            (json!({"email": "x@y", "password": 5}), "Invalid password."),
        ] {
            let told =
                request(&fixture, &body).await.map_or_else(|fault| fault.to_string(), |()| "ok".to_owned());
            assert_eq!(told, expected, "{body}");
        }
        let fixture = ann(Settings { email_verification_required: true, ..testing::loopback() }).await;
        let unverified = request(&fixture, &json!({"email": "ann@b.c"})).await;
        assert!(matches!(unverified, Err(Fault::ResetNotVerified)), "{unverified:?}");
        let reset = Reset::read(&fixture.accounts, &map(&json!({"email": "ann@b.c"}))).unwrap();
        fixture.accounts.request_reset(CLIENT, reset.of_page(Reader::default())).await.unwrap();
    }

    #[tokio::test]
    async fn a_mailed_link_confirms_the_address_but_not_by_loopbacks_api() {
        for (settings, name, by_page, expected) in [
            (testing::standard(), "(password reset) e1 mail", false, true),
            (testing::standard(), "(password reset) e1 webhook", true, true),
            (testing::standard(), "by hand", true, false),
            (testing::loopback(), "(password reset) e1 mail", true, true),
            (testing::loopback(), "(password reset) e1 mail", false, false),
        ] {
            let fixture = ann(settings).await;
            let request = TokenRequest {
                scopes: vec![RESET_SCOPE.to_owned()],
                name: Some(name.to_owned()),
                ..TokenRequest::default()
            };
            let issued = fixture.accounts.issue(&1.into(), request).await.unwrap();
            let reset = fixture.accounts.session(issued.id.expose()).await.unwrap();
            if by_page {
                fixture.accounts.follow_link(with(&reset), &reset, NEW).await.unwrap();
                assert!(fixture.store.sessions().get(&reset.hash).is_none(), "good once: {name}");
            } else {
                fixture.accounts.reset_password(with(&reset), &reset, NEW).await.unwrap();
            }
            let user = fixture.accounts.user(&1.into()).await.unwrap();
            assert_eq!(user.email_verified(), expected, "{name} {by_page}");
        }
    }

    #[tokio::test]
    async fn standard_says_nothing_of_who_has_an_address() {
        let settings = Settings { email_verification_required: true, events: true, ..testing::standard() };
        let fixture = ann(settings).await;
        for email in ["ann@b.c", "nobody@b.c"] {
            request(&fixture, &json!({ "email": email })).await.unwrap();
        }
        let entries = fixture.store.outbox(10).await.unwrap();
        let resets: Vec<_> = entries.iter().filter(|entry| entry.kind == "reset.requested").collect();
        assert_eq!(resets.len(), 2);
        assert!(resets.iter().all(|entry| entry.user.is_none()), "nobody was looked up");
    }

    #[tokio::test]
    async fn realms_tell_equal_addresses_apart() {
        let settings =
            Settings { realm_required: true, realm_delimiter: Some(":".to_owned()), ..testing::loopback() };
        let fixture = fixture(settings).await;
        for realm in ["r1", "r2"] {
            let data = json!({"email": "m@b.c", "realm": realm, "password": GOOD});
            fixture.register(&data).await.unwrap();
        }
        let whose = async |body: Value| {
            let reset = Reset::read(&fixture.accounts, &map(&body)).unwrap();
            fixture.accounts.user_to_reset(&reset).await.unwrap().map(|user| user.id)
        };
        assert_eq!(whose(json!({"email": "m@b.c"})).await, Some(1.into()), "the first of all realms");
        assert_eq!(whose(json!({"email": "m@b.c", "realm": "r2"})).await, Some(2.into()));
        assert_eq!(whose(json!({"email": "m@b.c", "realm": "r3"})).await, None);
        assert_eq!(whose(json!({"email": "r2:m@b.c"})).await, None);
    }

    #[tokio::test]
    async fn a_reset_token_is_good_once_in_standard() {
        for (settings, survives) in [(testing::standard(), false), (testing::loopback(), true)] {
            let fixture = ann(settings).await;
            let other = session(&fixture, &[]).await;
            let reset = session(&fixture, &[RESET_SCOPE]).await;
            fixture.accounts.reset_password(with(&reset), &reset, NEW).await.unwrap();
            assert_eq!(fixture.store.sessions().get(&reset.hash).is_some(), survives);
            assert!(fixture.store.sessions().get(&other.hash).is_none());
            fixture.login(&json!({"username": "ann", "password": NEW})).await.unwrap();
        }
    }

    #[tokio::test]
    async fn d7_a_name_without_a_realm_is_looked_up_not_searched() {
        let realms =
            Settings { realm_required: true, realm_delimiter: Some(":".to_owned()), ..testing::loopback() };
        let fixture = fixture(realms).await;
        for realm in ["r1", "r2", "r3"] {
            let data = json!({"email": "m@b.c", "username": "m", "realm": realm, "password": GOOD});
            fixture.register(&data).await.unwrap();
        }
        for given in [json!({"email": "m@b.c"}), json!({"and": [{"username": "m"}, {"realm": "r2"}]})] {
            let query = fixture.accounts.query(Some(&json!({ "where": given }))).unwrap();
            let few = fixture.accounts.pinned(&query.conditions).await.unwrap();
            assert_eq!(few.map(|few| few.len()), Some(3), "{given}");
        }
        let found =
            fixture.accounts.query(Some(&json!({"where": {"email": "m@b.c", "realm": "r3"}}))).unwrap();
        assert_eq!(fixture.accounts.find(&found).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn c2_a_reset_token_sets_one_password_whoever_asks_at_once() {
        let fixture = ann(testing::standard()).await;
        let reset = session(&fixture, &[RESET_SCOPE]).await;
        // Both have passed the gate with the token.
        fixture.accounts.reset_password(with(&reset), &reset, NEW).await.unwrap();
        let second = fixture.accounts.reset_password(with(&reset), &reset, "a-third-good-password").await;
        assert!(matches!(second, Err(Fault::SessionEnded)), "{second:?}");
        fixture.login(&json!({"username": "ann", "password": NEW})).await.unwrap();
    }

    #[tokio::test]
    async fn c2_a_session_that_has_ended_changes_nothing_more() {
        for settings in [testing::standard(), testing::loopback()] {
            let fixture = ann(settings).await;
            let own = session(&fixture, &[]).await;
            let user = fixture.accounts.user(&1.into()).await.unwrap();
            fixture.accounts.logout(CLIENT, &own).await.unwrap();
            let patched = fixture.accounts.patch(with(&own), user.clone(), map(&json!({"nick": "x"}))).await;
            assert!(matches!(patched, Err(Fault::SessionEnded)), "{patched:?}");
            let change = PasswordChange { old: GOOD, new: NEW };
            let changed = fixture.accounts.change_password(with(&own), &own, change).await;
            assert!(matches!(changed, Err(Fault::SessionEnded)), "{changed:?}");
            let deleted = fixture.accounts.delete(with(&own), "1").await;
            assert!(matches!(deleted, Err(Fault::SessionEnded)), "{deleted:?}");
            let request =
                crate::accounts::NewToken::read(fixture.accounts.settings(), &map(&json!({}))).unwrap();
            let added = fixture.accounts.add_token(with(&own), &user, request).await;
            assert!(matches!(added, Err(Fault::SessionEnded)), "{added:?}");
        }
    }

    #[tokio::test]
    async fn c2_the_old_password_is_the_old_one_when_the_new_one_is_written() {
        let fixture = ann(testing::standard()).await;
        let own = session(&fixture, &[]).await;
        let known = fixture.accounts.user(&1.into()).await.unwrap();
        // Two have proven the old password; the first one's new one is in.
        fixture.accounts.renew(with(&own), known.clone(), NEW, Proof::OldPassword).await.unwrap();
        let late =
            fixture.accounts.renew(with(&own), known, "a-third-good-password", Proof::OldPassword).await;
        assert!(matches!(late, Err(Fault::WrongPassword)), "{late:?}");
        // What changes nothing of the password is no reason.
        let known = fixture.accounts.user(&1.into()).await.unwrap();
        fixture.accounts.patch(CLIENT, known.clone(), map(&json!({"nick": "x"}))).await.unwrap();
        fixture.accounts.renew(with(&own), known, GOOD, Proof::OldPassword).await.unwrap();
    }

    #[tokio::test]
    async fn c3_only_a_reset_token_sets_a_password_without_the_old_one() {
        for (settings, refused) in [(testing::standard(), true), (testing::loopback(), false)] {
            let fixture = ann(settings).await;
            for scopes in [&[][..], &["DEFAULT"][..], &["reports"][..]] {
                let own = session(&fixture, scopes).await;
                let set = fixture.accounts.reset_password(with(&own), &own, NEW).await;
                assert_eq!(matches!(set, Err(Fault::ResetTokenRequired)), refused, "{scopes:?}: {set:?}");
            }
            // Nor does a login make itself such a token.
            let row = json!({"scopes": [RESET_SCOPE]});
            let request = crate::accounts::NewToken::read(fixture.accounts.settings(), &map(&row));
            assert_eq!(matches!(request, Err(Fault::ReservedScope(_))), refused);
        }
    }

    #[tokio::test]
    async fn changes_a_password_for_who_knows_the_old_one() {
        let fixture = ann(testing::standard()).await;
        let (own, other) = (session(&fixture, &[]).await, session(&fixture, &[]).await);
        let change = async |old: &str, new: &str| {
            fixture.accounts.change_password(with(&own), &own, PasswordChange { old, new }).await
        };
        for (old, new, expected) in [
            ("wrong", "short", "the current password is wrong"),
            ("", NEW, "the current password is wrong"),
            (GOOD, "short", "The password entered was too short. Min length is 8 (entered 5)"),
        ] {
            assert_eq!(change(old, new).await.unwrap_err().to_string(), expected);
        }
        assert!(fixture.store.sessions().get(&other.hash).is_some());
        change(GOOD, NEW).await.unwrap();
        assert!(fixture.store.sessions().get(&other.hash).is_none());
        assert!(fixture.store.sessions().get(&own.hash).is_some());
        fixture.login(&json!({"username": "ann", "password": NEW})).await.unwrap();
    }

    #[tokio::test]
    async fn guesses_of_the_old_password_are_counted_as_logins() {
        let limits = crate::limit::Settings {
            login_per_client: Some("2/minute".parse().unwrap()),
            ..crate::limit::Settings::default()
        };
        let fixture = testing::limited_fixture(testing::standard(), &limits).await;
        fixture.register(&json!({"username": "ann", "email": "ann@b.c", "password": GOOD})).await.unwrap();
        let own = session(&fixture, &[]).await;
        let change = async |old: &str| {
            fixture.accounts.change_password(with(&own), &own, PasswordChange { old, new: NEW }).await
        };
        for _ in 0..2 {
            let guess = change("guess").await;
            assert!(matches!(guess, Err(Fault::WrongPassword)), "{guess:?}");
        }
        let third = change(GOOD).await;
        assert!(matches!(third, Err(Fault::Limited(_))), "{third:?}");
    }

    #[tokio::test]
    async fn a_session_of_nobody_changes_nothing() {
        let fixture = ann(testing::loopback()).await;
        let own = session(&fixture, &[]).await;
        fixture.accounts.delete(CLIENT, "1").await.unwrap();
        let gone = fixture.accounts.reset_password(with(&own), &own, NEW).await;
        assert!(matches!(gone, Err(Fault::SessionUserGone(_))), "{gone:?}");
    }
}
