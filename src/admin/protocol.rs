//! The protocol of the admin socket.
//!
//! A request is a line of JSON, and so is its answer: `{"store":…,"command":…}` and `{"ok":…}` or `{"error":…}`.

use serde::{Deserialize, Serialize};

use super::{command::AdminCommand, output::Output};

/// The name of the socket in the data folder.
pub const SOCKET_NAME: &str = "admin.sock";

/// Maximum size of a request in bytes. A batch of an import is far smaller.
pub(super) const MAX_REQUEST_BYTES: usize = 16 << 20;

/// Maximum size of an answer in bytes: about a million tokens.
pub(super) const MAX_ANSWER_BYTES: usize = 1 << 30;

/// A request as the gate reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    /// The store that is meant; `None` = any.
    pub(super) store: Option<String>,
    pub(super) command: AdminCommand,
}

/// A request as the client writes it.
#[derive(Debug, Serialize)]
pub(super) struct RequestRef<'c> {
    pub(super) store: Option<&'c str>,
    pub(super) command: &'c AdminCommand,
}

/// An answer line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Ok(Output),
    Error(String),
}
