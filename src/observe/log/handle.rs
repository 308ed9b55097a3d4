//! The handle of the log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize},
    mpsc::SyncSender,
};

use crate::clock::Clock;

/// The handle of the log. Cheap to clone; its methods do not block, except for [`Log::flush`].
#[derive(Clone)]
pub struct Log {
    pub(super) queue: Arc<Queue>,
}

pub(super) struct Queue {
    pub(super) sender: SyncSender<Message>,
    /// Messages that the thread has not received yet.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) json: bool,
    pub(super) access: bool,
    pub(super) audit: bool,
    pub(super) clock: Clock,
}

pub(super) enum Message {
    Lines(Vec<u8>),
    Flush(SyncSender<()>),
    /// Opens the file again.
    Reopen,
}
