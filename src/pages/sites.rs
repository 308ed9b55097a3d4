//! The hosts that share a login.

/// The hosts that share a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites {
    /// The origin of the login page, such as `https://login.example.com`.
    pub origin: String,
    /// The hosts of apps with pages, in lower case, without a port; `*.` stands for one label.
    pub hosts: Vec<String>,
}

impl Sites {
    /// Whether this is the host of the login page.
    pub(super) fn is_central(&self, host: &str) -> bool {
        self.authority().eq_ignore_ascii_case(host)
    }

    /// Whether the login page is on one of the hosts.
    #[must_use]
    pub fn has_login_page(&self) -> bool {
        self.lead_to(&self.origin)
    }

    fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The host of a URL of one of the sites, if it is spelt as they are: same scheme and port as the login page.
    pub(super) fn host_of<'t>(&self, target: &'t str) -> Option<&'t str> {
        let (scheme, rest) = target.split_once("://")?;
        let (own_scheme, own) = self.origin.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = split_port(authority);
        let is_known = self.hosts.iter().any(|pattern| matches(pattern, host));
        (scheme == own_scheme && port == split_port(own).1 && is_known)
            .then_some(authority)
            .filter(|authority| !authority.contains('@'))
    }

    /// Whether a login may lead to this URL.
    pub(super) fn lead_to(&self, target: &str) -> bool {
        let is_plain = !target.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\');
        is_plain && self.host_of(target).is_some()
    }
}

fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    }
}

/// Whether a host fits a pattern of `[[apps]]`.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| is_label(label) && rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// Whether a text is one label of a host (RFC 1123 section 2.1; with `_`, which browsers take). Browsers decode `%2e`
/// and end the host at other characters.
fn is_label(text: &str) -> bool {
    let is_edge = |byte: Option<u8>| byte == Some(b'-');
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !is_edge(text.bytes().next())
        && !is_edge(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(origin: &str) -> Sites {
        let hosts = ["login.example", "shop.example", "*.apps.example"];
        Sites { origin: origin.to_owned(), hosts: hosts.map(str::to_owned).to_vec() }
    }

    #[test]
    fn a_login_leads_to_hosts_of_apps_alone() {
        let sites = sites("https://login.example:8443");
        for target in [
            "https://shop.example:8443",
            "https://SHOP.example:8443/a?b#c",
            "https://one.apps.example:8443/",
            "https://xn--9ca-2.apps.example:8443/",
            "https://shop.example:8443?//evil",
        ] {
            assert!(sites.lead_to(target), "{target}");
        }
        for target in [
            "http://shop.example:8443/",
            "https://shop.example/",
            "https://shop.example:1/",
            "https://evil.example:8443/",
            "https://apps.example:8443/",
            "https://.apps.example:8443/",
            "https://a.b.apps.example:8443/",
            "https://a%2eb.apps.example:8443/",
            "https://evil%2f.apps.example:8443/",
            "https://a;b.apps.example:8443/",
            "https://a'.apps.example:8443/",
            "https://é.apps.example:8443/",
            "https://[.apps.example:8443/",
            "https://-a.apps.example:8443/",
            "https://shop.example:8443@evil.example/",
            "https://shop.example:8443\\.evil.example/",
            "https://shop.example:8443\t/",
            "https://evil.example/https://shop.example:8443",
            "//shop.example:8443/",
            "/a",
        ] {
            assert!(!sites.lead_to(target), "{target}");
        }
        assert!(sites.is_central("LOGIN.example:8443") && !sites.is_central("login.example"));
    }
}
