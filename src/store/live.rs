//! The rows behind their lock, and the part of them that is published to the request path.
//!
//! INVARIANT: [`Live::publish`] is called for a batch when it is durable, in the order of the batches, and with the
//! state as that batch (or a later durable one) left it. So the request path never acts on a grant that a crash could
//! take back. Reads of accounts may see rows that are not durable yet. That is safe: a write that depends on them is
//! queued behind the unfinished batch, and is not acknowledged before it.
//!
//! A start publishes nothing: a session is created at the first use of its token ([`lazy`]).

mod feed;
mod lazy;
mod published;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{
    ChangeNotice, Counters, OutboxEntry, Session, Sessions, StoreError, Subject,
    state::{Effects, State},
};
use crate::{clock::Clock, identity::UserId, observe::LogThrottle};
use feed::Feed;
use lazy::Pending;
use published::Published;

pub(super) use published::Live;

impl Live {
    /// Takes the rows that were loaded at the start.
    pub(super) fn new(state: State) -> Self {
        let published = Published {
            slots: HashMap::new(),
            feed: Feed::after(state.change_seq()),
            outbox_seq: state.outbox_seq(),
            pending: Pending::default(),
        };
        Self {
            newest: watch::Sender::new(0),
            state: RwLock::new(state),
            published: Mutex::new(published),
            sessions: Sessions::default(),
            group_lock: tokio::sync::RwLock::new(()),
            errors: AtomicU64::new(0),
            events_dropped: LogThrottle::default(),
        }
    }

    /// Locks the rows for reading. A writer that panicked may have left a batch half applied, so nothing is read then.
    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| StoreError::Poisoned)
    }

    /// Locks the rows for writing.
    pub(super) fn write(&self) -> Result<RwLockWriteGuard<'_, State>, StoreError> {
        self.state.write().map_err(|_| StoreError::Poisoned)
    }

    /// The index of live sessions.
    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Makes a durable batch visible to the request path.
    ///
    /// # Errors
    /// [`StoreError`] when a row cannot be read. Revocations of the batch are in force even then.
    pub(super) fn publish(&self, state: &State, effects: Effects) -> Result<(), StoreError> {
        // First, because it cannot fail: a revocation must not depend on the steps below.
        self.end_sessions(&effects);
        // One lock for slots, feed and pending rows: a look-up must not see them at different states.
        let mut published = self.published()?;
        if effects.dropped > 0
            // Throttled: a receiver that is down would cause a line with every event.
            && let Some(more) = self.events_dropped.say(Clock::System.now())
        {
            tracing::error!(events = effects.dropped, more, "the outbox is full: its oldest events are lost");
        }
        published.outbox_seq = state.outbox_seq();
        let newest = effects.notices.last().map(|notice| notice.seq);
        published.feed.extend(effects.notices);
        if let Some(newest) = newest {
            self.newest.send_replace(newest);
        }
        for id in &effects.users {
            self.refresh(state, &mut published, id)?;
        }
        for hash in effects.started {
            let Some(token) = state.token(&hash) else { continue };
            let slot = published.slot(state, &token.user)?;
            self.sessions.insert(Arc::new(Session::new(&token, slot)));
        }
        // A user without tokens needs no slot; otherwise the map would grow with every user who ever logged in.
        for (user, _) in effects.ended {
            if !state.has_tokens(&user) {
                published.slots.remove(&user);
            }
        }
        Ok(())
    }

    /// Rolls back a batch that could not be made durable: revocations stay in force, new sessions are not published.
    pub(super) fn abandon(&self, state: &State, effects: &Effects) {
        self.end_sessions(effects);
        let Ok(mut published) = self.published() else { return };
        published.pending.mark_failed();
        for id in &effects.users {
            let (Some(slot), Ok(subject)) = (published.slots.get(id), state.subject(id)) else { continue };
            // Disabling a user is a revocation. Other changes of the user are not published.
            if subject.disabled {
                slot.store(Arc::new(subject));
            }
        }
    }

    /// The notices after number `after`.
    pub(super) fn changes(&self, after: u64) -> Result<Vec<ChangeNotice>, StoreError> {
        self.published()?.feed.since(after)
    }

    /// Waits for a notice after number `after`.
    pub(super) async fn changed(&self, after: u64) {
        // `wait_for` fails only when the sender is dropped, and `self` owns it.
        let _ = self.newest.subscribe().wait_for(|newest| *newest > after).await;
    }

    /// The oldest durable events.
    pub(super) fn outbox(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let last = self.published()?.outbox_seq;
        Ok(self.read()?.outbox(last, limit))
    }

    /// The oldest durable event of each queue.
    pub(super) fn outbox_heads(&self, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let last = self.published()?.outbox_seq;
        Ok(self.read()?.outbox_heads(after, last, limit))
    }

    /// Numbers for metrics.
    pub(super) fn counters(&self) -> Counters {
        let rows = self.read().map(|state| state.counters()).unwrap_or_default();
        Counters { errors: self.errors.load(Ordering::Relaxed), ..rows }
    }

    /// Counts a failed read or write.
    pub(super) fn count_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    fn published(&self) -> Result<MutexGuard<'_, Published>, StoreError> {
        self.published.lock().map_err(|_| StoreError::Poisoned)
    }

    fn end_sessions(&self, effects: &Effects) {
        for (_, hash) in &effects.ended {
            self.sessions.remove(hash);
        }
    }

    /// Replaces the published data of a user.
    fn refresh(&self, state: &State, published: &mut Published, id: &UserId) -> Result<(), StoreError> {
        let Some(old) = published.slots.get(id).cloned() else { return Ok(()) };
        let subject = Arc::new(state.subject(id)?);
        if old.load().epoch != subject.epoch {
            // The remaining sessions move to a slot of their own before the old slot changes, so that no request finds
            // them revoked.
            let slot = Arc::new(ArcSwap::new(Arc::clone(&subject)));
            for token in state.tokens_of(id) {
                self.sessions.insert(Arc::new(Session::new(&token, Arc::clone(&slot))));
            }
            published.slots.insert(id.clone(), slot);
        }
        old.store(subject);
        Ok(())
    }
}

impl Published {
    fn slot(&mut self, state: &State, user: &UserId) -> Result<Arc<ArcSwap<Subject>>, StoreError> {
        if let Some(slot) = self.slots.get(user) {
            return Ok(Arc::clone(slot));
        }
        let slot = Arc::new(ArcSwap::from_pointee(state.subject(user)?));
        self.slots.insert(user.clone(), Arc::clone(&slot));
        Ok(slot)
    }
}
