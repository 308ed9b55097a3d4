//! Binds listeners: one for each core on the same port, or one Unix socket that all cores accept from.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener as StdUnixListener,
    },
    path::PathBuf,
    time::Duration,
};

use rustix::fs::{Mode, fchmod};
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::connection::{Peer, Socket};

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP. Port 0 means a free port.
    Tcp(SocketAddr),
    /// A Unix socket. A socket file that no process listens on is replaced.
    Unix(PathBuf),
}

impl Address {
    /// On TCP.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens on it.
    #[error(
        "cannot listen on `{address}`: another process listens there; stop it, or set `{key}` to another address"
    )]
    InUse {
        /// The address.
        address: String,
        /// The setting.
        key: &'static str,
    },
    /// The system refuses it.
    #[error("cannot listen on `{address}`")]
    System {
        /// The address.
        address: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Bound listeners that do not belong to a runtime yet.
#[derive(Debug)]
pub struct Bound {
    /// The address for clients, with the actual port.
    pub address: Address,
    /// One for each core.
    pub listeners: Vec<Raw>,
}

/// What one core accepts from.
#[derive(Debug, Default)]
pub struct Listeners<L> {
    /// Plain HTTP.
    pub http: Option<L>,
    /// HTTP over TLS.
    pub https: Option<L>,
    /// Plain HTTP of proxies that describe requests.
    pub forward_auth: Option<L>,
}

/// A listener that does not belong to a runtime yet.
#[derive(Debug)]
pub enum Raw {
    /// TCP.
    Tcp(StdTcpListener),
    /// Unix.
    Unix(StdUnixListener),
}

/// A listener on a core's runtime.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// The idle time before the kernel probes a client, and between two probes (RFC 9293 section 3.8.4).
const SILENCE: Duration = Duration::from_secs(60);
const PROBE: Duration = Duration::from_secs(15);

/// Binds a listener for each of `cores`, for the setting `key`. `mode`: the permission bits of a Unix socket.
///
/// # Errors
/// [`BindError`].
pub fn bind(key: &'static str, address: &Address, cores: usize, mode: u32) -> Result<Bound, BindError> {
    match address {
        Address::Tcp(wanted) => {
            bind_tcp(*wanted, cores).map_err(|source| name(key, source, wanted.to_string()))
        }
        Address::Unix(path) => bind_unix(path, cores, mode)
            .map_err(|source| name(key, source, format!("unix:{}", path.display()))),
    }
}

fn name(key: &'static str, source: io::Error, address: String) -> BindError {
    if source.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse { address, key }
    } else {
        BindError::System { address, source }
    }
}

fn bind_tcp(wanted: SocketAddr, cores: usize) -> io::Result<Bound> {
    if wanted.port() != 0 {
        // With SO_REUSEPORT a second gate could take half of the connections unnoticed, so the first try is
        // without it (docs/decisions.md section 2).
        drop(tcp(wanted, false)?);
    }
    let first = tcp(wanted, true)?;
    let found = first.local_addr()?;
    let mut listeners = vec![Raw::Tcp(first)];
    for _ in 1..cores {
        listeners.push(Raw::Tcp(tcp(found, true)?));
    }
    Ok(Bound { address: Address::Tcp(found), listeners })
}

fn tcp(address: SocketAddr, shared: bool) -> io::Result<StdTcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Connections inherit it, so that one whose client has vanished does not stay for ever.
    socket.set_tcp_keepalive(&keepalive())?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

pub(super) fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(SILENCE).with_interval(PROBE).with_retries(4)
}

fn bind_unix(path: &PathBuf, cores: usize, mode: u32) -> io::Result<Bound> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if is_socket {
        match std::os::unix::net::UnixStream::connect(path) {
            // Only a socket that accepts is in use; a crash leaves a dead file behind.
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(_) => std::fs::remove_file(path)?,
        }
    }
    let socket = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file gets at most these bits when it is created (unix(7)). The umask may have removed some, so they
    // are set again.
    fchmod(&socket, Mode::from_raw_mode(mode))?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    let first = StdUnixListener::from(socket);
    first.set_nonblocking(true)?;
    let mut listeners = Vec::with_capacity(cores);
    for _ in 1..cores {
        listeners.push(Raw::Unix(first.try_clone()?));
    }
    listeners.push(Raw::Unix(first));
    Ok(Bound { address: Address::Unix(path.clone()), listeners })
}

impl Raw {
    /// Registers the listener with the runtime of the calling thread.
    ///
    /// # Errors
    /// The system's error.
    pub fn start(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(tcp) => Listener::Tcp(TcpListener::from_std(tcp)?),
            Self::Unix(unix) => Listener::Unix(UnixListener::from_std(unix)?),
        })
    }
}

impl Listeners<Raw> {
    /// As [`Raw::start`].
    ///
    /// # Errors
    /// What the system says.
    pub fn start(self) -> io::Result<Listeners<Listener>> {
        let http = self.http.map(Raw::start).transpose()?;
        let https = self.https.map(Raw::start).transpose()?;
        Ok(Listeners { http, https, forward_auth: self.forward_auth.map(Raw::start).transpose()? })
    }
}

impl Listener {
    /// Accepts the next connection.
    ///
    /// # Errors
    /// The system's error. The listener can be used again.
    pub async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, peer) = listener.accept().await?;
                // Otherwise a small answer waits for an acknowledgement. If it fails, that only costs time.
                let _ = tcp.set_nodelay(true);
                Ok((tcp.into(), Peer::Ip(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => {
                let (unix, _) = listener.accept().await?;
                Ok((unix.into(), Peer::Local))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_gets_a_listener_on_the_port_that_was_found() {
        let bound = bind("server.http", &Address::Tcp("127.0.0.1:0".parse().unwrap()), 3, 0o660).unwrap();
        let Address::Tcp(found) = bound.address else { panic!("tcp") };
        assert_ne!(found.port(), 0);
        assert_eq!(bound.listeners.len(), 3);
        let again = bind("server.http", &Address::Tcp(found), 1, 0o660).unwrap_err();
        assert!(matches!(again, BindError::InUse { .. }), "a second gate must not share the port: {again}");
    }

    #[test]
    fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.sock");
        let first = bind("server.http", &Address::Unix(path.clone()), 2, 0o660).unwrap();
        assert_eq!(first.listeners.len(), 2);
        assert!(matches!(
            bind("server.http", &Address::Unix(path.clone()), 1, 0o660),
            Err(BindError::InUse { .. })
        ));
        drop(first);
        assert!(bind("server.http", &Address::Unix(path), 1, 0o660).is_ok());
    }

    #[test]
    fn e8_a_unix_socket_has_the_mode_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o660, 0o600, 0o666, 0o777] {
            let path = folder.path().join(format!("{mode:o}.sock"));
            let _bound = bind("server.http", &Address::Unix(path.clone()), 1, mode).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        assert!(bind("server.http", &Address::Unix(path.clone()), 1, 0o660).is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "data");
    }

    #[test]
    fn d5_a_client_that_vanished_is_asked_for() {
        let listener = tcp("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = socket2::SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENCE);
    }
}
