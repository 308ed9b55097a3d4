//! The TLS handshake, on the core that accepted the connection.
//!
//! Until the handshake is complete, the connection counts as idle, like one that has sent nothing: it can be evicted, and
//! the whole handshake has the timeout of the first request.

use std::{future::poll_fn, io, rc::Rc, task::Poll, time::Duration};

use crate::{
    connection::{Deadline, Downstream, Peer, Socket},
    gate::Role,
    limit::Connection,
    observe::metrics::Handshake,
    tls,
    wire::{ProxyStart, Reject},
};

use super::{Server, connection::say_farewell, handshakes::Handshakes, spares::Spare};

/// The interval at which a waiting connection tries again.
const TURN: Duration = Duration::from_millis(10);

impl Server {
    /// Runs the handshake, then [`Server::http2`] or [`Server::connection`], as the client has chosen.
    pub(super) async fn secured(self: &Rc<Self>, socket: Socket, peer: Peer, deadline: &Deadline) {
        let Some(handshakes) = &self.shared.handshakes else { return };
        let Some(turn) = self.turn(handshakes, peer, deadline).await else { return };
        match self.first_byte(&socket, deadline).await {
            // No record of TLS begins so, but a request does, and a PROXY header.
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'\r' => {
                return self.turn_away(socket, peer, deadline).await;
            }
            Some(_) => {}
            None => return,
        }
        let Some(mut socket) = self.handshake(handshakes, socket, peer, deadline).await else { return };
        drop(turn);
        // The handshake was all that the authority wanted to see (RFC 8737 section 3).
        if socket.alpn() == Some(tls::CHALLENGE_PROTOCOL) {
            return say_farewell(&mut socket).await;
        }
        if !self.end_rest(deadline) {
            return;
        }
        self.rest(deadline, self.first_patience());
        if socket.alpn() == Some(tls::HTTP_2) {
            return self.http2(socket, peer, deadline).await;
        }
        self.connection(socket, peer, deadline, Role::Client).await;
    }

    /// Waits until the client has fewer handshakes in progress than the limit. `None` if the connection has to end.
    async fn turn(
        &self,
        handshakes: &Handshakes,
        peer: Peer,
        deadline: &Deadline,
    ) -> Option<Option<Connection>> {
        let Peer::Ip(ip) = peer else { return Some(None) };
        if self.shared.settings.bounds.is_trusted(ip) {
            return Some(None);
        }
        loop {
            if let Some(turn) = handshakes.per_client.enter(ip) {
                return Some(Some(turn));
            }
            tokio::time::sleep(TURN).await;
            let goes_on = poll_fn(|cx| Poll::Ready(!self.has_to_end(deadline) && !deadline.passed(cx)));
            if !goes_on.await {
                return None;
            }
        }
    }

    /// The client's first byte, without consuming it.
    async fn first_byte(&self, socket: &Socket, deadline: &Deadline) -> Option<u8> {
        let mut first = [0];
        let peeked = poll_fn(|cx| {
            if self.has_to_end(deadline) {
                return Poll::Ready(None);
            }
            match socket.poll_peek(cx, &mut first) {
                Poll::Ready(peeked) => Poll::Ready(peeked.ok().filter(|count| *count > 0)),
                Poll::Pending if deadline.passed(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        peeked.await.and_then(|_| first.first().copied())
    }

    async fn handshake(
        &self,
        handshakes: &Handshakes,
        socket: Socket,
        peer: Peer,
        deadline: &Deadline,
    ) -> Option<Socket> {
        let mut socket = match handshakes.tls.connection() {
            Ok(connection) => socket.with_tls(connection),
            Err(error) => {
                self.failed(handshakes, peer, &error);
                return None;
            }
        };
        let done = poll_fn(|cx| {
            if self.has_to_end(deadline) {
                return Poll::Ready(None);
            }
            match socket.poll_handshake(cx) {
                Poll::Pending if deadline.passed(cx) => {
                    Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
                }
                other => other.map(Some),
            }
        });
        let outcome = done.await?;
        if let Err(error) = outcome {
            match socket.server_name().filter(|name| handshakes.tls.issued().awaits(name)) {
                Some(name) => self.failed(handshakes, peer, &format_args!("`{name}` has no certificate yet")),
                None => self.failed(handshakes, peer, &error),
            }
            return None;
        }
        if let Some(certificate) = socket.peer_certificate() {
            let Some(subject) = tls::subject(certificate) else {
                // Rules may refuse it by its subject.
                self.failed(handshakes, peer, &"the subject of the client's certificate cannot be read");
                return None;
            };
            socket.set_client(subject.into());
        }
        let kind = if socket.is_resumed() { Handshake::Resumed } else { Handshake::Full };
        self.gate.metrics.handshake(kind);
        Some(socket)
    }

    fn failed(&self, handshakes: &Handshakes, peer: Peer, error: &dyn std::fmt::Display) {
        self.gate.metrics.handshake(Handshake::Failed);
        if let Some(more) = handshakes.failed.say(self.gate.clock.now()) {
            tracing::info!(client = %peer.ip(), %error, more, "a TLS handshake failed");
        }
    }

    /// Answers a client that speaks plain HTTP on the HTTPS port, or sends a PROXY header that is not expected.
    async fn turn_away(&self, socket: Socket, peer: Peer, deadline: &Deadline) {
        if !self.end_rest(deadline) {
            return;
        }
        let Spare { head, scratch } = self.spares.lend();
        let times = Rc::clone(&self.times);
        let mut down = Downstream::new(socket, peer, deadline.clone(), scratch, times);
        deadline.set(self.times.header);
        // The first bytes are needed to know whether it is a HEAD, whose answer has no body.
        if poll_fn(|cx| down.poll_input(cx)).await.is_ok() {
            if ProxyStart::begins(down.scratch.input.filled()) {
                self.gate.reject(&self.core, &mut down, &Reject::ProxyHeader).await;
            } else {
                self.gate.reject_plain(&self.core, &mut down).await;
            }
            down.linger().await;
        }
        let (_, scratch) = down.into_parts();
        self.spares.take_back(Spare { head, scratch });
    }

    /// Whether an idle connection must end, because it was evicted or the gate stops.
    pub(super) fn has_to_end(&self, deadline: &Deadline) -> bool {
        self.shared.is_draining() || deadline.is_evicted()
    }
}
