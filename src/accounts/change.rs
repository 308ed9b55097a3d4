//! Changes and deletes one user, and ends sessions accordingly (docs/loopback-3.28.md sections 2.2 and 6.4).

use serde_json::{Map, Value, json};

use super::{
    Accounts, Actor, Fault, audit,
    event::{About, Event},
    profile::{Draft, Patch, Verified},
};
use crate::{
    identity::{PasswordHash, TokenHash, UserId},
    javascript::{to_text, truthy},
    mail::Message,
    store::{Change, CommitError, Outcome, User},
};

/// Attempts of a read-modify-write before the request fails with [`Fault::Contended`].
// Each failed attempt means that another write of the same row succeeded, so a retry rarely fails more than once.
pub(super) const ATTEMPTS: usize = 10;

/// A change of one user, ready to be committed.
pub(super) struct Edit {
    /// The new row.
    pub user: User,
    /// Whether a password was supplied, even the current one: its hash differs, so sessions end (docs/loopback-3.28.md
    /// section 6.4).
    pub password: bool,
    /// Whether the requesting session ends, too.
    pub ends_own: bool,
    /// Another session of the user that stays.
    pub keeps: Option<TokenHash>,
}

/// The validation that a write applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checks {
    /// All validation rules of the model.
    All,
    /// Only the uniqueness of names, which the store requires. LoopBack's `PATCH /users` validates nothing else.
    Names,
}

impl Accounts {
    /// Changes some properties of a user.
    ///
    /// # Errors
    /// [`Fault::IdPatched`], [`Fault::PasswordChangeRefused`], [`Fault::Password`], [`Fault::Invalid`],
    /// [`Fault::TooDeep`], [`Fault::CurrentPasswordRequired`], or an error of a step.
    pub async fn patch(&self, actor: Actor<'_>, user: User, data: Map<String, Value>) -> Result<User, Fault> {
        self.patch_with(actor, user, data, Checks::All).await
    }

