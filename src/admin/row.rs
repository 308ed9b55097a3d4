//! Rows of an import on their way to the store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hidden::Hidden;
use crate::{
    identity::{PasswordHash, UserId},
    store::{AclRow, Role, RoleMapping, Token, User},
};

/// A valid row, in the form of the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// A lower bound for the next account id.
    NextUserId(i64),
    /// From now on accounts have text ids.
    TextIds,
    /// An account.
    User(UserRow),
    /// A token, by the hash of its id.
    Token(Token),
    /// A role.
    Role(Role),
    /// A role mapping.
    Mapping(RoleMapping),
    /// A stored rule.
    Acl(AclRow),
}

/// An account with the id of the dump.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserRow {
    pub(crate) id: UserId,
    pub(crate) properties: Map<String, Value>,
    pub(crate) password: Option<Hidden>,
    pub(crate) verification: Option<String>,
}

impl Row {
    /// The id of this account, or of the account that the row belongs to.
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
    /// The user for the store.
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
            networks: Vec::new(),
        }
    }
}
