//! A certificate and its key, from PEM files.

use std::{fs, io::Read as _, path::Path, sync::Arc};

use rustls::{
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _, SectionKind},
    },
    sign::CertifiedKey,
};

use super::{
    certificate::{Certificate, Link},
    error::{CertificateError, CertificateErrors, Flaw, TlsError},
    provider::provider,
    settings::Files,
};
use crate::clock::Timestamp;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) files: Files,
    /// The names and dates of the first certificate.
    pub(super) certificate: Certificate,
    pub(super) key: Arc<CertifiedKey>,
}

/// The largest file, in bytes. No chain and no key is larger.
const LARGEST: u64 = 1024 * 1024;

impl Pair {
    /// Reads all pairs, without a check of their dates.
    ///
    /// # Errors
    /// All errors in the files.
    pub(super) fn read_all(files: &[Files]) -> Result<Vec<Arc<Self>>, TlsError> {
        let (mut pairs, mut mistakes) = (Vec::new(), Vec::new());
        for files in files {
            match Self::read(files) {
                Ok(pair) => pairs.push(Arc::new(pair)),
                Err(more) => mistakes.extend(more),
            }
        }
        if mistakes.is_empty() { Ok(pairs) } else { Err(TlsError::Certificates(CertificateErrors(mistakes))) }
    }

    /// Reads one pair.
    ///
    /// # Errors
    /// All errors in its files.
    pub(super) fn read(files: &Files) -> Result<Self, Vec<CertificateError>> {
        let (chain, private) = read_both(files)?;
        let (key, certificate) = joined(files, chain, private).map_err(|error| vec![error])?;
        if certificate.names.is_empty() {
            return Err(vec![Flaw::NoNames.of(&files.cert)]);
        }
        Ok(Self { files: files.clone(), certificate, key: Arc::new(key) })
    }

    /// Reads a client certificate, which need not name a host.
    ///
    /// # Errors
    /// All errors in its files.
    pub(super) fn read_identity(files: &Files) -> Result<CertifiedKey, Vec<CertificateError>> {
        let (chain, private) = read_both(files)?;
        joined(files, chain, private).map(|(key, _)| key).map_err(|error| vec![error])
    }

    /// Reads a pair from one PEM text that has both the chain and its key.
    ///
    /// # Errors
    /// The error in the text. `file`: where it is, or will be.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, CertificateError> {
        let files = Files { cert: file.to_owned(), key: file.to_owned() };
        let (chain, private) = (chain_of(file, text)?, private_key_of(file, text)?);
        let (key, certificate) = joined(&files, chain, private)?;
        Ok(Self { files, certificate, key: Arc::new(key) })
    }

    /// Whether both have the same chain.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    /// Returns the pair if it may replace `old`: a new certificate must be valid at `now`.
    pub(super) fn fit_to_follow(
        self,
        old: Option<&Arc<Self>>,
        now: Timestamp,
    ) -> Result<Self, Vec<CertificateError>> {
        let is_new = !old.is_some_and(|old| old.is_same(&self));
        if is_new && let Err(error) = self.certificate.dated(now) {
            return Err(vec![error]);
        }
        Ok(self)
    }
}

fn read_both(files: &Files) -> Result<(Chain, PrivateKeyDer<'static>), Vec<CertificateError>> {
    match (chain(&files.cert), private_key(&files.key)) {
        (Ok(chain), Ok(private)) => Ok((chain, private)),
        (chain, private) => Err(chain.err().into_iter().chain(private.err()).collect()),
    }
}

/// Combines a chain with the key of its first certificate.
fn joined(
    files: &Files,
    chain: Chain,
    private: PrivateKeyDer<'static>,
) -> Result<(CertifiedKey, Certificate), CertificateError> {
    let Files { cert, key } = files;
    let Chain { ders, links } = chain;
    let signing = provider().key_provider.load_private_key(private).map_err(|_| Flaw::UnusableKey.of(key))?;
    let is_key_of = |at: usize| {
        let of = ders.get(at).map(|der| CertifiedKey::new(vec![der.clone()], Arc::clone(&signing)));
        of.is_some_and(|of| of.keys_match().is_ok())
    };
    let own = (0..links.len()).find(|at| is_key_of(*at));
    let (Some(own), Some(first)) = (own, links.first()) else {
        return Err(Flaw::KeyMismatch(cert.to_owned()).of(key));
    };
    in_order(&links, own).map_err(|flaw| flaw.of(cert))?;
    let certificate = first.about(cert);
    Ok((CertifiedKey::new(ders, signing), certificate))
}

