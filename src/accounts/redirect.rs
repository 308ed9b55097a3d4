//! The targets of redirects that a client names.

/// Whether a redirect may lead to this target: a path of this host, or a URL of one of `hosts` (with their ports, or
/// with any host's usual one).
#[must_use]
pub fn may_lead_to(target: &str, hosts: &[String]) -> bool {
    // Browsers ignore control characters and read `\` as `/`, which would turn a path into another host.
    if target.contains(|c: char| c.is_control() || c == '\\' || c.is_whitespace()) {
        return false;
    }
    if target.starts_with('/') {
        // A target that begins with `//` is a URL of another host (RFC 3986 section 4.2).
        return !target.starts_with("//");
    }
    let Ok(target) = target.parse::<http::Uri>() else { return false };
    let scheme = matches!(target.scheme_str(), Some("http" | "https"));
    let Some(authority) = target.authority().filter(|_| scheme) else { return false };
    let Some((host, port)) = host_and_port(authority.as_str()) else { return false };
    let known = |known: &String| {
        known.eq_ignore_ascii_case(authority.as_str()) || (port.is_none() && known.eq_ignore_ascii_case(host))
    };
    hosts.iter().any(known)
}

/// The host and the port of an authority that has nothing else (RFC 3986 section 3.2): no user, as in
/// `known@other`, and no character that would end a name elsewhere, as in a header.
#[must_use]
pub fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let is_address = authority.starts_with('[');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !(is_address && authority.ends_with(']')) => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            (host, Some(port.parse().ok().filter(|_| is_number)?))
        }
        _ => (authority, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    is_host.then_some((host, port))
}

/// Whether a text is one label of a host (RFC 1123 section 2.1; with `_`, which browsers take).
fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_of_this_host_or_known_hosts() {
        let hosts =
            ["known.example", "other.example:8443", "[2001:db8::1]", "[2001:db8::1]:8443"].map(str::to_owned);
        for target in [
            "/",
            "/a?b=//evil.example#c",
            "/%09/evil.example",
            "https://known.example",
            "http://KNOWN.example/a?b",
            "https://other.example:8443/",
            "https://[2001:db8::1]:8443/",
            "https://[2001:db8::1]/",
        ] {
            assert!(may_lead_to(target, &hosts), "{target}");
        }
        for target in [
            "",
            "a",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/a\r\nSet-Cookie: x=1",
            "https:evil.example",
            "https:/evil.example",
            "https://evil.example",
            "https://known.example.evil.example",
            "https://known.example@evil.example/",
            "https://known.example:1/",
            "https://other.example/",
            "https://known.example:;script-src/",
            "https://known.example:;x/",
            "https://known.example:/",
            "https://known.example:+443/",
            "https://known.example:99999/",
            "https://known.example;x/",
            "https://known.example,x/",
            "https://known.example'x/",
            "https://x@known.example/",
            "https://[2001:db8::2]/",
            "https://[2001:db8::1]:;x/",
            "javascript:alert(1)",
            "data:text/html,x",
            "JaVaScRiPt://known.example/%0aalert(1)",
            "ftp://known.example/",
            "/\u{85}/evil.example",
        ] {
            assert!(!may_lead_to(target, &hosts), "{target}");
        }
    }
}
