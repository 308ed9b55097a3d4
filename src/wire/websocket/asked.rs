//! Whether a request asks for a WebSocket.

use crate::wire::{Field, Reject, head::Head};

/// Whether the upgrade that a request asks for is a WebSocket. Any other protocol is ignored, as if it had not
/// been asked for (RFC 9110 section 7.8).
///
/// # Errors
/// [`Reject::WebSocketHandshake`] if the handshake is incomplete.
pub(in crate::wire) fn is_asked_for(head: &Head, method: &str) -> Result<bool, Reject> {
    let asked = list(head.fields(), UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    if !asked {
        return Ok(false);
    }
    // A nominated field would not reach the app.
    let nominated = head.connection_options().any(|option| {
        option.get(..WEBSOCKET_FIELDS.len()).is_some_and(|start| start.eq_ignore_ascii_case(WEBSOCKET_FIELDS))
    });
    // An app that is less strict would open a tunnel that the gate takes for a request.
    let whole = method == "GET"
        && only(head.fields(), UPGRADE).is_some()
        && only(head.fields(), "sec-websocket-version") == Some(b"13")
        && only(head.fields(), KEY).is_some_and(is_key);
    if whole && !nominated { Ok(true) } else { Err(Reject::WebSocketHandshake) }
}

pub(in crate::wire) const KEY: &str = "sec-websocket-key";

pub(super) const UPGRADE: &str = "upgrade";

/// Whether `value` is base64 of 16 bytes.
pub(super) fn is_key(value: &[u8]) -> bool {
    let Some(digits) = value.strip_suffix(b"==") else { return false };
    digits.len() == 22
        && digits.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The values of all fields with a name.
pub(super) fn values<'h>(
    fields: impl Iterator<Item = Field<'h>>,
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    fields.filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// The value of the only field with a name; `None` if it is missing or repeated.
pub(super) fn only<'h>(fields: impl Iterator<Item = Field<'h>>, name: &'static str) -> Option<&'h [u8]> {
    let mut values = values(fields, name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The members of a list over all fields with a name (RFC 9110 section 5.6.1), without empty ones.
pub(super) fn list<'h>(
    fields: impl Iterator<Item = Field<'h>>,
    name: &'static str,
) -> impl Iterator<Item = &'h [u8]> {
    values(fields, name)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// The prefix of the handshake's fields.
pub(super) const WEBSOCKET_FIELDS: &str = "sec-websocket-";
