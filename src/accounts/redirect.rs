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
    let known = |host: &String| {
        host.eq_ignore_ascii_case(authority.as_str())
            || (authority.port().is_none() && host.eq_ignore_ascii_case(authority.host()))
    };
    // In `http://known@other/` the host is `other`.
    !authority.as_str().contains('@') && hosts.iter().any(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_of_this_host_or_known_hosts() {
        let hosts = ["known.example".to_owned(), "other.example:8443".to_owned()];
        for target in [
            "/",
            "/a?b=//evil.example#c",
            "/%09/evil.example",
            "https://known.example",
            "http://KNOWN.example/a?b",
            "https://other.example:8443/",
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
