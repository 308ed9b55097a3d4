//! The client's end of a connection: heads in, bodies in, answers out.

mod answer;
mod body_error;
mod client;
mod ending;
mod times;
mod watch;

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use crate::wire::{ChunkStep, Framing, HeadLimits, Reject, RequestHead, Scan, empty_lines};

use super::{Deadline, Remote, Socket};

pub use body_error::BodyError;
pub use client::Incoming;
pub use client::{Downstream, Scratch};
pub use times::Times;

/// How the wait for a head ended.
#[derive(Debug)]
pub enum Arrival {
    /// A whole head.
    Head,
    /// Nothing has come after all: the runtime takes a new socket for readable until it is read from.
    Nothing,
    /// The client has gone, or has been idle for too long.
    Closed,
    /// The head broke a rule.
    Rejected(Reject),
    /// The head did not come in time.
    TooSlow,
}

/// A small rest of a body is read, so that the connection can be used again.
const DRAIN: u64 = 64 * 1024;

impl Scratch {
    /// Whether one request made a buffer much larger than most need.
    #[must_use]
    pub fn is_swollen(&self) -> bool {
        const USUAL: usize = 64 * 1024;
        self.to_client
            .capacity()
            .max(self.to_app.capacity())
            .max(self.input.capacity())
            .max(self.from_app.capacity())
            > USUAL
    }

    /// Forgets what is held.
    pub fn clear(&mut self) {
        self.input.clear();
        self.from_app.clear();
        self.to_client.clear();
        self.to_app.clear();
    }
}

impl Downstream {
    /// A client's end with borrowed buffers.
    #[must_use]
    pub fn new(
        socket: Socket,
        remote: Remote,
        deadline: Deadline,
        scratch: Box<Scratch>,
        times: Times,
    ) -> Self {
        Self {
            socket,
            peer: remote.peer,
            peer_text: remote.text,
            deadline,
            scratch,
            times,
            incoming: Incoming::Done,
            watch: None,
            answered: false,
            is_reset: false,
            continue_wanted: false,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Gives the stream and the buffers back.
    #[must_use]
    pub fn into_parts(self) -> (Socket, Box<Scratch>) {
        (self.socket, self.scratch)
    }

    /// Reads until a head is whole; its first byte is not waited for.
    pub async fn arrival(&mut self, head: &mut RequestHead, limits: &HeadLimits) -> Arrival {
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
        self.deadline.set(self.times.header);
        loop {
            match head.scan(self.scratch.input.filled(), limits) {
                Err(reject) => return Arrival::Rejected(reject),
                Ok(Scan::Complete(count)) => {
                    self.scratch.input.consume(count);
                    self.begin(head);
                    return Arrival::Head;
                }
                Ok(Scan::Partial) => {}
            }
            if self.scratch.input.space().is_empty() {
                let wanted = (self.scratch.input.capacity() * 2).min(limits.bytes + 1024);
                self.scratch.input.grow(wanted);
            }
            match poll_fn(|cx| self.poll_input(cx)).await {
                Ok(0) => return Arrival::Closed,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return self.too_slow(),
                Err(_) => return Arrival::Closed,
            }
        }
    }

    /// Empty lines alone begin no request: an answer to them would be mistaken for that of the next one.
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

    /// Fills the input, bounded by the deadline ([`io::ErrorKind::TimedOut`]).
    pub(crate) fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.socket.poll_fill(cx, &mut self.scratch.input) {
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            other => other,
        }
    }

    /// Reads a whole body. All of it has one deadline, which moves as long as enough of it comes.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn collect(&mut self, limit: u64) -> Result<Vec<u8>, BodyError> {
        if matches!(self.incoming, Incoming::Length(count) if count > limit) {
            return Err(BodyError::TooLarge);
        }
        let mut body = Vec::new();
        let begun = self.deadline.now();
        loop {
            // A client that sends its body does not wait for a word.
            self.continue_wanted &= self.scratch.input.is_empty();
            self.take(&mut body)?;
            if body.len() as u64 > limit {
                return Err(BodyError::TooLarge);
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

    /// Moves what has been read of the body to `body`.
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

    /// Tells a client that waits for it to send its body.
    pub(crate) async fn say_continue(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.continue_wanted) {
            return Ok(());
        }
        self.scratch.to_client.clear();
        self.scratch.to_client.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        self.flush().await
    }

    /// Writes all of `to_client`.
    ///
    /// # Errors
    /// When the client has gone, or takes nothing for too long.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        let whole = self.times.write.max(self.times.at_min_rate(self.scratch.to_client.len() as u64));
        let begun = self.deadline.now();
        self.deadline.set(self.times.write);
        poll_fn(|cx| {
            loop {
                let rest = self.scratch.to_client.get(sent..).unwrap_or_default();
                if rest.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                match self.socket.poll_write(cx, rest) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => {
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

    /// Whether what begun then has taken longer; without a least rate, a client may take as long as it likes.
    fn has_taken(&self, begun: u64, longest: Duration) -> bool {
        self.times.min_rate.is_some()
            && Duration::from_millis(self.deadline.now().saturating_sub(begun)) > longest
    }

    /// Whether a small rest of the body can be read away, so that the connection can go on.
    ///
    /// A client that still waits for `100 Continue` may or may not send its body: that connection ends.
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

    /// Whether the whole body has come.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.incoming, Incoming::Done)
    }

    /// Whether what is left of the body is little enough to be read away.
    #[must_use]
    pub fn is_small(&self) -> bool {
        !self.continue_wanted && matches!(self.incoming, Incoming::Length(left) if left <= DRAIN)
    }
}
