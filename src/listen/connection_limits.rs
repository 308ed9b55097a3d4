//! Limits of open connections: for all clients, and for each client; and eviction.
//!
//! At the limit, the connection that has been idle longest is closed: between two requests, or before its first
//! byte. Each core knows only its own connections, so the core with the most idle ones evicts. A request never
//! reads another core's state.

mod core_connections;

use std::{
    net::IpAddr,
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
    /// Whether the log has all of them.
    pub(super) fn is_told(&self) -> bool {
        self.full.load(Ordering::Relaxed) == 0 && self.per_client.load(Ordering::Relaxed) == 0
    }

    /// As [`Refused::tell`], but for all cores together at most once in this time.
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

    /// Logs the number of connections since the last time.
    pub(super) fn tell(&self, bounds: &Bounds) {
        let count = self.full.swap(0, Ordering::Relaxed);
        if count > 0 {
            let max = bounds.all;
            tracing::warn!(
                count,
                max,
                "connections were closed, or streams refused: `server.max_connections` are busy"
            );
        }
        let count = self.per_client.swap(0, Ordering::Relaxed);
        if count > 0 {
            let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (max, last) = (bounds.most_per_client, client.map(tracing::field::display));
            tracing::warn!(
                count,
                max,
                client = last,
                "connections were closed, or streams refused: their client has `server.max_connections_per_client` already"
            );
        }
    }
}

impl Bounds {
    /// Counts a connection of a client; `None` if the client has too many. A client of a Unix socket has no
    /// address.
    fn enter(&self, peer: Peer) -> Option<Option<Connection>> {
        let Peer::Ip(ip) = peer else { return Some(None) };
        if self.is_trusted(ip) {
            return Some(None);
        }
        self.per_client.enter(ip).map(Some)
    }

    /// Whether this is a proxy, which brings the connections of many clients.
    pub(super) fn is_trusted(&self, ip: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&ip))
    }
}

impl CoreConnections {
    /// Idle connections that other cores have not claimed yet.
    fn free(&self) -> usize {
        self.resting.load(Ordering::Relaxed).saturating_sub(self.wanted.load(Ordering::Relaxed))
    }

    fn has_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed) > 0
    }

    /// Only this core writes, so no atomic addition is needed.
    fn count(&self, by: isize) {
        let resting = self.resting.load(Ordering::Relaxed);
        self.resting.store(resting.wrapping_add_signed(by), Ordering::Relaxed);
    }
}

impl Shared {
    fn has_room(&self) -> bool {
        // Counted before it is known whether there is room; `free_place` undoes it.
        self.open.fetch_add(1, Ordering::Relaxed) < self.settings.bounds.all
    }

    pub(super) fn free_place(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// Counts a new connection, or a further stream of one, which may use a connection to the app as well. `None` if there is
    /// no room.
    pub(super) fn enter(&self, peer: Peer) -> Option<Option<Connection>> {
        let place = self.place(peer);
        if place.is_none() {
            // The ticker logs it, also on a core without connections.
            self.deadlines.wake_ticker();
        }
        place
    }

    /// The place of a client that a proxy has announced, among the connections of that client; `None` if it has too
    /// many.
    pub(super) fn enter_announced(&self, peer: Peer) -> Option<Option<Connection>> {
        let place = self.shared.settings.bounds.enter(peer);
        if place.is_none() {
            let refused = &self.shared.refused;
            refused.per_client.fetch_add(1, Ordering::Relaxed);
            *refused.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer.ip());
        }
        place
    }

    fn place(&self, peer: Peer) -> Option<Option<Connection>> {
        let refused = &self.shared.refused;
        let place = self.enter_announced(peer)?;
        if self.shared.has_room() || self.make_room() {
            return Some(place);
        }
        self.shared.free_place();
        refused.full.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Evicts one connection, of this core or another. `false` if all connections have requests in progress.
    pub(super) fn make_room(&self) -> bool {
        let mine = self.of_core().map_or(0, CoreConnections::free);
        match self.shared.per_core.iter().max_by_key(|of_core| of_core.free()) {
            // The core with the most idle connections most likely has the one that has been idle longest.
            Some(other) if other.free() > mine => {
                other.wanted.fetch_add(1, Ordering::Relaxed);
                other.wake.notify_one();
                true
            }
            _ => self.evict(),
        }
    }

    /// Evicts as many connections as other cores have claimed.
    pub(super) fn give_up(&self) {
        let Some(of_core) = self.of_core() else { return };
        let wanted = of_core.wanted.swap(0, Ordering::Relaxed);
        let given = (0..wanted).take_while(|_| self.evict()).count();
        // The others are evicted as soon as connections are idle.
        if given < wanted {
            of_core.wanted.fetch_add(wanted - given, Ordering::Relaxed);
        }
    }

    fn evict(&self) -> bool {
        let evicted = self.of_core().is_some_and(CoreConnections::has_resting) && self.deadlines.evict();
        if evicted {
            // Its place counts as free from now on, although its task has not ended yet.
            self.shared.free_place();
            self.count(-1);
        }
        evicted
    }

    /// Marks a connection as idle.
    pub(super) fn rest(&self, deadline: &Deadline, after: Duration) {
        deadline.rest(after);
        self.count(1);
    }

    /// It goes on with its rest, and has no longer for it.
    pub(super) fn rest_on(&self, deadline: &Deadline) {
        deadline.rest_on();
        self.count(1);
    }

    /// Ends the idle time. `false` if the connection has been evicted.
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
