//! Which headers go on to the app, and which come back (docs/interface.md, "Towards the app"; RFC 9110 section 7.6.1).
//!
//! One pure function each way. Towards the app, everything that could be mistaken for ours is removed first, under
//! any spelling; then ours are set, once.

mod naming;
mod scheme;

use std::{borrow::Cow, net::IpAddr};

pub use scheme::{is_on, is_secure};

use super::{
    Instance, Lease,
    names::{Names, Spelling},
};
use crate::{
    connection::PeerText,
    credential,
    wire::{Field, Framing, RequestHead, ResponseHead, Version},
};

/// What the gate says to the app about one request.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'r> {
    /// What counts as a credential and stays here.
    pub credentials: &'r credential::Settings,
    /// Which names go on.
    pub names: &'r Names,
    /// How the names of this head are spelt.
    pub spelling: Spelling,
    /// `[identity] forward_credentials`: the client's own token goes on.
    pub forward_credentials: bool,
    /// The query without credential pairs.
    pub query: Option<&'r str>,
    /// The rendered identity headers, each line with its CRLF; empty when anonymous.
    pub identity: &'r [u8],
    /// The client, as trusted proxies name it: it stays with its server where `upstream.balance` is `hash`.
    pub client: IpAddr,
    /// The client as the app should see it.
    pub origin: &'r Origin<'r>,
    /// Names this request in every log.
    pub request_id: &'r str,
    /// The body, when it was read before the decision.
    pub body: Option<&'r [u8]>,
    /// By what this gate knows its own requests.
    pub via: Option<Instance>,
    /// Whether the token is still good, where there is one.
    pub lease: Option<Lease<'r>>,
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Origin<'r> {
    /// The `X-Forwarded-For` chain of trusted proxies, without the peer; usually empty.
    pub chain: Cow<'r, str>,
    /// The peer of the connection.
    pub peer: IpAddr,
    /// The peer as text.
    pub peer_text: PeerText,
    /// `http` or `https`.
    pub scheme: &'r str,
    /// The host that the client asked for.
    pub host: &'r str,
    /// Whether the peer is a trusted proxy.
    pub is_proxy: bool,
}

/// What a field of a request is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    EndToEnd,
    /// Belongs to this connection, or is written anew.
    Ours,
    /// Names that only this gate may set.
    Reserved,
    /// What a trusted proxy says of itself and the gate does not say anew.
    HandedOn,
    Cookie,
    /// Holds a URL of a page, which may hold a token.
    Url,
}

/// The one upgrade there is, on both ends.
const WEBSOCKET: &[u8] = b"Connection: Upgrade\r\nUpgrade: websocket\r\n";

/// How a head's names are, or why they are refused before any rule: another character for a dash in a reserved name,
/// or a `Connection` that nominates one.
///
/// # Errors
///
/// The [`Forbidden`] that it breaks.
pub fn check_names(names: &Names, head: &RequestHead) -> Result<Spelling, Forbidden> {
    let spelling = names.spelling(head);
    if spelling == Spelling::Disguised {
        return Err(Forbidden::FoldedName);
    }
    if head.nominates() && head.connection_options().any(|option| is_protected(names, option)) {
        return Err(Forbidden::Nominated);
    }
    Ok(spelling)
}

/// Why [`check_names`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// `X_Forwarded_User`, `SCRIPT_NAME` and their like.
    FoldedName,
    /// `Connection: X-Forwarded-User` and its like.
    Nominated,
}

/// How a request goes on the connection to the app.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    /// How the body follows.
    pub(super) framing: Framing,
    /// On a connection that ends with it.
    pub(super) alone: bool,
}

/// Writes the head that goes to the app.
pub(super) fn write_request(out: &mut Vec<u8>, head: &RequestHead, outgoing: &Outgoing<'_>, hop: Hop) {
    put(out, &[head.method().as_bytes(), b" ", head.path().as_bytes()]);
    if let Some(query) = outgoing.query {
        put(out, &[b"?", query.as_bytes()]);
    }
    put(out, &[b" HTTP/1.1\r\nHost: ", head.host().as_bytes(), b"\r\n"]);
    write_fields(out, head, outgoing, |_| true);
    write_connection(out, head, hop.alone);
    match hop.framing {
        Framing::Length(count) => length(out, count),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Empty | Framing::UntilClose => {}
    }
    write_ours(out, outgoing);
    if let Some(instance) = outgoing.via {
        instance.write(out, Some(head));
    }
    out.extend_from_slice(b"\r\n");
}

