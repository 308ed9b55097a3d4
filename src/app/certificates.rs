//! The certificates in force are replaced when their files change: each with its key, once both are at rest.

use std::{path::Path, sync::Arc, time::Instant};

use super::{folder::Watched, translate};
use crate::{
    clock::{Clock, Timestamp},
    config::{self, Config},
    tls::{CertificateError, Prepared, ServerTls, TlsError},
};

/// The files of the certificates, and what was made of them.
pub(super) struct CertificateFiles {
    tls: Arc<ServerTls>,
    clock: Clock,
    files: Vec<Watched>,
    /// Whether a file has changed that has not been read since.
    changed: bool,
    /// When it is looked next which of them end soon.
    look: Timestamp,
}

/// Certificates that end soon are told of so often.
const TOLD_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl CertificateFiles {
    /// Those of the configuration, from now on.
    pub(super) fn new(tls: Arc<ServerTls>, config: &Config, clock: Clock) -> Self {
        let look = Timestamp(i64::MIN);
        Self { tls, clock, files: watched(config), changed: false, look }
    }

    /// Whether files have changed, and all have come to rest since.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        for file in &mut self.files {
            self.changed |= file.poll(now);
        }
        self.changed && self.is_settled()
    }

    /// Whether none has changed since they were taken.
    pub(super) fn is_settled(&self) -> bool {
        self.files.iter().all(Watched::is_settled)
    }

    /// Where they are.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(Watched::path)
    }

    /// Reads them.
    pub(super) fn prepare(&mut self, config: &Config) -> Result<Prepared, TlsError> {
        self.changed = false;
        self.tls.prepare(&translate::tls(config), self.clock.now())
    }

    /// Puts them in force.
    pub(super) fn take(&mut self, config: &Config, prepared: Prepared) {
        for certificate in self.tls.take(prepared) {
            tracing::info!(certificate = %certificate, "a new certificate is in force");
        }
        let known: Vec<_> = self.files.iter().map(Watched::path).collect();
        if known != paths(config) {
            self.files = watched(config);
        }
        self.look = Timestamp(i64::MIN);
    }

    /// Tells once a day which end soon, or have ended.
    pub(super) fn tell_ending(&mut self) {
        let now = self.clock.now();
        if now < self.look {
            return;
        }
        self.look = now.plus(TOLD_EVERY);
        for certificate in self.tls.certificates() {
            if let Err(error) = certificate.dated(now) {
                tracing::error!("{error}");
            } else if certificate.ends_soon(now) {
                tracing::warn!(certificate = %certificate, "the certificate ends in less than 14 days; renew it");
            }
        }
    }
}

/// Logs what is wrong; says it in one line.
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

/// The same of an error of all.
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

fn watched(config: &Config) -> Vec<Watched> {
    paths(config).into_iter().map(|path| Watched::new(path.to_owned())).collect()
}

fn paths(config: &Config) -> Vec<&Path> {
    let files = config.tls.certificates.iter().flat_map(|of| [&*of.cert, &*of.key]);
    files.chain(config.tls.client_ca.as_deref()).collect()
}
