//! The head of a response. The app may be old, broken or compromised, so it is parsed as strictly as a request.

use std::fmt;

use super::head::{Head, Span, check_room, check_size, first_line, worth_parsing};
use crate::wire::{Copied, Field, Framing, HeadLimits, Reject, Scan, Version};

/// The head of a response, parsed strictly. It is created once, and each scan fills it again. It is empty until
/// a scan is complete.
pub struct ResponseHead {
    head: Head,
    version: Version,
    status: u16,
    reason: Span,
    framing: Framing,
}

impl ResponseHead {
    /// An empty head.
    pub fn new() -> Self {
        Self {
            head: Head::default(),
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            framing: Framing::UntilClose,
        }
    }

    /// Parses the head of the answer to a `request_method` at the front of `input`. After [`Scan::Partial`]
    /// call it again with the same bytes and more. An interim answer (1xx) has a head of its own.
    ///
    /// # Errors
    ///
    /// A [`Reject`]. The client gets a 502, and the connection to the app must be closed.
    pub fn scan(&mut self, input: &[u8], limits: &HeadLimits, request_method: &str) -> Result<Scan, Reject> {
        self.clear();
        let scanned = self.read(input, limits, request_method);
        if !matches!(scanned, Ok(Scan::Complete(_))) {
            self.clear();
        }
        scanned
    }

    /// Clears the head.
    pub fn clear(&mut self) {
        self.head.clear();
        self.version = Version::Http11;
        self.status = 0;
        self.reason = Span::default();
        self.framing = Framing::UntilClose;
    }

    /// The status: 100 to 999, or 0 before a scan is complete.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, as sent; often empty.
    pub fn reason(&self) -> &[u8] {
        self.head.bytes(self.reason)
    }

    /// The protocol version of the status line.
    pub fn version(&self) -> Version {
        self.version
    }

    /// All fields, in the order they were sent.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> + Clone + '_ {
        self.head.fields()
    }

    /// The value of the first field with a name, in any letter case.
    pub fn field(&self, lower_name: &str) -> Option<&[u8]> {
        self.head.field(lower_name)
    }

    /// Appends the fields to `out`, one line each. `copied` decides about each field.
    pub fn copy_fields<'h>(&'h self, out: &mut Vec<u8>, copied: impl FnMut(Field<'h>) -> Copied<'h>) {
        self.head.copy_fields(out, copied);
    }

    /// The value of `Keep-Alive`, which may contain the server's idle timeout.
    pub fn keep_alive_field(&self) -> Option<&[u8]> {
        if self.head.facts.has_keep_alive_field() { self.field("keep-alive") } else { None }
    }

    /// The framing of the body (RFC 9112 section 6.3).
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The declared `Content-Length`, also if no body follows (HEAD, 304).
    pub fn content_length(&self) -> Option<u64> {
        self.head.facts.length
    }

    /// Whether the connection can be reused after the body. `false` if the method or the status has no body:
    /// waitress, cheroot and many handlers of Python's `http.server` send one all the same, which would be read
    /// as the next answer.
    pub fn keep_alive(&self) -> bool {
        self.head.facts.keeps_alive(self.version)
            && matches!(self.framing, Framing::Length(_) | Framing::Chunked)
    }

    /// Whether an upgrade is granted: HTTP/1.1 with `Upgrade`, which `Connection` names.
    /// [`super::check_switch`] checks the rest.
    pub(super) fn switches(&self) -> bool {
        self.status == 101 && self.head.facts.upgrades(self.version)
    }

    /// Whether `Connection` has options other than `close`, `keep-alive`, `upgrade` and `te`.
    #[must_use]
    pub fn nominates(&self) -> bool {
        self.head.facts.nominates()
    }

    /// The options of `Connection`, in the letter case of the app.
    pub fn connection_options(&self) -> impl Iterator<Item = &str> + '_ {
        self.head.connection_options()
    }

    fn read(&mut self, input: &[u8], limits: &HeadLimits, method: &str) -> Result<Scan, Reject> {
        check_start(input)?;
        if worth_parsing(input)
            && let Some(end) = self.read_head(input, limits)?
        {
            check_size(end, limits)?;
            self.framing = self.derive_framing(method);
            self.head.keep(input.get(..end).unwrap_or_default());
            return Ok(Scan::Complete(end));
        }
        check_room(input, limits)?;
        Ok(Scan::Partial)
    }

    fn read_head(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        let Some((line, next)) = first_line(input)? else { return Ok(None) };
        self.read_status_line(line)?;
        let end = self.head.read_fields(input, next, limits, |_, _, _| Ok(()))?;
        let Some(end) = end else { return Ok(None) };
        self.head.facts.check_framing(self.version)?;
        Ok(Some(end))
    }

    /// Parses `VERSION SP STATUS SP REASON`. Some apps omit the reason, some also the blank before it.
    fn read_status_line(&mut self, line: &[u8]) -> Result<(), Reject> {
        let (version, rest) = line.split_first_chunk::<9>().ok_or(Reject::StatusLine)?;
        self.version = match version {
            b"HTTP/1.1 " => Version::Http11,
            b"HTTP/1.0 " => Version::Http10,
            _ => return Err(Reject::StatusLine),
        };
        let (digits, reason) = rest.split_first_chunk::<3>().ok_or(Reject::StatusLine)?;
        let [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] = digits else { return Err(Reject::StatusLine) };
        self.status = digits.iter().fold(0, |status, &digit| status * 10 + u16::from(digit - b'0'));
        if !matches!(reason.first(), None | Some(b' ')) {
            return Err(Reject::StatusLine);
        }
        // RFC 9112 section 4 allows no control character but a tab.
        if reason.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(Reject::StatusLine);
        }
        self.reason = Span::new((line.len() - reason.len() + 1).min(line.len()), line.len());
        Ok(())
    }

    fn derive_framing(&self, method: &str) -> Framing {
        // Before the fields, which describe the body that a GET would have.
        if method == "HEAD" || self.status == 304 || is_bodiless(self.status) {
            return Framing::Empty;
        }
        if self.head.facts.chunked {
            return Framing::Chunked;
        }
        self.head.facts.length.map_or(Framing::UntilClose, Framing::Length)
    }
}

