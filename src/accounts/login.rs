//! Login: reads names, realms and lifetimes as LoopBack does, and checks passwords in one place.

use serde_json::{Map, Value, json};

use super::{
    Accounts, Actor, Fault, IssuedToken, Settings, TokenRequest, audit,
    event::{About, Event},
    known_networks::Network,
};
use crate::{
    hasher::Verdict,
    identity::Password,
    javascript::{to_number, truthy},
    limit::LimitKind,
    mail::Message,
    store::{Change, User, UserKey},
};

/// The number of bytes of a password that bcrypt uses.
const BCRYPT_LIMIT: usize = 72;

/// The body of a login.
#[derive(Debug)]
pub struct Login {
    name: Name,
    realm: Option<String>,
    password: Password,
    ttl: Option<f64>,
    token_name: Option<String>,
}

#[derive(Debug)]
enum Name {
    Email(String),
    Username(String),
}

/// The user whose password is checked.
pub(super) enum Claim<'a> {
    /// The user with this name in this realm.
    Name {
        /// The name.
        key: &'a UserKey,
        /// The realm, if realms are used.
        realm: Option<&'a str>,
    },
    /// A user that is known.
    User(User),
}

impl Login {
    /// Reads the body of a login. Checks in LoopBack's order (docs/loopback-3.28.md section 3).
    ///
    /// # Errors
    /// The name, the realm or the `ttl` is missing or not valid.
    pub fn read(settings: &Settings, body: &Map<String, Value>) -> Result<Self, Fault> {
        let field = |name: &str| body.get(name).filter(|value| truthy(value));
        let email = field("email");
        let (prefix, name) = split(settings, email.or_else(|| field("username")));
        let mut realm = None;
        if settings.realms() {
            realm = match prefix {
                Some(prefix) => Some(prefix),
                None => match field("realm") {
                    None => return Err(Fault::RealmRequired),
                    Some(Value::String(realm)) => Some(realm.clone()),
                    Some(_) => return Err(Fault::InvalidRealm),
                },
            };
        }
        let name = match (name, email.is_some()) {
            (None, _) => return Err(Fault::NameRequired),
            (Some(Value::String(email)), true) => Name::Email(email),
            (Some(_), true) => return Err(Fault::InvalidEmail),
            (Some(Value::String(username)), false) => Name::Username(username),
            (Some(_), false) => return Err(Fault::InvalidUsername),
        };
        let password = body.get("password").and_then(Value::as_str).unwrap_or_default();
        let ttl = lifetime(settings, body.get("ttl"))?;
        Ok(Self { name, realm, password: Password::new(password.to_owned()), ttl, token_name: None })
    }
}

impl Login {
    /// With a name for the token.
    #[must_use]
    pub fn named(self, token_name: String) -> Self {
        Self { token_name: Some(token_name), ..self }
    }
}

impl Accounts {
    /// Checks the password and creates a token.
    ///
    /// # Errors
    /// [`Fault::LoginFailed`] for an unknown user and for a wrong password alike; [`Fault::EmailNotVerified`] only with
    /// the right password.
    pub async fn login(&self, actor: Actor<'_>, login: Login) -> Result<IssuedToken, Fault> {
        let keys = self.settings.keys();
        let realm = login.realm.as_deref();
        let key = match &login.name {
            Name::Email(email) => keys.email(realm, email),
            Name::Username(username) => keys.username(realm, username),
        };
        let claim = Claim::Name { key: &key, realm };
        let (user, verdict) = self.check_password(actor, claim, &login.password).await?;
        // After the password: otherwise anyone could ask which addresses are unconfirmed.
        if self.settings.email_verification_required && !user.email_verified() {
            self.login_failed(actor, Some(&user), "email not verified").await?;
            return Err(Fault::EmailNotVerified(user.id));
        }
        let fresh = match verdict {
            // The login succeeds even if the queue is full. The next one tries to replace the hash.
            Verdict::MatchOutdated => self.rehash(actor, self.counted(&login.password)).await,
            Verdict::Match | Verdict::Mismatch => None,
        };
        let mut events = Vec::new();
        self.announce(&mut events, actor, Event::new("login.succeeded", About::User(&user)))?;
        let mut row = self.noted_network(actor, &user, &mut events)?;
        if let Some(hash) = fresh {
            row = Some(User { password: Some(hash), ..row.unwrap_or_else(|| user.clone()) });
        }
        let request = TokenRequest { ttl: login.ttl, name: login.token_name, ..TokenRequest::default() };
        let issued = self.issue_with(user, request, row, events).await?;
        audit::record("login.succeeded", actor, Some(&issued.user.id), None);
        Ok(issued)
    }

