//! Connections to the app: a list for each core and server, the last used first (docs/decisions.md section 1).

mod availability;
mod connect;
mod streams;

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use super::{address::Address, health::Health, http2::Links};
use crate::{
    connection::Socket,
    observe::metrics::{CoreGauges, ServerGauges},
    wire::HeadLimits,
};
use availability::{Availability, FULL_SHARE, share_after};

/// The choice between several servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests in progress.
    LeastConnections,
    /// By the client's address, so that a client stays with its server.
    Hash,
}

/// The servers of the app with their idle connections, for one core.
#[derive(Debug)]
pub struct Pool {
    servers: Box<[Server]>,
    balance: Balance,
    turn: Cell<usize>,
}

/// A server of the app.
#[derive(Debug)]
pub struct Server {
    /// Its address.
    pub address: Address,
    /// Its name in logs.
    pub name: String,
    /// The hash of its name.
    seed: u64,
    /// Whether its address is a name, which may get other addresses.
    is_named: bool,
    is_http2: bool,
    /// The result of probes, if there are any.
    pub(super) health: Arc<Health>,
    active: Cell<usize>,
    /// The largest number of requests in progress at once since the last sweep, and between that one and the
    /// one before.
    peaks: Cell<(usize, usize)>,
    availability: Availability,
    /// Counts connects, so that the addresses of a name take turns.
    connects: Cell<usize>,
    idle: RefCell<Vec<Idle>>,
    /// Its connections if it speaks HTTP/2.
    links: Links,
}

#[derive(Debug)]
struct Idle {
    socket: Socket,
    terms: Terms,
    /// The time at which it became idle, in ms of the core's coarse time.
    since: u64,
    keep: u64,
}

/// What a pooled connection may be used for.
#[derive(Debug)]
pub struct Terms {
    /// The time at which it was opened, in ms of the core's coarse time.
    pub opened_at: u64,
    /// The only client that it is for; `None` = it was opened for all. In a box, because it is rare and terms are moved
    /// with each request.
    pub client: Option<Box<IpAddr>>,
}

/// Idle connections of a core and server that are always kept. More are kept if more requests were in progress
/// at once recently, because they will be needed again (docs/decisions.md section 8).
const KEPT_IDLE: usize = 512;
/// The time that an idle connection is kept if the app names no shorter one.
const KEEP: Duration = Duration::from_secs(30);
/// The time for which a connection to a name is used, in ms. Without it, connections that are never idle would keep to an
/// address that the name no longer has.
const NAME_LIFE: u64 = 60_000;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: Socket,
    /// What it may be used for.
    pub terms: Terms,
}

/// A connection with a request that counts as in progress.
pub(super) struct Connected<'s> {
    pub(super) server: &'s Server,
    pub(super) connection: Connection,
    /// Whether the connection was idle before, so that the app may have closed it.
    pub(super) reused: bool,
    pub(super) active: Active<'s>,
}

/// How a connection is looked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Attempt<'s> {
    pub(super) reuse: Reuse,
    /// The server that has just failed.
    pub(super) avoid: Option<&'s Server>,
    /// Whether it is the second one, after a connection that was reused.
    pub(super) is_second: bool,
    /// The server that was chosen last.
    pub(super) chosen: Option<&'s Server>,
}

/// Whether an idle connection may be reused.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reuse {
    /// An idle connection if there is one.
    #[default]
    Idle,
    /// Only a new connection.
    Fresh,
}

impl Attempt<'_> {
    /// Has the next one use a new connection, if it is not one of HTTP/2.
    pub(super) fn repeat(&mut self) {
        (self.reuse, self.is_second) = (Reuse::Fresh, true);
    }
}

