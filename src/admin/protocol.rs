//! What travels over the admin socket.
//!
//! One line of JSON is a request, one line is its answer: `{"store":…,"command":…}` and `{"ok":…}` or
//! `{"error":…}`.

use serde::{Deserialize, Serialize};

use super::{command::AdminCommand, output::Output};

/// Where the socket lies in the data folder.
pub const SOCKET_NAME: &str = "admin.sock";

/// The longest line that is read as a request: an import's batch is far below it.
pub(super) const MAX_REQUEST_BYTES: usize = 16 << 20;

/// The longest answer that is read: a million tokens' worth.
pub(super) const MAX_ANSWER_BYTES: usize = 1 << 30;

/// A request line, as the gate reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    /// `None`: whichever store the gate has.
    pub(super) store: Option<String>,
    pub(super) command: AdminCommand,
}

/// A request line, as the command line writes it.
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
