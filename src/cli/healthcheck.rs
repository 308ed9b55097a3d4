//! `healthcheck`: exits with 0 if the gate of this configuration is ready.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::timeout;

use super::{
    Exit,
    backend::{self, Backend, Site},
};
use crate::admin::AdminCommand;

/// A gate that needs longer is not healthy.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the gate through its admin socket.
pub(super) async fn run(site: &Site) -> anyhow::Result<Exit> {
    let ask = async {
        let Some(mut gate) = Backend::running_gate(site).await? else {
            bail!("{}", backend::no_gate_message(site.config()));
        };
        gate.call(AdminCommand::Health).await?;
        Ok(Exit::Done)
    };
    let late = || format!("the gate did not answer within {} s", TIMEOUT.as_secs());
    timeout(TIMEOUT, ask).await.with_context(late)?
}
