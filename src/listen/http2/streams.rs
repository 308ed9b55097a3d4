//! The task of a stream.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use h2::{Reason, RecvStream, ext::Protocol, server::SendResponse};
use http::{Method, Request};

use super::{MOST_HEADS, MOST_STREAMS, Streams, stream::Stream};
use crate::{
    connection::{Arrival, Deadline, Downstream, Http2Stream, SMALL_HEAD, Socket},
    listen::spares::Spare,
    wire::{
        Reject,
        http2::{Body, write_request},
    },
};

/// Counts a task as running until it is dropped.
struct Running(Rc<Streams>);

/// The bytes of a head beyond a small one, counted until they are dropped.
struct Held {
    streams: Rc<Streams>,
    bytes: usize,
}

/// A stream whose head has been written as one of HTTP/1.1.
struct Begun {
    stream: Stream,
    body: Body,
    spare: Spare,
    held: Held,
    /// Whether the head is in the input. Otherwise what it is answered with.
    head: Result<(), Arrival>,
}

impl Streams {
    /// Begins a stream. `refused`: why its request is not served.
    pub(super) fn begin(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        refused: Option<Reject>,
    ) {
        // A client that resets a stream in the packet that began it.
        if respond.poll_reset(cx).is_ready() {
            return;
        }
        let Some(running) = self.place() else { return respond.send_reset(Reason::REFUSED_STREAM) };
        let Some(begun) = self.read(request, respond, refused) else { return };
        tokio::task::spawn_local(async move { running.0.serve(begun).await });
    }

    /// Whether it has as many streams as it may have.
    pub(super) fn is_full(&self) -> bool {
        self.running.get() >= MOST_STREAMS as usize
    }

    /// The place of a stream. `None` if there is none, or the connection has as many streams as it may have. One that the
    /// client has reset counts for as long as it costs something.
    fn place(self: &Rc<Self>) -> Option<Running> {
        if self.is_full() {
            return None;
        }
        let running = self.running.get();
        if running > 0 {
            // It may have a connection to the app, like a connection of HTTP/1.1.
            let place = self.server.enter(self.peer)?;
            self.places.borrow_mut().push(place);
        }
        self.running.set(running + 1);
        self.server.streams.set(self.server.streams.get() + 1);
        Some(Running(Rc::clone(self)))
    }

    /// Counts a head of so many bytes. `None` if the connection's streams hold too much already.
    fn hold(self: &Rc<Self>, head: usize) -> Option<Held> {
        let bytes = head.saturating_sub(SMALL_HEAD);
        let heads = self.heads.get() + bytes;
        // One alone has the limit of a head.
        if self.heads.get() > 0 && heads > MOST_HEADS {
            return None;
        }
        self.heads.set(heads);
        Some(Held { streams: Rc::clone(self), bytes })
    }

    /// Writes the head as one of HTTP/1.1. The decoded list does not outlive it. `None` if the stream has been refused.
    fn read(
        self: &Rc<Self>,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        refused: Option<Reject>,
    ) -> Option<Begun> {
        let (request, received) = request.into_parts();
        let protocol = request.extensions.get::<Protocol>().map(Protocol::as_str);
        let body = Body::of(&request.headers, received.is_end_stream(), protocol);
        let mut bytes = self.server.head.borrow_mut();
        bytes.clear();
        let key = if body == Body::Tunnel { websocket_key() } else { String::new() };
        let written = write_request(&mut bytes, &request, body, &key);
        let Some(held) = self.hold(bytes.len()) else {
            respond.send_reset(Reason::REFUSED_STREAM);
            return None;
        };
        let mut spare = self.server.spares.lend();
        let head = match refused.map_or(written, Err) {
            Err(reject) => Err(Arrival::Rejected(reject)),
            Ok(()) if spare.scratch.input.put(&bytes) => Ok(()),
            Ok(()) => Err(Arrival::Overloaded),
        };
        let method = if body == Body::Tunnel { &Method::GET } else { &request.method };
        let stream = Stream::new(received, respond, method, body, Rc::clone(&self.info));
        Some(Begun { stream, body, spare, held, head })
    }

