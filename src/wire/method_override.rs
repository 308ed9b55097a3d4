//! Detects another method than the request line's in the query or the body, as frameworks read it.
//!
//! Express's method-override reads the query, or the body if the app says so; Rack the body of a form (and of a
//! POST without a content type), with `;` between pairs and brackets around names; Symfony and Laravel the body
//! of a form or of JSON, then the query, with PHP's folding of names (`.` and blank are `_`); Spring and Go the
//! query and forms; WordPress the query of any method; Slim `_METHOD`; ASP.NET MVC `X-HTTP-Method-Override` as
//! a field. Names are folded as widely as any of them does.
//!
//! A body is scanned piece by piece while it is forwarded. A name is found before its value is passed on.

mod json;
mod name;
mod parts;

use memchr::memchr2;

use super::{Framing, RequestHead};
use json::Json;
use name::{Name, Unescape};
use parts::Parts;

/// The method that a query or a body asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// No method.
    None,
    /// This method, in upper case.
    Method(String),
    /// Several methods, or a value that is not a method.
    Unclear,
}

/// The methods that a parameter may ask for: those of HTTP, WebDAV and caches (RFC 9110, RFC 5789, RFC 4918)
/// without TRACE and CONNECT, which are always refused. Any other word may be an encoded one that the app
/// decodes.
const METHODS: [&str; 20] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "QUERY",
    "COPY",
    "MOVE",
    "MKCOL",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "LINK",
    "UNLINK",
    "PURGE",
];

/// Scans a body for an override while it is forwarded.
#[derive(Debug)]
pub struct OverrideScanner {
    /// Whether the content or its characters are encoded, so that the body cannot be read.
    opaque: bool,
    form: Option<Form>,
    parts: Option<Parts>,
    json: Option<Json>,
}

/// The state in a form's pairs.
#[derive(Debug, Default)]
struct Form {
    name: Name,
    unescape: Unescape,
    in_value: bool,
}

/// The override in a query.
#[must_use]
pub fn query_override(query: &str) -> Override {
    if query.is_empty() { Override::None } else { in_pairs(query.as_bytes()) }
}

impl Override {
    /// The combination of two overrides.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            // Twice the same method is clear.
            (a, b) if a == b => a,
            _ => Self::Unclear,
        }
    }

    fn of_value(value: &[u8]) -> Self {
        let word = String::from_utf8_lossy(value).trim().to_ascii_uppercase();
        // Frameworks ignore the case of the value, so it is folded before it is judged.
        if METHODS.contains(&word.as_str()) { Self::Method(word) } else { Self::Unclear }
    }
}

impl OverrideScanner {
    /// A scanner for this request's body; `None` if no framework reads a method from it.
    #[must_use]
    pub fn of(head: &RequestHead) -> Option<Self> {
        // Without a body there is nothing to scan.
        if matches!(head.framing(), Framing::Empty | Framing::Length(0)) {
            return None;
        }
        let fields = || head.fields().filter(|field| field.name.eq_ignore_ascii_case("content-type"));
        // Of two lines some apps read the first, others the last.
        let says = |word: &str| fields().any(|field| contains(field.value, word));
        // Some apps read a form or JSON whatever the type: Parse Server and `express.json({ type: "*/*" })`,
        // Bottle, `new URLSearchParams(body)`. A page can send any text so without a CORS preflight.
        let is_post = head.method() == "POST";
        let parts = says("multipart");
        let is_form = says("x-www-form-urlencoded");
        // An uploaded file in a part may contain any pairs.
        let form = is_form || (is_post && !parts);
        let is_json = is_post && (says("/json") || says("+json"));
        let is_announced = is_form || parts || is_json;
        let is_encoded = |value: &[u8]| {
            // Prometheus sends its samples so. No reader of forms or JSON decodes it.
            let is_left = !is_announced && value.eq_ignore_ascii_case(b"snappy");
            !is_left && !value.eq_ignore_ascii_case(b"identity")
        };
        let mut encodings = head.fields().filter(|field| field.name.eq_ignore_ascii_case("content-encoding"));
        let opaque = encodings.any(|field| is_encoded(field.value))
            || fields().any(|field| !has_plain_letters(field.value));
        (form || parts).then(|| Self {
            opaque,
            form: form.then(Form::default),
            parts: parts.then(Parts::default),
            json: is_post.then(|| if is_json { Json::default() } else { Json::unannounced() }),
        })
    }

