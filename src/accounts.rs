//! What accounts can do: for the API, later the pages, and the commands of an operator.
//!
//! One function checks a password ([`Accounts::login`] and everything after it goes through it), the limiter is
//! inside it, and it costs the same whether or not there is such a user. Every write is one batch of the store.

mod admission;
mod aside;
mod audit;
mod bulk;
mod change;
mod dispatcher;
mod event;
mod fault;
mod find;
mod inspect;
mod key;
mod last_use;
mod login;
mod logout;
mod mint;
mod operator;
mod password;
mod profile;
mod property;
mod query;
mod recover;
mod register;
mod relation;
mod token_cleanup;
mod upsert;
mod verify;

use std::{fmt, net::IpAddr, sync::Arc};

use tokio::sync::Notify;

use crate::{
    clock::Clock,
    hasher::Hasher,
    identity::{Lifetimes, UserId},
    limit::{LimitKind, Limits},
    policy::Reach,
    store::{Change, KeyRules, Session, Store, Token, User},
};

use aside::Aside;

pub use dispatcher::{Dispatcher, Pace};
pub use fault::{Fault, Faulty, Violation, Violations};
pub use key::Key;
pub use last_use::LastUseWriter;
pub use login::Login;
pub use mint::{Minted, TokenRequest};
pub use password::PasswordFault;
pub use property::Property;
pub use query::{Kind, Query, QueryFault};
pub use recover::Reset;
pub use relation::NewToken;
pub use token_cleanup::{LifetimesNow, TokenCleanup};

/// How accounts behave: `[users]` and `[password]` in docs/settings.md.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the account model, as error texts show it: `User`.
    pub model: String,
    /// Profile `loopback3`: what LoopBack 3.28 answers, also where `standard` is safer.
    pub loopback: bool,
    /// Lifetime of a token in seconds, when the login names none.
    pub ttl: f64,
    /// The longest lifetime in seconds that a login may ask for.
    pub max_ttl: f64,
    /// Whether a `ttl` of -1 makes a token that never expires.
    pub allow_eternal_tokens: bool,
    /// Whether use extends a token.
    pub sliding_ttl: bool,
    /// The length of a token's id in characters.
    pub access_token_id_length: usize,
    /// How many tokens a user has at the most, the oldest ends; 0 = no bound.
    pub max_tokens: usize,
    /// Whether a login needs a confirmed email address.
    pub email_verification_required: bool,
    /// LoopBack's `realmRequired`.
    pub realm_required: bool,
    /// LoopBack's `realmDelimiter`: `realm:name` in a name.
    pub realm_delimiter: Option<String>,
    /// `false`: emails are written and compared in lower case.
    pub case_sensitive_email: bool,
    /// The fewest characters of a new password.
    pub min_length: usize,
    /// The most bytes of a new password.
    pub max_bytes: usize,
    /// Whether the commonest passwords are refused.
    pub blocklist: bool,
    /// Properties that no answer shows, besides the password and the verification token.
    pub hidden: Vec<String>,
    /// The account model's key.
    pub key: Key,
    /// The principal type of these accounts, where the app has users of other models, too: its tokens show it.
    pub principal_type: Option<String>,
    /// What the account model declares, in its order: see [`Property::complete`].
    pub properties: Vec<Property>,
    /// Lifetime in seconds of a token that resets a password.
    pub reset_ttl: f64,
    /// Whether such a token can do nothing else; in profile `standard` it never can.
    pub restrict_reset_scope: bool,
    /// Whether a patch or a replacement may not change the password.
    pub reject_password_changes: bool,
    /// Whether a registration asks for the confirmation mail.
    pub verify_on_register: bool,
    /// The sender of mails.
    pub mail_from: String,
    /// What links begin with.
    pub links: Links,
    /// Whether events are delivered: without a receiver none is kept.
    pub events: bool,
    /// Who may create accounts.
    pub registration: Registration,
    /// Whether owners may change their username and email.
    pub rename: bool,
}

/// Who may create accounts, besides an operator and an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Callers whom the rules let call `create`: by default all.
    Open,
    /// Whom an operator invites, and callers whom a rule lets in that is not for `$everyone`.
    Invite,
    /// Callers whom a rule lets in that is not for `$everyone`.
    Closed,
}

