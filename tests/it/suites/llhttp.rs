//! The subjects of llhttp's fixtures.

use crate::support::{App, Gate, Setup};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// This many requests reach the app, each is answered with 200.
    Served(usize),
    /// This status, and nothing reaches the app.
    Refused(u16),
}

use Expected::{Refused, Served};

/// `file: subject`, the bytes behind `METHOD TARGET HTTP/1.1\r\nHost: h\r\n` or the whole message, what is expected.
type Row = (&'static str, &'static str, Expected);

/// Requests. A message that begins with a blank is one whose first line is the usual one of a POST.
const REQUESTS: &[Row] = &[
    (
        "sample: simple",
        "OPTIONS /url HTTP/1.1\r\nHost: h\r\nHeader1: Value1\r\nHeader2:\t Value2\r\n\r\n",
        Served(1),
    ),
    ("sample: a method that begins with H", "HEAD /url HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    (
        "sample: of curl",
        "GET /test HTTP/1.1\r\nUser-Agent: curl/7.18.0\r\nHost: 0.0.0.0=5000\r\nAccept: */*\r\n\r\n",
        Refused(400),
    ),
    (
        "sample: of a browser",
        "GET /favicon.ico HTTP/1.1\r\nHost: h:5000\r\nKeep-Alive: 300\r\nConnection: keep-alive\r\n\r\n",
        Served(1),
    ),
    (
        "sample: a long value without blanks",
        "GET /d HTTP/1.1\r\nHost: h\r\naaaaaaaaaaaaa:++++++++++\r\n\r\n",
        Served(1),
    ),
    ("sample: no fields", "GET /a HTTP/1.1\r\n\r\n", Refused(400)),
    ("sample: one field and no body", "GET /a HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n", Served(1)),
    ("sample: HTTP/1.0 without Host", "GET /a HTTP/1.0\r\nUser-Agent: ApacheBench/2.3\r\n\r\n", Refused(400)),
    ("sample: a blank line first", "\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("sample: no version", "GET /\r\n\r\n", Refused(400)),
    ("sample: folded with CRLF", "GET / HTTP/1.1\r\nHost: h\r\nLine1:   abc\r\n\tdef\r\n\r\n", Refused(400)),
    ("sample: folded with LF", "GET / HTTP/1.1\nHost: h\nLine1:   abc\n\tdef\n\n", Refused(400)),
    ("sample: no LF after CR", "GET / HTTP/1.1\rHost: h\r\n\r\n", Refused(400)),
    ("sample: a field without LF", "GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n", Refused(400)),
    (
        "sample: characters beyond ASCII in a value",
        "GET / HTTP/1.1\r\nHost: h\r\nTest: D\u{fc}sseldorf\r\n\r\n",
        Served(1),
    ),
    ("invalid: ICE", "GET /music HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("invalid: SOURCE of ICE", "SOURCE /music ICE/1.0\r\nHost: h\r\n\r\n", Refused(400)),
    ("invalid: no protocol", "GET /music IHTTP/1.0\r\nHost: h\r\n\r\n", Refused(400)),
    ("invalid: RTSP", "PUT /music RTSP/1.0\r\nHost: h\r\n\r\n", Refused(400)),
    ("invalid: fields parted by CR", "GET / HTTP/1.1\r\nHost: h\r\nFoo: 1\rBar: 2\r\n\r\n", Refused(400)),
    (
        "invalid: fields parted by LF",
        "GET / HTTP/1.1\r\nHost: h\r\nx:x\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "invalid: a request behind a bare CR",
        "GET / HTTP/1.1\r\nConnection: close\r\nHost: h\r\n\rZGET /evil: HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused(400),
    ),
    (
        "invalid: an empty field parted by CR",
        "POST / HTTP/1.1\r\nHost: h\r\nx:\rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "invalid: an empty field parted by LF",
        "POST / HTTP/1.1\r\nHost: h\r\nx:\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("invalid: @ in a name", "GET / HTTP/1.1\r\nHost: h\r\nFo@: Failure\r\n\r\n", Refused(400)),
    ("invalid: a control in a name", "GET / HTTP/1.1\r\nHost: h\r\nFoo\u{1}test: Bar\r\n\r\n", Refused(400)),
    ("invalid: no name", "GET / HTTP/1.1\r\nHost: h\r\n: Bar\r\n\r\n", Refused(400)),
    ("invalid: folded behind the request line", "GET / HTTP/1.1\r\n name\r\n : value\r\n\r\n", Refused(400)),
    (
        "invalid: a broken Connection",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection\r\u{1b}\u{65}\r\nAccept: gzip\r\n\r\n",
        Refused(400),
    ),
    (
        "invalid: a broken name",
        "GET / HTTP/1.1\r\nHost: h\r\nX-Some-Header\r\u{1b}\u{65}\r\n\r\n",
        Refused(400),
    ),
    (
        "invalid: a hidden length behind LF",
        "GET / HTTP/1.1\r\nHost: h\r\nDummy: x\nContent-Length: 5\r\n\r\nabcde",
        Refused(400),
    ),
    ("invalid: version 5.6", "GET / HTTP/5.6\r\nHost: h\r\n\r\n", Refused(505)),
    ("invalid: a blank behind the first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", Refused(400)),
    (
        "invalid: LF alone",
        "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n1\nA\n0\n\n",
        Refused(400),
    ),
    (
        "invalid: a blank before a field",
        "POST /a HTTP/1.1\r\nHost: h\r\nFoo: bar\r\n Content-Length: 3\r\n\r\nabc",
        Refused(400),
    ),
    ("connection: keep-alive", "PUT /url HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", Served(1)),
    (
        "connection: kept",
        "PUT /1 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\nPUT /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        Served(2),
    ),
    (
        "connection: not kept by 1.0",
        "PUT /1 HTTP/1.0\r\nHost: h\r\n\r\nPUT /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        Served(1),
    ),
    (
        "connection: CRLF between requests",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nq=42\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        Served(2),
    ),
    (
        "connection: CR is not a dash",
        "PUT /url HTTP/1.1\r\nHost: h\r\nConnection: keep\ralive\r\n\r\n",
        Refused(400),
    ),
    (
        "connection: close",
        "PUT /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nPUT /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        Served(1),
    ),
    (
        "connection: close and a tab",
        "PUT /1 HTTP/1.1\r\nHost: h\r\nConnection: close\t\r\n\r\nPUT /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        Served(1),
    ),
    (
        "connection: several options",
        "GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Something, keep-alive, ,close\r\n\r\n",
        Served(1),
    ),
    (
        "connection: folded options",
        "GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Something,\r\n Upgrade, ,Keep-Alive\r\n\r\n",
        Refused(400),
    ),
    (
        "connection: a blank before the colon",
        "GET /demo HTTP/1.1\r\nHost: h\r\nConnection : upgrade\r\nUpgrade: WebSocket\r\n\r\n",
        Refused(400),
    ),
    ("content-length: zeroes", "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n\r\nabc", Served(1)),
    (
        "content-length: fields behind it",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nOhai: world\r\n\r\nabc",
        Served(1),
    ),
    (
        "content-length: overflow",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000000000000\r\n\r\n",
        Refused(400),
    ),
    (
        "content-length: twice",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        Refused(400),
    ),
    (
        "content-length: with identity",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: identity\r\n\r\na",
        Refused(400),
    ),
    (
        "content-length: a blank before the colon",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd",
        Refused(400),
    ),
    (
        "content-length: in any case",
        "GET /a HTTP/1.0\r\nHost: h\r\nconTENT-Length: 5\r\n\r\nHELLO",
        Served(1),
    ),
    (
        "content-length: blanks around",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:  3 \r\n\r\nabc",
        Served(1),
    ),
    (
        "content-length: tabs around",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\t3\t \r\n\r\nabc",
        Served(1),
    ),
    (
        "content-length: a blank inside",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4 2\r\n\r\nabcd",
        Refused(400),
    ),
    (
        "content-length: two numbers",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 13 37\r\n\r\nabcd",
        Refused(400),
    ),
    ("content-length: empty", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", Refused(400)),
    (
        "content-length: CR for a dash",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent\rLength: 003\r\n\r\nabc",
        Refused(400),
    ),
    (
        "content-length: no line before the body",
        "PUT /url HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\rabc",
        Refused(400),
    ),
    (
        "transfer-encoding: lower-case size",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: upper-case size",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: three zeros at the end",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: trailers",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: extensions",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;ilovew3;somuchlove=aretheseparametersfor;another=withvalue\r\nhello\r\n0\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: no semicolon",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2 erfrferferf\r\naa\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: nothing behind the semicolon",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;\r\naa\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: quoted extensions",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b; \\\" c\";d=e\r\nhello\r\n0\r\n\r\n",
        Served(1),
    ),
    (
        "transfer-encoding: an open quote",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b; c\r\nhello\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: pigeons",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: pigeons\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: identity with a length",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nWorld",
        Refused(400),
    ),
    (
        "transfer-encoding: empty",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding:\r\nTransfer-Encoding:\r\n\r\nab",
        Refused(400),
    ),
    (
        "transfer-encoding: chunked, deflate",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, deflate\r\n\r\nWorld",
        Refused(400),
    ),
    (
        "transfer-encoding: chunked and deflate",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: deflate\r\n\r\nWorld",
        Refused(400),
    ),
    (
        "transfer-encoding: deflate, chunked",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: deflate, chunked\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: deflate and chunked",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: chunkedchunked",
        "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunkedchunked\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: a size that is none",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nG\r\n0123456789\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: folded",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n abc\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: data longer than its size",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "transfer-encoding: a blank behind chunked",
        "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked  \r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        Served(1),
    ),
    ("method: REPORT", "REPORT /test HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("method: CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", Refused(405)),
    ("method: M-SEARCH", "M-SEARCH /a HTTP/1.1\r\nHost: h\r\nMAN: \"ssdp:discover\"\r\n\r\n", Served(1)),
    ("method: M-SEARCH for all", "M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    (
        "method: PATCH",
        "PATCH /file.txt HTTP/1.1\r\nHost: h\r\nIf-Match: \"e0023aa4e\"\r\nContent-Length: 10\r\n\r\ncccccccccc",
        Served(1),
    ),
    ("method: PURGE", "PURGE /file.txt HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("method: SEARCH", "SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    (
        "method: LINK",
        "LINK /images/my_dog.jpg HTTP/1.1\r\nHost: h\r\nLink: <http://e/x>; rel=\"tag\"\r\n\r\n",
        Served(1),
    ),
    ("method: SOURCE", "SOURCE /music HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("method: ANNOUNCE", "ANNOUNCE /music RTSP/1.0\r\nHost: h\r\n\r\n", Refused(400)),
    ("method: PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505)),
    ("method: QUERY", "QUERY /contacts HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", Served(1)),
    ("method: lower case", "get / HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    ("uri: quotes", "GET /with_\"lovely\"_quotes?foo=\"bar\" HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("uri: a second question mark", "GET /test.cgi?foo=bar?baz HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    (
        "uri: a host and a query",
        "GET http://hypnotoad.org?hail=all HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused(400),
    ),
    ("uri: a host with a port", "GET http://hypnotoad.org:1234 HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    ("uri: a vertical bar", "GET /test.cgi?query=| HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    ("uri: UTF-8", "GET /\u{3b4}\u{b6}/\u{3b4}t/pope?q=1#narf HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    (
        "uri: a fragment",
        "GET /forums/1/topics/2375?page=1#posts-17408 HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused(400),
    ),
    (
        "uri: credentials",
        "GET http://a%12:b!&*$@hypnotoad.org:1234/toto HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused(400),
    ),
    ("uri: a blank", "GET /foo bar/ HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    ("url: a tab", "GET /foo\tbar/ HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    ("url: a form feed", "GET /foo\u{c}bar/ HTTP/1.1\r\nHost: h\r\n\r\n", Refused(400)),
    ("url: an encoded blank", "GET /toto.html?toto=a%20b HTTP/1.1\r\nHost: h\r\n\r\n", Served(1)),
    (
        "pipelining: three",
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nAAAPUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nBBBPATCH /c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nCCCC",
        Served(3),
    ),
    (
        "lenient-headers: a control in a value",
        "GET /url HTTP/1.1\r\nHost: h\r\nHeader1: \u{c}\r\n\r\n",
        Refused(400),
    ),
    ("lenient-version: 5.6", "GET / HTTP/5.6\r\nHost: h\r\n\r\n", Refused(505)),
];

/// An app's answer, and the status that the client gets.
const RESPONSES: &[(&str, &str, u16)] = &[
    (
        "sample: simple",
        "HTTP/1.1 200 OK\r\nHeader1: Value1\r\nHeader2:\t Value2\r\nContent-Length: 0\r\n\r\n",
        200,
    ),
    ("sample: RTSP", "RTSP/1.1 200 OK\r\n\r\n", 502),
    ("sample: ICE", "ICE/1.1 200 OK\r\n\r\n", 502),
    ("sample: no protocol", "HTTPER/1.1 200 OK\r\n\r\n", 502),
    ("sample: a body without a length", "HTTP/1.1 404 Not Found\r\n\r\nx", 404),
    ("sample: no reason", "HTTP/1.1 301\r\nContent-Length: 0\r\n\r\n", 301),
    ("sample: an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200),
    ("sample: LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502),
    ("sample: an underscore in a name", "HTTP/1.1 200 OK\r\nDCLK_imp: v7\r\nContent-Length: 0\r\n\r\n", 200),
    ("sample: a blank in a name", "HTTP/1.1 200 OK\r\nX Y: v7\r\nContent-Length: 0\r\n\r\n", 502),
    ("sample: beyond ASCII in the reason", "HTTP/1.1 500 Oriënteringsfout\r\nContent-Length: 0\r\n\r\n", 500),
    ("sample: HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n", 502),
    (
        "connection: Proxy-Connection",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nProxy-Connection: close\r\n\r\nab",
        200,
    ),
    ("connection: 1.0 to the end", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc", 200),
    ("connection: 1.0 and 204", "HTTP/1.0 204 No content\r\nConnection: keep-alive\r\n\r\n", 204),
    ("connection: 204", "HTTP/1.1 204 No content\r\nConnection: close\r\n\r\n", 204),
    (
        "connection: 101 that was not asked for",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody",
        502,
    ),
    (
        "connection: 200 with Upgrade",
        "HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody",
        200,
    ),
    ("connection: 304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304),
    (
        "connection: 103, then 200",
        "HTTP/1.1 103 Early Hints\r\nLink: </s>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        103,
    ),
    ("content-length: none", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", 200),
    (
        "content-length: of another name",
        "HTTP/1.1 200 OK\r\nContent-Length-X: 0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
        200,
    ),
    ("content-length: tabs around", "HTTP/1.1 200 OK\r\nContent-Length:\t2\t \r\n\r\nab", 200),
    ("invalid: a digit too many, major", "HTTP/01.1 200 OK\r\n\r\n", 502),
    ("invalid: a digit too many, major, behind", "HTTP/11.1 200 OK\r\n\r\n", 502),
    ("invalid: a digit too many, minor", "HTTP/1.01 200 OK\r\n\r\n", 502),
    ("invalid: a tab behind the version", "HTTP/1.1\t200 OK\r\n\r\n", 502),
    ("invalid: CR first", "\rHTTP/1.1\t200 OK\r\n\r\n", 502),
    ("invalid: fields parted by CR", "HTTP/1.1 200 OK\r\nFoo: 1\rBar: 2\r\n\r\n", 502),
    ("invalid: CR behind the line", "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n", 502),
    ("invalid: two CR behind the line", "HTTP/1.1 200 OK\r\rContent-Length: 4\r\n\r\nEvil", 502),
    ("invalid: version 5.6", "HTTP/5.6 200 OK\r\n\r\n", 502),
    ("invalid: a blank behind the line", "HTTP/1.1 200 OK\r\n Host: foo\r\n\r\n", 502),
    ("invalid: two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n", 502),
    ("invalid: a status of one digit", "HTTP/1.1 2 OK\r\n\r\n", 502),
    (
        "transfer-encoding: a blank behind the size",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nab\r\n0\r\n\r\n",
        0,
    ),
    (
        "transfer-encoding: before another",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, deflate\r\n\r\nWorld",
        502,
    ),
    (
        "transfer-encoding: not the last",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        502,
    ),
    (
        "transfer-encoding: chunkedchunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunkedchunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
        502,
    ),
    (
        "transfer-encoding: extensions",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a;b=c\r\nhello\r\n0\r\n\r\n",
        200,
    ),
    (
        "transfer-encoding: no semicolon",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 erfrf\r\naa\r\n0\r\n\r\n",
        0,
    ),
    (
        "transfer-encoding: nothing behind the semicolon",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;\r\naa\r\n0\r\n\r\n",
        0,
    ),
    (
        "transfer-encoding: an open quote",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\r\nhello\r\n0\r\n\r\n",
        0,
    ),
    (
        "transfer-encoding: folded",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n abc\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
        502,
    ),
];

#[test]
fn requests_of_llhttp() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app));
    let mut wrong = Vec::new();
    for (subject, bytes, expected) in REQUESTS {
        let before = app.requests().len();
        let mut client = gate.client();
        let _ = client.try_send(bytes);
        let methods: Vec<&str> =
            bytes.split("\r\n").filter_map(|line| line.split_once(" /").map(|(method, _)| method)).collect();
        let found = match expected {
            Served(count) => {
                let statuses: Vec<u16> = (0..*count)
                    .map(|at| client.response_to(methods.get(at).unwrap_or(&"GET")).status)
                    .collect();
                if statuses.iter().all(|status| *status == 200) {
                    Served(app.requests().len() - before)
                } else {
                    Refused(statuses[0])
                }
            }
            Refused(_) => {
                let status = client.response_to(methods.first().unwrap_or(&"GET")).status;
                client.finish().expect_close();
                if app.requests().len() == before {
                    Refused(status)
                } else {
                    Served(app.requests().len() - before)
                }
            }
        };
        if found != *expected {
            wrong.push(format!("{subject}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A status of 0: the head goes on, and the body ends the connection where it is broken.
#[test]
fn responses_of_llhttp() {
    // The target says which.
    let app = App::start(|connection| {
        if let Some(request) = connection.request() {
            let number: usize = request.target().trim_start_matches('/').parse().unwrap();
            connection.send(RESPONSES[number].1);
        }
    });
    let gate = Gate::start(Setup::new(&app));
    let mut wrong = Vec::new();
    for (number, (subject, _, expected)) in RESPONSES.iter().enumerate() {
        let mut client = gate.client();
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
        let text = String::from_utf8_lossy(&client.raw_rest()).into_owned();
        let status: u16 = text.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or_default();
        let right = match expected {
            0 => status == 502 || !text.ends_with("0\r\n\r\n"),
            expected => status == *expected,
        };
        if !right {
            wrong.push(format!("{subject}: expected {expected}, found {text:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
