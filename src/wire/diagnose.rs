//! Determines why a section of fields was refused. Runs only after a refusal.

use memchr::memchr;

use crate::wire::Reject;

/// The first error in a section of field lines. The last line may be incomplete.
pub(super) fn name_mistake(section: &[u8]) -> Reject {
    section
        .split_inclusive(|&byte| byte == b'\n')
        .find_map(line_mistake)
        // INVARIANT: the section was refused already, so the result must be a refusal in any case.
        .unwrap_or(Reject::FieldValue)
}

/// The error in one line, which ends with LF unless it is incomplete.
fn line_mistake(line: &[u8]) -> Option<Reject> {
    let (text, finished) = match line.strip_suffix(b"\n") {
        Some(rest) => (rest.strip_suffix(b"\r"), true),
        None => (Some(line), false),
    };
    let Some(text) = text else { return Some(Reject::BareLineFeed) };
    if text.contains(&0) {
        return Some(Reject::Nul);
    }
    let inner = if finished { text } else { text.strip_suffix(b"\r").unwrap_or(text) };
    if memchr(b'\r', inner).is_some() {
        return Some(Reject::BareCarriageReturn);
    }
    // Servers disagree whether such a line continues a field or begins one.
    if matches!(text.first(), Some(b' ' | b'\t')) {
        return Some(Reject::ObsFold);
    }
    field_mistake(inner, finished)
}

/// The error in a line without its end and without CR, LF and NUL.
fn field_mistake(line: &[u8], finished: bool) -> Option<Reject> {
    if line.is_empty() {
        return None;
    }
    let colon = memchr(b':', line);
    let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
    let trimmed = name.trim_ascii_end();
    if trimmed.is_empty() || !is_token(trimmed) {
        return Some(if colon.is_none() && finished { Reject::MissingColon } else { Reject::FieldName });
    }
    if colon.is_none() && finished {
        return Some(Reject::MissingColon);
    }
    // Some servers drop the blank, others keep it as part of the name.
    if trimmed.len() < name.len() {
        return Some(Reject::BlankBeforeColon);
    }
    let value = line.get(name.len()..).unwrap_or_default();
    value.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()).then_some(Reject::FieldValue)
}

/// Whether `bytes` is a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether a token may contain this byte.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `line`, without its end, is a field line.
pub(super) fn is_field_line(line: &[u8]) -> bool {
    let Some(colon) = memchr(b':', line) else { return false };
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    is_token(name) && value.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}
