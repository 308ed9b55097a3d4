//! Rows as they are held, and as they are written.

use serde::{Deserialize, Serialize};

use super::tombstones::Tombstone;
use crate::{
    clock::Timestamp,
    identity::{Handle, TokenHash, UserId},
    store::{
        LastUse,
        records::{AclRow, OutboxEntry, Role, RoleMapping},
    },
};

/// The counters: none ever goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Meta {
    pub(super) next_user: i64,
    pub(super) text_ids: bool,
    pub(super) next_role: u64,
    pub(super) next_mapping: u64,
    pub(super) outbox_seq: u64,
    pub(super) change_seq: u64,
    /// What unknown names are hashed with, so that no client can tell how they are checked.
    pub(super) secret: [u8; 32],
    /// How many runs of imports there were.
    pub(super) imports: u32,
    /// How many other rows there are, as of the last write to a disk.
    pub(super) rows: u64,
    /// How many writes to a disk there were.
    pub(super) commits: u64,
}

/// One row's new content; `None` deletes it.
#[derive(Debug)]
pub(in crate::store) enum Write {
    User(UserId, Option<Box<[u8]>>),
    Token(TokenHash, Option<TokenRow>),
    Role(String, Option<Role>),
    Mapping(String, Option<RoleMapping>),
    Acl(String, Option<AclRow>),
    Outbox(u64, Option<OutboxEntry>),
    /// Whether an import must not bring this back.
    Tombstone(Tombstone, bool),
    Meta(Meta),
}

/// A [`Token`] without its hash; what few tokens have is in a box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store) struct TokenRow {
    #[serde(rename = "u")]
    pub(super) user: UserId,
    #[serde(rename = "t")]
    pub(super) ttl: Option<f64>,
    #[serde(rename = "c")]
    pub(super) created: Timestamp,
    #[serde(rename = "e", default)]
    pub(super) epoch: u32,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub(super) used: Option<LastUse>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<Box<TokenExtra>>,
    /// An import brought it: its end has to be remembered.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) imported: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenExtra {
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) fixed: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            next_user: 1,
            text_ids: false,
            next_role: 1,
            next_mapping: 1,
            outbox_seq: 0,
            change_seq: 0,
            secret: [0; 32],
            imports: 0,
            rows: 0,
            commits: 0,
        }
    }
}

/// The one form of an id: `Text("7")` is `Number(7)`.
pub(in crate::store) fn normal(id: &UserId) -> UserId {
    match id {
        UserId::Number(number) => UserId::Number(*number),
        UserId::Text(text) => UserId::parse(text),
    }
}

/// The first eight bytes of a handle: enough to find it by, and a quarter of its size.
pub(super) fn handle_digest(handle: &Handle) -> u64 {
    handle.as_str().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The first eight bytes of a token's hash.
pub(super) fn prefix(hash: &TokenHash) -> u64 {
    hash.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
