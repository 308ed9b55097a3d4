//! Changing and deleting one user, and what that does to their sessions (loopback3.md sections 2.2 and 6.4).

use serde_json::{Map, Value, json};

use super::{
    Accounts, Asker, Fault, audit,
    event::About,
    find::id_value,
    inspect::to_text,
    profile::{Draft, Patch, Verified, truthy},
};
use crate::{
    identity::{PasswordHash, UserId},
    store::{Change, CommitError, Outcome, User},
};

/// Somebody else may change the same row meanwhile: so often it is tried again.
pub(super) const ATTEMPTS: usize = 10;

/// A change of one user, ready to be written.
pub(super) struct Edit {
    /// The user as they shall be.
    pub user: User,
    /// Whether a password was given, be it the one that was there before.
    pub password: bool,
    /// Whether the session that asks ends, too.
    pub ends_own: bool,
}

/// What a write checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checks {
    /// All of the model's rules.
    All,
    /// Only what the store itself insists on: names are unique. LoopBack's `PATCH /users` is so.
    Names,
}

impl Accounts {
    /// Changes some properties of a user.
    ///
    /// # Errors
    /// [`Fault::IdPatched`], [`Fault::PasswordChangeRefused`], [`Fault::Password`], [`Fault::Invalid`],
    /// [`Fault::TooDeep`], or the parts' own.
    pub async fn patch(&self, asker: Asker<'_>, user: User, data: Map<String, Value>) -> Result<User, Fault> {
        self.patch_with(asker, user, data, Checks::All).await
    }

