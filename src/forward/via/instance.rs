//! The token that identifies a gate in `Via`.

use crate::{
    encoding::hex_digits,
    wire::{RequestHead, VIA},
};

/// Identifies a running gate: 16 hex digits, drawn at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(pub(super) [u8; 16]);

impl Instance {
    /// A token from random bytes.
    #[must_use]
    pub fn new(random: [u8; 8]) -> Self {
        let mut text = [0; 16];
        let (digits, _) = text.as_chunks_mut::<2>();
        digits.iter_mut().zip(random).for_each(|(two, byte)| *two = hex_digits(byte));
        Self(text)
    }

    /// Writes the field into a request to the app that was caused by `head`, or by the gate itself.
    pub(in crate::forward) fn write(&self, out: &mut Vec<u8>, head: Option<&RequestHead>) {
        out.extend_from_slice(b"X-Portcullis-Via: ");
        if let Some(head) = head.filter(|head| head.has_via()) {
            // Bounded, because clients can send the field, too.
            for token in tokens(head).take(MOST) {
                out.extend_from_slice(token);
                out.extend_from_slice(b", ");
            }
        }
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b"\r\n");
    }
}

/// At most this many tokens of other gates are forwarded. Longer chains of gates do not occur.
pub(super) const MOST: usize = 8;

/// The tokens of the gates that a request has passed. Other content of the field is dropped.
pub(super) fn tokens(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    let lines = head.fields().filter(|field| field.name.eq_ignore_ascii_case(VIA));
    lines.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(is_token)
}

pub(super) fn is_token(token: &&[u8]) -> bool {
    token.len() == 16 && token.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
