//! Rows of an import, as they travel to the store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hidden::Hidden;
use crate::{
    identity::{PasswordHash, UserId},
    store::{AclRow, Role, RoleMapping, Token, User},
};

/// A row that makes sense, in the form in which it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// The number of the next account is at least this.
    NextUserId(i64),
    /// Accounts have text ids from now on.
    TextIds,
    /// An account.
    User(UserRow),
    /// A session, by the hash of its id.
    Token(Token),
    /// A role.
    Role(Role),
    /// Who has a role.
    Mapping(RoleMapping),
    /// A stored rule.
    Acl(AclRow),
}

/// An account under its own id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserRow {
    pub(crate) id: UserId,
    pub(crate) properties: Map<String, Value>,
    pub(crate) password: Option<Hidden>,
    pub(crate) verification: Option<String>,
}

impl Row {
    /// The account that it is, or that it belongs to.
    pub(crate) fn account(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id.clone()),
            Self::Token(token) => Some(token.user.clone()),
            Self::Mapping(mapping) if mapping.principal_type.0 == "USER" => {
                Some(UserId::parse(&mapping.principal_id))
            }
            Self::Acl(acl) if !matches!(acl.principal_type.as_deref(), None | Some("ROLE" | "APP")) => {
                acl.principal_id.as_deref().map(UserId::parse)
            }
            _ => None,
        }
    }
}

impl UserRow {
    /// As the store takes it.
    #[must_use]
    pub fn into_user(self) -> User {
        User {
            id: self.id,
            properties: self.properties,
            password: self.password.map(|hash| PasswordHash::new(hash.expose().to_owned())),
            verification: self.verification,
            epoch: 0,
            revision: 0,
            disabled: false,
        }
    }
}
