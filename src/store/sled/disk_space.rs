//! Watches the free space on the disk. When it runs out, new sessions are refused, but sessions can still be revoked.
//!
//! sled accepts no write after one that failed, so the space is checked before each group. A file of [`RESERVE`] bytes
//! is deleted as the last resort.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::disk::Disk;
use crate::store::{Change, CommitError, StoreError};

/// The disk space of a store.
#[derive(Debug)]
pub(super) struct DiskSpace {
    reserve: PathBuf,
    /// Whether the reserve could not be created. Logged once, not at every commit.
    refused: bool,
}

/// The changes that may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpaceLeft {
    /// All changes.
    Enough,
    /// Only changes that delete or revoke.
    Little,
}

impl DiskSpace {
    pub(super) fn new(folder: &Path) -> Self {
        Self { reserve: folder.join("reserve"), refused: false }
    }

    /// Checks the free space. Creates the reserve, or deletes it.
    pub(super) fn check(&mut self, disk: &dyn Disk) -> SpaceLeft {
        // If the system does not tell the free space, the write itself will fail.
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
        // Written out, because a sparse file would reserve no blocks.
        file.write_all(&vec![0; RESERVE])?;
        file.sync_all()
    }
}

impl SpaceLeft {
    /// Whether this batch may be written.
    pub(super) fn admits(self, batch: &[Change]) -> bool {
        self == Self::Enough || (batch.iter().any(takes_away) && !batch.iter().any(adds))
    }

    /// The error for a batch that does not fit.
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

/// Events that accompany a change do not count.
fn adds(change: &Change) -> bool {
    !takes_away(change) && !matches!(change, Change::Enqueue { .. })
}

/// Size of the reserve in bytes.
const RESERVE: usize = 1 << 20;

/// Free bytes above which the reserve is created.
const AMPLE: u64 = 64 << 20;

/// Free bytes below which nothing is added: some of sled's segments of 512 KiB.
const LOW: u64 = 8 << 20;

/// Free bytes below which the reserve is deleted: sled's next segment must still fit.
const TIGHT: u64 = 2 << 20;
