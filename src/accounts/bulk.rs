//! `updateAll`: sets the same properties of all matching users.

use serde_json::{Map, Value};

use super::{
    Accounts, Actor, Fault,
    change::ATTEMPTS,
    key::id_value,
    profile::{Draft, Patch},
    query::{Meter, Row, Where},
    register::MAX_BATCH,
};
use crate::{
    identity::{Password, PasswordHash, UserId},
    store::CommitError,
};

/// The conditions and the new properties.
struct Update {
    conditions: Where,
    properties: Map<String, Value>,
}

impl Accounts {
    /// Changes all matching users and returns their number. As in LoopBack, the model's validation rules are not
    /// applied. Unlike LoopBack, names stay unique and a password is hashed (docs/loopback-departures.md).
    ///
    /// # Errors
    /// [`Fault::Query`], or [`Fault::Invalid`] for a name that is taken. Users before that one have been changed by
    /// then.
    pub async fn update_all(
        &self,
        actor: Actor<'_>,
        conditions: &Value,
        mut data: Map<String, Value>,
    ) -> Result<u64, Fault> {
        self.settings.key.take(&mut data);
        self.may_change_password(&data)?;
        let password = data.get("password").and_then(Value::as_str).map(str::to_owned);
        let Patch { data: properties, secret: _ } = Patch::read(&self.settings, &self.passwords, data)?;
        let (conditions, matching) = self.matching(actor, conditions, usize::MAX).await?;
        // Each user gets a hash of their own, and each hash takes milliseconds of a hashing thread.
        if password.is_some() && matching.len() > MAX_BATCH {
            return Err(Fault::BatchTooLong(MAX_BATCH));
        }
        if password.is_some() {
            matching.iter().try_for_each(|id| self.admit_takeover(actor, id))?;
        }
        let update = Update { conditions, properties };
        let mut count = 0;
        for id in matching {
            let hash = match &password {
                Some(password) => Some(self.own_hash(actor, &id, password).await?),
                None => None,
            };
            count += u64::from(self.update_one(actor, &id, &update, hash).await?);
        }
        Ok(count)
    }

    /// Changes one user, if it still matches.
    async fn update_one(
        &self,
        actor: Actor<'_>,
        id: &UserId,
        update: &Update,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Fault> {
        let verified = self.verified(actor, id);
        for _ in 0..ATTEMPTS {
            let Some(old) = self.store.user(id).await? else { return Ok(false) };
            // The search ran earlier and on another thread: the row may have changed since.
            if !update.conditions.matches(Row { id: &id_value(id), rest: &old.properties }, &Meter::new()) {
                return Ok(false);
            }
            let patch = Patch { data: update.properties.clone(), secret: None };
            let mut draft = Draft::patched(&self.settings, verified, &old, patch);
            if self.settings.loopback {
                draft.violations.clear();
            }
            let draft = self.vetted(draft, &Default::default(), Some(id)).await?;
            if draft.properties == old.properties && hash.is_none() {
                return Ok(true);
            }
            let edit = self.edited(actor, &old, draft.properties.clone(), hash.clone())?;
            match self.save(actor, &old, edit).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Missing { .. }) => return Ok(false),
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// A hash with its own salt. Users who share a password must not share a hash.
    async fn own_hash(&self, actor: Actor<'_>, user: &UserId, password: &str) -> Result<PasswordHash, Fault> {
        self.hash(actor, Some(user), Password::new(password.to_owned())).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::accounts::testing::{self, CLIENT, TestAccounts, fixture, map};

    const GOOD: &str = "a-good-password";

    async fn three() -> TestAccounts {
        let fixture = fixture(testing::loopback()).await;
        for name in ["ann", "bob", "cid"] {
            let data = json!({"username": name, "email": format!("{name}@b.c"), "password": GOOD});
            fixture.register(&data).await.unwrap();
        }
        fixture
    }

    async fn update(fixture: &TestAccounts, given: Value, data: Value) -> Result<u64, Fault> {
        fixture.accounts.update_all(CLIENT, &given, map(&data)).await
    }

    #[tokio::test]
    async fn changes_all_who_match_and_nobody_else() {
        let fixture = three().await;
        assert_eq!(
            update(&fixture, json!({"id": {"gt": 1}}), json!({"realm": 5, "id": 9})).await.unwrap(),
            2
        );
        assert_eq!(update(&fixture, json!({"id": 99}), json!({"realm": "x"})).await.unwrap(), 0);
        assert_eq!(update(&fixture, json!({}), json!({})).await.unwrap(), 3);
        let mut realms = Vec::new();
        for user in fixture.store.users(None, 10).await.unwrap() {
            realms.push(user.realm().map(str::to_owned));
        }
        assert_eq!(realms, [None, Some("5".to_owned()), Some("5".to_owned())]);
        let hidden = update(&fixture, json!({"or": [{"password": "x"}]}), json!({"realm": "y"})).await;
        assert!(matches!(hidden, Err(Fault::Query(_))), "{hidden:?}");
        let taken = update(&fixture, json!({"id": 1}), json!({"email": "bob@b.c"})).await;
        assert!(matches!(taken, Err(Fault::Invalid(_))), "{taken:?}");
    }

    #[tokio::test]
    async fn a_password_is_hashed_for_each_and_ends_their_sessions() {
        let fixture = three().await;
        let login = |name: &str, password: &str| json!({"username": name, "password": password});
        let old = fixture.login(&login("ann", GOOD)).await.unwrap();
        let other = fixture.login(&login("cid", GOOD)).await.unwrap();
        assert_eq!(update(&fixture, json!({"id": {"lt": 3}}), json!({"password": "new"})).await.unwrap(), 2);
        for name in ["ann", "bob"] {
            fixture.login(&login(name, "new")).await.unwrap();
            fixture.login(&login(name, GOOD)).await.unwrap_err();
        }
        fixture.accounts.session(old.id.expose()).await.unwrap_err();
        fixture.accounts.session(other.id.expose()).await.unwrap();
        let users = fixture.store.users(None, 10).await.unwrap();
        assert_ne!(users[0].password, users[1].password, "each hash has a salt of its own");
    }
}
