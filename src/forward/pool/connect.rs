//! Opens connections to a server: every address of its name, the PROXY header, TLS.

use std::{cell::Cell, future::poll_fn, io, net::SocketAddr};

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream, lookup_host};

use crate::{
    connection::Socket,
    forward::address::Address,
    tls::{ClientTls, Protocol},
};

/// Connects, and sends `first` before anything else. `turn` counts the connections of this server.
///
/// # Errors
/// The error of the system, of the last address that was tried.
pub(super) async fn connect(address: &Address, first: &[u8], turn: &Cell<usize>) -> io::Result<Socket> {
    match address {
        Address::Tcp(authority) | Address::Http2(authority) => tcp(authority, first, turn).await,
        Address::Tls { authority, name, protocol, terms } => {
            let tcp = tcp(authority, first, turn);
            Box::pin(async { tls(tcp.await?, name, *protocol, terms).await }).await
        }
        Address::Unix(path) => {
            let mut socket = Socket::from(UnixStream::connect(path).await?);
            write(&mut socket, first).await?;
            Ok(socket)
        }
    }
}

async fn tcp(authority: &str, first: &[u8], turn: &Cell<usize>) -> io::Result<Socket> {
    let resolve = async |name: &str| Ok(lookup_host(name).await?.collect());
    let tcp = reach(authority, turn, resolve).await?;
    // Otherwise a small body waits for an acknowledgement. If it fails, that only costs time.
    let _ = tcp.set_nodelay(true);
    let mut socket = Socket::from(tcp);
    write(&mut socket, first).await?;
    Ok(socket)
}

/// A name is resolved for each connection, so that one whose addresses have changed is followed. Its addresses take turns:
/// the name of a set of containers has one for each.
async fn reach(
    authority: &str,
    turn: &Cell<usize>,
    resolve: impl AsyncFnOnce(&str) -> io::Result<Vec<SocketAddr>>,
) -> io::Result<TcpStream> {
    match authority.parse::<SocketAddr>() {
        Ok(address) => TcpStream::connect(address).await,
        Err(_) => any_of(&resolve(authority).await?, turn).await,
    }
}

/// Connects to one of several addresses: the one whose turn it is, else the next one that takes it.
async fn any_of(addresses: &[SocketAddr], turn: &Cell<usize>) -> io::Result<TcpStream> {
    let first = turn.replace(turn.get().wrapping_add(1)) % addresses.len().max(1);
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.iter().cycle().skip(first).take(addresses.len()) {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn tls(
    plain: Socket,
    name: &ServerName<'static>,
    protocol: Protocol,
    terms: &ClientTls,
) -> io::Result<Socket> {
    let mut socket = plain.with_tls(terms.connection(name, protocol).map_err(io::Error::other)?);
    poll_fn(|cx| socket.poll_handshake(cx)).await.map_err(|error| explained(error, protocol))?;
    protocol.check(socket.alpn()).map_err(io::Error::other)?;
    Ok(socket)
}

/// The error of a handshake, where the cause is known and the text of rustls does not name it.
fn explained(error: io::Error, protocol: Protocol) -> io::Error {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return error;
    };
    // Bytes that are no TLS.
    if matches!(cause, rustls::Error::InvalidMessage(_)) {
        let plain = match protocol {
            Protocol::Http1 => "http://",
            Protocol::Http2 => "h2c://",
        };
        return io::Error::other(format!(
            "the app does not speak TLS: write {plain} for it in `upstream.servers`"
        ));
    }
    use rustls::CertificateError::{BadSignature, UnknownIssuer};
    // Another authority of the same name is as unknown.
    if matches!(cause, rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature)) {
        return io::Error::other(
            "no authority that is trusted here has signed the app's certificate: set `upstream.ca` to the authority's file",
        );
    }
    protocol.refused(cause).map_or(error, io::Error::other)
}

async fn write(socket: &mut Socket, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let count = poll_fn(|cx| socket.poll_write(cx, rest)).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_addresses_of_a_name_take_turns_and_one_that_refuses_is_skipped() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [one, two] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let turn = Cell::new(0);
        let mut reached = Vec::new();
        for _ in 0..6 {
            reached.push(any_of(&[one, closed, two], &turn).await.unwrap().peer_addr().unwrap());
        }
        assert_eq!(reached, [one, two, two, one, two, two]);
        assert!(any_of(&[closed], &turn).await.is_err() && any_of(&[], &turn).await.is_err());
    }

    #[tokio::test]
    async fn a_name_is_resolved_for_each_connection_and_an_address_never() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [old, new] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let turn = Cell::new(0);
        for (name, found) in [("app.internal:80", old), ("app.internal:80", new), ("app.internal:80", old)] {
            let resolve = async |asked: &str| {
                assert_eq!(asked, name);
                Ok(vec![found])
            };
            assert_eq!(reach(name, &turn, resolve).await.unwrap().peer_addr().unwrap(), found);
        }
        let unknown = async |_: &str| Err(io::ErrorKind::NotFound.into());
        assert!(reach("app.internal:80", &turn, unknown).await.is_err(), "what it had before is not used");
        let never = async |name: &str| panic!("`{name}` is looked up");
        assert_eq!(reach(&old.to_string(), &turn, never).await.unwrap().peer_addr().unwrap(), old);
    }
}
