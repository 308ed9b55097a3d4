//! The request that a proxy describes, as the head that its client sent (docs/forward-auth.md).

use crate::{
    refusal::Refusal,
    wire::{Field, HeadLimits, MAX_FIELDS, Reject, RequestHead, Scan},
};

/// How a proxy describes a request, which decides what it can do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `X-Original-Method` with `X-Original-URI` or `X-Original-URL`: nginx and ingress-nginx, which know 2xx, 401 and 403.
    Original,
    /// `X-Forwarded-Method` and `X-Forwarded-Uri`: Traefik, Caddy and HAProxy, which pass every refusal on.
    Forwarded,
    /// The request's own line behind `/ext_authz`: Envoy and Istio, which pass every refusal on.
    OwnLine,
}

/// Why there is no described request.
#[derive(Debug)]
pub(super) enum DescribeError {
    /// A part of the description is missing, named twice or contradicted: the proxy is not set up for it.
    Description(String),
    /// The description is that of a request which the gate would not accept.
    Request(Reject),
}

/// The parts of a described request line, and where it was sent to.
#[derive(Clone, Copy, Debug)]
struct Line<'h> {
    method: &'h [u8],
    target: &'h [u8],
    /// `None` = `Host` has it.
    host: Option<&'h [u8]>,
    /// `None` = `X-Forwarded-Proto` has it.
    scheme: Option<&'h [u8]>,
}

/// The path under which Envoy describes a request by its own line.
const OWN_LINE: &str = "/ext_authz";

const METHOD: &str = "X-Original-Method";
const URI: &str = "X-Original-URI";
const URL: &str = "X-Original-URL";
const FORWARDED_METHOD: &str = "X-Forwarded-Method";
const FORWARDED_URI: &str = "X-Forwarded-Uri";
const FORWARDED_HOST: &str = "X-Forwarded-Host";
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";

/// The fields that describe a request, which are no part of it.
const DESCRIBING: [&str; 6] = [METHOD, URI, URL, FORWARDED_METHOD, FORWARDED_URI, FORWARDED_HOST];

/// Fields of the connection between proxy and gate that `wire` does not count as hop-by-hop.
const OF_THE_HOP: [&str; 2] = ["Host", "Expect"];

impl Style {
    /// The style of a request. Fields of the first one count even beside others, because nginx can do least.
    pub(super) fn of(asked: &RequestHead) -> Self {
        let has = |name: &str| asked.fields().any(|field| field.name.eq_ignore_ascii_case(name));
        if own_line(asked).is_some() {
            Self::OwnLine
        } else if [METHOD, URI, URL].into_iter().any(has) {
            Self::Original
        } else {
            Self::Forwarded
        }
    }
}

/// The head of the described request, with its credentials and without its framing, checked as one that was received.
///
/// # Errors
/// [`DescribeError`].
pub(super) fn described(asked: &RequestHead) -> Result<RequestHead, DescribeError> {
    let own = own_line(asked).map(|target| Line {
        method: asked.method().as_bytes(),
        target: target.as_bytes(),
        host: None,
        scheme: None,
    });
    let lines = [own, original(asked)?, forwarded(asked)?];
    let mut lines = lines.into_iter().flatten();
    let line = lines.next().ok_or_else(nothing)?;
    let host = line.host.unwrap_or(asked.host().as_bytes());
    // A client may have sent the fields of another style, to be judged as a request for another app.
    if !lines.all(|other| line.agrees(&other, host)) {
        return Err(bad(
            "the request is described twice and differently (`X-Original-…`, `X-Forwarded-…`, `/ext_authz`): let the proxy \
             remove the fields that it does not set itself",
        ));
    }
    scanned(&line.head(asked, host))
}

/// Checks the bytes of a head as those of a client.
pub(super) fn scanned(bytes: &[u8]) -> Result<RequestHead, DescribeError> {
    let mut head = RequestHead::new();
    match head.scan(bytes, &HeadLimits { bytes: bytes.len(), fields: MAX_FIELDS }) {
        Ok(Scan::Complete(count)) if count == bytes.len() => Ok(head),
        Ok(_) => Err(DescribeError::Request(Reject::RequestLine)),
        Err(reject) => Err(DescribeError::Request(reject)),
    }
}

impl Line<'_> {
    /// Whether another description is of the same request, for the same host.
    fn agrees(&self, other: &Self, host: &[u8]) -> bool {
        let same_host = other.host.is_none_or(|other| other.eq_ignore_ascii_case(host));
        self.method == other.method && self.target == other.target && same_host
    }

    fn head(&self, asked: &RequestHead, host: &[u8]) -> Vec<u8> {
        let mut out = [self.method, b" ", self.target, b" HTTP/1.1\r\nHost: ", host, b"\r\n"].concat();
        let mut put = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        };
        if let Some(scheme) = self.scheme {
            put(FORWARDED_PROTO, scheme);
        }
        if self.is_websocket(asked) {
            put("Connection", b"Upgrade");
            put("Upgrade", b"websocket");
        }
        for field in asked.fields().filter(|field| self.keeps(field)) {
            put(field.name, field.value);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// Whether a field is one of the described request.
    fn keeps(&self, field: &Field<'_>) -> bool {
        let is = |name: &&str| field.name.eq_ignore_ascii_case(name);
        let is_scheme = self.scheme.is_some() && is(&FORWARDED_PROTO);
        !(field.is_hop_by_hop || is_scheme || DESCRIBING.iter().chain(&OF_THE_HOP).any(is))
    }

    /// Whether a browser opens a WebSocket with it. Proxies drop `Upgrade`, which is of their own connection; the key stays,
    /// and no script of a page can set it (Fetch, forbidden request-headers). Traefik tells it by the scheme.
    fn is_websocket(&self, asked: &RequestHead) -> bool {
        let is_socket = |scheme: &[u8]| [&b"ws"[..], b"wss"].iter().any(|ws| scheme.eq_ignore_ascii_case(ws));
        let says = |field: &Field<'_>| {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            is("Sec-WebSocket-Key")
                || (is("Upgrade") && field.value.eq_ignore_ascii_case(b"websocket"))
                || (is(FORWARDED_PROTO) && is_socket(field.value))
        };
        self.scheme.is_some_and(is_socket)
            || (self.method == b"GET" && asked.fields().any(|field| says(&field)))
    }
}

