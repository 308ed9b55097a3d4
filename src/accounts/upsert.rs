//! Writes that create a user where there is none: `patchOrCreate`, `replaceOrCreate`, `upsertWithWhere`.

use serde_json::{Map, Value};

use super::{
    Accounts, Asker, Fault,
    change::Checks,
    inspect::to_text,
    profile::{Draft, Verified},
    query::Where,
};
use crate::{identity::UserId, store::User};

impl Accounts {
    /// Patches the user whom `id` names, or creates one where it names nobody.
    ///
    /// # Errors
    /// [`Fault::NothingToPatch`], or as [`Accounts::patch`] and [`Accounts::register`].
    pub async fn patch_or_create(&self, asker: Asker<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        let Some(id) = data.get("id").filter(|id| !id.is_null()) else {
            return self.create_from(asker, data).await;
        };
        let Some(user) = self.named(id).await? else { return Err(Fault::NothingToPatch(to_text(id))) };
        // LoopBack leaves the model's rules out here, and nowhere else.
        let checks = if self.settings.loopback { Checks::Names } else { Checks::All };
        self.patch_with(asker, user, data, checks).await
    }

    /// Replaces the user whom `id` names, or creates one where it names nobody.
    ///
    /// # Errors
    /// As [`Accounts::replace`] and [`Accounts::register`].
    pub async fn replace_or_create(
        &self,
        asker: Asker<'_>,
        mut data: Map<String, Value>,
    ) -> Result<User, Fault> {
        match data.get("id").filter(|id| !id.is_null()).map(to_text) {
            None => self.create_from(asker, data).await,
            Some(id) => {
                data.shift_remove("id");
                self.replace(asker, &id, data).await
            }
        }
    }

    /// Patches the one user who matches, or creates one where nobody does.
    ///
    /// # Errors
    /// [`Fault::NoData`], [`Fault::Several`], [`Fault::Query`], or as [`Accounts::patch`].
    pub async fn upsert_where(
        &self,
        asker: Asker<'_>,
        conditions: &Value,
        data: Map<String, Value>,
    ) -> Result<User, Fault> {
        if data.is_empty() {
            return Err(Fault::NoData);
        }
        self.may_change_password(&data)?;
        let conditions = self.folded_where(Where::read_for_write(&self.users, conditions)?);
        let mut found = Vec::new();
        self.scan(&conditions, |user, _| {
            found.push(user);
            found.len() < 2
        })
        .await?;
        // The whole of a user is wanted, whether one is there or not.
        let draft = Draft::read(&self.settings, &self.passwords, self.created_verified(), data.clone())?;
        // LoopBack knows the row as its own by the id that the body names, which it then refuses.
        let own = match data.get("id").filter(|_| self.settings.loopback) {
            Some(id) => Some(UserId::parse(&to_text(id))),
            None => found.first().filter(|_| !self.settings.loopback).map(|user| user.id.clone()),
        };
        let draft = self.vetted(draft, &Default::default(), own.as_ref()).await?;
        match (found.pop(), found.is_empty()) {
            (None, _) => self.created_from(asker, draft).await,
            (Some(user), true) => {
                drop(draft);
                self.patch_with(asker, user, data, Checks::Names).await
            }
            (Some(_), false) => Err(Fault::Several),
        }
    }

    /// LoopBack's guard of `emailVerified` stands at registrations only.
    fn created_verified(&self) -> Verified {
        if self.settings.loopback { Verified::AsSent } else { Verified::Never }
    }

    /// Creates a user whom a write found missing.
    async fn create_from(&self, asker: Asker<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        let draft = Draft::read(&self.settings, &self.passwords, self.created_verified(), data)?;
        let draft = self.vetted(draft, &Default::default(), None).await?;
        self.created_from(asker, draft).await
    }
}
