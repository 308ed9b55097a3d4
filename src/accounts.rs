//! Operations on accounts, shared by the User API and the operator's commands.
//!
//! One function checks every password ([`Accounts::login`] and all other callers go through it). It includes the rate
//! limiter, and it takes the same time whether or not the user exists. Every write is one batch of the store.

mod actor;
mod admission;
mod audit;
mod bulk;
mod change;
mod dispatcher;
mod event;
mod fault;
mod find;
mod inspect;
mod invite;
mod issue;
mod key;
mod known_networks;
mod last_use;
mod login;
mod logout;
mod operator;
mod password;
mod profile;
mod property;
mod query;
mod readdress;
mod reader;
mod recover;
mod redirect;
mod register;
mod relation;
mod search_thread;
mod service;
mod settings;
mod token_cleanup;
mod upsert;
mod verify;

use std::{fmt, net::IpAddr, sync::Arc};

use crate::{
    clock::Clock,
    hasher::Hasher,
    identity::{Lifetimes, UserId},
    limit::{LimitKind, Limits},
    mail::Mailer,
    store::{KeyRules, Store, Token, User},
};
use search_thread::SearchThread;

pub use actor::Actor;
pub use dispatcher::{Dispatcher, Outlet, Pace};
pub use fault::{Fault, ValidationRule, Violation, Violations};
pub use invite::Invitation;
pub use issue::{IssuedToken, TokenRequest};
pub use key::Key;
pub use last_use::LastUseWriter;
pub use login::Login;
pub use password::{BreachedError, BreachedPasswords, PasswordError};
pub use property::Property;
pub use query::{Kind, Query, QueryError};
pub use readdress::AddressLink;
pub use reader::Reader;
pub use recover::{PasswordChange, Reset};
pub use redirect::{host_and_port, may_lead_to};
pub use relation::NewToken;
pub use service::{Accounts, WakeUps};
pub use settings::{Links, Registration, Settings};
pub use token_cleanup::{LifetimesNow, TokenCleanup};

impl Settings {
    /// The rules by which the store folds names under these settings.
    #[must_use]
    pub fn keys(&self) -> KeyRules {
        KeyRules {
            // Uniqueness per realm needs both settings, a login with a realm only one of them (docs/loopback-3.28.md
            // sections 2.1 and 3).
            fold_email_case: !self.case_sensitive_email,
            per_realm: self.realm_required && self.realm_delimiter.is_some(),
            canonical: !self.loopback,
        }
    }

    /// Whether the username is compared before the email. LoopBack compares names in the order in which their
    /// properties got their first validation rule: `email` has one of `User`, `username` only one that the model
    /// declares.
    fn checks_username_first(&self) -> bool {
        let place = |name: &str| self.properties.iter().position(|property| property.name == name);
        let ruled = self.properties.iter().any(|property| property.name == "username" && property.required);
        ruled && place("username") < place("email")
    }

    /// Whether the app is told an unconfirmed address (`X-Forwarded-Email`). Apps of LoopBack expect it where a login
    /// needs no confirmed address (docs/loopback-departures.md).
    #[must_use]
    pub fn trusts_email(&self) -> bool {
        self.loopback && !self.email_verification_required
    }

    /// The lifetime rules of tokens.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes { eternal: self.allow_eternal_tokens, sliding: self.sliding_ttl, max_ttl: self.max_ttl }
    }

    /// Whether a login must name a realm: either setting requires it (docs/loopback-3.28.md section 3).
    fn realms(&self) -> bool {
        self.realm_required || self.realm_delimiter.is_some()
    }
}

impl Accounts {
    /// Combines the parts.
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
        let (wake_up, search_thread) = (Arc::default(), Arc::new(SearchThread::default()));
        Self {
            store,
            hasher,
            limits,
            clock,
            settings: Arc::new(settings),
            passwords,
            users,
            search_thread,
            wake_up,
            mailer: None,
        }
    }

    /// Replaces the notifiers of new events and mails by those of the dispatchers ([`Dispatcher`]). They outlive these
    /// accounts, because a reload makes new ones.
    #[must_use]
    pub fn with_wake_up(self, wake_up: Arc<WakeUps>) -> Self {
        Self { wake_up, ..self }
    }

    /// Adds what composes and sends mails.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Arc<Mailer>>) -> Self {
        Self { mailer, ..self }
    }

    /// The settings in force.
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

    /// A user's stored tokens, the oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        Ok(self.store.tokens(Some(user)).await?)
    }

    /// How much of its limit for `kind` a client has used up, in percent.
    #[must_use]
    pub fn limit_used(&self, kind: LimitKind, client: IpAddr) -> u64 {
        self.limits.used(kind, client)
    }

    /// Counts an attempt against the client's limit for `kind`. An operator has no limit.
    fn admit(&self, kind: LimitKind, actor: Actor<'_>) -> Result<(), Fault> {
        match actor {
            Actor::Client { address, .. } => self.limits.check(kind, address).map_err(Fault::Limited),
            Actor::Operator => Ok(()),
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
