//! The head of a request.

use std::fmt;

use memchr::memchr;

use super::head::{Head, Span, check_room, check_size, first_line, worth_parsing};
use super::host::host_length;
use super::name_set::NameSet;
use super::request_line::{check_method, name_line_mistake};
use super::target::{self, Target};
use super::websocket;
use crate::wire::{Copied, Field, Framing, HeadLimits, MAX_FIELDS, ProxyStart, Reject, Scan, Version};

/// The head of a request, parsed strictly. It is created once for a connection, and each scan fills it again.
/// It is empty until a scan is complete.
///
/// ```
/// use portcullis::wire::{Framing, HeadLimits, RequestHead, Scan};
///
/// let limits = HeadLimits { bytes: 16_384, fields: 100 };
/// let bytes = b"POST /notes?draft=1 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\n{}";
/// let mut head = RequestHead::new();
/// assert_eq!(head.scan(&bytes[..20], &limits), Ok(Scan::Partial));
/// assert_eq!(head.scan(bytes, &limits), Ok(Scan::Complete(bytes.len() - 2)), "the body stays");
/// assert_eq!((head.method(), head.path(), head.query()), ("POST", "/notes", Some("draft=1")));
/// assert_eq!(head.framing(), Framing::Length(2));
///
/// // Anything that two servers could read differently is refused.
/// let two_lengths = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n";
/// assert!(head.scan(two_lengths, &limits).is_err());
/// ```
pub struct RequestHead {
    head: Head,
    method: Span,
    target: Span,
    path: Span,
    query: Option<Span>,
    host: Span,
    version: Version,
    encoded_slash: bool,
    expects: bool,
    trailers: bool,
    via: bool,
    websocket: bool,
    names: NameSet,
    /// Decoded segments during the check of the path.
    scratch: Vec<u8>,
}

/// The field with the tokens of the gates that have forwarded a request, in lower case.
pub const VIA: &str = "x-portcullis-via";

impl RequestHead {
    /// An empty head.
    pub fn new() -> Self {
        Self {
            head: Head::default(),
            method: Span::default(),
            target: Span::default(),
            path: Span::default(),
            query: None,
            host: Span::default(),
            version: Version::Http11,
            encoded_slash: false,
            expects: false,
            trailers: false,
            via: false,
            websocket: false,
            names: NameSet::default(),
            scratch: Vec::new(),
        }
    }

    /// Parses a head at the front of `input`. After [`Scan::Partial`] call it again with the same bytes and
    /// more.
    ///
    /// # Errors
    ///
    /// A [`Reject`] for everything that docs/what-is-refused.md lists for a head, except for checks that need a
    /// list of reserved names, and `%2f` (see [`Self::encoded_slash`]). The connection cannot be used any
    /// further.
    pub fn scan(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Scan, Reject> {
        self.clear();
        let scanned = self.read(input, limits);
        if !matches!(scanned, Ok(Scan::Complete(_))) {
            self.clear();
        }
        scanned
    }

    /// Clears the head.
    pub fn clear(&mut self) {
        self.head.clear();
        self.query = None;
        self.version = Version::Http11;
        self.encoded_slash = false;
        self.expects = false;
        self.trailers = false;
        self.websocket = false;
        self.names = NameSet::default();
    }

    /// The same request with another target, parsed as strictly.
    ///
    /// # Errors
    ///
    /// The [`Reject`] of that target.
    pub fn with_target(&self, target: &str) -> Result<Self, Reject> {
        // Checked alone first: with a blank or a line break it would become another head.
        target::check(target.as_bytes(), &mut Vec::new())?;
        let (raw, at) = (self.head.raw(), self.target.range());
        let (before, after) = (raw.get(..at.start), raw.get(at.end..));
        let bytes = [before.unwrap_or_default(), target.as_bytes(), after.unwrap_or_default()].concat();
        let mut head = Self::new();
        match head.scan(&bytes, &HeadLimits { bytes: bytes.len(), fields: MAX_FIELDS })? {
            Scan::Complete(_) => Ok(head),
            Scan::Partial => Err(Reject::RequestLine),
        }
    }

    /// The method, as sent.
    pub fn method(&self) -> &str {
        self.head.text(self.method)
    }

    /// The path and the query, as sent.
    pub fn target(&self) -> &str {
        self.head.text(self.target)
    }

    /// The path as sent. It begins with `/` and has no dot segment in any reading.
    pub fn path(&self) -> &str {
        self.head.text(self.path)
    }

    /// The query behind the first `?`, as sent.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| self.head.text(query))
    }

