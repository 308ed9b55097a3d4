use super::*;
use crate::wire::{HeadLimits, Scan};

fn head(method: &str, lines: &str) -> RequestHead {
    let mut head = RequestHead::new();
    let text = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n{lines}\r\n");
    let limits = HeadLimits { bytes: 8192, fields: 20 };
    assert_eq!(head.scan(text.as_bytes(), &limits), Ok(Scan::Complete(text.len())));
    head
}

/// The method that a body of this type asks for; it has to be the same for every split of the body.
fn read(kind: &str, body: &str) -> Override {
    let head = head("POST", &format!("Content-Type: {kind}\r\n"));
    let found = OverrideScanner::of(&head).unwrap().reads(body.as_bytes());
    for cut in 0..body.len() {
        let (one, two) = body.as_bytes().split_at(cut);
        let mut scanner = OverrideScanner::of(&head).unwrap();
        let streamed = scanner.finds(one) || scanner.finds(two);
        assert_eq!(streamed, found != Override::None, "{body:?} cut at {cut}");
    }
    let mut scanner = OverrideScanner::of(&head).unwrap();
    let by_bytes = body.as_bytes().iter().any(|byte| scanner.finds(&[*byte]));
    assert_eq!(by_bytes, found != Override::None, "{body:?} byte by byte");
    found
}

fn delete() -> Override {
    Override::Method("DELETE".into())
}

/// Names that some framework reads as `_method` or its like, escaped as in a form.
const SPELLINGS: [&str; 19] = [
    "_method",
    "_METHOD",
    "%5fmethod",
    "%5Fm%65thod",
    "%u005fmethod",
    "_method[]",
    "_method[x]",
    "_method%5B%5D",
    "[_method]",
    "+_method",
    "%20_method",
    ".method",
    "_method%00x",
    "-method",
    "X-HTTP-Method-Override",
    "x-http-method",
    "X_Method_Override",
    "x-tunneled-method",
    "__METHOD_OVERRIDE__",
];

#[test]
fn b5_a_method_in_the_query_is_found_in_every_spelling() {
    for name in SPELLINGS {
        for query in [
            format!("{name}=DELETE"),
            format!("a=b&{name}=delete"),
            format!("a=b;{name}=%44ELETE;c"),
            format!("{name}=+Delete+&{name}=DELETE"),
            format!("&&=&{name}=DELETE&"),
        ] {
            assert_eq!(query_override(&query), delete(), "{query}");
        }
    }
    for query in
        ["_method", "_method=", "_method=a b", "_method=PUT&_method=DELETE", "_method=%44%ff", "_method=a%00"]
    {
        assert_eq!(query_override(query), Override::Unclear, "{query}");
    }
    for query in [
        "",
        "a=_method",
        "method=DELETE",
        "_methods=DELETE",
        "a_method=DELETE",
        "x=1",
        "%5=_method",
        "%",
        "filter={\"where\":{\"_method\":1}}",
        "a[_method]=DELETE",
        "x-http-method-override-for-everything=1",
    ] {
        assert_eq!(query_override(query), Override::None, "{query}");
    }
}

#[test]
fn b5_a_method_in_a_form_is_found_however_the_body_is_cut() {
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    for name in SPELLINGS {
        assert_eq!(read(form, &format!("title=x&{name}=DELETE&y=z")), delete(), "{name}");
    }
    assert_eq!(read(form, "title=a%26_method%3dDELETE&b={\"_method\": 1}"), Override::None);
    assert_eq!(read(form, "{\"_method\":\"DELETE\"}"), delete(), "express.json of any type reads it");
    assert_eq!(read(form, "_method=PUT&_method=DELETE"), Override::Unclear);
}

