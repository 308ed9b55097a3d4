//! Chooses the certificate for a client by its server name (SNI, RFC 6066 section 3).

use std::{collections::HashMap, sync::Arc};

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{
    files::Pair,
    issued::{Issued, is_challenge},
};

/// Certificates by name.
#[derive(Debug)]
pub(super) struct Names {
    /// By a full name or an address. Of several for one name, the first with a signature scheme of the client is used.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By the part after `*.`, which matches one label (RFC 9525 section 6.3).
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// In the order of the settings.
    all: Vec<Arc<CertifiedKey>>,
    /// Those that an authority issues while the gate runs.
    issued: Arc<Issued>,
}

impl Names {
    pub(super) fn new(pairs: &[Arc<Pair>], issued: Arc<Issued>) -> Self {
        let mut names = Self { exact: HashMap::new(), wildcard: HashMap::new(), all: Vec::new(), issued };
        for pair in pairs {
            for name in &pair.certificate.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut names.wildcard, parent),
                    None => (&mut names.exact, name.as_str()),
                };
                map.entry(name.to_owned()).or_default().push(Arc::clone(&pair.key));
            }
            names.all.push(Arc::clone(&pair.key));
        }
        names
    }

    /// Whether a certificate covers this host, which may have a port.
    pub(super) fn covers(&self, host: &str) -> bool {
        let name = name_of(host);
        !self.named(&name).is_empty() || self.issued.key(&name).is_some()
    }

    /// The certificates of files for a name in lower case. A full name takes precedence over a wildcard.
    fn named(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let by_parent = || self.wildcard.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(by_parent).map_or(&[], Vec::as_slice)
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let any = || self.all.first().cloned().or_else(|| self.issued.any());
        let Some(name) = name.map(str::to_ascii_lowercase) else { return any() };
        // A wildcard of a file is only for names that no certificate is requested for, or that have none yet.
        if !self.exact.contains_key(&name)
            && let Some(key) = self.issued.key(&name)
        {
            return Some(key);
        }
        let named = self.named(&name);
        // The certificate of another name would only look like a mistake in the files.
        if named.is_empty() && self.issued.awaits(&name) {
            return None;
        }
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        named.iter().find(usable).cloned().or_else(any)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_challenge(&hello) {
            return self.issued.challenge(hello.server_name()?);
        }
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

/// The name of a host as in a certificate: without port, brackets and final dot, in lower case.
fn name_of(host: &str) -> String {
    bare_host(host).to_ascii_lowercase()
}

/// The host of an http or https URL, with its port if it has one.
#[must_use]
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// A `Host` without port, brackets and final dot.
#[must_use]
pub fn bare_host(host: &str) -> &str {
    let name = without_port(host);
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.strip_suffix('.').unwrap_or(name)
}

/// A `Host` without its port.
#[must_use]
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Whether a `Host` is this name, regardless of letter case and port.
#[must_use]
pub fn is_host(host: &str, name: &str) -> bool {
    bare_host(host).eq_ignore_ascii_case(name)
}

/// Whether two values of `Host` name the same host.
#[must_use]
pub fn is_same_host(host: &str, other: &str) -> bool {
    is_host(host, bare_host(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host() {
        for (url, host) in [
            ("https://a.test", "a.test"),
            ("http://A.test:8443/x?y", "A.test:8443"),
            ("https://[::1]:8443?x", "[::1]:8443"),
            ("https://a.test#x://b.test/", "a.test"),
            ("https://", ""),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_host_is_its_name_in_whatever_spelling() {
        for (host, name, same) in [
            ("a.test", "a.test", true),
            ("A.Test:8443", "a.test", true),
            ("a.test.", "a.test", true),
            ("a.test.:443", "a.test", true),
            ("[::1]:8443", "::1", true),
            ("[::1]", "::1", true),
            ("b.test", "a.test", false),
            ("a.test.b.test", "a.test", false),
            ("a.test..", "a.test", false),
        ] {
            assert_eq!(is_host(host, name), same, "{host}");
        }
        assert_eq!(without_port("[::1]:8443"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert!(is_same_host("a.test:1", "A.test:2") && !is_same_host("a.test", "b.test"));
    }
}