impl Pool {
    /// A pool without connections. `health` has one entry for each server.
    #[must_use]
    pub fn new(servers: &[(Address, Arc<Health>)], balance: Balance) -> Self {
        let server = |(address, health): &(Address, Arc<Health>)| {
            let name = address.name();
            Server {
                address: address.clone(),
                is_named: address.is_named(),
                is_http2: address.is_http2(),
                seed: name.bytes().fold(0, |seed, byte| mix(seed ^ u64::from(byte))),
                name,
                health: Arc::clone(health),
                active: Cell::new(0),
                peaks: Cell::new((0, 0)),
                availability: Availability::default(),
                connects: Cell::new(0),
                idle: RefCell::default(),
                links: Links::new(address.scheme()),
            }
        };
        Self { servers: servers.iter().map(server).collect(), balance, turn: Cell::new(0) }
    }

    /// A server by its index.
    pub(super) fn server(&self, at: usize) -> Option<&Server> {
        self.servers.get(at)
    }

    /// The number of servers.
    #[must_use]
    pub(super) fn size(&self) -> usize {
        self.servers.len()
    }

    /// The server for a request of a client; `None` if there are no servers. `avoid` has just failed: another one is
    /// chosen if there is one.
    #[must_use]
    pub fn choose(&self, client: IpAddr, avoid: Option<&Server>) -> Option<&Server> {
        // Also if it is down: there is no other.
        if let [only] = &*self.servers {
            return Some(only);
        }
        if self.balance == Balance::Hash {
            // Rendezvous hashing: each client ranks the servers differently, so that adding or removing a
            // server moves only the clients who rank it first. The clients of a server that is down spread over
            // the others.
            let key = client_key(client);
            let rank = |server: &&Server| (server.preference(mix(key), avoid), mix(server.seed ^ key));
            return self.servers.iter().max_by_key(rank);
        }
        // Servers with equally many requests take turns.
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let share_hash = mix(turn as u64);
        let first = turn % self.servers.len().max(1);
        let in_turn = self.servers.iter().cycle().skip(first).take(self.servers.len());
        in_turn.min_by_key(|server| (Reverse(server.preference(share_hash, avoid)), server.active.get()))
    }

    /// Closes connections that have been idle for too long, and those that were not needed since the last
    /// sweep.
    pub fn sweep(&self, now: u64) {
        self.servers.iter().for_each(|server| server.sweep(now));
    }

    /// Whether there are no idle connections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.idle.borrow().is_empty() && server.links.is_empty())
    }

    /// Adds the figures of the servers.
    pub(super) fn add_gauges(&self, app: Option<&str>, gauges: &mut CoreGauges) {
        gauges.servers.extend(self.servers.iter().map(|server| ServerGauges {
            app: app.map(Into::into),
            server: server.name.clone(),
            in_progress: server.active.get() as u64,
            idle: (server.idle.borrow().len() + server.links.idle()) as u64,
        }));
    }

    /// Closes all idle connections.
    pub fn clear(&self) {
        for server in &self.servers {
            server.idle.borrow_mut().clear();
            server.links.clear();
        }
    }
}

impl Server {
    /// The connection that was used last, is still open, and may be used for `client`; see [`Terms`].
    pub fn take(&self, now: u64, client: Option<IpAddr>) -> Option<Connection> {
        loop {
            let mut idle = {
                let mut list = self.idle.borrow_mut();
                let is_for = |idle: &Idle| idle.terms.client.as_deref() == client.as_ref();
                // The last one, unless connections are for one client each.
                if list.last().is_some_and(is_for) {
                    list.pop()?
                } else {
                    let at = list.iter().rposition(is_for)?;
                    list.remove(at)
                }
            };
            // A connection that the app has closed is useless. One that it has sent more bytes on is dangerous:
            // they would become the next client's answer.
            if now.saturating_sub(idle.since) < idle.keep && idle.socket.is_quiet() {
                return Some(Connection { socket: idle.socket, terms: idle.terms });
            }
        }
    }

