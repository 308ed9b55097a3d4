//! Bodies and how they are announced.

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

fn request_as_body(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(70) {
        chance.one_of(&["GET", "DELETE", "OPTIONS", "HEAD", "GET"]).clone_into(&mut draft.method);
        draft.target = chance.one_of(&["/pub/a", "/shop/x", "/notes"]).to_owned();
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
    let name = chance.one_of(&["_method", "_meth%6fd", "%5fmethod", "a=b&_method", "_method"]);
    let value = chance.one_of(&["DELETE", "delete", "PUT"]);
    match chance.below(6) {
        0 => {
            draft.field("Content-Type", "multipart/form-data; boundary=x");
            draft.body = format!(
                "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n{value}\r\n--x--\r\n"
            )
            .into_bytes();
        }
        1 => {
            draft.field("Content-Type", "application/json");
            draft.body = format!("{{\"_method\":\"{value}\"}}").into_bytes();
        }
        _ => {
            let kind = chance.one_of(&[
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded; charset=utf-8",
                "Application/X-WWW-Form-Urlencoded",
            ]);
            draft.field("Content-Type", kind);
            draft.body = format!("{name}={value}").into_bytes();
        }
    }
    draft.framing = if chance.odds(25) { Framing::Chunked } else { Framing::Length };
}

/// The body as chunks under another spelling of `chunked`, with something behind it for whoever reads a length.
fn transfer_encoding(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let name = chance.one_of(&[
        "Transfer-Encoding",
        "transfer-encoding",
        "Transfer_Encoding",
        "Transfer-Encoding ",
        "X-A: b\r\nTransfer-Encoding",
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
    raw(draft);
}

fn two_framings(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let hidden = draft.hidden('s');
    match chance.below(5) {
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
        _ => {
            draft.body = hidden;
            draft.field("Content-Length", draft.body.len().to_string());
            draft.field("Content_Length", "0");
        }
    }
    raw(draft);
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
    raw(draft);
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
    raw(draft);
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
    ]);
    draft.field("Transfer-Encoding", "chunked");
    draft.field("Trailer", line.split(':').next().unwrap_or_default());
    draft.body = format!("3\r\nabc\r\n0\r\n{line}\r\n\r\n").into_bytes();
    raw(draft);
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

fn raw(draft: &mut Draft) {
    draft.framing = Framing::Raw;
    draft.about.doubtful = true;
    if matches!(&*draft.method, "GET" | "HEAD") {
        draft.method = "POST".to_owned();
    }
}
