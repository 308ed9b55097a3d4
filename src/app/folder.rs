//! The policies folder: read whole, and watched.
//!
//! The kernel tells when something may have changed ([`super::signs`]); what has, is found by a look at all files.
//! After a sign they are looked at twice a second until they are at rest, and now and then without one: no sign comes
//! of a change on NFS or on many FUSE mounts.

mod overlooked;

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

pub use overlooked::passed_over;

use super::PolicyError;
use crate::policy::{Code, Finding, Severity, Source};

/// How often the folder is looked at until it is at rest.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// How often it is looked at while there is no sign of a change.
pub(super) const SLOW_POLL: Duration = Duration::from_secs(5);

/// A folder that has just changed is left alone for so long: an editor that writes a new file and renames it, or
/// a copy of several files, is given time to finish. What is there in between may be a sound set that is not meant:
/// with one file missing, its routes would be unmatched.
const STILL: Duration = Duration::from_secs(1);

/// The coarsest time stamps of a file system are 2 s (FAT): so long after a change, files are compared by what they
/// hold, as a second change may not show.
const GRAIN: Duration = Duration::from_secs(3);

/// A larger file is not read as a policy. It is only named.
const LARGEST_FILE: u64 = 1024 * 1024;

/// This many policies, and so many bytes of them, are read at most.
const MOST_FILES: usize = 100_000;
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What repairs a file that may not be read.
const RIGHTS: &str = "let the gate's user read it";

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

/// One file that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    seen: Seen,
    since: Instant,
    /// Whether it has changed and is not yet at rest.
    changed: bool,
}

/// What a folder looks like without its files being read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Files(Vec<(String, Seen)>),
    Unreadable(io::ErrorKind),
}

/// What stands under the name of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    File(Stat),
    Folder,
    /// A pipe would be waited for.
    NoFile,
    LeadsNowhere,
    Nameless,
    Unreadable(io::ErrorKind),
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

    /// Whether it has not changed for so long that the next change will show.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn notice(&mut self, look: Look, now: Instant) {
        self.look = look;
        self.since = now;
        self.settled = false;
    }
}

impl Watched {
    /// From now on.
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = Seen::at(&path);
        Self { path, seen, since: Instant::now(), changed: false }
    }

    /// Whether it has changed, and come to rest since.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let seen = Seen::at(&self.path);
        if seen != self.seen {
            (self.seen, self.since, self.changed) = (seen, now, true);
            return false;
        }
        let is_due = self.changed && now.saturating_duration_since(self.since) >= STILL;
        self.changed &= !is_due;
        is_due
    }

    /// Whether it has not changed since it was taken.
    pub(super) fn is_settled(&self) -> bool {
        !self.changed
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Look {
    fn at(folder: &Path) -> Self {
        files(folder).map_or_else(|error| Self::Unreadable(error.kind()), Self::Files)
    }
}

impl Seen {
    fn at(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(about) if about.is_file() => Self::File(Stat::of(&about)),
            Ok(about) if about.is_dir() => Self::Folder,
            Ok(_) => Self::NoFile,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::LeadsNowhere,
            Err(error) => Self::Unreadable(error.kind()),
        }
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

/// Reads every policy file of a folder, sorted by name (docs/interface.md, "Policy files").
///
/// # Errors
/// When the folder or a file cannot be read, or there is none.
pub fn read(folder: &Path) -> Result<Vec<Source>, PolicyError> {
    let (sources, findings) = read_all(folder)?;
    if findings.is_empty() { Ok(sources) } else { Err(PolicyError::ConfigErrors(findings)) }
}

/// The same with every mistake: what can be read, and what is wrong with the rest.
///
/// # Errors
/// When the folder cannot be read, or there is no policy in it.
pub fn read_all(folder: &Path) -> Result<(Vec<Source>, Vec<Finding>), PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: folder.to_owned(), source };
    let entries = files(folder).map_err(unreadable)?;
    if entries.is_empty() {
        return Err(PolicyError::Empty { path: folder.to_owned() });
    }
    let size = |(_, seen): &(String, Seen)| if let Seen::File(stat) = seen { stat.size } else { 0 };
    if entries.len() > MOST_FILES || entries.iter().map(size).sum::<u64>() > MOST_BYTES {
        return Err(PolicyError::TooMuch { path: folder.to_owned() });
    }
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for (name, seen) in entries {
        match read_seen(folder, &name, &seen) {
            Ok(text) => sources.push(Source { name, text }),
            Err(finding) => findings.push(finding),
        }
    }
    Ok((sources, findings))
}

/// Reads the text of a file, without the byte order mark that some editors begin it with.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read_file(folder: &Path, name: &str) -> Result<String, Finding> {
    read_seen(folder, name, &Seen::at(&folder.join(name)))
}

fn read_seen(folder: &Path, name: &str, seen: &Seen) -> Result<String, Finding> {
    let unreadable = |message: String, fix: &str| finding(name, Code::Unreadable, message, fix);
    let size = match seen {
        Seen::File(stat) => stat.size,
        Seen::Folder => return Err(unreadable("this is a folder, not a file".into(), "rename it")),
        Seen::NoFile => return Err(unreadable("this is not a plain file".into(), "remove it")),
        Seen::LeadsNowhere => {
            return Err(unreadable("this link leads nowhere".into(), "remove or repair it"));
        }
        Seen::Nameless => return Err(unreadable("the file's name is not UTF-8".into(), "rename it")),
        Seen::Unreadable(kind) => return Err(unreadable(format!("the file cannot be read: {kind}"), RIGHTS)),
    };
    let too_large = || {
        let message = format!("the file has {size} bytes, and a policy file has at most 1 MiB");
        finding(name, Code::TooLarge, message, "split it into several")
    };
    if size > LARGEST_FILE {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let read = fs::File::open(folder.join(name))
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => return Err(unreadable(format!("the file cannot be read: {}", error.kind()), RIGHTS)),
        Ok(_) if bytes.len() as u64 > LARGEST_FILE => return Err(too_large()),
        Ok(_) => {}
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..sound).unwrap_or_default()).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = "the file is not UTF-8 from here on".into();
        Finding { line, column, ..finding(name, Code::NotUtf8, message, "save it as UTF-8") }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// An error of a whole file, told at its beginning.
fn finding(file: &str, code: Code, message: String, fix: &str) -> Finding {
    Finding {
        file: file.to_owned(),
        line: 1,
        column: 1,
        severity: Severity::Error,
        code: code.name(),
        message,
        fix: Some(fix.to_owned()),
    }
}

/// The policy files of a folder, sorted by name. Links are followed: Kubernetes' files are links to links.
fn files(folder: &Path) -> io::Result<Vec<(String, Seen)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let shown = name.to_string_lossy().into_owned();
        if is_policy(&shown) {
            let seen = if name.to_str().is_some() { Seen::at(&folder.join(&name)) } else { Seen::Nameless };
            found.push((shown, seen));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// All JSON files but cases, schemas and LoopBack's companions of `model-config.json`.
pub(super) fn is_policy(name: &str) -> bool {
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
