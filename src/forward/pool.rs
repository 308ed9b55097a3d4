//! Connections to the app: one list a core and server, the latest used first (DESIGN.md section 1).

use std::{
    cell::{Cell, RefCell},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::net::{TcpStream, UnixStream};

use super::Socket;

/// Where the app listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host:port`, resolved at each connect.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// How a server is chosen among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests under way.
    LeastConnections,
    /// By the client's address, so that a client stays with its server.
    Hash,
}

/// The servers of the app and their idle connections, of one core.
#[derive(Debug)]
pub struct Pool {
    servers: Box<[Server]>,
    balance: Balance,
    turn: Cell<usize>,
}

/// One server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: Address,
    /// As logs name it.
    pub name: String,
    active: Cell<usize>,
    failed: Cell<Option<Instant>>,
    idle: RefCell<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    socket: Socket,
    /// The core's coarse time, in ms.
    since: u64,
    keep: u64,
}

/// More idle connections than this a core and server are closed: more than a busy core ever uses.
const MOST_IDLE: usize = 512;
/// An idle connection is kept this long, where the app does not say how long it keeps it.
const KEEP: Duration = Duration::from_secs(30);
/// A server that refused a connection is passed over for this long, if there is another.
const PASS_OVER: Duration = Duration::from_secs(2);

impl Pool {
    /// No connections yet.
    #[must_use]
    pub fn new(servers: &[Address], balance: Balance) -> Self {
        let server = |address: &Address| Server {
            address: address.clone(),
            name: match address {
                Address::Tcp(authority) => authority.clone(),
                Address::Unix(path) => format!("unix:{}", path.display()),
            },
            active: Cell::new(0),
            failed: Cell::new(None),
            idle: RefCell::default(),
        };
        Self { servers: servers.iter().map(server).collect(), balance, turn: Cell::new(0) }
    }

    /// The server for a request of this client; `None` when there is no server at all.
    #[must_use]
    pub fn choose(&self, client: IpAddr) -> Option<&Server> {
        if let [only] = &*self.servers {
            return Some(only);
        }
        if self.balance == Balance::Hash {
            let mut hasher = DefaultHasher::new();
            client.hash(&mut hasher);
            let at = usize::try_from(hasher.finish() % (self.servers.len().max(1) as u64)).unwrap_or(0);
            return self
                .servers
                .iter()
                .cycle()
                .skip(at)
                .take(self.servers.len())
                .find(|s| s.is_up())
                .or(self.servers.get(at));
        }
        let turn = self.turn.replace(self.turn.get().wrapping_add(1)) % self.servers.len().max(1);
        let in_turn = || self.servers.iter().cycle().skip(turn).take(self.servers.len());
        in_turn().filter(|s| s.is_up()).min_by_key(|s| s.active.get()).or_else(|| in_turn().next())
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self, now: u64) {
        for server in &self.servers {
            server.idle.borrow_mut().retain(|idle| now.saturating_sub(idle.since) < idle.keep);
        }
    }

    /// Closes every idle connection.
    pub fn clear(&self) {
        for server in &self.servers {
            server.idle.borrow_mut().clear();
        }
    }
}

impl Server {
    /// The connection that was used last and is still there, if there is one.
    pub fn take(&self, now: u64) -> Option<Socket> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            // A connection that the app has closed, or has sent more on, is of no use however short it rested: what
            // it sent would be the next client's answer. This asks the runtime, which asks the system only when
            // something has come.
            if now.saturating_sub(idle.since) < idle.keep && idle.socket.is_quiet() {
                return Some(idle.socket);
            }
        }
    }

    /// Takes a connection back whose last exchange ended cleanly. `keep`: how long the app says it keeps it.
    pub fn give(&self, socket: Socket, keep: Option<Duration>, now: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            let keep = u64::try_from(keep.unwrap_or(KEEP).min(KEEP).as_millis()).unwrap_or(0);
            idle.push(Idle { socket, since: now, keep });
        }
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// What the system says.
    pub async fn connect(&self) -> io::Result<Socket> {
        let connected = match &self.address {
            Address::Tcp(authority) => TcpStream::connect(authority.as_str()).await.map(|tcp| {
                // Without it a small body waits for an acknowledgement; a failure only costs time.
                let _ = tcp.set_nodelay(true);
                Socket::Tcp(tcp)
            }),
            Address::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        };
        self.failed.set(connected.is_err().then(Instant::now));
        connected
    }

    /// Counts a request under way until the guard is dropped.
    pub fn enter(&self) -> Active<'_> {
        self.active.set(self.active.get() + 1);
        Active(self)
    }

    fn is_up(&self) -> bool {
        self.failed.get().is_none_or(|at| at.elapsed() > PASS_OVER)
    }
}

/// A request that this server is working on.
#[derive(Debug)]
pub struct Active<'s>(&'s Server);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get().saturating_sub(1));
    }
}
