//! The life cycle of a client's connection: wait, read a head, let the gate answer, repeat.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use crate::{
    connection::{Arrival, Deadline, Downstream, Peer, Remote, Socket},
    gate::{Client, Role},
    refusal::{Form, Refusal},
    wire::RequestHead,
};

use super::{Server, spares::Spare};

/// What a connection does after the requests that have arrived.
enum Pause {
    /// It becomes idle.
    Anew,
    /// It stays idle, because no byte of a request was received.
    AsBefore,
    /// The client has closed its side.
    Closed,
    End,
}

impl Server {
    /// Serves a connection until it ends.
    pub(super) async fn connection(&self, socket: Socket, peer: Peer, deadline: &Deadline, role: Role) {
        let mut socket = socket;
        let is_secure = socket.tls_version().is_some();
        let client = Client::new(Remote { is_secure, ..Remote::from(peer) }, socket.client(), role);
        let mut patience = self.first_patience();
        loop {
            // An idle connection has no buffers.
            let readable = poll_fn(|cx| {
                if self.has_to_end(deadline) {
                    return Poll::Ready(false);
                }
                match socket.poll_readable(cx) {
                    Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
                    Poll::Pending if deadline.passed(cx) => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            });
            let readable = readable.await;
            // The idle time ends in any case, so that the count of idle connections stays right.
            if !self.end_rest(deadline) || !readable {
                return say_farewell(&mut socket).await;
            }
            let Spare { mut head, scratch } = self.spares.lend();
            let times = Rc::clone(&self.times);
            let mut down = Downstream::new(socket, peer, deadline.clone(), scratch, times);
            if down.socket.tls_version().is_some() {
                down.strict_transport.clone_from(&self.shared.settings.strict_transport);
            }
            let pause = self.requests(&mut head, &mut down, &client).await;
            // From the first answer on, the client gets the timeout between two requests.
            if down.bytes_out > 0 {
                patience = self.times.idle;
            }
            let (returned, scratch) = down.into_parts();
            self.spares.take_back(Spare { head, scratch });
            socket = returned;
            match pause {
                Pause::Anew => self.rest(deadline, patience),
                Pause::AsBefore => self.rest_on(deadline),
                Pause::Closed => return say_farewell(&mut socket).await,
                // It has lingered, or it ends with a reset, which is no orderly end.
                Pause::End => return,
            }
        }
    }

    /// The timeout before the first request: a client that has sent nothing does not get the idle timeout of a
    /// known one.
    pub(super) fn first_patience(&self) -> Duration {
        self.times.header.min(self.times.idle)
    }

    /// Serves all requests that have arrived, pipelined ones in order.
    async fn requests(&self, head: &mut RequestHead, down: &mut Downstream, client: &Client) -> Pause {
        let mut served = false;
        loop {
            match down.arrival(head, &self.shared.settings.head).await {
                Arrival::Head => {}
                Arrival::Nothing if served => return Pause::Anew,
                Arrival::Nothing => return Pause::AsBefore,
                Arrival::Closed => return Pause::Closed,
                Arrival::Rejected(reject) => {
                    self.gate.reject(&self.core, down, &reject).await;
                    down.linger().await;
                    return Pause::End;
                }
                Arrival::Overloaded => {
                    self.gate.reject_overload(&self.core, down).await;
                    down.linger().await;
                    return Pause::End;
                }
                Arrival::TooSlow => {
                    self.gate.reject_slow(&self.core, down).await;
                    down.linger().await;
                    return Pause::End;
                }
            }
            if !self.answer(head, down, client).await || self.shared.is_draining() {
                down.linger().await;
                return Pause::End;
            }
            served = true;
            if down.scratch.input.is_empty() {
                return Pause::Anew;
            }
        }
    }

    /// Serves one request. A panic is caught, counted and answered with 500, so that it ends no other
    /// connection.
    pub(super) async fn answer(&self, head: &RequestHead, down: &mut Downstream, client: &Client) -> bool {
        let outcome = {
            let mut handled = pin!(self.gate.handle(&self.core, head, down, client));
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| handled.as_mut().poll(cx))) {
                Ok(poll) => poll.map(Some),
                Err(_) => Poll::Ready(None),
            })
            .await
        };
        if let Some(keep_alive) = outcome {
            return keep_alive;
        }
        if let Some(more) = self.shared.panicked.say(self.gate.clock.now()) {
            tracing::error!(more, "a request ended in a panic; it was answered with 500");
        }
        self.core.metrics.request(0, 500, Duration::ZERO);
        if !down.answered {
            // The request's state is not used: the panic may have left it inconsistent.
            let response = Refusal::Internal.into_response(Form::Json, false, "");
            // A failure means that the client has gone.
            let _ = down.respond(head, &response, false).await;
        }
        false
    }
}

/// Over TLS, an orderly end is told (RFC 8446 section 6.1), as far as that goes without waiting.
pub(super) async fn say_farewell(socket: &mut Socket) {
    if socket.tls_version().is_some() {
        let told = poll_fn(|cx| Poll::Ready(socket.poll_shutdown(cx)));
        // The client may be gone, or take nothing.
        let _ = told.await;
    }
}
