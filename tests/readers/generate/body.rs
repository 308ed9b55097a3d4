//! Bodies and how they are announced.

use std::io::Write as _;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Framing, Tokens, chunked},
};

pub(super) const CHANGES: &[Change] = &[
    change("request-as-body", 10, request_as_body),
    change("empty-chunked", 4, empty_chunked),
    change("body-anywhere", 5, body_anywhere),
    change("method-in-form", 5, method_in_form),
    change("transfer-encoding", 6, transfer_encoding),
    change("two-framings", 5, two_framings),
    change("content-length", 5, content_length),
    change("chunk", 6, chunk),
    change("trailer", 4, trailer),
    change("unfinished", 1, unfinished),
];

/// Methods with and without a defined body: an app that does not read it takes it for its next request.
const BODIED: &[&str] = &[
    "GET",
    "DELETE",
    "OPTIONS",
    "HEAD",
    "GET",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PURGE",
    "ACL",
    "MKCALENDAR",
    "FOO",
];

fn request_as_body(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(80) {
        chance.one_of(BODIED).clone_into(&mut draft.method);
        draft.target = chance.one_of(&["/pub/a", "/shop/x", "/notes", "/pub/a", "/dav/1/a"]).to_owned();
    }
    draft.body = draft.hidden('s');
    draft.framing = if chance.odds(30) { Framing::Chunked } else { Framing::Length };
}

fn empty_chunked(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(70) {
        chance.one_of(&["GET", "DELETE", "OPTIONS", "HEAD", "POST"]).clone_into(&mut draft.method);
    }
    draft.body = Vec::new();
    draft.framing = if chance.odds(80) { Framing::Chunked } else { Framing::Length };
}

fn body_anywhere(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.body = vec![b'x'; [1, 5, 300, 5000, 70_000][chance.below(5)]];
    draft.framing = if chance.odds(50) { Framing::Chunked } else { Framing::Length };
}

fn method_in_form(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.method = "POST".to_owned();
    draft.target = chance.one_of(&["/inv/7", "/notes/1"]).to_owned();
    draft.fields.retain(|(name, _)| name != "Content-Type");
    let value = chance.one_of(&["DELETE", "delete", "PUT"]);
    let (kind, body) = match chance.below(8) {
        0 | 1 => parts(chance, value),
        2 | 3 => json(chance, value),
        _ => form(chance, value),
    };
    if !kind.is_empty() {
        draft.field("Content-Type", kind);
    }
    draft.body = if chance.odds(15) { packed(draft, chance, &body) } else { body };
    draft.framing = if chance.odds(25) { Framing::Chunked } else { Framing::Length };
}

fn form(chance: &mut Chance, value: &str) -> (&'static str, Vec<u8>) {
    let name = chance.one_of(&[
        "_method",
        "_meth%6fd",
        "%5fmethod",
        "a=b&_method",
        "_method",
        "a;_method",
        "_method[]",
        "_method%00",
        "+_method",
        "&&_method",
    ]);
    let kind = chance.one_of(&[
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded, text/plain",
        "text/plain\r\nContent-Type: application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-16",
        "",
    ]);
    if kind.ends_with("utf-16") {
        let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}%00")).collect::<String>();
        return (kind, format!("%ff%fe{}=%ff%fe{}", escaped("_method"), escaped(value)).into_bytes());
    }
    (kind, format!("{name}={value}").into_bytes())
}

fn parts(chance: &mut Chance, value: &str) -> (&'static str, Vec<u8>) {
    let line = chance.one_of(&[
        "Content-Disposition: form-data; name=\"_method\"",
        "content-disposition: form-data; name=_method",
        "Content-Disposition: form-data; a=b; name=\"_method\"",
        "Content-Disposition: form-data; name=\"_meth\\od\"",
        "Content-Disposition: form-data;\r\n name=\"_method\"",
        "Content-Disposition: form-data; name*=utf-8''_method",
        "X-A: b\r\nContent-Disposition: form-data; name=\"_method\"",
    ]);
    let kind = chance.one_of(&[
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\"x\"",
        "Multipart/Form-Data; charset=utf-8; boundary=x",
        "multipart/form-data; charset=utf-7; boundary=x",
    ]);
    (kind, format!("--x\r\n{line}\r\n\r\n{value}\r\n--x--\r\n").into_bytes())
}

