//! The client's end of a connection.

use super::{times::Times, watch::Watch};
use crate::{
    connection::{Buffer, Deadline, Peer, PeerText, Socket},
    wire::{ChunkDecoder, ResponseHead},
};

/// Buffers that a connection has only while it works; a core keeps a stack of them.
#[derive(Debug, Default)]
pub struct Scratch {
    /// From the client.
    pub input: Buffer,
    /// To the client.
    pub to_client: Vec<u8>,
    /// To the app.
    pub to_app: Vec<u8>,
    /// From the app.
    pub from_app: Buffer,
    /// The app's head.
    pub response: ResponseHead,
}

/// The client's end.
#[derive(Debug)]
pub struct Downstream {
    /// The stream.
    pub socket: Socket,
    /// Who is there.
    pub peer: Peer,
    /// Who is there, as text.
    pub peer_text: PeerText,
    /// The one deadline of the connection's task.
    pub deadline: Deadline,
    /// The buffers.
    pub scratch: Box<Scratch>,
    /// The longest waits.
    pub times: Times,
    /// What is left of the request's body.
    pub incoming: Incoming,
    /// Looks at the body before it goes on; `None` = nothing in it matters.
    pub(crate) watch: Option<Box<Watch>>,
    /// Whether anything of a final answer has been sent.
    pub answered: bool,
    /// Whether the client waits for `100 Continue`.
    pub continue_wanted: bool,
    /// Whether the connection ends with a reset.
    pub(super) is_reset: bool,
    /// Bytes of this request's body so far.
    pub bytes_in: u64,
    /// Bytes of this answer so far, its head included.
    pub bytes_out: u64,
}

/// What is left of a request's body.
#[derive(Debug)]
pub enum Incoming {
    /// Nothing.
    Done,
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Box<ChunkDecoder>),
}
