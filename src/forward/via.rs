//! Detects requests that this gate has sent itself. Each forwarded request carries the gate's own token in
//! `Via`, and those of the gates before it, so that a loop through several gates is detected as well.
//!
//! Any client may send such a field. It grants nothing, and a request with the gate's own token is refused.

mod instance;

use super::Forwarder;
use crate::wire::RequestHead;
use instance::tokens;

pub use instance::Instance;

impl Forwarder {
    /// Whether this gate has sent the request itself, because one of its servers leads back to it.
    #[must_use]
    pub fn is_loop(&self, head: &RequestHead) -> bool {
        head.has_via() && tokens(head).any(|token| token == self.settings.instance.0)
    }
}

#[cfg(test)]
mod tests {
    use super::instance::MOST;
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
