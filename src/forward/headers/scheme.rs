//! The scheme of a request according to trusted proxies.

use crate::wire::Field;

/// Whether another field of a trusted proxy about the scheme agrees with the gate's `X-Forwarded-Proto`. Apps
/// such as gunicorn refuse a request with contradictory fields.
pub(super) fn agrees(field: &Field<'_>, scheme: &str) -> bool {
    let is_https = scheme == "https";
    match field.name.len() {
        15 if field.name.eq_ignore_ascii_case("x-forwarded-ssl") => is_on(field.value) == is_https,
        18 if field.name.eq_ignore_ascii_case("x-forwarded-scheme") => is_secure(field.value) == is_https,
        _ => true,
    }
}

/// Whether a proxy's `X-Forwarded-Proto` or `X-Forwarded-Scheme` means TLS. Of several values the first counts,
/// that of the proxy next to the client. Traefik sends `wss` for a WebSocket.
#[must_use]
pub fn is_secure(value: &[u8]) -> bool {
    let first = value.split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    [&b"https"[..], b"wss"].iter().any(|scheme| first.eq_ignore_ascii_case(scheme))
}

/// Whether a proxy's `X-Forwarded-Ssl` means TLS.
#[must_use]
pub fn is_on(value: &[u8]) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(b"on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b9_a_word_on_the_scheme_that_contradicts_ours_stays_here() {
        for (name, value, scheme) in [
            ("X-Forwarded-Ssl", "on", "https"),
            ("x-forwarded-ssl", " ON", "https"),
            ("X-Forwarded-Ssl", "off", "http"),
            ("X-Forwarded-Scheme", "https", "https"),
            ("X-Forwarded-Scheme", "wss, http", "https"),
            ("X-Forwarded-Scheme", "http", "http"),
        ] {
            let field = Field { name, value: value.as_bytes(), is_hop_by_hop: false };
            let other = if scheme == "http" { "https" } else { "http" };
            assert!(agrees(&field, scheme), "{name}: {value}");
            assert!(!agrees(&field, other), "{name}: {value}");
        }
    }
}
