//! Upgrades, and what is sent in a tunnel.

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Tokens},
    http2,
};

pub(super) const CHANGES: &[Change] = &[
    change("upgrade-h2c", 5, h2c),
    change("upgrade-websocket", 3, websocket),
    change("upgrade-websocket-odd", 4, websocket_odd),
    change("upgrade-other", 4, other),
];

fn h2c(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(60) {
        draft.method = "GET".to_owned();
        draft.target = "/pub/x".to_owned();
    }
    draft.field(
        "Connection",
        chance.one_of(&["Upgrade, HTTP2-Settings", "Upgrade", "upgrade", "HTTP2-Settings, Upgrade"]),
    );
    draft.field("Upgrade", chance.one_of(&["h2c", "h2c", "H2C", "h2c, websocket", "websocket, h2c"]));
    if chance.odds(70) {
        draft.field("HTTP2-Settings", "AAMAAABkAAQAAP__");
    }
    draft.about.tunnel = http2::connection(&format!("{}t", draft.tag));
}

fn websocket(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.method = "GET".to_owned();
    draft.field("Connection", chance.one_of(&["Upgrade", "keep-alive, Upgrade", "upgrade"]));
    draft.field("Upgrade", chance.one_of(&["websocket", "WebSocket"]));
    draft.field("Sec-WebSocket-Version", "13");
    draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    draft.about.tunnel = draft.hidden('t');
}

/// A handshake that is none.
fn websocket_odd(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(80) {
        draft.method = "GET".to_owned();
    }
    draft.field("Connection", "Upgrade");
    draft.field(
        "Upgrade",
        chance.one_of(&[
            "websocket",
            "websocket",
            "websocket, foo",
            "foo, websocket",
            "websocket/13",
            "web socket",
        ]),
    );
    match chance.below(7) {
        0 => draft.field("Sec-WebSocket-Version", "777"),
        1 => {}
        2 => {
            draft.field("Sec-WebSocket-Version", "13");
            draft.field("Sec-WebSocket-Key", "short");
        }
        3 => {
            draft.field("Sec-WebSocket-Version", "13");
            draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
            draft.field("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
        }
        4 => {
            draft.field("Sec-WebSocket-Version", "13");
            draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
            draft.field("Upgrade", "h2c");
        }
        5 => {
            draft.field("Sec-WebSocket-Version", "8");
            draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        _ => {
            draft.method = "POST".to_owned();
            draft.field("Sec-WebSocket-Version", "13");
            draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
    }
    draft.about.tunnel = draft.hidden('t');
}

fn other(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.field("Connection", "Upgrade");
    draft.field(
        "Upgrade",
        chance.one_of(&["TLS/1.0", "foo", "HTTP/2.0", "IRC/6.9", "HTTP/1.1", "connect-udp"]),
    );
    draft.about.tunnel = draft.hidden('t');
}
