//! `demo`: a small legacy app, the gate before it, sample policies and two users, until Ctrl-C.
//!
//! Everything lies in one temporary folder, which goes when the demo ends, however it ends.

mod legacy_app;
mod script;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use tempfile::TempDir;

use super::{
    Exit,
    admin::{AdminCommand, Hidden, NewUser, Services},
    execute::execute,
    print,
    serve::{self, Served, Signals},
};
use crate::config::{self, Config, Sources};

/// The files of the sample policies.
const POLICIES: [(&str, &str); 3] = [
    ("public.json", include_str!("../../policies/public.json")),
    ("notes.json", include_str!("../../policies/notes.json")),
    ("admin.json", include_str!("../../policies/admin.json")),
];

/// The role that may read everything.
const EDITOR: &str = "editor";

/// Runs the demo until a signal ends it.
pub(super) fn run() -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        // Before there is anything to leave behind.
        let mut signals = Signals::listen()?;
        let folder = tempfile::Builder::new().prefix("portcullis-demo-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let demo = tokio::select! {
            demo = Demo::start(&folder) => demo?,
            () = signals.next() => return Ok(Exit::Done),
        };
        print(&demo.text(folder.path()))?;
        signals.next().await;
        print("\nstopping; the temporary folder goes, too\n")?;
        demo.gate.stop().await?;
        Ok(Exit::Done)
    })
}

struct Demo {
    gate: Served,
    app: SocketAddr,
}

impl Demo {
    async fn start(folder: &TempDir) -> anyhow::Result<Self> {
        let app = legacy_app::start(preferred(3000)?)?;
        let config = configured(folder.path(), preferred(8080)?, app)?;
        let log = serve::log(&config)?;
        let gate = Served::start(&config, log).await?;
        furnish(gate.services()).await?;
        Ok(Self { gate, app })
    }

    /// What is printed: where everything is, and commands to paste.
    fn text(&self, folder: &Path) -> String {
        let gate = self.gate.address();
        let config = folder.join(CONFIG_FILE);
        let mut text = format!(
            "The gate listens on {gate}, the app behind it on http://{}.\n\
             Paste these into another terminal, one after the other:\n\n",
            self.app
        );
        for step in script::steps(&gate) {
            text.push_str(&format!("# {}\n{}\n\n", step.shows, step.command));
        }
        text.push_str(&format!(
            "Its configuration is {} (try: portcullis user list -c {0}).\n\
             Ctrl-C ends it all and leaves nothing behind.\n",
            config.display()
        ));
        text
    }
}

/// The usual port if nobody has it, else any free one.
fn preferred(port: u16) -> anyhow::Result<TcpListener> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bind(port).or_else(|_| bind(0)).context("there is no free port on 127.0.0.1")
}

/// Writes the demo's files, and reads its configuration as `serve` would.
fn configured(folder: &Path, gate: TcpListener, app: SocketAddr) -> anyhow::Result<Config> {
    let http = gate.local_addr().context("the port is gone")?;
    let policies = folder.join("policies");
    let config = folder.join(CONFIG_FILE);
    let write = || {
        fs::create_dir(&policies)?;
        for (name, text) in POLICIES {
            fs::write(policies.join(name), text)?;
        }
        fs::write(&config, configuration(http, app))
    };
    write().with_context(|| format!("cannot write to `{}`", folder.display()))?;
    // Neither the environment nor the working directory plays a part.
    let sources = Sources { file: Some(config), env: Vec::new(), flags: Vec::new() };
    let loaded = config::load(&sources)?;
    // Held until now, so that the app could not get it.
    drop(gate);
    Ok(loaded.config)
}

fn configuration(http: SocketAddr, app: SocketAddr) -> String {
    format!(
        r#"# The demo's configuration. INTERFACE.md section 2 has all keys.

[server]
http = "{http}"
data_dir = "data"
shutdown_grace = "1s"

[upstream]
servers = ["http://{app}"]

[policies]
dir = "policies"
unmatched = "authenticated"     # what no policy speaks of, such as /whoami, needs a login

[log]
access = false
audit = false
"#
    )
}

/// Two users, a role, and who has it.
async fn furnish(services: &Arc<Services>) -> anyhow::Result<()> {
    execute(AdminCommand::RoleAdd { name: EDITOR.to_owned() }, services).await?;
    for (id, user) in (1_i64..).zip(script::USERS) {
        let draft = NewUser {
            email: user.email.to_owned(),
            username: Some(user.username.to_owned()),
            realm: None,
            id: Some(id),
            roles: user.roles.iter().map(|role| (*role).to_owned()).collect(),
            password: Hidden::new(user.password.to_owned()),
        };
        execute(AdminCommand::UserAdd(draft), services).await?;
    }
    Ok(())
}

const CONFIG_FILE: &str = "portcullis.toml";

#[cfg(test)]
mod tests;
