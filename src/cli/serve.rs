//! `serve`: the gate, until a signal ends it.

use std::{
    future::Future,
    io::Write,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use anyhow::Context as _;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tracing::Level;

use super::{
    Exit,
    admin::{SOCKET_NAME, Services, bind_admin_socket, serve_admin_socket},
    translate,
};
use crate::{
    app::{self, Running},
    clock::Clock,
    config::{Config, Loaded, LogFormat},
    listen::Address,
    observe::{self, Log},
};

/// Where a gate that is ready listens.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    /// The address for clients; `None` = a Unix socket.
    pub(super) http: Option<SocketAddr>,
}

/// Runs the gate.
pub(super) fn run(loaded: Loaded) -> anyhow::Result<Exit> {
    for warning in &loaded.warnings {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "{warning}");
    }
    start_gate(loaded.config, |_| {})?;
    Ok(Exit::Done)
}

/// Runs a gate until a signal or an error ends it; `ready` is called when it takes requests.
pub(super) fn start_gate(config: Config, ready: impl FnOnce(Ready)) -> anyhow::Result<()> {
    let log = Log::start(log_settings(&config), Clock::System).context("cannot start the log")?;
    log.events().install(Level::INFO).context("the log is there already")?;
    // Everything but the data plane: accounts, the store's answers, the admin listener.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot make a runtime")?;
    let served = runtime.block_on(serve(&config, log.clone(), ready));
    log.flush();
    served
}

async fn serve(config: &Config, log: Log, ready: impl FnOnce(Ready)) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let running = app::start(config, Clock::System, log).await?;
    let services = Arc::new(services(config, &running));
    let socket = config.server.data_dir.join(SOCKET_NAME);
    std::fs::create_dir_all(&config.server.data_dir).context("cannot make the data folder")?;
    let listener = bind_admin_socket(&socket)?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let admin =
        tokio::runtime::Handle::current().spawn(serve_admin_socket(listener, Arc::clone(&services), async {
            // Either it is told, or the gate is gone.
            let _ = ended.await;
        }));
    ready(Ready {
        http: match &running.addresses.http {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        },
    });
    stop.await;
    tracing::info!("stopping: requests under way are finished first");
    services.ready.store(false, Ordering::Release);
    drop(end);
    let stopped = running.stop().await;
    admin.abort();
    // It may be gone already.
    let _ = std::fs::remove_file(socket);
    stopped
}

/// Done at the first SIGTERM or SIGINT; a second one ends the process at once, as the system's default does.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn services(config: &Config, running: &Running) -> Services {
    let parts = &running.parts;
    Services::new(
        Arc::clone(&parts.store),
        parts.accounts.clone(),
        parts.clock.clone(),
        translate::store_name(&config.store),
    )
}

fn log_settings(config: &Config) -> observe::Settings {
    observe::Settings {
        format: match config.log.format {
            LogFormat::Auto => observe::Format::Auto,
            LogFormat::Json => observe::Format::Json,
            LogFormat::Text => observe::Format::Text,
        },
        access: config.log.access,
        audit: config.log.audit,
    }
}
