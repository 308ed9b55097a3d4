//! The rows, and the changes that a batch is made of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    LastUse,
    import_rows::{ImportOutcome, ImportRow},
};
use crate::{
    clock::Timestamp,
    identity::{Lifetimes, PasswordHash, TokenHash, UserId},
};

/// A user as stored. `properties` holds what clients see, in LoopBack's order, explicit nulls kept.
#[derive(Clone, Debug)]
pub struct User {
    /// The id, never used twice.
    pub id: UserId,
    /// `realm`, `username`, `email`, `emailVerified` and everything else but `id` and the hidden ones.
    pub properties: Map<String, Value>,
    /// The hash of the password; `None` for a user who cannot log in with one.
    pub password: Option<PasswordHash>,
    /// SHA-256 hex of the verification token: the token itself is stored nowhere.
    pub verification: Option<String>,
    /// Tokens of an earlier epoch are void: "log out everywhere" is one row.
    pub epoch: u32,
    /// Counts the changes of this row.
    pub revision: u64,
    /// Switched off by an admin: cannot log in, and live tokens are refused.
    pub disabled: bool,
}

/// A user who is about to be created.
#[derive(Clone, Debug, Default)]
pub struct UserDraft {
    /// The id, where it is not the store's to choose.
    pub id: Option<UserId>,
    /// As in [`User`].
    pub properties: Map<String, Value>,
    /// As in [`User`].
    pub password: Option<PasswordHash>,
    /// As in [`User`].
    pub verification: Option<String>,
}

/// An access token as stored: never its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of the id.
    #[serde(with = "hash_bytes")]
    pub hash: TokenHash,
    /// Whose it is.
    pub user: UserId,
    /// Lifetime in seconds from `created`; fractions count; -1 = eternal where the settings allow it.
    /// `None` where LoopBack stored `null`.
    pub ttl: Option<f64>,
    /// When it was made.
    pub created: Timestamp,
    /// What it is good for; empty = `DEFAULT` (docs/loopback-3.28.md section 1.5).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What `token issue --name` called it.
    #[serde(default)]
    pub name: Option<String>,
    /// The user's epoch when it was made.
    pub epoch: u32,
    /// It ends when it was to end, however much it is used (`sliding_ttl`).
    #[serde(default)]
    pub fixed: bool,
    /// Its last use, as far as it is written down; [`super::Session::last_use`] knows better.
    #[serde(default)]
    pub used: Option<LastUse>,
}

impl Token {
    /// When it ends; see [`Lifetimes::end`]. `used`: its last use, which may be later than the one written down.
    #[must_use]
    pub fn end_by(&self, lifetimes: &Lifetimes, used: Option<LastUse>) -> Option<f64> {
        let counts = used.filter(|_| !self.fixed).map(|used| used.at().0);
        lifetimes.end(self.ttl, self.created.0, counts)
    }
}

/// A static role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The id, as an import brought it or counted up.
    pub id: String,
    /// The name that rules use.
    pub name: String,
}

/// Who a [`RoleMapping`] or an [`AclRow`] speaks of. LoopBack compares the text exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PrincipalKind(pub String);

/// Who has a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMapping {
    /// The id.
    pub id: String,
    /// The role's id.
    pub role_id: String,
    /// `USER`, `APP`, `ROLE` or anything: only an exact `USER` gives a user the role.
    pub principal_type: PrincipalKind,
    /// The user's id, as text.
    pub principal_id: String,
}

/// A row of LoopBack's ACL model. Absent fields stay absent: they match nothing (docs/loopback-3.28.md section 8.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AclRow {
    /// The id.
    pub id: String,
    /// The model's name or `*`.
    pub model: Option<String>,
    /// A method's name, an alias, or `*`.
    pub property: Option<String>,
    /// `READ`, `WRITE`, `EXECUTE`, `REPLICATE` or `*`.
    pub access_type: Option<String>,
    /// `ALLOW`, `DENY`, `ALARM` or `AUDIT`.
    pub permission: Option<String>,
    /// `USER`, `APP` or `ROLE`.
    pub principal_type: Option<String>,
    /// Who.
    pub principal_id: Option<String>,
}

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

/// One line of the changes feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeNotice {
    /// Counted up from 1, without gaps.
    pub seq: u64,
    /// What changed.
    pub what: Noticed,
}

/// What another replica has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// A user was changed, deleted, or logged out everywhere.
    User(UserId),
    /// A token was deleted.
    Token(TokenHash),
    /// Roles, mappings or ACL rows changed.
    Rules,
}

/// An event that waits for delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// Counted up.
    pub seq: u64,
    /// The event's name.
    pub kind: String,
    /// Whom it is about.
    pub user: Option<UserId>,
    /// Its body.
    pub body: Value,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Users.
    pub users: u64,
    /// Tokens, the expired ones that are not swept yet included.
    pub tokens: u64,
    /// Roles.
    pub roles: u64,
    /// Failed reads or writes since the start.
    pub errors: u64,
}

impl User {
    /// The text property `name`, if it is a non-empty text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The email address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// The username.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.text("username")
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.text("realm")
    }

    /// Whether the email address was confirmed.
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.properties.get("emailVerified").and_then(Value::as_bool).unwrap_or(false)
    }
}

mod hash_bytes {
    //! A token hash as 64 hex digits or raw bytes, whatever the format is.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::identity::TokenHash;

    pub(super) fn serialize<S: Serializer>(hash: &TokenHash, serializer: S) -> Result<S::Ok, S::Error> {
        hash.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenHash, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(TokenHash)
    }
}
