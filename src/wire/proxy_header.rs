//! The PROXY protocol, versions 1 and 2 (HAProxy's specification): a proxy names the client of a connection before the
//! first byte of the client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

/// The version of a header that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The two ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyEnds {
    /// The client.
    pub from: SocketAddr,
    /// The address that it connected to.
    pub to: SocketAddr,
}

impl ProxyVersion {
    /// Writes a header. `None`: the connection is the proxy's own, or its client has no address.
    pub fn write(self, out: &mut Vec<u8>, ends: Option<ProxyEnds>) {
        match (self, ends.map(ProxyEnds::of_one_family)) {
            (Self::V1, None) => out.extend_from_slice(b"PROXY UNKNOWN\r\n"),
            (Self::V1, Some(ProxyEnds { from, to })) => {
                let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                let line =
                    format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
                out.extend_from_slice(line.as_bytes());
            }
            // The command LOCAL, and no address.
            (Self::V2, None) => out.extend([&SIGNATURE[..], &[0x20, 0, 0, 0]].concat()),
            (Self::V2, Some(ends)) => ends.write_binary(out),
        }
    }
}

impl ProxyEnds {
    /// A header has room for two addresses of one family: an IPv4 address beside an IPv6 one is mapped (RFC 4291 section
    /// 2.5.5.2).
    fn of_one_family(self) -> Self {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (from, to) = (plain(self.from), plain(self.to));
        if from.is_ipv4() == to.is_ipv4() {
            return Self { from, to };
        }
        let mapped = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
            IpAddr::V6(_) => address,
        };
        Self { from: mapped(from), to: mapped(to) }
    }

    fn write_binary(self, out: &mut Vec<u8>) {
        out.extend_from_slice(SIGNATURE);
        // PROXY over TCP, and the number of bytes that follow: two addresses and two ports.
        out.extend(if self.from.is_ipv4() { [0x21, 0x11, 0, 12] } else { [0x21, 0x21, 0, 36] });
        for end in [self.from, self.to] {
            match end.ip() {
                IpAddr::V4(ip) => out.extend(ip.octets()),
                IpAddr::V6(ip) => out.extend(ip.octets()),
            }
        }
        for end in [self.from, self.to] {
            out.extend(end.port().to_be_bytes());
        }
    }
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

    /// Whether `input` begins with a header where a request is expected. `PROXY` may be the method of a request, whose
    /// target begins otherwise; and the start of the signature is enough, because no request has a NUL there.
    #[must_use]
    pub fn begins(input: &[u8]) -> bool {
        [&b"PROXY TCP"[..], b"PROXY UNKNOWN", b"\r\n\r\n\0\r\n"].iter().any(|start| input.starts_with(start))
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
    fn what_is_written_is_what_is_read() {
        for (from, to, line) in [
            ("192.0.2.7:5", "10.0.0.1:443", "PROXY TCP4 192.0.2.7 10.0.0.1 5 443"),
            ("[::ffff:192.0.2.7]:5", "[::ffff:10.0.0.1]:443", "PROXY TCP4 192.0.2.7 10.0.0.1 5 443"),
            ("[2001:db8::7]:5", "[::1]:443", "PROXY TCP6 2001:db8::7 ::1 5 443"),
            ("192.0.2.7:0", "[::1]:443", "PROXY TCP6 ::ffff:192.0.2.7 ::1 0 443"),
        ] {
            let ends = ProxyEnds { from: from.parse().unwrap(), to: to.parse().unwrap() };
            let client = Some(ProxyHeader::Client(ends.from.ip().to_canonical()));
            let mut out = Vec::new();
            ProxyVersion::V1.write(&mut out, Some(ends));
            assert_eq!(str::from_utf8(&out), Ok(format!("{line}\r\n").as_str()));
            assert_eq!(ProxyHeader::line(out.trim_ascii_end()), client, "{line}");
            assert_eq!(read_binary(Some(ends)), client, "{line}");
        }
        let mut out = Vec::new();
        ProxyVersion::V1.write(&mut out, None);
        assert_eq!(ProxyHeader::line(out.trim_ascii_end()), Some(ProxyHeader::Unnamed));
        assert_eq!(read_binary(None), Some(ProxyHeader::Unnamed));
    }

    fn read_binary(ends: Option<ProxyEnds>) -> Option<ProxyHeader> {
        let mut out = Vec::new();
        ProxyVersion::V2.write(&mut out, ends);
        let (first, rest) = out.split_first_chunk().unwrap();
        assert_eq!(ProxyStart::read(first), Some(ProxyStart::Binary));
        let (fixed, rest) = rest.split_first_chunk().unwrap();
        assert_eq!(ProxyHeader::rest(*fixed), Some(rest.len()));
        ProxyHeader::binary(*fixed, rest)
    }

    #[test]
    fn the_start_of_a_header_is_told_from_that_of_a_request() {
        for (input, begins) in [
            (&b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"[..], true),
            (b"PROXY TCP6 ::1 ::1 1 2\r\n", true),
            (b"PROXY UNKNOWN\r\n", true),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", true),
            (b"PROXY /TCP4 HTTP/1.1\r\n", false),
            (b"PROXY", false),
            (b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n", false),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", false),
            (b"", false),
        ] {
            assert_eq!(ProxyStart::begins(input), begins, "{}", input.escape_ascii());
        }
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