/// What of a request may name a resource of the app beside its target, as header lines: the fields that go on, without
/// those that are known to say something else. The client's credentials never do, whatever is forwarded.
#[must_use]
pub fn naming_fields(head: &RequestHead, outgoing: &Outgoing<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_fields(&mut out, head, &Outgoing { forward_credentials: false, ..*outgoing }, naming::may_name);
    out
}

/// Writes the client's own fields that go on, of those that are `wanted`.
fn write_fields(
    out: &mut Vec<u8>,
    head: &RequestHead,
    outgoing: &Outgoing<'_>,
    wanted: impl Fn(&str) -> bool,
) {
    for field in head.fields().filter(|field| wanted(field.name)) {
        match kind(field.name, outgoing) {
            Kind::Ours | Kind::Reserved => {}
            Kind::HandedOn if !scheme::agrees(&field, outgoing.origin.scheme) => {}
            Kind::Cookie if !outgoing.forward_credentials => {
                let kept = credential::strip_cookies(outgoing.credentials, field.value);
                if !kept.is_empty() || field.value.is_empty() {
                    line(out, field.name, &kept);
                }
            }
            Kind::EndToEnd | Kind::HandedOn | Kind::Url if !passes(head, &field, outgoing) => {}
            Kind::Url if !outgoing.forward_credentials => {
                line(out, field.name, &credential::strip_url(outgoing.credentials, field.value));
            }
            Kind::EndToEnd | Kind::HandedOn | Kind::Cookie | Kind::Url => line(out, field.name, field.value),
        }
    }
}

/// What the app has to know about this connection.
fn write_connection(out: &mut Vec<u8>, head: &RequestHead, alone: bool) {
    if head.websocket_key().is_some() {
        out.extend_from_slice(WEBSOCKET);
    } else if alone {
        // `close` and nothing beside it: Python's `http.server` does not find it in a list.
        out.extend_from_slice(b"Connection: close\r\n");
    } else if head.accepts_trailers() {
        // RFC 9110 section 10.1.4; no coding that we would have to undo.
        out.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n");
    }
}

/// Our own headers, the last of the head.
fn write_ours(out: &mut Vec<u8>, outgoing: &Outgoing<'_>) {
    out.extend_from_slice(outgoing.identity);
    let origin = &outgoing.origin;
    out.extend_from_slice(b"X-Forwarded-For: ");
    if !origin.chain.is_empty() {
        put(out, &[origin.chain.as_bytes(), b", "]);
    }
    put(out, &[origin.peer_text.as_str().as_bytes(), b"\r\nX-Forwarded-Proto: ", origin.scheme.as_bytes()]);
    put(out, &[b"\r\nX-Forwarded-Host: ", origin.host.as_bytes()]);
    put(out, &[b"\r\nX-Request-Id: ", outgoing.request_id.as_bytes(), b"\r\n"]);
}

/// How the response's body goes to the client, whatever framing it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// No body.
    Empty,
    /// This many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until we close.
    UntilClose,
}

