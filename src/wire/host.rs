//! The grammar of `Host`, strict (RFC 9112 section 3.2): no user, no list, no percent escapes.

use std::net::Ipv6Addr;

/// Longest host name of DNS.
const MAX_NAME: usize = 255;

/// Whether `value` is a name, an IPv4 address or a bracketed IPv6 address, with an optional port.
pub(super) fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && is_port_part(port);
    }
    let name_len = memchr::memchr(b':', value).unwrap_or(value.len());
    let Some((name, port)) = text.split_at_checked(name_len) else { return false };
    is_name(name) && is_port_part(port)
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

/// Nothing, or `:` and a port.
fn is_port_part(part: &str) -> bool {
    let Some(port) = part.strip_prefix(':') else { return part.is_empty() };
    // Digits alone: `parse` also takes a sign.
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5 && port.parse::<u16>().is_ok()
}
