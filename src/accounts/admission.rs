//! Admission of expensive work for one client or one user: hashing, writes of rows, and searches.

use std::{hash::Hash, time::Duration};

use serde_json::{Map, Value};

use super::{Accounts, Actor, Fault, Registration, known_networks};
use crate::{
    hasher::{HashingSlot, Purpose, Verdict},
    identity::{Password, PasswordHash, UserId},
    limit::{Attempt, Budget, WorkKind},
    policy::Reach,
    store::User,
};

impl Accounts {
    /// Hashes a new password. `user` is the user who gets it, if they exist already.
    pub(super) async fn hash(
        &self,
        actor: Actor<'_>,
        user: Option<&UserId>,
        password: Password,
    ) -> Result<PasswordHash, Fault> {
        let slot = self.slot(actor, Purpose::NewPassword, user)?;
        Ok(self.hasher.hash(slot, password).await?)
    }

    /// Hashes the password of a login again, with the current parameters. Returns `None` when the queue is full; the
    /// next login tries again.
    pub(super) async fn rehash(&self, actor: Actor<'_>, password: Password) -> Option<PasswordHash> {
        let slot = self.slot(actor, Purpose::Login, None).ok()?;
        self.hasher.hash(slot, password).await.ok()
    }

    /// Checks a password against a hash. `user` is the user who changes their own password with it, `None` for a login.
    pub(super) async fn verify(
        &self,
        actor: Actor<'_>,
        user: Option<&UserId>,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, Fault> {
        // The check before a password change queues with new passwords, so that it takes no place of a login.
        let purpose = if user.is_some() { Purpose::NewPassword } else { Purpose::Login };
        let slot = self.slot(actor, purpose, user)?;
        Ok(self.hasher.verify(slot, password, hash).await?)
    }

    /// A slot to hash. Password changes are limited to one at a time for each user. Logins are not counted by user: a
    /// client could otherwise lock the owner out.
    fn slot(&self, actor: Actor<'_>, purpose: Purpose, user: Option<&UserId>) -> Result<HashingSlot, Fault> {
        let (work, most) = match purpose {
            Purpose::Login => (WorkKind::Login, LOGINS_AT_ONCE),
            Purpose::NewPassword => (WorkKind::NewPassword, NEW_PASSWORDS_AT_ONCE),
        };
        let of_user = match user {
            Some(user) => Some(self.limits.user_slot(work, user).ok_or(Fault::Busy(RETRY_AFTER))?),
            None => None,
        };
        // Bounded by client, so that one client cannot fill the hasher's queue for all others.
        let of_client = match actor {
            Actor::Client { address, .. } => {
                Some(self.limits.client_slot(work, address, most).ok_or(Fault::Busy(RETRY_AFTER))?)
            }
            Actor::Operator => None,
        };
        Ok(HashingSlot::new(purpose, (of_user, of_client)))
    }

    /// Counts a login of an account, or of a name that no account has. It is a failure until it is given back.
    pub(super) fn admit_login(
        &self,
        actor: Actor<'_>,
        user: Option<&User>,
        name: &impl Hash,
    ) -> Result<Attempt, Fault> {
        let counted = match (actor, user) {
            (Actor::Operator, _) => Ok(Attempt::FREE),
            (_, None) => self.limits.attempt_unknown(name),
            (_, Some(user)) => self.limits.attempt(match known_networks::known(actor, user) {
                Some(network) => Budget::Network(&user.id, network),
                None => Budget::Strangers(&user.id),
            }),
        };
        counted.map_err(Fault::Limited)
    }

    /// Counts the check of a password that an account's own session asks for.
    pub(super) fn admit_proof(&self, actor: Actor<'_>, user: &User) -> Result<Attempt, Fault> {
        match actor {
            Actor::Operator => Ok(Attempt::FREE),
            Actor::Client { .. } => self.limits.attempt(Budget::Sessions(&user.id)).map_err(Fault::Limited),
        }
    }

    /// Runs a search on the search thread. The number of concurrent searches of a client is limited.
    pub(super) async fn search<T: Send + 'static, F: Future<Output = Result<T, Fault>> + Send + 'static>(
        &self,
        actor: Actor<'_>,
        search: impl FnOnce(Self) -> F,
    ) -> Result<T, Fault> {
        let slot = match actor {
            Actor::Client { address, .. } => {
                let slot = self.limits.client_slot(WorkKind::Search, address, SEARCHES_AT_ONCE);
                Some(slot.ok_or(Fault::Busy(RETRY_AFTER))?)
            }
            Actor::Operator => None,
        };
        let search = search(self.clone());
        let done = self.search_thread.run(async move {
            // The slot lives as long as the work: a client that disconnects must not free it while the search still
            // runs.
            let _turn = slot;
            search.await
        });
        done.await.unwrap_or(Err(Fault::Busy(RETRY_AFTER)))
    }

    /// Checks the size of a user's properties, and the rate at which clients write this row.
    pub(super) fn admit_write(
        &self,
        actor: Actor<'_>,
        properties: &Map<String, Value>,
        old: Option<&User>,
    ) -> Result<(), Fault> {
        let bytes = size(properties);
        // Imported users may exceed the limits. They may stay as they are, or shrink.
        let before = old.map(|old| (size(&old.properties), old.properties.len()));
        if bytes > MAX_BYTES && before.is_none_or(|(size, _)| bytes > size) {
            return Err(Fault::TooLarge(MAX_BYTES));
        }
        if properties.len() > MAX_PROPERTIES && before.is_none_or(|(_, count)| properties.len() > count) {
            return Err(Fault::TooManyProperties(MAX_PROPERTIES));
        }
        match (old, actor) {
            (Some(old), Actor::Client { .. }) => {
                self.limits.check_write(&old.id, bytes).map_err(Fault::Limited)
            }
            _ => Ok(()),
        }
    }

    /// Checks the rate at which a user's token rows are written. Each counts as a write of one byte.
    pub(super) fn admit_token_write(&self, actor: Actor<'_>, user: &UserId) -> Result<(), Fault> {
        match actor {
            Actor::Client { .. } => self.limits.check_write(user, 1).map_err(Fault::Limited),
            Actor::Operator => Ok(()),
        }
    }

    /// Checks whether this actor may create accounts.
    pub(super) fn admit_creation(&self, actor: Actor<'_>) -> Result<(), Fault> {
        match (self.settings.registration, actor) {
            (Registration::Open, _) | (_, Actor::Operator) => Ok(()),
            (_, Actor::Client { reach, .. }) if reach > Reach::Everyone => Ok(()),
            _ => Err(Fault::RegistrationClosed),
        }
    }

    /// Checks whether this actor may change the names of a user.
    pub(super) fn admit_rename(
        &self,
        actor: Actor<'_>,
        old: &User,
        properties: &Map<String, Value>,
    ) -> Result<(), Fault> {
        // A caller whom a rule names (a role, say) has been given that right on purpose; `users.rename` is about plain
        // owners.
        let by_rule = matches!(actor, Actor::Client { reach: Reach::Named, .. });
        if self.settings.rename || by_rule || !actor.is(&old.id) {
            return Ok(());
        }
        match self.renamed(old, properties) {
            Some(name) => Err(Fault::RenameRefused(name)),
            None => Ok(()),
        }
    }

    /// The first of a user's names that these properties change.
    pub(super) fn renamed(&self, old: &User, properties: &Map<String, Value>) -> Option<&'static str> {
        // Without realms per user the realm is no part of the name, so a change of it renames no account.
        let per_realm = self.settings.keys().per_realm;
        let mut names = NAMES.into_iter().filter(|name| per_realm || *name != "realm");
        names.find(|name| properties.get(*name) != old.properties.get(*name))
    }