    /// The row of a user who logs in from a new network, and the mail about it. `None`: nothing is to be remembered.
    fn noted_network(
        &self,
        actor: Actor<'_>,
        user: &User,
        events: &mut Vec<Change>,
    ) -> Result<Option<User>, Fault> {
        let is_mailed = self.settings.mails.contains(&Message::NewLogin);
        if !is_mailed && !self.limits.counts_accounts() {
            return Ok(None);
        }
        let Network::New { user: noted, is_news } = Network::of(actor, user) else { return Ok(None) };
        if is_news && is_mailed {
            self.announce_mail(events, actor, Message::NewLogin, About::User(user), Value::Null)?;
        }
        Ok(Some(*noted))
    }

    /// Checks a password. The only place that does: rate-limited, and as expensive for an unknown user.
    pub(super) async fn check_password(
        &self,
        actor: Actor<'_>,
        claim: Claim<'_>,
        password: &Password,
    ) -> Result<(User, Verdict), Fault> {
        self.admit(LimitKind::Login, actor)?;
        // A known user is one who changes their password: such checks are limited to one at a time for each user.
        let owner = match &claim {
            Claim::User(user) => Some(user.id.clone()),
            Claim::Name { .. } => None,
        };
        let (user, decoy, attempt) = match claim {
            Claim::User(user) => {
                let attempt = self.admit_proof(actor, &user)?;
                (Some(user), None, attempt)
            }
            Claim::Name { key, realm } => {
                let found = self.store.find_user(key).await?;
                // A user of another realm counts as unknown, and gets the decoy hash like one (docs/decisions.md
                // section 4).
                let found = found.filter(|user| realm.is_none() || user.realm() == realm);
                let attempt = self.admit_login(actor, found.as_ref(), &(key, realm))?;
                (found, self.store.decoy(key)?, attempt)
            }
        };
        let hash = user.as_ref().and_then(|user| user.password.clone());
        // An empty password matches no hash, not even that of an empty text. A decoy hash matches no password.
        let may_match = hash.is_some() && !password.expose().is_empty();
        let checked = self.verify(actor, owner.as_ref(), self.counted(password), hash.or(decoy)).await;
        // No password was checked if there was no place for it.
        let verdict = checked.inspect_err(|_| self.limits.give_back(attempt))?;
        let verdict = if may_match { verdict } else { Verdict::Mismatch };
        match user {
            // A disabled user is refused after the hash, so that the response time does not tell that the account
            // exists.
            Some(user) if verdict != Verdict::Mismatch && !user.disabled => {
                self.limits.give_back(attempt);
                Ok((user, verdict))
            }
            user => {
                let reason = match &user {
                    None => "unknown user",
                    Some(user) if user.disabled => "disabled",
                    Some(_) => "wrong password",
                };
                self.login_failed(actor, user.as_ref(), reason).await?;
                Err(Fault::LoginFailed)
            }
        }
    }

    /// The part of a password that is compared: bcrypt, and so LoopBack, ignores the bytes after the 72nd.
    fn counted(&self, password: &Password) -> Password {
        let text = password.expose();
        let most = self.settings.max_bytes.min(BCRYPT_LIMIT);
        let counted = text.get(..most).filter(|_| self.settings.loopback);
        Password::new(counted.unwrap_or(text).to_owned())
    }

    /// Records a failed login. The work is the same whether or not the user exists.
    async fn login_failed(
        &self,
        actor: Actor<'_>,
        user: Option<&User>,
        reason: &'static str,
    ) -> Result<(), Fault> {
        let mut batch = Vec::new();
        let about = user.map_or(About::NoUser, About::User);
        self.announce(
            &mut batch,
            actor,
            Event::new("login.failed", about).with(json!({ "reason": reason })),
        )?;
        self.commit(batch).await?;
        audit::record("login.failed", actor, user.map(|user| &user.id), Some(reason));
        Ok(())
    }
}

/// Splits `realm:name` at the first delimiter. An empty realm counts as none, an empty name as missing
/// (docs/loopback-3.28.md section 3).
fn split(settings: &Settings, name: Option<&Value>) -> (Option<String>, Option<Value>) {
    let (Some(Value::String(text)), Some(delimiter)) = (name, settings.realm_delimiter.as_deref()) else {
        return (None, name.cloned());
    };
    let Some((realm, rest)) = text.split_once(delimiter) else { return (None, name.cloned()) };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (some(realm), some(rest).map(Value::String))
}

