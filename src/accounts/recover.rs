//! Forgotten and changed passwords (loopback3.md section 6).

use serde_json::{Map, Value, json};

use super::{
    Accounts, Asker, Fault, audit,
    change::{ATTEMPTS, Edit},
    event::About,
    inspect::to_text,
    login::Claim,
    profile::truthy,
    query::Query,
};
use crate::{
    identity::{Password, UserId},
    limit::Door,
    store::{CommitError, Session, User},
};

/// The scope of a token that can do nothing but reset a password.
pub(super) const RESET_SCOPE: &str = "reset-password";

/// A wish for a token that resets the password.
#[derive(Clone, Debug)]
pub struct Reset {
    email: String,
    realm: Option<String>,
}

impl Reset {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`Fault::EmailRequired`], and [`Fault::Password`] for a `password` that could not be one: LoopBack looks at
    /// it, and does nothing with it.
    pub fn read(accounts: &Accounts, body: &Map<String, Value>) -> Result<Self, Fault> {
        let Some(Value::String(email)) = body.get("email") else { return Err(Fault::EmailRequired) };
        match body.get("password").filter(|password| truthy(password)) {
            None => {}
            Some(Value::String(password)) => drop(accounts.passwords.accept(password)?),
            Some(_) => return Err(Fault::Password(super::PasswordFault::Empty)),
        }
        let realm = body.get("realm").filter(|realm| truthy(realm)).map(to_text);
        Ok(Self { email: email.clone(), realm })
    }

    /// Reads an event's body.
    pub(super) fn of_event(more: &Value) -> Option<Self> {
        let text = |name: &str| more.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { email: text("email")?, realm: text("realm") })
    }
}

impl Accounts {
    /// Asks for a token that resets a password; the courier makes and sends it.
    ///
    /// In profile `standard` the answer and its time say nothing of whether anybody has the address: nobody is
    /// looked up before the event is delivered.
    ///
    /// # Errors
    /// [`Fault::Limited`]; in profile `loopback3` [`Fault::EmailNotFound`] and [`Fault::ResetNotVerified`].
    pub async fn request_reset(&self, asker: Asker<'_>, reset: Reset) -> Result<(), Fault> {
        self.admit(Door::Reset, asker)?;
        let user = if self.settings.loopback {
            let user = self.user_to_reset(&reset).await?.ok_or(Fault::EmailNotFound)?;
            if self.settings.email_verification_required && !user.email_verified() {
                return Err(Fault::ResetNotVerified);
            }
            Some(user)
        } else {
            None
        };
        let about = user.as_ref().map_or(About::Nobody, About::User);
        let mut more = json!({ "email": reset.email });
        if let (Some(realm), Value::Object(more)) = (reset.realm, &mut more) {
            more.insert("realm".to_owned(), realm.into());
        }
        let mut batch = Vec::new();
        self.announce(&mut batch, "reset.requested", asker, about, more)?;
        self.commit(batch).await?;
        audit::record("reset.requested", asker, user.as_ref().map(|user| &user.id), None);
        Ok(())
    }

    /// Whom a reset is for: the first who has the address, in the realm if one is given.
    pub(super) async fn user_to_reset(&self, reset: &Reset) -> Result<Option<User>, Fault> {
        let keys = self.settings.keys();
        if !keys.per_realm || reset.realm.is_some() {
            let key = keys.email(reset.realm.as_deref(), &reset.email);
            let found = self.store.find_user(&key).await?;
            let realm = reset.realm.as_deref();
            return Ok(found.filter(|user| realm.is_none() || user.realm() == realm));
        }
        let mut conditions = Map::new();
        conditions.insert("email".to_owned(), reset.email.clone().into());
        let filter = json!({ "where": conditions });
        let query: Query = self.query_one(Some(&filter))?;
        Ok(self.find(&query).await?.pop())
    }

    /// Gives the session's user a new password. Their other sessions end; in profile `standard` a token that was
    /// made for this ends, too.
    ///
    /// # Errors
    /// [`Fault::SessionUserGone`], [`Fault::Password`], or the parts' own.
    pub async fn reset_password(
        &self,
        asker: Asker<'_>,
        session: &Session,
        password: &str,
    ) -> Result<(), Fault> {
        let id = session.subject.load().id.clone();
        self.present(&id).await?;
        let is_reset = session.scopes.iter().any(|scope| scope == RESET_SCOPE);
        self.renew(asker, &id, password, is_reset && !self.settings.loopback).await
    }

    /// Gives the session's user a new password, if they know the old one.
    ///
    /// # Errors
    /// [`Fault::WrongPassword`], or as [`Accounts::reset_password`].
    pub async fn change_password(
        &self,
        asker: Asker<'_>,
        session: &Session,
        (old, new): (&str, &str),
    ) -> Result<(), Fault> {
        let id = session.subject.load().id.clone();
        let user = self.present(&id).await?;
        let old = Password::new(old.to_owned());
        self.check_password(asker, Claim::User(user), &old).await.map_err(|fault| match fault {
            Fault::LoginFailed => Fault::WrongPassword,
            other => other,
        })?;
        self.renew(asker, &id, new, false).await
    }

    async fn present(&self, id: &UserId) -> Result<User, Fault> {
        self.store.user(id).await?.ok_or_else(|| Fault::SessionUserGone(id.clone()))
    }

    async fn renew(
        &self,
        asker: Asker<'_>,
        id: &UserId,
        password: &str,
        ends_own: bool,
    ) -> Result<(), Fault> {
        let secret = self.passwords.accept(password)?;
        let hash = self.hashed(secret).await?;
        for _ in 0..ATTEMPTS {
            let old = self.present(id).await?;
            let edit = self.edited(&old, old.properties.clone(), Some(hash.clone()));
            match self.save(asker, &old, Edit { ends_own, ..edit }).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. } | CommitError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }
}
