//! Errors of a forwarded request.

use crate::{
    connection::BodyError,
    wire::{Reject, SwitchError},
};

/// Why a request could not be forwarded, or its answer not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The connection failed.
    #[error("cannot connect to the app at `{server}`: {source}")]
    Connect {
        /// The server's address.
        server: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The connection was not established in time.
    #[error("the app at `{server}` did not take a connection in time")]
    ConnectTimeout {
        /// The server's address.
        server: String,
    },
    /// The answer did not begin in time.
    #[error("the app did not answer in time")]
    ResponseTimeout,
    /// The app closed the connection before its answer was complete.
    #[error("the app ended the connection before its answer was whole")]
    Cut,
    /// The app closed a new connection without a byte, as some do that speak TLS.
    #[error(
        "the app ended a new connection without an answer (does it speak TLS? then write https:// for it in \
         `upstream.servers`)"
    )]
    CutAtOnce,
    /// The app is spoken to in HTTP/2, which cannot say the request: not the server's fault.
    #[error(
        "HTTP/2 towards the app cannot say this request: its path or query holds `\"`, `<`, `>` or a backquote"
    )]
    Unsendable,
    /// The app's answer is not valid HTTP.
    #[error("the app's answer breaks HTTP: {0}")]
    Broken(Reject),
    /// The app switched protocols, but not to WebSocket.
    #[error("the app's 101 does not open a WebSocket: {0}")]
    Switched(SwitchError),
    /// The app answered with this success where a WebSocket was asked for over HTTP/2, in which each success opens one (RFC
    /// 8441 section 5).
    #[error("the app's {0} opens no WebSocket, and over HTTP/2 it would look as if it did")]
    Unopened(u16),
    /// The app sent too many interim answers.
    #[error("the app sent too many 1xx answers")]
    Interim,
    /// The client's body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The client has closed the connection.
    #[error("the client has gone")]
    ClientGone,
    /// The request's token has been revoked or has expired.
    #[error("the token has ended")]
    TokenEnded,
    /// The gate stops, and the grace period is over.
    #[error("the gate stops")]
    Stopping,
    /// The client does not read the answer.
    #[error("the client does not read")]
    ClientStuck,
    /// The answer to an owner look-up is larger than a row may be.
    #[error("the app's answer to a look-up is too large")]
    RowTooLarge,
    /// The answer to an owner look-up has a content coding, although none was accepted.
    #[error("the app's answer to a look-up has the content coding `{0}`; let it answer look-ups without")]
    Coding(String),
}

impl ForwardError {
    /// Whether the app has not answered, or not to the end.
    #[must_use]
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Cut | Self::CutAtOnce | Self::ResponseTimeout)
    }
}
