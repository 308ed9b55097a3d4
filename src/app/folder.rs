//! Reads and watches the policies folder.
//!
//! The kernel reports that something may have changed ([`super::file_watcher`]). What has changed is found by comparing
//! the metadata of all files. After a notification they are checked twice a second until they are stable, and
//! occasionally without one: changes on NFS and many FUSE mounts cause no notifications.

mod overlooked;
mod state;

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

pub use overlooked::passed_over;

use super::PolicyError;
use crate::policy::{Code, Finding, Severity, Source};
use state::FileState;

/// The interval of checks until the folder is stable.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// The interval of checks without a notification.
pub(super) const SLOW_POLL: Duration = Duration::from_secs(5);

/// How long a folder must be unchanged before it is read, so that an editor that writes and renames a file, or a copy
/// of several files, can finish. An intermediate state may be valid and not intended: the routes of a missing file
/// would be unmatched.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// For this long after a change, files are compared by content, because a second change may have the same mtime (FAT: 2
/// s resolution).
const MTIME_RESOLUTION: Duration = Duration::from_secs(3);

/// Maximum size of a policy file in bytes. Larger ones are reported and not read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Maximum number and total size of policies.
const MAX_FILES: usize = 100_000;
const MAX_TOTAL_BYTES: u64 = 256 * 1024 * 1024;

/// The fix for a file without read permission.
const RIGHTS: &str = "let the gate's user read it";

/// Attempts to read a folder that changes meanwhile, and the pause between them.
const TRIES: (u32, Duration) = (20, Duration::from_millis(50));

/// A folder and its last known state.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The metadata of its files.
    state: FolderState,
    /// The digest of its content when it was last read.
    last_digest: Option<[u8; 32]>,
    /// The time of the last change of the metadata.
    since: Instant,
    /// Whether the last change was longer than [`MTIME_RESOLUTION`] ago, so that the metadata alone reveals the next
    /// one.
    settled: bool,
}

/// The content of a folder.
pub(super) struct Content {
    pub(super) read: Result<Vec<Source>, PolicyError>,
    /// `None` = it kept changing.
    pub(super) seen: Option<Seen>,
}

/// The state of a folder when it was read.
pub(super) struct Seen {
    state: FolderState,
    digest: [u8; 32],
}

/// A watched file.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    seen: FileState,
    since: Instant,
    /// Whether it has changed and is not stable yet.
    changed: bool,
}

/// The metadata of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FolderState {
    Files(Vec<(String, FileState)>),
    Unreadable(io::ErrorKind),
}

impl Folder {
    /// A folder of unknown state.
    pub(super) fn new(path: PathBuf) -> Self {
        let state = FolderState::Files(Vec::new());
        Self { path, state, last_digest: None, since: Instant::now(), settled: false }
    }

    /// Reads the folder and remembers its state. If it changes meanwhile, it is read again.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, when there are no policies, or when the folder keeps changing.
    pub(super) fn read(&mut self) -> Result<Vec<Source>, PolicyError> {
        let Content { read, seen } = self.peek();
        self.remember(seen);
        read
    }

    /// The same without remembering the state: until then [`Self::poll`] returns the content, if it is new.
    pub(super) fn peek(&self) -> Content {
        let (tries, pause) = TRIES;
        for _ in 0..tries {
            let state = FolderState::at(&self.path);
            let read = read(&self.path);
            // The metadata is compared before and after: files that changed during the read could be mixed states.
            if state == FolderState::at(&self.path) {
                let seen = Some(Seen { state, digest: digest(&read) });
                return Content { read, seen };
            }
            std::thread::sleep(pause);
        }
        Content { read: Err(PolicyError::KeepsChanging { path: self.path.clone() }), seen: None }
    }

    /// Remembers the state of [`Self::peek`]: the content has been judged.
    pub(super) fn remember(&mut self, seen: Option<Seen>) {
        if let Some(Seen { state, digest }) = seen {
            self.notice(state, Instant::now());
            self.last_digest = Some(digest);
        }
    }

    /// Returns the new content once, when it has changed and the folder is stable.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Result<Vec<Source>, PolicyError>> {
        let state = FolderState::at(&self.path);
        if state != self.state {
            self.notice(state, now);
            return None;
        }
        let unchanged_for = now.saturating_duration_since(self.since);
        if self.settled || unchanged_for < SETTLE_TIME {
            return None;
        }
        let read = read(&self.path);
        let after = FolderState::at(&self.path);
        if after != self.state {
            self.notice(after, now);
            return None;
        }
        self.settled = unchanged_for > MTIME_RESOLUTION;
        let digest = digest(&read);
        // A set that was refused is not tried again and logged until its content changes.
        if self.last_digest == Some(digest) {
            return None;
        }
        self.last_digest = Some(digest);
        Some(read)
    }

    /// Has the next [`Self::poll`] return the content, although it has been read: it was not taken up.
    pub(super) fn forget(&mut self) {
        (self.last_digest, self.settled) = (None, false);
    }

    /// Whether the next change will be visible in the metadata.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The path of the folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn notice(&mut self, state: FolderState, now: Instant) {
        self.state = state;
        self.since = now;
        self.settled = false;
    }
}

