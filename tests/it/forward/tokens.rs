//! Streams and tunnels end with their token, within a second.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::support::{App, Client, Connection, GUARD, Gate, Setup, SignedUp, answer};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Close, 1008 (RFC 6455 section 7.4.1).
const CLOSED: [u8; 4] = [0x88, 2, 0x03, 0xf0];
const TEXT: &[u8] = b"\x81\x05hello";

/// Waits in silence, sends without an end, or never answers; the last message of its channel says that the gate has
/// closed.
fn app() -> (App, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(head) = connection.head() {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            if target.starts_with("/quick") {
                connection.send(answer("200 OK", "", "quick"));
                continue;
            }
            if target == "/wait" {
                tell.send("begun".to_owned()).unwrap();
            }
            stream(connection, &target);
            tell.send(target).unwrap();
            return;
        }
    });
    (app, told)
}

fn stream(connection: &mut Connection, target: &str) {
    match target {
        "/socket/quiet" => connection.send(SWITCH),
        "/socket/half" => connection.send([SWITCH.as_bytes(), b"\x82\x7e\x01\x00half"].concat()),
        "/socket/busy" => {
            connection.send(SWITCH);
            while connection.send(TEXT.repeat(1000)) {}
            false
        }
        "/events/quiet" => connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        "/events/busy" => {
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            while connection.send(b"data: x\n\n".repeat(1000)) {}
            false
        }
        "/file" => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun"),
        _ => false,
    };
    while !connection.piece().is_empty() {}
}

