//! Email addresses as LoopBack accepts them.

/// Whether LoopBack 3.28 takes `text` as an email address (loopback3.md section 2.1: isemail, no DNS).
#[must_use]
pub fn is_email(text: &str) -> bool {
    text.contains('@')
}