    pub(super) async fn patch_with(
        &self,
        actor: Actor<'_>,
        user: User,
        mut data: Map<String, Value>,
        checks: Checks,
    ) -> Result<User, Fault> {
        same_id(&user.id, self.settings.key.take(&mut data))?;
        self.may_change_password(&data)?;
        // Hashed once, before the loop: a retry must not cost a second hash.
        let Patch { data, secret } = Patch::read(&self.settings, &self.passwords, data)?;
        if let Some(secret) = &secret {
            let sent = |name: &str| data.get(name).and_then(Value::as_str);
            let names = [user.email(), user.username(), sent("email"), sent("username")];
            self.passwords.accept_beside(secret, &names)?;
            self.admit_takeover(actor, &user.id)?;
        }
        let hash = match secret {
            Some(secret) => Some(self.hashed(actor, Some(&user.id), secret).await?),
            None => None,
        };
        let verified = self.verified(actor, &user.id);
        let id = user.id.clone();
        // The first attempt uses the row that the caller has read; only a retry reads it again.
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
            let edit = self.edited(actor, &old, draft.properties.clone(), hash.clone())?;
            match self.save(actor, &old, edit).await {
                Ok(user) => return Ok(user),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(CommitError::Missing { .. }) => return Err(Fault::NoInstance(id.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// Replaces all properties of a user. `id` is the id in the path or in the body.
    ///
    /// # Errors
    /// As [`Accounts::patch`], [`Fault::IdReplaced`], and [`Fault::NothingToReplace`] if the request is valid
    /// otherwise.
    pub async fn replace(
        &self,
        actor: Actor<'_>,
        id: &str,
        mut data: Map<String, Value>,
    ) -> Result<User, Fault> {
        let given = self.settings.key.take(&mut data).filter(truthy);
        let exact = UserId::parse(id);
        let verified = self.verified(actor, &exact);
        let old = self.store.user(&exact).await?;
        let draft = Draft::replacing(&self.settings, &self.passwords, verified, data, old.as_ref())?;
        let is_own = |given: &Value| {
            *given == self.settings.key.value(&exact) || (!self.settings.loopback && to_text(given) == id)
        };
        if let Some(given) = given.filter(|given| !is_own(given)) {
            return Err(Fault::IdReplaced {
                key: self.settings.key.name.clone(),
                from: id.to_owned(),
                to: to_text(&given),
            });
        }
        if self.settings.reject_password_changes {
            // LoopBack checks the instance, which always has the property `password`. So every replacement is refused,
            // as there.
            return Err(Fault::PasswordChangeRefused);
        }
        let own = self.user_named(id).await?.map_or(exact.clone(), |user| user.id);
        let mut draft = self.vetted(draft, &Default::default(), Some(&own)).await?;
        let Some(secret) = draft.secret.take() else { return Err(Fault::Contended) };
        // After the validation, because LoopBack answers an invalid replacement of a missing row with 422, not 404.
        if old.is_none() {
            return Err(Fault::NothingToReplace(id.to_owned()));
        }
        self.admit_takeover(actor, &exact)?;
        let hash = self.hashed(actor, Some(&exact), secret).await?;
        for _ in 0..ATTEMPTS {
            let Some(old) = self.store.user(&exact).await? else {
                return Err(Fault::NothingToReplace(id.to_owned()));
            };
            let mut properties = draft.properties.clone();
            // The owner cannot confirm their own address, so the stored value stays, even if another request changes it
            // now.
            if verified == Verified::Dropped
                && let Some(stored) = old.properties.get("emailVerified")
            {
                properties.insert("emailVerified".to_owned(), stored.clone());
            }
            let mut edit = self.edited(actor, &old, properties, Some(hash.clone()))?;
            // A `PUT` in LoopBack drops what is not sent, the verification token included (docs/loopback-3.28.md
            // section 2.2).
            if self.settings.loopback {
                edit.user.verification = None;
            }
            match self.save(actor, &old, edit).await {
                Ok(user) => return Ok(user),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(CommitError::Missing { .. }) => return Err(Fault::NothingToReplace(id.to_owned())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// Deletes a user with their tokens and roles. Returns `false` when there was no such user.
    ///
    /// # Errors
    /// [`Fault::CurrentPasswordRequired`], or errors of the store.
    pub async fn delete(&self, actor: Actor<'_>, id: &str) -> Result<bool, Fault> {
        let Some(user) = self.user_named(id).await? else { return Ok(false) };
        self.admit_takeover(actor, &user.id)?;
        let mut batch = actor.conditions();
        batch.push(Change::DeleteUser(user.id.clone()));
        self.announce(&mut batch, actor, Event::new("user.deleted", About::User(&user)))?;
        if let Some(to) = user.email() {
            // When the mail is sent, the row is gone.
            let more = json!({ "to": to, "language": user.language() });
            self.announce_mail(&mut batch, actor, Message::AccountDeleted, About::User(&user), more)?;
        }
        let outcomes = self.commit(batch).await?;
        let deleted = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Removed(1..)));
        if deleted {
            audit::record("user.deleted", actor, Some(&user.id), None);
        }
        Ok(deleted)
    }

    /// Builds the edit that gives a user these properties, if the actor may make it.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::TooManyProperties`], [`Fault::Limited`], [`Fault::RenameRefused`],
    /// [`Fault::CurrentPasswordRequired`].
    pub(super) fn edited(
        &self,
        actor: Actor<'_>,
        old: &User,
        mut properties: Map<String, Value>,
        hash: Option<PasswordHash>,
    ) -> Result<Edit, Fault> {
        self.admit_rename(actor, old, &properties)?;
        if self.renamed(old, &properties).is_some() {
            self.admit_takeover(actor, &old.id)?;
        }
        self.admit_write(actor, &properties, Some(old))?;
        let mut verification = old.verification.clone();
        if properties.get("email") != old.properties.get("email") {
            // INVARIANT: a token that was sent to one address never confirms another.
            verification = None;
            // `loopback3` follows the setting alone; `standard` never keeps an address confirmed after it has changed.
            let was = old.email_verified() && !self.settings.loopback;
            if self.settings.email_verification_required || was {
                set_verified(&mut properties, false);
            }
        }
        let password = hash.is_some();
        let user =
            User { properties, password: hash.or_else(|| old.password.clone()), verification, ..old.clone() };
        Ok(Edit { user, password, ends_own: false, keeps: None })
    }

    /// Commits an edit. Ends the user's other sessions if the email or the password was changed.
    pub(super) async fn save(&self, actor: Actor<'_>, old: &User, edit: Edit) -> Result<User, CommitError> {
        let Edit { user, password, ends_own, keeps } = edit;
        let mut batch = actor.conditions();
        batch.push(Change::UpdateUser(user.clone()));
        // A falsy email is "no email" to LoopBack; removing one ends no session.
        let email = user.properties.get("email").filter(|email| truthy(email));
        let moved = email.is_some() && email != old.properties.get("email");
        if moved || password {
            let own = actor.session().filter(|_| !ends_own).map(|session| session.hash);
            let except = keeps.or(own);
            batch.push(Change::RevokeTokens { user: user.id.clone(), except });
        }
        let changed: Vec<&String> = changed(&old.properties, &user.properties);
        if !changed.is_empty() {
            let more = json!({ "changed": changed });
            self.announce_change(
                &mut batch,
                actor,
                Event::new("user.changed", About::User(&user)).with(more),
            )?;
        }
        if password {
            let event = Event::new("password.changed", About::User(&user));
            // The first password is set by the link of an invitation, and needs no notice.
            let is_first = old.password.is_none();
            let event = if is_first { event } else { event.mailed(Message::PasswordChanged) };
            self.announce_change(&mut batch, actor, event)?;
        }
        if old.username().is_some() && user.username() != old.username() {
            self.tell(&mut batch, actor, &user, Message::UsernameChanged, Value::Null)?;
        }
        if let (true, Some(new)) = (moved, user.email()) {
            // To the old address, too: a thief of the account reads the new one.
            for to in [old.email(), Some(new)].into_iter().flatten() {
                let more = json!({ "to": to, "address": new });
                self.tell(&mut batch, actor, &user, Message::AddressChanged, more)?;
            }
        }
        let outcomes = self.commit(batch).await?;
        if !changed.is_empty() {
            audit::record("user.changed", actor, Some(&user.id), None);
        }
        if password {
            audit::record("password.changed", actor, Some(&user.id), None);
        }
        let stored = outcomes.into_iter().find_map(|outcome| match outcome {
            Outcome::User(user) => Some(*user),
            _ => None,
        });
        Ok(stored.unwrap_or(user))
    }

    fn announce_change(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        event: Event<'_>,
    ) -> Result<(), CommitError> {
        self.announce(batch, actor, event).map_err(|_| CommitError::Busy)
    }

    fn tell(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        user: &User,
        message: Message,
        more: Value,
    ) -> Result<(), CommitError> {
        let added = self.announce_mail(batch, actor, message, About::User(user), more);
        added.map_err(|_| CommitError::Busy)
    }

    /// How a sent `emailVerified` is treated. In profile `standard` the owner cannot set it.
    pub(super) fn verified(&self, actor: Actor<'_>, target: &UserId) -> Verified {
        if !self.settings.loopback && actor.is(target) { Verified::Dropped } else { Verified::AsSent }
    }

    /// Refuses a password if `rejectPasswordChangesViaPatchOrReplace` is set, whatever its value.
    pub(super) fn may_change_password(&self, data: &Map<String, Value>) -> Result<(), Fault> {
        if self.settings.reject_password_changes && data.contains_key("password") {
            return Err(Fault::PasswordChangeRefused);
        }
        Ok(())
    }
}

/// Sets `emailVerified`. A new property is inserted at its place in LoopBack's order of properties.
pub(super) fn set_verified(properties: &mut Map<String, Value>, to: bool) {
    if let Some(verified) = properties.get_mut("emailVerified") {
        *verified = to.into();
        return;
    }
    let at = ["realm", "username", "email"].iter().filter(|name| properties.contains_key(**name)).count();
    properties.shift_insert(at, "emailVerified".to_owned(), to.into());
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

/// The names of changed, added and removed properties.
fn changed<'p>(old: &'p Map<String, Value>, new: &'p Map<String, Value>) -> Vec<&'p String> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    new.iter()
        .filter(|(name, value)| old.get(*name) != Some(value))
        .map(|(name, _)| name)
        .chain(gone)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        accounts::{
            Settings,
            testing::{self, CLIENT, TestAccounts, fixture, map},
        },
        store::Session,
    };

    const GOOD: &str = "a-good-password";

    async fn ann(settings: Settings) -> TestAccounts {
        let fixture = fixture(settings).await;
        let data = json!({"username": "ann", "email": "ann@b.c", "password": GOOD, "nick": "a"});
        fixture.register(&data).await.unwrap();
        fixture.register(&json!({"username": "bob", "email": "bob@b.c", "password": GOOD})).await.unwrap();
        fixture
    }

    async fn session(fixture: &TestAccounts, name: &str) -> Arc<Session> {
        let issued = fixture.login(&json!({"username": name, "password": GOOD})).await.unwrap();
        fixture.accounts.session(issued.id.expose()).await.unwrap()
    }

    fn with(session: &Session) -> Actor<'_> {
        let Actor::Client { address, request_id, reach, .. } = CLIENT else { panic!("not a client") };
        Actor::Client { address, request_id, session: Some(session), reach, by_cookie: false }
    }

    async fn patch(fixture: &TestAccounts, actor: Actor<'_>, data: Value) -> Result<User, Fault> {
        let user = fixture.accounts.user(&1.into()).await.unwrap();
        fixture.accounts.patch(actor, user, map(&data)).await
    }

    fn text(user: &User) -> String {
        Value::Object(user.properties.clone()).to_string()
    }

    #[tokio::test]
    async fn a_patch_changes_what_it_names() {
        let fixture = ann(testing::loopback()).await;
        for (data, expected) in [
            (json!({"realm": 5}), r#"{"realm":"5","username":"ann","email":"ann@b.c","nick":"a"}"#),
            (
                json!({"realm": null, "id": "1"}),
                r#"{"realm":null,"username":"ann","email":"ann@b.c","nick":"a"}"#,
            ),
            (
                json!({"emailVerified": "maybe", "z": [1], "nick": null}),
                r#"{"realm":null,"username":"ann","email":"ann@b.c","emailVerified":true,"nick":null,"z":[1]}"#,
            ),
            (
                json!({"password": 5, "verificationToken": "v", "accessTokens": [1], "__x": 1}),
                r#"{"realm":null,"username":"ann","email":"ann@b.c","emailVerified":true,"nick":null,"z":[1]}"#,
            ),
        ] {
            let user = patch(&fixture, CLIENT, data.clone()).await.unwrap();
            assert_eq!(text(&user), expected, "{data}");
            assert_eq!(text(&fixture.accounts.user(&1.into()).await.unwrap()), expected, "{data}");
        }
        assert!(fixture.login(&json!({"username": "ann", "password": GOOD})).await.is_ok());
    }

    #[tokio::test]
    async fn a_patch_is_refused_in_loopbacks_order() {
        let fixture = ann(Settings { reject_password_changes: true, ..testing::loopback() }).await;
        for (data, expected) in [
            (json!({"id": 2, "password": ""}), "the id cannot be changed from `1` to `2`"),
            (json!({"id": null}), "the id cannot be changed from `1` to `null`"),
            (json!({"id": [1]}), "the id cannot be changed from `1` to `1`"),
            (
                json!({"password": null, "email": "bad"}),
                "passwords cannot be changed by a patch or a replacement",
            ),
        ] {
            assert_eq!(
                patch(&fixture, CLIENT, data.clone()).await.unwrap_err().to_string(),
                expected,
                "{data}"
            );
        }
        let fixture = ann(testing::loopback()).await;
        let empty = patch(&fixture, CLIENT, json!({"password": "", "email": "bad"})).await.unwrap_err();
        assert!(matches!(empty, Fault::Password(_)), "{empty:?}");
        let both = patch(&fixture, CLIENT, json!({"email": "bad", "username": "bob"})).await.unwrap_err();
        let told = "The `User` instance is not valid. Details: `email` is invalid (value: \"bad\"); `username` User already exists (value: \"bob\").";
        assert_eq!(both.to_string(), told);
    }

    #[tokio::test]
    async fn only_a_new_email_or_a_password_ends_other_sessions() {
        let fixture = ann(testing::loopback()).await;
        let (own, other) = (session(&fixture, "ann").await, session(&fixture, "ann").await);
        let lives = |session: Arc<Session>| {
            let sessions = fixture.store.sessions();
            sessions.get(&session.hash).is_some()
        };
        for data in [json!({"realm": "x"}), json!({"email": "ann@b.c"}), json!({"password": 5}), json!({})] {
            patch(&fixture, with(&own), data.clone()).await.unwrap();
            assert!(lives(other.clone()), "{data}");
        }
        patch(&fixture, with(&own), json!({"email": "new@b.c"})).await.unwrap();
        assert!(lives(own.clone()) && !lives(other));
        // The same password has another hash.
        let other = session(&fixture, "ann").await;
        patch(&fixture, with(&own), json!({"password": GOOD})).await.unwrap();
        assert!(lives(own.clone()) && !lives(other));
        // Another user's request ends them all.
        let bob = session(&fixture, "bob").await;
        patch(&fixture, with(&bob), json!({"email": "third@b.c"})).await.unwrap();
        assert!(!lives(own) && lives(bob));
    }

    #[tokio::test]
    async fn who_can_say_that_an_address_is_confirmed() {
        for (settings, by_owner) in [(testing::loopback(), true), (testing::standard(), false)] {
            let fixture = ann(settings).await;
            let (own, bob) = (session(&fixture, "ann").await, session(&fixture, "bob").await);
            let user = patch(&fixture, with(&own), json!({"emailVerified": true})).await.unwrap();
            assert_eq!(user.email_verified(), by_owner);
            let data = json!({"email": "ann@b.c", "password": GOOD, "emailVerified": true});
            let user = fixture.accounts.replace(with(&own), "1", map(&data)).await.unwrap();
            assert_eq!(user.email_verified(), by_owner);
            // A user whom the rules let change others' rows.
            let user = patch(&fixture, with(&bob), json!({"emailVerified": true})).await.unwrap();
            assert!(user.email_verified());
        }
    }

    #[tokio::test]
    async fn a_new_address_has_to_be_confirmed_again() {
        let required = Settings { email_verification_required: true, ..testing::loopback() };
        for (settings, verified) in
            [(required, false), (testing::standard(), false), (testing::loopback(), true)]
        {
            let fixture = ann(settings).await;
            patch(&fixture, CLIENT, json!({"emailVerified": true})).await.unwrap();
            let user = patch(&fixture, CLIENT, json!({"email": "new@b.c"})).await.unwrap();
            assert_eq!(user.email_verified(), verified);
        }
    }

    #[tokio::test]
    async fn a_replacement_leaves_nothing() {
        let fixture = ann(testing::loopback()).await;
        let whole = |more: Value| {
            let mut data = map(&json!({"email": "ann@b.c", "password": GOOD}));
            data.extend(map(&more));
            data
        };
        let user = fixture.accounts.replace(CLIENT, "1", whole(json!({"id": 0, "z": 1}))).await.unwrap();
        assert_eq!(text(&user), r#"{"email":"ann@b.c","z":1}"#);
        for (id, more, expected) in [
            ("1", json!({"id": 2}), "the id cannot be replaced, `1` by `2`"),
            ("1", json!({"id": "1"}), "the id cannot be replaced, `1` by `1`"),
            ("99", json!({"email": "new@b.c"}), "there is no user `99` to replace"),
            ("x", json!({"email": "new@b.c"}), "there is no user `x` to replace"),
        ] {
            let fault = fixture.accounts.replace(CLIENT, id, whole(more)).await.unwrap_err();
            assert_eq!(fault.to_string(), expected);
        }
        let partial = fixture.accounts.replace(CLIENT, "99", map(&json!({"realm": "x"}))).await.unwrap_err();
        assert!(matches!(partial, Fault::Invalid(_)), "the rules are asked first: {partial:?}");
    }

    #[tokio::test]
    async fn a_deleted_user_leaves_no_session() {
        let fixture = ann(testing::loopback()).await;
        let own = session(&fixture, "ann").await;
        assert!(fixture.accounts.delete(with(&own), "1").await.unwrap());
        assert!(!fixture.accounts.delete(with(&own), "1").await.unwrap());
        assert!(fixture.store.sessions().get(&own.hash).is_none());
    }

    #[tokio::test]
    async fn declared_properties_have_types_defaults_and_must_be_there() {
        use crate::accounts::{Key, Kind, Property};
        let property = |name: &str, kind, required, default| Property {
            name: name.to_owned(),
            kind,
            list: false,
            required,
            default,
            description: None,
        };
        let properties = vec![
            property("age", Kind::Number, false, None),
            property("plan", Kind::Text, false, Some(json!("free"))),
            property("born", Kind::Date, true, None),
        ];
        let properties = Property::complete(properties, &Key::default());
        let fixture = fixture(Settings { properties, ..testing::loopback() }).await;
        let data =
            json!({"extra": 1, "age": "41", "born": "2001-02-03", "email": "ann@b.c", "password": GOOD});
        let user = fixture.register(&data).await.unwrap();
        let stored =
            r#"{"age":41,"plan":"free","born":"2001-02-03T00:00:00.000Z","email":"ann@b.c","extra":1}"#;
        assert_eq!(text(&user), stored);
        let blank = patch(&fixture, CLIENT, json!({"born": null})).await.unwrap_err();
        assert_eq!(
            blank.to_string(),
            "The `User` instance is not valid. Details: `born` can't be blank (value: null)."
        );
        let no_date = patch(&fixture, CLIENT, json!({"born": "soon", "age": ""})).await.unwrap_err();
        assert!(
            no_date.to_string().ends_with("`born` is not a valid date (value: Invalid Date)."),
            "{no_date}"
        );
        let older = json!({"where": {"age": {"gt": "40"}, "born": {"lt": "2002-01-01"}}});
        let query = fixture.accounts.query(Some(&older)).unwrap();
        assert_eq!(fixture.accounts.find(&query).await.unwrap().len(), 1);
    }
}
