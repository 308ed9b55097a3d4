//! The settings of TLS towards clients.

use std::path::PathBuf;

/// What clients are offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The certificates. The first is shown to a client that asks for no name, or for one that none is for.
    pub files: Vec<Files>,
    /// Whether certificates are requested by ACME, whose server may prove a name by a handshake (RFC 8737).
    pub acme: bool,
    /// The oldest version that is spoken.
    pub min_version: Version,
    /// The authorities whose certificates clients must show, PEM; `None` = clients show none.
    pub client_ca: Option<PathBuf>,
}

/// The files of a certificate, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate and what leads from it to its authority.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    V12,
    /// TLS 1.3 (RFC 8446).
    V13,
}
