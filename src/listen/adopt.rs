//! Listeners on sockets that a service manager has opened. All cores accept from the same one.

use std::{
    io, net::TcpListener as StdTcpListener, os::fd::OwnedFd, os::unix::net::UnixListener as StdUnixListener,
};

use socket2::{SockAddr, Socket as RawSocket, Type};

use super::bind::{Address, Bound, Raw, keepalive};

/// Why a socket of the service manager is no listener.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It is something else.
    #[error(
        "the socket `{0}` of the service manager takes no connections; write `ListenStream=` and `Accept=no`"
    )]
    NoListener(&'static str),
    /// TLS and the admin listener have ports.
    #[error("the socket `{0}` of the service manager has no port; write a port into its `ListenStream=`")]
    NoPort(&'static str),
    /// The system's error.
    #[error("the socket `{name}` of the service manager cannot be used")]
    System {
        /// The name of the socket.
        name: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// A listener for each of `cores` on a socket called `name`.
///
/// # Errors
/// [`AdoptError`].
pub fn adopt(name: &'static str, socket: OwnedFd, cores: usize) -> Result<Bound, AdoptError> {
    let socket = RawSocket::from(socket);
    let is_listener =
        socket.r#type().is_ok_and(|kind| kind == Type::STREAM) && socket.is_listener().unwrap_or(false);
    if !is_listener {
        return Err(AdoptError::NoListener(name));
    }
    adopted(socket, cores).map_err(|source| AdoptError::System { name, source })
}

/// The same for a listener that needs a port.
///
/// # Errors
/// [`AdoptError`].
pub fn adopt_tcp(name: &'static str, socket: OwnedFd, cores: usize) -> Result<Bound, AdoptError> {
    let bound = adopt(name, socket, cores)?;
    bound.address.tcp().map(|_| ()).ok_or(AdoptError::NoPort(name))?;
    Ok(bound)
}

fn adopted(socket: RawSocket, cores: usize) -> io::Result<Bound> {
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let (address, raw): (_, fn(RawSocket) -> Raw) = match address.as_socket() {
        Some(tcp) => {
            socket.set_tcp_keepalive(&keepalive())?;
            (Address::Tcp(tcp), |socket| Raw::Tcp(StdTcpListener::from(socket)))
        }
        None => (Address::Unix(unix_path(&address)), |socket| Raw::Unix(StdUnixListener::from(socket))),
    };
    let others: io::Result<Vec<_>> = (1..cores).map(|_| socket.try_clone().map(raw)).collect();
    let listeners = others?.into_iter().chain([raw(socket)]).collect();
    Ok(Bound { address, listeners })
}

/// The path of a Unix socket; `@` and the name of one without a file.
fn unix_path(address: &SockAddr) -> std::path::PathBuf {
    let named = || address.as_abstract_namespace().map(|name| format!("@{}", String::from_utf8_lossy(name)));
    address.as_pathname().map_or_else(|| named().unwrap_or_default().into(), Into::into)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpStream, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn every_core_accepts_from_the_same_socket() {
        let listener = StdTcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let bound = adopt_tcp("http", listener.into(), 3).unwrap();
        assert_eq!((bound.address, bound.listeners.len()), (Address::Tcp(at), 3));
        let _client = TcpStream::connect(at).unwrap();
        let Raw::Tcp(last) = bound.listeners.last().unwrap() else { panic!("tcp") };
        last.set_nonblocking(false).unwrap();
        let (accepted, _) = last.accept().unwrap();
        assert!(socket2::SockRef::from(&accepted).keepalive().unwrap());
    }

    #[test]
    fn a_unix_socket_keeps_its_path_and_has_no_port() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.sock");
        let listener = StdUnixListener::bind(&path).unwrap();
        let again = listener.try_clone().unwrap();
        let bound = adopt("http", listener.into(), 2).unwrap();
        assert_eq!((bound.address, bound.listeners.len()), (Address::Unix(path.clone()), 2));
        assert!(matches!(adopt_tcp("https", again.into(), 1), Err(AdoptError::NoPort("https"))));
        assert!(UnixStream::connect(path).is_ok());
    }

    #[test]
    fn what_takes_no_connections_is_refused() {
        let (stream, _other) = UnixStream::pair().unwrap();
        let datagram = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let file = tempfile::tempfile().unwrap();
        for wrong in [OwnedFd::from(stream), datagram.into(), file.into()] {
            let error = adopt("http", wrong, 1).unwrap_err();
            assert!(matches!(error, AdoptError::NoListener("http")), "{error}");
        }
    }
}
