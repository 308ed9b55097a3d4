//! A copy of the files before sled opens them. sled overwrites records that it takes for torn, so a start that finds
//! damage would make it worse.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// A copy of a store's files, kept until the store is verified.
#[derive(Debug)]
pub(super) struct PreOpenBackup {
    folder: PathBuf,
    copy: Option<PathBuf>,
}

impl PreOpenBackup {
    /// Copies the files of `folder`. If that is not possible, the store is opened without a copy: a full disk must not
    /// keep a sound store from opening.
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

    /// Deletes the copy of a store that is verified.
    pub(super) fn discard(self) {
        if let Some(Err(error)) = self.copy.as_deref().map(remove_tree) {
            tracing::warn!(%error, "the copy that was made before the start cannot be removed");
        }
    }

    /// Restores the files of a damaged store.
    ///
    /// # Errors
    /// The error of the system. The copy stays then.
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
    // An existing copy was made by a start that did not finish. It is older, and so the better one.
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
    // A previous start may have been killed during its copy.
    let unfinished = folder.join("before.unfinished");
    remove_tree(&unfinished)?;
    copy_files(folder, &unfinished)?;
    // Renamed when complete: a crash during the copy leaves no partial copy that a later start would trust.
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
            // sled writes such a file once and then only deletes it, so a hard link is as good as a copy.
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

/// Stores larger than this are opened without a copy, which would take too long.
const MAX_BACKUP_BYTES: u64 = 2 << 30;

/// Free bytes that must remain after the copy.
const MIN_FREE_BYTES: u64 = 64 << 20;
