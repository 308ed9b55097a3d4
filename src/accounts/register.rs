//! New users, and new passwords for old ones.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Accounts, Asker, Fault, Violation, Violations, audit, password::Secret, profile::Draft};
use crate::{
    identity::{PasswordHash, UserId},
    limit::Door,
    store::{Change, CommitError, Outcome, User, UserDraft, UserKey},
};

/// Each item costs a password hash: more at once would hold a hashing thread for seconds.
pub(super) const MAX_BATCH: usize = 100;

impl Accounts {
    /// Creates a user with the properties that the asker sent, `password` among them.
    ///
    /// # Errors
    /// [`Fault::Limited`], [`Fault::Password`], [`Fault::Invalid`], [`Fault::TooDeep`], or the parts' own.
    pub async fn register(&self, asker: Asker<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        self.admit(Door::Register, asker)?;
        let draft = self.checked(asker, data, &HashSet::new()).await?;
        let user = self.create(draft).await?;
        audit::record("user.registered", asker, Some(&user.id), None);
        Ok(user)
    }

    /// Creates several users. In profile `standard` all or none; in `loopback3` those that can be.
    ///
    /// # Errors
    /// As [`Accounts::register`]; refused items come as [`Fault::Batch`].
    pub async fn register_many(
        &self,
        asker: Asker<'_>,
        items: Vec<Map<String, Value>>,
    ) -> Result<Vec<User>, Fault> {
        if items.len() > MAX_BATCH {
            return Err(Fault::BatchTooLong(MAX_BATCH));
        }
        for _ in &items {
            self.admit(Door::Register, asker)?;
        }
        let users = if self.settings.loopback {
            self.create_each(asker, items).await?
        } else {
            self.create_all(asker, items).await?
        };
        for user in &users {
            audit::record("user.registered", asker, Some(&user.id), None);
        }
        Ok(users)
    }

    /// Gives a user a new password and ends all of their sessions.
    ///
    /// # Errors
    /// [`Fault::Password`], [`Fault::UnknownUser`], or the parts' own.
    pub async fn set_password(&self, asker: Asker<'_>, id: &UserId, password: &str) -> Result<(), Fault> {
        let secret = self.passwords.accept(password)?;
        let hash = self.hashed(secret).await?;
        let user = User { password: Some(hash), ..self.user(id).await? };
        let batch = vec![Change::UpdateUser(user), Change::RevokeTokens { user: id.clone(), except: None }];
        match self.store.commit(batch).await {
            Ok(_) => {}
            Err(CommitError::Missing { .. }) => return Err(Fault::UnknownUser(id.clone())),
            Err(error) => return Err(error.into()),
        }
        audit::record("password.changed", asker, Some(id), None);
        Ok(())
    }

    /// LoopBack's batch: every item for itself.
    async fn create_each(
        &self,
        asker: Asker<'_>,
        items: Vec<Map<String, Value>>,
    ) -> Result<Vec<User>, Fault> {
        let (mut users, mut faults) = (Vec::new(), Vec::new());
        for data in items {
            let made = match self.checked(asker, data, &HashSet::new()).await {
                Ok(draft) => self.create(draft).await,
                Err(fault) => Err(fault),
            };
            match made {
                Ok(user) => {
                    users.push(user);
                    faults.push(None);
                }
                Err(fault) => faults.push(Some(refusal(fault)?)),
            }
        }
        if faults.iter().all(Option::is_none) { Ok(users) } else { Err(Fault::Batch(faults)) }
    }

    /// All of them in one commit, or none.
    async fn create_all(&self, asker: Asker<'_>, items: Vec<Map<String, Value>>) -> Result<Vec<User>, Fault> {
        let (mut drafts, mut faults, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for data in items {
            match self.checked(asker, data, &seen).await {
                Ok(draft) => {
                    let keys = self.settings.keys();
                    seen.extend([draft.email_key(keys), draft.username_key(keys)].into_iter().flatten());
                    drafts.push(draft);
                    faults.push(None);
                }
                Err(fault) => faults.push(Some(refusal(fault)?)),
            }
        }
        if faults.iter().any(Option::is_some) {
            return Err(Fault::Batch(faults));
        }
        let (mut batch, mut names) = (Vec::new(), Vec::new());
        for mut draft in drafts {
            let secret = draft.secret.take();
            batch.push(self.creation(std::mem::take(&mut draft.properties), secret).await?);
            names.push(draft);
        }
        match self.store.commit(batch).await {
            Ok(outcomes) => Ok(outcomes.into_iter().filter_map(created).collect()),
            Err(CommitError::Taken { change, keys }) => {
                let taken = names.get(change).map(|draft| self.taken(draft, &keys));
                if let (Some(slot), Some(fault)) = (faults.get_mut(change), taken) {
                    *slot = Some(fault);
                }
                Err(Fault::Batch(faults))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the properties and compares the names with other users', so that all faults are told at once.
    async fn checked(
        &self,
        asker: Asker<'_>,
        data: Map<String, Value>,
        seen: &HashSet<UserKey>,
    ) -> Result<Draft, Fault> {
        let mut draft = Draft::read(&self.settings, &self.passwords, asker, data)?;
        let keys = self.settings.keys();
        for key in [draft.email_key(keys), draft.username_key(keys)].into_iter().flatten() {
            if seen.contains(&key) || self.store.find_user(&key).await?.is_some() {
                draft.violations.push(draft.taken(&key));
            }
        }
        if draft.violations.is_empty() { Ok(draft) } else { Err(self.invalid(draft.violations)) }
    }

    async fn create(&self, mut draft: Draft) -> Result<User, Fault> {
        let secret = draft.secret.take();
        // Issue 4: `user.registered` joins this batch as a `Change::Enqueue`.
        let batch = vec![self.creation(std::mem::take(&mut draft.properties), secret).await?];
        match self.store.commit(batch).await {
            Ok(outcomes) => outcomes.into_iter().find_map(created).ok_or(Fault::Contended),
            Err(CommitError::Taken { keys, .. }) => Err(self.taken(&draft, &keys)),
            Err(error) => Err(error.into()),
        }
    }

    async fn creation(
        &self,
        properties: Map<String, Value>,
        secret: Option<Secret>,
    ) -> Result<Change, Fault> {
        let password = match secret {
            Some(secret) => Some(self.hashed(secret).await?),
            None => None,
        };
        Ok(Change::CreateUser(UserDraft { properties, password, verification: None }))
    }

    async fn hashed(&self, secret: Secret) -> Result<PasswordHash, Fault> {
        match secret {
            Secret::Plain(password) => Ok(self.hasher.hash(password).await?),
            Secret::Hashed(hash) => Ok(hash),
        }
    }

    fn taken(&self, draft: &Draft, keys: &[UserKey]) -> Fault {
        self.invalid(keys.iter().map(|key| draft.taken(key)).collect())
    }

    fn invalid(&self, list: Vec<Violation>) -> Fault {
        Fault::Invalid(Violations { model: self.settings.model.clone(), list })
    }
}

/// Keeps what is the item's own fault; anything else ends the whole batch.
fn refusal(fault: Fault) -> Result<Fault, Fault> {
    match fault {
        Fault::Password(_) | Fault::Invalid(_) | Fault::TooDeep(_) => Ok(fault),
        other => Err(other),
    }
}

fn created(outcome: Outcome) -> Option<User> {
    match outcome {
        Outcome::User(user) => Some(*user),
        _ => None,
    }
}
