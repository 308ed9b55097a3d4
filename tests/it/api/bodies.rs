//! Bodies that are none, or too large.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
};

use serde_json::{Value, json};

use super::{PASSWORD, ask, gate};
use crate::support::GUARD;

#[test]
fn a_body_that_is_no_json_is_a_400_before_anything_else() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        // Also where the rules would have said no, and where no body is wanted.
        for (verb, target) in [
            ("POST", "/api/users"),
            ("POST", "/api/users/login"),
            ("POST", "/api/users/logout"),
            ("PATCH", "/api/users/2"),
            ("GET", "/api/users/1"),
        ] {
            let lines = format!("Content-Type: application/json\r\nX-Access-Token: {}\r\n", ann.token);
            let answer = client.ask(verb, target, &lines, b"{\"email\": \"a@b.c\",").expect(400);
            let error = answer.json()["error"].clone();
            assert_eq!(
                (&error["statusCode"], &error["name"]),
                (&json!(400), &json!("SyntaxError")),
                "{profile}: {target}"
            );
        }
        assert_eq!(
            ask(&mut client, "GET", "/api/users/1", &ann.token, &Value::Null).status,
            200,
            "{profile}: logged out"
        );
    }
}

#[test]
fn a_body_within_the_limit_is_read_and_one_byte_more_is_a_413() {
    let (_app, gate) = gate("standard");
    gate.sign_up("ann");
    let body = json!({"username": "ann", "password": PASSWORD}).to_string();
    let fill = |size: usize| format!("{body}{}", " ".repeat(size - body.len()));
    let json = "Content-Type: application/json\r\n";
    let mut client = gate.client();
    client.ask("POST", "/api/users/login", json, fill(100 * 1024).as_bytes()).expect(200);
    let refused = client.ask("POST", "/api/users/login", json, fill(100 * 1024 + 1).as_bytes()).expect(413);
    assert_eq!(
        refused.text(),
        r#"{"error":{"statusCode":413,"name":"PayloadTooLargeError","message":"request entity too large"}}"#
    );
}

/// A login with a body that never ends, and the pieces of it.
fn endless() -> [(String, Vec<u8>); 2] {
    let piece = vec![b' '; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    let head = "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    [
        (format!("{head}Content-Length: 200000000\r\n\r\n"), piece),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), chunk),
    ]
}

fn expect_413(stream: &mut TcpStream) {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer, no reset");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_413_arrives_while_200_mb_are_being_sent() {
    let (_app, gate) = gate("standard");
    for (head, piece) in endless() {
        let mut stream = TcpStream::connect(gate.address()).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        let mut sending = stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            sending.write_all(head.as_bytes()).unwrap();
            // The gate may close before the end.
            let _ = (0..200_000_000 / 65_536).try_for_each(|_| sending.write_all(&piece));
        });
        expect_413(&mut stream);
        sender.join().unwrap();
    }
    gate.sign_up("ann");
}

#[test]
fn a_413_waits_for_a_client_that_sends_all_before_it_reads() {
    let (_app, gate) = gate("standard");
    for (head, piece) in endless() {
        let mut stream = TcpStream::connect(gate.address()).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..100 {
            stream.write_all(&piece).unwrap();
        }
        expect_413(&mut stream);
    }
}

#[test]
fn a_body_nested_beyond_measure_is_refused_and_the_gate_lives() {
    let (_app, gate) = gate("loopback3");
    let deep = format!("{}1{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
    let deep = format!(r#"{{"email":"a@b.c","password":"{PASSWORD}","x":{deep}}}"#);
    let answer =
        gate.client().ask("POST", "/api/users", "Content-Type: application/json\r\n", deep.as_bytes());
    assert_eq!(answer.status, 400, "{}", answer.text());
    gate.sign_up("ann");
}
