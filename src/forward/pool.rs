//! Connections to the app: a list for each core and server, the last used first (docs/decisions.md section 1).

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};

use super::health::Health;
use crate::{connection::Socket, tls::ClientTls};

/// The address of a server.
#[derive(Clone, Debug)]
pub enum Address {
    /// `host:port`, resolved at each connect.
    Tcp(String),
    /// The same over TLS.
    Tls {
        /// `host:port`.
        authority: String,
        /// The name that the server's certificate has to be for.
        name: ServerName<'static>,
        /// How it is verified.
        terms: Arc<ClientTls>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

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
    /// The result of probes, if there are any.
    pub(super) health: Arc<Health>,
    active: Cell<usize>,
    /// The largest number of requests in progress at once since the last sweep, and between that one and the
    /// one before.
    peaks: Cell<(usize, usize)>,
    failed: Cell<Option<Instant>>,
    failures: Cell<u32>,
    idle: RefCell<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    socket: Socket,
    /// The time at which it became idle, in ms of the core's coarse time.
    since: u64,
    keep: u64,
}

/// Idle connections of a core and server that are always kept. More are kept if more requests were in progress
/// at once recently, because they will be needed again (docs/decisions.md section 8).
const KEPT_IDLE: usize = 512;
/// The time that an idle connection is kept if the app names no shorter one.
const KEEP: Duration = Duration::from_secs(30);
/// The time for which a server that refused a connection is skipped if there is another. It doubles with each
/// further failure.
const PASS_OVER: Duration = Duration::from_secs(2);
/// The number of times that it doubles.
const MOST_DOUBLINGS: u32 = 4;

/// A connection with a request that counts as in progress.
pub(super) struct Connected<'s> {
    pub(super) server: &'s Server,
    pub(super) socket: Socket,
    /// Whether the connection was idle before, so that the app may have closed it.
    pub(super) reused: bool,
    pub(super) active: Active<'s>,
}

/// Whether an idle connection may be reused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// An idle connection if there is one.
    Idle,
    /// Only a new connection.
    Fresh,
}

impl Address {
    /// The name in logs.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(authority) | Self::Tls { authority, .. } => authority.clone(),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
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
                seed: name.bytes().fold(0, |seed, byte| mix(seed ^ u64::from(byte))),
                name,
                health: Arc::clone(health),
                active: Cell::new(0),
                peaks: Cell::new((0, 0)),
                failed: Cell::new(None),
                failures: Cell::new(0),
                idle: RefCell::default(),
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

    /// The server for a request of a client; `None` if there are no servers.
    #[must_use]
    pub fn choose(&self, client: IpAddr) -> Option<&Server> {
        // Also if it is down: there is no other.
        if let [only] = &*self.servers {
            return Some(only);
        }
        if self.balance == Balance::Hash {
            // Rendezvous hashing: each client ranks the servers differently, so that adding or removing a
            // server moves only the clients who rank it first. The clients of a server that is down spread over
            // the others.
            let rank = |server: &&Server| (server.is_up(), mix(server.seed ^ client_key(client)));
            return self.servers.iter().max_by_key(rank);
        }
        // Servers with equally many requests take turns.
        let turn = self.turn.replace(self.turn.get().wrapping_add(1)) % self.servers.len().max(1);
        let in_turn = || self.servers.iter().cycle().skip(turn).take(self.servers.len());
        in_turn().filter(|s| s.is_up()).min_by_key(|s| s.active.get()).or_else(|| in_turn().next())
    }

    /// Closes connections that have been idle for too long, and those that were not needed since the last
    /// sweep.
    pub fn sweep(&self, now: u64) {
        self.servers.iter().for_each(|server| server.sweep(now));
    }

    /// Whether there are no idle connections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.idle.borrow().is_empty())
    }

    /// Closes all idle connections.
    pub fn clear(&self) {
        for server in &self.servers {
            server.idle.borrow_mut().clear();
        }
    }
}