/// Writes the head that goes to the client; says how the body follows.
pub(super) fn write_response(
    out: &mut Vec<u8>,
    response: &ResponseHead,
    request: &RequestHead,
    keep_alive: bool,
) -> Delivery {
    let old = request.version() == Version::Http10;
    let delivery = match response.framing() {
        Framing::Empty => Delivery::Empty,
        Framing::Length(count) => Delivery::Length(count),
        Framing::Chunked | Framing::UntilClose if old => Delivery::UntilClose,
        Framing::Chunked | Framing::UntilClose => Delivery::Chunked,
    };
    write_status(out, response);
    write_end_to_end(out, response);
    match delivery {
        Delivery::Length(count) => length(out, count),
        Delivery::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Delivery::Empty => {
            if let Some(count) = response.content_length().filter(|_| !matches!(response.status(), 204)) {
                length(out, count);
            }
        }
        Delivery::UntilClose => {}
    }
    if !keep_alive || delivery == Delivery::UntilClose {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if old {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    delivery
}

/// Writes a 1xx head: 103, or the checked 101 that opens a tunnel.
pub(super) fn write_interim(out: &mut Vec<u8>, response: &ResponseHead) {
    write_status(out, response);
    write_end_to_end(out, response);
    if response.status() == 101 {
        out.extend_from_slice(WEBSOCKET);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status(out: &mut Vec<u8>, response: &ResponseHead) {
    let mut digits = *b"HTTP/1.1 000 ";
    let status = response.status();
    for (at, divisor) in [(9, 100), (10, 10), (11, 1)] {
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + u8::try_from(status / divisor % 10).unwrap_or(0);
        }
    }
    put(out, &[&digits, response.reason(), b"\r\n"]);
}

fn write_end_to_end(out: &mut Vec<u8>, response: &ResponseHead) {
    for field in response.fields() {
        let nominated = response.nominates()
            && response.connection_options().any(|option| option.eq_ignore_ascii_case(field.name));
        if !is_connection_field(field.name) && !nominated {
            line(out, field.name, field.value);
        }
    }
}

fn kind(name: &str, outgoing: &Outgoing<'_>) -> Kind {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        4 if is("host") => Kind::Ours,
        6 if is("cookie") => Kind::Cookie,
        6 if is("expect") => Kind::Ours,
        7 if is("referer") || is("ping-to") => Kind::Url,
        8 if is("referrer") => Kind::Url,
        9 if is("ping-from") || is("x-referer") => Kind::Url,
        10 if is("x-pjax-url") || is("x-referrer") => Kind::Url,
        13 if is("x-xhr-referer") || is("x-current-url") => Kind::Url,
        14 if is("hx-current-url") || is("turbo-referrer") => Kind::Url,
        16 if is("x-ic-current-url") || is("content-location") => Kind::Url,
        19 if is("turbolinks-referrer") => Kind::Url,
        _ if is_connection_field(name) => Kind::Ours,
        _ if outgoing.names.is_reserved(name) => {
            if is_handed_on(name, outgoing.origin) {
                Kind::HandedOn
            } else {
                Kind::Reserved
            }
        }
        _ if outgoing.spelling == Spelling::Odd && outgoing.names.drops(name) => Kind::Reserved,
        _ => Kind::EndToEnd,
    }
}

/// What a trusted proxy says of itself and the gate does not say anew.
fn is_handed_on(name: &str, origin: &Origin<'_>) -> bool {
    const HANDED_ON: [&str; 4] =
        ["x-forwarded-port", "x-forwarded-prefix", "x-forwarded-ssl", "x-forwarded-scheme"];
    origin.is_proxy && HANDED_ON.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Fields of one hop, and those that frame a body: both are written anew.
fn is_connection_field(name: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        2 => is("te"),
        7 => is("upgrade") || is("trailer"),
        10 => is("connection") || is("keep-alive"),
        14 => is("content-length") || is("http2-settings"),
        16 => is("proxy-connection"),
        17 => is("transfer-encoding"),
        18 => is("proxy-authenticate"),
        19 => is("proxy-authorization"),
        25 => is("proxy-authentication-info"),
        _ => false,
    }
}

/// A field whose removal by `Connection` would change who the request is for or from.
fn is_protected(names: &Names, option: &str) -> bool {
    names.is_reserved(option)
        || [
            "host",
            "authorization",
            "x-access-token",
            "cookie",
            "content-type",
            "content-length",
            "content-encoding",
            "transfer-encoding",
            "expect",
        ]
        .iter()
        .any(|name| option.eq_ignore_ascii_case(name))
}

/// Whether an end-to-end field goes on: no credential, and not nominated by `Connection`.
fn passes(head: &RequestHead, field: &Field<'_>, outgoing: &Outgoing<'_>) -> bool {
    let credential = !outgoing.forward_credentials
        && credential::is_credential(outgoing.credentials, field.name, field.value);
    let nominated = || head.connection_options().any(|option| option.eq_ignore_ascii_case(field.name));
    !(credential || (head.nominates() && nominated()))
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put(out, &[name.as_bytes(), b": ", value, b"\r\n"]);
}

fn length(out: &mut Vec<u8>, count: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = count;
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    put(out, &[b"Content-Length: ", digits.get(at..).unwrap_or_default(), b"\r\n"]);
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
