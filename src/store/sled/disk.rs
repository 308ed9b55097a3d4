//! The durability operations that sled lacks.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The disk of a store. Tests replace it by one that fails, stalls or is full.
pub(super) trait Disk: Send {
    /// Makes the values durable that sled stores in files of their own. Called before its flush: the log must not refer
    /// to a file that a power cut may lose.
    ///
    /// # Errors
    /// The error of the system.
    fn sync_blobs(&mut self) -> io::Result<()>;

    /// Makes everything durable that sled has flushed.
    ///
    /// # Errors
    /// The error of the system.
    fn sync_log(&mut self) -> io::Result<()>;

    /// The number of bytes that can still be written.
    ///
    /// # Errors
    /// The error of the system.
    fn free(&self) -> io::Result<u64>;
}

/// A sled folder on a file system.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    log: File,
    synced_blobs: HashSet<OsString>,
}

impl Folder {
    /// The disk of a sled store that is open in `path`. Syncs the directory entries of its files.
    ///
    /// # Errors
    /// The error of the system.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let log = File::open(path.join("db"))?;
        // A new file's size and name must be durable before the first commit relies on them.
        log.sync_all()?;
        let mut folder = Self { path: path.to_owned(), log, synced_blobs: HashSet::new() };
        folder.sync_blobs()?;
        sync_entry(&path.join("conf"))?;
        sync_entry(path)?;
        // The folder itself is an entry of its parent directory, and a new one may be lost with it.
        if let Some(parent) = fs::canonicalize(path)?.parent() {
            sync_entry(parent)?;
        }
        Ok(folder)
    }
}

impl Disk for Folder {
    fn sync_blobs(&mut self) -> io::Result<()> {
        let folder = self.path.join("blobs");
        let mut present = HashSet::new();
        let mut fresh = false;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !self.synced_blobs.contains(&name) {
                sync_entry(&folder.join(&name))?;
                fresh = true;
            }
            present.insert(name);
        }
        if fresh {
            sync_entry(&folder)?;
        }
        self.synced_blobs = present;
        Ok(())
    }

    fn sync_log(&mut self) -> io::Result<()> {
        // `fdatasync` also flushes the metadata that is needed to read the data, such as the file's size.
        self.log.sync_data()
    }

    fn free(&self) -> io::Result<u64> {
        let room = rustix::fs::statvfs(&self.path)?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }
}

/// Syncs a file or a folder. A missing one needs no sync.
fn sync_entry(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
