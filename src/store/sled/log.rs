//! sled itself: reading all records at a start, writing a group so that it stays.

use std::{
    collections::BTreeSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use super::{disk::Disk, folder, mark::Mark, record};
use crate::store::{
    KeyRules, StoreError,
    state::{Row, State},
};

/// An open sled, and the disk under it.
pub(super) struct Log {
    db: ::sled::Db,
    disk: Box<dyn Disk>,
    mark: Mark,
}

/// Why a group is not on the disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// sled says so.
    #[error("the log cannot be written: {0}")]
    Write(#[from] ::sled::Error),
    /// The system says so.
    #[error("the disk cannot be synced: {0}")]
    Sync(#[from] io::Error),
    /// sled has found something that it does not believe.
    #[error("the log cannot be written: the engine panicked")]
    Panicked,
}

impl Log {
    pub(super) fn new(db: ::sled::Db, disk: Box<dyn Disk>, mark: Mark) -> Self {
        Self { db, disk, mark }
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Writes the rows of a commit whole or not at all, and comes back when they would survive a power cut.
    ///
    /// `flush_async` is not for us: it deadlocks when several call it.
    ///
    /// # Errors
    /// [`LogError`]; what is on the disk then is unknown.
    pub(super) fn write(&mut self, rows: ::sled::Batch, commit: u64) -> Result<(), LogError> {
        catch_unwind(AssertUnwindSafe(|| self.write_through(rows, commit))).unwrap_or(Err(LogError::Panicked))
    }

    fn write_through(&mut self, rows: ::sled::Batch, commit: u64) -> Result<(), LogError> {
        self.db.apply_batch(rows)?;
        self.disk.sync_blobs()?;
        self.db.flush()?;
        self.disk.sync_log()?;
        Ok(self.mark.advance(commit)?)
    }

    /// Closes sled. All that was acknowledged is durable already; the mark follows as well as it can.
    pub(super) fn close(self) {
        if let Err(error) = self.mark.sync() {
            tracing::warn!(%error, "the mark of the store could not be synced");
        }
    }

    /// Leaves the files as they are: closing sled would write to a disk that has just failed, and panics when
    /// that fails too.
    pub(super) fn abandon(self) {
        std::mem::forget(self.db);
    }
}

/// Opens sled in `path`, and reads and verifies every record, up to commit `acknowledged` at least.
///
/// # Errors
/// As [`crate::store::open`].
pub(super) fn load(
    path: &Path,
    keys: KeyRules,
    acknowledged: u64,
) -> Result<(::sled::Db, State), StoreError> {
    folder::mend_snapshots(path)?;
    // sled asserts what it reads: damage shows as a panic as well as an error.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let db = open(path)?;
        let state = read_all(&db, path, keys)?;
        Ok((db, state))
    }));
    let (db, state) = loaded.unwrap_or_else(|_| Err(damaged(path, "its log cannot be read".to_owned())))?;
    if state.commits() < acknowledged {
        let found = state.commits();
        let detail = format!("its log ends with commit {found}, but {acknowledged} was acknowledged");
        return Err(damaged(path, detail));
    }
    Ok((db, state))
}

/// The records of rows as they stand, with the counters beside them.
///
/// # Errors
/// [`StoreError`] when a row cannot be written down.
pub(super) fn batch(state: &State, rows: &BTreeSet<Row>) -> Result<::sled::Batch, StoreError> {
    let mut batch = ::sled::Batch::default();
    for row in rows.iter().chain([&Row::Meta]) {
        let key = row.key();
        match state.payload(row)? {
            Some(payload) => batch.insert(&*key, record::seal(&key, &payload)),
            None => batch.remove(&*key),
        }
    }
    Ok(batch)
}

pub(super) fn open(path: &Path) -> Result<::sled::Db, StoreError> {
    let config = ::sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let mut tries = 0;
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            // The folder's lock is ours: this is what sled's own threads hold a moment longer than its last owner.
            Err(::sled::Error::Io(error)) if is_lock(&error) && tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            Err(::sled::Error::Io(error)) if is_lock(&error) => {
                return Err(StoreError::Locked { path: path.to_owned(), pid: "?".to_owned() });
            }
            Err(::sled::Error::Io(source)) => {
                return Err(StoreError::Folder { path: path.to_owned(), source });
            }
            Err(::sled::Error::Corruption { .. }) => {
                return Err(damaged(path, "its log cannot be read".to_owned()));
            }
            Err(error) => return Err(StoreError::Engine(error.to_string())),
        }
    }
}

fn read_all(db: &::sled::Db, path: &Path, keys: KeyRules) -> Result<State, StoreError> {
    let mut state = State::new(keys);
    for entry in db.iter() {
        let (key, value) = entry.map_err(|error| damaged(path, error.to_string()))?;
        let told = |detail: &str| damaged(path, format!("record `{}`: {detail}", name(&key)));
        let payload = record::unseal(&key, &value).map_err(told)?;
        let row = Row::parse(&key).ok_or_else(|| told("no row has such a name"))?;
        state.load(row, payload).map_err(|_| told("it is not what a row looks like"))?;
    }
    match state.missing_rows() {
        0 => Ok(state),
        rows => Err(damaged(path, format!("{rows} records are missing or too many"))),
    }
}

/// A record's name for a person: no bytes that a terminal would act on.
fn name(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

fn damaged(path: &Path, detail: String) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail }
}

fn is_lock(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// sled's own cache. Nothing is read from it once the store is open.
const CACHE_BYTES: u64 = 64 << 20;

const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