/// The certificates of a file.
pub(super) struct Chain {
    /// The certificates, DER.
    pub(super) ders: Vec<CertificateDer<'static>>,
    /// The same certificates, parsed.
    links: Vec<Link>,
}

/// Checks that the server's certificate is the first, and that each is issued by the next. `own` is the index of the one
/// that matches the key.
fn in_order(links: &[Link], own: usize) -> Result<(), Flaw> {
    let flaw = |number: usize, link: &Link, next: &Link| Flaw::ChainOrder {
        number,
        issuer: link.issuer(),
        next: next.subject(),
    };
    if let (Some(first), Some(server)) = (links.first(), links.get(own).filter(|_| own > 0)) {
        return Err(flaw(1, first, server));
    }
    for (at, (link, next)) in links.iter().zip(links.iter().skip(1)).enumerate() {
        if !link.is_issued_by(next) {
            return Err(flaw(at + 1, link, next));
        }
    }
    Ok(())
}

pub(super) fn chain(file: &Path) -> Result<Chain, CertificateError> {
    chain_of(file, &text(file)?)
}

fn chain_of(file: &Path, text: &str) -> Result<Chain, CertificateError> {
    let sections = read_sections(file, text)?;
    let holds_key = sections.iter().any(|(kind, der)| key(*kind, der).is_some());
    let ders: Vec<_> = sections
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if ders.is_empty() {
        return Err(if holds_key { Flaw::KeyInCert } else { Flaw::NoCertificate }.of(file));
    }
    let read = |(at, der): (usize, &CertificateDer<'_>)| {
        Link::read(der).ok_or_else(|| Flaw::BadCertificate(at + 1).of(file))
    };
    let links = ders.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Chain { ders, links })
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    private_key_of(file, &text(file)?)
}

fn private_key_of(file: &Path, text: &str) -> Result<PrivateKeyDer<'static>, CertificateError> {
    // PKCS #8 and OpenSSL's older format mark encryption differently.
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(Flaw::EncryptedKey.of(file));
    }
    let mut keys: Vec<_> =
        read_sections(file, text)?.iter().filter_map(|(kind, der)| key(*kind, der)).collect();
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok(key),
        (Some(_), more) => Err(Flaw::SeveralKeys(more + 1).of(file)),
        (None, _) => Err(Flaw::NoKey.of(file)),
    }
}

fn key(kind: SectionKind, der: &[u8]) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem(kind, der.to_vec())
}

fn read_sections(file: &Path, text: &str) -> Result<Vec<(SectionKind, Vec<u8>)>, CertificateError> {
    if !text.contains("-----BEGIN") {
        return Err(Flaw::NotPem.of(file));
    }
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|error| {
        let flaw =
            if matches!(error, pem::Error::MissingSectionEnd { .. }) { Flaw::CutOff } else { Flaw::NotPem };
        flaw.of(file)
    })
}

pub(super) fn text(file: &Path) -> Result<String, CertificateError> {
    let unreadable = |error: std::io::Error| Flaw::Unreadable(error.kind()).of(file);
    let mut bytes = Vec::new();
    // Before it is opened: a pipe that has no writer waits for one.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(Flaw::Unreadable(std::io::ErrorKind::InvalidInput).of(file));
    }
    let opened = fs::File::open(file).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Flaw::TooLarge.of(file));
    }
    if bytes.is_empty() {
        return Err(Flaw::Empty.of(file));
    }
    String::from_utf8(bytes).map_err(|_| Flaw::NotPem.of(file))
}

#[cfg(test)]
mod tests;
