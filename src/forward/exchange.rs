//! Exchanges one request and its answer with the app. One task drives both directions.
//!
//! Each direction has one buffer, and no task is spawned. The task polls two pumps in turn: `upload` moves the
//! request, `download` the answer. An app may answer before it has read the whole request.

mod download;
mod end;
mod opening;
mod pace;
mod state;
mod upload;

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    connection::{BodyError, Downstream, Socket},
    policy::Permit,
    wire::{RequestHead, ResponseHead},
};

use self::pace::Pace;
use super::{
    ForwardError, Forwarder, HostName, Outgoing,
    headers::Delivery,
    pool::{Attempt, Connected, Connection, Reuse, Server, Terms},
    sender::Sender,
};
use state::{Ended, Exchange, Phase, TOGETHER, Wait};

/// The result of a forwarded request.
#[derive(Clone, Debug)]
pub struct Exchanged<'s> {
    /// The status of the app's answer.
    pub status: u16,
    /// The app's server as logs name it.
    pub server: &'s str,
    /// The time from the request's first byte to the answer's head.
    pub elapsed: Duration,
    /// Whether the client's connection can be reused.
    pub keep_alive: bool,
}

/// A request that was not answered, or not to the end.
#[derive(Debug)]
pub struct Failed<'s> {
    /// Why.
    pub error: ForwardError,
    /// The server that was chosen last, as logs name it; `None` = none was.
    pub server: Option<&'s str>,
}

/// The largest number of interim answers. More are of no use to a client.
pub(super) const MOST_INTERIM: u32 = 8;

impl Forwarder {
    /// Forwards a permitted request and delivers the answer.
    ///
    /// # Errors
    /// [`Failed`]. If `down.answered` is false, no byte of an answer has been sent, and a refusal can be.
    pub async fn forward<'s>(
        &'s self,
        _permit: Permit<'_>,
        head: &RequestHead,
        down: &mut Downstream,
        outgoing: &Outgoing<'_>,
    ) -> Result<Exchanged<'s>, Failed<'s>> {
        let mut attempt = Attempt::default();
        let exchanged = self.exchange(head, down, outgoing, &mut attempt).await;
        exchanged.map_err(|error| Failed { error, server: attempt.chosen.map(|server| &*server.name) })
    }

    async fn exchange<'s>(
        &'s self,
        head: &RequestHead,
        down: &mut Downstream,
        outgoing: &Outgoing<'_>,
        attempt: &mut Attempt<'s>,
    ) -> Result<Exchanged<'s>, ForwardError> {
        let reads_bodies = self.settings.reads_bodies && !self.leaves_bodies.get();
        let alone = opening::open(down, head, outgoing, reads_bodies)?.alone;
        attempt.reuse = if alone { Reuse::Fresh } else { Reuse::Idle };
        // Only requests with a token need the pulse.
        let _watched = outgoing.token_check.map(|_| down.deadline.watch());
        loop {
            let sender = Sender::Client(outgoing.client, &down.socket);
            let Connected { server, connection, reused, active: _active } =
                self.open(sender, &down.deadline, attempt).await?;
            // Known only now: each server may have another name.
            if self.settings.host == HostName::Server {
                opening::set_host(&mut down.scratch.to_app, server.host());
            }
            if server.is_http2() && head.accepts_trailers() {
                opening::accept_trailers(&mut down.scratch.to_app);
            }
            let Connection { socket, terms } = connection;
            let mut exchange = Exchange::new(down, head, outgoing, socket, self);
            exchange.alone = alone || head.websocket_key().is_some();
            match exchange.run().await {
                Ok(Ended::Stale) if exchange.up.is_unsendable() => return Err(ForwardError::Unsendable),
                // Once only: a new connection cannot be stale.
                Ok(Ended::Stale) if !attempt.is_second && (reused || exchange.up.is_unprocessed()) => {
                    attempt.repeat();
                }
                // Once only: a request that ends two servers may end them all.
                Ok(Ended::Stale) if attempt.avoid.is_none() && self.pool.size() > 1 => {
                    server.unanswered();
                    attempt.avoid = Some(server);
                }
                Ok(Ended::Stale) => {
                    server.unanswered();
                    return Err(server.cut(reused || attempt.is_second));
                }
                Ok(Ended::Switched) => return exchange.tunnel(server).await,
                Ok(Ended::Whole) => {
                    server.answered();
                    if !reused && may_leave_bodies(&exchange.down.scratch.response) {
                        self.leaves_bodies.set(true);
                    }
                    return Ok(exchange.finish(server, terms));
                }
                Err(error) => {
                    if !exchange.down.answered {
                        server.failed(&error);
                    }
                    let known = reused || attempt.is_second || !exchange.is_silent();
                    return Err(if matches!(error, ForwardError::Cut) { server.cut(known) } else { error });
                }
            }
        }
    }
}

