//! HTTP/2 as HTTP/1.1: heads of streams as bytes, and bytes as heads of streams. No sockets, no frames.
//!
//! A request of HTTP/2 is written as one of HTTP/1.1 and then read by the same scanner as any other, so that whatever is
//! refused there is refused here. Only what those bytes could not show is checked here (RFC 9113 section 8).

mod hpack;
mod list;
mod request;
mod response;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{HeadLimits, MAX_FIELDS};

pub use hpack::{BrokenList, Decoder};
pub use list::{ListError, Lists};
pub use request::{Body, request, write_request};
pub use response::{response, write_response};

/// The limits of a head that the gate has written itself, from one that was within the limits.
pub const WRITTEN: HeadLimits = HeadLimits { bytes: usize::MAX, fields: MAX_FIELDS };
/// What the size of a list counts for each field beside its name and value (RFC 9113 section 6.5.2).
const PER_FIELD: usize = 32;

/// The size of a list of fields (`SETTINGS_MAX_HEADER_LIST_SIZE`) that has room for each head within these limits.
#[must_use]
pub fn list_size(limits: &HeadLimits) -> u32 {
    u32::try_from(limits.bytes + PER_FIELD * limits.fields).unwrap_or(u32::MAX)
}

/// Appends fields as lines `name: value` CR LF.
pub fn write_fields<'f>(
    out: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (&'f HeaderName, &'f HeaderValue)>,
) {
    for (name, value) in fields {
        put(out, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The fields of lines `name: value` CR LF.
///
/// # Errors
/// When a line is not a field.
pub fn fields_of(lines: &[u8]) -> Result<HeaderMap, http::Error> {
    let mut fields = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
        add(&mut fields, line.get(..colon).unwrap_or_default(), value)?;
    }
    Ok(fields)
}

fn add(fields: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), http::Error> {
    // Names of HTTP/2 are in lower case (RFC 9113 section 8.2), which this makes them.
    let name = HeaderName::from_bytes(name)?;
    fields.try_append(name, HeaderValue::from_bytes(value)?)?;
    Ok(())
}
