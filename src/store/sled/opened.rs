//! A store's folder, locked, read to its end and verified.

use std::{io, path::Path};

use super::{
    disk::Disk,
    folder::{self, Lock},
    log::{self, Keep, Log},
    pre_open_backup::PreOpenBackup,
    watermark::Watermark,
};
use crate::store::{KeyRules, StoreError, state::State};

/// What a start has found.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) log: Log,
    /// Last, so that it is given back last.
    pub(super) lock: Lock,
}

impl Opened {
    /// Takes the folder's lock, and reads and verifies all records.
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