    /// Returns a connection after an exchange that ended cleanly. `keep`: how long the app keeps it.
    pub fn give(&self, connection: Connection, keep: Option<Duration>, now: u64) {
        let Connection { socket, terms } = connection;
        let mut idle = self.idle.borrow_mut();
        let is_old = self.is_named && now.saturating_sub(terms.opened_at) > NAME_LIFE;
        if idle.len() < self.most_idle() && !is_old {
            // The shorter of both: an app must not make the gate keep connections for hours.
            let keep = u64::try_from(keep.unwrap_or(KEEP).min(KEEP).as_millis()).unwrap_or(0);
            idle.push(Idle { socket, terms, since: now, keep });
        }
    }

    /// Opens a new connection, on which `first` is sent before anything else. `limits`: those of the heads of answers.
    ///
    /// # Errors
    /// The error of the system.
    pub(super) async fn connect(
        &self,
        first: &[u8],
        terms: &Terms,
        limits: &HeadLimits,
    ) -> io::Result<Socket> {
        let connecting = connect::connect(&self.address, first, &self.connects);
        let connected = if self.is_http2() {
            Box::pin(self.links.stream_or(self.usage(terms), limits, connecting)).await
        } else {
            connecting.await
        };
        match &connected {
            Ok(_) => {
                self.availability.connected();
                self.health.connected(true);
            }
            Err(_) => self.refused(),
        }
        connected
    }

    /// Records a failed connect. Other servers are preferred for a while.
    pub fn refused(&self) {
        self.availability.refused();
        self.health.connected(false);
    }

    /// Records an answer, of any status.
    pub fn answered(&self) {
        self.availability.answered();
    }

    /// Records a request that the server received and did not answer.
    pub fn unanswered(&self) {
        if self.availability.unanswered() {
            self.health.connected(false);
        }
    }

    /// The `Host` of the server: its name in `servers` without the default port.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.address {
            Address::Tcp(authority) | Address::Http2(authority) => {
                authority.strip_suffix(":80").unwrap_or(authority)
            }
            Address::Tls { authority, .. } => authority.strip_suffix(":443").unwrap_or(authority),
            Address::Unix(_) => "localhost",
        }
    }

    /// Counts a request as in progress until the guard is dropped.
    pub fn enter(&self) -> Active<'_> {
        let active = self.active.get() + 1;
        self.active.set(active);
        let (peak, before) = self.peaks.get();
        if active > peak {
            self.peaks.set((active, before));
        }
        Active(self)
    }

    /// The number of idle connections to keep.
    fn most_idle(&self) -> usize {
        let (peak, before) = self.peaks.get();
        peak.max(before).max(KEPT_IDLE)
    }

    fn sweep(&self, now: u64) {
        self.links.sweep(now);
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| now.saturating_sub(idle.since) < idle.keep);
        // Connections at the front have been idle longest.
        let surplus = idle.len().saturating_sub(self.most_idle());
        idle.drain(..surplus);
        self.peaks.set((self.active.get(), self.peaks.get().0));
    }

    /// Ranks this server for a request. `share_hash` decides whether the request is in the share of a server that has come
    /// back.
    fn preference(&self, share_hash: u64, avoid: Option<&Self>) -> Preference {
        if avoid.is_some_and(|avoid| std::ptr::eq(self, avoid)) {
            return Preference::HasFailed;
        }
        if !self.health.is_up() || self.availability.is_down(self.health.is_probed()) {
            return Preference::Down;
        }
        let share = self.availability.share().min(self.health.since_up().map_or(FULL_SHARE, share_after));
        if share_hash % FULL_SHARE < share { Preference::Up } else { Preference::SlowStart }
    }
}

/// The rank of a server for a request. The order of the variants counts: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Preference {
    /// It has just failed for this request.
    HasFailed,
    Down,
    /// It has come back and has its share.
    SlowStart,
    Up,
}

