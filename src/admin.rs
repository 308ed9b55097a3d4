//! Commands on the store as values, and the socket that carries them to a running gate.
//!
//! One line of JSON is a request, one line is its answer: `{"store":…,"command":…}` and `{"ok":…}` or
//! `{"error":…}`. The socket is `DATA/admin.sock`, mode 0600: a process that may write there is an admin.
//! [`execute`](super::execute::execute) runs a command, in the gate or in the command line's own process.

mod client;
pub mod execute;
pub mod output;
mod server;
pub mod store_name;
pub mod who;
pub mod why;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use serde::{Deserialize, Serialize};

use crate::{
    accounts::Accounts,
    app::{Imagined, Live},
    cli::import::Row,
    clock::{Clock, Timestamp},
    config::Config,
    identity::UserId,
    policy::StoredRule,
    store::Store,
};

use who::Who;

pub(crate) use client::{Client, ClientError};
pub use server::{SocketError, bind_admin_socket, serve_admin_socket};

/// Where the socket lies in the data folder.
pub const SOCKET_NAME: &str = "admin.sock";

/// The longest line that is read as a request: an import's batch is far below it.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// The longest answer that is read: a million tokens' worth.
const MAX_ANSWER_BYTES: usize = 1 << 30;

/// A command on the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum AdminCommand {
    /// Whether the gate is ready.
    Health,
    /// Adds an account.
    UserAdd(NewUser),
    /// A page of the accounts, by id.
    UserList {
        /// The last id of the page before.
        after: Option<UserId>,
        /// How many at the most.
        limit: usize,
    },
    /// One account.
    UserShow {
        /// Whose.
        who: Who,
    },
    /// Sets a password and ends every session.
    UserSetPassword {
        /// Whose.
        who: Who,
        /// The new one.
        password: Hidden,
    },
    /// Switches an account off or on.
    UserSwitch {
        /// Whose.
        who: Who,
        /// Off?
        disabled: bool,
    },
    /// Takes an account's email address for confirmed.
    UserVerify {
        /// Whose.
        who: Who,
    },
    /// Deletes an account.
    UserDelete {
        /// Whose.
        who: Who,
    },
    /// Adds a role.
    RoleAdd {
        /// Its name.
        name: String,
    },
    /// All roles.
    RoleList,
    /// What hangs on a role, before it is deleted.
    RoleUses {
        /// The role.
        name: String,
    },
    /// Deletes a role, and takes it from all users.
    RoleDelete {
        /// The role.
        name: String,
    },
    /// What policies are compiled with besides files.
    StoredRules,
    /// Stores a rule.
    AclAdd {
        /// It; its id is counted up.
        rule: StoredRule,
    },
    /// All stored rules.
    AclList,
    /// Removes stored rules.
    AclRemove {
        /// Their ids.
        ids: Vec<String>,
    },
    /// What runs.
    Status,
    /// What the gate would decide a request by.
    Explain {
        /// Who asks; `None` = anonymous.
        who: Option<Who>,
        /// Roles besides those that the store knows.
        roles: Vec<String>,
        /// The request.
        request: Imagined,
    },
    /// Gives a role.
    RoleGrant {
        /// The role.
        name: String,
        /// To whom.
        who: Who,
    },
    /// Takes a role.
    RoleRevoke {
        /// The role.
        name: String,
        /// From whom.
        who: Who,
    },
    /// Makes a token.
    TokenIssue {
        /// For whom.
        who: Who,
        /// Seconds; `None` = the configured default.
        ttl: Option<f64>,
        /// What lists call it.
        name: Option<String>,
        /// What it is good for.
        scopes: Vec<String>,
    },
    /// Tokens, of one user or all.
    TokenList {
        /// Whose.
        user: Option<Who>,
    },
    /// A page of all tokens, by user and age.
    TokenPage {
        /// The last token of the page before.
        after: Option<TokenPlace>,
        /// How many at the most.
        limit: usize,
    },
    /// Ends a token.
    TokenRevoke {
        /// Its public handle.
        handle: String,
    },
    /// Ends every token of a user.
    TokenRevokeAll {
        /// Whose.
        who: Who,
    },
    /// Begins a run of an import.
    ImportStart,
    /// Stores a batch of imported rows.
    Import {
        /// The run of the import.
        run: u32,
        /// The rows, in the order in which they have to be stored.
        rows: Vec<Row>,
    },
}

impl AdminCommand {
    /// Whether it may be the first that is done here: it brings what the others look for.
    pub(crate) fn begins(&self) -> bool {
        matches!(
            self,
            Self::UserAdd(_)
                | Self::RoleAdd { .. }
                | Self::AclAdd { .. }
                | Self::ImportStart
                | Self::Import { .. }
        )
    }
}

/// What an account is made of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewUser {
    /// The email address.
    pub email: String,
    /// The username.
    pub username: Option<String>,
    /// The realm.
    pub realm: Option<String>,
    /// An id of one's own choice.
    pub id: Option<i64>,
    /// Roles to give.
    pub roles: Vec<String>,
    /// The password.
    pub password: Hidden,
}

/// A password on its way to the hasher, or a hash on its way to the store: shown by nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

/// What commands work with.
pub struct Services {
    /// The rows.
    pub store: Arc<dyn Store>,
    accounts: Box<dyn Fn() -> Accounts + Send + Sync>,
    /// For what has expired.
    pub clock: Clock,
    /// Which store this is: a client that means another one is refused.
    pub store_name: String,
    /// Whether the gate takes requests: false while it stops.
    pub ready: Arc<AtomicBool>,
    /// The rules in force, where this is a gate.
    pub live: Option<Live>,
    /// Where the policies lie, where this is none.
    config: Option<Box<Config>>,
    /// One command at a time: a command may read, decide and write.
    turn: tokio::sync::Mutex<()>,
}

/// A request line, as the gate reads it.
#[derive(Debug, Deserialize)]
struct Request {
    /// `None`: whichever store the gate has.
    store: Option<String>,
    command: AdminCommand,
}

/// A request line, as the command line writes it.
#[derive(Debug, Serialize)]
struct RequestRef<'c> {
    store: Option<&'c str>,
    command: &'c AdminCommand,
}

/// Where a page of tokens has ended: as the list showed that token, which may be gone by now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenPlace {
    /// Its handle.
    pub handle: String,
    /// Whose it is.
    pub user: UserId,
    /// When it was made.
    pub created: Timestamp,
}

/// An answer line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Ok(output::Output),
    Error(String),
}

impl Hidden {
    /// Takes a password as it was typed.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For the rules and the hasher.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl Services {
    /// The services of a gate, or of a command that opened the store itself.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        accounts: impl Fn() -> Accounts + Send + Sync + 'static,
        clock: Clock,
        store_name: String,
    ) -> Self {
        let ready = Arc::new(AtomicBool::new(true));
        let accounts = Box::new(accounts);
        Self {
            store,
            accounts,
            clock,
            store_name,
            ready,
            live: None,
            config: None,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The same in a command that knows where the policies lie.
    #[must_use]
    pub(crate) fn with_config(self, config: &Config) -> Self {
        Self { config: Some(Box::new(config.clone())), ..self }
    }

    /// The same in a gate that serves.
    #[must_use]
    pub fn with_live(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }

    /// Registration, passwords, tokens: what the API calls, too, and as it does now.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        (self.accounts)()
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("store_name", &self.store_name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