#[test]
fn b5_a_method_in_a_part_is_found_by_any_parser_s_reading() {
    let part =
        |header: &str| format!("--b\r\nContent-Type: text/plain\r\n{header}\r\n\r\nDELETE\r\n--b--\r\n");
    for header in [
        "Content-Disposition: form-data; name=\"_method\"",
        "content-disposition:form-data;name=_method",
        "CONTENT-DISPOSITION: form-data; filename=\"a;b\"; name='_METHOD'",
        "Content-Disposition : form-data; name=\"_method[]\"",
        "Content-Disposition: form-data;\r\n name=\"_method\"",
        "Content-Disposition: form-data; name=\"\\_me\\thod\"",
        "Content-Disposition: form-data; name=\"%5fmethod\"",
        "X-Content-Disposition: form-data; name=\"_method\"",
        "Content-Disposition: form-data; name*=utf-8''%5fmethod",
        "Content-Disposition: form-data; name*0=\"_me\"; name*1=\"thod\"",
        "Content-Disposition: form-data; name=\"=?utf-8?B?X21ldGhvZA==?=\"",
        "Content-ID: <_method>",
        "Content-Disposition: form-data; name=\"x-http-method-override\"",
    ] {
        assert_eq!(read("multipart/form-data; boundary=b", &part(header)), delete(), "{header}");
    }
    let long = format!("Content-Disposition: form-data; x=\"{}\"; name=\"a\"", "y".repeat(5000));
    assert_ne!(read("multipart/mixed; boundary=b", &part(&long)), Override::None);
    for header in [
        "Content-Disposition: form-data; name=\"title\"",
        "Content-Disposition: form-data; name=\"method\"; filename=\"my_method.txt\"",
        "Content-Disposition: form-data; name=\"f\"; filename*=utf-8''na%C3%AFve.txt",
        "Content-Disposition: form-data; name=\"f\"; filename=\"=?utf-8?B?w6Q=?=\"",
        "Content-Disposition: form-data; name=\"f\"\r\nX-Note: name=\"_method\"",
    ] {
        assert_eq!(read("multipart/form-data; boundary=b", &part(header)), Override::None, "{header}");
    }
    let upload = part("Content-Disposition: form-data; name=\"f\"; filename=\"a.js\"")
        .replace("DELETE", "var _method = \"content-disposition\"; post('_method=DELETE')");
    assert_eq!(read("multipart/form-data; boundary=b", &upload), Override::None);
}

#[test]
fn b5_a_method_in_the_outermost_object_is_found() {
    for body in [
        "{\"_method\": \"delete\"}",
        " {\"a\": {\"b\": [1, \"x\"]}, \"_METHOD\" : \"DELETE\"}",
        "{\"\\u005fmethod\":\"DELETE\"}",
        "{\"a\": \"\\\"\", \"_method\":\"DELETE\", \"_method\":\"DELETE\"}",
    ] {
        assert_eq!(read("application/json", body), delete(), "{body}");
        assert_eq!(read("application/vnd.api+json", body), delete(), "{body}");
    }
    assert_eq!(read("application/json", "{\"_method\": 1}"), Override::Unclear);
    for body in [
        "{\"a\": {\"_method\": \"DELETE\"}}",
        "{\"a\": \"_method\"}",
        "[\"_method\", \"DELETE\"]",
        "[{\"_method\": \"DELETE\"}]",
        "{\"a\": [\"x\", \"_method\"]}",
    ] {
        assert_eq!(read("application/json", body), Override::None, "{body}");
    }
}

#[test]
fn b5_only_what_a_framework_reads_is_looked_at() {
    let of = |method: &str, lines: &str| OverrideScanner::of(&head(method, lines)).is_some();
    assert!(of("POST", ""), "Rack reads a POST without a type as a form");
    assert!(of("PUT", "Content-Type: application/x-www-form-urlencoded\r\n"));
    assert!(of("POST", "Content-Type: text/plain\r\nContent-Type: multipart/form-data\r\n"));
    for (method, lines) in [
        ("PUT", ""),
        ("PUT", "Content-Type: application/json\r\n"),
        ("PATCH", "Content-Type: text/plain\r\n"),
    ] {
        assert!(!of(method, lines), "{method} {lines}");
    }
    let gzip = "Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n";
    assert!(
        OverrideScanner::of(&head("POST", gzip)).unwrap().finds(b"\x1f"),
        "what is hidden may be anything"
    );
}

