//! Access to sled: loads all records at the start, and writes a group durably.

use std::{
    collections::BTreeSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use super::{disk::Disk, folder, record, watermark::Watermark};
use crate::store::{
    KeyRules, StoreError,
    state::{Row, State},
};

/// An open sled database and its disk.
pub(super) struct Log {
    db: ::sled::Db,
    disk: Box<dyn Disk>,
    mark: Watermark,
}

/// The rows that are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All rows, because reads are answered from memory.
    All,
    /// No users and no tokens: only an import uses the store.
    Few,
}

/// Rows to be written.
pub(super) struct Rows {
    batch: ::sled::Batch,
    count: usize,
}

/// The reason why a group is not durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// sled reports an error.
    #[error("the log cannot be written: {0}")]
    Write(#[from] ::sled::Error),
    /// The system reports an error.
    #[error("the disk cannot be synced: {0}")]
    Sync(#[from] io::Error),
    /// sled panicked on an inconsistency.
    #[error("the log cannot be written: the engine panicked")]
    Panicked,
}

impl Log {
    pub(super) fn new(db: ::sled::Db, disk: Box<dyn Disk>, mark: Watermark) -> Self {
        Self { db, disk, mark }
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Writes the rows of a commit atomically, and returns when they are durable.
    ///
    /// `flush_async` must not be used: it deadlocks with several callers (docs/decisions.md section 5).
    ///
    /// # Errors
    /// [`LogError`]; the content of the disk is unknown then.
    pub(super) fn write(&mut self, rows: Rows, commit: u64) -> Result<(), LogError> {
        catch_unwind(AssertUnwindSafe(|| self.write_through(rows, commit))).unwrap_or(Err(LogError::Panicked))
    }

    fn write_through(&mut self, Rows { batch: rows, count }: Rows, commit: u64) -> Result<(), LogError> {
        // The order matters: files of large values before the log that refers to them, the log before the watermark.
        self.db.apply_batch(rows)?;
        self.collect_garbage(count)?;
        self.disk.sync_blobs()?;
        self.db.flush()?;
        self.disk.sync_log()?;
        Ok(self.mark.advance(commit)?)
    }

    /// sled frees a few dead pages every 128 operations, and counts a batch as one although it leaves one dead page for
    /// each row. The additional reads keep the file from growing (1.8 GB → 0.2 GB for a million rows).
    fn collect_garbage(&self, rows: usize) -> Result<(), ::sled::Error> {
        for _ in 0..rows {
            self.db.get(NO_KEY)?;
        }
        Ok(())
    }

    /// Reads a row from the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be read.
    pub(super) fn read(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        let key = row.key();
        let failed = |detail: String| StoreError::Engine(format!("a row cannot be read: {detail}"));
        let value = self.db.get(&key).map_err(|error| failed(error.to_string()))?;
        let payload = value.map(|value| record::unseal(&key, &value).map(<[u8]>::to_vec));
        payload.transpose().map_err(|detail| failed(detail.to_owned()))
    }

    /// Closes sled. All acknowledged data is durable already; only the watermark is synced.
    pub(super) fn close(self) {
        if let Err(error) = self.mark.sync() {
            tracing::warn!(%error, "the mark of the store could not be synced");
        }
    }

    /// Leaks sled and leaves its files as they are. Closing would write to a disk that has just failed, and panic if
    /// that fails again.
    pub(super) fn abandon(self) {
        std::mem::forget(self.db);
    }
}

/// Opens sled in `path`, and loads and verifies all records. At least the commit `acknowledged` must be among them.
///
/// # Errors
/// As [`crate::store::open`].
pub(super) fn load(
    path: &Path,
    keep: Keep,
    keys: KeyRules,
    acknowledged: u64,
) -> Result<(::sled::Db, State), StoreError> {
    folder::remove_bad_snapshots(path)?;
    // sled asserts what it reads, so damage shows up as a panic or as an error.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let db = open(path)?;
        let state = read_all(&db, path, keep, keys)?;
        Ok((db, state))
    }));
    let (db, state) = loaded.unwrap_or_else(|_| Err(damaged(path, "its log cannot be read".to_owned())))?;
    // sled silently drops the log after the first damage, which would bring revoked sessions back.
    if state.commits() < acknowledged {
        let found = state.commits();
        let detail = format!("its log ends with commit {found}, but {acknowledged} was acknowledged");
        return Err(damaged(path, detail));
    }
    Ok((db, state))
}

/// The records of the given rows, with the counters.
///
/// # Errors
/// [`StoreError`] when a row cannot be serialized.
pub(super) fn batch(state: &State, rows: &BTreeSet<Row>) -> Result<Rows, StoreError> {
    let mut batch = ::sled::Batch::default();
    for row in rows.iter().chain([&Row::Meta]) {
        let key = row.key();
        match state.payload(row)? {
            Some(payload) => batch.insert(&*key, record::seal(&key, &payload)),
            None => batch.remove(&*key),
        }
    }
    Ok(Rows { batch, count: rows.len() })
}

pub(super) fn open(path: &Path) -> Result<::sled::Db, StoreError> {
    // sled does not flush by itself: the committer decides when a group is durable.
    let config = ::sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let mut tries = 0;
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            // This process has locked the folder, so it is a previous instance in it whose threads have not released
            // sled's lock yet.
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
            // All other errors come from the content of the files.
            Err(error) => return Err(damaged(path, error.to_string())),
        }
    }
}

fn read_all(db: &::sled::Db, path: &Path, keep: Keep, keys: KeyRules) -> Result<State, StoreError> {
    let mut state = match keep {
        Keep::All => State::new(keys),
        Keep::Few => State::for_import(keys),
    };
    for entry in db.iter() {
        let (key, value) = entry.map_err(|error| damaged(path, error.to_string()))?;
        let invalid_row = |detail: &str| damaged(path, format!("record `{}`: {detail}", name(&key)));
        let payload = record::unseal(&key, &value).map_err(invalid_row)?;
        let row = Row::parse(&key).ok_or_else(|| invalid_row("no row has such a name"))?;
        let loaded = match keep {
            Keep::All => state.load(row, payload),
            Keep::Few => state.load_for_import(&row, payload),
        };
        loaded.map_err(|_| invalid_row("it is not what a row looks like"))?;
    }
    // sled may lose a record without an error; the persisted count reveals it.
    match state.missing_rows() {
        0 => Ok(state),
        rows => Err(damaged(path, format!("{rows} records are missing or too many"))),
    }
}

/// The name of a record for messages, without control characters that a terminal would interpret.
fn name(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

fn damaged(path: &Path, detail: String) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail }
}

fn is_lock(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// sled's cache in bytes. Once the store is open, only writes use it.
const CACHE_BYTES: u64 = 16 << 20;

/// The key of no row.
const NO_KEY: &[u8] = b"";

// Two seconds in total.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
