//! The rows of the store.

mod change;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LastUse;
use crate::{
    clock::Timestamp,
    identity::{Lifetimes, PasswordHash, TokenHash, UserId},
};

pub use change::{Change, Outcome};

/// A user as stored. `properties` are those that clients see, in LoopBack's order and with explicit nulls.
#[derive(Clone, Debug)]
pub struct User {
    /// The id. Ids are never reused.
    pub id: UserId,
    /// All properties except `id` and the hidden ones.
    pub properties: Map<String, Value>,
    /// The hash of the password; `None` for a user who cannot log in with one.
    pub password: Option<PasswordHash>,
    /// SHA-256 of the verification token in hex. The token itself is not stored.
    pub verification: Option<String>,
    /// The epoch. Tokens of an earlier epoch are void, so that "log out everywhere" changes one row.
    pub epoch: u32,
    /// The number of changes of this row, for optimistic concurrency.
    pub revision: u64,
    /// Whether an operator has disabled the user: logins and tokens are refused.
    pub disabled: bool,
    /// The networks of earlier logins, the latest last, where logins from new ones are mailed.
    pub networks: Vec<u64>,
}

/// A user to be created.
#[derive(Clone, Debug, Default)]
pub struct UserDraft {
    /// The id, if the store does not choose it.
    pub id: Option<UserId>,
    /// As in [`User`].
    pub properties: Map<String, Value>,
    /// As in [`User`].
    pub password: Option<PasswordHash>,
    /// As in [`User`].
    pub verification: Option<String>,
}

/// An access token as stored. Its id is not stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of the id.
    #[serde(with = "hash_bytes")]
    pub hash: TokenHash,
    /// The user.
    pub user: UserId,
    /// Lifetime in seconds from `created`, with fractions; -1 = eternal where the settings allow it. `None` where
    /// LoopBack stored `null`.
    pub ttl: Option<f64>,
    /// The time of creation.
    pub created: Timestamp,
    /// The scopes; empty = `DEFAULT` (docs/loopback-3.28.md section 1.5).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The name given by `token issue --name`.
    #[serde(default)]
    pub name: Option<String>,
    /// The user's epoch at the creation.
    pub epoch: u32,
    /// Whether use does not extend it, even under `sliding_ttl`.
    #[serde(default)]
    pub fixed: bool,
    /// The only host at which it counts, with a port if it has one; `None` = all. A browser that comes from the login page
    /// of another host gets such a token.
    #[serde(default)]
    pub host: Option<String>,
    /// The last use that was persisted; [`super::Session::last_use`] is more recent.
    #[serde(default)]
    pub used: Option<LastUse>,
}

impl Token {
    /// The end of the token, see [`Lifetimes::end`]. `used` is the last use, which may be more recent than the
    /// persisted one.
    #[must_use]
    pub fn end_by(&self, lifetimes: &Lifetimes, used: Option<LastUse>) -> Option<f64> {
        let counts = used.filter(|_| !self.fixed).map(|used| used.at().0);
        lifetimes.end(self.ttl, self.created.0, counts)
    }
}

/// A static role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The id: imported, or counted up.
    pub id: String,
    /// The name that rules use.
    pub name: String,
}

/// The principal type of a [`RoleMapping`] or an [`AclRow`]. LoopBack compares it exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PrincipalKind(pub String);

/// The assignment of a role to a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMapping {
    /// The id.
    pub id: String,
    /// The role's id.
    pub role_id: String,
    /// `USER`, `APP`, `ROLE` or any other text. Only `USER`, spelled exactly so, gives a user the role.
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
    /// The principal.
    pub principal_id: Option<String>,
}

/// An entry of the changes feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeNotice {
    /// The number, from 1 without gaps.
    pub seq: u64,
    /// The change.
    pub what: ChangeNotices,
}

/// A change that other replicas and caches must learn of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeNotices {
    /// A user was changed, deleted, or logged out everywhere.
    User(UserId),
    /// A token was deleted.
    Token(TokenHash),
    /// Roles, mappings or ACL rows changed.
    Rules,
}

/// An event waiting for delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// The number, counted up.
    pub seq: u64,
    /// The type of the event.
    pub kind: String,
    /// The subject.
    pub user: Option<UserId>,
    /// The body, without tokens and links.
    pub body: Value,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Users.
    pub users: u64,
    /// Tokens, including expired ones that are not deleted yet.
    pub tokens: u64,
    /// Roles.
    pub roles: u64,
    /// Failed reads or writes since the start.
    pub errors: u64,
}

impl OutboxEntry {
    /// What the type of a mail begins with. All others are events for the webhook.
    pub const MAIL: &str = "mail:";

    /// Whether it is a mail to send, and not an event for the webhook.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        self.kind.starts_with(Self::MAIL)
    }

    /// The recipient that a mail names; `None` = the stored address of its user.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        self.body.get("more")?.get("to").filter(|_| self.is_mail())?.as_str()
    }
}

impl User {
    /// The property `name` if it is a non-empty text.
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

    /// The language: the first of `language`, `locale` and `lang` that the account has.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        ["language", "locale", "lang"].into_iter().find_map(|name| self.text(name))
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.text("realm")
    }

    /// Whether the email address is confirmed.
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.properties.get("emailVerified").and_then(Value::as_bool).unwrap_or(false)
    }
}

mod hash_bytes {
    //! Serializes a token hash as an array of bytes.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::identity::TokenHash;

    pub(super) fn serialize<S: Serializer>(hash: &TokenHash, serializer: S) -> Result<S::Ok, S::Error> {
        hash.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenHash, D::Error> {
        <[u8; 32]>::deserialize(deserializer).map(TokenHash)
    }
}
