//! The origin of a request and its id, which are determined before anything is decided.

use std::{borrow::Cow, cell::Cell, net::IpAddr};

use ipnet::IpNet;

use crate::{
    connection::{Peer, Remote},
    forward::{self, Origin},
    wire::{self, RequestHead},
};

use super::chain::{Chain, is_trusted};

/// Generates request ids that are unique among all gates: 16 random hex digits of this core's start, and a
/// counter.
#[derive(Debug)]
pub struct RequestIds {
    prefix: [u8; 16],
    next: Cell<u64>,
}

/// A request id, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    text: [u8; 64],
    len: usize,
}

/// The origin of a request.
#[derive(Clone, Debug)]
pub(super) struct Context<'r> {
    /// The origin for the app.
    pub(super) origin: Origin<'r>,
    /// The client's address: the peer's, or that from trusted proxies.
    pub(super) client: IpAddr,
    /// The request id.
    pub(super) request_id: RequestId,
    /// A field that a trusted proxy may send once, but that came twice: one of the two may be the client's.
    pub(super) repeated: Option<&'static str>,
}

/// The fields of a trusted proxy, in the order of [`ONCE`].
#[derive(Debug, Default)]
struct Told<'r> {
    values: [Option<&'r [u8]>; ONCE.len()],
    repeated: Option<&'static str>,
}

/// Fields of a trusted proxy that have one value.
const ONCE: [&str; 7] = [
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-request-id",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
];

impl RequestIds {
    /// Ids with a random prefix.
    #[must_use]
    pub fn new(random: [u8; 8]) -> Self {
        Self { prefix: hex(u64::from_be_bytes(random)), next: Cell::new(0) }
    }

    /// The next id.
    #[must_use]
    pub fn take(&self) -> RequestId {
        let number = self.next.replace(self.next.get() + 1);
        let mut text = [0; 64];
        let halves = [self.prefix, hex(number)];
        for (to, from) in text.iter_mut().zip(halves.as_flattened()) {
            *to = *from;
        }
        RequestId { text, len: 32 }
    }
}

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The id of a trusted proxy, if it is short and has only plain characters: it is written to logs and
    /// headers.
    fn given(value: &[u8]) -> Option<Self> {
        let plain = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        let mut text = [0; 64];
        text.get_mut(..value.len()).filter(|_| plain && !value.is_empty())?.copy_from_slice(value);
        Some(Self { text, len: value.len() })
    }
}

impl<'r> Context<'r> {
    /// Reads the context from a head. Only a peer in `trusted` is believed about others.
    #[must_use]
    pub(super) fn new(
        head: &'r RequestHead,
        remote: &'r Remote,
        trusted: &[IpNet],
        ids: &RequestIds,
    ) -> Self {
        let address = remote.peer.ip();
        // By the peer's address, the only one that a client cannot choose.
        let is_proxy = !matches!(remote.peer, Peer::Unnamed(_)) && is_trusted(address, trusted);
        let origin = Origin {
            chain: Cow::Borrowed(""),
            peer: address,
            peer_text: &remote.text,
            scheme: if remote.is_secure { "https" } else { "http" },
            host: head.host(),
            is_proxy,
        };
        // A client's own `X-Forwarded-*` is not even parsed.
        if !is_proxy {
            return Self { origin, client: address, request_id: ids.take(), repeated: None };
        }
        let lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case("x-forwarded-for"));
        let Chain { text: chain, client } = Chain::read(lines.map(|field| field.value), address, trusted);
        let Told { values: [proto, host, id, _, _, scheme, ssl], repeated } = Told::read(head);
        // The most explicit field counts. Some proxies send only one of them, and some none.
        let told = proto.or(scheme).map(forward::is_secure).or_else(|| ssl.map(forward::is_on));
        let origin = Origin {
            chain,
            scheme: match told {
                Some(true) => "https",
                Some(false) => "http",
                None => origin.scheme,
            },
            // Checked, because it is written into a header and compared with origins.
            host: first(host).filter(|host| wire::is_host(host)).unwrap_or(origin.host),
            ..origin
        };
        let request_id = id.and_then(RequestId::given).unwrap_or_else(|| ids.take());
        Self { origin, client, request_id, repeated }
    }
}

impl<'r> Told<'r> {
    fn read(head: &'r RequestHead) -> Self {
        let mut told = Self::default();
        for field in head.fields() {
            let found =
                ONCE.iter().zip(&mut told.values).find(|(name, _)| field.name.eq_ignore_ascii_case(name));
            if let Some((name, value)) = found
                && value.replace(field.value).is_some()
            {
                told.repeated = Some(name);
            }
        }
        told
    }
}

/// The first element of a list: that of the proxy next to the client.
fn first(list: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(list?).ok()?.split(',').next().map(str::trim_ascii)
}

/// In lower case. Eight digits at a time, without a loop on the request path.
fn hex(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    let (first, second) = text.split_at_mut(8);
    first.copy_from_slice(&eight_digits(number >> 32));
    second.copy_from_slice(&eight_digits(number & 0xffff_ffff));
    text
}

/// The eight hex digits of 32 bits.
fn eight_digits(half: u64) -> [u8; 8] {
    // One nibble in each byte.
    let pairs = (half << 16 | half) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes << 4 | bytes) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte of ten or more, whose letter is 39 further on.
    let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (nibbles + 0x3030_3030_3030_3030 + letters * 39).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_digits() {
        for number in [0, 9, 10, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x9a_a9_f0_0f, u64::MAX] {
            assert_eq!(std::str::from_utf8(&hex(number)).unwrap(), format!("{number:016x}"));
        }
    }

    #[test]
    fn ids_are_counted_and_plain() {
        let ids = RequestIds::new([0xab; 8]);
        assert_eq!(ids.take().as_str(), "abababababababab0000000000000000");
        assert_eq!(ids.take().as_str(), "abababababababab0000000000000001");
        assert!(RequestId::given(b"a\r\nb").is_none());
        assert!(RequestId::given(&[b'a'; 65]).is_none());
        assert_eq!(RequestId::given(b"trace-7").unwrap().as_str(), "trace-7");
    }
}
