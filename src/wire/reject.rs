//! Why bytes were refused.

use std::error::Error;
use std::fmt;

/// A refusal of the scanner: the check that failed. Its text names the check and what would be right,
/// and repeats nothing of what was sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// A TLS handshake on a port without TLS.
    TlsHandshake,
    /// The preface of HTTP/2 on a port of HTTP/1.
    Http2Preface,
    /// The head is longer than [`super::HeadLimits::bytes`].
    HeadTooLarge,
    /// The first line alone is longer than the limit of the head.
    TargetTooLong,
    /// More fields than [`super::HeadLimits::fields`].
    TooManyFields,
    /// More than a few empty lines before the request line (RFC 9112 section 2.2).
    BlankLine,
    /// A line feed without a carriage return.
    BareLineFeed,
    /// A carriage return without a line feed.
    BareCarriageReturn,
    /// A NUL byte in the head.
    Nul,
    /// The first line is not `METHOD SP TARGET SP VERSION`.
    RequestLine,
    /// The method is not of capital letters, digits, `-` and `_`, or too long.
    Method,
    /// TRACE or CONNECT.
    MethodNotAllowed,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The first line of a response is not `VERSION SP STATUS SP REASON`.
    StatusLine,
    /// A line that begins with a blank (RFC 9112 section 5.2).
    ObsFold,
    /// A blank between a field's name and its colon (RFC 9112 section 5.1).
    BlankBeforeColon,
    /// A field line without a colon.
    MissingColon,
    /// A field name that is no token.
    FieldName,
    /// A control byte in a field value.
    FieldValue,
    /// The target does not begin with `/`.
    OriginForm,
    /// A `#` in the target.
    Fragment,
    /// A `\` in the target.
    Backslash,
    /// A control byte or a blank in the target.
    ControlByte,
    /// A byte above 0x7f in the target.
    NonAscii,
    /// A `%` without two hex digits in this segment of the path, which is kept as it was sent.
    PercentEscape {
        /// The segment, as sent.
        segment: Box<str>,
    },
    /// The segment does not decode to UTF-8.
    InvalidUtf8 {
        /// The segment, as sent.
        segment: Box<str>,
    },
    /// A segment that is, or can be read as, `.` or `..`.
    DotSegment,
    /// An empty segment inside the path.
    DoubleSlash,
    /// `%2f` in the path. The scan lets it through, because a route may allow it: see
    /// [`super::RequestHead::encoded_slash`].
    EncodedSlash,
    /// `%5c` in the path.
    EncodedBackslash,
    /// `%00` in the path.
    EncodedNul,
    /// Another encoded control character in the path.
    EncodedControl,
    /// An escape that decodes to a further escape of NUL, `.`, `/`, `\` or `%`.
    DoubleEncoding,
    /// There is no `Host`.
    MissingHost,
    /// There is a second `Host`.
    DuplicateHost,
    /// The value of `Host` is no host with an optional port.
    InvalidHost,
    /// There is a second `Content-Length`.
    DuplicateContentLength,
    /// The `Content-Length` is not a decimal number below 2^63.
    InvalidContentLength,
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndTransferEncoding,
    /// A transfer coding that is not exactly one `chunked`.
    TransferEncoding,
    /// `Transfer-Encoding` in a message of HTTP/1.0.
    TransferEncodingHttp10,
    /// A request for a WebSocket that is no whole handshake (RFC 6455 section 4.1).
    WebSocketHandshake,
    /// A request for a WebSocket that has a body.
    UpgradeWithBody,
    /// An `Expect` that is not `100-continue`.
    Expect,
    /// The size of a chunk is not 1 to 16 hex digits, or not below 2^63.
    ChunkSize,
    /// A malformed chunk extension (RFC 9112 section 7.1.1), or too many bytes of them.
    ChunkExtension,
    /// A chunk's data does not end with CR LF where its size says so.
    ChunkEnd,
    /// A trailer line is no field line.
    TrailerField,
    /// A trailer names a field that frames or routes a message.
    TrailerName,
    /// The trailer section is too long.
    TrailersTooLarge,
}

