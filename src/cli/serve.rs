//! `serve`: the gate with its admin socket, until a signal ends it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use anyhow::Context;
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    task::JoinHandle,
};
use tracing::Level;

use super::Exit;
use crate::{
    admin::{SOCKET_NAME, Services, bind_admin_socket, serve_admin_socket, store_name},
    app::{self, Running},
    clock::Clock,
    config::{Config, Loaded, LogFormat},
    observe::{Format, Log, Settings},
};

/// Runs the gate.
pub(super) fn run(loaded: &Loaded) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        let mut signals = Signals::listen()?;
        // Not even a gate that is starting ends by a hangup.
        let mut hangups = signal(SignalKind::hangup()).context("cannot wait for signals")?;
        let log = log(&loaded.config, Level::INFO)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let served = serve(&loaded.config, log.clone(), &mut signals, &mut hangups).await;
        log.flush();
        served
    })
}

async fn serve(
    config: &Config,
    log: Log,
    signals: &mut Signals,
    hangups: &mut Signal,
) -> anyhow::Result<Exit> {
    let gate = tokio::select! {
        gate = Served::start(config, log) => gate?,
        () = signals.next() => return Ok(Exit::Done),
    };
    loop {
        tokio::select! {
            () = signals.next() => break,
            _ = hangups.recv() => gate.reload(),
        }
    }
    tracing::info!("stopping: requests under way are finished first");
    tokio::select! {
        stopped = gate.stop() => stopped.map(|()| Exit::Done),
        () = signals.next() => anyhow::bail!("a second signal: requests under way were cut"),
    }
}

/// A gate that serves clients and operators.
pub(super) struct Served {
    running: Running,
    services: Arc<Services>,
    socket: JoinHandle<()>,
    socket_path: PathBuf,
    stop_socket: oneshot::Sender<()>,
}

impl Served {
    /// Starts the gate, and then its admin socket: the process that holds the store may replace the socket.
    pub(super) async fn start(config: &Config, log: Log) -> anyhow::Result<Self> {
        let running = app::start(config, Clock::System, log).await?;
        let path = config.server.data_dir.join(SOCKET_NAME);
        let listener = match listen(&path) {
            Ok(listener) => listener,
            Err(error) => {
                running.stop().await?;
                return Err(error);
            }
        };
        let parts = running.parts.clone();
        // A reload may bring other settings.
        let (store, clock) = (Arc::clone(&parts.store), parts.clock.clone());
        let accounts = move || parts.accounts();
        let store_name = store_name::of(&config.store);
        let services = Services::new(store, accounts, clock, store_name);
        let services = Arc::new(services.with_live(running.live.clone()));
        let (stop_socket, stopped) = oneshot::channel::<()>();
        let serving = serve_admin_socket(listener, Arc::clone(&services), async move {
            // A sender that is dropped means the same.
            let _ = stopped.await;
        });
        let socket = tokio::runtime::Handle::current().spawn(serving);
        tracing::info!(socket = %path.display(), "taking commands");
        Ok(Self { running, services, socket, socket_path: path, stop_socket })
    }

    /// Where clients find it, as a URL.
    pub(super) fn address(&self) -> String {
        app::http_name(&self.running.addresses.http)
    }

    /// Reads the configuration and the policies again. What becomes of it is in the log.
    fn reload(&self) {
        tracing::info!("SIGHUP: the configuration and the policies are read again");
        drop(self.running.reload());
    }

    /// Stops in order.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.services.ready.store(false, Ordering::Release);
        let _ = self.stop_socket.send(());
        let _ = self.socket.await;
        // While the store is still locked: the next gate's socket is not there yet. It may be gone already.
        let _ = fs::remove_file(self.socket_path);
        self.running.stop().await
    }
}

fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    Ok(bind_admin_socket(path)?)
}

/// The signals that end a process in order. Those that programs give a meaning of their own do nothing here.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot wait for signals");
        for ignored in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::pipe()] {
            // What was listened for once never ends the process by itself again.
            drop(listen(ignored)?);
        }
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Starts the log as the configuration wants it, and sends every module's events there.
///
/// # Errors
/// When the system gives no thread, or another log was started in this process.
pub(super) fn log(config: &Config, level: Level) -> anyhow::Result<Log> {
    let format = match config.log.format {
        LogFormat::Auto => Format::Auto,
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let settings = Settings { format, access: config.log.access, audit: config.log.audit };
    let log = Log::start(settings, Clock::System).context("cannot start the log's thread")?;
    log.events().install(level).context("there is a log already")?;
    Ok(log)
}

/// Accounts, the admin socket, the store's waiting: no request passes here.
const WORKERS: usize = 2;
