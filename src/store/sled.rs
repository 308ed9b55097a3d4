//! The embedded engine: rows in memory, made durable in a sled folder by one thread.
//!
//! sled's `flush` alone loses acknowledged records in a power cut; see [`committer`]. Reads never touch the disk.

mod committer;
mod disk;
mod disk_space;
mod folder;
mod loader;
mod log;
mod opened;
mod pre_open_backup;
mod record;
mod watermark;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use async_trait::async_trait;
use tokio::sync::oneshot;

pub use self::loader::Loader;
use self::{
    committer::{Committer, Order},
    disk::{Disk, Folder},
};
use super::{
    Change, CommitError, KeyRules, Outcome, Store, StoreError,
    live::Live,
    resident::{Resident, Writer},
};

/// The handle of the committer thread.
#[derive(Debug)]
struct Sled {
    /// The sender of batches; `None` once the store is closed.
    orders: Mutex<Option<SyncSender<Order>>>,
    /// The result of the final flush, taken by the first `close`.
    closed: Mutex<Option<oneshot::Receiver<Result<(), StoreError>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    poisoned: Arc<AtomicBool>,
}

/// Opens the store in `folder`, or creates one.
///
/// # Errors
/// As [`super::open`].
pub(super) async fn open(folder: &Path, keys: KeyRules) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(open_on(folder, keys, |folder| Ok(Box::new(Folder::new(folder)?))).await?))
}

/// As [`open`], on the disk that the caller provides.
async fn open_on(
    folder: &Path,
    keys: KeyRules,
    disk: impl FnOnce(&Path) -> std::io::Result<Box<dyn Disk>> + Send + 'static,
) -> Result<Resident<Sled>, StoreError> {
    let (sender, orders) = sync_channel(QUEUE);
    let (opened, opening) = oneshot::channel();
    let (final_result, closed) = oneshot::channel();
    let poisoned = Arc::new(AtomicBool::new(false));
    let (path, poison) = (folder.to_owned(), Arc::clone(&poisoned));
    let work = move || match Committer::open(&path, keys, disk, poison) {
        Ok(committer) => {
            // The receiver is dropped when the caller gave up; then there is nothing to serve.
            if opened.send(Ok(committer.live())).is_ok() {
                let _ = final_result.send(committer.run(&orders));
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    };
    // A thread of its own, because a sync blocks for milliseconds and must not stall a runtime.
    let thread = Builder::new()
        .name("store".to_owned())
        .spawn(work)
        .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
    let live =
        opening.await.map_err(|_| StoreError::Engine("the store's thread ended early".to_owned()))??;
    let engine = Sled {
        orders: Mutex::new(Some(sender)),
        closed: Mutex::new(Some(closed)),
        thread: Mutex::new(Some(thread)),
        poisoned,
    };
    Ok(Resident::new(live, engine))
}

#[async_trait]
impl Writer for Sled {
    async fn commit(&self, _live: &Live, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Order { batch, reply })?;
        // The committer ended without an answer, so it is unknown whether the batch is durable.
        answer.await.map_err(|_| StoreError::Poisoned)?
    }

    async fn health(&self) -> Result<(), StoreError> {
        if held(&self.orders).is_none() {
            return Err(StoreError::Closed);
        }
        let gone = held(&self.thread).as_ref().is_none_or(JoinHandle::is_finished);
        if gone || self.poisoned.load(Ordering::Acquire) { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Dropping the sender ends the committer's loop after the queued batches.
        drop(held(&self.orders).take());
        let closed = held(&self.closed).take();
        match closed {
            Some(closed) => closed.await.map_err(|_| StoreError::Poisoned)?,
            None => Ok(()),
        }
    }
}

impl Sled {
    fn send(&self, order: Order) -> Result<(), CommitError> {
        let orders = held(&self.orders);
        let Some(sender) = orders.as_ref() else { return Err(StoreError::Closed.into()) };
        sender.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Busy,
            TrySendError::Disconnected(_) => StoreError::Poisoned.into(),
        })
    }
}

/// A store that is dropped without `close` must release its folder, too.
impl Drop for Sled {
    fn drop(&mut self) {
        drop(held(&self.orders).take());
        if let Some(thread) = held(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// Nothing panics between two assignments under these locks, so a poisoned one is consistent.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Batches that may wait. With a sync of 2 ms and groups of [`committer::GROUP`], that is less than a second.
const QUEUE: usize = 1024;

#[cfg(test)]
mod tests;
