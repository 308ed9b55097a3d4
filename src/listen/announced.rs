//! Connections of trusted proxies, which begin with a PROXY header.

use std::{future::poll_fn, io, task::Poll};

use crate::{
    connection::{Deadline, Peer, Socket},
    limit::Connection,
    wire::{ProxyHeader, ProxyStart},
};

use super::{Server, Settings};

/// The client that a PROXY header names, and its slot in the limit of connections per client.
pub(super) struct Announced {
    pub(super) peer: Peer,
    pub(super) _place: Option<Connection>,
}

impl Server {
    /// Whether connections of this peer must begin with a PROXY header. Every peer on a Unix socket is a proxy.
    pub(super) fn announces(&self, peer: Peer) -> bool {
        let Settings { proxy_protocol, bounds, .. } = &self.shared.settings;
        let is_trusted = match peer {
            Peer::Ip(ip) | Peer::Unnamed(ip) => bounds.is_trusted(ip),
            Peer::Local => true,
        };
        *proxy_protocol && is_trusted
    }

    /// Reads the header. `None` if the connection has to end, because its client is not known.
    pub(super) async fn announced(
        &self,
        socket: &mut Socket,
        peer: Peer,
        deadline: &Deadline,
    ) -> Option<Announced> {
        match self.proxy_header(socket, deadline).await {
            Ok(Some(ProxyHeader::Unnamed)) => {
                Some(Announced { peer: Peer::Unnamed(peer.ip()), _place: None })
            }
            Ok(Some(ProxyHeader::Client(ip))) => {
                let peer = Peer::Ip(ip);
                self.enter_announced(peer).map(|place| Announced { peer, _place: place })
            }
            Ok(None) => {
                if let Some(more) = self.shared.unannounced.say(self.gate.clock.now()) {
                    tracing::warn!(
                        proxy = %peer.ip(),
                        more,
                        "a connection of a trusted proxy was closed: it has no PROXY header; have the proxy send one, or \
                         set `server.proxy_protocol = false`"
                    );
                }
                None
            }
            Err(_) => None,
        }
    }

    /// Reads the header. `None` if the first bytes are not one.
    async fn proxy_header(
        &self,
        socket: &mut Socket,
        deadline: &Deadline,
    ) -> io::Result<Option<ProxyHeader>> {
        let mut first = [0; ProxyStart::LENGTH];
        self.take(socket, &mut first, deadline).await?;
        match ProxyStart::read(&first) {
            None => Ok(None),
            Some(ProxyStart::Line) => {
                let mut line = first.to_vec();
                // Byte by byte, because the bytes after the line belong to TLS or HTTP.
                while !line.ends_with(b"\r\n") {
                    if line.len() == ProxyHeader::LONGEST_LINE {
                        return Ok(None);
                    }
                    let mut byte = [0];
                    self.take(socket, &mut byte, deadline).await?;
                    line.extend_from_slice(&byte);
                }
                Ok(line.strip_suffix(b"\r\n").and_then(ProxyHeader::line))
            }
            Some(ProxyStart::Binary) => {
                let mut fixed = [0; 4];
                self.take(socket, &mut fixed, deadline).await?;
                let Some(length) = ProxyHeader::rest(fixed) else { return Ok(None) };
                let mut rest = vec![0; length];
                self.take(socket, &mut rest, deadline).await?;
                Ok(ProxyHeader::binary(fixed, &rest))
            }
        }
    }

    /// Fills `bytes`, within the timeout of the first request.
    async fn take(&self, socket: &mut Socket, bytes: &mut [u8], deadline: &Deadline) -> io::Result<()> {
        let mut taken = 0;
        poll_fn(|cx| {
            while taken < bytes.len() {
                if self.has_to_end(deadline) {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                let left = bytes.get_mut(taken..).unwrap_or_default();
                match socket.poll_take(cx, left) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    Poll::Ready(Ok(count)) => taken += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending if deadline.passed(cx) => {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}
