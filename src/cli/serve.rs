//! `serve`: the gate with its admin socket, until a signal arrives.

use anyhow::Context;
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::Level;

use super::Exit;
use crate::{
    admin::AdminSocket,
    app::{self, Manager, Running},
    clock::Clock,
    config::{Config, Loaded, LogFormat},
    observe::{Format, Log, Settings},
    systemd::SocketsFromManager,
};

/// Runs the gate.
pub(super) fn run(loaded: &Loaded) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.context("cannot start a runtime")?;
    let served = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        // Before the start, because a SIGHUP without a handler ends the process.
        let mut hangups = signal(SignalKind::hangup()).context("cannot wait for signals")?;
        let log = log(&loaded.config, Level::INFO)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let manager = Manager::from_environment();
        let served = serve(&loaded.config, &log, &manager, &mut signals, &mut hangups).await;
        log.flush();
        served
    });
    // Nothing is waited for that is still under way, such as a mail or the look-up of its server's name.
    runtime.shutdown_background();
    served
}

async fn serve(
    config: &Config,
    log: &Log,
    manager: &Manager,
    signals: &mut Signals,
    hangups: &mut Signal,
) -> anyhow::Result<Exit> {
    let sockets = app::sockets()?;
    let gate = tokio::select! {
        gate = Served::start(config, sockets, log.clone()) => gate?,
        () = signals.next() => return Ok(Exit::Done),
    };
    manager.ready(&gate.status());
    let watch = manager.watch(gate.running.pulse.clone());
    loop {
        tokio::select! {
            () = signals.next() => break,
            _ = hangups.recv() => {
                log.reopen();
                gate.reload(manager);
            }
        }
    }
    tracing::info!("stopping: requests under way are finished first");
    manager.stopping();
    if let Some(watch) = watch {
        watch.abort();
    }
    tokio::select! {
        stopped = gate.stop() => stopped.map(|()| Exit::Done),
        () = manager.watch_stop() => Ok(Exit::Done),
        () = signals.next() => anyhow::bail!("a second signal: requests under way were cut"),
    }
}

/// A running gate with its admin socket.
pub(super) struct Served {
    running: Running,
    socket: AdminSocket,
}

impl Served {
    /// Starts the gate, then its admin socket. The process that has locked the store may replace an old socket.
    pub(super) async fn start(
        config: &Config,
        sockets: SocketsFromManager,
        log: Log,
    ) -> anyhow::Result<Self> {
        let running = app::start_on_sockets(config, sockets, Clock::System, log).await?;
        match AdminSocket::open(&running, config) {
            Ok(socket) => Ok(Self { running, socket }),
            Err(error) => {
                running.stop().await?;
                Err(error.into())
            }
        }
    }

    /// The URL for clients.
    pub(super) fn address(&self) -> String {
        self.running.addresses.names().into_iter().next().unwrap_or_default()
    }

    /// What the service manager shows.
    fn status(&self) -> String {
        format!("serving on {}", self.running.addresses.names().join(", "))
    }

    /// Reads the configuration and the policies again. The result is logged.
    fn reload(&self, manager: &Manager) {
        tracing::info!("SIGHUP: the configuration and the policies are read again");
        manager.reloading();
        let (reloading, manager, status) = (self.running.reload(), manager.clone(), self.status());
        Handle::current().spawn(async move {
            match reloading.await {
                Ok(()) => manager.ready(&status),
                Err(refused) => manager.ready(&format!("{status}; the last reload was refused: {refused}")),
            }
        });
    }

    /// Stops the gate in order.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.socket.close().await;
        self.running.stop().await
    }
}

/// The signals that stop the process in order. SIGUSR1, SIGUSR2 and SIGPIPE are ignored.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Installs the handlers. From now on the signals do not end the process by default.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot wait for signals");
        for ignored in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::pipe()] {
            // Once a handler is installed, the default action never returns.
            drop(listen(ignored)?);
        }
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for a signal.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Starts the log by the configuration, and directs the events of all modules to it.
///
/// # Errors
/// If the thread cannot be started, or the process has another log.
pub(super) fn log(config: &Config, level: Level) -> anyhow::Result<Log> {
    let format = match config.log.format {
        LogFormat::Auto => Format::Auto,
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let settings = Settings { format, access: config.log.access, audit: config.log.audit };
    let log = match &config.log.file {
        Some(path) => Log::to_file(settings, Clock::System, path.clone())
            .with_context(|| format!("`log.file`: cannot open `{}`", path.display()))?,
        None => Log::start(settings, Clock::System).context("cannot start the log's thread")?,
    };
    log.events().install(level).context("there is a log already")?;
    Ok(log)
}

/// Number of worker threads of the main runtime, which runs background work of accounts, the admin listener and the
/// admin socket. No request passes here, and slow work has threads of its own. A second worker would be woken in vain
/// with every timer (docs/decisions.md section 8).
const WORKERS: usize = 1;