    pub(super) async fn patch_with(
        &self,
        asker: Asker<'_>,
        user: User,
        mut data: Map<String, Value>,
        checks: Checks,
    ) -> Result<User, Fault> {
        same_id(&user.id, data.shift_remove("id"))?;
        self.may_change_password(&data)?;
        let Patch { data, secret } = Patch::read(&self.settings, &self.passwords, data)?;
        let hash = match secret {
            Some(secret) => Some(self.hashed(secret).await?),
            None => None,
        };
        let verified = self.verified(asker, &user.id);
        let id = user.id.clone();
        let mut known = Some(user);
        for _ in 0..ATTEMPTS {
            let old = match known.take() {
                Some(user) => user,
                None => self.user(&id).await?,
            };
            let patch = Patch { data: data.clone(), secret: None };
            let mut draft = Draft::patched(&self.settings, verified, &old, patch);
            if checks == Checks::Names {
                draft.violations.clear();
            }
            let draft = self.vetted(draft, &Default::default(), Some(&old.id)).await?;
            let edit = self.edited(&old, draft.properties.clone(), hash.clone());
            match self.save(asker, &old, edit).await {
                Ok(user) => return Ok(user),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(CommitError::Missing { .. }) => return Err(Fault::NoInstance(id.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// Replaces all properties of a user. `id` is what the path, or the body itself, names.
    ///
    /// # Errors
    /// As [`Accounts::patch`], [`Fault::IdReplaced`], and [`Fault::NothingToReplace`] once all else is right.
    pub async fn replace(
        &self,
        asker: Asker<'_>,
        id: &str,
        mut data: Map<String, Value>,
    ) -> Result<User, Fault> {
        let given = data.shift_remove("id").filter(truthy);
        let exact = UserId::parse(id);
        let verified = self.verified(asker, &exact);
        let draft = Draft::read(&self.settings, &self.passwords, verified, data)?;
        let is_own =
            |given: &Value| *given == id_value(&exact) || (!self.settings.loopback && to_text(given) == id);
        if let Some(given) = given.filter(|given| !is_own(given)) {
            return Err(Fault::IdReplaced { from: id.to_owned(), to: to_text(&given) });
        }
        if self.settings.reject_password_changes {
            // LoopBack's instance always has a password, if only an undefined one.
            return Err(Fault::PasswordChangeRefused);
        }
        let own = self.user_named(id).await?.map_or(exact.clone(), |user| user.id);
        let mut draft = self.vetted(draft, &Default::default(), Some(&own)).await?;
        let Some(secret) = draft.secret.take() else { return Err(Fault::Contended) };
        if self.store.user(&exact).await?.is_none() {
            return Err(Fault::NothingToReplace(id.to_owned()));
        }
        let hash = self.hashed(secret).await?;
        for _ in 0..ATTEMPTS {
            let Some(old) = self.store.user(&exact).await? else {
                return Err(Fault::NothingToReplace(id.to_owned()));
            };
            let mut properties = draft.properties.clone();
            if verified == Verified::Dropped
                && let Some(stored) = old.properties.get("emailVerified")
            {
                properties.insert("emailVerified".to_owned(), stored.clone());
            }
            let mut edit = self.edited(&old, properties, Some(hash.clone()));
            if self.settings.loopback {
                edit.user.verification = None;
            }
            match self.save(asker, &old, edit).await {
                Ok(user) => return Ok(user),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(CommitError::Missing { .. }) => return Err(Fault::NothingToReplace(id.to_owned())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// Deletes a user with their tokens and roles; whether there was one.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, asker: Asker<'_>, id: &str) -> Result<bool, Fault> {
        let Some(user) = self.user_named(id).await? else { return Ok(false) };
        let mut batch = vec![Change::DeleteUser(user.id.clone())];
        self.announce(&mut batch, "user.deleted", asker, About::User(&user), Value::Null)?;
        let outcomes = self.commit(batch).await?;
        let deleted = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Removed(1..)));
        if deleted {
            audit::record("user.deleted", asker, Some(&user.id), None);
        }
        Ok(deleted)
    }

    /// The change that makes a user have these properties.
    pub(super) fn edited(
        &self,
        old: &User,
        mut properties: Map<String, Value>,
        hash: Option<PasswordHash>,
    ) -> Edit {
        let mut verification = old.verification.clone();
        if properties.get("email") != old.properties.get("email") {
            // INVARIANT: a token that was sent to one address never confirms another.
            verification = None;
            let was = old.email_verified() && !self.settings.loopback;
            if self.settings.email_verification_required || was {
                unverify(&mut properties);
            }
        }
        let password = hash.is_some();
        let user =
            User { properties, password: hash.or_else(|| old.password.clone()), verification, ..old.clone() };
        Edit { user, password, ends_own: false }
    }

    /// Writes a change; ends the user's other sessions where the email or the password was changed.
    pub(super) async fn save(&self, asker: Asker<'_>, old: &User, edit: Edit) -> Result<User, CommitError> {
        let Edit { user, password, ends_own } = edit;
        let mut batch = vec![Change::UpdateUser(user.clone())];
        let email = user.properties.get("email").filter(|email| truthy(email));
        let moved = email.is_some() && email != old.properties.get("email");
        if moved || password {
            let except = asker.session().filter(|_| !ends_own).map(|session| session.hash);
            batch.push(Change::RevokeTokens { user: user.id.clone(), except });
        }
        let changed: Vec<&String> = changed(&old.properties, &user.properties);
        if !changed.is_empty() {
            let more = json!({ "changed": changed });
            self.tell(&mut batch, "user.changed", asker, &user, more)?;
        }
        if password {
            self.tell(&mut batch, "password.changed", asker, &user, Value::Null)?;
        }
        let outcomes = self.commit(batch).await?;
        if !changed.is_empty() {
            audit::record("user.changed", asker, Some(&user.id), None);
        }
        if password {
            audit::record("password.changed", asker, Some(&user.id), None);
        }
        let stored = outcomes.into_iter().find_map(|outcome| match outcome {
            Outcome::User(user) => Some(*user),
            _ => None,
        });
        Ok(stored.unwrap_or(user))
    }

    fn tell(
        &self,
        batch: &mut Vec<Change>,
        kind: &'static str,
        asker: Asker<'_>,
        user: &User,
        more: Value,
    ) -> Result<(), CommitError> {
        self.announce(batch, kind, asker, About::User(user), more).map_err(|_| CommitError::Busy)
    }

    /// What an `emailVerified` counts: in profile `standard` nobody's own.
    pub(super) fn verified(&self, asker: Asker<'_>, target: &UserId) -> Verified {
        if !self.settings.loopback && asker.is(target) { Verified::Dropped } else { Verified::AsSent }
    }

    /// `rejectPasswordChangesViaPatchOrReplace`: whatever stands under the name.
    pub(super) fn may_change_password(&self, data: &Map<String, Value>) -> Result<(), Fault> {
        if self.settings.reject_password_changes && data.contains_key("password") {
            return Err(Fault::PasswordChangeRefused);
        }
        Ok(())
    }
}

/// LoopBack's order: a new `emailVerified` stands where that property belongs.
fn unverify(properties: &mut Map<String, Value>) {
    if let Some(verified) = properties.get_mut("emailVerified") {
        *verified = false.into();
        return;
    }
    let at = ["realm", "username", "email"].iter().filter(|name| properties.contains_key(**name)).count();
    properties.shift_insert(at, "emailVerified".to_owned(), false.into());
}

fn same_id(id: &UserId, given: Option<Value>) -> Result<(), Fault> {
    let Some(given) = given else { return Ok(()) };
    let text = match &given {
        Value::Null => "null".to_owned(),
        other => to_text(other),
    };
    let scalar = given.is_string() || given.is_number();
    if scalar && id.to_string() == text {
        Ok(())
    } else {
        Err(Fault::IdPatched { from: id.to_string(), to: text })
    }
}

/// The names of what is different.
fn changed<'p>(old: &'p Map<String, Value>, new: &'p Map<String, Value>) -> Vec<&'p String> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    new.iter()
        .filter(|(name, value)| old.get(*name) != Some(value))
        .map(|(name, _)| name)
        .chain(gone)
        .collect()
}