fn upgrade(target: &str, token: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn open_socket(gate: &Gate, target: &str, token: &str) -> Client {
    let mut client = gate.client();
    client.send(upgrade(target, token));
    client.head().expect(101);
    client
}

fn open_stream(gate: &Gate, target: &str, token: &str) -> Client {
    let mut client = gate.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n"));
    client.head().expect(200);
    client
}

pub(super) fn log_in(gate: &Gate, name: &str) -> String {
    let login = json!({"username": name, "password": "a-good-password"});
    gate.client().post_json("/api/users/login", "", &login).expect(200).json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub(super) fn log_out(gate: &Gate, token: &str) {
    let lines = format!("Authorization: {token}\r\n");
    gate.client().ask("POST", "/api/users/logout", &lines, b"").expect(204);
}

/// Nothing but a close frame, and the end.
fn expect_closed(socket: &mut Client) {
    assert_eq!(socket.take(4), CLOSED);
    socket.expect_close();
}

/// A way to end a token.
pub(super) type End = fn(&Gate, &SignedUp);

pub(super) const ENDS: [(&str, End); 4] = [
    ("logout", |gate, user| log_out(gate, &user.token)),
    ("password change", |gate, _| {
        let other = log_in(gate, "ann");
        let change = json!({"oldPassword": "a-good-password", "newPassword": "another-password"});
        gate.client().post_json("/api/users/change-password", &other, &change).expect(204);
    }),
    ("delete", |gate, user| {
        let lines = format!("Authorization: {}\r\n", user.token);
        gate.client().ask("DELETE", &format!("/api/users/{}", user.id), &lines, b"").expect(200);
    }),
    ("expiry", |gate, _| gate.advance(Duration::from_secs(1_209_601))),
];

#[test]
fn c4_streams_and_tunnels_end_with_their_token() {
    for threads in ["1", "2"] {
        for (name, end) in ENDS {
            let (app, told) = app();
            let setup = Setup::new(&app).set("policies.unmatched", "allow").set("server.threads", threads);
            let gate = Gate::start(setup.with_manual_clock());
            let ann = gate.sign_up("ann");
            let mut sockets: Vec<_> =
                (0..3).map(|_| open_socket(&gate, "/socket/quiet", &ann.token)).collect();
            let mut events = open_stream(&gate, "/events/quiet", &ann.token);
            let mut file = open_stream(&gate, "/file", &ann.token);
            let mut anonymous = open_socket(&gate, "/socket/quiet", "");
            end(&gate, &ann);
            sockets.iter_mut().for_each(expect_closed);
            // A chunked body without its end, and a length that is not there.
            assert_eq!(events.rest(), "", "{name}");
            assert_eq!(file.rest(), "begun", "{name}");
            for _ in 0..5 {
                let target =
                    told.recv_timeout(GUARD).unwrap_or_else(|_| panic!("{name}: the app still waits"));
                assert!(!target.is_empty());
            }
            assert!(
                !anonymous.is_answered_within(Duration::from_millis(1)),
                "{name}: an anonymous one is cut"
            );
        }
    }
}

#[test]
fn c4_busy_ones_end_too_and_no_frame_is_torn() {
    let (app, told) = app();
    let gate = Gate::open(&app);
    let ann = gate.sign_up("ann");
    let mut socket = open_socket(&gate, "/socket/busy", &ann.token);
    let mut writer = Client::same(&socket);
    let enough = Arc::new(AtomicBool::new(false));
    let is_enough = Arc::clone(&enough);
    let writing = thread::spawn(move || {
        let frames = [0x82, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9].repeat(1000);
        while !is_enough.load(Ordering::Acquire) && writer.try_send(&frames).is_ok() {}
    });
    let mut events = open_stream(&gate, "/events/busy", &ann.token);
    let reading = thread::spawn(move || events.raw_rest());
    assert_eq!(socket.take(70_000), TEXT.repeat(10_000));
    log_out(&gate, &ann.token);
    let rest = socket.raw_rest();
    enough.store(true, Ordering::Release);
    let (frames, end) = rest.split_at(rest.len() - 4);
    assert_eq!(end, CLOSED);
    assert!(frames.chunks(TEXT.len()).all(|frame| frame == TEXT), "a frame is torn");
    let events = reading.join().unwrap();
    assert!(!events.ends_with(b"0\r\n\r\n"), "it looks whole");
    writing.join().unwrap();
    for _ in 0..2 {
        told.recv_timeout(GUARD).unwrap();
    }
}

#[test]
fn c4_in_the_middle_of_a_frame_there_is_no_close_frame() {
    let (app, told) = app();
    let gate = Gate::open(&app);
    let ann = gate.sign_up("ann");
    let mut socket = open_socket(&gate, "/socket/half", &ann.token);
    assert_eq!(socket.take(8), b"\x82\x7e\x01\x00half");
    log_out(&gate, &ann.token);
    socket.expect_close();
    told.recv_timeout(GUARD).unwrap();
}

#[test]
fn c4_a_request_without_an_answer_yet_is_a_401() {
    let (app, told) = app();
    let gate = Gate::open(&app);
    for (method, framing) in [("GET", ""), ("POST", "Content-Length: 100\r\n")] {
        let ann = gate.sign_up(&format!("ann{}", method.len()));
        let mut client = gate.client();
        let head = format!("{method} /wait HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n", ann.token);
        client.send(format!("{head}{framing}\r\n"));
        assert_eq!(told.recv_timeout(GUARD).unwrap(), "begun");
        log_out(&gate, &ann.token);
        client.response().expect(401);
        assert_eq!(told.recv_timeout(GUARD).unwrap(), "/wait", "the app still waits");
    }
}

#[test]
fn c4_a_token_that_is_given_a_shorter_life_ends_its_streams() {
    let policy = r#"{"name": "User", "base": "User",
        "acls": [{"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#;
    let (app, _told) = app();
    let setup = Setup::new(&app).policy("user.json", policy).set("policies.unmatched", "allow");
    let gate = Gate::start(setup.with_manual_clock());
    let ann = gate.sign_up("ann");
    let other = log_in(&gate, "ann");
    let mut socket = open_socket(&gate, "/socket/quiet", &ann.token);
    let target = format!("/api/users/{}/accessTokens/{}", ann.id, ann.token);
    let lines = format!("Authorization: {other}\r\nContent-Type: application/json\r\n");
    gate.client().ask("PUT", &target, &lines, br#"{"ttl": 10}"#).expect(200);
    gate.advance(Duration::from_secs(11));
    expect_closed(&mut socket);
}

#[test]
fn c4_other_tokens_and_uses_that_extend_one_keep_streams() {
    let (app, _told) = app();
    let setup = Setup::new(&app).set("users.sliding_ttl", "true").set("users.ttl", "100");
    let gate = Gate::start(setup.with_manual_clock());
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut kept = open_socket(&gate, "/socket/quiet", &ann.token);
    let mut ended = open_socket(&gate, "/socket/quiet", &bob.token);
    let second = log_in(&gate, "ann");
    log_out(&gate, &second);
    gate.advance(Duration::from_secs(60));
    let lines = format!("Authorization: {}\r\n", ann.token);
    gate.client().ask("GET", "/quick", &lines, b"").expect(200);
    gate.advance(Duration::from_secs(60));
    expect_closed(&mut ended);
    assert!(!kept.is_answered_within(Duration::from_millis(1)), "its token was used");
    kept.socket().set_read_timeout(Some(GUARD)).unwrap();
    log_out(&gate, &ann.token);
    expect_closed(&mut kept);
}

#[test]
fn c4_a_close_of_the_apps_own_is_the_last_word() {
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        connection.head().unwrap();
        connection.send([SWITCH.as_bytes(), b"\x88\x02\x03\xe8"].concat());
        may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
    });
    let gate = Gate::open(&app);
    let ann = gate.sign_up("ann");
    let mut socket = open_socket(&gate, "/socket", &ann.token);
    assert_eq!(socket.take(4), b"\x88\x02\x03\xe8");
    log_out(&gate, &ann.token);
    socket.expect_close();
    go.send(()).unwrap();
}
