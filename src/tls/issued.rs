//! Certificates that an authority issues while the gate runs, and those that prove a name to it (tls-alpn-01, RFC 8737).

use std::{collections::BTreeMap, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::{pki_types::PrivatePkcs8KeyDer, server::ClientHello, sign::CertifiedKey};

use super::{
    certificate::{Certificate, Link, RenewalId},
    error::{CertificateError, Flaw},
    files::{self, Pair},
    provider::provider,
};

/// The protocol of a challenge in ALPN (RFC 8737 section 6.2).
pub const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificates of the requested names.
#[derive(Debug, Default)]
pub struct Issued(ArcSwap<BTreeMap<String, Entry>>);

/// The certificates of a name.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// `None` = not issued yet.
    pair: Option<Arc<Pair>>,
    /// The certificate of an open challenge.
    challenge: Option<Arc<CertifiedKey>>,
}

/// Why a challenge cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// The certificate cannot be made.
    #[error("the certificate of the challenge cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// Its key cannot be used.
    #[error("the key of the challenge cannot be used")]
    Key(#[from] rustls::Error),
}

/// Whether the client is an authority that checks a challenge: it offers this protocol and no other (RFC 8737 section 3).
pub(super) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let Some(mut offered) = hello.alpn() else { return false };
    offered.next() == Some(CHALLENGE_PROTOCOL) && offered.next().is_none()
}

impl Issued {
    /// Sets the names, in lower case, for which certificates are requested. Certificates of other names go.
    pub fn request(&self, names: &[String]) {
        self.0.rcu(|issued| {
            let entry = |name: &String| (name.clone(), issued.get(name).cloned().unwrap_or_default());
            names.iter().map(entry).collect::<BTreeMap<_, _>>()
        });
    }

    /// The requested names without a certificate.
    #[must_use]
    pub fn awaited(&self) -> Vec<String> {
        let issued = self.0.load();
        issued.iter().filter(|(_, entry)| entry.pair.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Whether a certificate for this name is requested and not there.
    #[must_use]
    pub fn awaits(&self, name: &str) -> bool {
        self.0.load().get(&name.to_ascii_lowercase()).is_some_and(|entry| entry.pair.is_none())
    }

    /// The certificate that was issued for a requested name.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Option<Certificate> {
        Some(self.0.load().get(name)?.pair.as_ref()?.certificate.clone())
    }

    /// What identifies the certificate of a requested name to its authority (RFC 9773 section 4.1).
    #[must_use]
    pub fn renewal_id(&self, name: &str) -> Option<RenewalId> {
        let pair = self.0.load().get(name)?.pair.clone()?;
        Link::read(pair.key.cert.first()?)?.renewal_id()
    }

    /// Uses an issued certificate for new connections. `pem`: the chain and its key; `file`: where it is kept.
    ///
    /// # Errors
    /// If the chain or the key cannot be used, or is not for `name`.
    pub fn install(&self, name: &str, pem: &str, file: &Path) -> Result<Certificate, CertificateError> {
        let pair = Arc::new(fit(name, pem, file)?);
        self.change(name, |entry| entry.pair = Some(Arc::clone(&pair)));
        Ok(pair.certificate.clone())
    }

    /// Uses the certificate of a file, as [`Self::install`].
    ///
    /// # Errors
    /// As [`Self::install`], or if the file cannot be read.
    pub fn install_file(&self, name: &str, file: &Path) -> Result<Certificate, CertificateError> {
        self.install(name, &files::text(file)?, file)
    }

    /// Shows the certificate of a challenge to clients that check it (RFC 8737 section 3). `digest`: SHA-256 of the key
    /// authorization.
    ///
    /// # Errors
    /// If the certificate cannot be made.
    pub fn open_challenge(&self, name: &str, digest: &[u8; 32]) -> Result<(), ChallengeError> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let signing = provider().key_provider.load_private_key(private)?;
        let shown = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing));
        self.change(name, |entry| entry.challenge = Some(Arc::clone(&shown)));
        Ok(())
    }

    /// Ends a challenge.
    pub fn close_challenge(&self, name: &str) {
        self.change(name, |entry| entry.challenge = None);
    }

    /// The certificate for a name.
    pub(super) fn key(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let pair = self.0.load().get(name)?.pair.clone()?;
        Some(Arc::clone(&pair.key))
    }

    /// The certificate of the open challenge for a name.
    pub(super) fn challenge(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.load().get(&name.to_ascii_lowercase())?.challenge.clone()
    }

    /// One of the certificates, for a client that sends no name.
    pub(super) fn any(&self) -> Option<Arc<CertifiedKey>> {
        let issued = self.0.load();
        let pair = issued.values().find_map(|entry| entry.pair.as_ref())?;
        Some(Arc::clone(&pair.key))
    }

    pub(super) fn certificates(&self) -> Vec<Certificate> {
        let issued = self.0.load();
        issued.values().filter_map(|entry| Some(entry.pair.as_ref()?.certificate.clone())).collect()
    }

    fn change(&self, name: &str, change: impl Fn(&mut Entry)) {
        self.0.rcu(|issued| {
            let mut issued = BTreeMap::clone(issued);
            // A name that is no longer requested is not brought back by what was under way for it.
            issued.entry(name.to_owned()).and_modify(&change);
            issued
        });
    }
}

