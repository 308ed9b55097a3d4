//! Decides which headers are forwarded and returned (docs/interface.md, "Towards the app"; RFC 9110 section
//! 7.6.1).
//!
//! One pure function for each direction. Towards the app, every field that could be taken for one of ours is
//! removed first, in any spelling. Then ours are added once.

mod client_hop;
mod naming;
mod scheme;

use std::{borrow::Cow, net::IpAddr};

use client_hop::STRICT_TRANSPORT;

pub(super) use client_hop::ClientHop;
pub use scheme::{is_on, is_secure};

use super::{
    Instance, TokenCheck,
    names::{Names, Spelling},
};
use crate::{
    connection::PeerText,
    credential,
    wire::{Copied, Field, Framing, RequestHead, ResponseHead, Version},
};

/// The parts of a request to the app besides the client's head.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'r> {
    /// Determines the client's credentials, which are not forwarded.
    pub credentials: &'r credential::Settings,
    /// Determines which names are forwarded.
    pub names: &'r Names,
    /// The spelling of the names in this head.
    pub spelling: Spelling,
    /// `[identity] forward_credentials`: whether the client's token is forwarded.
    pub forward_credentials: bool,
    /// The query without credentials.
    pub query: Option<&'r str>,
    /// The rendered identity headers, each line with its CRLF; empty for an anonymous request.
    pub identity: &'r [u8],
    /// The client's address according to trusted proxies. It determines the server if `upstream.balance` is
    /// `hash`.
    pub client: IpAddr,
    /// The client for `X-Forwarded-*`.
    pub origin: &'r Origin<'r>,
    /// The request id in all logs.
    pub request_id: &'r str,
    /// The body, if it was read before the decision.
    pub body: Option<&'r [u8]>,
    /// The identification of this gate in `Via`.
    pub via: Option<Instance>,
    /// Checks the token, if the request has one.
    pub token_check: Option<TokenCheck<'r>>,
    /// Whether the time until the answer is measured. Only the access log needs it, and it takes two reads of the clock.
    pub is_timed: bool,
    /// The fields of CORS of the answer, each line with its CRLF; `None` = the app's are kept.
    pub cors: Option<&'r [u8]>,
}

/// The origin of a request.
#[derive(Clone, Debug)]
pub struct Origin<'r> {
    /// The `X-Forwarded-For` chain of trusted proxies without the peer; usually empty.
    pub chain: Cow<'r, str>,
    /// The peer of the connection.
    pub peer: IpAddr,
    /// The peer as text.
    pub peer_text: &'r PeerText,
    /// `http` or `https`.
    pub scheme: &'r str,
    /// The host that the client requested.
    pub host: &'r str,
    /// Whether the peer is a trusted proxy.
    pub is_proxy: bool,
}

/// The treatment of a field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    EndToEnd,
    /// Belongs to this connection, or is written by the gate.
    Ours,
    /// Only the gate may set it.
    Reserved,
    /// Set by a trusted proxy about itself, and not written by the gate.
    HandedOn,
    Cookie,
    /// Contains the URL of a page, which may contain a token.
    Url,
}

/// The only upgrade that is forwarded, in both directions.
const WEBSOCKET: &[u8] = b"Connection: Upgrade\r\nUpgrade: websocket\r\n";

/// The spelling of a head's names. An error if a name is refused before any rule: an alias of a reserved name
/// with another character for a dash, or a name that `Connection` nominates.
///
/// # Errors
///
/// The [`Forbidden`] name.
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

/// Why [`check_names`] refuses a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// An alias such as `X_Forwarded_User` or `SCRIPT_NAME`.
    FoldedName,
    /// A nomination such as `Connection: X-Forwarded-User`.
    Nominated,
}

/// The use of the connection to the app for a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    /// The framing of the body.
    pub(super) framing: Framing,
    /// Whether the connection is closed afterwards.
    pub(super) alone: bool,
}

/// Writes the head to the app.
pub(super) fn write_request(out: &mut Vec<u8>, head: &RequestHead, outgoing: &Outgoing<'_>, hop: Hop) {
    put(out, &[head.method().as_bytes(), b" ", head.path().as_bytes()]);
    if let Some(query) = outgoing.query {
        put(out, &[b"?", query.as_bytes()]);
    }
    // Always HTTP/1.1, because hop-by-hop behaviour is the gate's own.
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

/// Request headers that an owner look-up must repeat, because they may select the resource (tenant, version,
/// language): those that are forwarded, without names that are known to mean something else. Credentials are
/// never among them.
#[must_use]
pub fn naming_fields(head: &RequestHead, outgoing: &Outgoing<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_fields(&mut out, head, &Outgoing { forward_credentials: false, ..*outgoing }, naming::may_name);
    out
}

/// Writes the client's fields that are forwarded and `wanted`.
fn write_fields(
    out: &mut Vec<u8>,
    head: &RequestHead,
    outgoing: &Outgoing<'_>,
    wanted: impl Fn(&str) -> bool,
) {
    head.copy_fields(out, |field| {
        if !wanted(field.name) {
            return Copied::Dropped;
        }
        match kind(&field, outgoing) {
            Kind::Ours | Kind::Reserved => Copied::Dropped,
            Kind::HandedOn if !scheme::agrees(&field, outgoing.origin.scheme) => Copied::Dropped,
            Kind::Cookie if !outgoing.forward_credentials => {
                let kept = credential::strip_cookies(outgoing.credentials, field.value);
                // A field that consisted of credentials is omitted.
                if kept.is_empty() && !field.value.is_empty() { Copied::Dropped } else { Copied::Value(kept) }
            }
            Kind::EndToEnd | Kind::HandedOn | Kind::Url if !passes(head, &field, outgoing) => Copied::Dropped,
            Kind::Url if !outgoing.forward_credentials => {
                Copied::Value(credential::strip_url(outgoing.credentials, field.value))
            }
            Kind::EndToEnd | Kind::HandedOn | Kind::Cookie | Kind::Url => Copied::AsSent,
        }
    });
}

/// Writes the fields about the connection to the app.
fn write_connection(out: &mut Vec<u8>, head: &RequestHead, alone: bool) {
    if head.websocket_key().is_some() {
        out.extend_from_slice(WEBSOCKET);
    } else if alone {
        // `close` alone: Python's `http.server` does not find it in a list.
        out.extend_from_slice(b"Connection: close\r\n");
    } else if head.accepts_trailers() {
        // RFC 9110 section 10.1.4. No transfer coding is offered, because the gate would have to decode it.
        out.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n");
    }
}

/// Writes the gate's own fields, at the end of the head.
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

/// The framing of the response's body for the client, which may differ from the app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// No body.
    Empty,
    /// A known number of bytes.
    Length(u64),
    /// Chunked coding.
    Chunked,
    /// Until the gate closes the connection.
    UntilClose,
}

