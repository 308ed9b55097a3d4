//! Verification of client certificates.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::{
    certificate::Link,
    error::{CertificateErrors, Flaw, TlsError},
    files,
    provider::provider,
    settings::Settings,
};

/// The verifier for `tls.client_ca`.
pub(super) fn verifier(settings: &Settings) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(file) = &settings.client_ca else { return Ok(Arc::new(NoClientAuth)) };
    let refused = |error| TlsError::Certificates(CertificateErrors(vec![error]));
    let ders = files::chain(file).map_err(refused)?.ders;
    let mut roots = RootCertStore::empty();
    for (at, der) in ders.into_iter().enumerate() {
        roots.add(der).map_err(|_| refused(Flaw::BadCertificate(at + 1).of(file)))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    verifier.map(|verifier| verifier as _).map_err(|_| refused(Flaw::NoCertificate.of(file)))
}

/// The subject of a certificate, as RFC 4514 writes it: `CN=ann,O=Example`.
#[must_use]
pub fn subject(der: &[u8]) -> Option<String> {
    Link::read(der).map(|link| link.subject())
}
