//! Any bytes as a request: what is accepted has one reading, and keeps it when it is written anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::wire::{Framing, HeadLimits, RequestHead, Scan};

const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 64 };

fuzz_target!(|input: &[u8]| {
    let mut head = RequestHead::new();
    let Ok(Scan::Complete(end)) = head.scan(input, &LIMITS) else { return };
    assert!(end <= input.len());
    check_lines(&input[..end]);
    check_path(head.path());
    check_fields(&head);
    check_method(&head);

    // The head alone is enough, and any part of it is not.
    let mut again = RequestHead::new();
    assert_eq!(again.scan(&input[..end], &LIMITS), Ok(Scan::Complete(end)));
    assert_eq!(again.scan(&input[..end - 1], &LIMITS), Ok(Scan::Partial));
    assert_eq!(again.scan(&input[..end / 2], &LIMITS), Ok(Scan::Partial));

    let anew = serialise(&head);
    // Blanks around values are gone, but a `: ` may have come.
    let roomy = HeadLimits { bytes: 16384, fields: 64 };
    assert_eq!(again.scan(&anew, &roomy), Ok(Scan::Complete(anew.len())));
    assert_eq!(serialise(&again), anew);
    assert_eq!(again.framing(), head.framing());
    assert_eq!(again.keep_alive(), head.keep_alive());
    assert_eq!(again.websocket_key(), head.websocket_key());
});

fn check_lines(head: &[u8]) {
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("a line ends with CR LF");
        assert!(!text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

fn check_path(path: &str) {
    assert!(path.starts_with('/') && !path.contains("//"));
    assert!(path.bytes().all(|byte| (0x21..0x7f).contains(&byte) && !matches!(byte, b'#' | b'\\' | b'?')));
    for decoded in [decode(path.as_bytes()), decode(&decode(path.as_bytes()))] {
        assert!(!decoded.contains(&b'\\'));
        for segment in decoded.split(|&byte| byte == b'/') {
            let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
            assert!(name != b"." && name != b"..");
        }
    }
}

fn check_fields(head: &RequestHead) {
    let count = |name: &str| head.fields().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
    assert_eq!(count("host"), 1);
    assert!(count("content-length") + count("transfer-encoding") <= 1);
    match head.framing() {
        Framing::Empty => assert_eq!(count("content-length") + count("transfer-encoding"), 0),
        Framing::Length(length) => {
            assert_eq!(count("content-length"), 1);
            assert!(i64::try_from(length).is_ok());
        }
        Framing::Chunked => assert_eq!(count("transfer-encoding"), 1),
        Framing::UntilClose => panic!("a request does not end with its connection"),
    }
}

/// A method has one spelling, and only a GET without a body opens a WebSocket.
fn check_method(head: &RequestHead) {
    assert!(!head.method().bytes().any(|byte| byte.is_ascii_lowercase()));
    if let Some(key) = head.websocket_key() {
        assert_eq!((head.method(), key.len()), ("GET", 24));
        assert!(matches!(head.framing(), Framing::Empty | Framing::Length(0)));
        let count = |name: &str| head.fields().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
        for name in ["upgrade", "sec-websocket-key", "sec-websocket-version"] {
            assert_eq!(count(name), 1);
        }
    }
}

fn serialise(head: &RequestHead) -> Vec<u8> {
    let version = match head.version() {
        portcullis::wire::Version::Http10 => "HTTP/1.0",
        portcullis::wire::Version::Http11 => "HTTP/1.1",
    };
    let mut out = format!("{} {} {version}\r\n", head.method(), head.target()).into_bytes();
    for field in head.fields() {
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(field.value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Decodes what can be decoded and leaves the rest.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((&byte, next)) = rest.split_first() {
        rest = next;
        let digits = next.split_first_chunk::<2>().filter(|_| byte == b'%');
        let value = digits.and_then(|(&[high, low], _)| {
            Some(char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?)
        });
        match value {
            Some(value) => {
                out.push(value as u8);
                rest = &next[2..];
            }
            None => out.push(byte),
        }
    }
    out
}
