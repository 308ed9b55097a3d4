//! A file that is read several times, in parts.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::read::ReadError;

/// An open file.
#[derive(Debug)]
pub(super) struct Source {
    /// The path as given.
    pub(super) name: String,
    /// The size in bytes.
    pub(super) size: u64,
    file: Arc<File>,
    read: Arc<AtomicU64>,
}

/// A reader with its own position, which counts the bytes read.
#[derive(Debug)]
pub(super) struct Counted {
    file: Arc<File>,
    at: u64,
    read: Arc<AtomicU64>,
}

impl Source {
    /// Opens a file; `read` counts the bytes read. A pipe, which can be read only once, is copied to an unnamed
    /// temporary file first.
    pub(super) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let open = || {
            let mut file = File::open(path)?;
            if !file.metadata()?.is_file() {
                let mut copy = tempfile::tempfile()?;
                io::copy(&mut file, &mut copy)?;
                file = copy;
            }
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        let (file, size) = open().map_err(|source| ReadError::File { path: name.clone(), source })?;
        Ok(Self { name, size, file: Arc::new(file), read: Arc::clone(read) })
    }

    /// A reader from the beginning, after an optional byte order mark.
    pub(super) fn reader(&self) -> Result<BufReader<Counted>, ReadError> {
        let mut mark = [0; 3];
        // Positioned reads: several readers share the descriptor.
        let marked = self.file.read_exact_at(&mut mark, 0).is_ok() && mark == [0xEF, 0xBB, 0xBF];
        let at = if marked { 3 } else { 0 };
        let counted = Counted { file: Arc::clone(&self.file), at, read: Arc::clone(&self.read) };
        Ok(BufReader::with_capacity(BUFFER, counted))
    }

    /// The first byte that is not white space.
    pub(super) fn first_byte(&self) -> Result<Option<u8>, ReadError> {
        for byte in self.reader()?.bytes() {
            let byte = byte.map_err(|source| self.failed(source))?;
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
        }
        Ok(None)
    }

    /// The error for a failed read.
    pub(super) fn failed(&self, source: io::Error) -> ReadError {
        ReadError::File { path: self.name.clone(), source }
    }

    /// The error for invalid JSON.
    pub(super) fn broken(&self, error: &serde_json::Error) -> ReadError {
        let (line, column) = (error.line(), error.column());
        ReadError::Json { path: self.name.clone(), line, column, message: message(error) }
    }
}

/// The message of serde_json without the place at its end; ours begins with the place.
pub(super) fn message(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    whole.split(" at line ").next().unwrap_or(&whole).to_owned()
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        let count_64 = u64::try_from(count).unwrap_or(0);
        self.at = self.at.saturating_add(count_64);
        self.read.fetch_add(count_64, Ordering::Relaxed);
        Ok(count)
    }
}

const BUFFER: usize = 256 << 10;
