//! The key of a tombstone.

use sha2::{Digest, Sha256};

use crate::{
    identity::{TokenHash, UserId},
    store::records::RoleMapping,
};

/// The first half of a SHA-256 of the row's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) struct Tombstone(pub(in crate::store) [u8; 16]);

impl Tombstone {
    /// The tombstone of a deleted account.
    pub(in crate::store::state) fn user(id: &UserId) -> Self {
        Self::of(&["user", &id.to_string()])
    }

    /// The tombstone of a revoked token.
    pub(in crate::store::state) fn token(hash: &TokenHash) -> Self {
        Self::half(hash.0)
    }

    /// The tombstone of a revoked role.
    pub(in crate::store::state) fn mapping(mapping: &RoleMapping) -> Self {
        Self::of(&["mapping", &mapping.role_id, &mapping.principal_type.0, &mapping.principal_id])
    }

    pub(super) fn of(parts: &[&str]) -> Self {
        let mut sum = Sha256::new();
        for part in parts {
            // The lengths keep different parts from having the same concatenation.
            sum.update(part.len().to_le_bytes());
            sum.update(part);
        }
        Self::half(sum.finalize().into())
    }

    pub(super) fn half(sum: [u8; 32]) -> Self {
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(sum) {
            *to = from;
        }
        Self(half)
    }
}