    /// Refuses to replace what an account is proven by, or to end it, if a cookie is all that speaks for its user. Any
    /// script of the site can send one, and the session may be stolen: the account page asks for the password.
    pub(super) fn admit_takeover(&self, actor: Actor<'_>, user: &UserId) -> Result<(), Fault> {
        let by_cookie = matches!(actor, Actor::Client { by_cookie: true, .. });
        if by_cookie && !self.settings.loopback && actor.is(user) {
            return Err(Fault::CurrentPasswordRequired);
        }
        Ok(())
    }
}

/// The size of properties as JSON, in bytes.
pub(super) fn size(properties: &Map<String, Value>) -> usize {
    // Counts while it serializes, so that a large value is not copied into a buffer only to be measured.
    let mut count = Count(0);
    // `Count` never returns an error, and a `Map` always serializes.
    let _ = serde_json::to_writer(&mut count, properties);
    count.0
}

struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The properties that identify a user to others.
const NAMES: [&str; 3] = ["username", "email", "realm"];

/// Maximum size of a user's properties as JSON, in bytes.
// Every write stores the whole row, so the size of a row is what a small patch costs on disk.
const MAX_BYTES: usize = 64 * 1024;

/// Maximum number of a user's properties.
const MAX_PROPERTIES: usize = 256;

