//! Operations that only an operator can perform. They write events like every other change (docs/interface.md,
//! "Events").

use serde_json::{Value, json};

use super::{
    Accounts, Actor, Fault, audit,
    change::ATTEMPTS,
    event::{About, Event},
};
use crate::{
    identity::UserId,
    store::{AclRow, Change, CommitError, Outcome, Role, Token, User},
};

/// The change of a role.
#[derive(Clone, Copy)]
enum RoleChange<'a> {
    Added,
    Granted(&'a User),
    Revoked(&'a User),
    Deleted,
}

/// The change of a user.
#[derive(Clone, Copy)]
enum UserChange {
    Switched { disabled: bool },
    EmailConfirmed,
}

impl Accounts {
    /// Adds a role. Returns `false` if the name is taken.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn add_role(&self, actor: Actor<'_>, name: &str) -> Result<bool, Fault> {
        if self.role(name).await?.is_some() {
            return Ok(false);
        }
        self.change_role(actor, name, RoleChange::Added).await?;
        Ok(true)
    }

    /// Grants an existing role to a user. Returns `false` if the user has it already.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn grant(&self, actor: Actor<'_>, user: &User, role: &str) -> Result<bool, Fault> {
        if self.has_role(user, role).await? {
            return Ok(false);
        }
        self.change_role(actor, role, RoleChange::Granted(user)).await?;
        Ok(true)
    }

    /// Revokes a role of a user. Returns `false` if the user did not have it.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn revoke_role(&self, actor: Actor<'_>, user: &User, role: &str) -> Result<bool, Fault> {
        if !self.has_role(user, role).await? {
            return Ok(false);
        }
        self.change_role(actor, role, RoleChange::Revoked(user)).await?;
        Ok(true)
    }

    /// Deletes a role and revokes it of all users. Returns `false` if there is none of this name.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn delete_role(&self, actor: Actor<'_>, name: &str) -> Result<bool, Fault> {
        if self.role(name).await?.is_none() {
            return Ok(false);
        }
        self.change_role(actor, name, RoleChange::Deleted).await?;
        Ok(true)
    }

    /// Stores a rule.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn add_rule(&self, actor: Actor<'_>, row: AclRow) -> Result<(), Fault> {
        let id = row.id.clone();
        self.commit(vec![Change::PutAclRow(row)]).await?;
        audit::rule(actor, &id, "added");
        Ok(())
    }

    /// Removes a stored rule. Returns `false` if there is none with this id.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn remove_rule(&self, actor: Actor<'_>, id: &str) -> Result<bool, Fault> {
        let outcomes = self.commit(vec![Change::DeleteAclRow(id.to_owned())]).await?;
        let is_gone = matches!(outcomes.first(), Some(Outcome::Removed(1..)));
        if is_gone {
            audit::rule(actor, id, "removed");
        }
        Ok(is_gone)
    }

    /// Disables a user: their logins are refused, and their tokens are revoked.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], or an error of the store.
    pub async fn disable(&self, actor: Actor<'_>, id: &UserId) -> Result<User, Fault> {
        self.change_user(actor, id, UserChange::Switched { disabled: true }).await
    }

    /// Enables a disabled user again.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], or an error of the store.
    pub async fn enable(&self, actor: Actor<'_>, id: &UserId) -> Result<User, Fault> {
        self.change_user(actor, id, UserChange::Switched { disabled: false }).await
    }

    /// Forgets the failed logins of a user that `limits.login_per_account` has counted.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], or an error of the store.
    pub async fn unlock(&self, actor: Actor<'_>, id: &UserId) -> Result<User, Fault> {
        let user = self.user(id).await?;
        self.limits.forget(&user.id, &user.networks);
        audit::record("user.unlocked", actor, Some(&user.id), None);
        Ok(user)
    }

    /// Marks the email address of a user as confirmed.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], [`Fault::NoEmail`], or an error of the store.
    pub async fn confirm_email(&self, actor: Actor<'_>, id: &UserId) -> Result<User, Fault> {
        if self.user(id).await?.email().is_none() {
            return Err(Fault::NoEmail);
        }
        self.change_user(actor, id, UserChange::EmailConfirmed).await
    }

    /// Revokes a token of any user. Returns `false` if it was revoked already.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn revoke(&self, actor: Actor<'_>, token: &Token) -> Result<bool, Fault> {
        let mut batch = vec![Change::DeleteToken(token.hash)];
        let user = self.store.user(&token.user).await?;
        let about = user.as_ref().map_or(About::Id(&token.user), About::User);
        self.announce(&mut batch, actor, Event::new("token.revoked", about))?;
        let outcomes = self.commit(batch).await?;
        audit::record("token.revoked", actor, Some(&token.user), None);
        Ok(matches!(outcomes.first(), Some(Outcome::Removed(1..))))
    }

    async fn change_user(&self, actor: Actor<'_>, id: &UserId, change: UserChange) -> Result<User, Fault> {
        let kind = change.event();
        for _ in 0..ATTEMPTS {
            let mut user = self.user(id).await?;
            change.apply(&mut user);
            let mut batch = vec![Change::UpdateUser(user.clone())];
            if matches!(change, UserChange::Switched { disabled: true }) {
                // Else the sessions of a thief would be back once the owner is enabled again.
                batch.push(Change::RevokeTokens { user: user.id.clone(), except: None });
            }
            self.announce(&mut batch, actor, Event::new(kind, About::User(&user)).with(change.more()))?;
            match self.commit(batch).await {
                Ok(_) => {
                    audit::record(kind, actor, Some(&user.id), None);
                    return Ok(user);
                }
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Missing { .. }) => return Err(Fault::UnknownUser(id.clone())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    async fn change_role(&self, actor: Actor<'_>, role: &str, change: RoleChange<'_>) -> Result<(), Fault> {
        let (user, what) = (change.user(), change.word());
        let mut batch = vec![change.of(role)];
        let about = user.map_or(About::NoUser, About::User);
        let more = json!({ "role": role, "what": what });
        self.announce(&mut batch, actor, Event::new("role.changed", about).with(more))?;
        self.commit(batch).await?;
        audit::role(actor, user.map(|user| &user.id), role, what);
        Ok(())
    }

    async fn role(&self, name: &str) -> Result<Option<Role>, Fault> {
        Ok(self.store.roles().await?.into_iter().find(|role| role.name == name))
    }

    async fn has_role(&self, user: &User, name: &str) -> Result<bool, Fault> {
        let Some(role) = self.role(name).await? else { return Ok(false) };
        let id = user.id.to_string();
        let has = self.store.role_mappings().await?.iter().any(|mapping| {
            // Role mappings are rows of LoopBack's `RoleMapping`: principal ids are strings, and those of other types
            // may have the same id.
            mapping.role_id == role.id && mapping.principal_type.0 == "USER" && mapping.principal_id == id
        });
        Ok(has)
    }
}

impl<'a> RoleChange<'a> {
    /// The change in the store.
    fn of(self, role: &str) -> Change {
        let name = role.to_owned();
        match self {
            Self::Added => Change::CreateRole { name },
            Self::Granted(user) => Change::Grant { role: name, user: user.id.clone() },
            Self::Revoked(user) => Change::Revoke { role: name, user: user.id.clone() },
            Self::Deleted => Change::DeleteRole { name },
        }
    }

    fn user(self) -> Option<&'a User> {
        match self {
            Self::Granted(user) | Self::Revoked(user) => Some(user),
            Self::Added | Self::Deleted => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Granted(_) => "granted",
            Self::Revoked(_) => "revoked",
            Self::Deleted => "deleted",
        }
    }
}

impl UserChange {
    fn apply(self, user: &mut User) {
        match self {
            Self::Switched { disabled } => user.disabled = disabled,
            Self::EmailConfirmed => {
                // A verification mail may still be under way; its token must not be accepted later.
                user.verification = None;
                user.properties.insert("emailVerified".to_owned(), true.into());
            }
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Switched { .. } => "user.changed",
            Self::EmailConfirmed => "user.verified",
        }
    }

    /// The additional properties of the event.
    fn more(self) -> Value {
        match self {
            Self::Switched { disabled } => json!({ "changed": ["disabled"], "disabled": disabled }),
            Self::EmailConfirmed => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{
        Settings, TokenRequest,
        testing::{TestAccounts, fixture, standard},
    };

    async fn ann() -> (TestAccounts, User) {
        let fixture = fixture(Settings { events: true, ..standard() }).await;
        let data = json!({"email": "ann@b.c", "password": "a-good-password"});
        let ann = fixture.register(&data).await.unwrap();
        (fixture, ann)
    }

    /// The events since the registration: what happened, to whom, and by whom.
    async fn events_of(fixture: &TestAccounts) -> Vec<String> {
        let entries = fixture.store.outbox(99).await.unwrap();
        let line = |entry: &crate::store::OutboxEntry| {
            let user = entry.user.as_ref().map_or("nobody".to_owned(), ToString::to_string);
            let client = entry.body["client"].as_str().unwrap();
            format!("{} {user} {} by {client}", entry.kind, entry.body["more"])
        };
        entries.iter().skip(1).map(line).collect()
    }

    #[tokio::test]
    async fn a_role_is_told_when_it_changes_and_only_then() {
        let (fixture, ann) = ann().await;
        let accounts = &fixture.accounts;
        for expected in [true, false] {
            assert_eq!(accounts.add_role(Actor::Operator, "clerk").await.unwrap(), expected);
        }
        for expected in [true, false] {
            assert_eq!(accounts.grant(Actor::Operator, &ann, "clerk").await.unwrap(), expected);
        }
        for expected in [true, false] {
            assert_eq!(accounts.revoke_role(Actor::Operator, &ann, "clerk").await.unwrap(), expected);
        }
        for expected in [true, false] {
            assert_eq!(accounts.delete_role(Actor::Operator, "clerk").await.unwrap(), expected);
        }
        let expected = [
            r#"role.changed nobody {"role":"clerk","what":"added"} by operator"#,
            r#"role.changed 1 {"role":"clerk","what":"granted"} by operator"#,
            r#"role.changed 1 {"role":"clerk","what":"revoked"} by operator"#,
            r#"role.changed nobody {"role":"clerk","what":"deleted"} by operator"#,
        ];
        assert_eq!(events_of(&fixture).await, expected);
    }

    #[tokio::test]
    async fn a_user_is_switched_and_confirmed() {
        let (fixture, ann) = ann().await;
        assert!(fixture.accounts.disable(Actor::Operator, &ann.id).await.unwrap().disabled);
        assert!(!fixture.accounts.enable(Actor::Operator, &ann.id).await.unwrap().disabled);
        fixture.accounts.confirm_email(Actor::Operator, &ann.id).await.unwrap();
        assert!(fixture.store.user(&ann.id).await.unwrap().unwrap().email_verified());
        let nobody = fixture.accounts.disable(Actor::Operator, &7.into()).await;
        assert!(matches!(nobody, Err(Fault::UnknownUser(_))), "{nobody:?}");
        let expected = [
            r#"user.changed 1 {"changed":["disabled"],"disabled":false} by operator"#,
            "user.verified 1 null by operator",
        ];
        assert_eq!(events_of(&fixture).await, expected);
    }

    #[tokio::test]
    async fn a_token_is_ended_by_whoever_names_it() {
        let (fixture, ann) = ann().await;
        fixture.accounts.issue(&ann.id, TokenRequest::default()).await.unwrap();
        let token = fixture.store.tokens(Some(&ann.id)).await.unwrap().remove(0);
        assert!(fixture.accounts.revoke(Actor::Operator, &token).await.unwrap());
        assert!(!fixture.accounts.revoke(Actor::Operator, &token).await.unwrap());
        assert!(fixture.store.tokens(None).await.unwrap().is_empty());
        assert_eq!(events_of(&fixture).await[0], "token.revoked 1 null by operator");
    }
}
