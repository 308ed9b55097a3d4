//! Health of the app's servers by probes of `upstream.health_path`.

mod seen;

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{Address, ForwardError, Forwarder, fetch::Lookup, pool::Server, sender::Sender};

pub use seen::{Health, Seen};

const UNSEEN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// The pause after a probe, and the timeout of its answer. Connecting has `connect_timeout`.
const EVERY: Duration = Duration::from_secs(2);

impl Default for Health {
    fn default() -> Self {
        Self {
            probed_up: AtomicBool::new(true),
            is_probed: AtomicBool::new(false),
            seen: AtomicU8::new(UNSEEN),
            since_ms: AtomicU64::new(0),
            back_ms: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }
}

impl Health {
    /// Whether the last probe succeeded.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.probed_up.load(Ordering::Acquire)
    }

    /// Whether there are probes.
    pub(super) fn is_probed(&self) -> bool {
        self.is_probed.load(Ordering::Relaxed)
    }

    /// The time since probes found it up again; `None` = they have never found it down.
    pub(super) fn since_up(&self) -> Option<Duration> {
        let back = self.back_ms.load(Ordering::Relaxed);
        // The common case needs no clock.
        (back > 0).then(|| self.begun.elapsed().saturating_sub(Duration::from_millis(back)))
    }

    /// Stores the result of a probe. `true` if it has changed.
    fn set(&self, up: bool) -> bool {
        // Observations of connections before the first probe are forgotten.
        if !self.is_probed.swap(true, Ordering::Relaxed) {
            self.seen.store(UNSEEN, Ordering::Relaxed);
        }
        self.see(up);
        let changed = self.probed_up.load(Ordering::Relaxed) != up;
        if changed && up {
            self.back_ms.store(self.ms().max(1), Ordering::Relaxed);
        }
        // Last: a core that finds it up finds its new share, too.
        self.probed_up.store(up, Ordering::Release);
        changed
    }

    /// Records whether a request's connection could be established. Ignored if there are probes.
    pub(super) fn connected(&self, made: bool) {
        if !self.is_probed.load(Ordering::Relaxed) {
            self.see(made);
        }
    }

    /// The last observation; `None` before the first probe and the first connection.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        let up = match self.seen.load(Ordering::Acquire) {
            UP => true,
            DOWN => false,
            _ => return None,
        };
        let since = Duration::from_millis(self.since_ms.load(Ordering::Relaxed));
        let ago = self.begun.elapsed().saturating_sub(since);
        Some(Seen { up, by_probe: self.is_probed.load(Ordering::Relaxed), ago })
    }

    /// The time since `begun`, in milliseconds.
    fn ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Stores an observation only if it has changed, because all cores share it.
    fn see(&self, up: bool) {
        let now = if up { UP } else { DOWN };
        if self.seen.load(Ordering::Relaxed) != now {
            self.since_ms.store(self.ms(), Ordering::Relaxed);
            // After the time, so that a reader of the new state sees the time that belongs to it.
            self.seen.store(now, Ordering::Release);
        }
    }
}

impl Forwarder {
    /// The number of servers that [`Forwarder::probe`] can be called for: 0 without a `health_path`.
    #[must_use]
    pub fn probed(&self) -> usize {
        self.settings.health_path.as_ref().map_or(0, |_| self.pool.size())
    }

    /// Probes one server periodically, for all cores. A status below 400 means that it is up.
    pub async fn probe(&self, server: usize) {
        let (Some(path), Some(server)) = (&self.settings.health_path, self.pool.server(server)) else {
            return;
        };
        loop {
            let probed = self.probe_once(server, path).await;
            let up = matches!(probed, Ok(200..400));
            if server.health.set(up) {
                match probed {
                    _ if up => tracing::info!(server = server.name, "the app's server is up again"),
                    Ok(status) => {
                        tracing::warn!(
                            server = server.name,
                            status,
                            "the app's server answers its probe with an error"
                        );
                    }
                    Err(error) => tracing::warn!(server = server.name, %error, "the app's server is down"),
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// The status of one probe on a new connection.
    async fn probe_once(&self, server: &Server, path: &str) -> Result<u16, ForwardError> {
        let host = match &server.address {
            Address::Tcp(authority) | Address::Http2(authority) | Address::Tls { authority, .. } => {
                authority.as_str()
            }
            // HTTP/1.1 requires a `Host` (RFC 9112 section 3.2), and the socket has no name.
            Address::Unix(_) => "localhost",
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: portcullis-health\r\nConnection: close\r\n\r\n"
        );
        let deadline = self.deadlines.deadline();
        let connection = self.connect(server, &deadline, Sender::Gate).await?;
        deadline.set(EVERY);
        let mut probe = Lookup::new(connection, &deadline);
        probe.write(request.as_bytes()).await?;
        Ok(probe.read(self, server, None).await?.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f11_what_was_seen_last_is_told_and_probes_win_over_connections() {
        let health = Health::default();
        let told = || health.seen().map(|seen| (seen.up, seen.by_probe));
        assert_eq!(told(), None);
        health.connected(false);
        assert_eq!((told(), health.is_up()), (Some((false, false)), true), "only probes take a server out");
        health.connected(true);
        assert_eq!(told(), Some((true, false)));
        assert!(health.set(false));
        health.connected(true);
        assert_eq!((told(), health.is_up()), (Some((false, true)), false));
        assert_eq!(health.since_up(), None, "it was not down before");
        assert!(health.set(true) && !health.set(true));
        assert!(health.since_up().is_some());
        assert_eq!((told(), health.is_up()), (Some((true, true)), true));
    }
}
