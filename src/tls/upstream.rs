//! TLS towards the app.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Connection, RootCertStore,
    client::Resumption,
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

/// The version of HTTP that is required of a server, by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1. A server without ALPN is taken to speak it.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The TLS parameters for connections to the app.
#[derive(Debug)]
pub struct ClientTls {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

/// A server that speaks the other version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlpnError {
    /// It was to speak HTTP/2.
    #[error("it does not choose HTTP/2 by ALPN; write `https://` in `servers` for HTTP/1.1")]
    NoHttp2,
    /// It was to speak HTTP/1.1.
    #[error("it does not choose HTTP/1.1 by ALPN; write `h2://` in `servers` for HTTP/2")]
    NoHttp1,
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
        terms.alpn_protocols = vec![Protocol::Http1.alpn().to_vec()];
        // With sessions of its own: a server may tie one to its protocol.
        let mut http2 = terms.clone();
        http2.alpn_protocols = vec![Protocol::Http2.alpn().to_vec()];
        http2.resumption = Resumption::default();
        Ok(Self { http1: Arc::new(terms), http2: Arc::new(http2) })
    }

    /// The parameters for HTTP/1.1, for a client that runs the handshake itself.
    #[must_use]
    pub fn terms(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.http1)
    }

    /// The state of a new connection to a server, whose certificate must cover `name`.
    ///
    /// # Errors
    /// If rustls rejects the parameters.
    pub fn connection(
        &self,
        name: &ServerName<'static>,
        protocol: Protocol,
    ) -> Result<Connection, rustls::Error> {
        let terms = match protocol {
            Protocol::Http1 => &self.http1,
            Protocol::Http2 => &self.http2,
        };
        ClientConnection::new(Arc::clone(terms), name.clone()).map(Connection::Client)
    }
}

impl Protocol {
    /// Checks what the server chose; `None` = nothing.
    ///
    /// # Errors
    /// If it is not this protocol.
    pub fn check(self, chosen: Option<&[u8]>) -> Result<(), AlpnError> {
        match (self, chosen) {
            (Self::Http1, None) => Ok(()),
            _ if chosen == Some(self.alpn()) => Ok(()),
            _ => Err(self.not_chosen()),
        }
    }

    /// The error for a handshake that the server ended because it has no protocol in common with this one
    /// (`no_application_protocol`, RFC 7301 section 3.2); `None` for any other error.
    #[must_use]
    pub fn refused(self, error: &rustls::Error) -> Option<AlpnError> {
        let is_refused =
            matches!(error, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));
        is_refused.then(|| self.not_chosen())
    }

    fn not_chosen(self) -> AlpnError {
        match self {
            Self::Http1 => AlpnError::NoHttp1,
            Self::Http2 => AlpnError::NoHttp2,
        }
    }

    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
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
