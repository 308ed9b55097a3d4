//! The task of a stream.

use std::{future::poll_fn, rc::Rc, task::Poll};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use h2::{RecvStream, ext::Protocol, server::SendResponse};
use http::{Method, Request, request::Parts};

use super::{Shared, stream::Stream};
use crate::{
    connection::{Arrival, Downstream, Multiplexed, Socket},
    listen::spares::Spare,
    wire::{
        Reject, RequestHead,
        http2::{Body, write_request},
    },
};

/// Counts a task as running until it is dropped.
struct Running(Rc<Shared>);

impl Shared {
    /// Spawns the task of a stream. `refused`: why its request is not served.
    pub(super) fn spawn(
        self: &Rc<Self>,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        refused: Option<Reject>,
    ) {
        self.running.set(self.running.get() + 1);
        let running = Running(Rc::clone(self));
        tokio::task::spawn_local(async move { running.0.serve(request, respond, refused).await });
    }

    /// Serves the request of a stream.
    async fn serve(
        &self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        refused: Option<Reject>,
    ) {
        let server = &self.server;
        let (request, received) = request.into_parts();
        let protocol = request.extensions.get::<Protocol>().map(Protocol::as_str);
        let body = Body::of(&request.headers, received.is_end_stream(), protocol);
        let method = if body == Body::Tunnel { &Method::GET } else { &request.method };
        let mut stream = Stream::new(received, respond, method, body, Rc::clone(&self.below));
        if body == Body::Length(0) && !self.has_ended(&mut stream).await {
            return;
        }
        let socket = Socket::from(Box::new(stream) as Box<dyn Multiplexed>);
        let Spare { mut head, scratch } = server.spares.lend();
        let (deadline, times) = (server.deadlines.deadline(), Rc::clone(&server.times));
        let mut down = Downstream::new(socket, self.peer, deadline, scratch, times);
        if self.below.tls_version.is_some() {
            down.strict_transport.clone_from(&server.shared.settings.strict_transport);
        }
        let read = match refused {
            Some(reject) => Arrival::Rejected(reject),
            None => self.read(&request, body, &mut head, &mut down).await,
        };
        drop(request);
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
        // Dropping the socket resets a stream whose answer is not complete.
        let (_, scratch) = down.into_parts();
        server.spares.take_back(Spare { head, scratch });
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

    /// Reads the head as one of HTTP/1.1.
    async fn read(
        &self,
        request: &Parts,
        body: Body,
        head: &mut RequestHead,
        down: &mut Downstream,
    ) -> Arrival {
        let key = if body == Body::Tunnel { websocket_key() } else { String::new() };
        let written = write_request(&mut down.scratch.to_client, request, body, &key);
        let bytes = std::mem::take(&mut down.scratch.to_client);
        let has_room = down.scratch.input.put(&bytes);
        down.scratch.to_client = bytes;
        down.scratch.to_client.clear();
        match written {
            Err(reject) => Arrival::Rejected(reject),
            Ok(()) if !has_room => Arrival::Overloaded,
            Ok(()) => down.arrival(head, &self.server.shared.settings.head).await,
        }
    }
}

/// A new key of a handshake, which proves to the gate that the app has read it (RFC 6455 section 4.1).
fn websocket_key() -> String {
    let mut random = [0; 16];
    // Without randomness the key is a fixed one. It is no secret.
    let _ = getrandom::fill(&mut random);
    STANDARD.encode(random)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
        if let Some(waker) = &*self.0.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
