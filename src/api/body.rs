//! Parses bodies as the parsers of Express do (docs/loopback-3.28.md section 7).

use std::io::{ErrorKind, Read};

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::{Map, Value};

use super::{
    Problem,
    json::{self, DuplicateKeys},
};
use crate::qs::{self, LimitExceeded};

/// A body as LoopBack's parsers read it (docs/loopback-3.28.md section 7): `{}` if there is none, or if it is neither
/// JSON nor a form.
#[derive(Debug)]
pub struct Body(pub Value, Origin);

/// The format of a body. JSON has types; the values of a form are strings, which LoopBack converts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Json,
    Other,
}

/// The settings for reading bodies.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Maximum size in bytes, compressed and uncompressed.
    pub limit: usize,
    /// Whether a JSON object without a content type, or with curl's default one, is read as JSON (profile `standard`).
    pub lenient: bool,
    /// Whether a JSON object with duplicate keys is refused (profile `standard`).
    pub unique_keys: bool,
}

impl Reading {
    fn duplicates(self) -> DuplicateKeys {
        if self.unique_keys { DuplicateKeys::Refused } else { DuplicateKeys::LastCounts }
    }
}

/// The format that a content type denotes.
enum Kind {
    Json,
    Form,
    Ignored,
}

/// Type and charset of a content type, in lower case.
struct MediaType {
    essence: String,
    charset: Option<String>,
}

impl Body {
    /// Parses a body.
    ///
    /// # Errors
    /// 400 for invalid JSON, 413 for exceeded limits, 415 for an unsupported charset or encoding.
    pub fn read(headers: &HeaderMap, bytes: &Bytes, reading: Reading) -> Result<Self, Problem> {
        if bytes.len() > reading.limit {
            return Err(Self::too_large());
        }
        if bytes.is_empty() {
            return Ok(Self::empty());
        }
        let media =
            headers.get(CONTENT_TYPE).map(|value| MediaType::parse(value.to_str().unwrap_or_default()));
        if reading.lenient
            && may_be_json(headers, media.as_ref())
            && let Some(object) = bare_object(bytes, reading.duplicates())
        {
            return Ok(Self(object, Origin::Json));
        }
        let media = media.flatten();
        let kind = media.as_ref().map_or(Kind::Ignored, |media| match media.essence.as_str() {
            "application/json" => Kind::Json,
            "application/x-www-form-urlencoded" => Kind::Form,
            _ => Kind::Ignored,
        });
        let charset = media.and_then(|media| media.charset).unwrap_or_else(|| "utf-8".to_owned());
        // Profile `standard` converts no values of forms: brackets in a form would turn a password into an object or
        // list.
        let typed = reading.lenient || (matches!(kind, Kind::Json) && is_plainly_json(headers));
        let origin = if typed { Origin::Json } else { Origin::Other };
        let value = match kind {
            Kind::Json => {
                let plain = utf8(inflated(headers, bytes, reading, &charset)?, &charset)?;
                if plain.is_empty() {
                    Value::Object(Map::new())
                } else {
                    parsed(&plain, reading.duplicates())?
                }
            }
            Kind::Form if charset != "utf-8" => return Err(unsupported_charset(&charset)),
            Kind::Form => form_value(&inflated(headers, bytes, reading, &charset)?)?,
            Kind::Ignored => Value::Object(Map::new()),
        };
        Ok(Self(value, origin))
    }

    /// The body of a request without one.
    #[must_use]
    pub fn empty() -> Self {
        Self(Value::Object(Map::new()), Origin::Other)
    }

    /// Whether the values have types. LoopBack converts those of a form.
    pub(super) fn is_typed(&self) -> bool {
        self.1 == Origin::Json
    }

    /// A form.
    #[cfg(test)]
    pub(super) fn form(value: Value) -> Self {
        Self(value, Origin::Other)
    }

    /// A JSON body.
    #[cfg(test)]
    pub(super) fn json(value: Value) -> Self {
        Self(value, Origin::Json)
    }

    /// The error for a body above the limit.
    #[must_use]
    pub fn too_large() -> Problem {
        Problem::named(413, "PayloadTooLargeError", "request entity too large")
    }

    /// The fields, if the body is an object.
    pub(super) fn fields(&self) -> Option<&Map<String, Value>> {
        self.0.as_object()
    }
}

impl MediaType {
    /// `None` if the text is not a media type; Express ignores the body then.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let essence = parts.next()?.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut charset = None;
        for part in parts {
            let (name, value) = part.trim().split_once('=')?;
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            if !is_token(name) || value.is_empty() {
                return None;
            }
            if name.eq_ignore_ascii_case("charset") {
                charset = Some(value.to_ascii_lowercase());
            }
        }
        Some(Self { essence, charset })
    }
}

