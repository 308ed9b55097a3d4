//! One connection of HTTP/2 to a server of the app.

use std::{cell::Cell, net::IpAddr, rc::Rc};

use bytes::Bytes;
use h2::client::SendRequest;

/// Streams of a connection at once. A further one opens another connection.
pub(super) const MOST_STREAMS: usize = 100;

/// What a connection may be used for.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct Use {
    /// The core's coarse time, in ms.
    pub(in crate::forward) now: u64,
    /// The only client that it is for; `None` = all.
    pub(in crate::forward) client: Option<IpAddr>,
    /// The age from which a connection gets no more requests, in ms; `None` = none.
    pub(in crate::forward) longest: Option<u64>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    requests: SendRequest<Bytes>,
    active: Cell<usize>,
    /// Whether it has ended, or is to have no more requests.
    is_closed: Cell<bool>,
    opened_at: u64,
    client: Option<IpAddr>,
    /// Since when it has no requests, as sweeps have found it; in ms of the core's coarse time.
    idle_since: Cell<Option<u64>>,
}

/// Counts a request as in progress until it is dropped.
#[derive(Debug)]
pub(super) struct Active(pub(super) Rc<Link>);

impl Link {
    pub(super) fn new(requests: SendRequest<Bytes>, now: u64, client: Option<IpAddr>) -> Rc<Self> {
        Rc::new(Self {
            requests,
            active: Cell::new(0),
            is_closed: Cell::new(false),
            opened_at: now,
            client,
            idle_since: Cell::new(None),
        })
    }

    pub(super) fn requests(&self) -> SendRequest<Bytes> {
        self.requests.clone()
    }

    /// Whether it may have a request more.
    pub(super) fn takes(&self, wanted: Use) -> bool {
        let most = self.requests.current_max_send_streams().min(MOST_STREAMS);
        let is_old =
            wanted.longest.is_some_and(|longest| wanted.now.saturating_sub(self.opened_at) > longest);
        !self.is_closed.get() && !is_old && self.client == wanted.client && self.active.get() < most
    }

    /// It gets no more requests.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.active.get() == 0
    }

    /// The time that it had no requests, in ms; `None` = it has some.
    pub(super) fn idle_for(&self, now: u64) -> Option<u64> {
        if !self.is_idle() {
            return None;
        }
        let since = self.idle_since.get().unwrap_or(now);
        self.idle_since.set(Some(since));
        Some(now.saturating_sub(since))
    }
}

impl Active {
    pub(super) fn new(link: Rc<Link>) -> Self {
        link.active.set(link.active.get() + 1);
        link.idle_since.set(None);
        Self(link)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
    }
}
