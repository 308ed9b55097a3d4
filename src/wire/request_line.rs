//! The parts of a request line, and the errors in one.

use super::Reject;

/// Methods are case-sensitive, but some apps ignore the case: `delete` would be judged as an unknown method,
/// and be served as `DELETE`.
pub(super) fn check_method(method: &[u8]) -> Result<(), Reject> {
    // In any letter case, because an app that ignores it would serve `trace`.
    if method.eq_ignore_ascii_case(b"TRACE") || method.eq_ignore_ascii_case(b"CONNECT") {
        return Err(Reject::MethodNotAllowed);
    }
    let plain = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    let fits = (1..=MAX_METHOD).contains(&method.len());
    if fits && method.iter().all(plain) { Ok(()) } else { Err(Reject::Method) }
}

/// The error in a request line that could not be split.
pub(super) fn name_line_mistake(line: &[u8]) -> Reject {
    if line.is_empty() {
        return Reject::BlankLine;
    }
    if line.contains(&0) {
        return Reject::Nul;
    }
    if line.contains(&b'\r') {
        return Reject::BareCarriageReturn;
    }
    let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', rest @ ..] if is_version(rest) => Reject::Version,
        _ => Reject::RequestLine,
    }
}

fn is_version(digits: &[u8]) -> bool {
    matches!(digits, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// The longest method that any server knows is shorter.
const MAX_METHOD: usize = 32;
