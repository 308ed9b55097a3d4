//! Registration, and new passwords that an operator sets.

use std::{collections::HashSet, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Accounts, Actor, Fault, Reader, Reset, Violation, Violations, audit,
    change::{ATTEMPTS, Edit},
    event::{About, Event},
    password::{BreachedPasswords, PasswordError, Secret},
    profile::{Draft, Verified},
};
use crate::{
    identity::{Password, PasswordHash, UserId},
    limit::LimitKind,
    mail::Message,
    store::{Change, CommitError, Outcome, User, UserDraft, UserKey},
};

/// Maximum number of items of a batch. Each costs a password hash; more would occupy a hashing thread for seconds.
pub(super) const MAX_BATCH: usize = 100;

impl Accounts {
    /// Creates a user with the properties that the actor sent, the password included.
    ///
    /// # Errors
    /// [`Fault::Limited`], [`Fault::Password`], [`Fault::Invalid`], [`Fault::TooDeep`], or an error of a step.
    pub async fn register(&self, actor: Actor<'_>, data: Map<String, Value>) -> Result<User, Fault> {
        self.register_with(actor, data, None).await
    }

    /// As [`Accounts::register`], with a mail to the address that confirms it, and with the same work for an address that
    /// has an account already: who answers both alike tells no client who has one.
    ///
    /// # Errors
    /// As [`Accounts::register`].
    pub async fn register_to_confirm(
        &self,
        actor: Actor<'_>,
        data: Map<String, Value>,
        reader: Reader,
    ) -> Result<User, Fault> {
        self.register_with(actor, data, Some(reader)).await
    }

    async fn register_with(
        &self,
        actor: Actor<'_>,
        data: Map<String, Value>,
        page: Option<Reader>,
    ) -> Result<User, Fault> {
        self.admit(LimitKind::Register, actor)?;
        self.admit_creation(actor)?;
        let address = Reset::of_registration(&data);
        let mut draft = self.draft(actor, data)?;
        let hides_accounts = page.is_some();
        draft.confirms |= hides_accounts;
        draft.reader = page.unwrap_or_default();
        self.compare_names(&mut draft, &HashSet::new(), None).await?;
        if draft.violations.is_empty() {
            return self.created_from(actor, draft).await;
        }
        if let Some(address) = address
            && Violation::are_only_taken(&draft.violations)
            && matches!(actor, Actor::Client { .. })
        {
            if hides_accounts {
                self.admit_write(actor, &draft.properties, None)?;
                if let Some(secret) = draft.secret.take() {
                    self.hashed(actor, None, secret).await?;
                }
            }
            self.tell_owner(actor, address, &draft.reader).await?;
        }
        Err(self.invalid(draft.violations))
    }

    /// Creates several users. In profile `standard` all or none, in `loopback3` those that are valid.
    ///
    /// # Errors
    /// As [`Accounts::register`]. Refused items are reported as [`Fault::Batch`].
    pub async fn register_many(
        &self,
        actor: Actor<'_>,
        items: Vec<Map<String, Value>>,
    ) -> Result<Vec<User>, Fault> {
        if items.len() > MAX_BATCH {
            return Err(Fault::BatchTooLong(MAX_BATCH));
        }
        // Every item counts, so that a batch is no way around the limit on registrations.
        for _ in &items {
            self.admit(LimitKind::Register, actor)?;
        }
        self.admit_creation(actor)?;
        let users = if self.settings.loopback {
            self.create_each(actor, items).await?
        } else {
            self.create_all(actor, items).await?
        };
        Ok(users)
    }

