//! What an import brought and was ended here since: an old dump must not bring it back.
//!
//! 16 bytes each. There are never more of them than rows that imports brought and roles that were taken.

use sha2::{Digest, Sha256};

use super::{State, Write};
use crate::{
    identity::{TokenHash, UserId},
    store::records::RoleMapping,
};

/// What is kept of a row that has ended here: the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) struct Tombstone(pub(in crate::store) [u8; 16]);

impl Tombstone {
    /// A deleted account.
    pub(super) fn user(id: &UserId) -> Self {
        Self::of(&["user", &id.to_string()])
    }

    /// An ended session.
    pub(super) fn token(hash: &TokenHash) -> Self {
        Self::half(hash.0)
    }

    /// A role that was taken from a user.
    pub(super) fn mapping(mapping: &RoleMapping) -> Self {
        Self::of(&["mapping", &mapping.role_id, &mapping.principal_type.0, &mapping.principal_id])
    }

    fn of(parts: &[&str]) -> Self {
        let mut sum = Sha256::new();
        for part in parts {
            sum.update(part.len().to_le_bytes());
            sum.update(part);
        }
        Self::half(sum.finalize().into())
    }

    fn half(sum: [u8; 32]) -> Self {
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(sum) {
            *to = from;
        }
        Self(half)
    }
}

impl State {
    /// Whether an import must not bring this back.
    pub(super) fn has_tombstone(&self, tombstone: Tombstone) -> bool {
        self.tombstones.contains(&tombstone)
    }

    pub(super) fn write_tombstone(&mut self, tombstone: Tombstone, is: bool) -> Write {
        let was = if is { !self.tombstones.insert(tombstone) } else { self.tombstones.remove(&tombstone) };
        Write::Tombstone(tombstone, was)
    }
}
