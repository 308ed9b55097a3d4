//! The opening handshake of a WebSocket (RFC 6455 sections 4.1 and 4.2), the only upgrade that is forwarded.
//! Both sides are checked strictly, because the bytes after it are not read.

mod asked;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use crate::wire::{RequestHead, ResponseHead};
use asked::{UPGRADE, list, only};

pub(super) use asked::{KEY, is_asked_for};

/// Why a 101 does not open a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// The client did not ask for a WebSocket.
    #[error("it was not asked for")]
    Unasked,
    /// `Upgrade` is not one `websocket`, or `Connection` does not name it.
    #[error("it needs `Connection: upgrade` and one `Upgrade: websocket`")]
    Protocol,
    /// `Content-Length` or `Transfer-Encoding` (RFC 9110 section 8.6, RFC 9112 section 6.1).
    #[error("it announces a body")]
    Body,
    /// The value does not match the key.
    #[error("it needs one `Sec-WebSocket-Accept`, made from the request's key")]
    Accept,
    /// More than one subprotocol, or one that the client did not offer.
    #[error("its `Sec-WebSocket-Protocol` is not one that the client offered")]
    Subprotocol,
    /// An extension that the client did not offer.
    #[error("its `Sec-WebSocket-Extensions` name one that the client did not offer")]
    Extension,
}

/// Checks the app's 101 against the request.
///
/// # Errors
/// A [`SwitchError`]. The client gets a 502, and nothing of the answer.
pub fn check_switch(request: &RequestHead, response: &ResponseHead) -> Result<(), SwitchError> {
    let key = request.websocket_key().ok_or(SwitchError::Unasked)?;
    let protocol = only(response.fields(), UPGRADE);
    if !response.switches() || !protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket")) {
        return Err(SwitchError::Protocol);
    }
    // A client could read the first frames as a body.
    if response.content_length().is_some() || response.field("transfer-encoding").is_some() {
        return Err(SwitchError::Body);
    }
    if only(response.fields(), "sec-websocket-accept") != Some(accept_value(key).as_bytes()) {
        return Err(SwitchError::Accept);
    }
    check_subprotocol(request, response)?;
    check_extensions(request, response)
}

/// Checks that the answer has at most one subprotocol, from the client's list (RFC 6455 section 4.2.2).
fn check_subprotocol(request: &RequestHead, response: &ResponseHead) -> Result<(), SwitchError> {
    if response.field(SUBPROTOCOL).is_none() {
        return Ok(());
    }
    let chosen = only(response.fields(), SUBPROTOCOL).ok_or(SwitchError::Subprotocol)?;
    let offered = list(request.fields(), SUBPROTOCOL).any(|offer| offer == chosen);
    if offered && !chosen.is_empty() { Ok(()) } else { Err(SwitchError::Subprotocol) }
}

/// Checks that the client offered each extension. Parameters are left to the two ends (RFC 6455 section 9.1).
fn check_extensions(request: &RequestHead, response: &ResponseHead) -> Result<(), SwitchError> {
    let name = |extension: &[u8]| {
        extension.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase()
    };
    // A client must fail the connection for any other one (RFC 6455 section 4.1).
    let all_offered = list(response.fields(), EXTENSIONS)
        .all(|chosen| list(request.fields(), EXTENSIONS).any(|offer| name(offer) == name(chosen)));
    if all_offered { Ok(()) } else { Err(SwitchError::Extension) }
}

