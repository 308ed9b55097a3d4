//! HTTP/1 as bytes: a strict scanner of heads, framing of bodies, chunked coding. No sockets.
//!
//! A message must have exactly one reading. Whatever two programs could read in two ways (smuggling, path
//! tricks) is refused here with a [`Reject`] that names the check, before any rule is asked (docs/decisions.md
//! section 1). `httparse` parses the fields; everything that it tolerates is checked in addition.
//!
//! - [`RequestHead`] and [`ResponseHead`] keep a copy of the head and are reused. A repeated scan does not
//!   allocate unless it refuses.
//! - A scan has no state between calls. After [`Scan::Partial`] call it again with the same bytes and more.
//! - [`ChunkDecoder`] decodes a chunked body in place.

use std::fmt;

mod chunk;
mod copy;
mod diagnose;
mod frames;
mod head;
mod host;
#[cfg(test)]
mod hostile;
pub mod http2;
mod method_override;
mod name_set;
mod proxy_header;
mod reject;
mod request;
mod request_line;
mod response;
mod target;
mod websocket;

pub use self::chunk::{ChunkDecoder, ChunkStep, write_chunk_head};
pub use self::copy::Copied;
pub use self::host::is_host;
pub use self::method_override::{Override, OverrideScanner, query_override};
pub use self::proxy_header::{ProxyEnds, ProxyHeader, ProxyStart, ProxyVersion};
pub use self::reject::Reject;
pub(crate) use self::request::empty_lines;
pub use self::request::{RequestHead, VIA};
pub use self::response::ResponseHead;
pub use self::websocket::{SwitchError, check_switch};
pub use frames::Frames;

/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of a whole head.
    pub bytes: usize,
    /// Number of fields, at most [`MAX_FIELDS`].
    pub fields: usize,
}

/// The largest number of fields in any configuration: the scanner's table is on the stack.
pub const MAX_FIELDS: usize = 256;

/// The largest body. A larger length is negative to a parser with signed numbers.
const MAX_LENGTH: u64 = i64::MAX as u64;

/// The result of a scan.
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

/// The framing of a message's body (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    Empty,
    /// This many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection is closed; only in responses.
    UntilClose,
}

/// A header field as sent, without blanks around its value.
#[derive(Clone, Copy)]
pub struct Field<'h> {
    /// The name as sent (a token).
    pub name: &'h str,
    /// The value as sent.
    pub value: &'h [u8],
    /// Whether the field concerns this connection, or frames the body. Such fields are not forwarded but written anew
    /// (RFC 9110 section 7.6.1).
    pub is_hop_by_hop: bool,
}

/// Without the value, which may be a credential.
impl fmt::Debug for Field<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: <{} bytes>", self.name, self.value.len())
    }
}
