//! What is held of rows that are on the disk alone.

use std::collections::BTreeSet;

/// What an import state knows of the rows that it does not hold.
#[derive(Debug, Default)]
pub(in crate::store::state) struct ImportState {
    /// How many there are.
    pub(super) rows: u64,
    pub(super) names: BTreeSet<Digest>,
}

/// 96 bits, keyed by random: two names do not meet.
pub(super) type Digest = [u8; 12];
