//! TLS towards the app.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName, pem::PemObject as _},
    sign::SingleCertAndKey,
};

use super::{
    error::{CertificateError, CertificateErrors, Flaw, TlsError},
    files::{self, Pair},
    provider::provider,
    settings::Files,
};

/// How the app's servers are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The trusted authorities, PEM. `None` = those of the system.
    pub ca: Option<PathBuf>,
    /// The client certificate for servers that request one.
    pub identity: Option<Files>,
}

/// The TLS parameters for connections to the app.
#[derive(Debug)]
pub struct ClientTls {
    terms: Arc<ClientConfig>,
}

/// The bundles of trusted authorities of Debian, Red Hat, SUSE and Alpine.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl ClientTls {
    /// Reads the certificates.
    ///
    /// # Errors
    /// All errors in the files.
    pub fn load(settings: &UpstreamSettings) -> Result<Self, TlsError> {
        let refused = |errors| TlsError::Certificates(CertificateErrors(errors));
        let roots = roots(settings.ca.as_deref()).map_err(|error| refused(vec![error]))?;
        let identity = settings.identity.as_ref().map(Pair::read_identity).transpose().map_err(refused)?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Terms)?
            .with_root_certificates(roots);
        let mut terms = match identity {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        terms.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { terms: Arc::new(terms) })
    }

    /// The parameters, for a client that runs the handshake itself.
    #[must_use]
    pub fn terms(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.terms)
    }

    /// The state of a new connection to a server, whose certificate must cover `name`.
    ///
    /// # Errors
    /// If rustls rejects the parameters.
    pub fn connection(&self, name: &ServerName<'static>) -> Result<Connection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.terms), name.clone()).map(Connection::Client)
    }
}

/// All errors in the files.
#[must_use]
pub fn inspect_upstream(settings: &UpstreamSettings) -> Vec<CertificateError> {
    match ClientTls::load(settings) {
        Err(TlsError::Certificates(errors)) => errors.0,
        _ => Vec::new(),
    }
}

/// The name that a server's certificate must cover: a host, or an address without brackets.
///
/// # Errors
/// If it is not a name that a certificate can contain.
pub fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca else {
        // Without a bundle no server is trusted, and each connection fails with an error.
        let bundle = SYSTEM.iter().find_map(|path| CertificateDer::pem_file_iter(path).ok());
        roots.add_parsable_certificates(bundle.into_iter().flatten().filter_map(Result::ok));
        return Ok(roots);
    };
    for (at, der) in files::chain(file)?.ders.into_iter().enumerate() {
        roots.add(der).map_err(|_| Flaw::BadCertificate(at + 1).of(file))?;
    }
    Ok(roots)
}
