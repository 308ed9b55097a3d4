//! What is known of a request before anything is decided: where it comes from, and its name in every log.

use std::{cell::Cell, net::IpAddr};

use ipnet::IpNet;

use crate::{
    forward::{Origin, Peer, PeerText},
    wire::RequestHead,
};

/// Makes request ids that no two requests of any gate share: 16 random hex digits of this core's start, and a counter.
#[derive(Debug)]
pub struct RequestIds {
    prefix: [u8; 16],
    next: Cell<u64>,
}

/// A request's id. Lies on the stack.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    text: [u8; 64],
    len: usize,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'r> {
    /// As the app shall see it.
    pub(super) origin: Origin<'r>,
    /// The client: the peer, or what trusted proxies say.
    pub(super) client: IpAddr,
    /// The id.
    pub(super) request_id: RequestId,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl RequestIds {
    /// Ids with this random start.
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

    /// A trusted proxy's id, if it is short and plain.
    fn given(value: &[u8]) -> Option<Self> {
        let plain = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        let mut text = [0; 64];
        text.get_mut(..value.len()).filter(|_| plain && !value.is_empty())?.copy_from_slice(value);
        Some(Self { text, len: value.len() })
    }
}

impl<'r> Context<'r> {
    /// Reads a head. Only a peer in `trusted` is believed what it says of others.
    #[must_use]
    pub(super) fn new(
        head: &'r RequestHead,
        (peer, peer_text): (Peer, PeerText),
        trusted: &[IpNet],
        ids: &RequestIds,
    ) -> Self {
        let address = peer.ip();
        let origin = Origin { chain: "", peer: address, peer_text, scheme: "http", host: head.host() };
        if trusted.is_empty() || !trusted.iter().any(|net| net.contains(&address)) {
            return Self { origin, client: address, request_id: ids.take() };
        }
        let text = |name: &str| head.field(name).and_then(|value| std::str::from_utf8(value).ok());
        let chain = text("x-forwarded-for").filter(|chain| chain.is_ascii()).unwrap_or_default();
        let origin = Origin {
            chain,
            scheme: match text("x-forwarded-proto") {
                Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
                _ => "http",
            },
            host: text("x-forwarded-host").filter(|host| is_host(host)).unwrap_or(origin.host),
            ..origin
        };
        let request_id = head.field("x-request-id").and_then(RequestId::given);
        Self {
            origin,
            client: farthest(chain, address, trusted),
            request_id: request_id.unwrap_or_else(|| ids.take()),
        }
    }
}

/// The rightmost address that is no trusted proxy; an unreadable entry ends the walk.
fn farthest(chain: &str, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for entry in chain.rsplit(',') {
        let entry = entry.trim();
        let Ok(address) = entry.parse::<IpAddr>() else { return client };
        client = address;
        if !trusted.iter().any(|net| net.contains(&address)) {
            return client;
        }
    }
    client
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
}

fn hex(number: u64) -> [u8; 16] {
    let mut text = [b'0'; 16];
    for (at, digit) in text.iter_mut().enumerate() {
        let shift = 60 - 4 * at;
        *digit = HEX.get(usize::try_from(number >> shift & 15).unwrap_or(0)).copied().unwrap_or(b'0');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_counted_and_plain() {
        let ids = RequestIds::new([0xab; 8]);
        assert_eq!(ids.take().as_str(), "abababababababab0000000000000000");
        assert_eq!(ids.take().as_str(), "abababababababab0000000000000001");
        assert!(RequestId::given(b"a\r\nb").is_none());
        assert!(RequestId::given(&[b'a'; 65]).is_none());
        assert_eq!(RequestId::given(b"trace-7").unwrap().as_str(), "trace-7");
    }

    #[test]
    fn the_client_is_the_rightmost_stranger() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = "10.0.0.1".parse().unwrap();
        for (chain, client) in [
            ("", "10.0.0.1"),
            ("1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
            ("1.2.3.4, junk", "10.0.0.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ] {
            assert_eq!(farthest(chain, peer, &trusted).to_string(), client, "{chain:?}");
        }
    }
}
