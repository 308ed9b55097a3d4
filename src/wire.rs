//! HTTP/1 as bytes: a strict scanner of heads, framing of bodies, chunks. No sockets.
//!
//! One reading of a message is the whole point: whatever two programs could read in two ways
//! (smuggling, path tricks) is refused here with a [`Reject`] that names the check, before any rule
//! is asked. `httparse` reads the fields; everything that it is lenient about is checked beside it.
//!
//! - [`RequestHead`] and [`ResponseHead`] keep a copy of the head and are reused: a warm scan
//!   allocates nothing unless it refuses.
//! - A scan keeps nothing between calls: call it again with the same bytes and more after
//!   [`Scan::Partial`].
//! - [`ChunkDecoder`] takes a chunked body apart in place.

use std::fmt;

mod chunk;
mod diagnose;
mod frames;
mod head;
mod host;
#[cfg(test)]
mod hostile;
mod method_override;
mod reject;
mod request;
mod response;
mod target;
mod websocket;

pub use self::chunk::{ChunkDecoder, ChunkStep, write_chunk_head};
pub use self::host::is_host;
pub use self::method_override::{Override, OverrideScanner, query_override};
pub use self::reject::Reject;
pub(crate) use self::request::empty_lines;
pub use self::request::{RequestHead, VIA};
pub use self::response::ResponseHead;
pub use self::websocket::{SwitchError, check_switch};
pub use frames::Frames;

/// Bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of a whole head.
    pub bytes: usize,
    /// Number of fields, at most [`MAX_FIELDS`].
    pub fields: usize,
}

/// No configuration allows more fields than this: the scanner's table lies on the stack.
pub const MAX_FIELDS: usize = 256;

/// The longest body: what lies above is negative to a parser with signed numbers.
const MAX_LENGTH: u64 = i64::MAX as u64;

/// How a scan went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The head is not complete yet.
    Partial,
    /// The head took this many bytes of the input; they have been copied into the head.
    Complete(usize),
}

/// HTTP/1.0 or HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// How long a message's body is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// This many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection ends: responses only.
    UntilClose,
}

/// One header field as it was sent; the value without surrounding blanks.
#[derive(Clone, Copy)]
pub struct Field<'h> {
    /// Its name, as sent (a token).
    pub name: &'h str,
    /// Its value, as sent.
    pub value: &'h [u8],
}

/// The value stays out: it may be a credential.
impl fmt::Debug for Field<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: <{} bytes>", self.name, self.value.len())
    }
}
