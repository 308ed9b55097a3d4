//! Connections of HTTP/2 to a server of the app, each for many requests at once.
//!
//! A request is a stream, which the exchange reads and writes as a connection of HTTP/1.1 ([`stream`]).

mod link;
mod stream;

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
};

use bytes::Bytes;
use h2::client;
use tokio::sync::Notify;

use self::{
    link::{Link, MOST_STREAMS},
    stream::Stream,
};

pub(super) use self::link::Use;
use crate::{
    connection::{AsyncSocket, Http2Stream, Socket},
    wire::{HeadLimits, http2::list_size},
};

/// The connections of a core to a server.
#[derive(Debug)]
pub(super) struct Links {
    /// The `:scheme` of requests.
    scheme: &'static str,
    open: RefCell<Vec<Rc<Link>>>,
    /// Whether one is being opened. Requests that come meanwhile wait for it, or each would open its own.
    is_opening: Cell<bool>,
    opened: Notify,
}

/// The bytes of an answer that the app may send ahead in a stream. All streams of a connection may have as many unread, so
/// that a client that reads slowly holds up no other.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS as u32;
/// The bytes of a request that wait in a stream for the socket.
const SEND_BUFFER: usize = 32 * 1024;
/// The time that a connection without requests is kept, in ms.
const KEEP: u64 = 30_000;

/// Has the next request open a connection if this one failed to, also by a timeout.
struct Opening<'l>(&'l Links);

impl Links {
    /// No connections yet. `scheme`: that of requests.
    pub(super) fn new(scheme: &'static str) -> Self {
        Self { scheme, open: RefCell::default(), is_opening: Cell::default(), opened: Notify::default() }
    }

    /// The number of open connections without a stream.
    pub(super) fn idle(&self) -> usize {
        self.open.borrow().iter().filter(|link| link.is_idle()).count()
    }

    /// A new stream on an open connection.
    pub(super) fn stream(&self, wanted: Use) -> Option<Socket> {
        let mut open = self.open.borrow_mut();
        open.retain(|link| !link.is_closed());
        let link = open.iter().rev().find(|link| link.takes(wanted))?;
        Some(self.stream_of(link))
    }

    /// The same, on a connection that `connect` opens if there is none.
    ///
    /// # Errors
    /// The error of `connect`.
    pub(super) async fn stream_or(
        &self,
        wanted: Use,
        limits: &HeadLimits,
        connect: impl Future<Output = io::Result<Socket>>,
    ) -> io::Result<Socket> {
        loop {
            if let Some(stream) = self.stream(wanted) {
                return Ok(stream);
            }
            if !self.is_opening.get() {
                break;
            }
            self.opened.notified().await;
        }
        self.is_opening.set(true);
        let opening = Opening(self);
        let socket = AsyncSocket::from(connect.await?);
        let (requests, frames) = handshake(socket, limits).await.map_err(io::Error::other)?;
        let link = Link::new(requests, wanted.now, wanted.client);
        // h2 ends a connection that nothing can use any more, so its task must not hold it.
        let at_end = Rc::downgrade(&link);
        tokio::task::spawn_local(async move {
            // An error is one of each stream, too.
            let _ = frames.await;
            if let Some(link) = at_end.upgrade() {
                link.close();
            }
        });
        let stream = self.stream_of(&link);
        self.open.borrow_mut().push(link);
        drop(opening);
        Ok(stream)
    }

    /// Closes connections without requests: those that had none for too long, and all but one of the others.
    pub(super) fn sweep(&self, now: u64) {
        let mut spare = false;
        self.open.borrow_mut().retain(|link| {
            let stays = !link.is_closed() && link.idle_for(now).is_none_or(|time| time < KEEP && !spare);
            spare |= stays && link.is_idle();
            stays
        });
    }

    /// Whether there are no connections.
    pub(super) fn is_empty(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Gives the connections no more requests: they may be dead.
    pub(super) fn retire(&self) {
        self.open.borrow().iter().for_each(|link| link.close());
    }

    /// Closes all connections once their requests have ended.
    pub(super) fn clear(&self) {
        self.open.borrow_mut().clear();
    }

    fn stream_of(&self, link: &Rc<Link>) -> Socket {
        Socket::from(Box::new(Stream::new(Rc::clone(link), self.scheme)) as Box<dyn Http2Stream>)
    }
}

async fn handshake(
    socket: AsyncSocket,
    limits: &HeadLimits,
) -> Result<(client::SendRequest<Bytes>, client::Connection<AsyncSocket, Bytes>), h2::Error> {
    client::Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(list_size(limits))
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(socket)
        .await
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.is_opening.set(false);
        self.0.opened.notify_waiters();
    }
}
