//! The named hostile messages of `tests/hostile`, and properties over generated ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{ChunkDecoder, ChunkStep, Framing, HeadLimits, Reject, RequestHead, ResponseHead, Scan};

const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 128 };

/// The outcome of a message: the check that refused it, or `ok`, or `unfinished`.
fn judge(name: &str, input: &[u8]) -> (u16, &'static str) {
    let request = name.starts_with("request/");
    match if request { read_request(input) } else { read_response(input) } {
        Ok(true) => (200, "ok"),
        Ok(false) => (0, "unfinished"),
        Err(reject) => (if request { reject.status() } else { 502 }, reject.check()),
    }
}

fn read_request(input: &[u8]) -> Result<bool, Reject> {
    let mut head = RequestHead::new();
    let Scan::Complete(taken) = head.scan(input, &LIMITS)? else { return Ok(false) };
    read_body(head.framing(), &input[taken..])
}

fn read_response(input: &[u8]) -> Result<bool, Reject> {
    let mut head = ResponseHead::new();
    let Scan::Complete(taken) = head.scan(input, &LIMITS, "GET")? else { return Ok(false) };
    read_body(head.framing(), &input[taken..])
}

/// Whether a chunked body ends; other bodies hold nothing to be judged.
fn read_body(framing: Framing, mut rest: &[u8]) -> Result<bool, Reject> {
    if framing != Framing::Chunked {
        return Ok(true);
    }
    let mut decoder = ChunkDecoder::default();
    loop {
        let (taken, step) = decoder.decode(rest)?;
        rest = &rest[taken..];
        match step {
            ChunkStep::Data(_) => {}
            ChunkStep::More => return Ok(false),
            ChunkStep::Done => return Ok(true),
        }
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile"))
}

/// `expected.txt`: file, status, check.
fn expectations() -> BTreeMap<String, (u16, String)> {
    let text = fs::read_to_string(folder().join("expected.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [name, status, check] = words[..] else { panic!("`{line}` has not three words") };
            (name.to_owned(), (status.parse().unwrap(), check.to_owned()))
        })
        .collect()
}

fn files() -> BTreeSet<String> {
    let list = |kind: &str| {
        let entries = fs::read_dir(folder().join(kind)).unwrap();
        entries.map(|entry| format!("{kind}/{}", entry.unwrap().file_name().into_string().unwrap())).collect()
    };
    let lists: [Vec<String>; 2] = [list("request"), list("response")];
    lists.concat().into_iter().collect()
}

#[test]
fn every_file_has_an_expectation_and_the_reverse() {
    assert_eq!(files(), expectations().into_keys().collect());
}

#[test]
fn each_file_is_judged_by_the_expected_check() {
    let mut wrong = Vec::new();
    for (name, (status, check)) in expectations() {
        let input = fs::read(folder().join(&name)).unwrap();
        let found = judge(&name, &input);
        if found != (status, check.as_str()) {
            wrong.push(format!("{name}: expected {status} {check}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever is refused as a whole is refused, too, when it comes byte by byte: no prefix of it is a
/// message.
#[test]
fn no_prefix_of_a_refused_head_is_accepted() {
    for (name, (_, check)) in expectations() {
        let input = fs::read(folder().join(&name)).unwrap();
        // A head of a body that is refused later is fine by itself.
        if check == "ok" || name.contains("/chunk-") {
            continue;
        }
        // Long heads: every byte near the ends, and some between.
        let judged = (1..=input.len())
            .filter(|&end| end < 300 || input.len() - end < 300 || end % 97 == 0)
            .map(|end| judge(&name, &input[..end]))
            .find(|&(status, _)| status != 0);
        assert!(judged.is_some_and(|(status, _)| status >= 400), "{name}: {judged:?}");
    }
}

#[test]
fn every_check_of_the_scanner_has_a_file() {
    let covered: BTreeSet<_> = expectations().into_values().map(|(_, check)| check).collect();
    // `encoded-slash` is the gate's to refuse; the others have no form in HTTP/1 (tests/it/http2/malformed.rs).
    let elsewhere = ["encoded-slash", "scheme", "authority-and-host", "connection-field", "value-blanks"];
    let missing: Vec<_> = all_checks()
        .into_iter()
        .filter(|check| !elsewhere.contains(check) && !covered.contains(*check))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn e11_every_check_is_explained_with_its_status() {
    let page = include_str!("../../docs/what-is-refused.md");
    for (check, status) in Reject::CHECKS {
        let row = format!("| `{check}` | {status} |");
        assert!(page.contains(&row), "docs/what-is-refused.md lacks `{row}`");
    }
}

fn all_checks() -> BTreeSet<&'static str> {
    Reject::CHECKS.iter().map(|(check, _)| *check).collect()
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// The path of a valid request, escapes included.
    const PATH: &str = "(/([a-z0-9_~!$&'()*+,=:@-]|%2[0-4]|%C3%A4|[a-z][.;]){1,8}){0,4}/?";

    const QUERY: &str = "(\\?[a-z0-9\"<>{}|^`/?.:%&=\\[\\]]{0,20})?";

    fn field_lines() -> impl Strategy<Value = String> {
        let other = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}:[ \t]{0,2}([!-~]([ -~\t]{0,20}[!-~])?)?[ \t]{0,2}\r\n";
        let known = prop_oneof![
            Just("Connection: keep-alive, X-A\r\n".to_owned()),
            Just("connection:close\r\n".to_owned()),
            Just("Expect: 100-continue\r\n".to_owned()),
        ];
        let framing = prop_oneof![
            Just(String::new()),
            (0_u64..1000).prop_map(|length| format!("Content-Length: {length}\r\n")),
            Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("Connection: upgrade\r\nUpgrade: h2c\r\n".to_owned()),
        ];
        let others = prop::collection::vec(prop_oneof![4 => other, 1 => known], 0..40);
        (others, framing, any::<prop::sample::Index>()).prop_map(|(mut lines, framing, at)| {
            // The framing lies anywhere among the others; random names must not be known ones.
            lines.retain(|line| {
                let name = line.split(':').next().unwrap().to_ascii_lowercase();
                !["host", "te", "upgrade"].contains(&name.as_str())
            });
            lines.insert(at.index(lines.len() + 1), framing);
            lines.concat()
        })
    }

    fn request() -> impl Strategy<Value = Vec<u8>> {
        ("(\r\n){0,16}", "[A-Z]{1,10}", PATH, QUERY, field_lines()).prop_map(
            |(empty, method, path, query, lines)| {
                let path = if path.is_empty() { "/" } else { &path };
                // Two methods are never served.
                let method = if method == "TRACE" || method == "CONNECT" { "GET" } else { &method };
                format!("{empty}{method} {path}{query} HTTP/1.1\r\nHost: a.example:80\r\n{lines}\r\n")
                    .into_bytes()
            },
        )
    }

    /// All that a head says, as one text.
    fn meaning(head: &RequestHead) -> String {
        let fields: Vec<_> =
            head.fields().map(|field| (field.name, field.value.escape_ascii().to_string())).collect();
        format!(
            "{} {} {} {:?} {:?} {} {:?} {} {} {:?} {:?} {:?}",
            head.method(),
            head.target(),
            head.path(),
            head.query(),
            head.version(),
            head.host(),
            head.framing(),
            head.keep_alive(),
            head.expects_continue(),
            head.websocket_key(),
            head.connection_options().collect::<Vec<_>>(),
            fields
        )
    }

    /// Writes a head anew from what the scanner says about it.
    fn serialise(head: &RequestHead) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", head.method(), head.target()).into_bytes();
        for field in head.fields() {
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(field.value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// Bytes that look enough like HTTP to get past the first checks.
    fn almost_http() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            &b"GET "[..],
            b"/",
            b" HTTP/1.1",
            b" HTTP/1.0",
            b"\r\n",
            b"\n",
            b"\r",
            b"Host: a",
            b"Content-Length: 3",
            b"Transfer-Encoding: chunked",
            b"Connection: upgrade",
            b"Upgrade: x",
            b"HTTP/1.1 200 OK",
            b"..",
            b"%2e",
            b"%2f",
            b"%",
            b"?",
            b"#",
            b"\\",
            b";",
            b"\0",
            b" ",
            b"\t",
            b":",
            b"a",
            b"\xe4",
            b"5",
            b",",
        ]);
        let any_piece =
            prop_oneof![9 => pieces.prop_map(<[u8]>::to_vec), 1 => any::<u8>().prop_map(|byte| vec![byte])];
        prop::collection::vec(any_piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    /// A server's possible reading of a path: `;params` dropped, decoded up to twice.
    fn readings(path: &str) -> Vec<Vec<u8>> {
        let once = decode(path.as_bytes());
        let twice = decode(&once);
        vec![path.as_bytes().to_vec(), once, twice]
    }

    fn decode(path: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = path;
        while let Some((&byte, next)) = rest.split_first() {
            rest = next;
            let hex = next.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(value) if byte == b'%' => {
                    out.push(value);
                    rest = &next[2..];
                }
                _ => out.push(byte),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_split_of_a_head_gives_the_same(
            input in request(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut whole = RequestHead::new();
            prop_assert_eq!(whole.scan(&input, &LIMITS), Ok(Scan::Complete(input.len())));
            let mut split = RequestHead::new();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len())).collect();
            ends.sort_unstable();
            for end in ends {
                prop_assert_eq!(split.scan(&input[..end], &LIMITS), Ok(Scan::Partial));
            }
            let mut longer = input.clone();
            longer.extend_from_slice(b"body or next request\r\n\r\n");
            prop_assert_eq!(split.scan(&longer, &LIMITS), Ok(Scan::Complete(input.len())));
            prop_assert_eq!(meaning(&split), meaning(&whole));
        }

        #[test]
        fn a_head_written_anew_means_the_same(input in request()) {
            let mut head = RequestHead::new();
            prop_assert_eq!(head.scan(&input, &LIMITS), Ok(Scan::Complete(input.len())));
            let anew = serialise(&head);
            let mut second = RequestHead::new();
            prop_assert_eq!(second.scan(&anew, &LIMITS), Ok(Scan::Complete(anew.len())));
            prop_assert_eq!(meaning(&second), meaning(&head));
            prop_assert_eq!(serialise(&second), anew);
        }

        #[test]
        fn no_reading_of_an_accepted_path_has_dot_segments(
            path in "(/|\\.|;|a|%2e|%2E|%2f|%3b|%5c|%25|2e|2f|3b|%20|%00|%c0%ae|%EF%BC%8E){1,10}",
        ) {
            let mut head = RequestHead::new();
            let input = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
            if head.scan(input.as_bytes(), &LIMITS).is_ok() {
                let path = head.path();
                let inner = path.trim_start_matches('/').trim_end_matches('/');
                prop_assert!(!path.contains("//") && !inner.split('/').any(str::is_empty) || inner.is_empty());
                for reading in readings(path) {
                    for segment in reading.split(|&byte| byte == b'/' || byte == b'\\') {
                        let name = segment.split(|&byte| byte == b';').next().unwrap().trim_ascii_end();
                        prop_assert!(name != b"." && name != b"..", "{} {}", path, segment.escape_ascii());
                    }
                    prop_assert!(!reading.contains(&0) && !reading.contains(&b'\\'));
                }
                // The flag for slashes agrees with the path.
                prop_assert_eq!(head.encoded_slash(), path.to_ascii_lowercase().contains("%2f"));
            }
        }

        #[test]
        fn any_bytes_end_in_an_answer(input in almost_http()) {
            for name in ["request/x", "response/x"] {
                judge(name, &input);
            }
        }

        #[test]
        fn an_accepted_head_has_no_loose_byte(input in almost_http()) {
            let mut head = RequestHead::new();
            if let Ok(Scan::Complete(end)) = head.scan(&input, &LIMITS) {
                let lines = input[..end].split_inclusive(|&byte| byte == b'\n');
                for line in lines {
                    let text = line.strip_suffix(b"\r\n");
                    let loose = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
                    prop_assert!(text.is_some_and(|text| !loose(text)), "{}", line.escape_ascii());
                }
                prop_assert_eq!(head.fields().filter(|field| field.name.eq_ignore_ascii_case("host")).count(), 1);
            }
        }
    }
}
