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

/// How servers of the app are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The authorities whose certificates servers must show, PEM; `None` = those of the system.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to servers that ask for one.
    pub identity: Option<Files>,
}

/// The terms of connections to the app.
#[derive(Debug)]
pub struct ClientTls {
    terms: Arc<ClientConfig>,
}

/// Where systems keep the authorities that they trust, in one file (Debian, Red Hat, SUSE, Alpine).
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
    /// All that is wrong with them.
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

    /// A connection to a server of this name, which its certificate has to be for.
    ///
    /// # Errors
    /// When the terms cannot be used at all.
    pub fn connection(&self, name: &ServerName<'static>) -> Result<Connection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.terms), name.clone()).map(Connection::Client)
    }
}

/// What is wrong with the files.
#[must_use]
pub fn inspect_upstream(settings: &UpstreamSettings) -> Vec<CertificateError> {
    match ClientTls::load(settings) {
        Err(TlsError::Certificates(errors)) => errors.0,
        _ => Vec::new(),
    }
}

/// The name that the certificate of a server has to be for: a host, or an address without brackets.
///
/// # Errors
/// When no certificate can be for it.
pub fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca else {
        // Without a bundle no server is trusted, and each connection says so.
        let bundle = SYSTEM.iter().find_map(|path| CertificateDer::pem_file_iter(path).ok());
        roots.add_parsable_certificates(bundle.into_iter().flatten().filter_map(Result::ok));
        return Ok(roots);
    };
    for (at, der) in files::chain(file)?.ders.into_iter().enumerate() {
        roots.add(der).map_err(|_| Flaw::BadCertificate(at + 1).of(file))?;
    }
    Ok(roots)
}
