//! Starts the task that keeps certificates by ACME.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};

use super::{certificates::CertificateFiles, translate};
use crate::{
    acme::{Acme, Tokens},
    clock::Clock,
    config::Config,
    tls::ServerTls,
};

/// The parts of TLS that change while the gate runs.
pub(super) struct Certificates {
    /// Replaces those of files.
    files: CertificateFiles,
    acme: Acme,
}

impl Certificates {
    /// With the open challenges; `None` without TLS.
    pub(super) fn new(
        tls: Option<&Arc<ServerTls>>,
        config: &Config,
        clock: &Clock,
    ) -> Option<(Self, Arc<Tokens>)> {
        let (tls, tokens) = (tls?, Arc::new(Tokens::default()));
        let (sender, settings) = watch::channel(translate::acme(config));
        let files = CertificateFiles::new(Arc::clone(tls), sender, config, clock.clone());
        let acme = Acme::new(Arc::clone(tls), Arc::clone(&tokens), clock.clone(), settings);
        Some((Self { files, acme }, tokens))
    }

    /// Starts the task on the calling runtime. Without a name it waits for one, which a reload may bring.
    pub(super) fn start(self) -> (CertificateFiles, JoinHandle<()>) {
        (self.files, tokio::runtime::Handle::current().spawn(self.acme.run()))
    }
}
