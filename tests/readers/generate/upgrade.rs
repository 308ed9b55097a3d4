//! Upgrades, and what is sent in a tunnel.

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Framing, Tokens},
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
    // Clients of Java and curl send it beside a body.
    if chance.odds(25) {
        chance.one_of(&["POST", "PUT", "GET"]).clone_into(&mut draft.method);
        draft.body = draft.hidden('s');
        draft.framing = if chance.odds(30) { Framing::Chunked } else { Framing::Length };
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
    match chance.below(11) {
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
        6 => {
            draft.method = "POST".to_owned();
            whole(draft);
        }
        7 => {
            draft.version = "HTTP/1.0";
            whole(draft);
        }
        8 => {
            whole(draft);
            draft.body = draft.hidden('s');
            draft.framing = if chance.odds(50) { Framing::Chunked } else { Framing::Length };
        }
        9 => {
            whole(draft);
            draft.field("Connection", "Sec-WebSocket-Key, Sec-WebSocket-Version");
        }
        _ => {
            whole(draft);
            draft.field("Content-Length", "0");
            draft.field("Expect", "100-continue");
        }
    }
    draft.about.tunnel = draft.hidden('t');
}

fn whole(draft: &mut Draft) {
    draft.field("Sec-WebSocket-Version", "13");
    draft.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
}

fn other(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.field("Connection", "Upgrade");
    draft.field(
        "Upgrade",
        chance.one_of(&[
            "TLS/1.0",
            "foo",
            "HTTP/2.0",
            "IRC/6.9",
            "HTTP/1.1",
            "connect-udp",
            "tcp",
            "SPDY/3.1",
            "websocket2",
            "web_socket",
            "PTTH/1.0",
            "TLS/1.0, HTTP/1.1",
        ]),
    );
    draft.about.tunnel = draft.hidden('t');
}
