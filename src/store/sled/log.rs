//! sled itself: reading all records at a start, writing a group so that it stays.

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

/// An open sled, and the disk under it.
pub(super) struct Log {
    db: ::sled::Db,
    disk: Box<dyn Disk>,
    mark: Watermark,
}

/// What of the rows is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Everything: reads are answered from there.
    All,
    /// No users and no tokens: an import alone uses the store.
    Few,
}

/// Rows on their way to the disk.
pub(super) struct Rows {
    batch: ::sled::Batch,
    count: usize,
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
    pub(super) fn new(db: ::sled::Db, disk: Box<dyn Disk>, mark: Watermark) -> Self {
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
    pub(super) fn write(&mut self, rows: Rows, commit: u64) -> Result<(), LogError> {
        catch_unwind(AssertUnwindSafe(|| self.write_through(rows, commit))).unwrap_or(Err(LogError::Panicked))
    }

    fn write_through(&mut self, Rows { batch: rows, count }: Rows, commit: u64) -> Result<(), LogError> {
        self.db.apply_batch(rows)?;
        self.collect_garbage(count)?;
        self.disk.sync_blobs()?;
        self.db.flush()?;
        self.disk.sync_log()?;
        Ok(self.mark.advance(commit)?)
    }

    /// A batch leaves a dead page for every row, and counts as one step of what frees them: a few at every
    /// 128th. Without more steps a million rows leave gigabytes behind (1.8 GB measured; 0.2 GB with these).
    fn collect_garbage(&self, rows: usize) -> Result<(), ::sled::Error> {
        for _ in 0..rows {
            self.db.get(NO_KEY)?;
        }
        Ok(())
    }

    /// A row as it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub(super) fn read(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        let key = row.key();
        let failed = |detail: String| StoreError::Engine(format!("a row cannot be read: {detail}"));
        let value = self.db.get(&key).map_err(|error| failed(error.to_string()))?;
        let payload = value.map(|value| record::unseal(&key, &value).map(<[u8]>::to_vec));
        payload.transpose().map_err(|detail| failed(detail.to_owned()))
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
    keep: Keep,
    keys: KeyRules,
    acknowledged: u64,
) -> Result<(::sled::Db, State), StoreError> {
    folder::remove_bad_snapshots(path)?;
    // sled asserts what it reads: damage shows as a panic as well as an error.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let db = open(path)?;
        let state = read_all(&db, path, keep, keys)?;
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
            // Whatever else it stumbles over stands in its files.
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
        let told = |detail: &str| damaged(path, format!("record `{}`: {detail}", name(&key)));
        let payload = record::unseal(&key, &value).map_err(told)?;
        let row = Row::parse(&key).ok_or_else(|| told("no row has such a name"))?;
        let loaded = match keep {
            Keep::All => state.load(row, payload),
            Keep::Few => state.load_for_import(&row, payload),
        };
        loaded.map_err(|_| told("it is not what a row looks like"))?;
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

/// sled's own cache: only writes go through it once the store is open.
const CACHE_BYTES: u64 = 16 << 20;

/// No row has an empty key.
const NO_KEY: &[u8] = b"";

const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