    /// Whether the path contains a `%2f`. It must be refused with [`Reject::EncodedSlash`] unless the route
    /// allows it.
    pub fn encoded_slash(&self) -> bool {
        self.encoded_slash
    }

    /// The protocol version of the request line.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The value of `Host`: a name or an address with an optional port, without the colon of an empty port.
    pub fn host(&self) -> &str {
        self.head.text(self.host)
    }

    /// All fields, in the order they were sent.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> + Clone + '_ {
        self.head.fields()
    }

    /// The value of the first field with a name, in any letter case.
    pub fn field(&self, lower_name: &str) -> Option<&[u8]> {
        if self.may_have(lower_name) { self.head.field(lower_name) } else { None }
    }

    /// Whether there may be a field of that name: `false` is certain.
    #[must_use]
    pub fn may_have(&self, lower_name: &str) -> bool {
        self.names.may_have(lower_name)
    }

    /// Whether there may be several fields of that name: `false` is certain.
    #[must_use]
    pub fn may_repeat(&self, lower_name: &str) -> bool {
        self.names.may_repeat(lower_name)
    }

    /// Whether the name of a field holds anything but letters, digits and dashes.
    #[must_use]
    pub fn has_odd_names(&self) -> bool {
        self.names.has_odd()
    }

    /// Appends the fields to `out`, one line each. `copied` decides about each field.
    pub fn copy_fields<'h>(&'h self, out: &mut Vec<u8>, copied: impl FnMut(Field<'h>) -> Copied<'h>) {
        self.head.copy_fields(out, copied);
    }

    /// The framing of the body: [`Framing::Empty`] if the head does not announce one, `Length(0)` if it
    /// announces an empty one.
    pub fn framing(&self) -> Framing {
        if self.head.facts.chunked {
            return Framing::Chunked;
        }
        self.head.facts.length.map_or(Framing::Empty, Framing::Length)
    }

    /// Whether the client allows the connection to be reused.
    pub fn keep_alive(&self) -> bool {
        self.head.facts.keeps_alive(self.version)
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1: not in
    /// HTTP/1.0, and not without a body).
    pub fn expects_continue(&self) -> bool {
        self.expects && self.version == Version::Http11 && self.has_body()
    }

    /// Whether the client accepts trailers of a chunked answer (RFC 9110 section 10.1.4), in HTTP/1.1.
    pub fn accepts_trailers(&self) -> bool {
        self.trailers && self.version == Version::Http11
    }

    /// Whether a gate has forwarded the request: it has a field [`VIA`].
    pub fn has_via(&self) -> bool {
        self.via
    }

    /// The key of a complete WebSocket handshake, the only upgrade that is forwarded.
    pub fn websocket_key(&self) -> Option<&[u8]> {
        if self.websocket { self.field(websocket::KEY) } else { None }
    }

    /// Whether `Connection` has options other than `close`, `keep-alive`, `upgrade` and `te`.
    #[must_use]
    pub fn nominates(&self) -> bool {
        self.head.facts.nominates()
    }

    /// The options of `Connection`, in the letter case of the client.
    pub fn connection_options(&self) -> impl Iterator<Item = &str> + '_ {
        self.head.connection_options()
    }

    fn has_body(&self) -> bool {
        !matches!(self.framing(), Framing::Empty | Framing::Length(0))
    }

    fn read(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Scan, Reject> {
        // From the first bytes on: such a peer may never send a line end.
        check_protocol(input)?;
        let skipped = empty_lines(input);
        let input = input.get(skipped..).unwrap_or_default();
        if worth_parsing(input)
            && let Some(end) = self.read_head(input, limits)?
        {
            check_size(end, limits)?;
            self.head.keep(input.get(..end).unwrap_or_default());
            if self.head.facts.upgrades(self.version) {
                self.read_upgrade()?;
            }
            return Ok(Scan::Complete(skipped + end));
        }
        check_room(input, limits)?;
        Ok(Scan::Partial)
    }

    /// Parses the request line and the fields. The length of the head, or `None` if it is incomplete.
    fn read_head(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        let Some((line, next)) = first_line(input)? else { return Ok(None) };
        self.read_request_line(line)?;
        let mut host = None;
        let (mut expects, mut trailers, mut via) = (false, false, false);
        let mut names = NameSet::default();
        let end = self.head.read_fields(input, next, limits, |name, value, span| {
            names.add(name);
            match name.len() {
                // By length first, which is one comparison for most fields.
                4 if name.eq_ignore_ascii_case("host") => {
                    // Servers disagree which one counts.
                    if host.is_some() {
                        return Err(Reject::DuplicateHost);
                    }
                    let at = span.range().start;
                    let length = host_length(value).ok_or(Reject::InvalidHost)?;
                    host = Some(Span::new(at, at + length));
                }
                2 if name.eq_ignore_ascii_case("te") => {
                    let mut codings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
                    trailers |= codings.any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
                }
                6 if name.eq_ignore_ascii_case("expect") => {
                    // RFC 9110 section 10.1.1: an unknown expectation is a 417.
                    if !value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(Reject::Expect);
                    }
                    expects = true;
                }
                16 => via |= name.eq_ignore_ascii_case(VIA),
                _ => {}
            }
            Ok(())
        })?;
        let Some(end) = end else { return Ok(None) };
        self.host = host.ok_or(Reject::MissingHost)?;
        (self.expects, self.trailers, self.via) = (expects, trailers, via);
        self.names = names;
        self.head.facts.check_framing(self.version)?;
        Ok(Some(end))
    }

    fn read_upgrade(&mut self) -> Result<(), Reject> {
        self.websocket = websocket::is_asked_for(&self.head, self.method())?;
        // The app could disagree on where the body ends and the frames begin.
        if self.websocket && self.has_body() {
            return Err(Reject::UpgradeWithBody);
        }
        Ok(())
    }

    /// Parses `METHOD SP TARGET SP VERSION`. By hand, because httparse refuses bytes in the query that
    /// LoopBack's clients send (`?filter={"where":…}`).
    fn read_request_line(&mut self, line: &[u8]) -> Result<(), Reject> {
        let (method, rest) = memchr(b' ', line)
            .and_then(|at| line.split_at_checked(at))
            .ok_or_else(|| name_line_mistake(line))?;
        check_method(method)?;
        let target_and_blank = if let Some(rest) = rest.strip_suffix(b"HTTP/1.1") {
            self.version = Version::Http11;
            rest
        } else if let Some(rest) = rest.strip_suffix(b"HTTP/1.0") {
            self.version = Version::Http10;
            rest
        } else {
            return Err(name_line_mistake(line));
        };
        let target = target_and_blank
            .strip_prefix(b" ")
            .and_then(|rest| rest.strip_suffix(b" "))
            .ok_or(Reject::RequestLine)?;
        let Target { path, encoded_slash } = target::check(target, &mut self.scratch)?;
        let at = method.len() + 1;
        let end = at + target.len();
        self.method = Span::new(0, method.len());
        self.target = Span::new(at, end);
        self.path = Span::new(at, at + path);
        // An empty query is not the same as none: the target is forwarded as sent.
        self.query = (path < target.len()).then(|| Span::new(at + path + 1, end));
        self.encoded_slash = encoded_slash;
        Ok(())
    }
}

