//! The reasons for which bytes are refused.

use std::error::Error;
use std::fmt;

/// Defines the checks: variant, name, status, and what would be right.
macro_rules! checks {
    ($($(#[$about:meta])* $Check:ident $({ $(#[$part:meta])* $field:ident: $Type:ty, })?
        = $name:literal, $status:literal, $advice:literal;)+) => {
        /// A refusal of the scanner: the check that failed. Its text names the check and what would be right,
        /// and repeats nothing of the input.
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reject {
            $($(#[$about])* $Check $({ $(#[$part])* $field: $Type, })?,)+
        }

        impl Reject {
            /// The stable name of the failed check, for logs, metrics and tests.
            pub fn check(&self) -> &'static str {
                match self {
                    $(Self::$Check { .. } => $name,)+
                }
            }

            /// The status for a client's request. In a response of the app every check is a 502.
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$Check { .. } => $status,)+
                }
            }

            /// What would be right.
            pub fn advice(&self) -> &'static str {
                match self {
                    $(Self::$Check { .. } => $advice,)+
                }
            }

            /// Every check with its status. Tests compare files and pages with them.
            #[cfg(test)]
            pub(super) const CHECKS: &[(&str, u16)] = &[$(($name, $status),)+];
        }
    };
}

checks! {
    /// Another `:scheme` in HTTP/2 than that of the connection (RFC 9113 section 8.3.1).
    Scheme = "scheme", 400, "`:scheme` is `https`";
    /// A `Host` in HTTP/2 that is not the `:authority` (RFC 9113 section 8.3.1).
    AuthorityAndHost = "authority-and-host", 400, "send `:authority`, and no `Host` beside it or the same";
    /// A field of HTTP/2 that is about the connection (RFC 9113 section 8.2.2).
    ConnectionField = "connection-field", 400, "HTTP/2 has no fields about the connection; `TE` is `trailers`";
    /// A blank around a value in HTTP/2 (RFC 9113 section 8.2.1).
    ValueBlanks = "value-blanks", 400, "a value of HTTP/2 has no blank around it";
    /// A TLS handshake on a port without TLS.
    TlsHandshake = "tls-handshake", 400, "this port speaks plain HTTP: write http:// instead of https://";
    /// A PROXY header where none is expected: the setting is off, or the peer is no trusted proxy.
    ProxyHeader = "proxy-header", 400, "no PROXY header is expected from this address: set `server.proxy_protocol = true` and name the proxy in `server.trusted_proxies`, or have it send none";
    /// The preface of HTTP/2 on a port of HTTP/1.
    Http2Preface = "http2-preface", 505, "this port speaks HTTP/1.1 only";
    /// The head is longer than [`super::HeadLimits::bytes`].
    HeadTooLarge = "head-too-large", 431, "send a smaller head";
    /// The first line alone is longer than the limit of the head.
    TargetTooLong = "target-too-long", 414, "send a shorter target";
    /// More fields than [`super::HeadLimits::fields`].
    TooManyFields = "too-many-fields", 431, "send fewer header fields";
    /// More than a few empty lines before the request line (RFC 9112 section 2.2).
    BlankLine = "blank-line", 400, "begin with the request line";
    /// A line feed without a carriage return.
    BareLineFeed = "bare-line-feed", 400, "end every line with CR LF";
    /// A carriage return without a line feed.
    BareCarriageReturn = "bare-carriage-return", 400, "CR stands only before LF";
    /// A NUL byte in the head.
    Nul = "nul-byte", 400, "a head holds no NUL byte";
    /// The first line is not `METHOD SP TARGET SP VERSION`.
    RequestLine = "request-line", 400, "the first line is `METHOD TARGET HTTP/1.1`, with single blanks";
    /// The method has other characters than capital letters, digits, `-` and `_`, or is too long.
    Method = "method", 400, "a method is 1 to 32 capital letters, digits, `-` or `_`";
    /// TRACE or CONNECT.
    MethodNotAllowed = "method-not-allowed", 405, "TRACE and CONNECT are not served";
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version = "http-version", 505, "use HTTP/1.1";
    /// The first line of a response is not `VERSION SP STATUS SP REASON`.
    StatusLine = "status-line", 502, "the first line is `HTTP/1.1 STATUS REASON`";
    /// A TLS alert in place of a response.
    TlsAlert = "tls-alert", 502, "the app speaks TLS: write https:// for it in `upstream.servers`";
    /// A SETTINGS frame of HTTP/2 in place of a response.
    Http2Answer = "http2-answer", 502, "the app speaks HTTP/2: write h2c:// for it in `upstream.servers`";
    /// A line that begins with a blank (RFC 9112 section 5.2).
    ObsFold = "obs-fold", 400, "a header field takes one line";
    /// A blank between a field's name and its colon (RFC 9112 section 5.1).
    BlankBeforeColon = "blank-before-colon", 400, "the colon follows the field name at once";
    /// A field line without a colon.
    MissingColon = "missing-colon", 400, "a header field is `name: value`";
    /// A field name that is not a token.
    FieldName = "field-name", 400, "a field name is a token";
    /// A control byte in a field value.
    FieldValue = "field-value", 400, "a field value holds no control byte but a tab";
    /// The target does not begin with `/`.
    OriginForm = "origin-form", 400, "the target begins with `/`";
    /// A `#` in the target.
    Fragment = "fragment", 400, "a target has no `#`; encode it as %23";
    /// A `\` in the target.
    Backslash = "backslash", 400, "a target has no backslash";
    /// A control byte or a blank in the target.
    ControlByte = "control-byte", 400, "a target has no blank and no control byte";
    /// A byte above 0x7f in the target.
    NonAscii = "non-ascii-byte", 400, "encode bytes above 0x7f as %XX";
    /// A `%` without two hex digits in the path.
    PercentEscape {
        /// The segment, as sent.
        segment: Box<str>,
    } = "percent-escape", 400, "two hex digits follow each `%` of a path";
    /// The segment does not decode to UTF-8.
    InvalidUtf8 {
        /// The segment, as sent.
        segment: Box<str>,
    } = "invalid-utf-8", 400, "the path decodes to valid UTF-8";
    /// A segment that is `.` or `..`, or can be read as one.
    DotSegment = "dot-segment", 400, "resolve `.` and `..` before sending";
    /// An empty segment inside the path.
    DoubleSlash = "double-slash", 400, "one `/` between two segments";
    /// `%2f` in the path. The scan accepts it, because a route may allow it; see
    /// [`super::RequestHead::encoded_slash`].
    EncodedSlash = "encoded-slash", 400, "this path takes no %2f";
    /// `%5c` in the path.
    EncodedBackslash = "encoded-backslash", 400, "a path has no %5c";
    /// `%00` in the path.
    EncodedNul = "encoded-nul", 400, "a path has no %00";
    /// Another encoded control character in the path.
    EncodedControl = "encoded-control", 400, "a path has no encoded control character";
    /// An escape that decodes to a further escape of NUL, `.`, `/`, `\` or `%`.
    DoubleEncoding = "double-encoding", 400, "encode each character of the path once";
    /// `Host` is missing.
    MissingHost = "missing-host", 400, "send one `Host` field";
    /// `Host` is repeated.
    DuplicateHost = "duplicate-host", 400, "send exactly one `Host` field";
    /// The value of `Host` is not a host with an optional port.
    InvalidHost = "invalid-host", 400, "`Host` is a name or an address, with an optional port";
    /// `Content-Length` is repeated.
    DuplicateContentLength = "duplicate-content-length", 400, "send exactly one `Content-Length`";
    /// The `Content-Length` is not a decimal number below 2^63.
    InvalidContentLength = "invalid-content-length", 400, "`Content-Length` is one decimal number below 2^63";
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndTransferEncoding = "content-length-with-transfer-encoding", 400, "send one of the two";
    /// A transfer coding that is not exactly one `chunked`.
    TransferEncoding = "transfer-encoding", 400, "the only transfer coding is one `chunked`";
    /// `Transfer-Encoding` in a message of HTTP/1.0.
    TransferEncodingHttp10 = "transfer-encoding-http-1.0", 400, "HTTP/1.0 has no transfer codings";
    /// An incomplete WebSocket handshake (RFC 6455 section 4.1).
    WebSocketHandshake = "websocket-handshake", 400, "a WebSocket takes a GET, one `Upgrade`, one `Sec-WebSocket-Version: 13` and one `Sec-WebSocket-Key` of 16 bytes";
    /// A request for a WebSocket that has a body.
    UpgradeWithBody = "upgrade-with-body", 400, "a request for a WebSocket has no body";
    /// An `Expect` that is not `100-continue`.
    Expect = "expect", 417, "the only expectation is `100-continue`";
    /// The size of a chunk is not 1 to 16 hex digits, or not below 2^63.
    ChunkSize = "chunk-size", 400, "a chunk begins with 1 to 16 hex digits, a number below 2^63";
    /// A malformed chunk extension (RFC 9112 section 7.1.1), or too many bytes of them.
    ChunkExtension = "chunk-extension", 400, "a chunk extension is `;name`, `;name=token` or `;name=\"text\"`, and short";
    /// A chunk's data does not end with CR LF where its size says so.
    ChunkEnd = "chunk-end", 400, "CR LF follows the data of a chunk";
    /// A trailer line is not a field line.
    TrailerField = "trailer-field", 400, "a trailer field is `name: value`";
    /// A trailer names a field that frames or routes a message.
    TrailerName = "trailer-name", 400, "framing and routing fields are not trailers";
    /// The trailer section is too long.
    TrailersTooLarge = "trailers-too-large", 431, "send fewer trailer fields";
}