    /// Whether the next piece of the body completes the name of an override, or cannot be read.
    #[must_use]
    pub fn finds(&mut self, piece: &[u8]) -> bool {
        self.opaque
            || self.form.as_mut().is_some_and(|form| form.finds(piece))
            || self.parts.as_mut().is_some_and(|parts| parts.next(piece).is_some())
            || self.json.as_mut().is_some_and(|json| json.next(piece).is_some())
    }

    /// The override in a whole body. The scanner must be new.
    #[must_use]
    pub fn reads(&mut self, body: &[u8]) -> Override {
        if self.opaque {
            return Override::Unclear;
        }
        let mut found = Override::None;
        if self.form.is_some() {
            found = found.and(in_pairs(body));
        }
        let mut rest = body;
        while let Some(at) = self.parts.as_mut().and_then(|parts| parts.next(rest)) {
            rest = rest.get(at..).unwrap_or_default();
            let value = parts::value(rest).filter(|_| !parts::is_coded(body));
            found = found.and(value.map_or(Override::Unclear, Override::of_value));
        }
        let mut rest = body;
        while let Some(at) = self.json.as_mut().and_then(|json| json.next(rest)) {
            rest = rest.get(at..).unwrap_or_default();
            found = found.and(json::value(rest).map_or(Override::Unclear, Override::of_value));
        }
        found
    }
}

impl Form {
    fn finds(&mut self, piece: &[u8]) -> bool {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            if self.in_value {
                // Values are skipped: only names matter here.
                let Some(end) = memchr2(b'&', b';', rest) else { return false };
                *self = Self::default();
                rest = rest.get(end + 1..).unwrap_or_default();
                continue;
            }
            rest = after;
            match byte {
                b'&' | b';' => *self = Self::default(),
                b'=' => {
                    self.unescape.end(&mut self.name);
                    if self.name.is_override() {
                        return true;
                    }
                    self.in_value = true;
                }
                byte => self.unescape.push(byte, &mut self.name),
            }
        }
        false
    }
}

/// The override in pairs. Both `&` and `;` separate them, as in older Rack.
fn in_pairs(mut rest: &[u8]) -> Override {
    let mut found = Override::None;
    loop {
        let end = memchr2(b'&', b';', rest).unwrap_or(rest.len());
        let pair = rest.get(..end).unwrap_or_default();
        if pair.first().is_some_and(|first| name::may_begin(*first)) {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let mut name = Name::default();
            unescape(parts.next().unwrap_or_default(), |byte| name.push(byte));
            if name.is_override() {
                let mut value = Vec::new();
                unescape(parts.next().unwrap_or_default(), |byte| value.push(byte));
                found = found.and(Override::of_value(&value));
            }
        }
        match rest.get(end + 1..) {
            Some(after) => rest = after,
            None => return found,
        }
    }
}

fn unescape(text: &[u8], mut push: impl FnMut(u8)) {
    let mut unescape = Unescape::default();
    for byte in text {
        unescape.push_to(*byte, &mut push);
    }
    unescape.end_to(&mut push);
}

/// Character sets in which `_method` has its ASCII bytes, and these bytes mean nothing else.
const PLAIN_CHARSETS: [&str; 8] =
    ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "cp1252"];

/// Whether each `charset` of a `Content-Type` is one of [`PLAIN_CHARSETS`]. Apps decode the body with it, and
/// names have other bytes in UTF-16, UTF-7 or EBCDIC.
fn has_plain_letters(value: &[u8]) -> bool {
    const NAME: &str = "charset";
    let mut rest = value;
    while let Some(at) = rest.windows(NAME.len()).position(|part| part.eq_ignore_ascii_case(NAME.as_bytes()))
    {
        rest = rest.get(at + NAME.len()..).unwrap_or_default().trim_ascii_start();
        match rest.first() {
            // RFC 8187 section 3.2.1: a charset and escapes of its own, which no client needs here.
            Some(b'*') => return false,
            Some(b'=') => {}
            _ => continue,
        }
        let word = rest.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default();
        let word = word.get(1..).unwrap_or_default().trim_ascii();
        let bare = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word);
        if !PLAIN_CHARSETS.iter().any(|plain| bare.eq_ignore_ascii_case(plain.as_bytes())) {
            return false;
        }
    }
    true
}

fn contains(value: &[u8], word: &str) -> bool {
    value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests;
