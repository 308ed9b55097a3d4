//! By what a gate knows its own requests.

use crate::{
    encoding::hex_digits,
    wire::{RequestHead, VIA},
};

/// Names one running gate: 16 hex digits, drawn at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(pub(super) [u8; 16]);

impl Instance {
    /// A name from chance.
    #[must_use]
    pub fn new(random: [u8; 8]) -> Self {
        let mut text = [0; 16];
        let (digits, _) = text.as_chunks_mut::<2>();
        digits.iter_mut().zip(random).for_each(|(two, byte)| *two = hex_digits(byte));
        Self(text)
    }

    /// The header's line in a request to the app that came with `head`, or that is the gate's own.
    pub(in crate::forward) fn write(&self, out: &mut Vec<u8>, head: Option<&RequestHead>) {
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

/// Tokens of other gates that go on: more gates stand in no row.
pub(super) const MOST: usize = 8;

/// The names of gates that a request has passed. Anything else in the header is dropped.
pub(super) fn tokens(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    let lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case(VIA));
    lines.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(is_token)
}

pub(super) fn is_token(token: &&[u8]) -> bool {
    token.len() == 16 && token.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