/// The target of the described request, if it is that of the request itself.
fn own_line(asked: &RequestHead) -> Option<&str> {
    let target = asked.target().strip_prefix(OWN_LINE)?;
    target.starts_with('/').then_some(target)
}

fn original(asked: &RequestHead) -> Result<Option<Line<'_>>, DescribeError> {
    let url = only(asked, URL)?.map(split_url).transpose()?;
    let line = match (only(asked, METHOD)?, only(asked, URI)?) {
        (None, None) if url.is_none() => return Ok(None),
        (None, _) => return Err(missing(METHOD, "proxy_set_header X-Original-Method $request_method;")),
        (Some(method), Some(target)) => Line { method, target, host: None, scheme: None },
        (Some(method), None) => {
            let url = url.ok_or_else(|| missing(URI, "proxy_set_header X-Original-URI $request_uri;"))?;
            return Ok(Some(Line { method, ..url }));
        }
    };
    match url {
        Some(url) if url.target != line.target => {
            Err(bad("`X-Original-URI` is not that of `X-Original-URL`"))
        }
        url => Ok(Some(Line { host: url.and_then(|url| url.host), ..line })),
    }
}

fn forwarded(asked: &RequestHead) -> Result<Option<Line<'_>>, DescribeError> {
    let host = only(asked, FORWARDED_HOST)?;
    // The first one is that of the proxy next to the client.
    let host = host.and_then(|list| list.split(|byte| *byte == b',').next()).map(<[u8]>::trim_ascii);
    match (only(asked, FORWARDED_METHOD)?, only(asked, FORWARDED_URI)?) {
        (None, None) => Ok(None),
        (Some(method), Some(target)) => Ok(Some(Line { method, target, host, scheme: None })),
        (None, _) => Err(missing(FORWARDED_METHOD, "Traefik's `forwardAuth` and Caddy's `forward_auth` do")),
        (_, None) => Err(missing(FORWARDED_URI, "Traefik's `forwardAuth` and Caddy's `forward_auth` do")),
    }
}

/// The parts of `X-Original-URL`, `scheme://host/path?query`. It has no method.
fn split_url(url: &[u8]) -> Result<Line<'_>, DescribeError> {
    let wrong = || bad("`X-Original-URL` is not a URL such as `https://shop.example/path`");
    let at = url.windows(3).position(|part| part == b"://").ok_or_else(wrong)?;
    let (scheme, rest) = url.split_at_checked(at).ok_or_else(wrong)?;
    let known = [&b"http"[..], b"https", b"ws", b"wss"];
    if !known.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(wrong());
    }
    let rest = rest.get(3..).unwrap_or_default();
    let path = rest.iter().position(|byte| *byte == b'/').ok_or_else(wrong)?;
    let (host, target) = rest.split_at_checked(path).ok_or_else(wrong)?;
    Ok(Line { method: b"", target, host: Some(host), scheme: Some(scheme) })
}

/// The value of a field that may occur once. An empty one is none.
fn only<'h>(asked: &'h RequestHead, name: &str) -> Result<Option<&'h [u8]>, DescribeError> {
    let mut values =
        asked.fields().filter(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value);
    let first = values.next();
    if values.next().is_some() {
        return Err(bad(&format!("`{name}` came twice: let the proxy set it, in place of the client's")));
    }
    Ok(first.filter(|value| !value.is_empty()))
}

fn missing(name: &str, setting: &str) -> DescribeError {
    bad(&format!("`{name}` is missing; the proxy has to send it: {setting}"))
}

fn nothing() -> DescribeError {
    bad("no request is described. nginx: `proxy_set_header X-Original-Method $request_method;` and \
         `proxy_set_header X-Original-URI $request_uri;`. Traefik (`forwardAuth`) and Caddy (`forward_auth`) send \
         `X-Forwarded-Method` and `X-Forwarded-Uri`. Envoy (`ext_authz`): `path_prefix: /ext_authz`")
}

fn bad(message: &str) -> DescribeError {
    DescribeError::Description(format!("{message} (forward-auth)"))
}

impl From<&DescribeError> for Refusal {
    fn from(error: &DescribeError) -> Self {
        match error {
            DescribeError::Description(message) => Self::BadRequest { status: 400, message: message.clone() },
            DescribeError::Request(reject) => Self::from(reject),
        }
    }
}

#[cfg(test)]
mod tests;