/// The value that proves that the app has read the key (RFC 6455 section 4.2.2).
fn accept_value(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

const SUBPROTOCOL: &str = "sec-websocket-protocol";
const EXTENSIONS: &str = "sec-websocket-extensions";
/// The constant that is appended to the key (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Reject;
    use crate::wire::{HeadLimits, Scan};

    const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 100 };
    /// The example of RFC 6455 section 1.3.
    const EXAMPLE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const UPGRADES: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
    const WITH_KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn scan(method: &str, lines: &str) -> Result<RequestHead, Reject> {
        let mut head = RequestHead::new();
        let input = format!("{method} /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(head.scan(input.as_bytes(), &LIMITS)?, Scan::Complete(input.len()), "{input}");
        Ok(head)
    }

    fn key_of(method: &str, lines: &str) -> Result<Option<String>, Reject> {
        let key =
            |head: RequestHead| head.websocket_key().map(|key| String::from_utf8(key.to_vec()).unwrap());
        scan(method, lines).map(key)
    }

    #[test]
    fn b17_a_whole_handshake_has_its_key() {
        for upgrades in [
            UPGRADES,
            "connection: UPGRADE\r\nupgrade: WebSocket\r\n",
            "Connection: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
            "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
            "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
        ] {
            let found = key_of("GET", &format!("{upgrades}{VERSION}{WITH_KEY}"));
            assert_eq!(found, Ok(Some(EXAMPLE.to_owned())), "{upgrades}");
        }
    }

    #[test]
    fn b1_what_asks_for_no_websocket_is_no_upgrade() {
        for lines in [
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n",
            "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
            "Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n",
            "Connection: Upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
            "Connection: Upgrade\r\nUpgrade: xwebsocket\r\n",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: foo\r\n",
            "Connection: Upgrade\r\nUpgrade:\r\n",
            "Connection: Upgrade\r\n",
            "Upgrade: websocket\r\nContent-Length: 5\r\n",
            "Connection: keep-alive\r\nUpgrade: websocket\r\n",
        ] {
            for method in ["GET", "POST"] {
                let found = key_of(method, &format!("{lines}{VERSION}{WITH_KEY}"));
                assert_eq!(found, Ok(None), "{method} {lines}");
            }
        }
        // HTTP/1.0 has no upgrades (RFC 9110 section 7.8).
        let mut head = RequestHead::new();
        let old = format!("GET / HTTP/1.0\r\nHost: a\r\n{UPGRADES}{VERSION}{WITH_KEY}\r\n");
        assert_eq!(head.scan(old.as_bytes(), &LIMITS), Ok(Scan::Complete(old.len())));
        assert_eq!(head.websocket_key(), None);
    }

    #[test]
    fn b17_half_a_handshake_is_refused() {
        for (method, lines) in [
            ("GET", UPGRADES.to_owned()),
            ("GET", format!("{UPGRADES}{VERSION}")),
            ("GET", format!("{UPGRADES}{WITH_KEY}")),
            ("POST", format!("{UPGRADES}{VERSION}{WITH_KEY}")),
            ("HEAD", format!("{UPGRADES}{VERSION}{WITH_KEY}")),
            ("GET", format!("{UPGRADES}{VERSION}{WITH_KEY}{WITH_KEY}")),
            ("GET", format!("{UPGRADES}{VERSION}{VERSION}{WITH_KEY}")),
            ("GET", format!("{UPGRADES}Upgrade: h2c\r\n{VERSION}{WITH_KEY}")),
            ("GET", format!("{UPGRADES}Upgrade: websocket\r\n{VERSION}{WITH_KEY}")),
            ("GET", format!("{UPGRADES}Connection: Sec-WebSocket-Key\r\n{VERSION}{WITH_KEY}")),
        ] {
            assert_eq!(key_of(method, &lines), Err(Reject::WebSocketHandshake), "{method} {lines}");
        }
        for version in ["777", "8", "12", "14", "013", "13, 8", "+13", "", "130"] {
            let lines = format!("{UPGRADES}Sec-WebSocket-Version: {version}\r\n{WITH_KEY}");
            assert_eq!(key_of("GET", &lines), Err(Reject::WebSocketHandshake), "{version}");
        }
        for key in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZQQ=",
            "dGhlIHNhbXBsZSBub25jZQQQ",
            "dGhlIHNhbXBsZSBub25j-_==",
            "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            let lines = format!("{UPGRADES}{VERSION}Sec-WebSocket-Key: {key}\r\n");
            assert_eq!(key_of("GET", &lines), Err(Reject::WebSocketHandshake), "{key}");
        }
    }

    #[test]
    fn b1a_only_a_websocket_with_a_body_is_refused() {
        for body in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let lines = format!("{UPGRADES}{VERSION}{WITH_KEY}{body}");
            assert_eq!(key_of("GET", &lines), Err(Reject::UpgradeWithBody), "{body}");
            assert_eq!(key_of("POST", &lines.replace("websocket\r\n", "h2c\r\n")), Ok(None), "{body}");
        }
    }

    /// The verdict on a 101 with these lines, for a client that offered `a, b` and two extensions.
    fn switch(lines: &str) -> Result<(), SwitchError> {
        let offers = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b , c\r\n\
                      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-e\r\n";
        answer(&scan("GET", &format!("{UPGRADES}{VERSION}{WITH_KEY}{offers}")).unwrap(), lines)
    }

    fn answer(request: &RequestHead, lines: &str) -> Result<(), SwitchError> {
        let mut response = ResponseHead::new();
        let input = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n");
        assert_eq!(response.scan(input.as_bytes(), &LIMITS, "GET"), Ok(Scan::Complete(input.len())));
        check_switch(request, &response)
    }

    #[test]
    fn b17_a_101_is_a_genuine_handshake_or_none() {
        const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        let good = format!("{UPGRADES}{ACCEPT}");
        for more in [
            "",
            "Sec-WebSocket-Protocol: c\r\n",
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "Sec-WebSocket-Extensions: X-E;y=1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        ] {
            assert_eq!(switch(&format!("{good}{more}")), Ok(()), "{more}");
        }
        for (lines, error) in [
            (ACCEPT.to_owned(), SwitchError::Protocol),
            (format!("Connection: Upgrade\r\n{ACCEPT}"), SwitchError::Protocol),
            (format!("Upgrade: websocket\r\n{ACCEPT}"), SwitchError::Protocol),
            (good.replace("websocket\r\n", "h2c\r\n"), SwitchError::Protocol),
            (good.replace("websocket\r\n", "websocket, h2c\r\n"), SwitchError::Protocol),
            (format!("{good}Upgrade: h2c\r\n"), SwitchError::Protocol),
            (format!("{good}Content-Length: 0\r\n"), SwitchError::Body),
            (format!("{good}Content-Length: 5\r\n"), SwitchError::Body),
            (format!("{good}Transfer-Encoding: chunked\r\n"), SwitchError::Body),
            (UPGRADES.to_owned(), SwitchError::Accept),
            (format!("{good}{ACCEPT}"), SwitchError::Accept),
            (good.replace("s3p", "S3p"), SwitchError::Accept),
            (good.replace("xOo=", "xOo"), SwitchError::Accept),
            (format!("{good}Sec-WebSocket-Protocol: d\r\n"), SwitchError::Subprotocol),
            (format!("{good}Sec-WebSocket-Protocol: A\r\n"), SwitchError::Subprotocol),
            (format!("{good}Sec-WebSocket-Protocol: a, b\r\n"), SwitchError::Subprotocol),
            (format!("{good}Sec-WebSocket-Protocol:\r\n"), SwitchError::Subprotocol),
            (
                format!("{good}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n"),
                SwitchError::Subprotocol,
            ),
            (format!("{good}Sec-WebSocket-Extensions: x-f\r\n"), SwitchError::Extension),
            (format!("{good}Sec-WebSocket-Extensions: x-e, x-f\r\n"), SwitchError::Extension),
        ] {
            assert_eq!(switch(&lines), Err(error), "{lines}");
        }
        let plain = scan("GET", &format!("{UPGRADES}{VERSION}{WITH_KEY}")).unwrap();
        for more in ["Sec-WebSocket-Protocol: a\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n"] {
            assert!(answer(&plain, &format!("{good}{more}")).is_err(), "{more} was not offered");
        }
        assert_eq!(answer(&scan("GET", "").unwrap(), &good), Err(SwitchError::Unasked));
    }
}