impl Watched {
    /// Watches a file from now on.
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = FileState::at(&path);
        Self { path, seen, since: Instant::now(), changed: false }
    }

    /// Whether the file has changed and is stable again.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let seen = FileState::at(&self.path);
        if seen != self.seen {
            // Each change restarts the wait, so that a file is not read while it is being written.
            (self.seen, self.since, self.changed) = (seen, now, true);
            return false;
        }
        let is_due = self.changed && now.saturating_duration_since(self.since) >= SETTLE_TIME;
        self.changed &= !is_due;
        is_due
    }

    /// Whether the file has not changed since the last reload.
    pub(super) fn is_settled(&self) -> bool {
        !self.changed
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl FolderState {
    fn at(folder: &Path) -> Self {
        files(folder).map_or_else(|error| Self::Unreadable(error.kind()), Self::Files)
    }
}

/// Reads every policy file of a folder in the order of names (docs/interface.md, "Policy files").
///
/// # Errors
/// When the folder or a file cannot be read, or there are no policies.
pub fn read(folder: &Path) -> Result<Vec<Source>, PolicyError> {
    let (sources, findings) = read_all(folder)?;
    if findings.is_empty() { Ok(sources) } else { Err(PolicyError::ConfigErrors(findings)) }
}

/// As [`read`], but returns the readable files together with the errors of the others.
///
/// # Errors
/// When the folder cannot be read, or contains no policies.
pub fn read_all(folder: &Path) -> Result<(Vec<Source>, Vec<Finding>), PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: folder.to_owned(), source };
    let entries = files(folder).map_err(unreadable)?;
    if entries.is_empty() {
        return Err(PolicyError::Empty { path: folder.to_owned() });
    }
    // The sizes are summed before any file is read, so that a mistaken folder cannot exhaust the memory.
    let size = |(_, seen): &(String, FileState)| if let FileState::File(stat) = seen { stat.size } else { 0 };
    if entries.len() > MAX_FILES || entries.iter().map(size).sum::<u64>() > MAX_TOTAL_BYTES {
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

/// Reads a file, without the byte order mark that some editors write.
///
/// # Errors
/// The error with its place.
pub fn read_file(folder: &Path, name: &str) -> Result<String, Finding> {
    read_seen(folder, name, &FileState::at(&folder.join(name)))
}

fn read_seen(folder: &Path, name: &str, seen: &FileState) -> Result<String, Finding> {
    let unreadable = |message: String, fix: &str| finding(name, Code::Unreadable, message, fix);
    let size = match seen {
        FileState::File(stat) => stat.size,
        FileState::Folder => return Err(unreadable("this is a folder, not a file".into(), "rename it")),
        FileState::SpecialFile => return Err(unreadable("this is not a plain file".into(), "remove it")),
        FileState::DanglingLink => {
            return Err(unreadable("this link leads nowhere".into(), "remove or repair it"));
        }
        FileState::NonUtf8Name => return Err(unreadable("the file's name is not UTF-8".into(), "rename it")),
        FileState::Unreadable(kind) => {
            return Err(unreadable(format!("the file cannot be read: {kind}"), RIGHTS));
        }
    };
    let too_large = || {
        let message = format!("the file has {size} bytes, and a policy file has at most 1 MiB");
        finding(name, Code::TooLarge, message, "split it into several")
    };
    if size > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // `take`, because the file may grow after its size was checked.
    let read = fs::File::open(folder.join(name))
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => return Err(unreadable(format!("the file cannot be read: {}", error.kind()), RIGHTS)),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => return Err(too_large()),
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

/// An error about a file as a whole, placed at its beginning.
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

/// The policy files of a folder in the order of names. Symlinks are followed: a volume of Kubernetes consists of them.
fn files(folder: &Path) -> io::Result<Vec<(String, FileState)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        // A name that is not UTF-8 is reported rather than ignored: its rules would silently be missing.
        let shown = name.to_string_lossy().into_owned();
        if is_policy(&shown) {
            let seen = if name.to_str().is_some() {
                FileState::at(&folder.join(&name))
            } else {
                FileState::NonUtf8Name
            };
            found.push((shown, seen));
        }
    }
    // The order of `read_dir` depends on the file system. The digest and the findings must not.
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// All JSON files except cases, schemas and LoopBack's environment variants of `model-config.json`.
pub(super) fn is_policy(name: &str) -> bool {
    let other = [".cases.json", ".schema.json"].iter().any(|end| name.ends_with(end));
    let companion = name.starts_with("model-config.") && name != "model-config.json";
    name.ends_with(".json") && !name.starts_with('.') && !other && !companion
}

fn digest(read: &Result<Vec<Source>, PolicyError>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        // With the length, a move of text from one file to the next changes the digest.
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
        // An error has a digest, too, so that it is logged once and not at each poll.
        Err(error) => add(&error.to_string()),
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
