//! The only thread that writes. It takes the waiting batches as one group, and acknowledges them when the group is
//! durable.
//!
//! sled's `flush` only starts the write (`sync_file_range`): records acknowledged after it were lost in every simulated
//! power cut (docs/decisions.md section 5). So a group is one sled batch, a flush, and an `fdatasync` of sled's file;
//! then it is published and acknowledged. A failed sync poisons the store: the content of the disk is unknown then, and
//! a second sync may succeed although data is lost.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
};

use tokio::sync::oneshot;

use super::{
    disk::Disk,
    disk_space::{DiskSpace, SpaceLeft},
    folder::Lock,
    log::{self, Keep, Log, LogError},
    opened::Opened,
};
use crate::store::{
    Change, CommitError, KeyRules, Outcome, StoreError,
    live::Live,
    state::{Effects, Row},
};

/// A batch and the channel for its answer.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) batch: Vec<Change>,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// The result of [`crate::store::Store::commit`].
pub(super) type Answer = Result<Vec<Outcome>, CommitError>;

/// The state of the thread.
pub(super) struct Committer {
    live: Arc<Live>,
    log: Log,
    disk_space: DiskSpace,
    poisoned: Arc<AtomicBool>,
    /// The last field, so that the lock is released after sled is closed.
    _lock: Lock,
}

/// Batches that become durable together.
#[derive(Default)]
struct Group {
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    touched: BTreeSet<Row>,
    effects: Vec<Effects>,
}

/// The reason why a group cannot be acknowledged.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Rows(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Committer {
    /// Locks the folder, and loads and verifies all records.
    pub(super) fn open(
        path: &Path,
        keys: KeyRules,
        disk: impl FnOnce(&Path) -> io::Result<Box<dyn Disk>>,
        poisoned: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let Opened { state, log, lock } = Opened::open(path, Keep::All, keys, disk)?;
        let live = Arc::new(Live::new(state));
        Ok(Self { live, log, disk_space: DiskSpace::new(path), poisoned, _lock: lock })
    }

    /// The rows and sessions that reads use.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Serves until all senders are dropped.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] when a batch could not be acknowledged.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> Result<(), StoreError> {
        while let Ok(first) = orders.recv() {
            // Whatever has arrived during the last sync becomes the next group, without waiting for more.
            let group: Vec<Order> = std::iter::once(first).chain(orders.try_iter()).take(GROUP).collect();
            self.serve(group);
        }
        if self.poisoned.load(Ordering::Acquire) {
            // Closing sled would write to the disk that has just failed.
            self.log.abandon();
            return Err(StoreError::Poisoned);
        }
        self.log.close();
        Ok(())
    }

    fn serve(&mut self, orders: Vec<Order>) {
        let mut group = Group::default();
        let live = Arc::clone(&self.live);
        // Until the group is published, look-ups of its tokens wait instead of answering from rows that are not
        // durable.
        let guard = live.begin_group();
        let done = self.apply(orders, &mut group).and_then(|()| self.make_durable(&mut group));
        if let Err(failure) = done {
            self.poison(&failure, &mut group);
        }
        drop(guard);
        // A caller that stopped waiting loses nothing: its batch is durable.
        for (reply, answer) in group.answers {
            let _ = reply.send(answer);
        }
    }

    fn apply(&mut self, orders: Vec<Order>, group: &mut Group) -> Result<(), WriteError> {
        let poisoned = self.poisoned.load(Ordering::Acquire);
        // Before each group, because sled accepts no write after one that failed.
        let left = self.disk_space.check(self.log.disk());
        let mut state = self.live.write()?;
        for Order { batch, reply } in orders {
            let applied = if poisoned {
                Err(StoreError::Poisoned.into())
            } else if left.admits(&batch) {
                state.apply(batch)
            } else {
                Err(SpaceLeft::refusal())
            };
            let answer = applied.map(|applied| {
                group.touched.extend(applied.touched);
                group.effects.push(applied.effects);
                applied.outcomes
            });
            group.answers.push((reply, answer));
        }
        if !group.touched.is_empty() {
            // Counted in the group's own rows, so that a start can compare the log with the watermark.
            state.count_commit();
        }
        Ok(self.live.mark_unpublished(&group.effects)?)
    }

    // Durable first, then published, then acknowledged: no client may see a grant that a power cut could take back.
    fn make_durable(&mut self, group: &mut Group) -> Result<(), WriteError> {
        if !group.touched.is_empty() {
            let (rows, commit) = {
                let state = self.live.read()?;
                (log::batch(&state, &group.touched)?, state.commits())
            };
            self.log.write(rows, commit)?;
        }
        let state = self.live.read()?;
        for effects in group.effects.drain(..) {
            self.live.publish(&state, effects)?;
        }
        Ok(self.live.mark_published()?)
    }

    /// Fails the whole group, including rejected batches: a rejection may be based on rows that are not durable.
    fn poison(&self, failure: &WriteError, group: &mut Group) {
        self.poisoned.store(true, Ordering::Release);
        tracing::error!(error = %failure, "the store takes no more writes: one could not be made durable");
        if let Ok(state) = self.live.read() {
            for effects in &group.effects {
                self.live.abandon(&state, effects);
            }
        }
        for (_, answer) in &mut group.answers {
            *answer = Err(StoreError::Poisoned.into());
        }
    }
}

/// Maximum number of batches of a group. A sync costs milliseconds, a batch microseconds.
pub(super) const GROUP: usize = 256;
