//! Connections of HTTP/2 (RFC 9113): each stream is read and answered as a connection of HTTP/1.1 with one request.
//!
//! One task drives the frames of a connection, and one task each of its streams, all on the core that accepted it. What
//! the limits are for is in docs/http2.md.

mod frames;
mod metered;
mod outgoing;
mod stream;
mod streams;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::Request;

use self::{frames::Error, metered::Metered};
use super::{Server, spares::Spare};
use crate::{
    connection::{AsyncSocket, ConnectionInfo, Deadline, Downstream, Peer, Remote, Socket, Stage, Stall},
    gate::{Client, Role},
    limit::Connection as Place,
    wire::http2::{ListError, list_size},
};

/// Streams of a connection at once (RFC 9113 section 5.1.2 recommends no fewer than 100). Each may be a request at the app.
const MOST_STREAMS: u32 = 100;
/// The bytes of a body that a client may send ahead, for a stream and for all of a connection. They bound the memory of
/// what has not been read, and the speed of an upload: one window for each round trip.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// The bytes of an answer that wait in a stream for the socket: as many as one read of the app's answer returns.
const SEND_BUFFER: usize = 32 * 1024;
/// The bytes of heads that the streams of a connection hold at once, beyond 4 kB each. References to HPACK's
/// table cost the client a byte for each 4 kB. A browser that sends 100 requests with 6 kB of cookies each stays within it,
/// and 100 connections take 25 MB.
const MOST_HEADS: usize = 256 * 1024;
/// Streams that a client resets in the same packet in which they begin. Resets have a budget of their own, which is the same.
const MOST_UNBEGUN_RESETS: usize = 200;
/// Errors of streams that the client has made (CVE-2025-8671): each is a reset of ours, for which it pays nothing.
const MOST_ERRORS: usize = 200;
/// The turns that the tasks of streams have to end before a further stream is refused: a client may cancel all of them and
/// begin one in the same packet.
const TURNS: u8 = 4;
/// The interval of checks while the socket takes nothing.
const LOOK: Duration = Duration::from_secs(1);
/// The time that a connection has to send its last frames.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the streams of a connection share.
struct Streams {
    server: Rc<Server>,
    client: Client,
    peer: Peer,
    info: Rc<ConnectionInfo>,
    /// Tasks of streams that have not ended. A stream that the client has reset may still have one.
    running: Cell<usize>,
    /// The places of all but one of them in the limits of connections: one has that of the connection.
    places: RefCell<Vec<Option<Place>>>,
    /// Bytes of their heads, see [`MOST_HEADS`].
    heads: Cell<usize>,
    /// Wakes the connection when a stream has ended.
    waker: RefCell<Option<Waker>>,
}

/// The task of a connection.
struct Connection<'c> {
    streams: Rc<Streams>,
    frames: server::Connection<Metered, Bytes>,
    io: Metered,
    deadline: &'c Deadline,
    state: State,
    stall: Stall,
    /// The time that it may be idle.
    patience: Duration,
    /// Since when it is idle, in ms of the core's coarse time.
    idle_since: u64,
    /// Whether the last frames may meet input of the client, which would make the system discard them.
    lingers: bool,
    /// Whether the deadline of an idle connection is that of a list of fields.
    is_timed: bool,
    /// A stream that waits for the end of others, and the turns that it still has.
    waiting: Option<(Opened, u8)>,
}

/// A stream that the client has opened.
struct Opened {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Without streams.
    Idle,
    Busy,
    /// The last frames are sent.
    Ending,
}