/// The part of an address that identifies a client: of IPv6 the /64, because a client can change the rest at
/// will.
fn client_key(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

/// The finalizer of splitmix64. Each bit of the input changes about half of the output's bits.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A request in progress at a server.
#[derive(Debug)]
pub struct Active<'s>(&'s Server);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(names: &[&str], balance: Balance) -> Pool {
        let servers: Vec<_> =
            names.iter().map(|name| (Address::Tcp((*name).to_owned()), Arc::default())).collect();
        Pool::new(&servers, balance)
    }

    fn connection(client: Option<IpAddr>) -> Connection {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        // Open for as long as the tests run.
        std::mem::forget(theirs);
        let socket = Socket::from(tokio::net::UnixStream::from_std(ours).unwrap());
        Connection { socket, terms: Terms { opened_at: 0, client: client.map(Box::new) } }
    }

    fn clients() -> impl Iterator<Item = IpAddr> {
        (0..4000_u32).map(|number| IpAddr::from((0x0a00_0000 + number * 7).to_be_bytes()))
    }

    fn homes(pool: &Pool) -> Vec<String> {
        clients().map(|client| pool.choose(client, None).unwrap().name.clone()).collect()
    }

    #[test]
    fn e3_every_server_gets_its_share_and_one_more_moves_few() {
        let four = homes(&pool(&["a:1", "b:1", "c:1", "d:1"], Balance::Hash));
        for name in ["a:1", "b:1", "c:1", "d:1"] {
            let share = four.iter().filter(|home| *home == name).count();
            assert!((800..1200).contains(&share), "{name} has {share} of 4000");
        }
        assert_eq!(
            four,
            homes(&pool(&["d:1", "b:1", "a:1", "c:1"], Balance::Hash)),
            "their order is no matter"
        );
        let five = homes(&pool(&["a:1", "b:1", "c:1", "d:1", "e:1"], Balance::Hash));
        let moved: Vec<_> = four.iter().zip(&five).filter(|(old, new)| old != new).collect();
        assert!(moved.iter().all(|(_, new)| *new == "e:1"), "only to the new one");
        assert!((600..1000).contains(&moved.len()), "{} of 4000 moved", moved.len());
    }

    #[test]
    fn e3_the_clients_of_a_server_that_is_down_spread_over_the_others_and_come_back() {
        let pool = pool(&["a:1", "b:1", "c:1"], Balance::Hash);
        let before = homes(&pool);
        pool.server(0).unwrap().refused();
        let without = homes(&pool);
        for (old, new) in before.iter().zip(&without) {
            assert!(old == new || old == "a:1", "{old} -> {new}");
        }
        assert!(without.iter().all(|home| home != "a:1"));
        assert!(["b:1", "c:1"].iter().all(|name| {
            let gained =
                before.iter().zip(&without).filter(|(old, new)| *old == "a:1" && new == name).count();
            gained > 400
        }));
        let back = pool.server(0).unwrap();
        back.availability.connected();
        let home = |homes: &[String]| homes.iter().filter(|home| *home == "a:1").count();
        let (all, first) = (home(&before), home(&homes(&pool)));
        assert!((all / 20..all / 5).contains(&first), "{first} of {all} at first");
        back.availability.came_back(availability::SLOW_START);
        assert_eq!(homes(&pool), before);
    }

    #[test]
    fn e3_an_ipv6_client_stays_when_its_interface_part_changes() {
        let pool = pool(&["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1"], Balance::Hash);
        let home = |text: &str| pool.choose(text.parse().unwrap(), None).unwrap().name.clone();
        let first = home("2001:db8:0:1::1");
        assert!((2..50).all(|n| home(&format!("2001:db8:0:1::{n:x}")) == first));
        assert!((2..50).any(|n| home(&format!("2001:db8:0:{n:x}::1")) != first));
        assert_eq!(home("::ffff:10.0.0.1"), home("10.0.0.1"));
    }

    #[test]
    fn the_server_with_the_fewest_requests_gets_the_next_one() {
        let pool = pool(&["a:1", "b:1", "c:1"], Balance::LeastConnections);
        let enter = |at: usize| pool.server(at).unwrap().enter();
        let next = || {
            let client = IpAddr::from([10, 0, 0, 1]);
            let names = (0..6).map(|_| pool.choose(client, None).unwrap().name.as_str());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(next(), ["a:1", "b:1", "c:1"].into(), "equal ones take turns");
        let first = [0, 0, 0, 1, 2, 2].map(enter);
        assert_eq!(next(), ["b:1"].into());
        let second = [1, 1].map(enter);
        assert_eq!(next(), ["c:1"].into());
        drop(first);
        assert_eq!(next(), ["a:1", "c:1"].into(), "requests that have ended do not count");
        drop(second);
        assert_eq!(next(), ["a:1", "b:1", "c:1"].into());
    }

    #[test]
    fn as_many_idle_connections_are_kept_as_requests_were_under_way() {
        let pool = pool(&["a:1"], Balance::LeastConnections);
        let server = pool.server(0).unwrap();
        assert_eq!(server.most_idle(), KEPT_IDLE);
        let under_way: Vec<_> = (0..KEPT_IDLE + 100).map(|_| server.enter()).collect();
        drop(under_way);
        assert_eq!(server.most_idle(), KEPT_IDLE + 100, "they come back now");
        pool.sweep(0);
        assert_eq!(server.most_idle(), KEPT_IDLE + 100, "the rest of them may come later");
        pool.sweep(0);
        assert_eq!(server.most_idle(), KEPT_IDLE);
    }

    #[test]
    fn a_server_that_has_just_failed_is_the_last_choice() {
        for balance in [Balance::LeastConnections, Balance::Hash] {
            let pool = pool(&["a:1", "b:1"], balance);
            let client = IpAddr::from([10, 0, 0, 1]);
            let first = pool.choose(client, None).unwrap();
            for _ in 0..9 {
                assert_ne!(pool.choose(client, Some(first)).unwrap().name, first.name, "{balance:?}");
            }
            pool.servers.iter().filter(|server| server.name != first.name).for_each(Server::refused);
            assert_ne!(
                pool.choose(client, Some(first)).unwrap().name,
                first.name,
                "{balance:?}: it may be up again"
            );
        }
    }

    #[test]
    fn a_server_that_came_back_gets_a_tenth_and_then_all_of_its_share() {
        let pool = pool(&["a:1", "b:1"], Balance::LeastConnections);
        let back = pool.server(0).unwrap();
        let share = || {
            (0..1000)
                .filter(|_| pool.choose(IpAddr::from([10, 0, 0, 1]), None).unwrap().name == "a:1")
                .count()
        };
        back.refused();
        assert_eq!(share(), 0);
        back.availability.connected();
        let first = share();
        assert!((20..90).contains(&first), "{first} of 1000 at first");
        back.availability.came_back(availability::SLOW_START);
        assert_eq!(share(), 500);
    }

    #[tokio::test]
    async fn connections_to_a_name_are_not_used_for_ever() {
        for (address, life, kept) in [
            ("app.internal:80", NAME_LIFE, 1),
            ("app.internal:80", NAME_LIFE + 1, 0),
            ("10.0.0.1:80", NAME_LIFE * 100, 1),
            ("[::1]:80", NAME_LIFE * 100, 1),
        ] {
            let pool = pool(&[address], Balance::LeastConnections);
            let server = pool.server(0).unwrap();
            server.give(connection(None), None, life);
            assert_eq!(server.idle.borrow().len(), kept, "{address}, {life} ms old");
        }
    }

    #[tokio::test]
    async fn a_connection_that_names_a_client_is_for_no_other() {
        let pool = pool(&["10.0.0.1:80"], Balance::LeastConnections);
        let server = pool.server(0).unwrap();
        let [ann, bob] = [1, 2].map(|last| Some(IpAddr::from([10, 0, 0, last])));
        for client in [None, ann, bob] {
            server.give(connection(client), None, 0);
        }
        assert_eq!(server.take(0, ann).map(|taken| taken.terms.client), Some(ann.map(Box::new)));
        assert!(server.take(0, ann).is_none());
        assert_eq!(server.take(0, None).map(|taken| taken.terms.client), Some(None));
        assert_eq!(server.idle.borrow().len(), 1);
    }
}
