//! The changes of a batch and their outcomes.

use serde_json::Value;

use super::{AclRow, Role, RoleMapping, Token, User, UserDraft};
use crate::{
    identity::{TokenHash, UserId},
    store::{
        LastUse,
        import_rows::{ImportOutcome, ImportRow},
    },
};

/// A change. The changes of a batch are applied in order, and all or none.
#[derive(Clone, Debug)]
pub enum Change {
    /// Creates a user with a new id. Outcome: [`Outcome::User`]. Fails with `Taken`.
    CreateUser(UserDraft),
    /// Replaces a user whose `revision` is still the given one; the store increments it. The epoch never decreases,
    /// whatever the row says. Outcome: [`Outcome::User`]. Fails with `Missing`, `Stale` or `Taken`.
    UpdateUser(User),
    /// Deletes a user with all tokens and role mappings. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteUser(UserId),
    /// Voids all tokens of a user except one. Increments the epoch and not the revision, so that it may precede or
    /// follow an `UpdateUser`. Outcome: [`Outcome::Removed`] with their number.
    RevokeTokens {
        /// The user.
        user: UserId,
        /// The requesting session, which stays valid.
        except: Option<TokenHash>,
    },
    /// Stores a new token, if its user still exists (`Missing`) and has the token's epoch (`Stale`).
    /// Outcome: [`Outcome::Done`].
    CreateToken(Token),
    /// Replaces a token, if it still exists (`Missing`). Its user and epoch do not change. Outcome: [`Outcome::Done`].
    UpdateToken(Token),
    /// Rejects the batch unless this token is live: the row exists, its epoch is the user's, and the user is not
    /// disabled. The first change of a batch that a session requests. Outcome: [`Outcome::Done`]. Fails with `Ended`.
    RequireToken(TokenHash),
    /// Deletes a token. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteToken(TokenHash),
    /// Persists the last use of a token, if the token exists and no later use is known. Sessions are not notified: the
    /// used one knows. Outcome: [`Outcome::Done`].
    UseToken {
        /// The token.
        hash: TokenHash,
        /// The use.
        used: LastUse,
    },
    /// Creates a role with a new id, unless there is one of that name. Outcome: [`Outcome::Role`].
    CreateRole {
        /// Its name.
        name: String,
    },
    /// Grants a role to a user. Idempotent. Fails with `Missing` if the role or the user does not exist.
    /// Outcome: [`Outcome::Done`].
    Grant {
        /// The role's name.
        role: String,
        /// The user.
        user: UserId,
    },
    /// Revokes a role of a user. Outcome: [`Outcome::Removed`].
    Revoke {
        /// The role's name.
        role: String,
        /// The user.
        user: UserId,
    },
    /// Deletes the roles of a name, and revokes them of all users. Outcome: [`Outcome::Removed`].
    DeleteRole {
        /// The role's name.
        name: String,
    },
    /// Starts an import run. Outcome: [`Outcome::ImportRun`].
    StartImport,
    /// Import: stores a row unless a reason against it is found here. Outcome: [`Outcome::Imported`]. Never fails.
    Import {
        /// The run of the import.
        run: u32,
        /// The row.
        row: Box<ImportRow>,
    },
    /// Stores a user with the given id, replacing the one with that id (the higher epoch is kept). Outcome:
    /// [`Outcome::User`]. Fails with `Taken`.
    PutUser(User),
    /// Stores a token even if its user does not exist.
    PutToken(Token),
    /// Stores a role with the given id.
    PutRole(Role),
    /// Stores a mapping with the given id.
    PutRoleMapping(RoleMapping),
    /// Stores an ACL row with the given id.
    PutAclRow(AclRow),
    /// Deletes an ACL row. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteAclRow(String),
    /// Import: sets the lower bound for the next numeric user id.
    RaiseNextUserId(i64),
    /// Import: from now on new users get an id of 24 hex digits.
    UseTextIds,
    /// Adds an event to the outbox. A full outbox drops its oldest event; a user with too many undelivered events loses
    /// the oldest of the same type. Outcome: [`Outcome::Done`].
    Enqueue {
        /// The event's name, `user.registered` and so on.
        kind: String,
        /// The subject. Events of a user are delivered in order.
        user: Option<UserId>,
        /// The event's body, without any token or link.
        body: Value,
    },
    /// As `Enqueue`, for the user that this batch created last, whose id is not known before. Fails with `Missing` if
    /// it has created none.
    EnqueueForCreated {
        /// The event's name.
        kind: String,
        /// The event's body, without any token or link.
        body: Value,
    },
    /// Removes a delivered event from the outbox.
    Dequeue {
        /// Its number.
        seq: u64,
    },
}

/// The result of a change.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The change is done.
    Done,
    /// The user as stored now.
    User(Box<User>),
    /// The role as stored now.
    Role(Role),
    /// The number of deleted rows.
    Removed(u64),
    /// The number of a run of an import.
    ImportRun(u32),
    /// The outcome of an imported row.
    Imported(ImportOutcome),
}
