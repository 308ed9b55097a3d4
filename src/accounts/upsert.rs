//! Writes that create a missing user: `patchOrCreate`, `replaceOrCreate`, `upsertWithWhere`.

use serde_json::{Map, Value};

use super::{
    Accounts, Actor, Fault,
    change::Checks,
    profile::{Draft, Verified},
};
use crate::{identity::UserId, javascript::to_text, store::User};

impl Accounts {
    /// Patches the user with the `id` in the data, or creates a user if there is no `id`.
    ///
    /// # Errors
    /// [`Fault::NothingToPatch`], or as [`Accounts::patch`] and [`Accounts::register`].
    pub async fn patch_or_create(&self, actor: Actor<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        let Some(id) = data.get(&self.settings.key.name).filter(|id| !id.is_null()) else {
            return self.create_from(actor, data).await;
        };
        let Some(user) = self.named(id).await? else { return Err(Fault::NothingToPatch(to_text(id))) };
        // LoopBack skips the model's validation rules in this method only.
        let checks = if self.settings.loopback { Checks::Names } else { Checks::All };
        self.patch_with(actor, user, data, checks).await
    }

    /// Replaces the user with the `id` in the data, or creates a user if there is no `id`.
    ///
    /// # Errors
    /// As [`Accounts::replace`] and [`Accounts::register`].
    pub async fn replace_or_create(
        &self,
        actor: Actor<'_>,
        mut data: Map<String, Value>,
    ) -> Result<User, Fault> {
        match data.get(&self.settings.key.name).filter(|id| !id.is_null()).map(to_text) {
            None => self.create_from(actor, data).await,
            Some(id) => {
                self.settings.key.take(&mut data);
                self.replace(actor, &id, data).await
            }
        }
    }

    /// Patches the one user that matches, or creates one if none does.
    ///
    /// # Errors
    /// [`Fault::NoData`], [`Fault::Several`], [`Fault::Query`], or as [`Accounts::patch`].
    pub async fn upsert_where(
        &self,
        actor: Actor<'_>,
        conditions: &Value,
        data: Map<String, Value>,
    ) -> Result<User, Fault> {
        if data.is_empty() {
            return Err(Fault::NoData);
        }
        self.may_change_password(&data)?;
        // Two are enough to know that several match.
        let (_, ids) = self.matching(actor, conditions, 2).await?;
        let mut found = Vec::new();
        for id in &ids {
            found.extend(self.store.user(id).await?);
        }
        if found.is_empty() {
            self.admit_creation(actor)?;
        }
        // LoopBack validates the data as a complete user in both cases (docs/loopback-3.28.md section 2.2).
        let draft = Draft::read(&self.settings, &self.passwords, self.created_verified(), data.clone())?;
        // LoopBack excludes the row with the id in the body from the uniqueness check, and refuses the id afterwards.
        let own = match data.get(&self.settings.key.name).filter(|_| self.settings.loopback) {
            Some(id) => Some(UserId::parse(&to_text(id))),
            None => found.first().filter(|_| !self.settings.loopback).map(|user| user.id.clone()),
        };
        let draft = self.vetted(draft, &Default::default(), own.as_ref()).await?;
        match (found.pop(), found.is_empty()) {
            (None, _) => self.created_from(actor, draft).await,
            (Some(user), true) => {
                drop(draft);
                self.patch_with(actor, user, data, Checks::Names).await
            }
            (Some(_), false) => Err(Fault::Several),
        }
    }

    /// LoopBack guards `emailVerified` at registrations only.
    fn created_verified(&self) -> Verified {
        if self.settings.loopback { Verified::AsSent } else { Verified::Never }
    }