    /// Serves the request of a stream.
    async fn serve(&self, begun: Begun) {
        let server = &self.server;
        let Begun { mut stream, body, spare: Spare { mut head, scratch }, held, head: written } = begun;
        if body == Body::Length(0) && !self.has_ended(&mut stream).await {
            return server.spares.take_back(Spare { head, scratch });
        }
        let socket = Socket::from(Box::new(stream) as Box<dyn Http2Stream>);
        let (deadline, times) = (server.deadlines.deadline(), Rc::clone(&server.times));
        let mut down = Downstream::new(socket, self.peer, deadline.clone(), scratch, times);
        if self.info.tls_version.is_some() {
            down.strict_transport.clone_from(&server.shared.settings.strict_transport);
        }
        let read = match written {
            Err(instead) => instead,
            Ok(()) => down.arrival(&mut head, &server.shared.settings.head).await,
        };
        match read {
            Arrival::Head => {
                server.answer(&head, &mut down, &self.client).await;
                if body == Body::Tunnel {
                    // The end of the tunnel is that of the stream.
                    down.linger().await;
                }
            }
            Arrival::Rejected(reject) => server.gate.reject(&server.core, &mut down, &reject).await,
            Arrival::Overloaded => server.gate.reject_overload(&server.core, &mut down).await,
            // The head has arrived, so the client has reset the stream.
            Arrival::Nothing | Arrival::Closed | Arrival::TooSlow => {}
        }
        let (socket, scratch) = down.into_parts();
        let spare = Spare { head, scratch };
        // A large head has made more than one of its buffers large.
        if held.bytes > 0 {
            server.spares.discard(spare)
        } else {
            server.spares.take_back(spare)
        }
        drop(held);
        self.finish(socket, &deadline).await;
    }

    /// Sends the rest of an answer that waits for the client's window. It holds nothing else.
    async fn finish(&self, mut socket: Socket, deadline: &Deadline) {
        deadline.set(self.server.times.write);
        poll_fn(|cx| match socket.poll_finish(cx) {
            Poll::Pending if deadline.passed(cx) => Poll::Ready(()),
            // A client that has gone needs none.
            finished => finished.map(drop),
        })
        .await;
        // Dropping the socket resets a stream whose answer is not complete, or whose request is not. The reset after a complete
        // answer says NO_ERROR, but some clients take it for a loss of the answer (curl 7.88), so a client has a moment to end
        // its request, or to give it up itself.
        deadline.set(DISCARD);
        poll_fn(|cx| match socket.poll_discard(cx) {
            Poll::Pending if deadline.passed(cx) => Poll::Ready(()),
            discarded => discarded,
        })
        .await;
    }

    /// Waits for the end of a request without a byte of a body, in the time of a head. With data it is malformed, which is
    /// known only then.
    async fn has_ended(&self, stream: &mut Stream) -> bool {
        let deadline = self.server.deadlines.deadline();
        deadline.set(self.server.times.header);
        poll_fn(|cx| match stream.poll_end(cx) {
            Poll::Pending if deadline.passed(cx) => Poll::Ready(false),
            ended => ended,
        })
        .await
    }
}

/// The time in which the rest of a request is discarded that has been answered.
const DISCARD: Duration = Duration::from_secs(1);

/// A new key of a handshake, which proves to the gate that the app has read it (RFC 6455 section 4.1).
fn websocket_key() -> String {
    let mut random = [0; 16];
    // Without randomness the key is a fixed one. It is no secret.
    let _ = getrandom::fill(&mut random);
    STANDARD.encode(random)
}

impl Drop for Held {
    fn drop(&mut self) {
        self.streams.heads.set(self.streams.heads.get().saturating_sub(self.bytes));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
        self.0.server.streams.set(self.0.server.streams.get().saturating_sub(1));
        // Those of one connection are all alike.
        if self.0.places.borrow_mut().pop().is_some() {
            self.0.server.shared.free_place();
        }
        if let Some(waker) = &*self.0.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
