//! `updateAll`: the same properties for every user who matches.

use serde_json::{Map, Value};

use super::{
    Accounts, Asker, Fault,
    change::ATTEMPTS,
    find::id_value,
    profile::{Draft, Patch},
    query::{Row, Where},
    register::MAX_BATCH,
};
use crate::{
    identity::{Password, PasswordHash, UserId},
    store::CommitError,
};

impl Accounts {
    /// Changes all users who match; how many they are. The rules of the model are not asked, as in LoopBack; names
    /// stay unique, and a password is hashed.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::Invalid`] for a name that is taken: users before that one are changed by then.
    pub async fn update_all(
        &self,
        asker: Asker<'_>,
        conditions: &Value,
        mut data: Map<String, Value>,
    ) -> Result<u64, Fault> {
        data.shift_remove("id");
        self.may_change_password(&data)?;
        let password = data.get("password").and_then(Value::as_str).map(str::to_owned);
        let Patch { data, secret: _ } = Patch::read(&self.settings, &self.passwords, data)?;
        let conditions = self.folded_where(Where::read_for_write(&self.users, conditions)?);
        let mut matching = Vec::new();
        self.scan(&conditions, |user, _| {
            matching.push(user.id);
            true
        })
        .await?;
        if password.is_some() && matching.len() > MAX_BATCH {
            return Err(Fault::BatchTooLong(MAX_BATCH));
        }
        let mut count = 0;
        for id in matching {
            let hash = match &password {
                Some(password) => Some(self.own_hash(password).await?),
                None => None,
            };
            count += u64::from(self.update_one(asker, &id, &conditions, (&data, hash)).await?);
        }
        Ok(count)
    }

    /// Changes one of them, if it still matches.
    async fn update_one(
        &self,
        asker: Asker<'_>,
        id: &UserId,
        conditions: &Where,
        (data, hash): (&Map<String, Value>, Option<PasswordHash>),
    ) -> Result<bool, Fault> {
        let verified = self.verified(asker, id);
        for _ in 0..ATTEMPTS {
            let Some(old) = self.store.user(id).await? else { return Ok(false) };
            if !conditions.matches(Row { id: &id_value(id), rest: &old.properties }) {
                return Ok(false);
            }
            let patch = Patch { data: data.clone(), secret: None };
            let mut draft = Draft::patched(&self.settings, verified, &old, patch);
            if self.settings.loopback {
                draft.violations.clear();
            }
            let draft = self.vetted(draft, &Default::default(), Some(id)).await?;
            if draft.properties == old.properties && hash.is_none() {
                return Ok(true);
            }
            let edit = self.edited(&old, draft.properties.clone(), hash.clone());
            match self.save(asker, &old, edit).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Missing { .. }) => return Ok(false),
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// A hash with a salt of its own.
    async fn own_hash(&self, password: &str) -> Result<PasswordHash, Fault> {
        Ok(self.hasher.hash(Password::new(password.to_owned())).await?)
    }
}