#[test]
fn b5_an_object_is_read_under_any_type() {
    for kind in ["text/plain", "text/x-json", "application/csp-report", "*/*", "application/octet-stream", ""]
    {
        let scanner = || OverrideScanner::of(&head("POST", &format!("Content-Type: {kind}\r\n"))).unwrap();
        for body in [
            "{\"_method\": \"DELETE\"}",
            " \r\n{\"a\": 1, \"_method\":\"DELETE\"}",
            "\u{feff}{\"_method\":\"DELETE\"}",
        ] {
            assert!(scanner().finds(body.as_bytes()), "{kind}: {body}");
            let mut by_bytes = scanner();
            assert!(body.as_bytes().chunks(1).any(|piece| by_bytes.finds(piece)), "{kind}: {body}");
            assert_eq!(
                scanner().reads(body.as_bytes()),
                Override::Method("DELETE".to_owned()),
                "{kind}: {body}"
            );
        }
        for body in [
            "",
            "x{\"_method\": \"DELETE\"}",
            "[{\"_method\": \"DELETE\"}]",
            "{\"a\": {\"_method\": 1}}",
            "\u{1f}\u{8b}",
        ] {
            assert!(!scanner().finds(body.as_bytes()), "{kind}: {body}");
        }
        let packed = |coding: &str| {
            let lines = format!("Content-Type: {kind}\r\nContent-Encoding: {coding}\r\n");
            OverrideScanner::of(&head("POST", &lines)).unwrap().finds(b"\x1f\x8b")
        };
        assert!(packed("gzip") && packed("deflate") && packed("br"), "{kind}: such apps undo it first");
        assert!(!packed("snappy"), "{kind}: samples for Prometheus");
        let wide = head("POST", &format!("Content-Type: {kind}; charset=utf-16le\r\n"));
        assert!(OverrideScanner::of(&wide).unwrap().finds(b"{\0"), "{kind}");
    }
}

/// Found against Express, Koa, Hono, Flask, Bottle and CherryPy.
#[test]
fn b5_what_a_reader_drops_around_a_name_hides_nothing() {
    let (dots, broken) = (".".repeat(40) + "_method", "_method".to_owned() + &"%".repeat(40));
    let names = [
        "\u{feff}_method",
        "%ef%bb%bf_method",
        "?_method",
        "._method",
        "%2e_method",
        "?%2e._method",
        "_method%",
        &dots,
        &broken,
    ];
    for name in names {
        for kind in
            ["application/x-www-form-urlencoded", "text/plain", "application/octet-stream", "*/*", "x", ""]
        {
            assert_eq!(read(kind, &format!("{name}=DELETE")), delete(), "{kind}: {name}");
            assert_eq!(read(kind, &format!("a=b&{name}=DELETE&c")), delete(), "{kind}: {name}");
        }
        if name.is_ascii() {
            assert_eq!(query_override(&format!("{name}=DELETE")), delete(), "{name}");
        }
    }
    for body in ["a_method=DELETE", "method=DELETE", "?method=DELETE", "a=?_method", "_method%x=DELETE"] {
        assert_eq!(read("text/plain", body), Override::None, "{body}");
    }
    let wide: Vec<u8> = "{\"_method\":\"DELETE\"}".bytes().flat_map(|byte| [byte, 0]).collect();
    for bytes in [wide.clone(), [&[0xff, 0xfe][..], &wide].concat(), [&[0][..], &wide].concat()] {
        let post = head("POST", "Content-Type: application/json\r\n");
        assert!(OverrideScanner::of(&post).unwrap().finds(&bytes), "UTF-16, as Python's json reads it");
    }
}