/// Writes the head to the client, and returns the framing of its body.
pub(super) fn write_response(
    out: &mut Vec<u8>,
    response: &ResponseHead,
    request: &RequestHead,
    hop: ClientHop<'_>,
) -> Delivery {
    let ClientHop { keep_alive, strict_transport, cors } = hop;
    let old = request.version() == Version::Http10;
    let delivery = match response.framing() {
        Framing::Empty => Delivery::Empty,
        Framing::Length(count) => Delivery::Length(count),
        // HTTP/1.0 has no chunked coding.
        Framing::Chunked | Framing::UntilClose if old => Delivery::UntilClose,
        Framing::Chunked | Framing::UntilClose => Delivery::Chunked,
    };
    write_status(out, response);
    if let Some(value) = strict_transport {
        put(out, &[STRICT_TRANSPORT.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    out.extend_from_slice(cors.unwrap_or_default());
    write_end_to_end(out, response, hop.replaces_any().then_some(&hop));
    match delivery {
        Delivery::Length(count) => length(out, count),
        Delivery::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Delivery::Empty => {
            // The length of a HEAD or a 304 describes the body that a GET would have (RFC 9110 section 8.6).
            if let Some(count) = response.content_length().filter(|_| !matches!(response.status(), 204)) {
                length(out, count);
            }
        }
        Delivery::UntilClose => {}
    }
    if !keep_alive || delivery == Delivery::UntilClose {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if old {
        // HTTP/1.0 closes by default (RFC 9112 section 9.3).
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    delivery
}

/// Writes a 1xx head: 103, or the checked 101 of a WebSocket.
pub(super) fn write_interim(out: &mut Vec<u8>, response: &ResponseHead) {
    write_status(out, response);
    write_end_to_end(out, response, None);
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

/// `replacing`: sets fields of its own in place of the app's.
fn write_end_to_end(out: &mut Vec<u8>, response: &ResponseHead, replacing: Option<&ClientHop<'_>>) {
    if !response.nominates() && replacing.is_none() {
        response.copy_fields(out, |_| Copied::AsSent);
        return;
    }
    response.copy_fields(out, |field| {
        let nominated = response.connection_options().any(|option| option.eq_ignore_ascii_case(field.name));
        let is_ours = replacing.is_some_and(|hop| hop.replaces(field.name));
        if nominated || is_ours { Copied::Dropped } else { Copied::AsSent }
    });
}

fn kind(field: &Field<'_>, outgoing: &Outgoing<'_>) -> Kind {
    let name = field.name;
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        // By length first, which is one comparison for most names.
        4 if is("host") => Kind::Ours,
        6 if is("cookie") => Kind::Cookie,
        6 if is("expect") => Kind::Ours,
        7 if is("referer") || is("ping-to") => Kind::Url,
        8 if is("referrer") || is("next-url") => Kind::Url,
        9 if is("ping-from") || is("x-referer") => Kind::Url,
        10 if is("x-pjax-url") || is("x-referrer") || is("x-page-url") => Kind::Url,
        12 if is("http-referer") => Kind::Url,
        13 if is("x-xhr-referer") || is("x-current-url") || is("x-spf-referer") => Kind::Url,
        14 if is("hx-current-url") || is("turbo-referrer") => Kind::Url,
        16 if is("x-ic-current-url") || is("content-location") => Kind::Url,
        19 if is("turbolinks-referrer") => Kind::Url,
        _ if field.is_hop_by_hop => Kind::Ours,
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

/// Whether a trusted proxy's field is forwarded although it is reserved: the gate does not write it itself.
fn is_handed_on(name: &str, origin: &Origin<'_>) -> bool {
    const HANDED_ON: [&str; 4] =
        ["x-forwarded-port", "x-forwarded-prefix", "x-forwarded-ssl", "x-forwarded-scheme"];
    origin.is_proxy && HANDED_ON.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether the removal of a field by `Connection` would change who sends the request or what it means.
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

/// Whether an end-to-end field is forwarded: it is no credential, and `Connection` does not nominate it.
fn passes(head: &RequestHead, field: &Field<'_>, outgoing: &Outgoing<'_>) -> bool {
    let credential = !outgoing.forward_credentials
        && credential::is_credential(outgoing.credentials, field.name, field.value);
    // A closure, because few heads nominate anything.
    let nominated = || head.connection_options().any(|option| option.eq_ignore_ascii_case(field.name));
    !(credential || (head.nominates() && nominated()))
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
