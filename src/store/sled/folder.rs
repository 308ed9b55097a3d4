//! The folder of a store: its lock, its permissions, and what a crash left in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::store::StoreError;

/// The lock of a store's folder. It is released when this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Creates the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has the lock, [`StoreError::Folder`] when the folder cannot be used.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Folder { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let mut options = OpenOptions::new();
        // Not truncated: the file names the process that may hold the lock.
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(folder.join("LOCK")).map_err(unusable)?;
        // The kernel releases this lock when the process dies, so a crash leaves no stale lock.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: folder.to_owned(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        write_pid(&mut file).map_err(unusable)?;
        Ok(Self { _file: file })
    }
}

/// Removes snapshots that sled would fail to open. They are a cache of its log; without one, sled reads the log from
/// the beginning.
///
/// # Errors
/// [`StoreError::Folder`] when a snapshot cannot be read or removed.
pub(super) fn remove_bad_snapshots(folder: &Path) -> Result<(), StoreError> {
    let mut sound = Vec::new();
    let mut broken = Vec::new();
    let unusable = |source| StoreError::Folder { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(unusable)? {
        let path = entry.map_err(unusable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with("snap.") {
            continue;
        }
        if name.ends_with(".generating") {
            remove_snapshot(&path).map_err(unusable)?;
        } else if is_sound(&path).map_err(unusable)? {
            sound.push(path);
        } else {
            broken.push(path);
        }
    }
    // An older snapshot may refer to parts of the log that have been reused since. So all are removed or none.
    let useless = if broken.is_empty() { Vec::new() } else { sound };
    for path in broken.iter().chain(&useless) {
        remove_snapshot(path).map_err(unusable)?;
    }
    Ok(())
}

/// Removes the permissions of other users. Fails on a folder of another owner (a mounted volume), which is logged.
pub(super) fn restrict_permissions(folder: &Path) {
    let files = close_files(folder);
    // The files contain hashes of passwords and tokens, and addresses.
    let result = fs::set_permissions(folder, Permissions::from_mode(0o700)).and(files);
    if let Err(error) = result {
        tracing::warn!(
            store.folder = %folder.display(),
            %error,
            "the store's folder cannot be closed to other users of this machine"
        );
    }
}

fn close_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mode = if entry.file_type()?.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn remove_snapshot(path: &Path) -> io::Result<()> {
    tracing::warn!(
        store.file = %path.display(),
        "removed an unfinished snapshot that a crash left; the log is read from its beginning, nothing is lost"
    );
    fs::remove_file(path)
}

/// Whether a snapshot ends with its length and a matching checksum, as sled writes them.
fn is_sound(path: &Path) -> io::Result<bool> {
    let bytes = fs::read(path)?;
    let Some((body, tail)) = bytes.split_last_chunk::<SNAPSHOT_TAIL>() else { return Ok(false) };
    let sum = crc32fast::hash(body).to_le_bytes();
    Ok(!body.is_empty() && tail.ends_with(&sum))
}

fn read_pid(file: &mut File) -> String {
    let mut text = String::new();
    // The file is not trusted: 20 bytes hold any process id, and only digits are shown.
    let read = file.take(20).read_to_string(&mut text);
    let pid = text.trim();
    let known = read.is_ok() && !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
    if known { pid.to_owned() } else { "?".to_owned() }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Eight bytes for the length, four for the checksum.
const SNAPSHOT_TAIL: usize = 12;
