//! Rows of an import and their outcomes. The store decides in the batch that stores a row: a row that was changed here
//! since an earlier import stays as it is, and one that was deleted or revoked here does not come back.

use super::{
    keys::UserKey,
    records::{AclRow, Role, RoleMapping, Token, User},
};
use crate::identity::{UserId, UsernameError};

/// A row of an import. It never fails its batch; its [`ImportOutcome`] says what happened to it.
#[derive(Clone, Debug)]
pub enum ImportRow {
    /// A user with the id of the dump.
    User(User),
    /// A token, even if its user does not exist.
    Token(Token),
    /// A role with the id of the dump, if that is free.
    Role(Role),
    /// A role mapping.
    Mapping(RoleMapping),
    /// A stored rule.
    Acl(AclRow),
}

/// What happened to a row of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was stored as a new row.
    Taken,
    /// An earlier import stored it, and its source has changed since.
    Updated,
    /// The same row is here already.
    Present,
    /// It was stored, although its username could be taken for another user's (profile `standard`).
    Warned(UsernameWarning),
    /// A role, with its id in this store.
    Role {
        /// The id.
        id: String,
        /// Whether it is new here.
        taken: bool,
    },
    /// It was not stored.
    Skipped(SkipReason),
}

/// The reason why a username could be taken for another user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameWarning {
    /// It differs from another user's name in letter case or width only.
    Alike(String),
    /// A client could not choose it.
    Username(String, UsernameError),
}

/// The reason why a row of an import was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The account was changed here since an earlier import.
    Changed(UserId),
    /// The account with this id was registered here, so it belongs to another person.
    Registered(UserId),
    /// The account was deleted here since an earlier import.
    Deleted(UserId),
    /// Other accounts have these names.
    NamesTaken(Vec<UserKey>),
    /// Another row of the same import has this id.
    SameId(UserId),
    /// The session was revoked here since an earlier import.
    Ended,
    /// The user has revoked all sessions here.
    EndedAll(UserId),
    /// No role has this id.
    NoRole(String),
    /// The role was revoked here since an earlier import.
    Revoked,
}

/// The distance between the revisions of two import runs. Every run has a number, and sets the revision of its accounts
/// to that number times this. Every change here adds one, so that a later run recognizes accounts that were changed by
/// anything but an import.
const RUN: u64 = 1 << 32;

impl User {
    /// Whether the account was registered here. The same id in a dump then belongs to another person.
    pub(super) fn was_registered(&self) -> bool {
        self.revision < RUN
    }

    /// Whether only imports have changed the account.
    pub(super) fn only_imported(&self) -> bool {
        !self.was_registered() && self.revision.is_multiple_of(RUN)
    }

    /// Whether this run has stored the account.
    pub(super) fn is_of_run(&self, run: u32) -> bool {
        self.revision / RUN == u64::from(run)
    }
}

/// The revision of the accounts of a run.
pub(super) fn revision(run: u32) -> u64 {
    u64::from(run.max(1)).saturating_mul(RUN)
}