    /// Creates a user for a write that found none.
    async fn create_from(&self, actor: Actor<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        self.admit_creation(actor)?;
        let draft = Draft::read(&self.settings, &self.passwords, self.created_verified(), data)?;
        let draft = self.vetted(draft, &Default::default(), None).await?;
        self.created_from(actor, draft).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::accounts::{
        Settings,
        testing::{self, CLIENT, TestAccounts, fixture, map},
    };

    const GOOD: &str = "a-good-password";

    async fn two(settings: Settings) -> TestAccounts {
        let fixture = fixture(settings).await;
        for name in ["ann", "bob"] {
            let data = json!({"username": name, "email": format!("{name}@b.c"), "password": GOOD});
            fixture.register(&data).await.unwrap();
        }
        fixture
    }

    fn change_error(result: Result<User, Fault>) -> String {
        match result {
            Ok(user) => format!("{} {}", user.id, Value::Object(user.properties)),
            Err(fault) => fault.to_string(),
        }
    }

    #[tokio::test]
    async fn patches_or_creates() {
        let fixture = two(testing::loopback()).await;
        for (data, expected) in [
            (json!({"id": 1, "realm": "r"}), r#"1 {"realm":"r","username":"ann","email":"ann@b.c"}"#),
            (json!({"id": "1", "realm": null}), r#"1 {"realm":null,"username":"ann","email":"ann@b.c"}"#),
            // LoopBack asks no rule here. A name is still unique.
            (json!({"id": 1, "email": "bad"}), r#"1 {"realm":null,"username":"ann","email":"bad"}"#),
            (
                json!({"id": 1, "username": "bob"}),
                "The `User` instance is not valid. Details: `username` User already exists (value: \"bob\").",
            ),
            (json!({"id": 99, "realm": "r"}), "there is no user `99` to update"),
            (json!({"id": {}, "realm": "r"}), "there is no user `[object Object]` to update"),
            (
                json!({"id": null, "email": "new@b.c", "password": GOOD, "emailVerified": true}),
                r#"3 {"email":"new@b.c","emailVerified":true}"#,
            ),
        ] {
            assert_eq!(
                change_error(fixture.accounts.patch_or_create(CLIENT, map(&data)).await),
                expected,
                "{data}"
            );
        }
        let fixture = two(testing::standard()).await;
        let bad = fixture.accounts.patch_or_create(CLIENT, map(&json!({"id": 1, "email": "bad"}))).await;
        assert!(matches!(bad, Err(Fault::Invalid(_))), "{bad:?}");
        let new = json!({"email": "new@b.c", "password": GOOD, "emailVerified": true});
        let new = fixture.accounts.patch_or_create(CLIENT, map(&new)).await.unwrap();
        assert!(!new.email_verified(), "nobody is confirmed by what a client says");
    }

    #[tokio::test]
    async fn replaces_or_creates() {
        let fixture = two(testing::loopback()).await;
        for (id, expected) in
            [(json!("1"), r#"1 {"email":"ann@b.c"}"#), (json!([1]), r#"1 {"email":"ann@b.c"}"#)]
        {
            let data = json!({"id": id, "email": "ann@b.c", "password": GOOD});
            assert_eq!(
                change_error(fixture.accounts.replace_or_create(CLIENT, map(&data)).await),
                expected,
                "{id}"
            );
        }
        for (id, expected) in [(json!(0), "0"), (json!("x"), "x"), (json!(99), "99")] {
            let data = json!({"id": id, "email": "new@b.c", "password": GOOD});
            let expected = format!("there is no user `{expected}` to replace");
            assert_eq!(
                change_error(fixture.accounts.replace_or_create(CLIENT, map(&data)).await),
                expected,
                "{id}"
            );
        }
    }

    #[tokio::test]
    async fn upserts_the_one_that_matches() {
        let fixture = two(testing::loopback()).await;
        let data = |email: &str| json!({"email": email, "password": GOOD});
        for (given, data, expected) in [
            (json!({"id": 1}), data("new@b.c"), r#"1 {"username":"ann","email":"new@b.c"}"#),
            (json!({"id": 99}), data("third@b.c"), r#"3 {"email":"third@b.c"}"#),
            (json!({"id": {"gt": 0}}), data("x@b.c"), "several rows match"),
            (json!({"id": 1}), json!({}), "there is nothing to write"),
            (
                json!({"password": "x"}),
                data("x@b.c"),
                "The where clause names the hidden property \"password\"",
            ),
            (
                json!({"id": 1}),
                json!({"realm": "x"}),
                "The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).",
            ),
            (
                json!({"id": 1}),
                data("new@b.c"),
                "The `User` instance is not valid. Details: `email` Email already exists (value: \"new@b.c\").",
            ),
        ] {
            let result = fixture.accounts.upsert_where(CLIENT, &given, map(&data)).await;
            assert_eq!(change_error(result), expected, "{given} {data}");
        }
        // In profile `standard` a row may keep its own name.
        let fixture = two(testing::standard()).await;
        let kept = fixture.accounts.upsert_where(CLIENT, &json!({"id": 1}), map(&data("ann@b.c"))).await;
        assert_eq!(change_error(kept), r#"1 {"username":"ann","email":"ann@b.c"}"#);
    }
}
