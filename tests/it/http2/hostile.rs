//! The hostile messages of HTTP/1 that HTTP/2 can express are refused by the same checks.

use std::{fs, path::Path};

use super::gate;
use crate::support::{
    App, Http2,
    http2::{DATA, END_HEADERS, END_STREAM, Lost, PROTOCOL_ERROR, list},
};

/// A message as HTTP/2 would carry it: the list of fields, and the body.
struct Message {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

/// `None` if it cannot be expressed: it is hostile in how HTTP/1 separates its parts, or by a field that HTTP/2 does not
/// have.
fn express(bytes: &[u8]) -> Option<Message> {
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")?;
    let mut lines =
        bytes[..end].split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if bytes[..end + 2]
        .windows(2)
        .any(|pair| (pair[1] == b'\n') != (pair[0] == b'\r') && (pair[1] == b'\n' || pair[0] == b'\r'))
    {
        return None;
    }
    let line = lines.next()?;
    let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
    let [method, target, b"HTTP/1.1"] = words[..] else { return None };
    let mut fields = vec![
        (b":method".to_vec(), method.to_vec()),
        (b":scheme".to_vec(), b"https".to_vec()),
        (b":path".to_vec(), target.to_vec()),
    ];
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec());
        let of_http_1 =
            [&b"transfer-encoding"[..], b"connection", b"upgrade", b"te", b"keep-alive", b"http2-settings"];
        if name.is_empty() || name.starts_with(b" ") || of_http_1.contains(&&name[..]) {
            return None;
        }
        fields.push((name, value));
    }
    Some(Message { fields, body: bytes[end + 4..].to_vec() })
}

/// Messages that HTTP/1 serves, and h2 does not: a `"`, `<` or `>` in a query.
const DIFFERENT: [&str; 1] = ["request/path-ok-open-query.http"];

/// Whether the answer is that of the check.
fn names(answer: &str, check: &str) -> bool {
    // LoopBack's own error says what cannot be decoded.
    answer.contains(&format!("({check})")) || (check == "percent-escape" && answer.contains("URIError"))
}

#[test]
fn what_http_1_refuses_is_refused_by_the_same_check() {
    let app = App::answering(|_| crate::support::answer("200 OK", "", "served"));
    let (gate, authority) =
        gate(&app, |setup| setup.set("server.max_header_bytes", "8kB").set("server.max_headers", "128"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let expected = fs::read_to_string(folder.join("expected.txt")).unwrap();
    let (mut judged, mut by_check, mut wrong) = (0, 0, Vec::new());
    for row in expected.lines().filter(|line| line.starts_with("request/")) {
        let words: Vec<_> = row.split_whitespace().collect();
        let [name, status, check] = words[..] else { panic!("{row}") };
        // Chunks are framing of HTTP/1.
        if name.contains("/chunk-") {
            continue;
        }
        let Some(Message { fields, body }) = express(&fs::read(folder.join(name)).unwrap()) else { continue };
        // A length that is not that of the data is malformed in itself (RFC 9113 section 8.1.1).
        let length = fields.iter().find(|(name, _)| name == b"content-length").map(|(_, value)| value);
        if status == "200"
            && (length.is_some_and(|length| *length != body.len().to_string().as_bytes())
                || DIFFERENT.contains(&name))
        {
            continue;
        }
        judged += 1;
        let mut client = Http2::open(&gate, "gate.test", &authority);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let stream = client.block(END_HEADERS | if body.is_empty() { END_STREAM } else { 0 }, &list(&fields));
        if !body.is_empty() {
            client.try_send(DATA, END_STREAM, stream, &body);
        }
        match client.answer(stream) {
            // The names of these messages are not that of the handshake: a 421 says that the head was read.
            Ok(answer) if status == "200" && matches!(answer.status, 200 | 421) => {}
            Ok(answer) if answer.status.to_string() == status && names(answer.text(), check) => {
                by_check += 1;
            }
            // What h2 refuses before the gate sees it.
            Err(Lost::Reset(PROTOCOL_ERROR) | Lost::Connection(Some(PROTOCOL_ERROR))) if status != "200" => {}
            other => wrong.push(format!("{row}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > 150 && by_check > 80, "{judged} {by_check}");
    assert!(app.requests().iter().all(|request| !request.target().contains("..")));
}
