//! Rows in memory and as they are written.

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

/// The counters of a store. None ever decreases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Meta {
    pub(super) next_user: i64,
    pub(super) text_ids: bool,
    pub(super) next_role: u64,
    pub(super) next_mapping: u64,
    pub(super) outbox_seq: u64,
    pub(super) change_seq: u64,
    /// The key of the decoys, so that no client can predict which kind of hash an unknown name gets.
    pub(super) secret: [u8; 32],
    /// The number of import runs.
    pub(super) imports: u32,
    /// The number of other rows as of the last persisted commit.
    pub(super) rows: u64,
    /// The number of persisted commits.
    pub(super) commits: u64,
}

/// The new content of a row; `None` deletes it.
#[derive(Debug)]
pub(in crate::store) enum Write {
    User(UserId, Option<Box<[u8]>>),
    Token(TokenHash, Option<TokenRow>),
    Role(String, Option<Role>),
    Mapping(String, Option<RoleMapping>),
    Acl(String, Option<AclRow>),
    Outbox(u64, Option<OutboxEntry>),
    /// Whether the tombstone exists.
    Tombstone(Tombstone, bool),
    Meta(Meta),
}

/// A [`Token`] without its hash. Rare fields are in a box, because there may be millions of tokens.
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
    /// Whether an import stored it. Its deletion then leaves a tombstone.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) imported: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TokenExtra {
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) fixed: bool,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
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

/// The canonical form of an id: `Text("7")` becomes `Number(7)`.
pub(in crate::store) fn normal(id: &UserId) -> UserId {
    match id {
        UserId::Number(number) => UserId::Number(*number),
        UserId::Text(text) => UserId::parse(text),
    }
}

/// The first eight bytes of a handle, as a compact index key. Matches are verified on the row.
pub(super) fn handle_digest(handle: &Handle) -> u64 {
    handle.as_str().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The first eight bytes of a token's hash.
pub(super) fn prefix(hash: &TokenHash) -> u64 {
    hash.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
