//! Commands on the store as values.

use serde::{Deserialize, Serialize};

use super::{hidden::Hidden, row::Row, who::Who};
use crate::{app::Imagined, clock::Timestamp, identity::UserId, policy::StoredRule};

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
        /// How many at most.
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
        /// How many at most.
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
