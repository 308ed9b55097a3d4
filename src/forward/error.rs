//! What went wrong with the app.

use crate::{
    connection::BodyError,
    wire::{Reject, SwitchError},
};

/// Why a request could not be forwarded, or its answer not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection.
    #[error("cannot connect to the app at `{server}`: {source}")]
    Connect {
        /// Which server.
        server: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No connection in time.
    #[error("the app at `{server}` did not take a connection in time")]
    ConnectTimeout {
        /// Which server.
        server: String,
    },
    /// No answer in time.
    #[error("the app did not answer in time")]
    ResponseTimeout,
    /// The app ended the connection before its answer was whole.
    #[error("the app ended the connection before its answer was whole")]
    Cut,
    /// The app's answer breaks HTTP.
    #[error("the app's answer breaks HTTP: {0}")]
    Broken(Reject),
    /// The app switched protocols, and not as a WebSocket is opened.
    #[error("the app's 101 does not open a WebSocket: {0}")]
    Switched(SwitchError),
    /// The app sent too many interim answers.
    #[error("the app sent too many 1xx answers")]
    Interim,
    /// The client's body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The client has gone.
    #[error("the client has gone")]
    ClientGone,
    /// The token of the request is no longer good.
    #[error("the token has ended")]
    TokenEnded,
    /// The gate stops, and its grace is over.
    #[error("the gate stops")]
    Stopping,
    /// The client takes nothing.
    #[error("the client does not read")]
    ClientStuck,
    /// The answer to a look-up is larger than a row may be.
    #[error("the app's answer to a look-up is too large")]
    RowTooLarge,
    /// The answer to a look-up is in a content coding that was not asked for, and is not read.
    #[error("the app's answer to a look-up has the content coding `{0}`; let it answer look-ups without")]
    Coding(String),
}
