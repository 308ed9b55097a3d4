//! The settings of ACME.

use std::{fmt, path::PathBuf};

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Which certificates are requested, from whom, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Names in lower case; each gets a certificate of its own. None = nothing is requested.
    pub domains: Vec<String>,
    /// The contact of the account; empty = none.
    pub email: String,
    /// The URL of the directory (RFC 8555 section 7.1.1).
    pub directory: String,
    /// The trusted authorities for the directory, PEM. `None` = those of the system.
    pub ca: Option<PathBuf>,
    /// Where accounts and certificates are kept.
    pub folder: PathBuf,
    /// The challenges that this gate can answer, the one to try first in front.
    pub challenges: Vec<ChallengeKind>,
}

/// A way to prove that a name leads to this gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A request to port 80 (RFC 8555 section 8.3).
    Http01,
    /// A handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl Settings {
    /// The folder of the directory's account and certificates: certificates of a test directory must not be taken for
    /// those of another one.
    pub(super) fn folder(&self) -> PathBuf {
        let rest = self.directory.split_once("://").map_or(self.directory.as_str(), |(_, rest)| rest);
        let plain = |character: char| if is_plain(character) { character } else { '-' };
        // No host begins with a dot, and `..` would lead out.
        self.folder.join(rest.trim_start_matches('.').chars().map(plain).collect::<String>())
    }

    /// The file of a certificate and its key.
    pub(super) fn file(&self, domain: &str) -> PathBuf {
        self.folder().join(format!("{domain}.pem"))
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-')
}

impl ChallengeKind {
    /// The name and number of the port that the ACME server connects to.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Http01 => 80,
            Self::TlsAlpn01 => 443,
        }
    }

    /// The setting of the listener that answers.
    pub(super) fn listener(self) -> &'static str {
        match self {
            Self::Http01 => "server.http",
            Self::TlsAlpn01 => "server.https",
        }
    }
}

/// As the registry of challenges has it: `http-01`.
impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directory_has_a_folder_of_its_own() {
        let of = |directory: &str| {
            let settings = Settings {
                domains: Vec::new(),
                email: String::new(),
                directory: directory.to_owned(),
                ca: None,
                folder: PathBuf::from("/d/acme"),
                challenges: Vec::new(),
            };
            settings.file("a.example.com").display().to_string()
        };
        assert_eq!(of(LETS_ENCRYPT), "/d/acme/acme-v02.api.letsencrypt.org-directory/a.example.com.pem");
        assert_eq!(of("https://127.0.0.1:14000/../x?y"), "/d/acme/127.0.0.1-14000-..-x-y/a.example.com.pem");
        assert_eq!(of("https://../x"), "/d/acme/-x/a.example.com.pem");
    }
}