#[test]
fn b5_a_part_is_named_however_its_lines_end_or_fold() {
    let named = |body: &str| {
        for kind in ["multipart/form-data; boundary=X", "multipart; boundary=X"] {
            assert_ne!(read(kind, body), Override::None, "{kind}: {body:?}");
        }
    };
    named("--X\rContent-Disposition: form-data; name=\"_method\"\r\rDELETE\r--X--\r");
    named("--X\nContent-Disposition: form-data; name=\"_method\"\n\nDELETE\n--X--\n");
    named("--X\r\nContent-Disposition: form-data; name=\"_met\r\n hod\"\r\n\r\nDELETE\r\n--X--\r\n");
    named("--X\r\nContent_Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--X--\r\n");
    named("--X\r\nContent-Disposition: form-data; name=\"\u{feff}_method\"\r\n\r\nDELETE\r\n--X--\r\n");
    named("{\"_method\":\"DELETE\"}");
}

#[test]
fn b5_a_value_that_is_no_known_method_is_unclear() {
    for value in ["TRACE", "CONNECT", "FOO", "REVMRVRF", "", "delete x"] {
        assert_eq!(query_override(&format!("_method={value}")), Override::Unclear, "{value}");
    }
    for value in ["delete", "Delete", "PATCH", "MOVE"] {
        assert_eq!(
            query_override(&format!("_method={value}")),
            Override::Method(value.to_uppercase()),
            "{value}"
        );
    }
}

#[test]
fn b5_a_part_whose_value_is_coded_is_unclear() {
    let part = |before: &str, after: &str| {
        let body = format!(
            "--b\r\n{before}Content-Disposition: form-data; name=\"_method\"\r\n{after}\r\nDELETE\r\n--b--\r\n"
        );
        read(PARTS, &body)
    };
    for line in ["base64", "quoted-printable", "x-uuencode", "\r\n base64", "8bit-ish", ""] {
        let line = format!("Content-Transfer-Encoding: {line}\r\n");
        assert_eq!(part(&line, ""), Override::Unclear, "{line}");
        assert_eq!(part("", &line.to_uppercase()), Override::Unclear, "{line}");
    }
    for line in ["7bit", "8BIT", "binary", "binary; x"] {
        let line = format!("content-transfer-encoding:{line}\r\n");
        assert_eq!(part(&line, ""), Override::Method("DELETE".to_owned()), "{line}");
    }
}

#[test]
fn b5_a_body_whose_letters_are_hidden_may_hold_anything() {
    let of = |kind: &str, lines: &str| {
        let lines = format!("Content-Type: {kind}\r\n{lines}");
        let mut scanner = OverrideScanner::of(&head("POST", &lines)).unwrap();
        let found = scanner.finds(b"x");
        assert_eq!(scanner.reads(b"x") == Override::Unclear, found, "{lines}");
        found
    };
    let kinds = ["application/json", "application/vnd.api+json", "application/x-www-form-urlencoded", PARTS];
    for kind in kinds {
        for coding in ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip", ""] {
            assert!(of(kind, &format!("Content-Encoding: {coding}\r\n")), "{kind} {coding}");
        }
        for set in [
            "charset=utf-16",
            "charset=utf-16le",
            "charset=utf-16be",
            "charset=utf-32",
            "charset=utf-7",
            "charset=\"UTF-7\"",
            "Charset=IBM037",
            "charset =utf-16",
            "charset= utf-16",
            "charset=utf_16",
            "charset='utf-8'",
            "charset=utf-8; charset=utf-7",
            "charset=utf-8 , charset=utf-7",
            "charset*=utf-8''utf-16",
            "charset*0=utf-16",
            "charset=\"utf\\-16\"",
            "charset=",
            "charset=cp037",
            "charset=utf-8\r\nContent-Type: text/plain; charset=utf-7",
        ] {
            assert!(of(&format!("{kind}; {set}"), ""), "{kind}; {set}");
        }
        for set in [
            "charset=utf-8",
            "charset=UTF-8",
            "charset=\"utf-8\"",
            "charset = utf8",
            "charset=us-ascii",
            "charset=ISO-8859-1",
            "charset=windows-1252; x=y",
            "x=charset",
            "charset",
            "x=y",
        ] {
            assert!(!of(&format!("{kind}; {set}"), "Content-Encoding: identity\r\n"), "{kind}; {set}");
        }
    }
}

const PARTS: &str = "multipart/form-data; boundary=b";
