//! The permutations of the public collections of desynchronisation payloads: spellings of `Transfer-Encoding`, hidden
//! pairs, ends of chunks, `Expect`, and answers before the body.
//!
//! Whatever is sent, the app reads either nothing of it, or the request with the body that RFC 9112 gives it, and never
//! the request that is hidden in it.

use crate::support::{App, Gate, Request, Setup, answer};

/// The hidden request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n";

/// Spellings of a field that one server takes for `Transfer-Encoding: chunked`, and another one does not. `{}` is where
/// the odd byte goes.
const SPELLINGS: &[&str] = &[
    "Transfer-Encoding:{}chunked",
    "Transfer-Encoding{}: chunked",
    "Transfer-Encoding: chunked{}",
    "{}Transfer-Encoding: chunked",
    "Transfer{}Encoding: chunked",
    "Transfer-Encoding: {}chunked",
    "Transfer-Encoding: chunk{}ed",
    "X: x{}Transfer-Encoding: chunked",
    "Transfer-Encoding: x{}chunked",
    "Transfer-Encoding: chunked{}x",
    "Transfer-Encoding: \"chunked\"{}",
    "Transfer-Encoding: 'chunked'{}",
    "Transfer-Encoding: chunked,{}identity",
    "Transfer-Encoding: identity,{}chunked",
    "Transfer-Encoding: chunked{}\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked{}",
    "Content-Encoding: x\r\nTransfer-Encoding{}:chunked",
    "Transfer-Encoding:\r\n{}chunked",
    "TRANSFER-ENCODING: CHUNKED{}",
    "Transfer_Encoding: chunked{}",
    "Transfer.Encoding: chunked{}",
    "Transfer-Encoding: gzip,{}chunked",
    "Transfer-Encodin{}g: chunked",
    "Foo: bar\r\n{}Transfer-Encoding: chunked",
];

const BYTES: &[&str] = &[
    "", " ", "\t", "\u{b}", "\u{c}", "\r", "\n", "\r\n", "\r\n ", "\n ", "\u{1}", "\u{7f}", "\u{a0}",
    "\u{ff}", "\u{0}", ",", ";", "\"", "_", ".", "-", ":", " :", "\u{8}", "\u{1f}", "\u{85}",
];

/// Spellings of a length, with the right number for `{}`.
const LENGTHS: &[&str] = &[
    "Content-Length: {}",
    "Content-Length: +{}",
    "Content-Length: 0{}",
    "Content-Length: {} ",
    "Content-Length:{}",
    "Content-Length: {},{}",
    "Content-Length: {}\r\nContent-Length: {}",
    "Content-Length: 0\r\nContent-Length: {}",
    "Content-Length: {}\r\nContent-Length: 0",
    "Content-Length : {}",
    "Content_Length: {}",
    "Content-Length: {}\r\n ",
    "Content-Length: 0, {}",
    "Content-Length: {}.0",
    "Content-Length: -{}",
    "Content-Length: {}a",
    "Content-Length\u{0}: {}",
    "\u{b}Content-Length: {}",
    "Content-Length: \u{b}{}",
    "Content-Length: 0x{}",
    "Content-Length: {}\r\nX: y",
    "X: y\nContent-Length: {}",
    "Content-Length: 99999999999999999999{}",
    "Content-Length: 1844674407370955161{}",
];

/// Ends of the parts of a chunked body.
const ENDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\r\n",
    "\n\r",
    "",
    " \r\n",
    "\u{b}\r\n",
    ";\r\n",
    ";\n",
    ";a\r\n",
    ";a=\"\r\n",
    "\u{0}\r\n",
    "XX",
    "\n\n",
];

struct Rig {
    app: App,
    gate: Gate,
    sent: usize,
    wrong: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let app = App::answering(|_| answer("200 OK", "", b"ok"));
        let gate = Gate::start(Setup::new(&app).set("server.max_connections_per_client", "0"));
        Self { app, gate, sent: 0, wrong: Vec::new() }
    }

    /// Sends it, and a plain request behind it; judges what the app read.
    fn send(&mut self, name: &str, bytes: &[u8], right: impl Fn(&Request) -> bool) {
        self.sent += 1;
        let before = self.app.requests().len();
        let mut client = self.gate.client();
        // The gate may refuse before it has taken all.
        let _ = client.try_send(bytes);
        client.finish();
        client.raw_rest();
        let requests = self.app.requests();
        let read = requests.get(before..).unwrap_or_default();
        let is_right = |request: &Request| {
            let target = request.target();
            target != "/hidden" && (target != "/outer" || right(request))
        };
        if !read.iter().all(is_right)
            || read.iter().filter(|request| request.target() == "/outer").count() > 1
        {
            self.wrong.push(format!("{name}: {}\n  read {read:?}", bytes.escape_ascii()));
        }
    }

    fn done(self, least: usize) {
        assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.sent, self.wrong.join("\n"));
        assert!(self.sent >= least, "{}", self.sent);
        // It still serves, and nothing is left over for the next client.
        let mut client = self.gate.client();
        assert_eq!(client.get("/after").expect(200).text(), "ok");
    }
}