impl Server {
    /// Serves a connection until it ends.
    pub(super) async fn http2(self: &Rc<Self>, socket: Socket, peer: Peer, deadline: &Deadline) {
        let info = Rc::new(socket.info());
        let is_secure = info.tls_version.is_some();
        let client =
            Client::new(Remote { is_secure, ..Remote::from(peer) }, info.client.as_deref(), Role::Client);
        let io = Metered::new(AsyncSocket::from(socket), deadline.clone());
        let mut lingers = false;
        if let Some(frames) = self.preface(&io, deadline).await {
            let streams = Rc::new(Streams {
                server: Rc::clone(self),
                client,
                peer,
                info,
                running: Cell::new(0),
                places: RefCell::default(),
                heads: Cell::new(0),
                waker: RefCell::default(),
            });
            let patience = self.first_patience();
            let (io, stall) = (io.clone(), Stall::default());
            let state = State::Idle;
            let mut connection = Connection {
                streams,
                frames,
                io,
                deadline,
                state,
                stall,
                patience,
                idle_since: deadline.now(),
                lingers: true,
                is_timed: false,
                waiting: None,
            };
            poll_fn(|cx| connection.poll(cx)).await;
            lingers = connection.lingers;
        }
        if deadline.is_at_rest() {
            let _ = self.end_rest(deadline);
        }
        if lingers && let Some(socket) = io.take() {
            self.farewell(socket, peer, deadline).await;
        }
    }

