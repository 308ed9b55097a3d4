//! All rows, and the indexes over them.

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

/// All rows, and the indexes over them.
#[derive(Debug)]
pub(in crate::store) struct State {
    pub(super) rules: KeyRules,
    /// Rows as they are stored: a million users must fit.
    pub(super) users: BTreeMap<UserId, Box<[u8]>>,
    /// What users are found by: their names, and in realms the names alone, too.
    pub(super) names: BTreeSet<(u64, UserId)>,
    pub(super) tokens: BTreeMap<TokenHash, TokenRow>,
    pub(super) tokens_by_user: BTreeSet<(UserId, Timestamp, TokenHash)>,
    /// The beginnings of a handle and of its token's hash.
    pub(super) handles: BTreeSet<(u64, u64)>,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) mappings: BTreeMap<String, RoleMapping>,
    /// The mappings that give a user a role: the user's id as text, the mapping's id.
    pub(super) grants: BTreeSet<(String, String)>,
    pub(super) acls: BTreeMap<String, AclRow>,
    pub(super) outbox: Outbox,
    pub(super) kinds: Kinds,
    pub(super) tombstones: BTreeSet<Tombstone>,
    pub(super) meta: Meta,
    /// Users and tokens are on the disk alone.
    pub(super) import: Option<import_state::ImportState>,
    /// Keyed by random, so that no client can choose names that collide in `names`.
    pub(super) hasher: RandomState,
}
