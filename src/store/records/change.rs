//! Changes of the store, and what became of them.

use serde_json::Value;

use super::{AclRow, Role, RoleMapping, Token, User, UserDraft};
use crate::{
    identity::{TokenHash, UserId},
    store::{
        LastUse,
        import_rows::{ImportOutcome, ImportRow},
    },
};

/// One change of a batch. A batch is applied whole, in order.
#[derive(Clone, Debug)]
pub enum Change {
    /// Creates a user with a new id. Outcome: [`Outcome::User`]. Fails with `Taken`.
    CreateUser(UserDraft),
    /// Replaces a user whose `revision` is still the given one (the store raises it). The epoch never falls,
    /// whatever the row says. Outcome: [`Outcome::User`]. Fails with `Missing`, `Stale` or `Taken`.
    UpdateUser(User),
    /// Deletes a user, every token and every role mapping of theirs. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteUser(UserId),
    /// Voids every token of a user, except one: raises the epoch, not the revision, so that it may stand before
    /// or after an `UpdateUser`. Outcome: [`Outcome::Removed`] with their number.
    RevokeTokens {
        /// Whose.
        user: UserId,
        /// The session that asked, which stays.
        except: Option<TokenHash>,
    },
    /// Stores a new token, if its user still exists (`Missing`) and has the token's epoch (`Stale`).
    /// Outcome: [`Outcome::Done`].
    CreateToken(Token),
    /// Replaces a token, if it still exists (`Missing`): whose it is, and its epoch, stay. Outcome: [`Outcome::Done`].
    UpdateToken(Token),
    /// Nothing of the batch is applied unless this token is live: it is there, and its user has its epoch and is not
    /// disabled. First in a batch that is a session's wish. Outcome: [`Outcome::Done`]. Fails with `Ended`.
    RequireToken(TokenHash),
    /// Deletes a token. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteToken(TokenHash),
    /// Writes down a token's last use, if the token still exists and no later one is known. No session is told of it:
    /// the one that was used knows. Outcome: [`Outcome::Done`].
    UseToken {
        /// Which.
        hash: TokenHash,
        /// When, and where from.
        used: LastUse,
    },
    /// Creates a role with a new id, or leaves the one of that name. Outcome: [`Outcome::Role`].
    CreateRole {
        /// Its name.
        name: String,
    },
    /// Gives a user a role (idempotent). Fails with `Missing` when there is no such role or user.
    /// Outcome: [`Outcome::Done`].
    Grant {
        /// The role's name.
        role: String,
        /// The user.
        user: UserId,
    },
    /// Takes a role from a user. Outcome: [`Outcome::Removed`].
    Revoke {
        /// The role's name.
        role: String,
        /// The user.
        user: UserId,
    },
    /// Deletes the roles of a name, and takes them from all users. Outcome: [`Outcome::Removed`].
    DeleteRole {
        /// The role's name.
        name: String,
    },
    /// Begins a run of an import. Outcome: [`Outcome::ImportRun`].
    StartImport,
    /// Import: stores a row, if nothing here speaks against it. Outcome: [`Outcome::Imported`]. Fails on nothing.
    Import {
        /// The run of the import.
        run: u32,
        /// The row.
        row: Box<ImportRow>,
    },
    /// Stores a user under its own id, replacing an earlier one with that id (whose epoch stays, if it is
    /// higher). Outcome: [`Outcome::User`]. Fails with `Taken`.
    PutUser(User),
    /// Stores a token whether or not its user exists.
    PutToken(Token),
    /// Stores a role under its own id.
    PutRole(Role),
    /// Stores a mapping under its own id.
    PutRoleMapping(RoleMapping),
    /// Stores an ACL row under its own id.
    PutAclRow(AclRow),
    /// Deletes an ACL row. Outcome: [`Outcome::Removed`] with 0 or 1.
    DeleteAclRow(String),
    /// Import: the next number for user ids is at least this.
    RaiseNextUserId(i64),
    /// Import: new users get 24 hex digits from now on.
    UseTextIds,
    /// Puts an event into the outbox, which must have a reader: a full one loses its oldest, and a user with too many
    /// events that wait loses the oldest of the same kind. Outcome: [`Outcome::Done`].
    Enqueue {
        /// The event's name, `user.registered` and so on.
        kind: String,
        /// The user that the event is about: events are delivered in order per user.
        user: Option<UserId>,
        /// The event's body, without any token or link.
        body: Value,
    },
    /// As `Enqueue`, about the user whom this batch created last: their id is not known before. Fails with
    /// `Missing` when it has created none.
    EnqueueForCreated {
        /// The event's name.
        kind: String,
        /// The event's body, without any token or link.
        body: Value,
    },
    /// Takes a delivered event out of the outbox.
    Dequeue {
        /// Its number.
        seq: u64,
    },
}

/// What a change did.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The user as stored now.
    User(Box<User>),
    /// The role as stored now.
    Role(Role),
    /// How many rows went.
    Removed(u64),
    /// The number of a run of an import.
    ImportRun(u32),
    /// What became of a row of an import.
    Imported(ImportOutcome),
}
