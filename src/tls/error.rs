//! What is wrong with a certificate, and what would be right.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::clock::Timestamp;

/// Why there are no terms for handshakes.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Files, with what is wrong with each.
    #[error("{0}")]
    Certificates(CertificateErrors),
    /// The system gives no random bytes.
    #[error("no key for session tickets can be made")]
    Tickets(#[source] rustls::Error),
    /// The library refuses the terms.
    #[error("the terms of TLS cannot be used")]
    Terms(#[source] rustls::Error),
}

/// At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateErrors(pub Vec<CertificateError>);

/// What is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}`: {flaw}; {}", .file.display(), .flaw.fix())]
pub struct CertificateError {
    /// The file.
    pub file: PathBuf,
    /// What it is.
    pub flaw: Flaw,
}

/// A mistake in the files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The system does not give it.
    #[error("{}", unreadable(*.0))]
    Unreadable(io::ErrorKind),
    /// More than any chain has.
    #[error("the file has more than 1 MiB")]
    TooLarge,
    /// Zero bytes.
    #[error("the file is empty")]
    Empty,
    /// No PEM, or a broken one.
    #[error("the file is not PEM")]
    NotPem,
    /// A line `-----BEGIN` without its `-----END`.
    #[error("the file is cut off: its last PEM block has no `-----END` line")]
    CutOff,
    /// PEM of something else.
    #[error("the file holds no certificate")]
    NoCertificate,
    /// What `cert` and `key` name is swapped.
    #[error("the file holds a key and no certificate")]
    KeyInCert,
    /// The n-th certificate is none.
    #[error("certificate {0} of the file cannot be read")]
    BadCertificate(usize),
    /// No client looks at anything else (RFC 9110 section 4.3.4).
    #[error("the certificate names no host (subjectAltName)")]
    NoNames,
    /// The n-th certificate was not issued by the next one.
    #[error("the chain is out of order: certificate {number} was issued by `{issuer}`, and `{next}` follows")]
    ChainOrder {
        /// From 1.
        number: usize,
        /// Who issued it.
        issuer: String,
        /// The one that follows.
        next: String,
    },
    /// PEM without a key.
    #[error("the file holds no private key")]
    NoKey,
    /// There is no one to ask for its pass phrase.
    #[error("the private key is encrypted, and the gate has no pass phrase for it")]
    EncryptedKey,
    /// More than one.
    #[error("the file holds {0} private keys")]
    SeveralKeys(usize),
    /// The key is broken, or of another kind.
    #[error(
        "the private key cannot be used: it is not RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519"
    )]
    UnusableKey,
    /// The key of another certificate.
    #[error("the private key is not that of the certificate in `{}`", .0.display())]
    KeyMismatch(PathBuf),
    /// An authority issued something else than it was asked for.
    #[error("the certificate is not for `{0}`")]
    OtherName(String),
    /// Its time is over.
    #[error("the certificate ended at {0}")]
    Expired(Timestamp),
    /// Its time has not begun.
    #[error("the certificate begins at {0}")]
    NotYetValid(Timestamp),
}

impl Flaw {
    /// Of this file.
    pub(super) fn of(self, file: &Path) -> CertificateError {
        CertificateError { file: file.to_owned(), flaw: self }
    }

    /// What would be right.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable(io::ErrorKind::PermissionDenied) => "let the gate's user read it",
            Self::Unreadable(_) => "correct its path in the settings, which is relative to the configuration",
            Self::Empty => "write the certificate, or its key, in PEM",
            Self::TooLarge | Self::NoCertificate | Self::BadCertificate(_) => {
                "write the certificate in PEM, followed by the intermediate ones"
            }
            Self::NotPem => "PEM begins with `-----BEGIN`; from DER: `openssl x509 -inform der -in FILE`",
            Self::CutOff => "copy the whole file",
            Self::KeyInCert => "`cert` and `key` may be swapped",
            Self::NoNames => "have it issued for the names that clients ask for",
            Self::ChainOrder { .. } => {
                "write the server's own certificate first, then each one's issuer, without the root"
            }
            Self::NoKey | Self::SeveralKeys(_) => "write the one key of the certificate, in PEM",
            Self::EncryptedKey => "decrypt it: `openssl pkey -in FILE -out FILE`",
            Self::UnusableKey => "make a new key and have it certified",
            Self::KeyMismatch(_) => "name the key that the certificate was issued for",
            Self::OtherName(_) => "have it issued for that name",
            Self::Expired(_) => "renew it",
            Self::NotYetValid(_) => "look at the clock, or wait",
        }
    }
}

fn unreadable(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        kind => format!("the file cannot be read: {kind}"),
    }
}

impl fmt::Display for CertificateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}
