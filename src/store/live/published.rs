//! The rows, their lock, and the published part.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, RwLock, atomic::AtomicU64},
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{feed::Feed, lazy::Pending};
use crate::{
    identity::UserId,
    observe::LogThrottle,
    store::{Sessions, Subject, state::State},
};

/// The rows and sessions that both engines answer from.
#[derive(Debug)]
pub(in crate::store) struct Live {
    pub(super) state: RwLock<State>,
    pub(super) published: Mutex<Published>,
    pub(super) sessions: Sessions,
    /// The number of the newest notice since the start, for waiters.
    pub(super) newest: watch::Sender<u64>,
    /// Held by an engine between the application and the publication of a group.
    pub(super) group_lock: tokio::sync::RwLock<()>,
    pub(super) errors: AtomicU64,
    /// Log throttle for events that were dropped from a full outbox.
    pub(super) events_dropped: LogThrottle,
}

#[derive(Debug)]
pub(super) struct Published {
    /// One slot for every user with a token. The sessions of a user share it.
    pub(super) slots: HashMap<UserId, Arc<ArcSwap<Subject>>>,
    pub(super) feed: Feed,
    /// Events up to this number are durable.
    pub(super) outbox_seq: u64,
    pub(super) pending: Pending,
}