/// Without credentials and links.
impl fmt::Debug for ResponseHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("fields", &self.fields().len())
            .finish_non_exhaustive()
    }
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a status never has a body, nor fields about one.
fn is_bodiless(status: u16) -> bool {
    status < 200 || status == 204
}

/// Refuses bytes that cannot become a status line without waiting for a line end, which may never come.
fn check_start(input: &[u8]) -> Result<(), Reject> {
    let start = b"HTTP/1.";
    let known = input.len().min(start.len());
    match input {
        // The type of an alert record, and the version (RFC 8446 section 5.1). A server of TLS answers plain HTTP so.
        [0x15] | [0x15, 3, ..] => Err(Reject::TlsAlert),
        // The head of SETTINGS: length, type 4, no flags, stream 0 (RFC 9113 section 6.5). A server sends it first.
        [0, _, _, 4, 0, 0, 0, 0, 0, ..] => Err(Reject::Http2Answer),
        _ if input.get(..known) == start.get(..known) => Ok(()),
        _ => Err(Reject::StatusLine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 100 };

    fn scan(method: &str, input: &[u8]) -> Result<ResponseHead, Reject> {
        let mut head = ResponseHead::new();
        assert_eq!(
            head.scan(input, &LIMITS, method)?,
            Scan::Complete(input.len()),
            "{}",
            input.escape_ascii()
        );
        Ok(head)
    }

    #[test]
    fn the_parts_of_a_head_are_as_sent() {
        let head =
            scan("GET", b"HTTP/1.1 404 Nicht gefunden \xfc\r\nX-A: \xff\r\nContent-Length: 12\r\n\r\n")
                .unwrap();
        assert_eq!(head.status(), 404);
        assert_eq!(head.reason(), b"Nicht gefunden \xfc");
        assert_eq!(head.version(), Version::Http11);
        assert_eq!(head.field("x-a"), Some(b"\xff".as_slice()));
        assert_eq!(head.fields().map(|field| field.name).collect::<Vec<_>>(), ["X-A", "Content-Length"]);
        assert_eq!(head.framing(), Framing::Length(12));
        assert_eq!(head.content_length(), Some(12));
        assert!(head.keep_alive());
    }

    #[test]
    fn a_reason_may_be_missing() {
        for line in ["HTTP/1.1 200", "HTTP/1.1 200 "] {
            let head = scan("GET", format!("{line}\r\n\r\n").as_bytes()).unwrap();
            assert_eq!((head.status(), head.reason()), (200, b"".as_slice()), "{line}");
        }
    }

    #[test]
    fn framing_depends_on_method_and_status() {
        use Framing::{Chunked, Empty, Length, UntilClose};
        let cases = [
            ("GET", "1.1 200 OK", "Content-Length: 5\r\n", Length(5), true),
            ("GET", "1.1 200 OK", "Content-Length: 0\r\n", Length(0), true),
            ("GET", "1.1 200 OK", "Transfer-Encoding: CHUNKED\r\n", Chunked, true),
            ("GET", "1.1 200 OK", "", UntilClose, false),
            ("GET", "1.1 200 OK", "Connection: close\r\nContent-Length: 5\r\n", Length(5), false),
            ("GET", "1.0 200 OK", "Content-Length: 5\r\n", Length(5), false),
            ("GET", "1.0 200 OK", "Connection: keep-alive\r\nContent-Length: 5\r\n", Length(5), true),
            ("GET", "1.0 200 OK", "Connection: keep-alive\r\n", UntilClose, false),
            ("HEAD", "1.1 200 OK", "Content-Length: 5\r\n", Empty, false),
            ("HEAD", "1.1 200 OK", "Transfer-Encoding: chunked\r\n", Empty, false),
            ("HEAD", "1.1 200 OK", "", Empty, false),
            ("head", "1.1 200 OK", "", UntilClose, false),
            ("GET", "1.1 304 Not Modified", "Content-Length: 5\r\n", Empty, false),
            ("GET", "1.1 204 No Content", "", Empty, false),
            ("GET", "1.1 204 No Content", "Content-Length: 0\r\n", Empty, false),
            ("GET", "1.1 204 No Content", "Content-Length: 5\r\n", Empty, false),
            ("GET", "1.1 204 No Content", "Transfer-Encoding: chunked\r\n", Empty, false),
            ("GET", "1.1 103 Early Hints", "Link: a\r\n", Empty, false),
            ("GET", "1.1 101 Switching", "Connection: upgrade\r\nUpgrade: x\r\n", Empty, false),
            ("GET", "1.1 205 Reset", "Content-Length: 5\r\n", Length(5), true),
        ];
        for (method, line, lines, framing, keep_alive) in cases {
            let head = scan(method, format!("HTTP/{line}\r\n{lines}\r\n").as_bytes()).unwrap();
            assert_eq!((head.framing(), head.keep_alive()), (framing, keep_alive), "{method} {line} {lines}");
        }
    }

    #[test]
    fn the_length_is_kept_where_no_body_follows() {
        assert_eq!(
            scan("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap().content_length(),
            Some(5)
        );
        assert_eq!(
            scan("GET", b"HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n").unwrap().content_length(),
            Some(5)
        );
    }

    #[test]
    fn an_upgrade_is_granted_by_both_fields() {
        for (head, switches) in [
            ("1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket", true),
            ("1.1 101 S\r\nUpgrade: websocket", false),
            ("1.0 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket", false),
            ("1.1 103 S\r\nConnection: Upgrade\r\nUpgrade: websocket", false),
        ] {
            let found = scan("GET", format!("HTTP/{head}\r\n\r\n").as_bytes()).unwrap().switches();
            assert_eq!(found, switches, "{head}");
        }
    }

    #[test]
    fn what_cannot_become_a_status_line_is_refused_at_once() {
        let mut head = ResponseHead::new();
        for start in ["", "H", "HTTP/1.", "HTTP/1.1 20"] {
            assert_eq!(head.scan(start.as_bytes(), &LIMITS, "GET"), Ok(Scan::Partial), "{start}");
        }
        for start in ["X", "h", "HTTP/2", "\r\n", "<html>"] {
            assert_eq!(head.scan(start.as_bytes(), &LIMITS, "GET"), Err(Reject::StatusLine), "{start}");
        }
    }
}
