//! The state of the downstream side of a connection.

use std::rc::Rc;

use std::sync::Arc;

use super::{times::Times, watch::Watch};
use crate::{
    connection::{Buffer, Deadline, Peer, Socket, allowance::Share},
    wire::{ChunkDecoder, ResponseHead},
};

/// Buffers that a connection has only during a request. A core keeps a stack of them, so that idle connections
/// cost little memory.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Bytes from the client.
    pub input: Buffer,
    /// Bytes to the client.
    pub to_client: Vec<u8>,
    /// Bytes to the app.
    pub to_app: Vec<u8>,
    /// Bytes from the app.
    pub from_app: Buffer,
    /// The head of the app's answer.
    pub response: ResponseHead,
}

/// The downstream side of a connection.
#[derive(Debug)]
pub struct Downstream {
    /// The client's socket.
    pub socket: Socket,
    /// The peer's address.
    pub peer: Peer,
    /// The deadline of the connection's task.
    pub deadline: Deadline,
    /// The buffers.
    pub scratch: Box<Scratch>,
    /// The timeouts.
    pub times: Rc<Times>,
    /// The rest of the request's body.
    pub incoming: Incoming,
    /// The scanner of a body that is inspected before it is forwarded; `None` = nothing is inspected.
    pub(crate) watch: Option<Box<Watch>>,
    /// What the current request takes of the core's allowance, besides its buffers: for its head in the buffer to the app,
    /// and for a body that is read before the decision.
    pub(in crate::connection) share: Share,
    /// The value of `Strict-Transport-Security` in each answer.
    pub strict_transport: Option<Arc<str>>,
    /// Whether any byte of a final answer has been sent. After that no refusal can be sent.
    pub answered: bool,
    /// Whether the client waits for `100 Continue`.
    pub continue_wanted: bool,
    /// Whether the connection is closed with a reset.
    pub(super) is_reset: bool,
    /// Bytes of this request's body so far.
    pub bytes_in: u64,
    /// Bytes of this answer so far, including its head.
    pub bytes_out: u64,
}

/// The rest of a request's body.
#[derive(Debug)]
pub enum Incoming {
    /// The body is complete.
    Done,
    /// The number of bytes left.
    Length(u64),
    /// Chunked coding.
    Chunked(Box<ChunkDecoder>),
}
