//! Errors of a client's body.

use crate::wire::Reject;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// It arrives too slowly.
    #[error("the body did not come in time")]
    TooSlow,
    /// The memory for buffers is used up.
    #[error("the memory for buffers is used up (`server.max_buffer_bytes`)")]
    Overloaded,
    /// Its chunked coding is malformed.
    #[error("{0}")]
    Broken(Reject),
    /// It asks for another method than the request's.
    #[error("the body asks for another method")]
    MethodOverride,
    /// The client has closed the connection.
    #[error("the client has gone")]
    Gone,
}
