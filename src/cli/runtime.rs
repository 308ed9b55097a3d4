//! The runtime of a command.

use anyhow::Context;
use tokio::runtime;

use super::exit::Exit;

pub(super) fn on_runtime(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(command)
}