/// Maximum number of logins of one client in the hasher.
// A quarter of the default `password.queue`. It does not follow the setting.
const LOGINS_AT_ONCE: usize = 16;

/// Maximum number of new passwords of one client in the hasher. Half of the logins' share: logins go first.
const NEW_PASSWORDS_AT_ONCE: usize = 8;

/// Maximum number of concurrent searches of one client.
const SEARCHES_AT_ONCE: usize = 16;

/// `Retry-After` for a client that exceeds one of these limits.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        accounts::{
            PasswordChange, Settings,
            testing::{self, CLIENT, GOOD, TestAccounts, ann, fixture, limited_fixture, map, with_ann},
        },
        limit,
    };

    fn as_member(session: &crate::store::Session, reach: Reach) -> Actor<'_> {
        let Actor::Client { address, request_id, .. } = CLIENT else { panic!("not a client") };
        Actor::Client { address, request_id, session: Some(session), reach, by_cookie: false }
    }

    async fn patch(fixture: &TestAccounts, actor: Actor<'_>, data: &Value) -> Result<User, Fault> {
        let user = fixture.accounts.user(&1.into()).await?;
        fixture.accounts.patch(actor, user, map(data)).await
    }

    #[tokio::test]
    async fn d2_a_row_has_so_many_bytes_and_properties() {
        for settings in [testing::standard(), testing::loopback()] {
            let fixture = with_ann(settings).await;
            let large = json!({ "bio": "x".repeat(95_000) });
            let refused = patch(&fixture, CLIENT, &large).await;
            assert!(matches!(refused, Err(Fault::TooLarge(_))), "{refused:?}");
            for index in 0..3 {
                let part = json!({ (format!("p{index}")): "x".repeat(20_000) });
                patch(&fixture, CLIENT, &part).await.unwrap();
            }
            let more = patch(&fixture, CLIENT, &json!({ "p3": "x".repeat(20_000) })).await;
            assert!(matches!(more, Err(Fault::TooLarge(_))), "whatever a single patch holds: {more:?}");
            let whole = json!({"email": "c@b.c", "password": GOOD, "bio": "x".repeat(70_000)});
            assert!(matches!(fixture.register(&whole).await, Err(Fault::TooLarge(_))));
            let replaced = fixture.accounts.replace(CLIENT, "1", map(&whole)).await;
            assert!(matches!(replaced, Err(Fault::TooLarge(_))), "{replaced:?}");
            let all = fixture.accounts.update_all(CLIENT, &json!({}), map(&large)).await;
            assert!(matches!(all, Err(Fault::TooLarge(_))), "{all:?}");
            let many: Map<String, Value> = (0..300).map(|index| (format!("q{index}"), 1.into())).collect();
            let many = patch(&fixture, CLIENT, &Value::Object(many)).await;
            assert!(matches!(many, Err(Fault::TooManyProperties(_))), "{many:?}");
            let name = json!({"email": "d@b.c", "password": GOOD, "username": "x".repeat(2_000)});
            let name = fixture.register(&name);
            assert!(matches!(name.await, Err(Fault::Invalid(_))));
        }
    }

    #[tokio::test]
    async fn d2_what_an_import_brought_may_stay_and_become_less() {
        let fixture = fixture(testing::loopback()).await;
        let mut row = crate::store::User {
            id: 1.into(),
            properties: map(&json!({"email": "a@b.c", "big": "x".repeat(90_000)})),
            password: None,
            verification: None,
            epoch: 0,
            revision: 0,
            disabled: false,
            networks: Vec::new(),
        };
        row.properties.insert("n".to_owned(), 10.into());
        fixture.store.commit(vec![crate::store::Change::PutUser(row)]).await.unwrap();
        patch(&fixture, CLIENT, &json!({ "n": 11 })).await.unwrap();
        assert!(matches!(patch(&fixture, CLIENT, &json!({ "n": 111 })).await, Err(Fault::TooLarge(_))));
        patch(&fixture, CLIENT, &json!({ "big": "x".repeat(80_000) })).await.unwrap();
    }

    #[tokio::test]
    async fn d2_a_users_row_is_written_so_often() {
        let limits =
            limit::Settings { writes_per_user: Some("20/minute".parse().unwrap()), ..Default::default() };
        let fixture = limited_fixture(testing::standard(), &limits).await;
        for name in ["ann", "bob"] {
            let data = json!({"username": name, "email": format!("{name}@b.c"), "password": GOOD});
            fixture.register(&data).await.unwrap();
        }
        for nick in 0..10 {
            patch(&fixture, CLIENT, &json!({ "nick": nick })).await.unwrap();
        }
        // A large row counts as many small ones.
        patch(&fixture, CLIENT, &json!({ "nick": "x".repeat(30_000) })).await.unwrap();
        for _ in 0..3 {
            let _ = patch(&fixture, CLIENT, &json!({ "nick": "x".repeat(3_000) })).await;
        }
        let refused = patch(&fixture, CLIENT, &json!({ "nick": "y" })).await;
        assert!(matches!(refused, Err(Fault::Limited(_))), "{refused:?}");
        let bob = fixture.accounts.user(&2.into()).await.unwrap();
        fixture.accounts.patch(CLIENT, bob, map(&json!({ "nick": "b" }))).await.unwrap();
        fixture.accounts.set_password(Actor::Operator, &1.into(), "another-good-one").await.unwrap();
    }

    #[tokio::test]
    async fn d3_passwords_have_one_admission_and_logins_a_share_of_their_own() {
        let fixture = with_ann(testing::standard()).await;
        let accounts = &fixture.accounts;
        let slot = |user: i64| accounts.slot(CLIENT, Purpose::NewPassword, Some(&user.into()));
        let own = slot(1).unwrap();
        let is_busy = |fault: Fault| matches!(fault, Fault::Busy(_));
        let good = json!({ "password": "another-good-one" });
        assert!(is_busy(patch(&fixture, CLIENT, &good).await.unwrap_err()), "one at a time");
        let mut whole = map(&good);
        whole.insert("email".to_owned(), "ann@b.c".into());
        assert!(is_busy(accounts.replace(CLIENT, "1", whole.clone()).await.unwrap_err()));
        whole.insert("id".to_owned(), 1.into());
        assert!(is_busy(accounts.replace_or_create(CLIENT, whole.clone()).await.unwrap_err()));
        assert!(is_busy(accounts.patch_or_create(CLIENT, whole).await.unwrap_err()));
        assert!(is_busy(accounts.update_all(CLIENT, &json!({"id": 1}), map(&good)).await.unwrap_err()));
        let issued = fixture.login(&ann()).await.expect("a login is not a new password");
        let session = accounts.session(issued.id.expose()).await.unwrap();
        let actor = as_member(&session, Reach::Everyone);
        let change = PasswordChange { old: GOOD, new: "x-good-one" };
        assert!(is_busy(accounts.change_password(actor, &session, change).await.unwrap_err()));
        // One client has so many, whomever they are for; and registrations count.
        let others: Vec<_> = (2..).map_while(|user| slot(user).ok()).collect();
        assert_eq!(others.len() + 1, NEW_PASSWORDS_AT_ONCE);
        let new = json!({"email": "new@b.c", "password": GOOD});
        assert!(is_busy(fixture.register(&new).await.unwrap_err()));
        fixture.login(&ann()).await.unwrap();
        drop((own, others));
        patch(&fixture, CLIENT, &good).await.unwrap();
        fixture.register(&new).await.unwrap();
    }

    #[tokio::test]
    async fn c7_a_closed_registration_has_no_door() {
        for registration in [Registration::Closed, Registration::Invite] {
            for settings in [testing::standard(), testing::loopback()] {
                let fixture = fixture(Settings { registration, ..settings }).await;
                let ann = json!({"email": "ann@b.c", "username": "ann", "password": GOOD});
                fixture.accounts.register(Actor::Operator, map(&ann)).await.unwrap();
                no_door_is_open(&fixture).await;
            }
        }
    }

    async fn no_door_is_open(fixture: &TestAccounts) {
        let accounts = &fixture.accounts;
        let new = || map(&json!({"email": "new@b.c", "password": GOOD}));
        let closed = |result: Result<User, Fault>| matches!(result, Err(Fault::RegistrationClosed));
        assert!(closed(accounts.register(CLIENT, new()).await));
        assert!(closed(accounts.register(CLIENT, Map::new()).await), "before anything is told");
        let batch = accounts.register_many(CLIENT, vec![new()]).await;
        assert!(matches!(batch, Err(Fault::RegistrationClosed)), "{batch:?}");
        assert!(closed(accounts.patch_or_create(CLIENT, new()).await));
        assert!(closed(accounts.replace_or_create(CLIENT, new()).await));
        assert!(closed(accounts.upsert_where(CLIENT, &json!({"id": 77}), new()).await));
        let issued = fixture.login(&ann()).await.unwrap();
        let session = accounts.session(issued.id.expose()).await.unwrap();
        assert!(closed(accounts.register(as_member(&session, Reach::Everyone), new()).await));
        accounts.register(as_member(&session, Reach::Named), new()).await.unwrap();
        let other = map(&json!({"email": "other@b.c", "password": GOOD}));
        accounts.register(Actor::Operator, other).await.unwrap();
    }

    #[tokio::test]
    async fn c7_owners_are_called_as_they_are_where_they_may_not_rename() {
        let fixture = with_ann(Settings { rename: false, ..testing::standard() }).await;
        let issued = fixture.login(&ann()).await.unwrap();
        let session = fixture.accounts.session(issued.id.expose()).await.unwrap();
        let own = as_member(&session, Reach::Owner);
        let refused = |result: Result<User, Fault>| matches!(result, Err(Fault::RenameRefused(_)));
        for data in
            [json!({"username": "root"}), json!({"username": null}), json!({"email": "ceo@corp.example"})]
        {
            assert!(refused(patch(&fixture, own, &data).await), "{data}");
            let mut whole = map(&json!({"email": "ann@b.c", "username": "ann", "password": GOOD}));
            whole.extend(map(&data));
            assert!(fixture.accounts.replace(own, "1", whole.clone()).await.is_err(), "{data}");
            let all = fixture.accounts.update_all(own, &json!({"id": 1}), map(&data)).await;
            assert!(matches!(all, Err(Fault::RenameRefused(_))), "{data}: {all:?}");
            whole.insert("id".to_owned(), 1.into());
            assert!(fixture.accounts.patch_or_create(own, whole.clone()).await.is_err(), "{data}");
            assert!(fixture.accounts.replace_or_create(own, whole).await.is_err(), "{data}");
        }
        let dropped = map(&json!({"email": "ann@b.c", "password": GOOD}));
        assert!(refused(fixture.accounts.replace(own, "1", dropped).await), "a name that is left out");
        patch(&fixture, own, &json!({"nick": "a", "username": "ann"})).await.unwrap();
        patch(&fixture, as_member(&session, Reach::Named), &json!({"username": "root"})).await.unwrap();
    }
}
