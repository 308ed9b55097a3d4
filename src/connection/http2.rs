//! The two directions of a stream of HTTP/2, as bytes of HTTP/1.1.

mod received;
mod sent;

pub use received::Received;
pub use sent::{Rest, Sent};

use std::io;

/// The error of a stream for code that knows only sockets.
#[must_use]
pub fn io_error(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
