//! Replaces the certificates when their files change.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{folder::Watched, translate};
use crate::{
    acme,
    clock::{Clock, Timestamp},
    config::{self, Config},
    tls::{self, CertificateError, Prepared, ServerTls, TlsError},
};

/// Watches the files of the certificates and replaces the certificates in use.
pub(super) struct CertificateFiles {
    tls: Arc<ServerTls>,
    /// Tells the task of ACME about new settings.
    acme: watch::Sender<acme::Settings>,
    clock: Clock,
    files: Vec<Watched>,
    /// Whether a file has changed since the last read.
    changed: bool,
    /// The time of the next check of the dates.
    look: Timestamp,
}

/// The interval of warnings about certificates that expire soon.
const WARNING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl CertificateFiles {
    /// Watches the files of the configuration.
    pub(super) fn new(
        tls: Arc<ServerTls>,
        acme: watch::Sender<acme::Settings>,
        config: &Config,
        clock: Clock,
    ) -> Self {
        let look = Timestamp(i64::MIN);
        Self { tls, acme, clock, files: watched(config), changed: false, look }
    }

    /// Whether files have changed and none is being written any more. A certificate and its key change one after the
    /// other, so all files must be stable.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        for file in &mut self.files {
            self.changed |= file.poll(now);
        }
        self.changed && self.is_settled()
    }

    /// Whether no file is being written.
    pub(super) fn is_settled(&self) -> bool {
        self.files.iter().all(Watched::is_settled)
    }

    /// The paths of the files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(Watched::path)
    }

    /// Reads the files.
    pub(super) fn prepare(&mut self, config: &Config) -> Result<Prepared, TlsError> {
        self.changed = false;
        self.tls.prepare(&translate::tls(config), self.clock.now())
    }

    /// Uses the certificates for new connections.
    pub(super) fn take(&mut self, config: &Config, prepared: Prepared) {
        let before: BTreeSet<_> =
            self.tls.certificates().into_iter().flat_map(|certificate| certificate.names).collect();
        for certificate in self.tls.take(prepared) {
            tracing::info!(certificate = %certificate, "a new certificate is in force");
        }
        let gone: Vec<_> = before.into_iter().filter(|name| !self.tls.covers(name)).collect();
        if !gone.is_empty() {
            // A name may be given up on purpose.
            tracing::warn!(names = gone.join(", "), "no certificate is for these names any more");
        }
        let settings = translate::acme(config);
        self.acme.send_if_modified(|current| {
            let changed = *current != settings;
            *current = settings;
            changed
        });
        let known: Vec<_> = self.files.iter().map(Watched::path).collect();
        if known != paths(config) {
            self.files = watched(config);
        }
        self.look = Timestamp(i64::MIN);
    }

    /// Also watches the files of a configuration that may be refused for them, so that it is tried again.
    pub(super) fn watch_too(&mut self, config: &Config) {
        for path in paths(config) {
            if self.paths().all(|known| known != path) {
                self.files.push(Watched::new(path.to_owned()));
            }
        }
    }

    /// Warns once a day of certificates that expire soon or have expired, and of hosts without a certificate.
    pub(super) fn tell_doubts(&mut self, config: &Config) {
        let now = self.clock.now();
        if now < self.look {
            return;
        }
        self.look = now.plus(WARNING_INTERVAL);
        for certificate in self.tls.certificates() {
            if let Err(error) = certificate.dated(now) {
                tracing::error!("{error}");
            } else if certificate.ends_soon(now) {
                tracing::warn!(certificate = %certificate, "the certificate ends in less than 14 days; renew it");
            }
        }
        for host in hosts(config) {
            let is_requested = config.tls.acme_domains.iter().any(|name| tls::is_host(host, name));
            // A wildcard needs one, too; any label stands for its star.
            if !is_requested && !self.tls.covers(&host.replace('*', "label")) {
                tracing::warn!(host, "no certificate is for this host");
            }
        }
    }
}

/// Logs the errors and returns a summary in one line.
pub(super) fn tell(mistakes: &[CertificateError]) -> String {
    for mistake in mistakes {
        tracing::error!(code = config::of_certificate(&mistake.flaw).name(), "{mistake}");
    }
    let told = match mistakes {
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
        [] => "the certificates cannot be used".to_owned(),
    };
    tracing::error!(reason = told, "new certificates are refused; the old ones stay in force");
    told
}

/// Logs an error that concerns all certificates and returns a summary in one line.
pub(super) fn tell_error(error: &TlsError) -> String {
    match error {
        TlsError::Certificates(mistakes) => tell(&mistakes.0),
        other => {
            let told = other.to_string();
            tracing::error!(reason = told, "new certificates are refused; the old ones stay in force");
            told
        }
    }
}

/// The hosts that clients are expected to open over TLS.
fn hosts(config: &Config) -> BTreeSet<&str> {
    let public = config.server.public_url.as_deref().filter(|url| url.starts_with("https://"));
    let of_apps = config.apps.iter().flat_map(|app| &app.hosts).map(String::as_str);
    of_apps.chain(public.map(tls::host_of)).collect()
}

fn watched(config: &Config) -> Vec<Watched> {
    paths(config).into_iter().map(|path| Watched::new(path.to_owned())).collect()
}

fn paths(config: &Config) -> Vec<&Path> {
    let files = config.tls.certificates.iter().flat_map(|of| [&*of.cert, &*of.key]);
    files.chain(config.tls.client_ca.as_deref()).collect()
}
