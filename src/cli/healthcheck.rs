//! `healthcheck`: exit 0 when the gate of this configuration is ready.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::timeout;

use super::{
    Exit,
    admin::{AdminCommand, Client, SOCKET_NAME},
    store_name,
};
use crate::config::Config;

/// A gate that needs longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the gate over its admin socket.
pub(super) async fn run(config: &Config) -> anyhow::Result<Exit> {
    let socket = config.server.data_dir.join(SOCKET_NAME);
    let store_name = store_name::of(&config.store);
    let ask = async {
        let Some(mut client) = Client::connect(&socket, &store_name).await? else {
            bail!("no gate answers on `{}`", socket.display());
        };
        client.call(&AdminCommand::Health).await?;
        Ok(Exit::Done)
    };
    let late = || format!("the gate did not answer within {} s", PATIENCE.as_secs());
    timeout(PATIENCE, ask).await.with_context(late)?
}
