//! The policies folder: read whole, and watched.
//!
//! It is looked at twice a second rather than by inotify: that says nothing on NFS, on many overlay and FUSE mounts
//! and of what a symlink points to (Kubernetes swaps one), and a look at a folder of small files costs next to nothing.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::PolicyError;
use crate::policy::Source;

/// How often the folder is looked at.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// A folder that has just changed is left alone for so long: an editor that writes a new file and renames it, or
/// somebody who copies several files, is given time to finish. What is there in between may be a sound set that
/// nobody wants: one file missing, and its routes would be nobody's.
const STILL: Duration = Duration::from_secs(1);

/// The coarsest time stamps of a file system are 2 s (FAT): so long after a change, files are compared by what they
/// hold, as a second change may not show.
const GRAIN: Duration = Duration::from_secs(3);

/// A file larger than this is no policy: it is named, not read.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// How often a folder that changes while it is read is read again, and after which pause.
const TRIES: (u32, Duration) = (20, Duration::from_millis(50));

/// A folder, and what was last seen of it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What it looked like.
    look: Look,
    /// What its files held when they were last read, as a digest.
    tried: Option<[u8; 32]>,
    /// Since when it looks like that.
    since: Instant,
    /// Whether it has looked like that for longer than [`GRAIN`], so that the look alone tells of a change.
    settled: bool,
}

/// What a folder looks like without its files being read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Files(Vec<(String, Stat)>),
    Unreadable(PathBuf, io::ErrorKind),
}

/// What changes when a file does: a rename changes the inode, a write the times.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Folder {
    /// A folder that nothing is known of yet.
    pub(super) fn new(path: PathBuf) -> Self {
        let look = Look::Files(Vec::new());
        Self { path, look, tried: None, since: Instant::now(), settled: false }
    }

    /// Reads it now, and remembers that. A folder that changes meanwhile is read again.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, when there is none, or when it does not come to rest.
    pub(super) fn read(&mut self) -> Result<Vec<Source>, PolicyError> {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            let look = Look::at(&self.path);
            let read = read(&self.path);
            if look == Look::at(&self.path) {
                self.notice(look, Instant::now());
                self.tried = Some(digest(&read));
                return read;
            }
            std::thread::sleep(pause);
        }
        Err(PolicyError::Restless { path: self.path.clone() })
    }

    /// What to try now: what the files hold, once, when that has changed and the folder has come to rest.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Result<Vec<Source>, PolicyError>> {
        let look = Look::at(&self.path);
        if look != self.look {
            self.notice(look, now);
            return None;
        }
        let rested = now.saturating_duration_since(self.since);
        if self.settled || rested < STILL {
            return None;
        }
        let read = read(&self.path);
        let after = Look::at(&self.path);
        if after != self.look {
            self.notice(after, now);
            return None;
        }
        self.settled = rested > GRAIN;
        let digest = digest(&read);
        if self.tried == Some(digest) {
            return None;
        }
        self.tried = Some(digest);
        Some(read)
    }

    fn notice(&mut self, look: Look, now: Instant) {
        self.look = look;
        self.since = now;
        self.settled = false;
    }
}

impl Look {
    fn at(folder: &Path) -> Self {
        files(folder).map_or_else(|(path, error)| Self::Unreadable(path, error.kind()), Self::Files)
    }
}

impl Stat {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Reads every policy file of a folder, sorted by name (INTERFACE.md section 5).
///
/// # Errors
/// When the folder or a file cannot be read, or there is none.
pub fn read(folder: &Path) -> Result<Vec<Source>, PolicyError> {
    let unreadable = |(path, source)| PolicyError::Unreadable { path, source };
    let mut sources = Vec::new();
    for (name, stat) in files(folder).map_err(unreadable)? {
        let path = folder.join(&name);
        if stat.size > LARGEST_FILE {
            let size = stat.size;
            let source =
                io::Error::other(format!("it has {size} bytes; a policy file has at most {LARGEST_FILE}"));
            return Err(PolicyError::Unreadable { path, source });
        }
        match fs::read_to_string(&path) {
            Ok(text) => sources.push(Source { name, text }),
            Err(source) => return Err(PolicyError::Unreadable { path, source }),
        }
    }
    if sources.is_empty() {
        return Err(PolicyError::Empty { path: folder.to_owned() });
    }
    Ok(sources)
}

/// The policy files of a folder, sorted by name. Links are followed: Kubernetes' files are links to links.
fn files(folder: &Path) -> Result<Vec<(String, Stat)>, (PathBuf, io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_policy(name))
        else {
            continue;
        };
        let metadata = fs::metadata(&path).map_err(failed(&path))?;
        // A pipe would be waited for.
        if metadata.is_file() {
            found.push((name.to_owned(), Stat::of(&metadata)));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// All JSON files but cases, schemas and LoopBack's companions of `model-config.json`.
fn is_policy(name: &str) -> bool {
    let other = [".cases.json", ".schema.json"].iter().any(|end| name.ends_with(end));
    let companion = name.starts_with("model-config.") && name != "model-config.json";
    name.ends_with(".json") && !name.starts_with('.') && !other && !companion
}

fn digest(read: &Result<Vec<Source>, PolicyError>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    match read {
        Ok(sources) => {
            for source in sources {
                add(&source.name);
                add(&source.text);
            }
        }
        Err(error) => add(&error.to_string()),
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