impl Server {
    /// The connection that was used last and is still open.
    pub fn take(&self, now: u64) -> Option<Socket> {
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            // A connection that the app has closed is useless. One that it has sent more bytes on is dangerous:
            // they would become the next client's answer.
            if now.saturating_sub(idle.since) < idle.keep && idle.socket.is_quiet() {
                return Some(idle.socket);
            }
        }
    }

    /// Returns a connection after an exchange that ended cleanly. `keep`: how long the app keeps it.
    pub fn give(&self, socket: Socket, keep: Option<Duration>, now: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.most_idle() {
            // The shorter of both: an app must not make the gate keep connections for hours.
            let keep = u64::try_from(keep.unwrap_or(KEEP).min(KEEP).as_millis()).unwrap_or(0);
            idle.push(Idle { socket, since: now, keep });
        }
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// The error of the system.
    pub async fn connect(&self) -> io::Result<Socket> {
        let connected = match &self.address {
            Address::Tcp(authority) => connect_tcp(authority).await,
            Address::Tls { authority, name, terms } => Box::pin(connect_tls(authority, name, terms)).await,
            Address::Unix(path) => UnixStream::connect(path).await.map(Socket::from),
        };
        match &connected {
            Ok(_) => {
                self.failed.set(None);
                self.failures.set(0);
                self.health.connected(true);
            }
            Err(_) => self.refused(),
        }
        connected
    }

    /// Records a failed connect. Other servers are preferred for a while.
    pub fn refused(&self) {
        self.failed.set(Some(Instant::now()));
        self.failures.set(self.failures.get().saturating_add(1));
        self.health.connected(false);
    }

    /// The `Host` of the server: its name in `servers` without the default port.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.address {
            Address::Tcp(authority) => authority.strip_suffix(":80").unwrap_or(authority),
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
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| now.saturating_sub(idle.since) < idle.keep);
        // Connections at the front have been idle longest.
        let surplus = idle.len().saturating_sub(self.most_idle());
        idle.drain(..surplus);
        self.peaks.set((self.active.get(), self.peaks.get().0));
    }

    fn is_up(&self) -> bool {
        let doublings = self.failures.get().saturating_sub(1).min(MOST_DOUBLINGS);
        self.health.is_up() && self.failed.get().is_none_or(|at| at.elapsed() > PASS_OVER * (1 << doublings))
    }
}

async fn connect_tcp(authority: &str) -> io::Result<Socket> {
    let tcp = TcpStream::connect(authority).await?;
    // Otherwise a small body waits for an acknowledgement. If it fails, that only costs time.
    let _ = tcp.set_nodelay(true);
    Ok(Socket::from(tcp))
}

async fn connect_tls(authority: &str, name: &ServerName<'static>, terms: &ClientTls) -> io::Result<Socket> {
    let mut socket =
        connect_tcp(authority).await?.with_tls(terms.connection(name).map_err(io::Error::other)?);
    poll_fn(|cx| socket.poll_handshake(cx)).await?;
    Ok(socket)
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

    fn clients() -> impl Iterator<Item = IpAddr> {
        (0..4000_u32).map(|number| IpAddr::from((0x0a00_0000 + number * 7).to_be_bytes()))
    }

    fn homes(pool: &Pool) -> Vec<String> {
        clients().map(|client| pool.choose(client).unwrap().name.clone()).collect()
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
        pool.server(0).unwrap().failed.set(None);
        assert_eq!(homes(&pool), before);
    }

    #[test]
    fn e3_an_ipv6_client_stays_when_its_interface_part_changes() {
        let pool = pool(&["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1"], Balance::Hash);
        let home = |text: &str| pool.choose(text.parse().unwrap()).unwrap().name.clone();
        let first = home("2001:db8:0:1::1");
        assert!((2..50).all(|n| home(&format!("2001:db8:0:1::{n:x}")) == first));
        assert!((2..50).any(|n| home(&format!("2001:db8:0:{n:x}::1")) != first));
        assert_eq!(home("::ffff:10.0.0.1"), home("10.0.0.1"));
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
    fn e2_a_server_that_keeps_refusing_is_passed_over_for_longer_each_time() {
        let pool = pool(&["a:1", "b:1"], Balance::LeastConnections);
        let server = pool.server(0).unwrap();
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        for (failures, down, up) in [(1, 1, 3), (2, 3, 5), (3, 7, 9), (60, 31, 33)] {
            server.failures.set(failures);
            server.failed.set(ago(down));
            assert!(!server.is_up(), "{failures} failures, {down} s ago");
            server.failed.set(ago(up));
            assert!(server.is_up(), "{failures} failures, {up} s ago");
        }
    }
}
