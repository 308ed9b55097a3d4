//! The names and dates of a certificate (RFC 5280).

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use x509_cert::{
    Certificate as Parsed,
    der::Decode,
    ext::pkix::{AuthorityKeyIdentifier, SubjectAltName, name::GeneralName},
    time::Time,
};

use super::error::{CertificateError, Flaw};
use crate::clock::Timestamp;

/// A certificate for hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file that contains it.
    pub file: PathBuf,
    /// The hosts that it covers, in lower case: names, `*.name`, addresses.
    pub names: Vec<String>,
    /// The beginning of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
}

/// What identifies a certificate to its authority (RFC 9773 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalId {
    /// The key identifier of the issuer.
    pub issuer: Vec<u8>,
    /// The serial number, as DER has it: with a zero byte in front where the first bit is set.
    pub serial: Vec<u8>,
}

/// A certificate of a chain.
pub(super) struct Link {
    parsed: Parsed,
}

impl Link {
    /// Reads DER.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        Parsed::from_der(der).ok().map(|parsed| Self { parsed })
    }

    pub(super) fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    pub(super) fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// Whether the issuer's name is the subject of the other one.
    pub(super) fn is_issued_by(&self, other: &Self) -> bool {
        self.parsed.tbs_certificate().issuer() == other.parsed.tbs_certificate().subject()
    }

    /// Its names and dates.
    pub(super) fn about(&self, file: &Path) -> Certificate {
        let validity = self.parsed.tbs_certificate().validity();
        Certificate {
            file: file.to_owned(),
            names: self.names(),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }

    /// Identifies the certificate to its authority: the key identifier of the issuer, and the serial number with its
    /// sign byte (RFC 9773 section 4.1).
    pub(super) fn renewal_id(&self) -> Option<RenewalId> {
        let certificate = self.parsed.tbs_certificate();
        let (_, issuer): (bool, AuthorityKeyIdentifier) = certificate.get_extension().ok()??;
        let mut serial = certificate.serial_number().as_bytes().to_vec();
        // A serial number is positive (RFC 5280 section 4.1.2.2), which the library's bytes need not show.
        if serial.first().is_some_and(|first| first & 0x80 != 0) {
            serial.insert(0, 0);
        }
        Some(RenewalId { issuer: issuer.key_identifier?.as_bytes().to_vec(), serial })
    }

    fn names(&self) -> Vec<String> {
        let Ok(Some((_, SubjectAltName(names)))) = self.parsed.tbs_certificate().get_extension() else {
            return Vec::new();
        };
        names.iter().filter_map(name).collect()
    }
}

impl Certificate {
    /// Checks the dates.
    ///
    /// # Errors
    /// [`Flaw::Expired`] or [`Flaw::NotYetValid`].
    pub fn dated(&self, now: Timestamp) -> Result<(), CertificateError> {
        if now >= self.not_after {
            return Err(Flaw::Expired(self.not_after).of(&self.file));
        }
        if now < self.not_before {
            return Err(Flaw::NotYetValid(self.not_before).of(&self.file));
        }
        Ok(())
    }

    /// Whether it is valid and expires within two weeks.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.dated(now).is_ok() && self.not_after <= now.plus(SOON)
    }
}

/// The time before the expiry from which on there is a warning. A client of an authority that renews with a third of the
/// lifetime left has failed for a while by then.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// `a.test, *.b.test until 2026-07-01T00:00:00.000Z (certs/server.pem)`
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {} ({})", self.names.join(", "), self.not_after, self.file.display())
    }
}

fn name(general: &GeneralName) -> Option<String> {
    match general {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

fn timestamp(time: Time) -> Timestamp {
    Timestamp(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}