/// The `ttl` of a login in seconds; `None` = the default, NaN = LoopBack's `null`.
pub(super) fn lifetime(settings: &Settings, ttl: Option<&Value>) -> Result<Option<f64>, Fault> {
    let Some(ttl) = ttl else { return Ok(None) };
    if settings.loopback {
        return Ok(match ttl {
            // In LoopBack an object chooses the token's id and scopes, and `null` and some lists crash the process
            // (docs/loopback-3.28.md section 11). Here all of them mean the default.
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            _ => Some(to_number(ttl)).filter(|seconds| *seconds != 0.0),
        });
    }
    let seconds = match ttl {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if is_decimal(text) => text.parse().ok(),
        _ => None,
    };
    let eternal = |seconds: f64| settings.allow_eternal_tokens && seconds == -1.0;
    match seconds.filter(|seconds| *seconds > 0.0 || eternal(*seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Fault::InvalidTtl),
    }
}

fn is_decimal(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        accounts::testing::{self, GOOD, TestAccounts, ann, with_ann},
        identity::PasswordHash,
        store,
    };

    fn realms(required: bool, delimiter: Option<&str>) -> Settings {
        Settings {
            realm_required: required,
            realm_delimiter: delimiter.map(str::to_owned),
            ..testing::loopback()
        }
    }

    /// `email:NAME` or `username:NAME`, the realm behind an `@@`, or the fault.
    fn read(settings: &Settings, body: &Value) -> String {
        match Login::read(settings, body.as_object().unwrap()) {
            Ok(login) => {
                let name = match login.name {
                    Name::Email(email) => format!("email:{email}"),
                    Name::Username(username) => format!("username:{username}"),
                };
                login.realm.map_or(name.clone(), |realm| format!("{name}@@{realm}"))
            }
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn reads_names_as_loopback_does() {
        for (body, expected) in [
            (json!({"email": "a@b", "username": 5}), "email:a@b"),
            (json!({"email": "", "username": "ann"}), "username:ann"),
            (json!({"email": 0, "username": "ann"}), "username:ann"),
            (json!({"username": "a@b", "realm": 5}), "username:a@b"),
            (json!({}), "NameRequired"),
            (json!({"password": "x"}), "NameRequired"),
            (json!({"email": false, "username": 0}), "NameRequired"),
            (json!({"email": {"neq": "x"}}), "InvalidEmail"),
            (json!({"email": []}), "InvalidEmail"),
            (json!({"email": true, "username": "ann"}), "InvalidEmail"),
            (json!({"username": 5}), "InvalidUsername"),
        ] {
            assert_eq!(read(&testing::loopback(), &body), expected, "{body}");
        }
    }

    #[test]
    fn reads_realms_as_loopback_does() {
        let (both, required, delimiter) =
            (realms(true, Some(":")), realms(true, None), realms(false, Some(":")));
        for (settings, body, expected) in [
            (&both, json!({"email": "x@y"}), "RealmRequired"),
            (&both, json!({}), "RealmRequired"),
            (&both, json!({"email": "x@y", "realm": ""}), "RealmRequired"),
            (&both, json!({"email": "x@y", "realm": 5}), "InvalidRealm"),
            (&both, json!({"email": "x@y", "realm": "r1"}), "email:x@y@@r1"),
            (&both, json!({"email": "r2:x@y", "realm": "r1"}), "email:x@y@@r2"),
            (&both, json!({"username": "r1:x:y"}), "username:x:y@@r1"),
            (&both, json!({"username": ":x", "realm": "r1"}), "username:x@@r1"),
            (&both, json!({"username": ":x"}), "RealmRequired"),
            (&both, json!({"username": "r1:"}), "NameRequired"),
            (&both, json!({"email": "r1:", "username": "x"}), "NameRequired"),
            (&both, json!({"realm": "r1"}), "NameRequired"),
            (&both, json!({"email": 5, "realm": "r1"}), "InvalidEmail"),
            (&required, json!({"username": "r1:x", "realm": "r1"}), "username:r1:x@@r1"),
            (&delimiter, json!({"username": "r1:x"}), "username:x@@r1"),
        ] {
            assert_eq!(read(settings, &body), expected, "{body}");
        }
    }

    #[test]
    fn reads_lifetimes_as_loopback_does() {
        let settings = testing::loopback();
        for (ttl, expected) in [
            (json!(60), Some(60.0)),
            (json!("60"), Some(60.0)),
            (json!(" 0x10 "), Some(16.0)),
            (json!(2.5), Some(2.5)),
            (json!(true), Some(1.0)),
            (json!(-2), Some(-2.0)),
            (json!(0), None),
            (json!(""), None),
            (json!(false), None),
            (json!({"ttl": 77}), None),
            (json!([5]), None),
            (json!(null), None),
        ] {
            assert_eq!(lifetime(&settings, Some(&ttl)).unwrap(), expected, "{ttl}");
        }
        assert!(lifetime(&settings, Some(&json!("abc"))).unwrap().unwrap().is_nan());
    }

    #[test]
    fn standard_takes_positive_numbers_only() {
        let settings = testing::standard();
        assert_eq!(lifetime(&settings, None).unwrap(), None);
        for (ttl, seconds) in [
            (json!(60), 60.0),
            (json!("60"), 60.0),
            (json!("2.5"), 2.5),
            (json!(0.5), 0.5),
            (json!(1e300), 1e300),
        ] {
            assert_eq!(lifetime(&settings, Some(&ttl)).unwrap(), Some(seconds), "{ttl}");
        }
        for ttl in [
            json!(0),
            json!(-1),
            json!("-1"),
            json!(""),
            json!("abc"),
            json!("1e2"),
            json!("0x10"),
            json!(" 60"),
            json!("6."),
            json!(".5"),
            json!("--1"),
            json!(true),
            json!(null),
            json!([5]),
            json!({}),
        ] {
            assert!(matches!(lifetime(&settings, Some(&ttl)), Err(Fault::InvalidTtl)), "{ttl}");
        }
        let eternal = Settings { allow_eternal_tokens: true, ..settings };
        assert_eq!(lifetime(&eternal, Some(&json!(-1))).unwrap(), Some(-1.0));
        assert!(lifetime(&eternal, Some(&json!(-2))).is_err());
    }

    #[tokio::test]
    async fn makes_a_token_that_works_at_once() {
        let fixture = with_ann(testing::standard()).await;
        for body in [ann(), json!({"username": "ann", "password": GOOD, "ttl": "60"})] {
            let issued = fixture.login(&body).await.unwrap();
            assert_eq!(issued.id.expose().len(), 64);
            assert_eq!(issued.created, fixture.clock.now());
            let session = fixture.accounts.session(issued.id.expose()).await.unwrap();
            assert_eq!(session.subject.load().id, issued.user.id);
            assert_eq!(session.ttl, issued.ttl);
        }
        assert_eq!(fixture.accounts.tokens(&1.into()).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn fails_alike_whatever_is_wrong() {
        let fixture = with_ann(testing::loopback()).await;
        for body in [
            json!({"email": "ann@b.c", "password": "wrong"}),
            json!({"email": "ann@b.c", "password": ""}),
            json!({"email": "ann@b.c", "password": 5}),
            json!({"email": "ann@b.c"}),
            json!({"email": "Ann@b.c", "password": GOOD}),
            json!({"email": "nobody@b.c", "password": GOOD}),
            json!({"username": "ann@b.c", "password": GOOD}),
        ] {
            assert!(matches!(fixture.login(&body).await, Err(Fault::LoginFailed)), "{body}");
        }
        let mut user = fixture.accounts.user(&1.into()).await.unwrap();
        user.disabled = true;
        fixture.store.commit(vec![Change::UpdateUser(user)]).await.unwrap();
        assert!(matches!(fixture.login(&ann()).await, Err(Fault::LoginFailed)));
        assert_eq!(fixture.accounts.tokens(&1.into()).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn loopback_passes_over_the_bytes_after_the_72nd() {
        for (settings, longer) in [(testing::loopback(), true), (testing::standard(), false)] {
            let fixture = testing::fixture(settings).await;
            let password = "é".repeat(36);
            fixture.register(&json!({"email": "ann@b.c", "password": password})).await.unwrap();
            for (more, expected) in [("", true), ("x", longer), ("é", longer)] {
                let body = json!({"email": "ann@b.c", "password": format!("{password}{more}")});
                assert_eq!(fixture.login(&body).await.is_ok(), expected, "{more}");
            }
            let shorter = json!({"email": "ann@b.c", "password": "é".repeat(35)});
            assert!(fixture.login(&shorter).await.is_err());
        }
    }

    #[tokio::test]
    async fn counts_at_the_door_before_it_looks() {
        let rate = crate::rate::Rate { burst: 2, period: std::time::Duration::from_secs(3600) };
        let limits =
            crate::limit::Settings { login_per_client: Some(rate), ..crate::limit::Settings::default() };
        let fixture = testing::limited_fixture(testing::loopback(), &limits).await;
        fixture.register(&json!({"email": "ann@b.c", "password": GOOD})).await.unwrap();
        for _ in 0..2 {
            let body = json!({"email": "ann@b.c", "password": "wrong"});
            assert!(matches!(fixture.login(&body).await, Err(Fault::LoginFailed)));
        }
        assert!(matches!(fixture.login(&ann()).await, Err(Fault::Limited(_))), "the right password, too");
    }

    fn from(address: &str) -> Actor<'static> {
        let reach = crate::policy::Reach::Everyone;
        Actor::Client {
            address: address.parse().unwrap(),
            request_id: "r1",
            session: None,
            by_cookie: false,
            reach,
        }
    }

    async fn try_from(fixture: &TestAccounts, address: &str, body: &Value) -> &'static str {
        let login = Login::read(fixture.accounts.settings(), &testing::map(body)).unwrap();
        match fixture.accounts.login(from(address), login).await {
            Ok(_) => "in",
            Err(Fault::LoginFailed) => "failed",
            Err(Fault::Limited(_)) => "limited",
            Err(other) => panic!("{other}"),
        }
    }

    async fn by_account(settings: Settings, rate: &str) -> TestAccounts {
        let limits = crate::limit::Settings {
            login_per_account: Some(rate.parse().unwrap()),
            ..crate::limit::Settings::default()
        };
        let fixture = testing::limited_fixture(settings, &limits).await;
        let ann = json!({"email": "ann@b.c", "username": "ann", "password": GOOD});
        fixture.register(&ann).await.unwrap();
        fixture
    }

    #[tokio::test]
    async fn an_account_is_slowed_for_strangers_and_open_to_its_owner() {
        for settings in [testing::standard(), testing::loopback()] {
            let fixture = by_account(settings, "3/hour").await;
            assert_eq!(try_from(&fixture, "192.0.2.7", &ann()).await, "in", "the network is known now");
            // Whatever the name it is called by, and wherever from.
            let wrong = [
                json!({"email": "ann@b.c", "password": "wrong"}),
                json!({"username": "ann", "password": "wrong"}),
                json!({"email": "ann@b.c", "password": ""}),
            ];
            for (number, body) in wrong.iter().enumerate() {
                let address = format!("203.0.113.{number}");
                assert_eq!(try_from(&fixture, &address, body).await, "failed", "{body}");
            }
            assert_eq!(try_from(&fixture, "198.51.100.1", &wrong[0]).await, "limited");
            assert_eq!(try_from(&fixture, "198.51.100.1", &ann()).await, "limited", "as with a wrong one");
            for _ in 0..5 {
                assert_eq!(try_from(&fixture, "192.0.2.9", &ann()).await, "in", "a success costs nothing");
            }
            fixture.accounts.unlock(Actor::Operator, &1.into()).await.unwrap();
            assert_eq!(try_from(&fixture, "198.51.100.1", &ann()).await, "in");
        }
    }

    #[tokio::test]
    async fn a_known_network_has_so_many_attempts_too() {
        let fixture = by_account(testing::standard(), "2/hour").await;
        assert_eq!(try_from(&fixture, "192.0.2.7", &ann()).await, "in");
        let wrong = json!({"email": "ann@b.c", "password": "wrong"});
        for expected in ["failed", "failed", "limited"] {
            assert_eq!(try_from(&fixture, "192.0.2.8", &wrong).await, expected);
        }
        assert_eq!(try_from(&fixture, "203.0.113.1", &ann()).await, "in", "strangers have their own");
    }

    #[tokio::test]
    async fn unknown_names_are_slowed_alike() {
        let fixture = by_account(testing::standard(), "2/hour").await;
        for name in ["ann@b.c", "nobody@b.c", "NOBODY-else@b.c"] {
            let body = json!({"email": name, "password": "wrong"});
            let mut answers = Vec::new();
            for address in ["192.0.2.1", "198.51.100.1", "203.0.113.1"] {
                answers.push(try_from(&fixture, address, &body).await);
            }
            assert_eq!(answers, ["failed", "failed", "limited"], "{name}");
        }
        let spelt = json!({"email": "NOBODY-else@B.C", "password": "wrong"});
        assert_eq!(try_from(&fixture, "192.0.2.1", &spelt).await, "limited", "another spelling of the name");
    }

    #[tokio::test]
    async fn a_password_change_has_attempts_of_its_own() {
        let fixture = by_account(testing::standard(), "2/hour").await;
        let issued = fixture.login(&ann()).await.unwrap();
        let session = fixture.accounts.session(issued.id.expose()).await.unwrap();
        let wrong = json!({"email": "ann@b.c", "password": "wrong"});
        while try_from(&fixture, "203.0.113.1", &wrong).await != "limited" {}
        let prove = |password| fixture.accounts.prove(testing::CLIENT, &session, password);
        assert!(matches!(prove("wrong").await, Err(Fault::WrongPassword)));
        assert!(prove(GOOD).await.is_ok());
        assert!(matches!(prove("wrong").await, Err(Fault::WrongPassword)));
        assert!(matches!(prove(GOOD).await, Err(Fault::Limited(_))));
    }

    #[tokio::test]
    async fn wants_a_confirmed_address_where_the_setting_says_so() {
        let fixture = with_ann(Settings { email_verification_required: true, ..testing::standard() }).await;
        assert!(matches!(fixture.login(&ann()).await, Err(Fault::EmailNotVerified(id)) if id == 1.into()));
        let wrong = json!({"email": "ann@b.c", "password": "wrong"});
        assert!(matches!(fixture.login(&wrong).await, Err(Fault::LoginFailed)), "told to nobody else");
        let mut user = fixture.accounts.user(&1.into()).await.unwrap();
        user.properties.insert("emailVerified".to_owned(), json!(true));
        fixture.store.commit(vec![Change::UpdateUser(user)]).await.unwrap();
        fixture.login(&ann()).await.unwrap();
    }

    #[tokio::test]
    async fn looks_in_the_realm_that_was_named() {
        for (required, delimiter) in [(true, None), (false, Some(":")), (true, Some(":"))] {
            let fixture = with_ann(Settings { min_length: 8, ..realms(required, delimiter) }).await;
            let body = |realm: &str| json!({"email": "ann@b.c", "password": GOOD, "realm": realm});
            fixture.login(&body("r1")).await.unwrap();
            assert!(matches!(fixture.login(&body("r2")).await, Err(Fault::LoginFailed)));
        }
    }

    #[tokio::test]
    async fn a_decoy_matches_nothing_and_neither_does_an_empty_password() {
        let fixture = with_ann(testing::loopback()).await;
        let ann = fixture.accounts.user(&1.into()).await.unwrap();
        // Every hash is of bcrypt now, so that every decoy is, and bob has none at all.
        let bcrypt = bcrypt::hash("", 4).unwrap();
        let user = store::User { password: Some(PasswordHash::new(bcrypt)), ..ann.clone() };
        let mut bob = store::User { id: 2.into(), password: None, ..ann };
        bob.properties = testing::map(&json!({"email": "bob@b.c"}));
        fixture.store.commit(vec![Change::PutUser(user), Change::PutUser(bob)]).await.unwrap();
        for email in ["ann@b.c", "bob@b.c", "nobody@b.c"] {
            for password in ["", "7777777777777777777777777777777"] {
                let failed = fixture.login(&json!({"email": email, "password": password})).await;
                assert!(matches!(failed, Err(Fault::LoginFailed)), "{email} {password:?}: {failed:?}");
            }
        }
    }

    #[tokio::test]
    async fn replaces_an_imported_hash() {
        let fixture = with_ann(testing::standard()).await;
        let mut user = fixture.accounts.user(&1.into()).await.unwrap();
        let imported = bcrypt::hash(GOOD, 4).unwrap();
        user.password = Some(PasswordHash::new(imported.clone()));
        fixture.store.commit(vec![Change::UpdateUser(user)]).await.unwrap();
        let issued = fixture.login(&ann()).await.unwrap();
        fixture.accounts.session(issued.id.expose()).await.unwrap();
        let hash = fixture.accounts.user(&1.into()).await.unwrap().password.unwrap();
        assert!(hash.expose().starts_with("$argon2id$"), "the imported hash is gone");
        fixture.login(&ann()).await.unwrap();
    }
}
