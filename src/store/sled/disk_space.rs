//! Free space on the disk: when it runs out, new sessions are refused, but a session can still be ended.
//!
//! sled takes no write after one that failed, so the room is looked at before each group. A file of
//! [`RESERVE`] bytes is given up when nothing else is left.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::disk::Disk;
use crate::store::{Change, CommitError, StoreError};

/// The room under a store.
#[derive(Debug)]
pub(super) struct DiskSpace {
    reserve: PathBuf,
    /// The reserve could not be made: said once, not at every commit.
    refused: bool,
}

/// What may be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpaceLeft {
    /// Everything.
    Enough,
    /// What takes something away, nothing that adds.
    Little,
}

impl DiskSpace {
    pub(super) fn new(folder: &Path) -> Self {
        Self { reserve: folder.join("reserve"), refused: false }
    }

    /// How much is left; keeps the reserve, or gives it up.
    pub(super) fn check(&mut self, disk: &dyn Disk) -> SpaceLeft {
        // A system that does not say gets to say so at the write itself.
        let free = disk.free().unwrap_or(u64::MAX);
        let kept = self.reserve.exists();
        if free >= AMPLE && !kept && !self.refused {
            if let Err(error) = self.keep() {
                self.refused = true;
                tracing::warn!(%error, "no room could be set aside for a full disk");
            }
        } else if free < TIGHT && kept {
            tracing::error!("the disk is full: gave up the reserve, so that sessions can still be ended");
            let _ = fs::remove_file(&self.reserve);
        }
        if free < LOW { SpaceLeft::Little } else { SpaceLeft::Enough }
    }

    fn keep(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.reserve)?;
        // Written out: a file of the same length without blocks holds no room.
        file.write_all(&vec![0; RESERVE])?;
        file.sync_all()
    }
}

impl SpaceLeft {
    /// Whether this batch may be written now.
    pub(super) fn admits(self, batch: &[Change]) -> bool {
        self == Self::Enough || (batch.iter().any(takes_away) && !batch.iter().any(adds))
    }

    /// What is told when there is no room.
    pub(super) fn refusal() -> CommitError {
        StoreError::Engine("the disk is full; free some of it, or move the store".to_owned()).into()
    }
}

fn takes_away(change: &Change) -> bool {
    matches!(
        change,
        Change::UpdateUser(_)
            | Change::DeleteUser(_)
            | Change::RevokeTokens { .. }
            | Change::DeleteToken(_)
            | Change::Revoke { .. }
            | Change::DeleteRole { .. }
            | Change::Dequeue { .. }
    )
}

/// An event that goes with a change is none of these.
fn adds(change: &Change) -> bool {
    !takes_away(change) && !matches!(change, Change::Enqueue { .. })
}

/// What is given up.
const RESERVE: usize = 1 << 20;

/// Bytes from which on there is room to set aside.
const AMPLE: u64 = 64 << 20;

/// Bytes below which nothing is added: some of sled's segments of 512 KiB.
const LOW: u64 = 8 << 20;

/// Bytes below which the reserve is given up: sled's next segment must still fit.
const TIGHT: u64 = 2 << 20;
