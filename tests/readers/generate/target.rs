//! Targets and methods that are read in more than one way.

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Tokens},
};

pub(super) const CHANGES: &[Change] = &[
    change("escaped-letter", 5, escaped_letter),
    change("encoded-slash", 8, encoded_slash),
    change("letter-case", 6, letter_case),
    change("trailing", 5, trailing),
    change("semicolon", 5, semicolon),
    change("dot-segment", 5, dot_segment),
    change("double-encoding", 3, double_encoding),
    change("letter-escaped-twice", 3, letter_escaped_twice),
    change("double-slash", 3, double_slash),
    change("absolute-form", 3, absolute_form),
    change("unicode", 4, unicode),
    change("query", 5, query),
    change("bad-byte", 4, bad_byte),
    change("suffix", 3, suffix),
    change("method-case", 5, method_case),
    change("method", 5, method),
    change("method-in-query", 5, method_in_query),
    change("version", 3, version),
    change("blank-line", 1, blank_line),
    change("host", 4, host),
];

/// The path and what follows it.
fn split(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

fn with_path(draft: &mut Draft, change: impl FnOnce(&str) -> String) {
    let (path, query) = split(&draft.target);
    if path.starts_with('/') && path.is_ascii() {
        draft.target = format!("{}{query}", change(path));
    }
}

/// The start of a segment: not before the first slash.
fn place(path: &str, chance: &mut Chance) -> usize {
    let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    slashes[chance.below(slashes.len())]
}

fn inserted(path: &str, at: usize, text: &str) -> String {
    let (before, after) = path.split_at(at);
    format!("{before}{text}{after}")
}

/// With `text` for one byte.
fn replaced(path: &str, at: usize, text: &str) -> String {
    let (before, after) = path.split_at(at);
    format!("{before}{text}{}", after.split_at(1).1)
}

fn escaped_letter(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    with_path(draft, |path| {
        let at = 1 + chance.below(path.len().max(2) - 1);
        let Some(byte) = path.as_bytes().get(at).copied().filter(u8::is_ascii_alphanumeric) else {
            return path.to_owned();
        };
        let escape = if chance.odds(50) { format!("%{byte:02x}") } else { format!("%{byte:02X}") };
        replaced(path, at, &escape)
    });
}

fn encoded_slash(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let escape = chance.one_of(&["%2f", "%2F", "%5c", "%2f%2f", "%252f"]);
    match chance.below(4) {
        0 => draft.target = format!("/files/a{escape}secret"),
        1 => draft.target = format!("/files/{}{escape}", chance.one_of(&["a", "b.txt", "", "secret"])),
        2 => draft.target = format!("/files{escape}a/secret"),
        _ => with_path(draft, |path| {
            let at = place(path, chance).max(1);
            match path.get(at..at + 1) {
                Some("/") => replaced(path, at, escape),
                _ => format!("{path}{escape}x"),
            }
        }),
    }
}

fn letter_case(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    with_path(draft, |path| match chance.below(3) {
        0 => path.to_ascii_uppercase(),
        1 => path.chars().map(|c| if chance.odds(30) { c.to_ascii_uppercase() } else { c }).collect(),
        // The Kelvin sign and the long s fold to letters.
        _ => path.replace('k', "%e2%84%aa").replace('s', "%c5%bf"),
    });
}

fn trailing(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let end = chance
        .one_of(&["/", "//", "/.", "/..", ".", "%20", "%09", "%00", "%0a", "*", "~", "%23", "%3f", "/%20"]);
    with_path(draft, |path| format!("{path}{end}"));
}

fn semicolon(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let text = chance.one_of(&[
        ";",
        ";a=b",
        ";/x",
        ";jsessionid=1",
        "%3b",
        "%3ba=b",
        ";..",
        ";%2f..",
        ";.css",
        "%3B",
        "%3b/",
        "%253b",
        "%3b%3b",
        "%3fa=b",
        "%3Fx",
        "%23a",
        "%23",
    ]);
    with_path(draft, |path| {
        let at = place(path, chance);
        match chance.below(2) {
            0 => format!("{path}{text}"),
            _ => inserted(path, at.max(1), text),
        }
    });
}

fn dot_segment(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let dots = chance.one_of(&[
        "..",
        ".",
        "%2e%2e",
        "%2e",
        ".%2e",
        "..;",
        "..;x",
        "..%2f",
        "..%5c",
        "%2e%2e%2f",
        "...",
        "..%00",
        "..%20",
        "%c0%ae%c0%ae",
        "%ef%bc%8e%ef%bc%8e",
        "..%3b",
    ]);
    match chance.below(3) {
        0 => draft.target = format!("/pub/{dots}/admin/users"),
        1 => draft.target = format!("/shop/{dots}/admin/keys"),
        _ => with_path(draft, |path| {
            let at = place(path, chance);
            inserted(path, at, &format!("/{dots}"))
        }),
    }
}

fn double_encoding(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let text =
        chance.one_of(&["%252e%252e/", "%252f", "%25%32%66", "%2525", "%255c", "%25", "%%32%66", "%2561"]);
    with_path(draft, |path| {
        let at = place(path, chance) + 1;
        inserted(path, at, text)
    });
}

fn letter_escaped_twice(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(50) {
        draft.target = chance.one_of(&["/shop/admin", "/files/a/secret", "/pub/x", "/inv/7"]).to_owned();
    }
    with_path(draft, |path| {
        let at = 1 + chance.below(path.len().max(2) - 1);
        match path.as_bytes().get(at).copied().filter(u8::is_ascii_alphanumeric) {
            Some(byte) if chance.odds(60) => replaced(path, at, &format!("%25{byte:02x}")),
            Some(byte) => {
                let escaped: String =
                    format!("%{byte:02x}").bytes().map(|byte| format!("%{byte:02x}")).collect();
                replaced(path, at, &escaped)
            }
            None => path.to_owned(),
        }
    });
}

fn double_slash(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    with_path(draft, |path| {
        let at = place(path, chance);
        inserted(path, at, chance.one_of(&["/", "//", "/;", "\\"]))
    });
}

fn absolute_form(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.target = match chance.below(6) {
        0 => format!("http://localhost{}", draft.target),
        1 => "http://other.example/admin/users".to_owned(),
        2 => format!("//localhost{}", draft.target),
        3 => "*".to_owned(),
        4 => "localhost:80".to_owned(),
        _ => draft.target.trim_start_matches('/').to_owned(),
    };
}

fn unicode(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let text = chance.one_of(&[
        "%c0%af",
        "%ef%bc%8f",
        "%e2%88%95",
        "\u{e9}",
        "%c3%a9",
        "%ff",
        "%e2%80%8b",
        "%c2%a0",
        "%u002f",
        "%",
        "%2",
        "%zz",
        "%e2%80%ae",
        "%cc%81",
        "+",
        "%2b",
    ]);
    with_path(draft, |path| {
        let at = place(path, chance) + 1;
        match chance.below(2) {
            0 => format!("{path}{text}"),
            _ => inserted(path, at, text),
        }
    });
}

fn query(draft: &mut Draft, chance: &mut Chance, tokens: &Tokens) {
    let other = if chance.odds(50) { &tokens.ann } else { &tokens.bob };
    match chance.below(10) {
        0 => draft.query("a=/../admin"),
        1 => draft.query("id=2&userId=2"),
        2 => draft.query("%00"),
        3 => draft.query("?/admin"),
        4 => draft.query("a=b;c=d"),
        5 => draft.query("access_token=nonsense"),
        6 => draft.query("a[]=1&a[]=2"),
        7 => draft.query("path=/admin&url=/admin/users"),
        8 => draft.query("\"{}|^`<>"),
        _ => {
            let who = if other == &tokens.ann { crate::draft::Who::Ann } else { crate::draft::Who::Bob };
            draft.about.callers.insert(who);
            draft.query(&format!("access_token={other}"));
        }
    }
}

fn bad_byte(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let text = chance
        .one_of(&["#", "\\", "%5c", "%00", "%0d%0a", "%7f", "\t", " ", "\u{1}", "%09", "|", "\"", "^", "<"]);
    with_path(draft, |path| {
        let at = place(path, chance) + 1;
        inserted(path, at, text)
    });
}

fn suffix(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let end = chance.one_of(&[
        ".json",
        ".php",
        "/index.php",
        ".html",
        "/WEB-INF/web.xml",
        ".css",
        "/.htaccess",
        "::$DATA",
    ]);
    with_path(draft, |path| format!("{path}{end}"));
}

fn method_case(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(50) {
        chance.one_of(&["DELETE", "POST", "PUT", "PATCH"]).clone_into(&mut draft.method);
        draft.target = "/inv/7".to_owned();
    }
    draft.method = match chance.below(3) {
        0 => draft.method.to_ascii_lowercase(),
        1 => draft.method.chars().map(|c| if chance.odds(40) { c.to_ascii_lowercase() } else { c }).collect(),
        _ => {
            let (first, rest) = draft.method.split_at(1);
            format!("{first}{}", rest.to_ascii_lowercase())
        }
    };
}

fn method(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    chance
        .one_of(&[
            "FOO",
            "TRACE",
            "TRACK",
            "CONNECT",
            "DEBUG",
            "LOCK",
            "MKCOL",
            "REPORT",
            "PURGE",
            "SEARCH",
            "LINK",
            "MKCALENDAR",
            "ACL",
            "VERSION-CONTROL",
            "M-SEARCH",
            "PRI",
            "DELETE ",
            "GET\t",
            "X-GET",
            "DELETE\u{b}",
            "get",
            "PROPPATCH",
            "UNLOCK",
            "BIND",
            "QUERY",
        ])
        .clone_into(&mut draft.method);
}

fn method_in_query(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(80) {
        chance.one_of(&["POST", "POST", "POST", "GET", "PUT"]).clone_into(&mut draft.method);
        draft.target = chance.one_of(&["/inv/7", "/notes/1"]).to_owned();
    }
    let name = chance.one_of(&[
        "_method",
        "_METHOD",
        "_method",
        "%5fmethod",
        "_meth%6fd",
        "_method[]",
        "x&_method",
        "x;_method",
        "_method%00",
        "+_method",
        "_method[0]",
        "%5Fm%45thod",
    ]);
    let value =
        chance.one_of(&["DELETE", "delete", "PUT", "DELETE%20", "%44ELETE", "DELETE&_method=PUT", ""]);
    draft.query(&format!("{name}={value}"));
}

fn version(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.version = chance.one_of(&[
        "HTTP/1.0",
        "HTTP/1.0",
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/2.0",
        "http/1.1",
        "HTTP/1.2",
        "HTTP/1.1 ",
        " HTTP/1.1",
        "\tHTTP/1.1",
        "",
    ]);
    if draft.version == "HTTP/1.0" && chance.odds(50) {
        draft.field("Connection", "keep-alive");
    }
}

fn blank_line(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if draft.method != "HEAD" {
        draft.method.insert_str(0, chance.one_of(&["\r\n", "\r\n\r\n", "\n", "\r", " "]));
    }
}

fn host(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    chance
        .one_of(&[
            "tenant-a.example",
            "tenant-bb.example",
            "tenant-bb.example:8080",
            "localhost:",
            "a@localhost",
            "localhost/x",
            "[::1]",
            "localhost, other",
            "",
            "127.0.0.1",
            "x y",
            "LOCALHOST",
            "localhost.",
        ])
        .clone_into(&mut draft.host);
}
