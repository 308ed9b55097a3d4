//! The metadata of a file, by which a change is found.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// The metadata of a policy's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    File(Stat),
    Folder,
    /// Not read: opening a pipe would block.
    SpecialFile,
    DanglingLink,
    NonUtf8Name,
    Unreadable(io::ErrorKind),
}

/// The metadata that a change affects: a rename changes the inode, a write the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    inode: (u64, u64),
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    pub(super) fn at(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(about) if about.is_file() => Self::File(Stat::of(&about)),
            Ok(about) if about.is_dir() => Self::Folder,
            Ok(_) => Self::SpecialFile,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::DanglingLink,
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

impl Stat {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            // An editor that renames a new file over the old one may keep size and mtime.
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
