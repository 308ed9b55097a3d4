//! The strict grammar of `Host` (RFC 9112 section 3.2): no user, no list, no percent escapes.

use std::net::Ipv6Addr;

/// The largest host name in DNS.
const MAX_NAME: usize = 255;

/// The length of the host in `value`: a name, an IPv4 address or a bracketed IPv6 address, with an optional
/// port. The colon of an empty port is left out (RFC 3986 section 6.2.3). `None` if it is not a host.
pub(super) fn host_length(value: &[u8]) -> Option<usize> {
    let end = if let Some(rest) = value.strip_prefix(b"[") {
        let close = memchr::memchr(b']', rest)?;
        let address = std::str::from_utf8(rest.get(..close)?).ok()?;
        // No zone and no `IPvFuture`: `Ipv6Addr` parses neither.
        address.parse::<Ipv6Addr>().is_ok().then_some(close + 2)?
    } else {
        let end = memchr::memchr(b':', value).unwrap_or(value.len());
        is_name(value.get(..end)?).then_some(end)?
    };
    let port = value.get(end..)?;
    is_port_part(port).then(|| if port == b":" { end } else { value.len() })
}

/// Whether a text is a complete host, as in `Host`.
#[must_use]
pub fn is_host(text: &str) -> bool {
    host_length(text.as_bytes()) == Some(text.len())
}

/// Whether a name consists of non-empty labels of letters, digits, `-` and `_`. A dot may end it.
fn is_name(name: &[u8]) -> bool {
    let mut label_is_empty = true;
    let fits = |&byte: &u8| {
        let was_empty = label_is_empty;
        label_is_empty = byte == b'.';
        if label_is_empty { !was_empty } else { byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') }
    };
    !name.is_empty() && name.len() <= MAX_NAME && name.iter().all(fits)
}

/// Whether a part is empty, or `:` and a port, which may be empty (RFC 3986 section 3.2.3).
fn is_port_part(part: &[u8]) -> bool {
    let Some(port) = part.strip_prefix(b":") else { return part.is_empty() };
    // `parse` would accept a sign.
    let value = port
        .iter()
        .take(6)
        .try_fold(0_u32, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')));
    port.len() <= 5 && value.is_some_and(|value| value <= u32::from(u16::MAX))
}
