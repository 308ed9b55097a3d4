//! How a gate knows a request that it has sent itself: each one that it forwards carries the gate's own token, and those
//! of the gates before it. Every gate appends, so that a way through several gates that leads back is known as well.
//!
//! Any client may send such a header. It grants nothing, and a request with a gate's own token is refused there.

use super::Forwarder;
use crate::wire::{RequestHead, VIA};

/// Names one running gate: 16 hex digits, drawn at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance([u8; 16]);

/// Tokens of other gates that go on: more gates stand in no row.
const MOST: usize = 8;

impl Instance {
    /// A name from chance.
    #[must_use]
    pub fn new(random: [u8; 8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digit = |at: usize| {
            let byte = random.get(at / 2).copied().unwrap_or(0);
            let half = if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
            HEX.get(usize::from(half)).copied().unwrap_or(b'0')
        };
        Self(std::array::from_fn(digit))
    }

    /// The header's line in a request to the app that came with `head`, or that is the gate's own.
    pub(super) fn write(&self, out: &mut Vec<u8>, head: Option<&RequestHead>) {
        out.extend_from_slice(b"X-Portcullis-Via: ");
        if let Some(head) = head.filter(|head| head.has_via()) {
            for token in tokens(head).take(MOST) {
                out.extend_from_slice(token);
                out.extend_from_slice(b", ");
            }
        }
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b"\r\n");
    }
}

impl Forwarder {
    /// Whether this gate has sent the request itself: its servers lead back to it.
    #[must_use]
    pub fn is_loop(&self, head: &RequestHead) -> bool {
        head.has_via() && tokens(head).any(|token| token == self.settings.instance.0)
    }
}

/// The names of gates that a request has passed. Anything else in the header is dropped.
fn tokens(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    let lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case(VIA));
    lines.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(is_token)
}

fn is_token(token: &&[u8]) -> bool {
    token.len() == 16 && token.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HeadLimits;

    fn head(lines: &str) -> RequestHead {
        let mut head = RequestHead::default();
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        head.scan(text.as_bytes(), &HeadLimits { bytes: 64 * 1024, fields: 128 }).unwrap();
        head
    }

    fn written(lines: &str) -> String {
        let mut out = Vec::new();
        Instance::new([0xab; 8]).write(&mut out, Some(&head(lines)));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn e5_every_gate_appends_its_token_and_nothing_else_goes_on() {
        let (own, other) = ("abababababababab", "0123456789abcdef");
        assert_eq!(written(""), format!("X-Portcullis-Via: {own}\r\n"));
        assert_eq!(
            written(&format!("x-portcullis-VIA: {other}, admin\r\nX-Portcullis-Via: 0123456789ABCDEF\r\n")),
            format!("X-Portcullis-Via: {other}, {own}\r\n")
        );
        let many = format!("X-Portcullis-Via: {}\r\n", vec![other; 50].join(","));
        assert_eq!(written(&many).matches(other).count(), MOST);
    }

    #[test]
    fn e5_its_own_token_is_found_wherever_it_stands() {
        let own = "abababababababab";
        for (lines, found) in [
            ("", false),
            ("X-Portcullis-Via: 0123456789abcdef\r\n", false),
            ("X-Portcullis-Via: abababababababab\r\n", true),
            ("X-Portcullis-Via: 0123456789abcdef,abababababababab , 0123456789abcdef\r\n", true),
            ("X-Portcullis-Via: x\r\nx-portcullis-via: abababababababab\r\n", true),
            ("X-Portcullis-Vi: abababababababab\r\n", false),
        ] {
            assert_eq!(tokens(&head(lines)).any(|token| token == own.as_bytes()), found, "{lines}");
        }
    }
}