impl<'x> Exchange<'x> {
    fn new(
        down: &'x mut Downstream,
        head: &'x RequestHead,
        outgoing: &Outgoing<'x>,
        up: Socket,
        forwarder: &'x Forwarder,
    ) -> Self {
        let (whole, pulse) = (down.is_done(), down.deadline.pulse());
        Self {
            down,
            head,
            up,
            forwarder,
            sent: 0,
            delivered: 0,
            whole,
            begun: false,
            deaf: false,
            unacknowledged: false,
            alone: false,
            hangup: None,
            phase: Phase::Head,
            delivery: Delivery::Empty,
            wait: None,
            pace: Pace::default(),
            token_check: outgoing.token_check,
            cors: outgoing.cors,
            pulse,
            interim: 0,
            keep_alive: head.keep_alive(),
            started: outgoing.is_timed.then(Instant::now),
            answered: Duration::ZERO,
        }
    }

    async fn run(&mut self) -> Result<Ended, ForwardError> {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        // Behind a part of an interim answer nothing else can be sent, either.
        self.down.answered |= self.delivered > 0;
        if ended.as_ref().is_err_and(|error| self.has_to_reset(error)) {
            self.down.reset();
        }
        ended
    }

    /// Whether the client's connection must be reset. An orderly close would look like the end of an answer
    /// that is delimited by it (RFC 9112 section 8), and would keep bytes that the client does not read.
    fn has_to_reset(&self, error: &ForwardError) -> bool {
        matches!(error, ForwardError::ClientStuck)
            || (self.down.answered && self.delivery == Delivery::UntilClose)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, ForwardError>> {
        // Compared below: a byte in either direction restarts the timeout.
        let before = self.progress();
        self.look_around()?;
        match self.advance(cx) {
            // An app may close an idle connection at the moment at which it is reused (RFC 9112 section 9.3.1).
            Err(ForwardError::Cut) if self.may_be_repeated() => return Poll::Ready(Ok(Ended::Stale)),
            other => other?,
        }
        if self.is_over() {
            let switched = matches!(self.phase, Phase::Switched);
            return Poll::Ready(Ok(if switched { Ended::Switched } else { Ended::Whole }));
        }
        let wait = self.waiting_for();
        let of_client = |wait| matches!(wait, Wait::Client | Wait::Body);
        if (of_client(wait) || self.wait.is_some_and(of_client)) && self.is_too_slow(wait) {
            return Poll::Ready(Err(wait.missed()));
        }
        if self.wait != Some(wait) || (wait != Wait::Head && before != self.progress()) {
            self.wait = Some(wait);
            self.longest(wait)
                .map_or_else(|| self.down.deadline.clear(), |longest| self.down.deadline.set(longest));
        }
        if self.down.deadline.passed(cx) {
            return Poll::Ready(Err(wait.missed()));
        }
        Poll::Pending
    }

    /// Moves both directions on without waiting.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), ForwardError> {
        if self.whole && self.sent >= self.down.scratch.to_app.len() {
            // The request has been sent, so the answer comes next and most likely ends the exchange.
            self.download(cx)?;
            if self.is_over() {
                return Ok(());
            }
            return self.watch_client(cx);
        }
        self.upload(cx)?;
        self.download(cx)
    }

    /// Whether the answer has been delivered.
    fn is_over(&self) -> bool {
        let is_out = self.down.scratch.to_client.is_empty() && !self.down.socket.has_unsent();
        matches!(self.phase, Phase::Done | Phase::Switched) && is_out
    }

