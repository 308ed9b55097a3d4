//! An authority of the tests, and the certificates that it issues.

use std::{fs, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};

/// An authority that clients of the tests trust.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What leads from it to the root, PEM.
    above: String,
    root: CertificateDer<'static>,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    /// With what leads to the authority.
    pub(crate) chain: String,
    pub(crate) key: String,
    /// The certificate itself.
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let issuer = CertifiedIssuer::self_signed(Self::params("test root"), key()).unwrap();
        let root = issuer.der().clone();
        Self { issuer, above: String::new(), root }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self) -> Self {
        let issuer =
            CertifiedIssuer::signed_by(Self::params("test intermediate"), key(), &self.issuer).unwrap();
        let above = issuer.pem() + &self.above;
        Self { issuer, above, root: self.root.clone() }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// A certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| ())
    }

    /// The same with changes of one's choice.
    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: certificate.pem() + &self.above,
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }

    /// One whose key is of another kind.
    pub(crate) fn issue_p384(&self, names: &[&str]) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: certificate.pem() + &self.above,
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }

    /// Its own certificate, PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        roots
    }

    /// A client that trusts it. Sessions are resumed by the clients of one value of terms.
    pub(crate) fn terms(&self) -> Arc<ClientConfig> {
        self.terms_with(rustls::ALL_VERSIONS, |_| ())
    }

    /// The same with these versions, and changes of one's choice.
    pub(crate) fn terms_with(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        change: impl FnOnce(&mut ClientConfig),
    ) -> Arc<ClientConfig> {
        let mut terms = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        change(&mut terms);
        Arc::new(terms)
    }
}

impl Issued {
    /// A server that shows it, and asks for certificates of this authority, if there is one.
    pub(crate) fn served(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = match clients {
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().unwrap()
            }
            None => Arc::new(NoClientAuth),
        };
        let terms = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(terms)
    }

    /// Writes both files, and says how `tls.certificates` names them.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> String {
        let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&cert, &self.chain).unwrap();
        fs::write(&key, &self.key).unwrap();
        format!("{}:{}", cert.display(), key.display())
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}
