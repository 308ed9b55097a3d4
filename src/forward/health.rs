//! Whether a server of the app is fit to be used, by probes of `upstream.health_path`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{Address, ForwardError, Forwarder, fetch::Lookup, pool::Server};

/// What the last probe of a server said, shared by all cores. Without probes it is up.
#[derive(Debug)]
pub struct Health(AtomicBool);

/// From the end of a probe to the next, and the longest that one may take.
const EVERY: Duration = Duration::from_secs(2);

impl Default for Health {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Health {
    /// Whether the last probe was answered well.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes the result of a probe in; `true` when it is news.
    fn set(&self, up: bool) -> bool {
        self.0.swap(up, Ordering::Relaxed) != up
    }
}

impl Forwarder {
    /// How many servers [`Forwarder::probe`] can be asked for: none without a `health_path`.
    #[must_use]
    pub fn probed(&self) -> usize {
        self.settings.health_path.as_ref().map_or(0, |_| self.pool.size())
    }

    /// Probes one server again and again, for all cores: an answer below 400 says that it is up.
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

    /// The status of one probe, on a connection of its own.
    async fn probe_once(&self, server: &Server, path: &str) -> Result<u16, ForwardError> {
        let host = match &server.address {
            Address::Tcp(authority) => authority.as_str(),
            Address::Unix(_) => "localhost",
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: portcullis-health\r\nConnection: close\r\n\r\n"
        );
        let deadline = self.deadlines.deadline();
        let socket = self.connect(server, &deadline).await?;
        deadline.set(EVERY);
        let mut probe = Lookup::new(socket, &deadline);
        probe.write(request.as_bytes()).await?;
        Ok(probe.read(self, server, None).await?.status)
    }
}
