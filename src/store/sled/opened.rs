//! Opens the folder of a store: locks it, loads and verifies it.

use std::{io, path::Path};

use super::{
    disk::Disk,
    folder::{self, Lock},
    log::{self, Keep, Log},
    pre_open_backup::PreOpenBackup,
    watermark::Watermark,
};
use crate::store::{KeyRules, StoreError, state::State};

/// A store that was loaded and verified.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) log: Log,
    /// The last field, so that the lock is released last.
    pub(super) lock: Lock,
}

impl Opened {
    /// Locks the folder, and loads and verifies all records.
    ///
    /// # Errors
    /// As [`crate::store::open`].
    pub(super) fn open(
        path: &Path,
        keep: Keep,
        keys: KeyRules,
        disk: impl FnOnce(&Path) -> io::Result<Box<dyn Disk>>,
    ) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Folder { path: path.to_owned(), source };
        let lock = Lock::take(path)?;
        // Copied before sled opens the files, because it overwrites what it takes for a torn write.
        let before = PreOpenBackup::create(path);
        let (mark, acknowledged) = Watermark::open(path).map_err(unusable)?;
        let (db, state) = match log::load(path, keep, keys, acknowledged) {
            Ok(loaded) => loaded,
            Err(error) => {
                before.restore().map_err(unusable)?;
                return Err(error);
            }
        };
        before.discard();
        folder::restrict_permissions(path);
        let log = Log::new(db, disk(path).map_err(unusable)?, mark);
        Ok(Self { state, log, lock })
    }
}
