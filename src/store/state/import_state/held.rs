//! The in-memory data of an import about rows on the disk.

use std::collections::BTreeSet;

/// The data about rows that are not in memory.
#[derive(Debug, Default)]
pub(in crate::store::state) struct ImportState {
    /// Their number.
    pub(super) rows: u64,
    pub(super) names: BTreeSet<Digest>,
}

/// A keyed digest of 96 bits. Collisions of two names do not occur in practice.
pub(super) type Digest = [u8; 12];
