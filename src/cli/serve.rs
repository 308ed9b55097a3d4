//! `serve`: the gate, until a signal ends it.

use std::net::SocketAddr;

use super::Exit;
use crate::config::{Config, Loaded};

/// Where a gate that is ready listens.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    /// The address for clients; `None` = a Unix socket.
    pub(super) http: Option<SocketAddr>,
}

/// Runs the gate.
pub(super) fn run(loaded: Loaded) -> anyhow::Result<Exit> {
    start_gate(loaded.config, |_| {})?;
    Ok(Exit::Done)
}

/// Runs a gate until a signal or an error ends it; `ready` is called when it takes requests.
pub(super) fn start_gate(_config: Config, _ready: impl FnOnce(Ready)) -> anyhow::Result<()> {
    anyhow::bail!("serving is wired in `app`")
}
