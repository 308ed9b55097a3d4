//! Where log lines go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// Where lines go.
pub(super) enum Target {
    Stream(Box<dyn Write + Send>),
    File(LogFile),
}

/// A file that another program may rename.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
}

/// Lines name accounts and addresses: readable by the group of a log collector, not by all.
const MODE: u32 = 0o640;

impl Target {
    pub(super) fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stream(stream) => stream,
            Self::File(file) => &mut file.file,
        }
    }

    /// Opens the file again. If that fails, lines go on into the old one.
    pub(super) fn reopen(&mut self) {
        let Self::File(file) = self else { return };
        match open(&file.path) {
            Ok(opened) => file.file = opened,
            Err(error) => {
                let file = file.path.display();
                tracing::error!(%error, %file, "the log file cannot be opened again; lines go on into the old one");
            }
        }
    }
}

impl LogFile {
    /// Opens or creates the file.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self { file: open(&path)?, path })
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}