    /// Sets a new password for a user and ends all of their sessions.
    ///
    /// # Errors
    /// [`Fault::Password`], [`Fault::UnknownUser`], or an error of a step.
    pub async fn set_password(&self, actor: Actor<'_>, id: &UserId, password: &str) -> Result<(), Fault> {
        let secret = self.passwords.accept(password)?;
        let known = self.user(id).await?;
        self.passwords.accept_beside(&secret, &[known.email(), known.username()])?;
        // Once, before the attempts: a hash takes 15 ms of a core (docs/decisions.md section 4).
        let hash = self.hashed(actor, Some(id), secret).await?;
        for _ in 0..ATTEMPTS {
            let old = self.user(id).await?;
            let edit = self.edited(actor, &old, old.properties.clone(), Some(hash.clone()))?;
            match self.save(actor, &old, Edit { ends_own: true, ..edit }).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. }) => {}
                // The user was deleted while the password was hashed.
                Err(CommitError::Missing { .. }) => return Err(Fault::UnknownUser(id.clone())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// LoopBack's batch: each item succeeds or fails on its own.
    async fn create_each(
        &self,
        actor: Actor<'_>,
        items: Vec<Map<String, Value>>,
    ) -> Result<Vec<User>, Fault> {
        let (mut users, mut faults) = (Vec::new(), Vec::new());
        for data in items {
            let made = match self.checked(actor, data, &HashSet::new()).await {
                Ok(draft) => self.created_from(actor, draft).await,
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

    /// Creates all users in one commit, or none.
    async fn create_all(&self, actor: Actor<'_>, items: Vec<Map<String, Value>>) -> Result<Vec<User>, Fault> {
        let (mut drafts, mut faults, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for data in items {
            match self.checked(actor, data, &seen).await {
                Ok(draft) => {
                    let keys = self.settings.keys();
                    seen.extend([draft.email_key(keys), draft.username_key(keys)].into_iter().flatten());
                    // The store knows nothing of this batch yet, so names within it are compared here.
                    seen.extend(draft.alike_keys(keys));
                    drafts.push(draft);
                    faults.push(None);
                }
                Err(fault) => faults.push(Some(refusal(fault)?)),
            }
        }
        if faults.iter().any(Option::is_some) {
            return Err(Fault::Batch(faults));
        }
        // The index of the first change of each item, by which a rejected change is mapped to its item.
        let (mut batch, mut starts) = (actor.conditions(), Vec::new());
        for draft in &mut drafts {
            starts.push(batch.len());
            self.creation(&mut batch, actor, draft).await?;
        }
        match self.commit(batch).await {
            Ok(outcomes) => {
                let users: Vec<User> = outcomes.into_iter().filter_map(created).collect();
                users.iter().for_each(|user| audit::record("user.registered", actor, Some(&user.id), None));
                Ok(users)
            }
            // Another request took the name between the check and the commit.
            Err(CommitError::Taken { change, keys }) => {
                let item = starts.iter().position(|start| *start == change);
                let taken = item.and_then(|item| drafts.get(item)).map(|draft| self.taken(draft, &keys));
                let slot = item.and_then(|item| faults.get_mut(item));
                if let (Some(slot), Some(fault)) = (slot, taken) {
                    *slot = Some(fault);
                }
                Err(Fault::Batch(faults))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Validates the properties, and compares the names with those of other users, so that one answer reports all
    /// violations.
    async fn checked(
        &self,
        actor: Actor<'_>,
        data: Map<String, Value>,
        seen: &HashSet<UserKey>,
    ) -> Result<Draft, Fault> {
        self.vetted(self.draft(actor, data)?, seen, None).await
    }

    fn draft(&self, actor: Actor<'_>, data: Map<String, Value>) -> Result<Draft, Fault> {
        let verified = match actor {
            Actor::Operator => Verified::AsSent,
            Actor::Client { .. } => Verified::Never,
        };
        Draft::read(&self.settings, &self.passwords, verified, data)
    }

    /// Compares the names of a draft with those of the batch (`seen`) and of all users except `own`.
    pub(super) async fn vetted(
        &self,
        mut draft: Draft,
        seen: &HashSet<UserKey>,
        own: Option<&UserId>,
    ) -> Result<Draft, Fault> {
        self.compare_names(&mut draft, seen, own).await?;
        if draft.violations.is_empty() { Ok(draft) } else { Err(self.invalid(draft.violations)) }
    }

    /// Adds the violations that names of others are.
    async fn compare_names(
        &self,
        draft: &mut Draft,
        seen: &HashSet<UserKey>,
        own: Option<&UserId>,
    ) -> Result<(), Fault> {
        let keys = self.settings.keys();
        let mut names = [draft.email_key(keys), draft.username_key(keys)];
        // The order decides which violation LoopBack's answer lists first.
        if self.settings.checks_username_first() {
            names.reverse();
        }
        for key in names.into_iter().flatten() {
            let other = self.store.find_user(&key).await?.filter(|other| Some(&other.id) != own);
            if seen.contains(&key) || other.is_some() || self.is_elsewhere(draft, &key, own).await? {
                draft.violations.push(draft.taken(&key));
            }
        }
        let own_names = |list: &[Violation]| list.iter().any(|violation| violation.property == "username");
        // A name that is taken is also alike, and one violation for each property is enough.
        if !own_names(&draft.violations) && self.is_alike(draft, seen, own).await? {
            draft.violations.push(draft.username_taken());
        }
        Ok(())
    }

    /// Whether a new username is another user's id, or another user's name in different letter case or width (profile
    /// `standard`).
    async fn is_alike(
        &self,
        draft: &Draft,
        seen: &HashSet<UserKey>,
        own: Option<&UserId>,
    ) -> Result<bool, Fault> {
        let alikes = draft.alike_keys(self.settings.keys());
        let Some((_, Some(username))) = alikes.first().map(|key| draft.name(key)) else { return Ok(false) };
        if self.store.user(&UserId::parse(username)).await?.is_some() {
            return Ok(true);
        }
        for key in alikes {
            let other = self.store.find_user(&key).await?.filter(|other| Some(&other.id) != own);
            if seen.contains(&key) || other.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a name of a draft without a realm is used in any realm. LoopBack compares the name alone then.
    async fn is_elsewhere(&self, draft: &Draft, key: &UserKey, own: Option<&UserId>) -> Result<bool, Fault> {
        let realms = self.settings.loopback && self.settings.keys().per_realm;
        if !realms || draft.properties.contains_key("realm") {
            return Ok(false);
        }
        let (name, value) = draft.name(key);
        // Two, because one of them may be the user's own row.
        let filter = json!({ "where": { name: value }, "limit": 2 });
        let found = self.find(&self.query(Some(&filter))?).await?;
        Ok(found.iter().any(|other| Some(&other.id) != own))
    }

    /// Stores a draft as a new user.
    pub(super) async fn created_from(&self, actor: Actor<'_>, mut draft: Draft) -> Result<User, Fault> {
        // Here, too, because an upsert that creates a user comes this way.
        self.admit_creation(actor)?;
        let mut batch = actor.conditions();
        self.creation(&mut batch, actor, &mut draft).await?;
        let user = match self.commit(batch).await {
            Ok(outcomes) => outcomes.into_iter().find_map(created).ok_or(Fault::Contended)?,
            Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
            Err(error) => return Err(error.into()),
        };
        audit::record("user.registered", actor, Some(&user.id), None);
        Ok(user)
    }

    /// Adds the changes that create a user and its events.
    async fn creation(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        draft: &mut Draft,
    ) -> Result<(), Fault> {
        // Before the password, so that a refused write costs no hash.
        self.admit_write(actor, &draft.properties, None)?;
        let password = match draft.secret.take() {
            Some(secret) => Some(self.hashed(actor, None, secret).await?),
            None => None,
        };
        let properties = std::mem::take(&mut draft.properties);
        if let Some(id) = &draft.id
            && self.store.user(id).await?.is_some()
        {
            return Err(Fault::KeyTaken {
                model: self.settings.model.clone(),
                key: self.settings.key.name.clone(),
            });
        }
        // The store assigns the id in the commit, so the events refer to "the user just created" (`About::Created`).
        batch.push(Change::CreateUser(UserDraft {
            id: draft.id.clone(),
            properties: properties.clone(),
            password,
            verification: None,
        }));
        let about = About::Created(&properties);
        self.announce(batch, actor, Event::new("user.registered", about))?;
        // An operator sets `emailVerified` directly.
        if draft.confirms && matches!(actor, Actor::Client { .. }) {
            let event = Event::new("verification.requested", about).with(draft.reader.facts());
            self.announce(batch, actor, event.mailed(Message::Confirm))?;
        }
        Ok(())
    }

    pub(super) async fn hashed(
        &self,
        actor: Actor<'_>,
        user: Option<&UserId>,
        secret: Secret,
    ) -> Result<PasswordHash, Fault> {
        match secret {
            Secret::Plain(password) => {
                self.check_breached(&password).await?;
                self.hash(actor, user, password).await
            }
            Secret::Hashed(hash) => Ok(hash),
        }
    }

    /// Looks the password up in the list of breached ones. The file is read on a thread of its own.
    async fn check_breached(&self, password: &Password) -> Result<(), Fault> {
        let Some(list) = self.passwords.breached().cloned() else { return Ok(()) };
        let hash = BreachedPasswords::hash(password.expose());
        match self.search_thread.run(async move { list.has(&hash) }).await {
            Some(Ok(false)) => Ok(()),
            Some(Ok(true)) => Err(Fault::Password(PasswordError::Breached)),
            // Fails closed: a list that cannot be read refuses nothing any more, and the operator would not notice.
            Some(Err(error)) => Err(Fault::BreachedUnreadable(error)),
            None => Err(Fault::Busy(Duration::from_secs(1))),
        }
    }

    pub(super) fn taken(&self, draft: &Draft, keys: &[UserKey]) -> Fault {
        self.invalid(keys.iter().map(|key| draft.taken(key)).collect())
    }

    fn invalid(&self, list: Vec<Violation>) -> Fault {
        Fault::Invalid(Violations { model: self.settings.model.clone(), list })
    }
}

/// Keeps errors of a single item. Any other error ends the batch.
fn refusal(fault: Fault) -> Result<Fault, Fault> {
    match fault {
        Fault::Password(_)
        | Fault::Invalid(_)
        | Fault::KeyTaken { .. }
        | Fault::NoList(_)
        | Fault::TooDeep(_)
        | Fault::TooLarge(_)
        | Fault::TooManyProperties(_) => Ok(fault),
        other => Err(other),
    }
}

fn created(outcome: Outcome) -> Option<User> {
    match outcome {
        Outcome::User(user) => Some(*user),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        accounts::{
            PasswordError, Settings,
            testing::{self, CLIENT, TestAccounts, fixture, map},
        },
        limit,
        rate::Rate,
        store::KeyRules,
    };

    const GOOD: &str = "a-good-password";

    async fn batch(fixture: &TestAccounts, items: &[Value]) -> Result<usize, Fault> {
        let items = items.iter().map(map).collect();
        fixture.accounts.register_many(CLIENT, items).await.map(|users| users.len())
    }

    async fn count(fixture: &TestAccounts) -> usize {
        fixture.store.users(None, 1000).await.unwrap().len()
    }

    fn refused(fault: &Fault) -> Vec<(&str, &'static str)> {
        let Fault::Invalid(violations) = fault else { panic!("{fault:?}") };
        violations.list.iter().map(|violation| (&*violation.property, violation.rule.code())).collect()
    }

    #[tokio::test]
    async fn keeps_a_hash_and_no_password() {
        let fixture = fixture(testing::loopback()).await;
        let user = fixture
            .register(&json!({"email": "a@b", "password": "x", "nick": "z", "verificationToken": "mine"}))
            .await
            .unwrap();
        let stored = fixture.store.user(&user.id).await.unwrap().unwrap();
        assert_eq!(Value::Object(stored.properties).to_string(), r#"{"email":"a@b","nick":"z"}"#);
        assert!(stored.password.unwrap().expose().starts_with("$argon2id$"));
        assert_eq!(stored.verification, None);
    }

    #[tokio::test]
    async fn tells_everything_that_is_wrong_at_once() {
        let fixture = fixture(testing::loopback()).await;
        fixture.register(&json!({"email": "a@b", "username": "ann", "password": "x"})).await.unwrap();
        let fault = fixture.register(&json!({"id": 3, "email": "a@b", "username": "ann"})).await.unwrap_err();
        let expected = [
            ("id", "absence"),
            ("password", "presence"),
            ("email", "uniqueness"),
            ("username", "uniqueness"),
        ];
        assert_eq!(refused(&fault), expected);
        let fault = fixture.register(&json!({"email": "bad", "username": "ann"})).await.unwrap_err();
        let expected = [("password", "presence"), ("email", "custom.email"), ("username", "uniqueness")];
        assert_eq!(refused(&fault), expected);
        assert_eq!(count(&fixture).await, 1);
    }

    #[tokio::test]
    async fn blank_usernames_are_nobodys() {
        let fixture = fixture(testing::loopback()).await;
        for (at, username) in
            [json!(""), json!(""), json!(null), json!(null), json!([])].into_iter().enumerate()
        {
            let data = json!({"email": format!("{at}@b"), "password": "x", "username": username});
            fixture.register(&data).await.unwrap();
        }
        fixture.register(&json!({"email": "n@b", "password": "x", "username": 5})).await.unwrap();
        let fault =
            fixture.register(&json!({"email": "m@b", "password": "x", "username": "5"})).await.unwrap_err();
        assert_eq!(refused(&fault), [("username", "uniqueness")]);
    }

    #[tokio::test]
    async fn of_many_at_once_one_gets_the_name() {
        let fixture = fixture(testing::loopback()).await;
        let data = json!({"email": "a@b", "username": "ann", "password": "x"});
        let (one, two, three) =
            tokio::join!(fixture.register(&data), fixture.register(&data), fixture.register(&data));
        let results = [one, two, three];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for fault in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(refused(fault), [("email", "uniqueness"), ("username", "uniqueness")]);
        }
        assert_eq!(count(&fixture).await, 1);
    }

    #[tokio::test]
    async fn names_are_unique_in_their_realm_when_both_settings_are_on() {
        let realms =
            Settings { realm_required: true, realm_delimiter: Some(":".to_owned()), ..testing::loopback() };
        let data = |realm: &str| json!({"email": "a@b", "username": "ann", "password": "x", "realm": realm});
        let both = fixture(realms.clone()).await;
        both.register(&data("r1")).await.unwrap();
        both.register(&data("r2")).await.unwrap();
        assert!(both.register(&data("r1")).await.is_err());
        // Without a realm a name is compared with all names; `null` and a blank one are realms of their own.
        let bare = json!({"email": "a@b", "username": "ann", "password": "x"});
        let fault = both.register(&bare).await.unwrap_err();
        assert_eq!(
            fault.to_string(),
            "The `User` instance is not valid. Details: `email` Email already exists (value: \"a@b\"); `username` User \
             already exists (value: \"ann\")."
        );
        for realm in [json!(null), json!("")] {
            let mut data = bare.clone();
            data["realm"] = realm;
            both.register(&data).await.unwrap();
            assert!(both.register(&data).await.is_err());
        }
        let one = fixture(Settings { realm_delimiter: None, ..realms }).await;
        one.register(&data("r1")).await.unwrap();
        assert!(one.register(&data("r2")).await.is_err());
    }

    #[tokio::test]
    async fn the_case_of_an_email_counts_as_the_setting_says() {
        for (case_sensitive_email, users) in [(true, 2), (false, 1)] {
            let fixture = fixture(Settings { case_sensitive_email, ..testing::loopback() }).await;
            fixture.register(&json!({"email": "a@b", "password": "x"})).await.unwrap();
            let _ = fixture.register(&json!({"email": "A@b", "password": "x"})).await;
            assert_eq!(count(&fixture).await, users);
        }
    }

    #[tokio::test]
    async fn loopback_creates_what_it_can() {
        let fixture = fixture(testing::loopback()).await;
        let items = [
            json!({"email": "a@b", "password": "x", "emailVerified": true}),
            json!({"email": "bad"}),
            json!({"email": "a@b", "password": "x"}),
            json!({"email": "c@d", "password": ""}),
        ];
        let Err(Fault::Batch(faults)) = batch(&fixture, &items).await else { panic!("a fault") };
        let bad: Vec<bool> = faults.iter().map(Option::is_some).collect();
        assert_eq!(bad, [false, true, true, true]);
        let users = fixture.store.users(None, 10).await.unwrap();
        assert_eq!(users.len(), 1);
        assert!(!users[0].email_verified(), "a batch is no way around the confirmation");
    }

    #[tokio::test]
    async fn standard_creates_all_or_nothing() {
        let fixture = fixture(testing::standard()).await;
        let good = |email: &str| json!({"email": email, "password": GOOD});
        for bad in [json!({"email": "bad"}), good("a@b"), json!({"email": "c@d", "password": "short"})] {
            let Err(Fault::Batch(faults)) = batch(&fixture, &[good("a@b"), bad]).await else {
                panic!("a fault")
            };
            assert_eq!(faults.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
            assert_eq!(count(&fixture).await, 0);
        }
        assert_eq!(batch(&fixture, &[good("a@b"), good("c@d")]).await.unwrap(), 2);
        assert_eq!(batch(&fixture, &[]).await.unwrap(), 0);
        let many = vec![good("x@y"); MAX_BATCH + 1];
        assert!(matches!(batch(&fixture, &many).await, Err(Fault::BatchTooLong(MAX_BATCH))));
    }

    #[tokio::test]
    async fn each_new_user_counts_at_the_door() {
        let rate = Rate { burst: 3, period: Duration::from_secs(3600) };
        let limits = limit::Settings { register_per_client: Some(rate), ..limit::Settings::default() };
        let fixture = testing::limited_fixture(testing::loopback(), &limits).await;
        let good = |email: &str| json!({"email": email, "password": "x"});
        assert_eq!(batch(&fixture, &[good("a@b"), good("c@d")]).await.unwrap(), 2);
        assert!(matches!(batch(&fixture, &[good("e@f"), good("g@h")]).await, Err(Fault::Limited(_))));
        assert!(matches!(fixture.register(&good("e@f")).await, Err(Fault::Limited(_))));
        fixture.accounts.register(Actor::Operator, map(&good("e@f"))).await.unwrap();
        assert_eq!(count(&fixture).await, 3);
    }

    #[tokio::test]
    async fn a_new_password_ends_every_session() {
        let fixture = fixture(testing::standard()).await;
        let user = fixture.register(&json!({"email": "a@b", "password": GOOD})).await.unwrap();
        let token = fixture.login(&json!({"email": "a@b", "password": GOOD})).await.unwrap();
        let fault = fixture.accounts.set_password(Actor::Operator, &user.id, "short").await.unwrap_err();
        assert!(matches!(fault, Fault::Password(PasswordError::TooShort { .. })));
        fixture.accounts.session(token.id.expose()).await.unwrap();
        fixture.accounts.set_password(Actor::Operator, &user.id, "another-good-one").await.unwrap();
        assert!(matches!(fixture.accounts.session(token.id.expose()).await, Err(Fault::TokenRequired)));
        assert!(fixture.login(&json!({"email": "a@b", "password": GOOD})).await.is_err());
        fixture.login(&json!({"email": "a@b", "password": "another-good-one"})).await.unwrap();
        let nobody = fixture.accounts.set_password(Actor::Operator, &99.into(), "another-good-one").await;
        assert!(matches!(nobody, Err(Fault::UnknownUser(_))));
    }

    #[tokio::test]
    async fn the_store_folds_names_by_the_same_rules() {
        let settings = Settings { case_sensitive_email: false, ..testing::loopback() };
        let keys = settings.keys();
        assert_eq!(keys, KeyRules { fold_email_case: true, per_realm: false, canonical: false });
        let fixture = fixture(settings).await;
        fixture.register(&json!({"email": "Ann@Example.com", "password": "x"})).await.unwrap();
        let found = fixture.store.find_user(&keys.email(None, "ANN@example.com")).await.unwrap().unwrap();
        assert_eq!(found.email(), Some("ann@example.com"));
    }
}
