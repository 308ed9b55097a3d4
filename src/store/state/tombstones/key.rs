//! What a tombstone is found by.

use sha2::{Digest, Sha256};

use crate::{
    identity::{TokenHash, UserId},
    store::records::RoleMapping,
};

/// What is kept of a row that has ended here: the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) struct Tombstone(pub(in crate::store) [u8; 16]);

impl Tombstone {
    /// A deleted account.
    pub(in crate::store::state) fn user(id: &UserId) -> Self {
        Self::of(&["user", &id.to_string()])
    }

    /// An ended session.
    pub(in crate::store::state) fn token(hash: &TokenHash) -> Self {
        Self::half(hash.0)
    }

    /// A role that was taken from a user.
    pub(in crate::store::state) fn mapping(mapping: &RoleMapping) -> Self {
        Self::of(&["mapping", &mapping.role_id, &mapping.principal_type.0, &mapping.principal_id])
    }

    pub(super) fn of(parts: &[&str]) -> Self {
        let mut sum = Sha256::new();
        for part in parts {
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
