//! The client's frames: lengths, pings, reserved bits and opcodes, fragments, UTF-8, closing, large messages,
//! compression.

use super::frame::{masked, unmasked};

/// One connection.
pub(super) struct Case {
    pub(super) name: String,
    /// A header line with its CRLF, or nothing.
    pub(super) extensions: String,
    pub(super) steps: Vec<Step>,
}

pub(super) enum Step {
    Send(Vec<u8>),
    /// Wait for so many messages.
    Await(usize),
}

use Step::{Await, Send};

const FIN: u8 = 0x80;
const CONTINUED: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for list in [lengths(), pings(), reserved(), fragments(), utf8(), closing(), large(), compressed()] {
        cases.extend(list);
    }
    cases
}

fn case(name: impl Into<String>, steps: Vec<Step>) -> Case {
    Case { name: name.into(), extensions: String::new(), steps }
}

fn bye() -> Step {
    Send(masked(FIN | CLOSE, &1000_u16.to_be_bytes()))
}

/// A message, its echo, and the end.
fn echoed(name: impl Into<String>, frames: Vec<Vec<u8>>) -> Case {
    let mut steps: Vec<Step> = frames.into_iter().map(Send).collect();
    steps.extend([Await(1), bye()]);
    case(name, steps)
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 125, 126, 127, 128, 1000, 65535, 65536, 70_000] {
        for kind in [TEXT, BINARY] {
            let frame = masked(FIN | kind, &vec![b'*'; length]);
            cases.push(echoed(format!("length {length} of {kind}"), vec![frame.clone()]));
            let pieces = frame.chunks(997).map(<[u8]>::to_vec).collect();
            cases.push(echoed(format!("length {length} of {kind} in pieces"), pieces));
        }
    }
    cases
}

fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    for payload in [&b""[..], b"Hello", b"\x00\xff\xfe\xfd", &[0xfe; 125]] {
        cases
            .push(case(format!("ping of {}", payload.len()), vec![Send(masked(FIN | PING, payload)), bye()]));
        let bytes = masked(FIN | PING, payload).iter().map(|byte| Send(vec![*byte])).chain([bye()]).collect();
        cases.push(case(format!("ping of {} by bytes", payload.len()), bytes));
        cases
            .push(case(format!("pong of {}", payload.len()), vec![Send(masked(FIN | PONG, payload)), bye()]));
    }
    cases.push(case("ping of 126", vec![Send(masked(FIN | PING, &[0xfe; 126]))]));
    let ten: Vec<u8> =
        (0..10).flat_map(|at| masked(FIN | PING, format!("payload-{at}").as_bytes())).collect();
    cases.push(case("ten pings", vec![Send(ten), bye()]));
    cases.push(case(
        "ping, then text",
        vec![Send([masked(FIN | PING, b"p"), masked(FIN | TEXT, b"t")].concat()), Await(1), bye()],
    ));
    cases
}

fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 1..8_u8 {
        for kind in [TEXT, BINARY, PING, CLOSE] {
            let bad = masked(FIN | bits << 4 | kind, b"");
            cases.push(case(format!("reserved bits {bits} of {kind}"), vec![Send(bad.clone())]));
            cases.push(case(
                format!("reserved bits {bits} of {kind} after a text"),
                vec![Send(masked(FIN | TEXT, b"Hello")), Await(1), Send(bad)],
            ));
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"reserved"] {
            let bad = masked(FIN | opcode, payload);
            cases.push(case(format!("opcode {opcode} of {}", payload.len()), vec![Send(bad.clone())]));
            cases.push(case(
                format!("opcode {opcode} of {} after a text", payload.len()),
                vec![Send(masked(FIN | TEXT, b"Hello")), Await(1), Send(bad)],
            ));
        }
    }
    cases.push(case("a frame without a mask", vec![Send(unmasked(FIN | TEXT, b"Hello"))]));
    cases
}

fn fragments() -> Vec<Case> {
    let (first, second) = (masked(TEXT, b"fragment1"), masked(FIN | CONTINUED, b"fragment2"));
    let ping = masked(FIN | PING, b"ping");
    let mut cases = vec![
        echoed("two fragments", vec![first.clone(), second.clone()]),
        echoed("two fragments at once", vec![[first.clone(), second.clone()].concat()]),
        echoed("a ping between fragments", vec![first.clone(), ping.clone(), second.clone()]),
        case("a fragmented ping", vec![Send(masked(PING, b"a")), Send(masked(FIN | CONTINUED, b"b"))]),
        case("a fragmented pong", vec![Send(masked(PONG, b"a")), Send(masked(FIN | CONTINUED, b"b"))]),
        case("a continuation of nothing", vec![Send(second.clone())]),
        case("an unfinished continuation of nothing", vec![Send(masked(CONTINUED, b"x"))]),
        case("a text inside of a text", vec![Send(first.clone()), Send(masked(FIN | TEXT, b"x"))]),
        case(
            "a continuation after a message",
            vec![Send(masked(FIN | TEXT, b"x")), Await(1), Send(second.clone())],
        ),
        case("a close between fragments", vec![Send(first), bye()]),
    ];
    for count in [3, 5, 17] {
        for kind in [TEXT, BINARY] {
            let mut frames = vec![masked(kind, b"a")];
            for at in 1..count {
                frames.push(ping.clone());
                frames.push(masked(if at + 1 == count { FIN } else { 0 }, format!("{at}").as_bytes()));
            }
            cases.push(echoed(format!("{count} fragments of {kind} with pings"), frames));
        }
    }
    cases
}