/// Without credentials and links.
impl fmt::Debug for RequestHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RequestHead")
            .field("method", &self.method())
            .field("fields", &self.fields().len())
            .finish_non_exhaustive()
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

/// Refuses other protocols by their first bytes.
fn check_protocol(input: &[u8]) -> Result<(), Reject> {
    match input {
        // The type of a handshake record (RFC 8446 section 5.1): the client used `https://` for an `http://` port.
        [0x16, ..] => Err(Reject::TlsHandshake),
        // RFC 9113 section 3.4.
        [b'P', b'R', b'I', ..] if input.starts_with(b"PRI * HTTP/2.0\r\n") => Err(Reject::Http2Preface),
        [b'P', b'R', b'O', ..] | [b'\r', ..] if ProxyStart::begins(input) => Err(Reject::ProxyHeader),
        _ => Ok(()),
    }
}

/// Bytes of empty lines before the request line, which old clients send after a body (RFC 9112 section 2.2).
pub(crate) fn empty_lines(input: &[u8]) -> usize {
    let lines = input.chunks_exact(2).take(MAX_EMPTY_LINES);
    lines.take_while(|line| line == b"\r\n").count() * 2
}

/// The largest number of empty lines before a request line.
const MAX_EMPTY_LINES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_FIELDS;

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 100 };

    fn scan(input: &[u8]) -> Result<RequestHead, Reject> {
        let mut head = RequestHead::new();
        assert_eq!(head.scan(input, &LIMITS)?, Scan::Complete(input.len()), "{}", input.escape_ascii());
        Ok(head)
    }

    /// A request with these lines after the request line, and a `Host`.
    fn with(lines: &str) -> Result<RequestHead, Reject> {
        scan(format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn the_parts_of_a_head_are_as_sent() {
        let head = scan(
            b"PATCH /api/Users/1?filter={\"where\":{\"a|b\":[1]}}^`<> HTTP/1.1\r\nhOST: Example.com:80\r\n\
              X-A:  b \t\r\nx-a:\r\nX-Raw: \xff\xe4\r\nConnection: close, X-A ,,\r\n\r\n",
        )
        .unwrap();
        assert_eq!(head.method(), "PATCH");
        assert_eq!(head.target(), "/api/Users/1?filter={\"where\":{\"a|b\":[1]}}^`<>");
        assert_eq!(head.path(), "/api/Users/1");
        assert_eq!(head.query(), Some("filter={\"where\":{\"a|b\":[1]}}^`<>"));
        assert_eq!(head.version(), Version::Http11);
        assert_eq!(head.host(), "Example.com:80");
        assert_eq!(head.framing(), Framing::Empty);
        assert!(!head.keep_alive());
        assert_eq!(head.field("x-a"), Some(b"b".as_slice()));
        assert_eq!(head.field("x-raw"), Some(b"\xff\xe4".as_slice()));
        assert_eq!(head.field("x-b"), None);
        let fields: Vec<_> = head.fields().map(|field| (field.name, field.value)).collect();
        assert_eq!(fields[1..3], [("X-A", b"b".as_slice()), ("x-a", b"".as_slice())]);
        assert_eq!(head.fields().len(), 5);
        assert_eq!(head.connection_options().collect::<Vec<_>>(), ["close", "X-A"]);
    }

    #[test]
    fn another_target_is_read_as_strictly() {
        let head = scan(b"PUT /a?b HTTP/1.1\r\nHost: h\r\nX: \xff\r\nContent-Length: 3\r\n\r\n").unwrap();
        let other = head.with_target("/long/path/%2f?c").unwrap();
        assert_eq!((other.method(), other.path(), other.query()), ("PUT", "/long/path/%2f", Some("c")));
        assert_eq!((other.host(), other.framing()), ("h", Framing::Length(3)));
        assert_eq!(other.field("x"), Some(b"\xff".as_slice()));
        assert!(other.encoded_slash() && !head.encoded_slash());
        for (target, reject) in [("/a/../b", Reject::DotSegment), ("a", Reject::OriginForm)] {
            assert_eq!(head.with_target(target).unwrap_err(), reject);
        }
        assert!(head.with_target("/a HTTP/1.1\r\nX: y").is_err(), "a line break begins no header");
    }

    #[test]
    fn a_head_is_forgotten_by_the_next_scan() {
        let mut head =
            scan(b"GET /a?b HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nX: \xff\r\n\r\n").unwrap();
        assert_eq!(head.scan(b"GET /c HTTP/1.1\r\nHost: b\r\n", &LIMITS), Ok(Scan::Partial));
        assert_eq!((head.method(), head.path(), head.query(), head.host()), ("", "", None, ""));
        assert_eq!(head.fields().len(), 0);
        assert!(head.scan(b"GET /c HTTP/1.1\r\nHost: b\r\n\r\n", &LIMITS).is_ok());
        assert_eq!((head.path(), head.query(), head.host()), ("/c", None, "b"));
        let all = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n\r\n";
        assert!(head.scan(all, &LIMITS).is_ok());
        assert!(head.websocket_key().is_some());
        assert!(head.scan(b"GET /c HTTP/1.1\r\nHost: b\r\n\r\n", &LIMITS).is_ok());
        assert_eq!((head.framing(), head.keep_alive(), head.websocket_key()), (Framing::Empty, true, None));
        assert_eq!(head.version(), Version::Http11);
    }

    #[test]
    fn no_credential_shows_in_debug() {
        let head = scan(b"GET /s3cret?s3cret HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\r\n\r\n").unwrap();
        let shown = format!("{head:?} {:?}", head.fields().collect::<Vec<_>>());
        assert_eq!(
            shown,
            "RequestHead { method: \"GET\", fields: 2, .. } [Host: <1 bytes>, Authorization: <6 bytes>]"
        );
    }

    #[test]
    fn only_the_head_is_taken() {
        let mut head = RequestHead::new();
        let input = b"\r\nPUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n";
        assert_eq!(head.scan(input, &LIMITS), Ok(Scan::Complete(48)));
        assert_eq!(&input[48..51], b"abc");
        assert_eq!(head.method(), "PUT");
        assert_eq!(head.framing(), Framing::Length(3));
        let two = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(head.scan(two, &LIMITS), Ok(Scan::Complete(two.len() / 2)));
        assert_eq!(head.path(), "/1");
    }

    #[test]
    fn framing_is_one_reading() {
        assert_eq!(with("Content-Length: 0\r\n").unwrap().framing(), Framing::Length(0));
        assert_eq!(with("Content-Length: 0012\r\n").unwrap().framing(), Framing::Length(12));
        assert_eq!(with("transfer-encoding: Chunked\r\n").unwrap().framing(), Framing::Chunked);
    }

    #[test]
    fn b15_a_length_is_below_2_to_the_63() {
        for length in [i64::MAX as u64, (1 << 53) + 1] {
            let head = with(&format!("Content-Length: {length}\r\n")).unwrap();
            assert_eq!(head.framing(), Framing::Length(length));
        }
        for length in
            ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999"]
        {
            let refused = with(&format!("Content-Length: {length}\r\n")).unwrap_err();
            assert_eq!(refused, Reject::InvalidContentLength, "{length}");
        }
    }

    #[test]
    fn b4_a_method_has_no_lower_case_letter() {
        let scan = |method: &str| scan(format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        for method in ["GET", "DELETE", "M-SEARCH", "VERSION-CONTROL", "RPC_IN_DATA", "X2", &"A".repeat(32)] {
            assert_eq!(scan(method).unwrap().method(), method);
        }
        for method in [
            "delete",
            "Delete",
            "DELETe",
            "get",
            "POSt",
            "x-PATCH",
            "GET.",
            "G\u{451}T",
            "DELETE\t",
            &"A".repeat(33),
        ] {
            assert_eq!(scan(method).unwrap_err(), Reject::Method, "{method}");
        }
        assert_eq!(scan("trace").unwrap_err(), Reject::MethodNotAllowed);
    }

    #[test]
    fn e11_empty_lines_before_a_request_are_passed_over() {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for count in [1, 2, 3, MAX_EMPTY_LINES] {
            assert_eq!(scan(format!("{}{request}", "\r\n".repeat(count)).as_bytes()).unwrap().path(), "/");
        }
        let mut head = RequestHead::new();
        let many = format!("{}{request}", "\r\n".repeat(MAX_EMPTY_LINES + 1));
        assert_eq!(head.scan(many.as_bytes(), &LIMITS), Err(Reject::BlankLine));
        for begun in ["\r", "\r\n", "\r\n\r", "\r\n\r\n"] {
            assert_eq!(head.scan(begun.as_bytes(), &LIMITS), Ok(Scan::Partial), "{}", begun.escape_debug());
        }
    }

    #[test]
    fn e11_an_empty_port_is_none() {
        for (value, host) in [("a:", "a"), ("a:80", "a:80"), ("[::1]:", "[::1]"), ("a.:", "a.")] {
            let head = scan(format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n").as_bytes()).unwrap();
            assert_eq!((head.host(), head.field("host")), (host, Some(value.as_bytes())));
        }
        for value in [":", ":80", "a::", "[::1]::", "a:b"] {
            let input = format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n");
            assert_eq!(scan(input.as_bytes()).unwrap_err(), Reject::InvalidHost, "{value}");
        }
    }

    #[test]
    fn e11_trailers_are_accepted_by_their_own_name() {
        for (lines, accepts) in [
            ("TE: trailers\r\n", true),
            ("te: gzip;q=0.5, Trailers\r\n", true),
            ("TE: gzip\r\nTE: trailers\r\n", true),
            ("TE: gzip\r\n", false),
            ("TE: trailersx\r\n", false),
            ("TE:\r\n", false),
            ("Trailer: trailers\r\n", false),
            ("", false),
        ] {
            assert_eq!(with(lines).unwrap().accepts_trailers(), accepts, "{lines}");
        }
        let old = b"GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n";
        assert!(!scan(old).unwrap().accepts_trailers());
    }

    #[test]
    fn keep_alive_depends_on_version_and_connection() {
        let cases = [
            ("1.1", "", true),
            ("1.1", "Connection: Close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: a, close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ];
        for (version, lines, expected) in cases {
            let head = scan(format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n").as_bytes()).unwrap();
            assert_eq!(head.keep_alive(), expected, "{version} {lines}");
        }
    }

    #[test]
    fn a_client_waits_for_100_only_with_a_body_in_http_1_1() {
        assert!(with("Expect: 100-Continue\r\nContent-Length: 1\r\n").unwrap().expects_continue());
        assert!(with("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n").unwrap().expects_continue());
        assert!(!with("Expect: 100-continue\r\n").unwrap().expects_continue());
        assert!(!with("Content-Length: 1\r\n").unwrap().expects_continue());
        let old = b"PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
        assert!(!scan(old).unwrap().expects_continue());
    }

    #[test]
    fn limits_hold_to_the_byte_and_to_the_field() {
        let input = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
        let mut head = RequestHead::new();
        let mut scan = |input: &[u8], bytes, fields| head.scan(input, &HeadLimits { bytes, fields });
        assert_eq!(scan(input, input.len(), 2), Ok(Scan::Complete(input.len())));
        assert_eq!(scan(input, input.len() - 1, 2), Err(Reject::HeadTooLarge));
        assert_eq!(scan(input, input.len(), 1), Err(Reject::TooManyFields));
        assert_eq!(scan(&input[..30], 30, 2), Err(Reject::HeadTooLarge));
        assert_eq!(scan(&input[..29], 30, 2), Ok(Scan::Partial));
        assert_eq!(scan(&[b'A'; 30], 30, 2), Err(Reject::TargetTooLong));
    }

    #[test]
    fn many_fields_are_read_up_to_the_limit() {
        for count in [31, 32, 33, 255] {
            let lines = "a: b\r\n".repeat(count - 1);
            let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let mut head = RequestHead::new();
            let limits = HeadLimits { bytes: 8192, fields: count };
            assert_eq!(head.scan(input.as_bytes(), &limits), Ok(Scan::Complete(input.len())));
            assert_eq!(head.fields().len(), count);
            let limits = HeadLimits { bytes: 8192, fields: count - 1 };
            assert_eq!(head.scan(input.as_bytes(), &limits), Err(Reject::TooManyFields));
        }
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS));
        let limits = HeadLimits { bytes: 8192, fields: 1000 };
        assert_eq!(RequestHead::new().scan(input.as_bytes(), &limits), Err(Reject::TooManyFields));
    }
}
