//! TLS: certificates from files, the choice of a certificate for a client, and the parameters of a handshake.
//!
//! ring is the only provider (docs/decisions.md section 7).

mod certificate;
mod clients;
mod error;
mod files;
mod issued;
mod names;
mod provider;
mod replace;
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

pub use certificate::{Certificate, RenewalId};
pub use clients::subject;
pub use error::{CertificateError, CertificateErrors, Flaw, TlsError};
use files::Pair;
pub use issued::{CHALLENGE_PROTOCOL, ChallengeError, Issued, check_issued};
use names::Names;
pub use names::{bare_host, host_of, is_host, is_same_host, without_port};
use provider::provider;
pub use replace::{SECRET, replace_file};
pub use settings::{Files, Settings, Version};
pub use upstream::{AlpnError, ClientTls, Protocol, UpstreamSettings, inspect_upstream, server_name};

/// The server's TLS parameters. A reload replaces them for new connections; established ones keep theirs.
#[derive(Debug)]
pub struct ServerTls {
    /// Issues session tickets, with keys that rotate every six hours. Kept across reloads, so that clients can resume.
    tickets: Arc<dyn ProducesTickets>,
    in_force: ArcSwap<InForce>,
    /// Certificates that an authority issues while the gate runs. Kept across reloads.
    issued: Arc<Issued>,
}

#[derive(Debug)]
struct InForce {
    terms: Arc<ServerConfig>,
    names: Arc<Names>,
    pairs: Vec<Arc<Pair>>,
}

/// New parameters, ready for [`ServerTls::take`].
#[derive(Debug)]
pub struct Prepared {
    in_force: InForce,
    /// Errors in the files of the certificates that are kept because of them.
    pub mistakes: Vec<CertificateError>,
}

static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The protocols that are offered by ALPN (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The name of HTTP/2 over TLS in ALPN (RFC 9113 section 3.2).
pub const HTTP_2: &[u8] = b"h2";

impl ServerTls {
    /// Reads the certificates, without a check of their dates.
    ///
    /// # Errors
    /// All errors in the files.
    pub fn load(settings: &Settings) -> Result<Self, TlsError> {
        let tickets = ring::Ticketer::new().map_err(TlsError::Tickets)?;
        let issued = Arc::default();
        let in_force = InForce::new(settings, Pair::read_all(&settings.files)?, &tickets, &issued)?;
        Ok(Self { tickets, in_force: ArcSwap::from_pointee(in_force), issued })
    }

    /// Reads the certificates again. If the files of a certificate are invalid, or contain one that is expired or not
    /// yet valid, the current one is kept.
    ///
    /// # Errors
    /// All errors in the files, if there is no current certificate to keep.
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
        let in_force = InForce::new(settings, pairs, &self.tickets, &self.issued)?;
        Ok(Prepared { in_force, mistakes })
    }

    /// Uses the parameters for new connections. Returns the certificates that were not in use before.
    pub fn take(&self, prepared: Prepared) -> Vec<Certificate> {
        let new = prepared.in_force;
        let old = self.in_force.load_full();
        let is_new = |pair: &&Arc<Pair>| !old.pairs.iter().any(|old| old.is_same(pair));
        let brought = new.pairs.iter().filter(is_new).map(|pair| pair.certificate.clone()).collect();
        self.in_force.store(Arc::new(new));
        brought
    }

    /// The state of a new connection, before the client's first message.
    ///
    /// # Errors
    /// If rustls rejects the parameters.
    pub fn connection(&self) -> Result<Connection, rustls::Error> {
        let terms = Arc::clone(&self.in_force.load().terms);
        ServerConnection::new(terms).map(Connection::Server)
    }

    /// The certificates that an authority issues while the gate runs.
    #[must_use]
    pub fn issued(&self) -> &Issued {
        &self.issued
    }

    /// Whether there is a certificate for this host, which may have a port.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        self.in_force.load().names.covers(host)
    }

    /// The certificates: those of files in the order of the settings, then those that were issued.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate> {
        let in_force = self.in_force.load();
        let of_files = in_force.pairs.iter().map(|pair| pair.certificate.clone());
        of_files.chain(self.issued.certificates()).collect()
    }
}

impl InForce {
    fn new(
        settings: &Settings,
        pairs: Vec<Arc<Pair>>,
        tickets: &Arc<dyn ProducesTickets>,
        issued: &Arc<Issued>,
    ) -> Result<Self, TlsError> {
        let names = Arc::new(Names::new(&pairs, Arc::clone(issued)));
        let mut terms = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(match settings.min_version {
                Version::V12 => &BOTH,
                Version::V13 => &NEWEST,
            })
            .map_err(TlsError::Terms)?
            .with_client_cert_verifier(clients::verifier(settings)?)
            .with_cert_resolver(Arc::clone(&names) as _);
        terms.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // The order is ours: see the provider.
        terms.ignore_client_order = true;
        if settings.acme {
            terms.alpn_protocols.push(CHALLENGE_PROTOCOL.to_vec());
        }
        if settings.client_ca.is_some() {
            // A resumed session skips the certificate, so one that has expired since would still be accepted.
            terms.send_tls13_tickets = 0;
        } else {
            // Tickets only: they need no memory in the gate and no lock between cores.
            terms.ticketer = Arc::clone(tickets);
            // One is enough, because each use brings a new one, and a browser needs one connection only (HTTP/2). Each costs
            // as much as a small answer.
            terms.send_tls13_tickets = 1;
        }
        terms.session_storage = Arc::new(NoServerSessionStorage {});
        // Early data can be replayed (RFC 8446 section 8).
        terms.max_early_data_size = 0;
        Ok(Self { terms: Arc::new(terms), names, pairs })
    }
}

/// All errors in the certificates: of their files, and of their dates.
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

/// The certificates that expire within two weeks. Empty if the files have errors.
#[must_use]
pub fn ending(files: &[Files], now: Timestamp) -> Vec<Certificate> {
    let pairs = Pair::read_all(files).unwrap_or_default();
    let certificates = pairs.iter().map(|pair| &pair.certificate);
    certificates.filter(|certificate| certificate.ends_soon(now)).cloned().collect()
}

/// The names of all certificates, if none of them covers this host, which may have a port.
#[must_use]
pub fn names_without(files: &[Files], host: &str) -> Option<Vec<String>> {
    let pairs = Pair::read_all(files).ok()?;
    let all = || pairs.iter().flat_map(|pair| pair.certificate.names.clone()).collect();
    (!Names::new(&pairs, Arc::default()).covers(host)).then(all)
}
