//! What the committer asks of the disk, besides sled: that written means written.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The disk under a store. Tests put one in that fails, stalls or is full.
pub(super) trait Disk: Send {
    /// Makes the values that sled keeps in files of their own survive a power cut. Before its flush: a log
    /// that names a file must not come to the disk without it.
    ///
    /// # Errors
    /// What the system says.
    fn sync_blobs(&mut self) -> io::Result<()>;

    /// Makes everything that sled has flushed survive a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn sync_log(&mut self) -> io::Result<()>;

    /// The bytes that may still be written.
    ///
    /// # Errors
    /// What the system says.
    fn free(&self) -> io::Result<u64>;
}

/// A sled folder on a real disk.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    log: File,
    synced_blobs: HashSet<OsString>,
}

impl Folder {
    /// The disk under a sled store that is open in `path`: the names of its files are durable from here on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let log = File::open(path.join("db"))?;
        log.sync_all()?;
        let mut folder = Self { path: path.to_owned(), log, synced_blobs: HashSet::new() };
        folder.sync_blobs()?;
        sync_entry(&path.join("conf"))?;
        sync_entry(path)?;
        // The folder itself is a name in its parent.
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
        self.log.sync_data()
    }

    fn free(&self) -> io::Result<u64> {
        let room = rustix::fs::statvfs(&self.path)?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }
}

/// Syncs a file or a folder; one that is gone needs none.
fn sync_entry(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
