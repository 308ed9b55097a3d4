//! The downstream side of a connection: reads heads and bodies, writes answers.

mod answer;
mod body_error;
mod client;
mod ending;
mod times;
mod watch;

use std::{
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use crate::wire::{ChunkStep, Framing, HeadLimits, Reject, RequestHead, Scan, empty_lines};

use super::{
    Deadline, Peer, Socket,
    allowance::{Share, is_scarce},
};

pub use body_error::BodyError;
pub use client::Incoming;
pub use client::{Downstream, Scratch};
pub use times::Times;

/// The result of waiting for a request head.
#[derive(Debug)]
pub enum Arrival {
    /// A complete head.
    Head,
    /// No bytes yet: the runtime reports a new socket as readable until the first read.
    Nothing,
    /// The client has closed, or was idle for too long.
    Closed,
    /// The head is malformed.
    Rejected(Reject),
    /// The head did not arrive in time.
    TooSlow,
    /// The memory for buffers is used up.
    Overloaded,
}

/// The rest of a body up to this size is read and discarded, so that the connection can be reused.
const DRAIN: u64 = 64 * 1024;
/// The part of a head that each connection has memory for anyway, in bytes.
pub const SMALL_HEAD: usize = 4 * 1024;
/// The part of a body in memory that does not count towards `server.max_buffer_bytes`, in bytes.
const SMALL_BODY: usize = 4 * 1024;

impl Scratch {
    /// Whether a request made a buffer much larger than most need, or larger than it was at first while memory is scarce.
    /// Such a set is not kept.
    #[must_use]
    pub fn is_swollen(&self) -> bool {
        const USUAL: usize = 64 * 1024;
        let has_grown = || self.input.has_grown() || self.from_app.has_grown();
        self.to_client
            .capacity()
            .max(self.to_app.capacity())
            .max(self.input.capacity())
            .max(self.from_app.capacity())
            > USUAL
            || (is_scarce() && has_grown())
    }

    /// Discards the content of all buffers.
    pub fn clear(&mut self) {
        self.input.clear();
        self.from_app.clear();
        self.to_client.clear();
        self.to_app.clear();
    }
}

impl Downstream {
    /// The downstream side of a connection with borrowed buffers.
    #[must_use]
    pub fn new(
        socket: Socket,
        peer: Peer,
        deadline: Deadline,
        scratch: Box<Scratch>,
        times: Rc<Times>,
    ) -> Self {
        Self {
            socket,
            peer,
            deadline,
            scratch,
            times,
            incoming: Incoming::Done,
            watch: None,
            share: Share::default(),
            strict_transport: None,
            answered: false,
            is_reset: false,
            continue_wanted: false,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Returns the socket and the buffers.
    #[must_use]
    pub fn into_parts(self) -> (Socket, Box<Scratch>) {
        (self.socket, self.scratch)
    }

    /// Reads a head. Its first byte must have arrived.
    pub async fn arrival(&mut self, head: &mut RequestHead, limits: &HeadLimits) -> Arrival {
        // The request before has ended.
        self.share = Share::default();
        if self.scratch.input.is_empty() {
            let first = poll_fn(|cx| match self.socket.poll_fill(cx, &mut self.scratch.input) {
                Poll::Pending => Poll::Ready(None),
                other => other.map(Some),
            });
            match first.await {
                None => return Arrival::Nothing,
                Some(Ok(count)) if count > 0 => {}
                Some(_) => return Arrival::Closed,
            }
        }
        // From the first byte to the last, however the bytes are spread: a slow head is an attack or a broken
        // client.
        self.deadline.set(self.times.header);
        loop {
            match head.scan(self.scratch.input.filled(), limits) {
                Err(reject) => return Arrival::Rejected(reject),
                Ok(Scan::Complete(count)) => {
                    if count > SMALL_HEAD && !self.may_hold(count) {
                        return Arrival::Overloaded;
                    }
                    self.scratch.input.consume(count);
                    self.begin(head);
                    return Arrival::Head;
                }
                Ok(Scan::Partial) => {}
            }
            if self.scratch.input.space().is_empty() {
                // A little more than the limit, so that the scanner sees the excess and names it.
                let wanted = (self.scratch.input.capacity() * 2).min(limits.bytes + 1024);
                if !self.scratch.input.may_grow(wanted) {
                    return Arrival::Overloaded;
                }
            }
            match poll_fn(|cx| self.poll_input(cx)).await {
                Ok(0) => return Arrival::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return self.too_slow(),
                Err(_) => return Arrival::Closed,
            }
        }
    }

    /// Only empty lines are no request. An answer to them would be taken for the answer to the next request.
    fn too_slow(&self) -> Arrival {
        let input = self.scratch.input.filled();
        if empty_lines(input) == input.len() { Arrival::Closed } else { Arrival::TooSlow }
    }

    fn begin(&mut self, head: &RequestHead) {
        self.incoming = match head.framing() {
            Framing::Length(count) if count > 0 => Incoming::Length(count),
            Framing::Chunked => Incoming::Chunked(Box::default()),
            _ => Incoming::Done,
        };
        self.continue_wanted = head.expects_continue() && !matches!(self.incoming, Incoming::Done);
        self.watch = None;
        self.answered = false;
        self.bytes_in = 0;
        self.bytes_out = 0;
    }

    /// Takes the memory of a head of so many bytes from the core's allowance: that of its copy in [`RequestHead`], and of the
    /// buffer to the app. `false` if it is used up.
    fn may_hold(&mut self, head: usize) -> bool {
        self.share.extend(2 * head.saturating_sub(SMALL_HEAD))
    }

    /// Reads into the input, until the deadline ([`io::ErrorKind::TimedOut`]).
    pub(crate) fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.socket.poll_fill(cx, &mut self.scratch.input) {
            // Asked only when there is no data: a deadline that passes together with data does not lose it.
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            other => other,
        }
    }

    /// Reads the whole body. Its deadline moves on while enough bytes arrive.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn collect(&mut self, limit: u64) -> Result<Vec<u8>, BodyError> {
        // Before the first byte is read, so that a client that waits for `100 Continue` never sends the body.
        if matches!(self.incoming, Incoming::Length(count) if count > limit) {
            return Err(BodyError::TooLarge);
        }
        let (mut body, held) = (Vec::new(), self.share.bytes());
        let begun = self.deadline.now();
        loop {
            // A client that already sends its body does not wait for `100 Continue`.
            self.continue_wanted &= self.scratch.input.is_empty();
            self.take(&mut body)?;
            if body.len() as u64 > limit {
                return Err(BodyError::TooLarge);
            }
            // A small body is a part of what each connection has anyway.
            if !self.share.extend(held + body.capacity().saturating_sub(SMALL_BODY)) {
                return Err(BodyError::Overloaded);
            }
            if matches!(self.incoming, Incoming::Done) {
                return Ok(body);
            }
            self.say_continue().await.map_err(|_| BodyError::Gone)?;
            let spent = Duration::from_millis(self.deadline.now().saturating_sub(begun));
            let Some(left) = self.times.for_body(body.len() as u64).checked_sub(spent) else {
                return Err(BodyError::TooSlow);
            };
            self.deadline.set(left.min(self.times.body));
            match poll_fn(|cx| self.poll_input(cx)).await {
                Ok(0) => return Err(BodyError::Gone),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(BodyError::TooSlow),
                Err(_) => return Err(BodyError::Gone),
            }
        }
    }

    /// Moves the received part of the body to `body`.
    fn take(&mut self, body: &mut Vec<u8>) -> Result<(), BodyError> {
        loop {
            let filled = self.scratch.input.filled();
            match &mut self.incoming {
                Incoming::Done => return Ok(()),
                Incoming::Length(left) => {
                    let count = filled.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    body.extend_from_slice(filled.get(..count).unwrap_or_default());
                    *left -= count as u64;
                    self.bytes_in += count as u64;
                    let done = *left == 0;
                    self.scratch.input.consume(count);
                    if done {
                        self.incoming = Incoming::Done;
                    }
                    return Ok(());
                }
                Incoming::Chunked(decoder) => {
                    let (used, step) = decoder.decode(filled).map_err(BodyError::Broken)?;
                    let (mut done, mut more) = (false, false);
                    match step {
                        ChunkStep::Data(data) => {
                            body.extend_from_slice(data);
                            self.bytes_in += data.len() as u64;
                        }
                        ChunkStep::Done => done = true,
                        ChunkStep::More => more = true,
                    }
                    self.scratch.input.consume(used);
                    if done {
                        self.incoming = Incoming::Done;
                    }
                    if more {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Sends `100 Continue` if the client waits for it.
    pub(crate) async fn say_continue(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.continue_wanted) {
            return Ok(());
        }
        self.scratch.to_client.clear();
        self.scratch.to_client.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        self.flush().await
    }

    /// Writes all bytes of `to_client`.
    ///
    /// # Errors
    /// When the client has closed, or does not read in time.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        // A client that reads a byte now and then would extend the other deadline for ever.
        let whole = self.times.write.max(self.times.at_min_rate(self.scratch.to_client.len() as u64));
        let begun = self.deadline.now();
        self.deadline.set(self.times.write);
        poll_fn(|cx| {
            loop {
                match self.poll_write_rest(cx, sent) {
                    Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(Some(0))) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(Some(count))) => {
                        sent += count;
                        self.bytes_out += count as u64;
                        self.deadline.set(self.times.write);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending if self.deadline.passed(cx) || self.has_taken(begun, whole) => {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Writes on behind what has been sent; `None` when all of it is out.
    fn poll_write_rest(&mut self, cx: &mut Context<'_>, sent: usize) -> Poll<io::Result<Option<usize>>> {
        let rest = self.scratch.to_client.get(sent..).unwrap_or_default();
        if rest.is_empty() {
            return self.socket.poll_flush(cx).map_ok(|()| None);
        }
        self.socket.poll_write(cx, rest).map_ok(Some)
    }

    /// Whether a write has taken too long. Without `min_rate` a client may read as slowly as it likes.
    fn has_taken(&self, begun: u64, longest: Duration) -> bool {
        self.times.min_rate.is_some()
            && Duration::from_millis(self.deadline.now().saturating_sub(begun)) > longest
    }

    /// Reads and discards the rest of the body if it is small. `false` if the connection must be closed.
    ///
    /// A client that still waits for `100 Continue` may or may not send its body, so the next bytes would be
    /// ambiguous.
    pub async fn drain(&mut self) -> bool {
        if self.continue_wanted {
            return false;
        }
        match self.incoming {
            Incoming::Done => true,
            Incoming::Length(left) if left > DRAIN => false,
            Incoming::Length(_) | Incoming::Chunked(_) => self.collect(DRAIN).await.is_ok(),
        }
    }

    /// Whether the whole body has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.incoming, Incoming::Done)
    }

    /// Whether the rest of the body is small enough to be discarded.
    #[must_use]
    pub fn is_small(&self) -> bool {
        !self.continue_wanted && matches!(self.incoming, Incoming::Length(left) if left <= DRAIN)
    }
}
