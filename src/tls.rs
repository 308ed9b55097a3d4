//! TLS towards clients: certificates from files, which of them is shown to whom, and the terms of a handshake.
//!
//! ring is the one provider (docs/decisions.md section 7).

mod certificate;
mod clients;
mod error;
mod files;
mod names;
mod pem;
mod provider;
mod settings;
mod upstream;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    Connection, ServerConfig, ServerConnection, SupportedProtocolVersion,
    crypto::ring,
    server::{NoServerSessionStorage, ProducesTickets},
    version::{TLS12, TLS13},
};

use crate::clock::Timestamp;

pub use certificate::Certificate;
pub use clients::subject;
pub use error::{CertificateError, CertificateErrors, Flaw, TlsError};
use files::Pair;
use names::Names;
pub use names::{is_host, is_same_host, without_port};
pub use pem::pem;
use provider::provider;
pub use settings::{Files, Settings, Version};
pub use upstream::{ClientTls, UpstreamSettings, inspect_upstream, server_name};

/// The terms in force. Connections keep those that they began with.
#[derive(Debug)]
pub struct ServerTls {
    /// Makes tickets, with keys that change every six hours. Kept over reloads, so that clients can resume.
    tickets: Arc<dyn ProducesTickets>,
    in_force: ArcSwap<InForce>,
}

#[derive(Debug)]
struct InForce {
    terms: Arc<ServerConfig>,
    names: Arc<Names>,
    pairs: Vec<Arc<Pair>>,
}

/// Terms that can be taken.
#[derive(Debug)]
pub struct Prepared {
    in_force: InForce,
    /// What is wrong with the files of certificates that stay as they are.
    pub mistakes: Vec<CertificateError>,
}

static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// What a client can ask for by ALPN (RFC 7301).
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

impl ServerTls {
    /// Reads the certificates. Their dates are not looked at.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn load(settings: &Settings) -> Result<Self, TlsError> {
        let tickets = ring::Ticketer::new().map_err(TlsError::Tickets)?;
        let in_force = InForce::new(settings, Pair::read_all(&settings.files)?, &tickets)?;
        Ok(Self { tickets, in_force: ArcSwap::from_pointee(in_force) })
    }

    /// Reads them again. Where the files of a certificate are wrong now, or bring one that is out of date, the one in
    /// force stays.
    ///
    /// # Errors
    /// All that is wrong with them, where there is none that could stay.
    pub fn prepare(&self, settings: &Settings, now: Timestamp) -> Result<Prepared, TlsError> {
        let current = self.in_force.load();
        let (mut pairs, mut mistakes) = (Vec::new(), Vec::new());
        for files in &settings.files {
            let old = current.pairs.iter().find(|pair| pair.files == *files);
            match Pair::read(files).and_then(|pair| pair.fit_to_follow(old, now)) {
                Ok(pair) => pairs.push(Arc::new(pair)),
                Err(more) => {
                    mistakes.extend(more);
                    pairs.extend(old.cloned());
                }
            }
        }
        if pairs.len() < settings.files.len() {
            return Err(TlsError::Certificates(CertificateErrors(mistakes)));
        }
        let in_force = InForce::new(settings, pairs, &self.tickets)?;
        Ok(Prepared { in_force, mistakes })
    }

    /// From now on these are the terms of new connections; the certificates that were not in force before.
    pub fn take(&self, prepared: Prepared) -> Vec<Certificate> {
        let new = prepared.in_force;
        let old = self.in_force.load_full();
        let is_new = |pair: &&Arc<Pair>| !old.pairs.iter().any(|old| old.is_same(pair));
        let brought = new.pairs.iter().filter(is_new).map(|pair| pair.certificate.clone()).collect();
        self.in_force.store(Arc::new(new));
        brought
    }

    /// A connection that waits for a client's first word.
    ///
    /// # Errors
    /// When the terms cannot be used at all.
    pub fn connection(&self) -> Result<Connection, rustls::Error> {
        let terms = Arc::clone(&self.in_force.load().terms);
        ServerConnection::new(terms).map(Connection::Server)
    }

    /// Whether there is a certificate for this host, which may have a port.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        self.in_force.load().names.covers(host)
    }

    /// The certificates, in the order of the settings.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        self.in_force.load().pairs.iter().map(|pair| pair.certificate.clone()).collect()
    }
}

impl InForce {
    fn new(
        settings: &Settings,
        pairs: Vec<Arc<Pair>>,
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Self, TlsError> {
        let names = Arc::new(Names::new(&pairs));
        let mut terms = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(match settings.min_version {
                Version::V12 => &BOTH,
                Version::V13 => &NEWEST,
            })
            .map_err(TlsError::Terms)?
            .with_client_cert_verifier(clients::verifier(settings)?)
            .with_cert_resolver(Arc::clone(&names) as _);
        terms.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if settings.client_ca.is_some() {
            // A session that is resumed shows no certificate: one that has ended meanwhile would still be good.
            terms.send_tls13_tickets = 0;
        } else {
            // Tickets alone: what a client brings needs no memory here, and no lock between cores.
            terms.ticketer = Arc::clone(tickets);
        }
        terms.session_storage = Arc::new(NoServerSessionStorage {});
        // A request that is sent before the handshake is over can be sent twice by others (RFC 8446 section 8).
        terms.max_early_data_size = 0;
        Ok(Self { terms: Arc::new(terms), names, pairs })
    }
}

/// What is wrong with these certificates now: what they could not be read for, and their dates.
#[must_use]
pub fn inspect(settings: &Settings, now: Timestamp) -> Vec<CertificateError> {
    let mut errors = match Pair::read_all(&settings.files) {
        Err(TlsError::Certificates(errors)) => errors.0,
        Err(_) => Vec::new(),
        Ok(pairs) => pairs.iter().filter_map(|pair| pair.certificate.dated(now).err()).collect(),
    };
    if let Err(TlsError::Certificates(of_clients)) = clients::verifier(settings) {
        errors.extend(of_clients.0);
    }
    errors
}

/// Those of these certificates that end within two weeks; none where there is more wrong with them.
#[must_use]
pub fn ending(files: &[Files], now: Timestamp) -> Vec<Certificate> {
    let pairs = Pair::read_all(files).unwrap_or_default();
    let certificates = pairs.iter().map(|pair| &pair.certificate);
    certificates.filter(|certificate| certificate.ends_soon(now)).cloned().collect()
}

/// What the certificates are for, where none is for this host, which may have a port.
#[must_use]
pub fn names_without(files: &[Files], host: &str) -> Option<Vec<String>> {
    let pairs = Pair::read_all(files).ok()?;
    let all = || pairs.iter().flat_map(|pair| pair.certificate.names.clone()).collect();
    (!Names::new(&pairs).covers(host)).then(all)
}
