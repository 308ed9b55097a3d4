//! An exchange on its way.

use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::{
    connection::{Downstream, Socket},
    forward::{Forwarder, Hangup, Lease, headers::Delivery},
    wire::{ChunkDecoder, RequestHead},
};

/// The state of one exchange.
pub(super) struct Exchange<'x> {
    pub(super) down: &'x mut Downstream,
    pub(super) head: &'x RequestHead,
    pub(super) up: Socket,
    pub(super) forwarder: &'x Forwarder,
    /// How much of `to_app` and `to_client` has been written.
    pub(super) sent: usize,
    pub(super) delivered: usize,
    /// Whether the whole request lies in `to_app`, so that it could be sent again.
    pub(super) whole: bool,
    /// Whether the app has got a byte.
    pub(super) begun: bool,
    /// The app takes no more; its answer may be there all the same.
    pub(super) deaf: bool,
    /// Something of an unfinished answer has come since the app was last told so.
    pub(super) unacknowledged: bool,
    /// No other request follows on the app's connection: what the app makes of it after this one is not known.
    pub(super) alone: bool,
    /// The client sends no more.
    pub(super) hangup: Option<Hangup>,
    pub(super) phase: Phase,
    pub(super) delivery: Delivery,
    pub(super) wait: Option<Wait>,
    pub(super) pace: Pace,
    pub(super) lease: Option<Lease<'x>>,
    /// The pulse when it was last looked around.
    pub(super) pulse: u32,
    pub(super) interim: u32,
    pub(super) keep_alive: bool,
    pub(super) started: Instant,
    pub(super) answered: Duration,
}

/// Where the answer is.
pub(super) enum Phase {
    Head,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
    Switched,
    Done,
}

/// What an exchange waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The client takes what is sent to it.
    Client,
    /// The client sends more of its body.
    Body,
    /// The app takes the request.
    App,
    /// The answer's head, once the request is sent. The time does not start again with each byte.
    Head,
    /// The rest of an answer that has promised its length.
    Rest,
    /// A stream: as long as it lasts.
    Stream,
}

pub(super) enum Ended {
    /// The answer has been delivered.
    Whole,
    /// 101: what follows is not HTTP.
    Switched,
    /// The connection ended before anything of an answer came, and the request may be sent again.
    Stale,
}

/// The first piece of a body goes out in one write with its head, up to this size.
pub(super) const TOGETHER: usize = 16 * 1024;
