//! What the service manager hears of a gate: that it serves, reloads, stops and is alive. Without a manager nothing is done.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};

use super::Pulse;
use crate::systemd::{self, Notifier, SocketsError, SocketsFromManager};

/// The service manager of this process. Cheap to clone.
#[derive(Clone)]
pub struct Manager {
    notifier: Option<Arc<Notifier>>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let notifier = Notifier::from_environment(variable).map(Arc::new);
        Self { notifier, watchdog: systemd::watchdog_interval(variable) }
    }

    /// The gate serves.
    pub fn ready(&self, status: &str) {
        self.tell(|notifier| notifier.ready(status));
    }

    /// The files are read again.
    pub fn reloading(&self) {
        self.tell(Notifier::reloading);
    }

    /// The gate stops.
    pub fn stopping(&self) {
        self.tell(Notifier::stopping);
    }

    fn tell(&self, notice: impl FnOnce(&Notifier)) {
        if let Some(notifier) = &self.notifier {
            notice(notifier);
        }
    }

    /// Feeds the watchdog for as long as the event loops of the cores answer.
    #[must_use]
    pub fn watch(&self, pulse: Pulse) -> Option<JoinHandle<()>> {
        let (notifier, every) = self.notifier.clone().zip(self.watchdog)?;
        Some(Handle::current().spawn(async move {
            let mut times = tokio::time::interval(every);
            loop {
                times.tick().await;
                if pulse.is_alive(every).await {
                    notifier.alive();
                } else {
                    tracing::error!("a core does not answer; the watchdog of the service manager is not told that all is well");
                }
            }
        }))
    }

    /// Feeds the watchdog while the gate stops and its cores end. Does not return.
    pub async fn watch_stop(&self) {
        let Some(every) = self.watchdog else { return std::future::pending().await };
        let mut times = tokio::time::interval(every);
        loop {
            times.tick().await;
            self.tell(Notifier::alive);
        }
    }
}

/// The sockets that the service manager has opened for this process.
///
/// # Errors
/// [`SocketsError`].
pub fn sockets() -> Result<SocketsFromManager, SocketsError> {
    systemd::sockets(variable)
}

#[expect(clippy::disallowed_methods, reason = "the protocol of the service manager, no setting of the gate")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
