//! Rows of an import, and what became of each. The store itself decides, in the batch that stores a row: what has
//! changed here since an earlier import stays as it is, and what was ended here does not come back.

use super::{
    keys::UserKey,
    records::{AclRow, Role, RoleMapping, Token, User},
};
use crate::identity::{UserId, UsernameError};

/// A row of an import. It never makes its batch fail: the [`ImportOutcome`] says what became of it.
#[derive(Clone, Debug)]
pub enum ImportRow {
    /// An account under its own id.
    User(User),
    /// A session, whether or not its user exists.
    Token(Token),
    /// A role under its own id, if that is free.
    Role(Role),
    /// Who has a role.
    Mapping(RoleMapping),
    /// A stored rule.
    Acl(AclRow),
}

/// What became of a row of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is new here.
    Taken,
    /// An earlier import brought it, and it has changed there since.
    Updated,
    /// It was here already, the same.
    Present,
    /// Taken or updated, though its username could be mistaken for another's (profile `standard`).
    Warned(UsernameWarning),
    /// A role, under the id that it has here.
    Role {
        /// The id.
        id: String,
        /// Whether it is new here.
        taken: bool,
    },
    /// It was not stored.
    Skipped(SkipReason),
}

/// Why the username of an account could be mistaken for another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameWarning {
    /// Another user's differs from it in letter case or width alone.
    Alike(String),
    /// A client could not choose it.
    Username(String, UsernameError),
}

/// Why a row of an import was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The account was changed here since an earlier import.
    Changed(UserId),
    /// The account with this id was registered here: it is another person's.
    Registered(UserId),
    /// The account was deleted here since an earlier import.
    Deleted(UserId),
    /// Other accounts have these names.
    NamesTaken(Vec<UserKey>),
    /// Another row of the same import has this id.
    SameId(UserId),
    /// The session was ended here since an earlier import.
    Ended,
    /// The user has ended all sessions here.
    EndedAll(UserId),
    /// No role has this id.
    NoRole(String),
    /// The role was taken from the user here since an earlier import.
    Revoked,
}

/// Every run of an import has a number, and gives its accounts a revision of that many times this. Every change
/// here counts the revision up by one, so that a later run sees whether anything but an import has changed the
/// account.
const RUN: u64 = 1 << 32;

impl User {
    /// Whether the account began here: then the same id in a dump is another person's.
    pub(super) fn was_registered(&self) -> bool {
        self.revision < RUN
    }

    /// Whether only an import has changed the account.
    pub(super) fn only_imported(&self) -> bool {
        !self.was_registered() && self.revision.is_multiple_of(RUN)
    }

    /// Whether this run of an import has brought the account.
    pub(super) fn is_of_run(&self, run: u32) -> bool {
        self.revision / RUN == u64::from(run)
    }
}

/// The revision of what a run brings.
pub(super) fn revision(run: u32) -> u64 {
    u64::from(run.max(1)).saturating_mul(RUN)
}
