//! The engine of an import without a running gate. It serves nothing, so users and tokens stay on the disk.

use std::{collections::BTreeSet, path::Path};

use super::{
    disk::{Disk, Folder},
    disk_space::{DiskSpace, SpaceLeft},
    folder::Lock,
    log::{self, Keep, Log},
    opened::Opened,
};
use crate::store::{
    Change, CommitError, KeyRules, Outcome, StoreError,
    state::{Row, State},
};

/// A store that is open for an import only. Its methods block.
pub struct Loader {
    state: State,
    /// `None` after a failed write: the content of the disk is unknown then.
    log: Option<Log>,
    disk_space: DiskSpace,
    /// The last field, so that the lock is released last.
    _lock: Lock,
}

impl Loader {
    /// Opens the store in `path`, or creates one.
    ///
    /// # Errors
    /// As [`crate::store::open`].
    pub(in crate::store) fn open(path: &Path, keys: KeyRules) -> Result<Self, StoreError> {
        let disk = |path: &Path| Ok(Box::new(Folder::new(path)?) as Box<dyn Disk>);
        let Opened { state, log, lock } = Opened::open(path, Keep::Few, keys, disk)?;
        Ok(Self { state, log: Some(log), disk_space: DiskSpace::new(path), _lock: lock })
    }

    /// Applies a batch of [`Change::StartImport`], [`Change::Import`], [`Change::RaiseNextUserId`] and
    /// [`Change::UseTextIds`], and makes it durable. Returns one [`Outcome`] for each change, in order.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of the batch has then been applied.
    pub fn import(&mut self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        let Some(log) = &mut self.log else { return Err(StoreError::Poisoned.into()) };
        if self.disk_space.check(log.disk()) == SpaceLeft::Little {
            return Err(SpaceLeft::refusal());
        }
        // Only the rows that this batch may touch are loaded, so that an import of millions of accounts needs little
        // memory.
        let mut held = self.state.needs(&batch);
        for row in &held {
            if let Some(payload) = log.read(row)? {
                self.state.reload_row(row.clone(), &payload)?;
            }
        }
        let applied = self.state.apply(batch)?;
        if let Err(error) = store(&mut self.state, log, &applied.touched) {
            tracing::error!(error = %error, "the store takes no more writes: one could not be made durable");
            if let Some(log) = self.log.take() {
                log.abandon();
            }
            return Err(StoreError::Poisoned.into());
        }
        held.extend(applied.touched);
        for row in &held {
            self.state.unload_row(row);
        }
        Ok(applied.outcomes)
    }

    /// Closes the store.
    pub fn close(self) {
        if let Some(log) = self.log {
            log.close();
        }
    }
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

/// The reason why a batch is not durable.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Rows(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] log::LogError),
}

fn store(state: &mut State, log: &mut Log, touched: &BTreeSet<Row>) -> Result<(), WriteError> {
    if touched.is_empty() {
        return Ok(());
    }
    state.count_commit();
    let rows = log::batch(state, touched)?;
    Ok(log.write(rows, state.commits())?)
}