    /// Whether the request can be sent again: no byte of an answer has arrived, and the app has received
    /// nothing of the request or has not seen it, or the method is idempotent (RFC 9110 section 9.2.2).
    fn may_be_repeated(&self) -> bool {
        self.is_silent()
            && (!self.begun
                || (self.whole && (is_idempotent(self.head.method()) || self.up.is_unprocessed())))
    }

    /// Whether no byte of an answer has arrived.
    fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Head) && self.interim == 0 && self.down.scratch.from_app.is_empty()
    }

    /// Changes whenever a byte was moved.
    fn progress(&self) -> (u64, u64, usize, usize) {
        (self.down.bytes_in, self.down.bytes_out, self.sent, self.down.scratch.from_app.len())
    }

    fn waiting_for(&self) -> Wait {
        let scratch = &self.down.scratch;
        // The rest of a body with a known length is written to the client directly from `from_app`.
        let undelivered = matches!(self.phase, Phase::Length(_)) && !scratch.from_app.is_empty();
        if undelivered || !scratch.to_client.is_empty() || self.down.socket.has_unsent() {
            return Wait::Client;
        }
        let taken = self.sent >= scratch.to_app.len();
        match self.phase {
            Phase::Head if self.deaf || (self.down.is_done() && taken) => Wait::Head,
            Phase::Head if taken && scratch.input.is_empty() => Wait::Body,
            Phase::Head => Wait::App,
            Phase::Length(_) => Wait::Rest,
            _ => Wait::Stream,
        }
    }

    /// The timeout of a wait; `None` = none.
    fn longest(&self, wait: Wait) -> Option<Duration> {
        match wait {
            Wait::Client => Some(self.down.times.write),
            Wait::Body => self.left_for_body(),
            Wait::App | Wait::Head | Wait::Rest => Some(self.forwarder.settings.response_timeout),
            Wait::Stream => None,
        }
    }

    /// Returns the connection to the pool if neither side has unread bytes.
    fn finish(self, server: &Server, terms: Terms) -> Exchanged<'_> {
        let scratch = &self.down.scratch;
        let response = &scratch.response;
        // Every condition is about bytes that the next request could take for its own.
        let clean = !self.alone
            && response.keep_alive()
            && self.down.is_done()
            && !self.deaf
            && self.sent >= scratch.to_app.len()
            && scratch.from_app.is_empty();
        if clean {
            let connection = Connection { socket: self.up, terms };
            server.give(connection, kept_for(response.keep_alive_field()), self.forwarder.deadlines.now());
        }
        Exchanged {
            status: response.status(),
            server: &server.name,
            elapsed: self.answered,
            keep_alive: self.keep_alive,
        }
    }

    async fn tunnel(self, server: &Server) -> Result<Exchanged<'_>, ForwardError> {
        let ended =
            Exchanged { status: 101, server: &server.name, elapsed: self.answered, keep_alive: false };
        super::tunnel::run(self.down, self.up, &self.forwarder.deadlines, self.token_check).await;
        Ok(ended)
    }
}

impl Wait {
    /// The error of a wait that timed out.
    fn missed(self) -> ForwardError {
        match self {
            Self::Client => ForwardError::ClientStuck,
            Self::Body => ForwardError::Body(BodyError::TooSlow),
            Self::App | Self::Head | Self::Rest | Self::Stream => ForwardError::ResponseTimeout,
        }
    }
}

/// Whether the app is a handler of Python's `http.server`. Such handlers are written by hand. If one answers a POST
/// without reading it, it reads the body as the next request.
fn may_leave_bodies(response: &ResponseHead) -> bool {
    let server = response.field("server").unwrap_or_default();
    server.starts_with(b"BaseHTTP/") || server.starts_with(b"SimpleHTTP/")
}

/// Idempotent methods of IANA's registry that apps use.
fn is_idempotent(method: &str) -> bool {
    matches!(
        method,
        "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "PROPFIND" | "REPORT" | "SEARCH" | "QUERY"
    )
}

/// The idle time of `Keep-Alive: timeout=5`, one second less, so that the gate closes before the app does.
pub(super) fn kept_for(field: Option<&[u8]>) -> Option<Duration> {
    let text = std::str::from_utf8(field?).ok()?;
    let (_, rest) = text.split_once("timeout=")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u64>().ok().map(|seconds| Duration::from_secs(seconds.saturating_sub(1)))
}
