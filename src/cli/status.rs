//! `status`: the status of the running gate.

use super::{
    Exit,
    args::Global,
    backend::{self, Backend, Site},
    on_runtime, output, print, print_json,
};
use crate::admin::AdminCommand;

/// Asks the gate and prints the answer.
pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let site = Site::find(global)?;
    on_runtime(async {
        let Some(mut gate) = Backend::running_gate(&site).await? else {
            let config = site.config();
            anyhow::bail!("{}; {}", backend::no_gate_message(config), backend::config_hint(config));
        };
        let output = gate.call(AdminCommand::Status).await?;
        if global.json {
            print_json(&output.to_json())?;
        } else {
            print(&output::text(&output))?;
        }
        Ok(Exit::Done)
    })
}
