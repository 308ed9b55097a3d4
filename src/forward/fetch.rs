//! A GET of our own to the app: the look-up of a row's owner.

use std::{future::poll_fn, io, task::Poll};

use crate::wire::{ChunkDecoder, ChunkStep, Framing, ResponseHead, Scan, SwitchError};

use super::{
    Buffer, Deadline, ForwardError, Forwarder, Socket,
    exchange::{MOST_INTERIM, kept_for},
    pool::{Connected, Reuse, Server},
};

/// The app's answer to a look-up.
#[derive(Debug)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// The wanted header's value, if one was wanted and is there.
    pub header: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A row that a decision needs is at most this large.
const LARGEST_ROW: usize = 1024 * 1024;

impl Forwarder {
    /// Asks the app for `target`, without any credential of the client, and marked as a look-up
    /// (INTERFACE.md section 5). `header`: the one response header that is wanted.
    ///
    /// # Errors
    /// [`ForwardError`]: whoever asked has to refuse.
    pub async fn fetch(
        &self,
        target: &str,
        header: Option<&str>,
        request_id: &str,
    ) -> Result<Fetched, ForwardError> {
        let deadline = self.deadlines.deadline();
        let mut reuse = Reuse::Idle;
        loop {
            let Connected { server, socket, reused, active: _active } =
                self.open(std::net::IpAddr::from([127, 0, 0, 1]), &deadline, reuse).await?;
            let host = match &server.address {
                super::Address::Tcp(authority) => authority.as_str(),
                super::Address::Unix(_) => "localhost",
            };
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nX-Portcullis-Lookup: owner\r\nX-Request-Id: {request_id}\r\n\r\n"
            );
            // For the whole row: a decision waits for it.
            deadline.set(self.settings.response_timeout);
            let mut lookup = Lookup::new(socket, &deadline);
            // A look-up is a GET, so it may be sent twice.
            let answer = match lookup.write(request.as_bytes()).await {
                Ok(()) => lookup.read(self, server, header).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(ForwardError::Cut) if reused => reuse = Reuse::Fresh,
                other => return other,
            }
        }
    }
}

/// One GET and its answer on one connection.
pub(super) struct Lookup<'l> {
    up: Socket,
    deadline: &'l Deadline,
    input: Buffer,
    response: ResponseHead,
}

impl<'l> Lookup<'l> {
    pub(super) fn new(up: Socket, deadline: &'l Deadline) -> Self {
        Self { up, deadline, input: Buffer::default(), response: ResponseHead::default() }
    }

    /// Sends the request.
    pub(super) async fn write(&mut self, mut rest: &[u8]) -> Result<(), ForwardError> {
        while !rest.is_empty() {
            let written = poll_fn(|cx| match self.up.poll_write(cx, rest) {
                Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                other => other,
            });
            match written.await {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                _ => return Err(ForwardError::Cut),
            }
        }
        Ok(())
    }

    /// Reads the answer, and gives the connection back if it was left clean.
    pub(super) async fn read(
        mut self,
        forwarder: &Forwarder,
        server: &Server,
        header: Option<&str>,
    ) -> Result<Fetched, ForwardError> {
        let mut interim = 0;
        loop {
            let limits = &forwarder.settings.response_head;
            match self.response.scan(self.input.filled(), limits, "GET").map_err(ForwardError::Broken)? {
                Scan::Partial => {
                    if self.fill().await? == 0 {
                        return Err(ForwardError::Cut);
                    }
                }
                Scan::Complete(count) => {
                    self.input.consume(count);
                    match self.response.status() {
                        101 => return Err(ForwardError::Switched(SwitchError::Unasked)),
                        100..200 if interim == MOST_INTERIM => return Err(ForwardError::Interim),
                        100..200 => interim += 1,
                        _ => break,
                    }
                }
            }
        }
        let body = self.body().await?;
        let header = header
            .and_then(|name| self.response.field(name))
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let status = self.response.status();
        if self.response.keep_alive()
            && self.response.framing() != Framing::UntilClose
            && self.input.is_empty()
        {
            server.give(self.up, kept_for(self.response.field("keep-alive")), forwarder.deadlines.now());
        }
        Ok(Fetched { status, header, body })
    }

    async fn body(&mut self) -> Result<Vec<u8>, ForwardError> {
        let mut body = Vec::new();
        let mut decoder = ChunkDecoder::default();
        let framing = self.response.framing();
        loop {
            let filled = self.input.filled();
            match framing {
                Framing::Empty => return Ok(body),
                Framing::Length(count) => {
                    let missing = usize::try_from(count)
                        .map_err(|_| ForwardError::RowTooLarge)?
                        .saturating_sub(body.len());
                    let piece = filled.get(..filled.len().min(missing)).unwrap_or_default();
                    body.extend_from_slice(piece);
                    let (used, done) = (piece.len(), piece.len() == missing);
                    self.input.consume(used);
                    if done {
                        return Ok(body);
                    }
                }
                Framing::UntilClose => {
                    body.extend_from_slice(filled);
                    self.input.clear();
                }
                Framing::Chunked => {
                    let (used, step) = decoder.decode(filled).map_err(ForwardError::Broken)?;
                    let (mut done, mut more) = (false, false);
                    match step {
                        ChunkStep::Data(data) => body.extend_from_slice(data),
                        ChunkStep::Done => done = true,
                        ChunkStep::More => more = true,
                    }
                    self.input.consume(used);
                    if done {
                        return Ok(body);
                    }
                    if !more {
                        continue;
                    }
                }
            }
            if body.len() > LARGEST_ROW {
                return Err(ForwardError::RowTooLarge);
            }
            if self.fill().await? == 0 {
                return if framing == Framing::UntilClose { Ok(body) } else { Err(ForwardError::Cut) };
            }
        }
    }

    async fn fill(&mut self) -> Result<usize, ForwardError> {
        if self.input.space().is_empty() {
            let wanted = self.input.capacity() * 2;
            self.input.grow(wanted);
        }
        let mut acknowledged = self.response.status() == 0;
        let filled = poll_fn(|cx| match self.up.poll_fill(cx, &mut self.input) {
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending if !std::mem::replace(&mut acknowledged, true) => {
                self.up.acknowledge();
                Poll::Pending
            }
            other => other,
        });
        match filled.await {
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(ForwardError::ResponseTimeout),
            Err(_) => Err(ForwardError::Cut),
        }
    }
}