fn utf8() -> Vec<Case> {
    let good: &[&[u8]] = &[
        "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
        "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}".as_bytes(),
        "\u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}".as_bytes(),
        "\u{d7ff}\u{e000}\u{fffd}\u{fffe}".as_bytes(),
    ];
    let bad: &[&[u8]] = &[
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0 \xc1 ",
        b"\xe0 \xe1 ",
        b"\xf0 \xf1 ",
        b"\xf8 ",
        b"\xfe",
        b"\xff",
        b"\xfe\xfe\xff\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xed\xaf\xbf",
        b"\xed\xb0\x80",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"a\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
    ];
    let mut cases = Vec::new();
    for text in good.iter().chain(bad) {
        let is_good = std::str::from_utf8(text).is_ok();
        let name = format!("text {}", text.escape_ascii());
        let made = |name: String, frames| {
            if is_good { echoed(name, frames) } else { case(name, frames.into_iter().map(Send).collect()) }
        };
        cases.push(made(name.clone(), vec![masked(FIN | TEXT, text)]));
        let single: Vec<Vec<u8>> = text
            .iter()
            .enumerate()
            .map(|(at, byte)| masked(if at == 0 { TEXT } else { CONTINUED }, &[*byte]))
            .chain([masked(FIN | CONTINUED, b"")])
            .collect();
        cases.push(made(format!("{name} by bytes"), single));
    }
    cases
}

fn closing() -> Vec<Case> {
    let mut cases = vec![
        case("close without a code", vec![Send(masked(FIN | CLOSE, b""))]),
        case("close of one byte", vec![Send(masked(FIN | CLOSE, b"a"))]),
        case("close twice", vec![bye(), bye()]),
        case(
            "text after close",
            vec![Send([masked(FIN | CLOSE, &1000_u16.to_be_bytes()), masked(FIN | TEXT, b"x")].concat())],
        ),
        case(
            "ping after close",
            vec![Send([masked(FIN | CLOSE, &1000_u16.to_be_bytes()), masked(FIN | PING, b"x")].concat())],
        ),
        case("close with a bad reason", vec![Send(masked(FIN | CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80"))]),
        case("a fragmented close", vec![Send(masked(CLOSE, &1000_u16.to_be_bytes()))]),
    ];
    for length in [1, 50, 123, 124] {
        let payload = [&1000_u16.to_be_bytes()[..], &vec![b'*'; length]].concat();
        cases.push(case(
            format!("close with a reason of {length}"),
            vec![Send(masked(FIN | CLOSE, &payload))],
        ));
    }
    for code in [
        0_u16, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535,
    ] {
        cases.push(case(format!("close {code}"), vec![Send(masked(FIN | CLOSE, &code.to_be_bytes()))]));
    }
    cases
}

fn large() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [256 << 10, 900 << 10] {
        for kind in [TEXT, BINARY] {
            let payload = vec![b'*'; length];
            cases.push(echoed(format!("{length} bytes of {kind}"), vec![masked(FIN | kind, &payload)]));
            for piece in [4096, 65536] {
                let count = length.div_ceil(piece);
                let frames = payload.chunks(piece).enumerate().map(|(at, part)| {
                    let fin = if at + 1 == count { FIN } else { 0 };
                    masked(fin | if at == 0 { kind } else { CONTINUED }, part)
                });
                cases
                    .push(echoed(format!("{length} bytes of {kind} in frames of {piece}"), frames.collect()));
            }
        }
    }
    cases
}

fn compressed() -> Vec<Case> {
    // "Hello", from RFC 7692 section 7.2.3.1, and what is not a deflate stream.
    let hello: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let offers = [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; unknown",
        "permessage-deflate, permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame",
        "permessage-bzip2, permessage-deflate",
    ];
    let mut cases = Vec::new();
    for offer in offers {
        let bit = FIN | 0x40;
        for (name, steps) in [
            ("Hello", vec![Send(masked(bit | TEXT, hello)), Await(1), bye()]),
            (
                "Hello twice",
                vec![
                    Send(masked(bit | TEXT, hello)),
                    Await(1),
                    Send(masked(bit | TEXT, hello)),
                    Await(2),
                    bye(),
                ],
            ),
            (
                "Hello in fragments",
                vec![
                    Send(masked(0x40 | TEXT, &hello[..3])),
                    Send(masked(FIN | CONTINUED, &hello[3..])),
                    Await(1),
                    bye(),
                ],
            ),
            ("no deflate stream", vec![Send(masked(bit | TEXT, b"\xff\xff\xff\xff"))]),
            ("plain", vec![Send(masked(FIN | TEXT, b"Hello")), Await(1), bye()]),
        ] {
            cases.push(Case {
                name: format!("{name} with {offer}"),
                extensions: format!("Sec-WebSocket-Extensions: {offer}\r\n"),
                steps,
            });
        }
    }
    cases
}
