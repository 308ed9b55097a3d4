//! Who may have a connection: the bound for all, the bound for one client, and who makes room for whom.
//!
//! When all places are taken, the connection that has rested longest gives its own up: between two requests, or
//! without a byte so far. A core knows the order of its own connections only, so the core with the most that rest has
//! to give one up; a request never looks at another core.

mod core_connections;

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Server, Shared};
use crate::{
    connection::{Deadline, Peer},
    limit::Connection,
};

pub use core_connections::Bounds;
pub(super) use core_connections::{CoreConnections, Refused};

impl Refused {
    /// Whether the log knows of all of them.
    pub(super) fn is_told(&self) -> bool {
        self.full.load(Ordering::Relaxed) == 0 && self.per_client.load(Ordering::Relaxed) == 0
    }

    /// As [`Refused::tell`], for all cores together at most once in this time.
    pub(super) fn tell_every(&self, period: Duration, bounds: &Bounds) {
        if self.is_told() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= period) {
            *told = Some(Instant::now());
            drop(told);
            self.tell(bounds);
        }
    }

    /// Tells how many there were since the last time.
    pub(super) fn tell(&self, bounds: &Bounds) {
        let count = self.full.swap(0, Ordering::Relaxed);
        if count > 0 {
            let max = bounds.all;
            tracing::warn!(count, max, "connections were closed: `server.max_connections` are busy");
        }
        let count = self.per_client.swap(0, Ordering::Relaxed);
        if count > 0 {
            let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (max, last) = (bounds.most_per_client, client.map(tracing::field::display));
            tracing::warn!(
                count,
                max,
                client = last,
                "connections were closed: their client has `server.max_connections_per_client` already"
            );
        }
    }
}

impl Bounds {
    /// A place among those of its client; `None` when that has too many. A client of a Unix socket has no address.
    fn enter(&self, peer: Peer) -> Option<Option<Connection>> {
        let Peer::Ip(ip) = peer else { return Some(None) };
        if self.trusted_proxies.iter().any(|net| net.contains(&ip)) {
            return Some(None);
        }
        self.per_client.enter(ip).map(Some)
    }
}

impl CoreConnections {
    /// How many could still give their places up.
    fn free(&self) -> usize {
        self.resting.load(Ordering::Relaxed).saturating_sub(self.wanted.load(Ordering::Relaxed))
    }

    fn has_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed) > 0
    }

    /// One writer needs no locked addition.
    fn count(&self, by: isize) {
        let resting = self.resting.load(Ordering::Relaxed);
        self.resting.store(resting.wrapping_add_signed(by), Ordering::Relaxed);
    }
}

impl Shared {
    fn has_room(&self) -> bool {
        self.open.fetch_add(1, Ordering::Relaxed) < self.settings.bounds.all
    }

    pub(super) fn free_place(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// A place for a new connection; `None` when there is none.
    pub(super) fn enter(&self, peer: Peer) -> Option<Option<Connection>> {
        let place = self.place(peer);
        if place.is_none() {
            // A core without connections tells of it, too.
            self.deadlines.wake_ticker();
        }
        place
    }

    fn place(&self, peer: Peer) -> Option<Option<Connection>> {
        let refused = &self.shared.refused;
        let Some(place) = self.shared.settings.bounds.enter(peer) else {
            refused.per_client.fetch_add(1, Ordering::Relaxed);
            *refused.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer.ip());
            return None;
        };
        if self.shared.has_room() || self.make_room() {
            return Some(place);
        }
        self.shared.free_place();
        refused.full.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Has one place given up; `false` when every connection works.
    pub(super) fn make_room(&self) -> bool {
        let mine = self.of_core().map_or(0, CoreConnections::free);
        match self.shared.per_core.iter().max_by_key(|of_core| of_core.free()) {
            Some(other) if other.free() > mine => {
                other.wanted.fetch_add(1, Ordering::Relaxed);
                other.wake.notify_one();
                true
            }
            _ => self.evict(),
        }
    }

    /// Gives up the places that other cores want.
    pub(super) fn give_up(&self) {
        let Some(of_core) = self.of_core() else { return };
        let wanted = of_core.wanted.swap(0, Ordering::Relaxed);
        let given = (0..wanted).take_while(|_| self.evict()).count();
        // The rest when there is something to give.
        if given < wanted {
            of_core.wanted.fetch_add(wanted - given, Ordering::Relaxed);
        }
    }

    fn evict(&self) -> bool {
        let evicted = self.of_core().is_some_and(CoreConnections::has_resting) && self.deadlines.evict();
        if evicted {
            // Its place is free from now on, whenever its task comes to its end.
            self.shared.free_place();
            self.count(-1);
        }
        evicted
    }

    /// A connection begins to rest.
    pub(super) fn rest(&self, deadline: &Deadline, after: Duration) {
        deadline.rest(after);
        self.count(1);
    }

    /// Its rest is over; `false` when it has to go.
    pub(super) fn end_rest(&self, deadline: &Deadline) -> bool {
        let stays = deadline.end_rest();
        if stays {
            self.count(-1);
        }
        stays
    }

    fn count(&self, by: isize) {
        if let Some(of_core) = self.of_core() {
            of_core.count(by);
        }
    }

    pub(super) fn of_core(&self) -> Option<&CoreConnections> {
        self.shared.per_core.get(self.index)
    }
}
