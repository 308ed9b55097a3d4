//! `demo`: a small legacy app, the gate in front of it, sample policies and two users, until Ctrl-C.
//!
//! All files are in a temporary folder, which is removed at the end.

mod legacy_app;
mod script;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::TempDir;
use tracing::Level;

use super::{
    Exit,
    backend::{Backend, Site},
    cert, print,
    serve::{self, Served, Signals},
};
use crate::{
    admin::{AdminCommand, Hidden, NewUser},
    config::{self, Config, Sources},
    listen::BindError,
    observe::Log,
    systemd::SocketsFromManager,
};

use script::EDITOR;

/// The sample policies.
const POLICIES: [(&str, &str); 3] = [
    ("public.json", include_str!("../../policies/public.json")),
    ("notes.json", include_str!("../../policies/notes.json")),
    ("admin.json", include_str!("../../policies/admin.json")),
];

/// The default ports of the gate and of the app. If one is taken, a free port is used.
const DEFAULT_PORTS: Ports = Ports { gate: 8080, app: 3000, tls: None };

/// Any free ports.
const FREE_PORTS: Ports = Ports { gate: 0, app: 0, tls: None };

/// The default port of the gate over TLS.
const DEFAULT_TLS_PORT: u16 = 8443;

/// Runs the demo until a signal arrives.
pub(super) fn run(tls: bool) -> anyhow::Result<Exit> {
    let usual = Ports { tls: tls.then_some(DEFAULT_TLS_PORT), ..DEFAULT_PORTS };
    let any = Ports { tls: tls.then_some(0), ..FREE_PORTS };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        // Before any file is created, because a signal without a handler would leave the files behind.
        let mut signals = Signals::listen()?;
        // A start is not interrupted: a partial one would leave files behind.
        let mut log = None;
        let demo = match Demo::start(usual, &mut log).await {
            // Another process has taken the port after the check.
            Err(error) if error.is::<BindError>() => Demo::start(any, &mut log).await,
            demo => demo,
        }?;
        print(&demo.text())?;
        signals.next().await;
        print("\nstopping; the temporary folder goes, too\n")?;
        demo.gate.stop().await?;
        Ok(Exit::Done)
    })
}

/// The requested ports on 127.0.0.1.
#[derive(Clone, Copy)]
struct Ports {
    gate: u16,
    app: u16,
    /// `None` = without TLS.
    tls: Option<u16>,
}

struct Demo {
    gate: Served,
    app: SocketAddr,
    folder: TempDir,
    /// The authority that clients have to believe, over TLS.
    ca: Option<PathBuf>,
}

impl Demo {
    /// Starts the demo in a temporary folder. A process can have one log only, so the first start creates it.
    async fn start(ports: Ports, log: &mut Option<Log>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("portcullis-demo-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let ca =
            ports.tls.map(|_| cert::make(&folder.path().join("certs"), &[])).transpose()?.map(|made| made.ca);
        let (config, app) = prepare(folder.path(), ports)?;
        let log = match log {
            Some(log) => log,
            // Successful steps are visible in the answers of the commands.
            None => log.insert(serve::log(&config, Level::WARN)?),
        };
        create_accounts(&config).await?;
        let gate = Served::start(&config, SocketsFromManager::default(), log.clone()).await?;
        Ok(Self { gate, app, folder, ca })
    }

    /// The commands to paste.
    fn steps(&self) -> Vec<script::Step> {
        let steps = script::steps(&self.gate.address());
        match &self.ca {
            Some(ca) => script::trusting(steps, ca),
            None => steps,
        }
    }

    /// The printed text: addresses, and commands to paste.
    fn text(&self) -> String {
        let gate = self.gate.address();
        let config = self.folder.path().join(CONFIG_FILE);
        let mut text = format!(
            "The gate listens on {gate}, the app behind it on http://{}.\n\
             Paste these into another terminal, one after the other:\n\n",
            self.app
        );
        for step in self.steps() {
            text.push_str(&format!("# {}\n{}\n\n", step.shows, step.command));
        }
        // A binary that cargo has built is not in the `PATH`.
        let own = std::env::current_exe().unwrap_or_else(|_| "portcullis".into());
        let [ann, _] = script::USERS;
        text.push_str(&format!(
            "In a browser, open {gate}/notes and sign in as {}, password {}.\n\n\
             Its accounts, from another terminal:\n{} user list -c {}\n\n\
             Ctrl-C ends it all and leaves nothing behind.\n",
            ann.email,
            ann.password,
            own.display(),
            config.display()
        ));
        text
    }
}

/// Binds the preferred port, or a free one.
fn preferred(port: u16) -> anyhow::Result<TcpListener> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bind(port).or_else(|_| bind(0)).context("there is no free port on 127.0.0.1")
}

/// Starts the app, writes the files of the demo, and loads its configuration like `serve`.
fn prepare(folder: &Path, ports: Ports) -> anyhow::Result<(Config, SocketAddr)> {
    // Kept until the app has its port, so that both differ.
    let gate = preferred(ports.gate)?;
    let http = gate.local_addr().context("the port is gone")?;
    let tls = ports.tls.map(preferred).transpose()?;
    let https = tls.as_ref().map(TcpListener::local_addr).transpose().context("the port is gone")?;
    let app = legacy_app::start(preferred(ports.app)?)?;
    let policies = folder.join("policies");
    let config = folder.join(CONFIG_FILE);
    let write = || {
        fs::create_dir(&policies)?;
        for (name, text) in POLICIES {
            fs::write(policies.join(name), text)?;
        }
        fs::write(&config, configuration(http, https, app))
    };
    write().with_context(|| format!("cannot write to `{}`", folder.display()))?;
    // The environment and the working directory have no influence on the demo.
    let sources = Sources { file: Some(config), env: Vec::new(), flags: Vec::new() };
    Ok((config::load(&sources)?.config, app))
}

fn configuration(http: SocketAddr, https: Option<SocketAddr>, app: SocketAddr) -> String {
    let tls = https.map(|https| {
        format!(
            r#"https = "{https}"

[tls]
certificates = [{{ cert = "certs/server.pem", key = "certs/server.key" }}]
redirect_http = true
"#
        )
    });
    let tls = tls.unwrap_or_default();
    format!(
        r#"# The demo's configuration. docs/settings.md describes all keys.

[server]
http = "{http}"
data_dir = "data"
shutdown_grace = "1s"
{tls}
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

/// Creates two users, a role, and its mapping.
async fn create_accounts(config: &Config) -> anyhow::Result<()> {
    let mut backend = Backend::open(&Site::from(config.clone())).await?;
    backend.call(AdminCommand::RoleAdd { name: EDITOR.to_owned() }).await?;
    for (id, user) in (1_i64..).zip(script::USERS) {
        let draft = NewUser {
            email: user.email.to_owned(),
            username: Some(user.username.to_owned()),
            realm: None,
            id: Some(id),
            roles: user.roles.iter().map(|role| (*role).to_owned()).collect(),
            password: Hidden::new(user.password.to_owned()),
        };
        backend.call(AdminCommand::UserAdd(draft)).await?;
    }
    backend.close().await
}

const CONFIG_FILE: &str = "portcullis.toml";

#[cfg(test)]
mod tests;