impl Reject {
    /// The segment of the path that cannot be decoded, as sent: LoopBack repeats it in its answer. It may be
    /// part of a secret link, so it must not be logged.
    pub fn segment(&self) -> Option<&str> {
        match self {
            Self::PercentEscape { segment } | Self::InvalidUtf8 { segment } => Some(segment),
            _ => None,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.check(), self.advice())
    }
}

/// Only the name of the check, because a segment may be part of a secret link.
impl fmt::Debug for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reject({})", self.check())
    }
}

impl Error for Reject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_check_and_repeats_nothing_that_was_sent() {
        let reject = Reject::PercentEscape { segment: "secret%zz".into() };
        assert_eq!(reject.to_string(), "percent-escape: two hex digits follow each `%` of a path");
        assert_eq!(format!("{reject:?}"), "Reject(percent-escape)");
        assert_eq!(reject.segment(), Some("secret%zz"));
        assert_eq!(Reject::InvalidUtf8 { segment: "%ff".into() }.segment(), Some("%ff"));
        assert_eq!(Reject::DotSegment.segment(), None);
    }

    #[test]
    fn most_findings_are_a_400() {
        let others = [
            (Reject::MethodNotAllowed, 405),
            (Reject::TargetTooLong, 414),
            (Reject::Expect, 417),
            (Reject::HeadTooLarge, 431),
            (Reject::TooManyFields, 431),
            (Reject::Version, 505),
            (Reject::EncodedSlash, 400),
            (Reject::DuplicateHost, 400),
            (Reject::TransferEncoding, 400),
        ];
        for (reject, status) in others {
            assert_eq!(reject.status(), status, "{reject}");
        }
    }
}
