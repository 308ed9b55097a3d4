//! `serve`: the gate with its admin socket, until a signal ends it.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;

use super::Exit;
use crate::{
    admin::AdminSocket,
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
    socket: AdminSocket,
}

impl Served {
    /// Starts the gate, and then its admin socket: the process that holds the store may replace the socket.
    pub(super) async fn start(config: &Config, log: Log) -> anyhow::Result<Self> {
        let running = app::start(config, Clock::System, log).await?;
        match AdminSocket::open(&running, config) {
            Ok(socket) => Ok(Self { running, socket }),
            Err(error) => {
                running.stop().await?;
                Err(error.into())
            }
        }
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
        self.socket.close().await;
        self.running.stop().await
    }
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

/// Accounts' background work, the admin listener and socket, the store's waiting: no request passes here, and what is
/// slow has a thread of its own. A second worker would be woken for nothing with every timer of the first.
const WORKERS: usize = 1;
