//! Bad input to the User API: each is a 4xx that names the reason, in both profiles, and the gate stays up.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{PASSWORD, ask, gate};
use crate::support::{Client, Gate, SignedUp};

const PROFILES: [&str; 2] = ["standard", "loopback3"];
const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A body, its lines of the head, and the start of what is said to it.
type Bad = (&'static str, Vec<u8>, &'static str);

fn text(lines: &'static str, body: impl Into<String>, told: &'static str) -> Bad {
    (lines, body.into().into_bytes(), told)
}

/// Sends a request; its answer has to be a refusal with a message. `400 SyntaxError: the body is …`
fn refused(client: &mut Client, method: &str, target: &str, lines: &str, body: &[u8]) -> String {
    let answer = client.ask(method, target, lines, body);
    let start: String = String::from_utf8_lossy(body).chars().take(80).collect();
    assert!((400..500).contains(&answer.status), "{} {target} {start}: {}", answer.status, answer.text());
    let error = &answer.json()["error"];
    let (name, message) = (error["name"].as_str().unwrap(), error["message"].as_str().unwrap());
    assert!(!message.is_empty(), "{target} {start}");
    assert_eq!(error["statusCode"], answer.status, "{target} {start}");
    format!("{} {name}: {message}", answer.status)
}

fn lives(gate: &Gate, ann: &SignedUp) {
    let own = format!("/api/users/{}", ann.id);
    assert_eq!(ask(&mut gate.client(), "GET", &own, &ann.token, &Value::Null).status, 200);
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Bodies that no method reads.
fn bodies() -> Vec<Bad> {
    const NO_JSON: &str = "400 SyntaxError: the body is not valid JSON: ";
    const TOO_LARGE: &str = "413 PayloadTooLargeError: ";
    const NO_TYPE: &str = "415 UnsupportedMediaTypeError: unsupported ";
    const GZIP: &str = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    vec![
        text(JSON, nested("[", "]", 40_000), "400 SyntaxError: the body is not valid JSON: recursion limit"),
        text(JSON, nested("{\"a\":", "}", 15_000), NO_JSON),
        text(JSON, nested("[", "]", 100_000), TOO_LARGE),
        text(JSON, "[".repeat(90_000), NO_JSON),
        text(JSON, r#"{"email":1e400}"#, "400 SyntaxError: the body is not valid JSON: number out of range"),
        text(JSON, format!(r#"{{"email":{}}}"#, "9".repeat(50_000)), NO_JSON),
        text(JSON, format!(r#"{{"email":-{}.5}}"#, "9".repeat(400)), NO_JSON),
        text(JSON, r#"{"email":NaN}"#, NO_JSON),
        text(JSON, r#"{"email":"\ud800"}"#, NO_JSON),
        text(JSON, r#"{"email":"\udc00\ud800"}"#, NO_JSON),
        text(JSON, "{\"email\":\"a\u{0}\"}", NO_JSON),
        text(JSON, r#"{"email":"a",}"#, NO_JSON),
        text(
            JSON,
            r#"{"__proto__":{"admin":true}}"#,
            "400 SyntaxError: the body is not valid JSON: the key `__proto__`",
        ),
        text(JSON, r#"{"a":[{"__proto__":1}]}"#, NO_JSON),
        text(JSON, r#"{"constructor":{"prototype":{"admin":true}}}"#, NO_JSON),
        (JSON, b"{\"email\":\"\xff\xfe\"}".to_vec(), NO_JSON),
        (JSON, b"{\"email\":\"\xc0\xaf\"}".to_vec(), NO_JSON),
        text(JSON, format!("[{}1]", "1,".repeat(1_000_000)), TOO_LARGE),
        text("Content-Type: application/json; charset=latin1\r\n", "{}", NO_TYPE),
        text("Content-Type: application/json; charset=utf-32\r\n", "{}", NO_TYPE),
        text(
            "Content-Type: application/json; charset=utf-16\r\n",
            "{",
            "400 SyntaxError: the body is not valid text",
        ),
        text("Content-Type: application/json\r\nContent-Encoding: br\r\n", "{}", NO_TYPE),
        text("Content-Type: application/json\r\nContent-Encoding: gzip, gzip\r\n", "{}", NO_TYPE),
        text(GZIP, "{}", "400 Error: incorrect header check"),
        (GZIP, gzip(b"{\"a\":1}")[..15].to_vec(), "400 Error: unexpected end of file"),
        (GZIP, gzip(&vec![b' '; 60_000_000]), TOO_LARGE),
        text(FORM, vec!["a=1"; 1001].join("&"), "413 PayloadTooLargeError: too many parameters"),
        text(FORM, vec!["a=1"; 20_000].join("&"), "413 PayloadTooLargeError: too many parameters"),
        text(
            FORM,
            format!("a{}=1", "[b]".repeat(30_000)),
            "400 BadRequestError: The input exceeded the depth",
        ),
        text(FORM, "a=1&".repeat(100_000), TOO_LARGE),
        text("Content-Type: application/x-www-form-urlencoded; charset=latin1\r\n", "a=1", NO_TYPE),
    ]
}

#[test]
fn bodies_that_cannot_be_read() {
    for profile in PROFILES {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        for (lines, body, told) in bodies() {
            // Also where a rule would have said no, and where no body is wanted.
            for line in ["POST /api/users", "POST /api/users/login", "PATCH /api/users/1", "GET /api/users/1"]
            {
                let (method, target) = line.split_once(' ').unwrap();
                // A refused upload ends the connection.
                let said = refused(&mut gate.client(), method, target, lines, &body);
                assert!(said.starts_with(told), "{profile}: {line} {lines}: {said}");
            }
        }
        lives(&gate, &ann);
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_in_standard_and_the_last_one_in_loopback() {
    let body = br#"{"email":"a@b.cc","email":"ann@example.com","password":"wrong"}"#;
    for (profile, told) in [
        ("standard", "400 SyntaxError: the body is not valid JSON: the key `email` is there twice"),
        ("loopback3", "401 Error: login failed"),
    ] {
        let (_app, gate) = gate(profile);
        let said = refused(&mut gate.client(), "POST", "/api/users/login", JSON, body);
        assert!(said.starts_with(told), "{profile}: {said}");
    }
}

/// Every property in every type that it is not: what can be converted is, as LoopBack does, and the rest is refused.
#[test]
fn properties_of_the_wrong_type() {
    let wrong =
        [json!(5), json!(true), json!([]), json!({}), json!([{"a": 1}]), json!(null), json!(-1.5e300)];
    for profile in PROFILES {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for value in &wrong {
            for (target, body) in [
                ("/api/users", json!({"email": value, "password": PASSWORD})),
                ("/api/users", json!({"email": "x@example.com", "password": value})),
                ("/api/users/login", json!({"email": value, "password": PASSWORD})),
                ("/api/users/login", json!({"username": value, "password": PASSWORD})),
                ("/api/users/login", json!({"email": "ann@example.com", "password": value})),
                ("/api/users/login", json!({"email": "ann@example.com", "password": "x", "ttl": value})),
                ("/api/users/reset", json!({"email": value})),
                ("/api/users/change-password", json!({"oldPassword": value, "newPassword": value})),
                ("/api/users/reset-password", json!({"newPassword": value})),
                ("/api/users", json!([value, 5])),
            ] {
                let lines = format!("{JSON}Authorization: {}\r\n", ann.token);
                let body = body.to_string();
                refused(&mut client, "POST", target, &lines, body.as_bytes());
            }
        }
        for body in ["5", "true", "\"x\"", "[5]", "[[]]", "null"] {
            for target in ["/api/users/login", "/api/users/reset", "/api/users/change-password"] {
                refused(&mut client, "POST", target, JSON, body.as_bytes());
            }
        }
        lives(&gate, &ann);
    }
}

#[test]
fn queries_and_paths_that_mean_nothing() {
    let deep = |open: &str, close: &str, levels| nested(open, close, levels).replace('"', "%22");
    let filter = deep("{\"and\":[", "]}", 2_000).replace('{', "%7B").replace('}', "%7D");
    for profile in PROFILES {
        let (_app, gate) = gate(profile);
        let ann = gate.sign_up("ann");
        for target in [
            format!("/api/users?filter={filter}"),
            format!("/api/users/count?where={filter}"),
            format!("/api/users/login?include={}", nested("[", "]", 20_000)),
            "/api/users?filter=%7B%22__proto__%22:1%7D".to_owned(),
            "/api/users?filter=%7B%22limit%22:1e400%7D".to_owned(),
            "/api/users?filter=%ff%fe".to_owned(),
            "/api/users?filter=%".to_owned(),
            "/api/users/%ff".to_owned(),
            "/api/users/%zz".to_owned(),
            "/api/users/%00".to_owned(),
            "/api/users/\u{e9}".to_owned(),
            "/api/users/confirm?uid=%00&token=%00".to_owned(),
            "/api/users/confirm?uid[__proto__]=1&token[constructor]=2".to_owned(),
            "/api/users/confirm?uid=%ff&token=%ff".to_owned(),
            format!("/api/users/{}", "9".repeat(400)),
            "/api/users/1e400".to_owned(),
            "/api/users/__proto__".to_owned(),
            "/api/users/constructor".to_owned(),
            "/api/users/1?access_token=%00".to_owned(),
            format!("/api/users/1?access_token={}", "x".repeat(20_000)),
            format!("/api/users?filter{}=1", "[a]".repeat(10_000)),
        ] {
            let method = if target.contains("/login") { "POST" } else { "GET" };
            // A head that is none ends the connection.
            refused(&mut gate.client(), method, &target, "", b"");
        }
        lives(&gate, &ann);
    }
}

#[test]
fn what_is_odd_but_harmless_is_kept_as_it_is() {
    let mut odd = json!({
        "email": "odd@example.com", "password": PASSWORD, "username": "a\u{0}b", "": 1, "constructor": 5,
        "prototype": {"x": 1}, "$where": "1", "a.b": 2, "hasOwnProperty": 6, "half": "\u{fffd}",
    });
    for profile in PROFILES {
        let (_app, gate) = gate(profile);
        if profile == "standard" {
            gate.client().post_json("/api/users", "", &odd).expect(422);
            odd["username"] = "odd".into();
        } else {
            odd["username"] = "a\u{0}b".into();
        }
        let created = gate.client().post_json("/api/users", "", &odd).expect(200).json();
        for name in ["username", "", "constructor", "prototype", "$where", "a.b", "half"] {
            assert_eq!(created[name], odd[name], "{profile}: {name}");
        }
        assert!(created.get("hasOwnProperty").is_none(), "LoopBack drops what every object has: {created}");
        let form =
            b"email=f@example.com&password=a-good-password&__proto__[x]=1&constructor[prototype][y]=2&a=%ff";
        let created = gate.client().ask("POST", "/api/users", FORM, form).expect(200).json();
        assert_eq!(created["a"], "%ff", "{profile}");
        assert!(created.get("constructor").is_none() && created.get("__proto__").is_none(), "{created}");
        // Other types than JSON and forms are not read as a body.
        let multipart = "Content-Type: multipart/form-data; boundary=x\r\n";
        let part = b"--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b.cc\r\n--x--\r\n";
        let said = refused(&mut gate.client(), "POST", "/api/users", multipart, part);
        assert!(said.starts_with("422 ValidationError"), "{profile}: {said}");
    }
}
