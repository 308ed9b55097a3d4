//! A copy of the files from before sled opened them: sled overwrites what it reads as torn, so that damage
//! which a start finds would be worse after it.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// A copy of a store's files, until the store is known to be good.
#[derive(Debug)]
pub(super) struct PreOpenBackup {
    folder: PathBuf,
    copy: Option<PathBuf>,
}

impl PreOpenBackup {
    /// Copies the files of `folder`. Where that is not possible the store is opened all the same: a disk
    /// without room must not keep a sound store shut.
    pub(super) fn create(folder: &Path) -> Self {
        let copy = match copy(folder) {
            Ok(copy) => copy,
            Err(error) => {
                tracing::warn!(store.folder = %folder.display(), %error, "the store is opened without a copy");
                None
            }
        };
        Self { folder: folder.to_owned(), copy }
    }

    /// The store is good: the copy goes.
    pub(super) fn discard(self) {
        if let Some(Err(error)) = self.copy.as_deref().map(remove_tree) {
            tracing::warn!(%error, "the copy that was made before the start cannot be removed");
        }
    }

    /// The store is not good: its files are put back as they were.
    ///
    /// # Errors
    /// What the system says; the copy then stays where it is.
    pub(super) fn restore(self) -> io::Result<()> {
        let Some(copy) = &self.copy else { return Ok(()) };
        for name in snapshots(&self.folder)? {
            fs::remove_file(self.folder.join(name))?;
        }
        for entry in fs::read_dir(copy)? {
            let entry = entry?;
            let place = self.folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                remove_tree(&place)?;
            }
            fs::rename(entry.path(), place)?;
        }
        remove_tree(copy)
    }
}

fn copy(folder: &Path) -> io::Result<Option<PathBuf>> {
    let log = folder.join("db");
    let kept = folder.join("before");
    // One that is still there was made by a start that did not come to its end: it is the better one.
    if kept.exists() {
        return Ok(Some(kept));
    }
    if !log.exists() {
        return Ok(None);
    }
    let size = fs::metadata(log)?.len();
    if size > MAX_BACKUP_BYTES || room(folder)? < size.saturating_add(MIN_FREE_BYTES) {
        return Err(io::Error::other("it is too large for one"));
    }
    let unfinished = folder.join("before.unfinished");
    remove_tree(&unfinished)?;
    copy_files(folder, &unfinished)?;
    fs::rename(&unfinished, &kept)?;
    Ok(Some(kept))
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    let mut folders = DirBuilder::new();
    folders.mode(0o700).recursive(true).create(to.join("blobs"))?;
    for name in snapshots(from)?.into_iter().chain(["db".to_owned(), "conf".to_owned()]) {
        match fs::copy(from.join(&name), to.join(&name)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let blobs = from.join("blobs");
    if blobs.exists() {
        for entry in fs::read_dir(&blobs)? {
            let entry = entry?;
            let place = to.join("blobs").join(entry.file_name());
            // sled writes such a file once and removes it: a second name is a copy, where the disk has such.
            if fs::hard_link(entry.path(), &place).is_err() {
                fs::copy(entry.path(), &place)?;
            }
        }
    }
    Ok(())
}

fn snapshots(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") {
            names.push(name);
        }
    }
    Ok(names)
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn room(folder: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(folder)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Above this a copy takes longer than a start may.
const MAX_BACKUP_BYTES: u64 = 2 << 30;

/// What must be left beside a copy.
const MIN_FREE_BYTES: u64 = 64 << 20;