fn json(chance: &mut Chance, value: &str) -> (&'static str, Vec<u8>) {
    let kind = chance.one_of(&[
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.api+json",
        "text/plain",
        "application/octet-stream",
        "application/json; charset=utf-16",
    ]);
    let text = match chance.below(5) {
        0 => format!("{{\"\\u005fmethod\":\"{value}\"}}"),
        1 => format!("\n{{\"a\":{{}},\"_method\" : \"{value}\"}}"),
        2 => format!("{{\"_method\":\"GET\",\"_method\":\"{value}\"}}"),
        _ => format!("{{\"_method\":\"{value}\"}}"),
    };
    if kind.ends_with("utf-16") {
        return (kind, text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    (kind, text.into_bytes())
}

fn packed(draft: &mut Draft, chance: &mut Chance, body: &[u8]) -> Vec<u8> {
    let level = Compression::default();
    if chance.odds(50) {
        draft.field("Content-Encoding", chance.one_of(&["gzip", "GZIP", "identity, gzip"]));
        let mut packer = GzEncoder::new(Vec::new(), level);
        packer.write_all(body).unwrap();
        packer.finish().unwrap()
    } else {
        draft.field("Content-Encoding", "deflate");
        let mut packer = ZlibEncoder::new(Vec::new(), level);
        packer.write_all(body).unwrap();
        packer.finish().unwrap()
    }
}

/// The body as chunks under another spelling of `chunked`, with something behind it for a server that reads a length.
fn transfer_encoding(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let name = chance.one_of(&[
        "Transfer-Encoding",
        "transfer-encoding",
        "Transfer_Encoding",
        "Transfer-Encoding ",
        "X-A: b\r\nTransfer-Encoding",
        "Transfer.Encoding",
        "Transfer-Encoding\t:",
        "TRANSFER-ENCODING",
        "Transfer-Encoding\u{b}:",
        "\tTransfer-Encoding",
        "Content-Length: 0\r\nTransfer_Encoding",
    ]);
    let value = chance.one_of(&[
        "chunked",
        "Chunked",
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "identity",
        "gzip, chunked",
        "chunked;a=b",
        "\u{b}chunked",
        "chunked\u{b}",
        "\tchunked",
        "chunked,",
        ",chunked",
        "\"chunked\"",
        "chunked, chunked",
        "chunked\r\n x",
    ]);
    draft.body = chunked(b"abc");
    draft.field(name, value);
    raw(draft, chance);
}

fn two_framings(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let hidden = draft.hidden('s');
    match chance.below(7) {
        0 => {
            draft.body = [b"0\r\n\r\n".as_slice(), &hidden].concat();
            draft.field("Content-Length", draft.body.len().to_string());
            draft.field("Transfer-Encoding", "chunked");
        }
        1 => {
            draft.body = [b"0\r\n\r\n".as_slice(), &hidden].concat();
            draft.field("Transfer-Encoding", "chunked");
            draft.field("Content-Length", "5");
        }
        2 => {
            draft.body = hidden;
            draft.field("Content-Length", "0");
            draft.field("Content-Length", draft.body.len().to_string());
        }
        3 => {
            draft.body = hidden;
            draft.field("Content-Length", format!("0, {}", draft.body.len()));
        }
        4 => {
            draft.body = hidden;
            draft.field("Content-Length", draft.body.len().to_string());
            let folded =
                chance.one_of(&["Content_Length", "Content.Length", "CONTENT_LENGTH", "content-length\t:"]);
            draft.field(folded, "0");
        }
        5 => {
            draft.body = hidden;
            draft.field("Content-Length", "0");
            draft.field("Content_Length", draft.body.len().to_string());
        }
        _ => {
            draft.body = [b"0\r\n\r\n".as_slice(), &hidden].concat();
            draft.field("Content-Length", draft.body.len().to_string());
            draft.field(chance.one_of(&["Transfer_Encoding", "Transfer.Encoding"]), "chunked");
        }
    }
    raw(draft, chance);
}

fn content_length(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let hidden = draft.hidden('s');
    let length = hidden.len();
    let value = match chance.below(10) {
        0 => format!("+{length}"),
        1 => format!("0{length}"),
        2 => format!("{length} "),
        3 => format!("{length}.0"),
        4 => format!("0x{length:x}"),
        5 => format!("{length}e0"),
        6 => "18446744073709551615".to_owned(),
        7 => "9223372036854775808".to_owned(),
        8 => "-1".to_owned(),
        _ => String::new(),
    };
    draft.body = hidden;
    draft.field("Content-Length", value);
    raw(draft, chance);
}

fn chunk(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let hidden = String::from_utf8(draft.hidden('s')).unwrap();
    let text = match chance.below(16) {
        0 => "3;a=b\r\nabc\r\n0\r\n\r\n".to_owned(),
        1 => "3;\r\nabc\r\n0\r\n\r\n".to_owned(),
        2 => "3;a=\"x\r\nabc\r\n0\r\n\r\n".to_owned(),
        3 => "0x3\r\nabc\r\n0\r\n\r\n".to_owned(),
        4 => "+3\r\nabc\r\n0\r\n\r\n".to_owned(),
        5 => "003\r\nabc\r\n0\r\n\r\n".to_owned(),
        6 => "3 \r\nabc\r\n0\r\n\r\n".to_owned(),
        7 => "3\nabc\n0\n\n".to_owned(),
        8 => format!("3\r\nabcX\r\n0\r\n\r\n{hidden}"),
        9 => format!("FFFFFFFFFFFFFFFF3\r\nabc\r\n0\r\n\r\n{hidden}"),
        10 => format!("3\r\nabc\r\n0\r\n{hidden}"),
        11 => format!("3\r\nabc\r\n0;\n{hidden}\r\n\r\n"),
        12 => "3 ; a = b\r\nabc\r\n0\r\n\r\n".to_owned(),
        13 => "\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
        14 => "3\r\nabc\r\n000\r\n\r\n".to_owned(),
        _ => "3\rabc\r0\r\r".to_owned(),
    };
    draft.field("Transfer-Encoding", "chunked");
    draft.body = text.into_bytes();
    raw(draft, chance);
}

fn trailer(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let line = chance.one_of(&[
        "X-Forwarded-User: forged",
        "Content-Length: 3",
        "Host: other",
        "X-A: b",
        "Transfer-Encoding: chunked",
        "X-Rig-Tag: 1s",
        "SCRIPT_NAME: /forged",
        "X_Forwarded_User: forged",
        "Authorization: Bearer forged",
        "Remote-User: forged",
        "X-HTTP-Method-Override: DELETE",
        "Destination: /dav/2/c",
    ]);
    draft.field("Transfer-Encoding", "chunked");
    draft.field("Trailer", line.split(':').next().unwrap_or_default());
    draft.body = format!("3\r\nabc\r\n0\r\n{line}\r\n\r\n").into_bytes();
    raw(draft, chance);
}

fn unfinished(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.about.unfinished = true;
    if chance.odds(50) {
        draft.field("Content-Length", "5000");
    } else {
        draft.field("Transfer-Encoding", "chunked");
    }
    draft.body = draft.hidden('s');
    draft.framing = Framing::Raw;
}

fn raw(draft: &mut Draft, chance: &mut Chance) {
    draft.framing = Framing::Raw;
    draft.about.doubtful = true;
    if draft.method == "HEAD" || (draft.method == "GET" && chance.odds(70)) {
        draft.method = "POST".to_owned();
    }
}
