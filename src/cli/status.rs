//! `status`: what the running gate says of itself.

use std::fmt::Write;

use super::{
    Exit,
    args::Global,
    backend::{self, Backend, Site},
    on_runtime, print, print_json,
};
use crate::{
    admin::{
        AdminCommand,
        output::{StatusView, printable},
    },
    app::Status,
};

/// Asks the gate, and prints it.
pub(super) fn run(global: &Global) -> anyhow::Result<Exit> {
    let site = Site::find(global)?;
    on_runtime(async {
        let Some(mut gate) = Backend::of_a_gate(&site).await? else {
            let config = site.config();
            anyhow::bail!("{}; {}", backend::silent(config), backend::looked(config));
        };
        let output = gate.call(AdminCommand::Status).await?;
        if global.json {
            print_json(&output.to_json())?;
        } else {
            print(&output.to_text())?;
        }
        Ok(Exit::Done)
    })
}

/// A line a fact.
pub(crate) fn text(status: &StatusView) -> String {
    let gate = &status.gate;
    let or = |list: Vec<String>, none: &str| if list.is_empty() { none.to_owned() } else { list.join(", ") };
    let reload = match (&gate.last_reload.at, &gate.last_reload.failure) {
        (None, _) => "none since the start".to_owned(),
        (Some(at), None) => format!("{at}, taken up"),
        (Some(at), Some(why)) => format!("{at}, REFUSED, the old set stays in force: {why}"),
    };
    let policies = &gate.policies;
    let digest = policies.digest.get(..12).unwrap_or(&policies.digest);
    let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let restart = match &*gate.needs_restart {
        [] => "nothing waits for one".to_owned(),
        keys => format!("needed for {}", keys.join(", ")),
    };
    let mut text = String::new();
    for (name, value) in [
        ("version", gate.version.clone()),
        ("state", if status.ready { "serving" } else { "stopping" }.to_owned()),
        ("since", gate.since.clone()),
        ("listens", or(gate.listeners.clone(), "-")),
        ("profile", gate.profile.clone()),
        (
            "policies",
            format!(
                "{digest}, {} of {} in {}",
                counted(policies.routes, "route"),
                counted(policies.files, "file"),
                policies.dir
            ),
        ),
        ("reload", reload),
        ("restart", restart),
        ("store", status.store_name.clone()),
        (
            "holds",
            format!(
                "{}, {}, {}",
                counted(gate.store.users, "user"),
                counted(gate.store.roles, "role"),
                counted(gate.store.rules, "stored rule")
            ),
        ),
        ("sessions", counted(gate.sessions, "live token")),
        ("upstream", or(upstreams(gate), "-")),
        ("tls", or(gate.certificates.clone(), "off")),
    ] {
        let _ = writeln!(text, "{name:<9} {}", printable(&value));
    }
    text
}

/// Each server of the app, and how it is.
fn upstreams(gate: &Status) -> Vec<String> {
    let servers = gate.upstreams.iter().zip(&gate.upstream_health);
    servers
        .map(|(server, health)| match (health.up, &health.since, &health.by) {
            (Some(up), Some(since), Some(by)) => {
                let word = if up { "up" } else { "DOWN" };
                format!("{server} {word} since {since}, says the last {by}")
            }
            _ => format!("{server} not asked yet"),
        })
        .collect()
}