impl Reject {
    /// The name of the check that failed: stable, for logs, metrics and tests.
    pub fn check(&self) -> &'static str {
        match self {
            Self::TlsHandshake => "tls-handshake",
            Self::Http2Preface => "http2-preface",
            Self::HeadTooLarge => "head-too-large",
            Self::TargetTooLong => "target-too-long",
            Self::TooManyFields => "too-many-fields",
            Self::BlankLine => "blank-line",
            Self::BareLineFeed => "bare-line-feed",
            Self::BareCarriageReturn => "bare-carriage-return",
            Self::Nul => "nul-byte",
            Self::RequestLine => "request-line",
            Self::Method => "method",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Version => "http-version",
            Self::StatusLine => "status-line",
            Self::ObsFold => "obs-fold",
            Self::BlankBeforeColon => "blank-before-colon",
            Self::MissingColon => "missing-colon",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::OriginForm => "origin-form",
            Self::Fragment => "fragment",
            Self::Backslash => "backslash",
            Self::ControlByte => "control-byte",
            Self::NonAscii => "non-ascii-byte",
            Self::PercentEscape { .. } => "percent-escape",
            Self::InvalidUtf8 { .. } => "invalid-utf-8",
            Self::DotSegment => "dot-segment",
            Self::DoubleSlash => "double-slash",
            Self::EncodedSlash => "encoded-slash",
            Self::EncodedBackslash => "encoded-backslash",
            Self::EncodedNul => "encoded-nul",
            Self::EncodedControl => "encoded-control",
            Self::DoubleEncoding => "double-encoding",
            Self::MissingHost => "missing-host",
            Self::DuplicateHost => "duplicate-host",
            Self::InvalidHost => "invalid-host",
            Self::DuplicateContentLength => "duplicate-content-length",
            Self::InvalidContentLength => "invalid-content-length",
            Self::LengthAndTransferEncoding => "content-length-with-transfer-encoding",
            Self::TransferEncoding => "transfer-encoding",
            Self::TransferEncodingHttp10 => "transfer-encoding-http-1.0",
            Self::WebSocketHandshake => "websocket-handshake",
            Self::UpgradeWithBody => "upgrade-with-body",
            Self::Expect => "expect",
            Self::ChunkSize => "chunk-size",
            Self::ChunkExtension => "chunk-extension",
            Self::ChunkEnd => "chunk-end",
            Self::TrailerField => "trailer-field",
            Self::TrailerName => "trailer-name",
            Self::TrailersTooLarge => "trailers-too-large",
        }
    }

    /// The status towards the client that sent a request. The same finding in a response of the app
    /// is a 502, whatever this says.
    pub fn status(&self) -> u16 {
        match self {
            Self::MethodNotAllowed => 405,
            Self::TargetTooLong => 414,
            Self::Expect => 417,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::Version | Self::Http2Preface => 505,
            _ => 400,
        }
    }

    /// The segment of the path that does not decode, as it was sent: LoopBack repeats it in its
    /// answer. It may be part of a secret link, so it belongs in no log.
    pub fn segment(&self) -> Option<&str> {
        match self {
            Self::PercentEscape { segment } | Self::InvalidUtf8 { segment } => Some(segment),
            _ => None,
        }
    }

    /// What would be right.
    fn advice(&self) -> &'static str {
        match self {
            Self::TlsHandshake => "this port speaks plain HTTP: write http:// instead of https://",
            Self::Http2Preface => "this port speaks HTTP/1.1 only",
            Self::HeadTooLarge => "send a smaller head",
            Self::TargetTooLong => "send a shorter target",
            Self::TooManyFields => "send fewer header fields",
            Self::BlankLine => "begin with the request line",
            Self::BareLineFeed => "end every line with CR LF",
            Self::BareCarriageReturn => "CR stands only before LF",
            Self::Nul => "a head holds no NUL byte",
            Self::RequestLine => "the first line is `METHOD TARGET HTTP/1.1`, with single blanks",
            Self::Method => "a method is 1 to 32 capital letters, digits, `-` or `_`",
            Self::MethodNotAllowed => "TRACE and CONNECT are not served",
            Self::Version => "use HTTP/1.1",
            Self::StatusLine => "the first line is `HTTP/1.1 STATUS REASON`",
            Self::ObsFold => "a header field takes one line",
            Self::BlankBeforeColon => "the colon follows the field name at once",
            Self::MissingColon => "a header field is `name: value`",
            Self::FieldName => "a field name is a token",
            Self::FieldValue => "a field value holds no control byte but a tab",
            Self::OriginForm => "the target begins with `/`",
            Self::Fragment => "a target has no `#`; encode it as %23",
            Self::Backslash => "a target has no backslash",
            Self::ControlByte => "a target has no blank and no control byte",
            Self::NonAscii => "encode bytes above 0x7f as %XX",
            Self::PercentEscape { .. } => "two hex digits follow each `%` of a path",
            Self::InvalidUtf8 { .. } => "the path decodes to valid UTF-8",
            Self::DotSegment => "resolve `.` and `..` before sending",
            Self::DoubleSlash => "one `/` between two segments",
            Self::EncodedSlash => "this path takes no %2f",
            Self::EncodedBackslash => "a path has no %5c",
            Self::EncodedNul => "a path has no %00",
            Self::EncodedControl => "a path has no encoded control character",
            Self::DoubleEncoding => "encode each character of the path once",
            Self::MissingHost => "send one `Host` field",
            Self::DuplicateHost => "send exactly one `Host` field",
            Self::InvalidHost => "`Host` is a name or an address, with an optional port",
            Self::DuplicateContentLength => "send exactly one `Content-Length`",
            Self::InvalidContentLength => "`Content-Length` is one decimal number below 2^63",
            Self::LengthAndTransferEncoding => "send one of the two",
            Self::TransferEncoding => "the only transfer coding is one `chunked`",
            Self::TransferEncodingHttp10 => "HTTP/1.0 has no transfer codings",
            Self::WebSocketHandshake => {
                "a WebSocket takes a GET, one `Upgrade`, one `Sec-WebSocket-Version: 13` and one `Sec-WebSocket-Key` of 16 bytes"
            }
            Self::UpgradeWithBody => "a request for a WebSocket has no body",
            Self::Expect => "the only expectation is `100-continue`",
            Self::ChunkSize => "a chunk begins with 1 to 16 hex digits, a number below 2^63",
            Self::ChunkExtension => {
                "a chunk extension is `;name`, `;name=token` or `;name=\"text\"`, and short"
            }
            Self::ChunkEnd => "CR LF follows the data of a chunk",
            Self::TrailerField => "a trailer field is `name: value`",
            Self::TrailerName => "framing and routing fields are no trailers",
            Self::TrailersTooLarge => "send fewer trailer fields",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.check(), self.advice())
    }
}

/// The name of the check alone: a segment may be part of a secret link.
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
