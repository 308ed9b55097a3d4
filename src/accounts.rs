//! What accounts can do, whoever asks: the API, later the pages, and the commands of an operator.
//!
//! One function checks a password ([`Accounts::login`] and everything after it goes through it), the limiter is
//! inside it, and it costs the same whether or not there is such a user. Every write is one batch of the store.

mod audit;
mod fault;
mod inspect;
mod login;
mod logout;
mod password;
mod profile;
mod register;

use std::{fmt, net::IpAddr, sync::Arc};

use crate::{
    clock::Clock,
    hasher::Hasher,
    identity::UserId,
    limit::{Door, Limits},
    store::{KeyRules, Store, Token, User},
};

pub use fault::{Fault, Faulty, Violation, Violations};
pub use login::{Login, Minted, Wish};
pub use password::PasswordFault;

/// How accounts behave (INTERFACE.md section 2: `[users]` and `[password]`).
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
    },
    /// Somebody at the command line: no limit counts them.
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
}

impl Settings {
    /// How the store has to fold names under these settings.
    #[must_use]
    pub fn keys(&self) -> KeyRules {
        KeyRules {
            fold_email_case: !self.case_sensitive_email,
            per_realm: self.realm_required && self.realm_delimiter.is_some(),
        }
    }

    /// Whether a login has to name a realm: either setting switches that on (loopback3.md section 3).
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
        Self { store, hasher, limits, clock, settings: Arc::new(settings), passwords }
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

    /// Counts one at a door; an operator passes.
    fn admit(&self, door: Door, asker: Asker<'_>) -> Result<(), Fault> {
        match asker {
            Asker::Client { address, .. } => self.limits.check(door, address).map_err(Fault::Limited),
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
