//! The state of an exchange.

use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::{
    connection::{Downstream, Socket},
    forward::{Forwarder, Hangup, TokenCheck, headers::Delivery},
    wire::{ChunkDecoder, RequestHead},
};

/// The state of one exchange.
pub(super) struct Exchange<'x> {
    pub(super) down: &'x mut Downstream,
    pub(super) head: &'x RequestHead,
    pub(super) up: Socket,
    pub(super) forwarder: &'x Forwarder,
    /// Bytes of `to_app` and `to_client` that have been written.
    pub(super) sent: usize,
    pub(super) delivered: usize,
    /// Whether the whole request is in `to_app`, so that it can be sent again.
    pub(super) whole: bool,
    /// Whether the app has received a byte.
    pub(super) begun: bool,
    /// Whether the upload has failed. The app may have answered all the same.
    pub(super) deaf: bool,
    /// Whether bytes of an unfinished answer have arrived since the last acknowledgement.
    pub(super) unacknowledged: bool,
    /// Whether the app's connection is closed after this request, because its state would not be known.
    pub(super) alone: bool,
    /// Watches a client that has closed its sending side.
    pub(super) hangup: Option<Hangup>,
    pub(super) phase: Phase,
    pub(super) delivery: Delivery,
    pub(super) wait: Option<Wait>,
    pub(super) pace: Pace,
    pub(super) token_check: Option<TokenCheck<'x>>,
    /// The gate's fields of CORS.
    pub(super) cors: Option<&'x [u8]>,
    /// The pulse of the last check.
    pub(super) pulse: u32,
    pub(super) interim: u32,
    pub(super) keep_alive: bool,
    /// `None`: its time is of no interest.
    pub(super) started: Option<Instant>,
    pub(super) answered: Duration,
}

/// The state of the answer.
pub(super) enum Phase {
    Head,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
    Switched,
    Done,
}

/// The event that an exchange waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The client reads the answer.
    Client,
    /// The client sends more of its body.
    Body,
    /// The app reads the request.
    App,
    /// The answer's head, after the request has been sent. Single bytes do not extend the time.
    Head,
    /// The rest of an answer with a known length.
    Rest,
    /// More of a stream, without a timeout.
    Stream,
}

pub(super) enum Ended {
    /// The answer has been delivered.
    Whole,
    /// The answer was 101; the following bytes are not HTTP.
    Switched,
    /// The connection ended before a byte of the answer arrived, and the request may be sent again.
    Stale,
}

/// The first piece of a body is sent in one write with its head, up to this size in bytes.
pub(super) const TOGETHER: usize = 16 * 1024;