    /// Sends the settings and reads the client's preface.
    async fn preface(&self, io: &Metered, deadline: &Deadline) -> Option<server::Connection<Metered, Bytes>> {
        let head = &self.shared.settings.head;
        // The scanner of HTTP/1.1 has the limit; whatever it would accept is accepted here.
        let list = list_size(head);
        let mut handshake = pin!(
            server::Builder::new()
                .max_concurrent_streams(MOST_STREAMS)
                .initial_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_header_list_size(list)
                .max_send_buffer_size(SEND_BUFFER)
                .max_pending_accept_reset_streams(MOST_UNBEGUN_RESETS)
                .max_local_error_reset_streams(Some(MOST_ERRORS))
                .enable_connect_protocol()
                .handshake(io.clone())
        );
        let begun = poll_fn(|cx| {
            if self.has_to_end(deadline) {
                return Poll::Ready(None);
            }
            match handshake.as_mut().poll(cx) {
                Poll::Ready(begun) => Poll::Ready(begun.ok()),
                Poll::Pending if deadline.passed(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        begun.await
    }

    /// Closes the socket so that the last frames arrive.
    async fn farewell(&self, socket: Socket, peer: Peer, deadline: &Deadline) {
        let Spare { head, scratch } = self.spares.lend();
        let times = Rc::clone(&self.times);
        let mut down = Downstream::new(socket, peer, deadline.clone(), scratch, times);
        down.linger().await;
        let (_, scratch) = down.into_parts();
        self.spares.take_back(Spare { head, scratch });
    }
}

impl Connection<'_> {
    /// Moves frames until the connection ends.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.state != State::Ending {
                self.look_around();
            }
            if self.poll_frames(cx).is_ready() {
                return Poll::Ready(());
            }
            if self.state != State::Ending && (self.io.error().is_some() || self.follow_streams()) {
                continue;
            }
            if self.time_list() {
                continue;
            }
            if self.is_stalled() {
                // An orderly end would keep in the kernel what the client does not take.
                self.lingers = false;
                self.io.reset();
                return Poll::Ready(());
            }
            if !self.deadline.passed(cx) {
                break;
            }
            match self.state {
                State::Ending => return Poll::Ready(()),
                _ if self.io.is_late(self.streams.server.times.header) => self.end(Reason::ENHANCE_YOUR_CALM),
                State::Idle => self.end(Reason::NO_ERROR),
                State::Busy => self.deadline.set(LOOK),
            }
        }
        if !self.streams.waker.borrow().as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *self.streams.waker.borrow_mut() = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Follows the shutdown phases and the limits of frames.
    fn look_around(&mut self) {
        if let Some(error) = self.io.error() {
            return self.end(match error {
                Error::Flood | Error::List(ListError::Flood) => Reason::ENHANCE_YOUR_CALM,
                Error::List(ListError::Broken) => Reason::COMPRESSION_ERROR,
                Error::List(ListError::Trailers) => Reason::PROTOCOL_ERROR,
            });
        }
        let server = &self.streams.server;
        if self.state == State::Idle && server.has_to_end(self.deadline) {
            return self.end(Reason::NO_ERROR);
        }
        if self.deadline.stage() > Stage::Serving {
            // Only the first call has an effect. Streams that the client has begun are served.
            self.frames.graceful_shutdown();
        }
    }

    /// Reads and writes frames, and begins streams. Ready when the connection has ended.
    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.state == State::Ending {
                return self.frames.poll_closed(cx).map(drop);
            }
            match self.poll_opened(cx) {
                Poll::Ready(Some(Opened { request, respond })) => {
                    if self.state == State::Idle && !self.begin() {
                        self.end(Reason::NO_ERROR);
                        continue;
                    }
                    let refused = self.io.reject(respond.stream_id().as_u32());
                    self.streams.begin(cx, request, respond, refused);
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The next stream; `None` at the end of the connection.
    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<Option<Opened>> {
        let (opened, turns) = match self.waiting.take() {
            Some(waiting) => waiting,
            None => match ready!(self.frames.poll_accept(cx)) {
                Some(Ok((request, respond))) => (Opened { request, respond }, TURNS),
                Some(Err(_)) | None => return Poll::Ready(None),
            },
        };
        if turns > 0 && self.streams.is_full() {
            self.waiting = Some((opened, turns - 1));
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(opened))
    }

    /// Ends the rest of a connection. `false` if it has been evicted.
    fn begin(&mut self) -> bool {
        self.state = State::Busy;
        self.deadline.set(LOOK);
        self.streams.server.end_rest(self.deadline)
    }

    /// Begins to rest when the last stream has ended. Returns whether it has.
    fn follow_streams(&mut self) -> bool {
        // A client that does not take the last frames is looked at, too: an idle one is not.
        let has_ended =
            self.streams.running.get() == 0 && !self.frames.has_streams() && !self.io.is_blocked();
        if self.state != State::Busy || !has_ended {
            return false;
        }
        self.state = State::Idle;
        self.is_timed = false;
        self.patience = self.streams.server.times.idle;
        self.idle_since = self.deadline.now();
        self.streams.server.rest(self.deadline, self.patience);
        true
    }

    /// An idle connection that begins a list of fields has the time of a head for it. A list that begins no stream leaves it
    /// the rest of its own time. Returns whether that is over.
    fn time_list(&mut self) -> bool {
        if self.state != State::Idle || self.is_timed == self.io.has_partial_list() {
            return false;
        }
        self.is_timed = !self.is_timed;
        let idle = Duration::from_millis(self.deadline.now().saturating_sub(self.idle_since));
        let left = if self.is_timed {
            Some(self.streams.server.times.header)
        } else {
            self.patience.checked_sub(idle)
        };
        match left {
            Some(left) => self.deadline.set(left),
            None => self.end(Reason::NO_ERROR),
        }
        left.is_none()
    }

    /// Whether the socket takes too little of what is sent.
    fn is_stalled(&mut self) -> bool {
        let streams = &self.streams;
        // A client that makes its windows smaller leaves h2 with data of streams that have ended here.
        let waits = self.io.is_blocked() || (streams.running.get() == 0 && self.frames.has_streams());
        self.stall.is_over(self.deadline.now(), waits, self.io.taken(), &streams.server.times)
    }

    /// Ends the connection: streams that have not ended are reset.
    fn end(&mut self, reason: Reason) {
        if self.state == State::Idle {
            let _ = self.streams.server.end_rest(self.deadline);
        }
        self.state = State::Ending;
        self.lingers = reason != Reason::NO_ERROR;
        self.frames.abrupt_shutdown(reason);
        self.deadline.set(FAREWELL);
    }
}
