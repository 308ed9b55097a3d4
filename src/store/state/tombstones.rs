//! Tombstones: rows of an import that were deleted or ended here. An old dump must not bring them back.
//!
//! 16 bytes each. There are at most as many as rows that imports brought and roles that were taken.

mod key;

use super::{State, Write};

pub(in crate::store) use key::Tombstone;

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