/// LoopBack treats values as typed only with this spelling of the content type.
fn is_plainly_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether the body may come from `curl -d '{…}'`. A cross-site request of a browser is excluded: a form on any site
/// can send any text with these content types, without a preflight.
fn may_be_json(headers: &HeaderMap, media: Option<&Option<MediaType>>) -> bool {
    let cross = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let curl = match media {
        None => true,
        Some(Some(media)) => media.essence == "application/x-www-form-urlencoded",
        Some(None) => false,
    };
    curl && !cross && !headers.contains_key(CONTENT_ENCODING)
}

fn bare_object(bytes: &[u8], duplicates: DuplicateKeys) -> Option<Value> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    json::parse(bytes, duplicates).ok().filter(Value::is_object)
}

/// The body without its content encoding. The limit applies to the result, too.
fn inflated(headers: &HeaderMap, bytes: &Bytes, reading: Reading, charset: &str) -> Result<Vec<u8>, Problem> {
    if !charset.starts_with("utf-") {
        return Err(unsupported_charset(charset));
    }
    // Several lines are one list (RFC 9110 section 5.3). A list of encodings is not supported, as in body-parser.
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let encoding: Vec<&str> = lines.map(|value| value.to_str().unwrap_or("?")).collect();
    let source: Box<dyn Read + '_> = match encoding.join(", ").to_ascii_lowercase().as_str() {
        "identity" | "" => return Ok(bytes.to_vec()),
        "gzip" => Box::new(MultiGzDecoder::new(bytes.as_ref())),
        "deflate" => Box::new(ZlibDecoder::new(bytes.as_ref())),
        other => {
            let message = format!("unsupported content encoding \"{other}\"");
            return Err(Problem::named(415, "UnsupportedMediaTypeError", message));
        }
    };
    let mut plain = Vec::new();
    // One byte more than the limit shows that it is exceeded. A small gzip body may expand a thousandfold.
    let most = u64::try_from(reading.limit).unwrap_or(u64::MAX).saturating_add(1);
    match source.take(most).read_to_end(&mut plain) {
        Ok(_) if plain.len() > reading.limit => Err(Body::too_large()),
        Ok(_) => Ok(plain),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && has_magic_bytes(bytes) => {
            Err(Problem::new(400, "unexpected end of file").code("Z_BUF_ERROR"))
        }
        Err(_) => Err(Problem::new(400, "incorrect header check").code("Z_DATA_ERROR")),
    }
}

/// Whether the bytes begin like gzip or zlib.
fn has_magic_bytes(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b") || bytes.first().is_some_and(|byte| byte & 0x0f == 8)
}

/// The text converted to UTF-8.
fn utf8(bytes: Vec<u8>, charset: &str) -> Result<Vec<u8>, Problem> {
    let unit: fn([u8; 2]) -> u16 = match charset {
        "utf-8" => return Ok(bytes),
        "utf-16be" => u16::from_be_bytes,
        "utf-16" if bytes.starts_with(b"\xfe\xff") => u16::from_be_bytes,
        "utf-16" | "utf-16le" => u16::from_le_bytes,
        other => return Err(unsupported_charset(other)),
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text.into_bytes()),
        _ => Err(syntax("the body is not valid text in its charset")),
    }
}

fn parsed(bytes: &[u8], duplicates: DuplicateKeys) -> Result<Value, Problem> {
    json::parse(bytes, duplicates).map_err(|error| syntax(format!("the body is not valid JSON: {error}")))
}

fn form_value(bytes: &[u8]) -> Result<Value, Problem> {
    let text = String::from_utf8_lossy(bytes);
    match qs::parse(&text, qs::BODY) {
        Ok(map) => Ok(Value::Object(map)),
        Err(LimitExceeded::Pairs) => Err(Problem::named(413, "PayloadTooLargeError", "too many parameters")),
        Err(LimitExceeded::Levels) => {
            Err(Problem::named(400, "BadRequestError", "The input exceeded the depth"))
        }
    }
}

fn syntax(message: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::named(400, "SyntaxError", message)
}

