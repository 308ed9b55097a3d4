//! The number of the last acknowledged commit, in a file beside the log.
//!
//! sled takes the log up to the first damage for the whole log, and a log of noise for an empty one: revoked sessions
//! would be live again. A start that finds fewer commits than the watermark fails.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

/// The watermark of an open store.
#[derive(Debug)]
pub(super) struct Watermark {
    file: File,
}

impl Watermark {
    /// Opens the watermark of a folder and reads its commit; 0 when there is none or it cannot be read.
    ///
    /// # Errors
    /// The error of the system.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, u64)> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("mark"))?;
        let mut bytes = [0; SIZE];
        let stands_at = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self { file }, stands_at.unwrap_or(0)))
    }

    /// Sets the watermark to a durable commit. It is not synced: after a power cut it may be lower than the last
    /// commit, never higher.
    ///
    /// # Errors
    /// The error of the system.
    pub(super) fn advance(&self, commit: u64) -> io::Result<()> {
        // Number and checksum in one write, so that a torn write is detected.
        let mut bytes = [0; SIZE];
        for (place, byte) in bytes.iter_mut().zip(commit.to_le_bytes().into_iter().chain(checksum(commit))) {
            *place = byte;
        }
        self.file.write_all_at(&bytes, 0)
    }

    /// Makes the watermark durable.
    ///
    /// # Errors
    /// The error of the system.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn read(bytes: &[u8; SIZE]) -> Option<u64> {
    let (number, sum) = bytes.split_first_chunk::<8>()?;
    let commit = u64::from_le_bytes(*number);
    (sum == checksum(commit)).then_some(commit)
}

fn checksum(commit: u64) -> [u8; 4] {
    crc32fast::hash(&commit.to_le_bytes()).to_le_bytes()
}

const SIZE: usize = 12;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn stands_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let (mark, at) = Watermark::open(folder.path()).unwrap();
        assert_eq!(at, 0);
        for commit in [1, u64::MAX, 300] {
            mark.advance(commit).unwrap();
            assert_eq!(Watermark::open(folder.path()).unwrap().1, commit);
        }
    }

    #[test]
    fn a_mark_that_cannot_be_read_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        Watermark::open(folder.path()).unwrap().0.advance(7).unwrap();
        let path = folder.path().join("mark");
        let bytes = fs::read(&path).unwrap();
        for broken in [&bytes[..11], &[0xFF; 12], b""] {
            fs::write(&path, broken).unwrap();
            assert_eq!(Watermark::open(folder.path()).unwrap().1, 0, "{broken:?}");
        }
    }
}
