//! Tombstones of imported rows that were deleted or revoked here, so that an old dump does not bring them back.
//!
//! A tombstone has 16 bytes. Their number is bounded by that of imported rows and revoked roles.

mod key;

use super::{State, Write};

pub(in crate::store) use key::Tombstone;

impl State {
    /// Whether an import must skip this row.
    pub(super) fn has_tombstone(&self, tombstone: Tombstone) -> bool {
        self.tombstones.contains(&tombstone)
    }

    pub(super) fn write_tombstone(&mut self, tombstone: Tombstone, is: bool) -> Write {
        let was = if is { !self.tombstones.insert(tombstone) } else { self.tombstones.remove(&tombstone) };
        Write::Tombstone(tombstone, was)
    }
}