fn unsupported_charset(charset: &str) -> Problem {
    let message = format!("unsupported charset \"{}\"", charset.to_ascii_uppercase());
    Problem::named(415, "UnsupportedMediaTypeError", message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LOOPBACK: Reading = Reading { limit: 1000, lenient: false, unique_keys: false };
    const STANDARD: Reading = Reading { limit: 1000, lenient: true, unique_keys: true };
    const FORM: &str = "application/x-www-form-urlencoded";

    fn read(reading: Reading, headers: &[(&'static str, &str)], body: &[u8]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        match Body::read(&map, &Bytes::copy_from_slice(body), reading) {
            Ok(body) => body.0.to_string(),
            Err(problem) => problem.envelope().to_string(),
        }
    }

    fn typed(kind: &str, body: &str) -> String {
        read(LOOPBACK, &[("content-type", kind)], body.as_bytes())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn reads_by_content_type() {
        for (kind, body, expected) in [
            ("application/json", r#"{"a":1}"#, r#"{"a":1}"#),
            ("APPLICATION/JSON; Charset=\"UTF-8\"", r#"{"a":1}"#, r#"{"a":1}"#),
            ("application/json", "", "{}"),
            ("application/json", "null", "null"),
            ("application/json", "\"x\"", "\"x\""),
            (FORM, "a=1&b[]=2", r#"{"a":"1","b":["2"]}"#),
            ("text/plain", r#"{"a":1}"#, "{}"),
            ("application/vnd.api+json", r#"{"a":1}"#, "{}"),
            ("multipart/form-data; boundary=x", "--x--", "{}"),
            ("application/json;", r#"{"a":1}"#, "{}"),
            ("application/json; charset=", r#"{"a":1}"#, "{}"),
        ] {
            assert_eq!(typed(kind, body), expected, "{kind}");
        }
        assert_eq!(read(LOOPBACK, &[], b"{\"a\":1}"), "{}");
    }

    #[test]
    fn only_json_has_types() {
        let typed = |reading, kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            Body::read(&headers, &Bytes::from_static(b"{}"), reading).unwrap().is_typed()
        };
        assert!(typed(LOOPBACK, "application/json; charset=utf-8"));
        assert!(!typed(LOOPBACK, "Application/JSON"));
        assert!(!typed(LOOPBACK, FORM));
        assert!(typed(STANDARD, FORM), "nothing is converted");
    }

    #[test]
    fn refuses_in_express_words() {
        let payload = r#"{"error":{"statusCode":413,"name":"PayloadTooLargeError","message":"request entity too large"}}"#;
        let media = |what: &str| {
            format!(
                r#"{{"error":{{"statusCode":415,"name":"UnsupportedMediaTypeError","message":"unsupported {what}"}}}}"#
            )
        };
        assert_eq!(typed("application/json", &"x".repeat(1001)), payload);
        assert_eq!(typed("application/json; charset=latin1", "{}"), media(r#"charset \"LATIN1\""#));
        assert_eq!(typed("application/json; charset=utf-99", "{}"), media(r#"charset \"UTF-99\""#));
        let form = format!("{FORM}; charset=utf-16");
        assert_eq!(typed(&form, "a=b"), media(r#"charset \"UTF-16\""#));
        for body in ["{bad", "  ", "{}x"] {
            let answer = typed("application/json", body);
            let start =
                r#"{"error":{"statusCode":400,"name":"SyntaxError","message":"the body is not valid JSON"#;
            assert!(answer.starts_with(start), "{answer}");
        }
        let br = [("content-type", "application/json"), ("content-encoding", "br")];
        assert_eq!(read(LOOPBACK, &br, b"{}"), media(r#"content encoding \"br\""#));
        let twice = [br[0], ("content-encoding", "gzip"), ("content-encoding", "br")];
        assert_eq!(read(LOOPBACK, &twice, b"{}"), media(r#"content encoding \"gzip, br\""#));
    }

    #[test]
    fn inflates_within_the_limit() {
        let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
        assert_eq!(read(LOOPBACK, &headers, &gzip(b"{\"a\":1}")), r#"{"a":1}"#);
        let bomb = gzip(format!("\"{}\"", "x".repeat(100_000)).as_bytes());
        assert!(bomb.len() < LOOPBACK.limit, "small as sent");
        assert!(read(LOOPBACK, &headers, &bomb).contains("PayloadTooLargeError"));
        assert!(read(LOOPBACK, &headers, b"not gzip").contains("Z_DATA_ERROR"));
        assert!(read(LOOPBACK, &headers, &gzip(b"{\"a\":1}")[..20]).contains("Z_BUF_ERROR"));
    }

    #[test]
    fn reads_utf_16() {
        let bytes: Vec<u8> = r#"{"é":1}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let headers = [("content-type", "application/json; charset=utf-16le")];
        assert_eq!(read(LOOPBACK, &headers, &bytes), r#"{"é":1}"#);
        assert!(read(LOOPBACK, &headers, &bytes[..5]).contains("SyntaxError"));
    }

    #[test]
    fn standard_believes_a_json_object_under_curls_type() {
        let object = br#"{"a":1}"#;
        let form = ("content-type", FORM);
        assert_eq!(read(STANDARD, &[], object), r#"{"a":1}"#);
        assert_eq!(read(STANDARD, &[form], object), r#"{"a":1}"#);
        assert_eq!(read(STANDARD, &[form, ("sec-fetch-site", "same-origin")], object), r#"{"a":1}"#);
        // Another site's form, a text type, and what is not an object stay what they are.
        assert_eq!(read(STANDARD, &[("sec-fetch-site", "cross-site")], object), "{}");
        assert!(read(STANDARD, &[form, ("sec-fetch-site", "cross-site")], object).starts_with(r#"{"{"#));
        assert_eq!(read(STANDARD, &[("content-type", "text/plain")], object), "{}");
        assert_eq!(read(STANDARD, &[form], b"a=1"), r#"{"a":"1"}"#);
        assert_eq!(read(STANDARD, &[], b"[1]"), "{}");
    }
}
