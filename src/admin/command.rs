//! The commands on the store.

use serde::{Deserialize, Serialize};

use super::{hidden::Hidden, row::Row, who::Who};
use crate::{app::HypotheticalRequest, clock::Timestamp, identity::UserId, policy::StoredRule};

/// A command on the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum AdminCommand {
    /// Checks whether the gate is ready.
    Health,
    /// Adds an account.
    UserAdd(NewUser),
    /// Adds an account without a password, and creates a link that sets the first one.
    UserInvite {
        /// The email address.
        email: String,
        /// The roles to grant.
        roles: Vec<String>,
    },
    /// Returns a page of accounts, by id.
    UserList {
        /// The last id of the previous page.
        after: Option<UserId>,
        /// Maximum number of accounts.
        limit: usize,
    },
    /// Returns an account.
    UserShow {
        /// The account.
        who: Who,
    },
    /// Sets a password and revokes all sessions.
    UserSetPassword {
        /// The account.
        who: Who,
        /// The new password.
        password: Hidden,
    },
    /// Disables or enables an account.
    UserSwitch {
        /// The account.
        who: Who,
        /// Whether to disable it.
        disabled: bool,
    },
    /// Forgets the failed logins of an account.
    UserUnlock {
        /// The account.
        who: Who,
    },
    /// Marks an email address as confirmed.
    UserVerify {
        /// The account.
        who: Who,
    },
    /// Deletes an account.
    UserDelete {
        /// The account.
        who: Who,
    },
    /// Adds a role.
    RoleAdd {
        /// Its name.
        name: String,
    },
    /// Returns all roles.
    RoleList,
    /// Returns the users and rules that depend on a role.
    RoleUses {
        /// The role.
        name: String,
    },
    /// Deletes a role and revokes it of all users.
    RoleDelete {
        /// The role.
        name: String,
    },
    /// Returns the roles and rules of the store, which policies are compiled with.
    StoredRules,
    /// Stores a rule.
    AclAdd {
        /// The rule. Its id is assigned by the gate.
        rule: StoredRule,
    },
    /// Returns all stored rules.
    AclList,
    /// Removes stored rules.
    AclRemove {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Returns the status of the gate.
    Status,
    /// Returns the facts by which the gate would decide a request.
    Explain {
        /// The caller; `None` = anonymous.
        who: Option<Who>,
        /// Additional roles of the caller.
        roles: Vec<String>,
        /// The request.
        request: HypotheticalRequest,
    },
    /// Grants a role.
    RoleGrant {
        /// The role.
        name: String,
        /// The user.
        who: Who,
    },
    /// Revokes a role.
    RoleRevoke {
        /// The role.
        name: String,
        /// The user.
        who: Who,
    },
    /// Issues a token.
    TokenIssue {
        /// The user.
        who: Who,
        /// Lifetime in seconds; `None` = the configured default.
        ttl: Option<f64>,
        /// A name for lists.
        name: Option<String>,
        /// The scopes; empty = unrestricted.
        scopes: Vec<String>,
    },
    /// Returns the tokens of a user, or all.
    TokenList {
        /// The user; `None` = all.
        user: Option<Who>,
    },
    /// Returns a page of all tokens, by user and age.
    TokenPage {
        /// The last token of the previous page.
        after: Option<TokenPlace>,
        /// Maximum number of tokens.
        limit: usize,
    },
    /// Revokes a token.
    TokenRevoke {
        /// Its public handle.
        handle: String,
    },
    /// Revokes all tokens of a user.
    TokenRevokeAll {
        /// The user.
        who: Who,
    },
    /// Starts an import run.
    ImportStart,
    /// Stores a batch of imported rows.
    Import {
        /// The number of the run.
        run: u32,
        /// The rows, in the order in which they must be stored.
        rows: Vec<Row>,
    },
}

impl AdminCommand {
    /// Whether the command may create a new store. All other commands need data that exists.
    pub(crate) fn may_create_store(&self) -> bool {
        matches!(
            self,
            Self::UserAdd(_)
                | Self::UserInvite { .. }
                | Self::RoleAdd { .. }
                | Self::AclAdd { .. }
                | Self::ImportStart
                | Self::Import { .. }
        )
    }
}

/// The properties of a new account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewUser {
    /// The email address.
    pub email: String,
    /// The username.
    pub username: Option<String>,
    /// The realm.
    pub realm: Option<String>,
    /// An id chosen by the operator.
    pub id: Option<i64>,
    /// The roles to grant.
    pub roles: Vec<String>,
    /// The password.
    pub password: Hidden,
}

/// The end of a page of tokens, as the list showed it. The token may have been deleted since.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenPlace {
    /// Its handle.
    pub handle: String,
    /// The user.
    pub user: UserId,
    /// The time of creation.
    pub created: Timestamp,
}