#[test]
fn spellings_of_transfer_encoding() {
    let mut rig = Rig::new();
    for spelling in SPELLINGS {
        for byte in BYTES {
            let line = spelling.replace("{}", byte);
            // Read as chunks the body is empty, read by its length it holds the hidden request.
            let body = format!("0\r\n\r\n{HIDDEN}");
            let head = "/outer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
            let length = body.len();
            let text = latin1(&format!("POST {head}{line}\r\nContent-Length: {length}\r\n\r\n{body}"));
            rig.send("te.cl", &text, |request| request.body == by_length(&text));
            // Read by its length the body is the size alone.
            let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
            let text = latin1(&format!("GET {head}Content-Length: 4\r\n{line}\r\n\r\n{chunk}"));
            rig.send("cl.te", &text, |request| request.body == by_length(&text));
        }
    }
    rig.done(1200);
}

/// The body by its length, where the head ends at the first empty line.
fn by_length(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.windows(4).position(|found| found == b"\r\n\r\n").unwrap();
    let (head, body) = bytes.split_at(end + 4);
    let head = String::from_utf8_lossy(head).into_owned();
    let length =
        head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
    body[..length].to_vec()
}

#[test]
fn spellings_of_content_length() {
    let mut rig = Rig::new();
    for spelling in LENGTHS {
        let line = spelling.replace("{}", &HIDDEN.len().to_string());
        for with in
            ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: identity\r\n"]
        {
            for method in ["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT"] {
                let head = format!("{method} /outer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
                for lines in [format!("{line}\r\n{with}"), format!("{with}{line}\r\n")] {
                    let text = latin1(&format!("{head}{lines}\r\n{HIDDEN}"));
                    let right =
                        |request: &Request| request.body.is_empty() || request.body == HIDDEN.as_bytes();
                    rig.send("cl", &text, right);
                }
            }
        }
    }
    rig.done(1000);
}

#[test]
fn ends_of_chunks() {
    let mut rig = Rig::new();
    let usual = "\r\n";
    let pairs = ENDS.iter().flat_map(|one| ENDS.iter().map(move |other| (*one, *other)));
    let triples =
        pairs.flat_map(|(one, other)| [(one, other, usual), (one, usual, other), (usual, one, other)]);
    for (size, data, last) in triples {
        let body = format!("3{size}abc{data}0{last}\r\n{HIDDEN}");
        let head =
            "POST /outer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        rig.send("chunk", &latin1(&format!("{head}{body}")), |request| request.body == b"abc");
    }
    for size in [
        "3",
        "03",
        "0x3",
        "+3",
        "-3",
        " 3",
        "3 ",
        "3\t",
        "\t3",
        "3;a",
        "3;a=b",
        "3 ;a",
        "3_0",
        "3h",
        "10000000000000003",
        "FFFFFFFFFFFFFFFF",
    ] {
        let body = format!("{size}\r\nabc\r\n0\r\n\r\n");
        let text = format!(
            "POST /outer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}{HIDDEN}"
        );
        rig.send("chunk size", &latin1(&text), |request| request.body == b"abc");
    }
    rig.done(600);
}

#[test]
fn expectations_and_hidden_pairs() {
    let mut rig = Rig::new();
    for expect in [
        "100-continue",
        "100-Continue",
        " 100-continue",
        "100-continue, x",
        "x 100-continue",
        "100-continue\r\nExpect: 100-continue",
        "\"100-continue\"",
        "100",
    ] {
        for (line, body, read) in [
            ("Content-Length: 3", format!("abc{}", ""), "abc"),
            ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n".to_owned(), "abc"),
            ("Content-Length: 0", String::new(), ""),
            ("X: y", String::new(), ""),
        ] {
            for method in ["POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
                let text = format!(
                    "{method} /outer HTTP/1.1\r\nHost: h\r\nExpect: {expect}\r\n{line}\r\nConnection: close\r\n\r\n{body}{HIDDEN}"
                );
                rig.send("expect", &latin1(&text), |request| request.body == read.as_bytes());
            }
        }
    }
    // A second head inside of one, by every line end.
    for end in ["\n", "\r", "\r\r\n", "\n\n", "\r\n\n", "\n\r\n", "\u{0}", "\u{b}\r\n", "\u{85}", "\u{2028}"]
    {
        for place in
            ["X: y{}GET /hidden HTTP/1.1", "X{}GET /hidden HTTP/1.1: y", "X: y{}{}GET /hidden HTTP/1.1"]
        {
            let line = place.replace("{}", end);
            let text = format!(
                "POST /outer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n{line}\r\nHost: h\r\n\r\n"
            );
            rig.send("pair", text.as_bytes(), |request| request.body.is_empty());
        }
    }
    rig.done(200);
}

/// An app that answers before it has read the body: what is left of the body begins nothing.
#[test]
fn an_answer_before_the_body_leaves_nothing_behind() {
    let app = App::start(|connection| {
        while let Some(head) = connection.head() {
            connection.send(answer("200 OK", "", b"early"));
            let mut lines = head.lines().filter_map(|line| line.strip_prefix("Content-Length: "));
            connection.take(lines.next().map_or(0, |length| length.parse().unwrap()));
        }
    });
    let gate = Gate::start(Setup::new(&app));
    for method in ["POST", "PUT", "GET", "DELETE"] {
        for round in 0..20 {
            let mut client = gate.client();
            let length = HIDDEN.len();
            let text =
                format!("{method} /outer HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{HIDDEN}");
            client.send(&text.as_bytes()[..text.len() - round]);
            let status = client.response_to(method).status;
            assert!(matches!(status, 200 | 502), "{method} {round}: {status}");
        }
        let mut other = gate.client();
        assert_eq!(other.get("/after").expect(200).text(), "early");
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}