/// What links in mails begin with: never what a client sent.
#[derive(Clone, Debug)]
pub struct Links {
    /// `https://example.com`.
    pub base: String,
    /// The path of the User API: `/api/users`.
    pub api: String,
}

/// Who asks: for the limits and for the audit log.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A client of the API.
    Client {
        /// Its address.
        address: IpAddr,
        /// The request's id.
        request_id: &'a str,
        /// Its session; `None` = anonymous.
        session: Option<&'a Session>,
        /// Whom the rule lets in that let it in.
        reach: Reach,
    },
    /// A person at the command line: no limit counts them.
    Operator,
}

/// The accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Hasher,
    limits: Arc<Limits>,
    clock: Clock,
    settings: Arc<Settings>,
    passwords: Arc<password::Rules>,
    users: Arc<query::Model>,
    aside: Arc<Aside>,
    /// Rung when there is an event to deliver.
    wake_up: Arc<Notify>,
}

impl<'a> Asker<'a> {
    /// The session that asks.
    fn session(self) -> Option<&'a Session> {
        match self {
            Self::Client { session, .. } => session,
            Self::Operator => None,
        }
    }

    /// What a batch begins with that is a session's request: a session that has ended meanwhile changes nothing more.
    fn conditions(self) -> Vec<Change> {
        self.session().map(|session| Change::RequireToken(session.hash)).into_iter().collect()
    }

    /// Whether a user asks for themselves.
    fn is(self, user: &UserId) -> bool {
        self.session().is_some_and(|session| session.subject.load().id == *user)
    }
}

impl Settings {
    /// How the store has to fold names under these settings.
    #[must_use]
    pub fn keys(&self) -> KeyRules {
        KeyRules {
            fold_email_case: !self.case_sensitive_email,
            per_realm: self.realm_required && self.realm_delimiter.is_some(),
            canonical: !self.loopback,
        }
    }

    /// LoopBack compares names in the order in which their properties got their first rule: `email` has one of `User`,
    /// `username` only one of the model's own.
    fn checks_username_first(&self) -> bool {
        let place = |name: &str| self.properties.iter().position(|property| property.name == name);
        let ruled = self.properties.iter().any(|property| property.name == "username" && property.required);
        ruled && place("username") < place("email")
    }

    /// Whether an unconfirmed address is told to the app: LoopBack's apps expect one where no login needs a confirmed
    /// one.
    #[must_use]
    pub fn trusts_email(&self) -> bool {
        self.loopback && !self.email_verification_required
    }

    /// How long tokens live.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes { eternal: self.allow_eternal_tokens, sliding: self.sliding_ttl, max_ttl: self.max_ttl }
    }

    /// Whether a login has to name a realm: either setting switches that on (docs/loopback-3.28.md section 3).
    fn realms(&self) -> bool {
        self.realm_required || self.realm_delimiter.is_some()
    }
}

impl Accounts {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Hasher,
        limits: Arc<Limits>,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let passwords = Arc::new(password::Rules::new(&settings));
        let users = Arc::new(find::users(&settings));
        let (wake_up, aside) = (Arc::new(Notify::new()), Arc::new(Aside::default()));
        Self { store, hasher, limits, clock, settings: Arc::new(settings), passwords, users, aside, wake_up }
    }

    /// These accounts, which notify this [`Dispatcher`] of new events: it outlives them.
    #[must_use]
    pub fn with_wake_up(self, wake_up: Arc<Notify>) -> Self {
        Self { wake_up, ..self }
    }

    /// How these accounts behave.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Fault::UnknownUser`], or the store's.
    pub async fn user(&self, id: &UserId) -> Result<User, Fault> {
        self.store.user(id).await?.ok_or_else(|| Fault::UnknownUser(id.clone()))
    }

    /// A user's live tokens, the oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        Ok(self.store.tokens(Some(user)).await?)
    }

    /// Counts one at a kind; an operator passes.
    fn admit(&self, kind: LimitKind, asker: Asker<'_>) -> Result<(), Fault> {
        match asker {
            Asker::Client { address, .. } => self.limits.check(kind, address).map_err(Fault::Limited),
            Asker::Operator => Ok(()),
        }
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod testing;
