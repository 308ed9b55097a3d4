//! The grammar of `Host`, strict (RFC 9112 section 3.2): no user, no list, no percent escapes.

use std::net::Ipv6Addr;

/// Longest host name of DNS.
const MAX_NAME: usize = 255;

/// How many bytes of `value` name a host: a name, an IPv4 address or a bracketed IPv6 address, with an optional
/// port. All but the colon of an empty port, which means none (RFC 3986 section 6.2.3). `None` if it is no host.
pub(super) fn host_length(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let (right, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_at_checked(memchr::memchr(b':', value).unwrap_or(value.len()))?;
        (is_name(name), port)
    };
    (right && is_port_part(port)).then(|| text.strip_suffix(':').unwrap_or(text).len())
}

/// Whether a text is a whole host, as `Host` may have it.
#[must_use]
pub fn is_host(text: &str) -> bool {
    host_length(text.as_bytes()) == Some(text.len())
}

/// Labels of letters, digits, `-` and `_`, none of them empty; a dot may end the name.
fn is_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    name.len() <= MAX_NAME
        && labels.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// Nothing, or `:` and a port, which may be empty (RFC 3986 section 3.2.3).
fn is_port_part(part: &str) -> bool {
    let Some(port) = part.strip_prefix(':') else { return part.is_empty() };
    // Digits alone: `parse` also takes a sign.
    port.is_empty()
        || port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5 && port.parse::<u16>().is_ok()
}