/// Checks what an authority has issued, without using it.
///
/// # Errors
/// As [`Issued::install`].
pub fn check_issued(name: &str, pem: &str, file: &Path) -> Result<(), CertificateError> {
    fit(name, pem, file).map(drop)
}

fn fit(name: &str, pem: &str, file: &Path) -> Result<Pair, CertificateError> {
    let pair = Pair::parse(file, pem)?;
    let is_for = pair.certificate.names.iter().any(|of| of == name);
    if is_for { Ok(pair) } else { Err(Flaw::OtherName(name.to_owned()).of(file)) }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertifiedIssuer, IsCa, SerialNumber};

    use super::*;
    use crate::tls::{ServerTls, Settings, Version};

    fn server() -> ServerTls {
        let settings = Settings { files: Vec::new(), acme: true, min_version: Version::V12, client_ca: None };
        ServerTls::load(&settings).unwrap()
    }

    /// A key and a certificate of an authority, PEM.
    fn issue(name: &str, serial: &[u8]) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial.to_vec()));
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        key.serialize_pem() + &certificate.pem()
    }

    #[test]
    fn requested_names_come_and_go() {
        let (tls, file) = (server(), Path::new("x.pem"));
        let request =
            |names: &[&str]| tls.issued().request(&names.iter().map(|&name| name.into()).collect::<Vec<_>>());
        request(&["a.test", "b.test"]);
        assert_eq!(tls.issued().awaited(), ["a.test", "b.test"]);
        assert!(tls.issued().awaits("A.test") && !tls.covers("a.test") && !tls.issued().awaits("c.test"));
        let installed = tls.issued().install("a.test", &issue("a.test", &[1]), file).unwrap();
        assert_eq!(
            (tls.certificates(), tls.issued().certificate("a.test")),
            (vec![installed.clone()], Some(installed))
        );
        assert!(tls.covers("A.test:443") && !tls.issued().awaits("a.test") && tls.issued().awaits("b.test"));
        request(&["a.test"]);
        assert!(tls.covers("a.test") && tls.issued().awaited().is_empty(), "it stays");
        request(&["b.test"]);
        // An order that was under way.
        tls.issued().install("a.test", &issue("a.test", &[2]), file).unwrap();
        assert!(!tls.covers("a.test") && tls.certificates().is_empty());
    }

    #[test]
    fn what_cannot_be_used_does_not_replace_what_is_there() {
        let (tls, file) = (server(), Path::new("x.pem"));
        tls.issued().request(&["a.test".to_owned()]);
        let old = tls.issued().install("a.test", &issue("a.test", &[1]), file).unwrap();
        let other = tls.issued().install("a.test", &issue("b.test", &[1]), file).unwrap_err();
        assert_eq!(
            other.to_string(),
            "`x.pem`: the certificate is not for `a.test`; have it issued for that name"
        );
        let (mine, theirs) = (issue("a.test", &[1]), issue("a.test", &[2]));
        let chain = |pem: &str| pem.split_once("-----BEGIN CERT").unwrap().1.to_owned();
        let swapped = mine.replace(&chain(&mine), &chain(&theirs));
        for broken in [&swapped, "", "half a cert", mine.split("-----BEGIN CERT").next().unwrap()] {
            assert!(tls.issued().install("a.test", broken, file).is_err(), "{broken}");
        }
        assert_eq!(tls.issued().certificate("a.test"), Some(old));
    }

    #[test]
    fn a_challenge_is_only_for_a_requested_name_while_it_is_open() {
        let tls = server();
        tls.issued().request(&["a.test".to_owned()]);
        assert!(tls.issued().challenge("a.test").is_none());
        for name in ["a.test", "b.test"] {
            tls.issued().open_challenge(name, &[7; 32]).unwrap();
        }
        assert!(tls.issued().challenge("A.test").is_some() && tls.issued().challenge("b.test").is_none());
        let shown = tls.issued().challenge("a.test").unwrap();
        // RFC 8737 section 3: a critical extension 1.3.6.1.5.5.7.1.31 with the digest.
        let extension =
            [&[6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &[7; 32]].concat();
        assert!(shown.cert[0].windows(extension.len()).any(|window| window == extension));
        assert!(!tls.covers("a.test"), "it is for nobody else");
        tls.issued().close_challenge("a.test");
        assert!(tls.issued().challenge("a.test").is_none());
    }

    #[test]
    fn the_serial_number_has_its_sign_byte() {
        let tls = server();
        tls.issued().request(&["a.test".to_owned()]);
        assert_eq!(tls.issued().renewal_id("a.test"), None);
        for (serial, der) in
            [(&[0x87, 0x65, 0x43][..], &[0, 0x87, 0x65, 0x43][..]), (&[0x17, 0x65], &[0x17, 0x65])]
        {
            tls.issued().install("a.test", &issue("a.test", serial), Path::new("x.pem")).unwrap();
            let id = tls.issued().renewal_id("a.test").unwrap();
            assert_eq!((&*id.serial, id.issuer.len()), (der, 20));
        }
    }
}
