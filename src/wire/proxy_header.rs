//! The PROXY protocol, versions 1 and 2 (HAProxy's specification): a proxy names the client of a connection before the
//! first byte of the client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The client of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// A client of the proxy.
    Client(IpAddr),
    /// No client is named: the connection is the proxy's own, such as a health check, or its client has no address that
    /// the header could carry.
    Unnamed,
}

/// The version of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyStart {
    /// Version 1: a line.
    Line,
    /// Version 2: four more bytes follow. The last two are the number of bytes after them.
    Binary,
}

impl ProxyStart {
    /// The number of bytes that show the version. No header is shorter.
    pub const LENGTH: usize = 12;

    /// The version of the header that begins with these bytes. `None` if they begin no header.
    #[must_use]
    pub fn read(first: &[u8; Self::LENGTH]) -> Option<Self> {
        if first == SIGNATURE {
            return Some(Self::Binary);
        }
        first.starts_with(b"PROXY ").then_some(Self::Line)
    }
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

impl ProxyHeader {
    /// The longest line of version 1, its end included.
    pub const LONGEST_LINE: usize = 107;
    /// Bytes of version 2 after its first 16 that are read; the specification asks for 536 in all.
    pub const LONGEST_REST: usize = 2048;

    /// Parses a line of version 1, without its CR LF. `None` if it is malformed.
    #[must_use]
    pub fn line(line: &[u8]) -> Option<Self> {
        let line = str::from_utf8(line).ok()?;
        let mut words = line.strip_prefix("PROXY ")?.split(' ');
        let family = words.next()?;
        if family == "UNKNOWN" {
            return Some(Self::Unnamed);
        }
        let [source, destination, source_port, destination_port] =
            [words.next()?, words.next()?, words.next()?, words.next()?];
        let ports = [source_port, destination_port].iter().all(|port| is_port(port));
        let addresses: [IpAddr; 2] = match family {
            "TCP4" => [source.parse::<Ipv4Addr>().ok()?.into(), destination.parse::<Ipv4Addr>().ok()?.into()],
            "TCP6" => [source.parse::<Ipv6Addr>().ok()?.into(), destination.parse::<Ipv6Addr>().ok()?.into()],
            _ => return None,
        };
        let [client, _] = addresses;
        (ports && words.next().is_none()).then_some(Self::Client(client.to_canonical()))
    }

    /// The number of bytes that follow the first 16 of version 2; `None` = more than are read.
    #[must_use]
    pub fn rest(fixed: [u8; 4]) -> Option<usize> {
        let [_, _, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        (length <= Self::LONGEST_REST).then_some(length)
    }

    /// Parses version 2: the four bytes after the signature, and the rest. `None` if it is malformed.
    #[must_use]
    pub fn binary(fixed: [u8; 4], rest: &[u8]) -> Option<Self> {
        let [command, family, ..] = fixed;
        match (command, family >> 4) {
            (0x20, _) | (0x21, 0 | 3) => Some(Self::Unnamed),
            (0x21, 1) => {
                let octets: [u8; 4] = rest.get(..12)?.first_chunk().copied()?;
                Some(Self::Client(octets.into()))
            }
            (0x21, 2) => {
                let octets: [u8; 16] = rest.get(..36)?.first_chunk().copied()?;
                Some(Self::Client(IpAddr::from(octets).to_canonical()))
            }
            _ => None,
        }
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(text: &str) -> Option<ProxyHeader> {
        Some(ProxyHeader::Client(text.parse().unwrap()))
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443", client("192.0.2.7")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443", client("2001:db8::7")),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2", client("192.0.2.7")),
            ("PROXY UNKNOWN", Some(ProxyHeader::Unnamed)),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2", Some(ProxyHeader::Unnamed)),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 56324", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443 x", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 65536 443", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 +1 443", None),
            ("PROXY TCP4  192.0.2.7 10.0.0.1 1 2", None),
            ("PROXY TCP4 192.0.2.007 10.0.0.1 1 2", None),
            ("PROXY TCP4 2001:db8::7 10.0.0.1 1 2", None),
            ("PROXY TCP6 192.0.2.7 ::1 1 2", None),
            ("PROXY UDP4 192.0.2.7 10.0.0.1 1 2", None),
            ("proxy TCP4 192.0.2.7 10.0.0.1 1 2", None),
            ("GET / HTTP/1.1", None),
        ] {
            assert_eq!(ProxyHeader::line(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn binary_headers() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        for (command, family, rest, expected) in [
            (0x21, 0x11, &v4[..], client("192.0.2.7")),
            (0x21, 0x11, &v4[..11], None),
            (0x21, 0x21, &v6[..], client("2001:db8::7")),
            (0x21, 0x21, &v4[..], None),
            (0x21, 0x00, &[][..], Some(ProxyHeader::Unnamed)),
            (0x21, 0x31, &[0; 216][..], Some(ProxyHeader::Unnamed)),
            (0x20, 0x11, &v4[..], Some(ProxyHeader::Unnamed)),
            (0x22, 0x11, &v4[..], None),
            (0x11, 0x11, &v4[..], None),
            (0x21, 0x41, &v4[..], None),
        ] {
            let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
            let fixed = [command, family, length[0], length[1]];
            assert_eq!(ProxyHeader::rest(fixed), Some(rest.len()));
            assert_eq!(ProxyHeader::binary(fixed, rest), expected, "{command:x} {family:x} {}", rest.len());
        }
        assert_eq!(ProxyHeader::rest([0x21, 0x11, 0xff, 0xff]), None);
    }

    #[test]
    fn starts() {
        assert_eq!(ProxyStart::read(b"PROXY TCP4 1"), Some(ProxyStart::Line));
        assert_eq!(ProxyStart::read(SIGNATURE), Some(ProxyStart::Binary));
        assert_eq!(ProxyStart::read(b"GET / HTTP/1"), None);
        assert_eq!(ProxyStart::read(b"\x16\x03\x01\0\0\0\0\0\0\0\0\0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in prop::collection::vec(any::<u8>(), 0..120), fixed in any::<[u8; 4]>()) {
            let _ = (ProxyHeader::line(&line), ProxyHeader::binary(fixed, &line), ProxyHeader::rest(fixed));
        }
    }
}
