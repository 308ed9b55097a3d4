//! The rows, and the changes that a batch is made of.

mod change;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LastUse;
use crate::{
    clock::Timestamp,
    identity::{Lifetimes, PasswordHash, TokenHash, UserId},
};

pub use change::{Change, Outcome};

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
    /// Use does not extend it (`sliding_ttl`).
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

/// One line of the changes feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeNotice {
    /// Counted up from 1, without gaps.
    pub seq: u64,
    /// What changed.
    pub what: ChangeNotices,
}

/// What another replica has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeNotices {
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
