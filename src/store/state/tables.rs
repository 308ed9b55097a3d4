//! The tables and their indexes.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::RandomState,
};

use super::{
    import_state,
    kinds::Kinds,
    outbox::Outbox,
    rows::{Meta, TokenRow},
    tombstones::Tombstone,
};
use crate::{
    clock::Timestamp,
    identity::{TokenHash, UserId},
    store::{
        keys::KeyRules,
        records::{AclRow, Role, RoleMapping},
    },
};

/// The tables and their indexes.
#[derive(Debug)]
pub(in crate::store) struct State {
    pub(super) rules: KeyRules,
    /// Serialized rows: a million users must fit into memory.
    pub(super) users: BTreeMap<UserId, Box<[u8]>>,
    /// Index of names. With realms it also contains the names alone.
    pub(super) names: BTreeSet<(u64, UserId)>,
    pub(super) tokens: BTreeMap<TokenHash, TokenRow>,
    pub(super) tokens_by_user: BTreeSet<(UserId, Timestamp, TokenHash)>,
    /// Index of handles: prefixes of a handle and of its token's hash.
    pub(super) handles: BTreeSet<(u64, u64)>,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) mappings: BTreeMap<String, RoleMapping>,
    /// Index of granted roles: the user's id as text, and the mapping's id.
    pub(super) grants: BTreeSet<(String, String)>,
    pub(super) acls: BTreeMap<String, AclRow>,
    pub(super) outbox: Outbox,
    pub(super) kinds: Kinds,
    pub(super) tombstones: BTreeSet<Tombstone>,
    pub(super) meta: Meta,
    /// The import state, if users and tokens stay on the disk.
    pub(super) import: Option<import_state::ImportState>,
    /// Keyed randomly, so that no client can choose names that collide in `names`.
    pub(super) hasher: RandomState,
}
