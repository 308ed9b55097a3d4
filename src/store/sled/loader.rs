//! The engine of an import without a running gate: nothing is served, so users and tokens stay on the disk.

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

/// A store that is open for an import alone. It blocks: it belongs to a command, not to a server.
pub struct Loader {
    state: State,
    /// `None` after a write that failed: what the disk holds then is unknown.
    log: Option<Log>,
    disk_space: DiskSpace,
    /// Last, so that it is given back last.
    _lock: Lock,
}

impl Loader {
    /// Opens the store in `path`, or makes one there.
    ///
    /// # Errors
    /// As [`crate::store::open`].
    pub(in crate::store) fn open(path: &Path, keys: KeyRules) -> Result<Self, StoreError> {
        let disk = |path: &Path| Ok(Box::new(Folder::new(path)?) as Box<dyn Disk>);
        let Opened { state, log, lock } = Opened::open(path, Keep::Few, keys, disk)?;
        Ok(Self { state, log: Some(log), disk_space: DiskSpace::new(path), _lock: lock })
    }

    /// Applies a batch of [`Change::StartImport`], [`Change::Import`], [`Change::RaiseNextUserId`] and
    /// [`Change::UseTextIds`] whole, and makes it durable before it answers: one [`Outcome`] a change, in order.
    ///
    /// # Errors
    /// [`CommitError`]; nothing of the batch has then been applied.
    pub fn import(&mut self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        let Some(log) = &mut self.log else { return Err(StoreError::Poisoned.into()) };
        if self.disk_space.check(log.disk()) == SpaceLeft::Little {
            return Err(SpaceLeft::refusal());
        }
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

    /// Gives the store back.
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

/// Why a batch is not on the disk.
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
