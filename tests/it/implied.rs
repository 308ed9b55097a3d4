//! Overrides of the request line: a method in the query or body, and a second target.

use crate::support::{App, Client, Gate, Response, Setup};

/// Notes that all may write, and only an editor may delete.
const NOTES: &str = r#"{
  "name": "Note",
  "routes": [
    { "path": "/notes/{id}", "methods": ["GET", "POST", "PUT"], "property": "write" },
    { "path": "/notes/{id}", "methods": ["DELETE", "PATCH"], "property": "remove" }
  ],
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "write" },
    { "principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW", "property": "remove" }
  ]
}"#;

/// A folder for each user, one without an owner, and one that only takes moves.
const DAV: &str = r#"{
  "name": "Dav",
  "routes": [
    { "path": "/dav/{user}/{*rest}", "property": "file" },
    { "path": "/dav/2/kept/{*rest}", "methods": ["MOVE"], "property": "kept" },
    { "path": "/drop/{name}", "methods": ["MOVE", "COPY"], "property": "drop" }
  ],
  "owner": { "path": "user" },
  "acls": [
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "DENY" },
    { "principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW", "property": "file" },
    { "principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "drop" }
  ]
}"#;

fn gate(app: &App, mode: &str) -> Gate {
    let setup = Setup::new(app).policy("note.json", NOTES).policy("dav.json", DAV);
    Gate::start(setup.set("upstream.method_override", mode).set("policies.unmatched", "deny"))
}

fn post(client: &mut Client, target: &str, kind: &str, body: &str) -> Response {
    client.ask("POST", target, &format!("Content-Type: {kind}\r\n"), body.as_bytes())
}

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=b";

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n")
}

#[test]
fn b5_a_method_in_the_query_or_the_body_is_refused() {
    let app = App::echo();
    let gate = gate(&app, "refuse");
    for target in ["/notes/7?_method=DELETE", "/notes/7?a=b&%5Fmethod=delete", "/notes/7?_method[]=PUT"] {
        for method in ["GET", "POST", "PUT"] {
            let refused = gate.client().ask(method, target, "", b"").expect(400);
            assert!(refused.text().contains("(method-override)"), "{}", refused.text());
        }
    }
    for (kind, body) in [
        (FORM, "title=x&_method=DELETE".to_owned()),
        ("", "_method=DELETE".to_owned()),
        (PARTS, part("_method", "DELETE")),
        ("application/json", r#"{"_method": "DELETE"}"#.to_owned()),
        // Read as a form, or as JSON, by apps that do not look at the type.
        ("text/plain", "?_method=DELETE".to_owned()),
        (FORM, r#"{"_method": "DELETE"}"#.to_owned()),
        (FORM, "\u{feff}_method=DELETE".to_owned()),
    ] {
        post(&mut gate.client(), "/notes/7", kind, &body).expect(400);
    }
    for (kind, lines) in [
        ("application/json", "Content-Encoding: gzip\r\n"),
        ("application/octet-stream", "Content-Encoding: gzip\r\n"),
        ("text/plain; charset=utf-16le", ""),
        ("application/json; charset=utf-16", ""),
        ("application/x-www-form-urlencoded; charset=utf-7", ""),
        ("multipart/form-data; boundary=b; charset=utf-7", ""),
    ] {
        let lines = format!("Content-Type: {kind}\r\n{lines}");
        gate.client().ask("POST", "/notes/7", &lines, b"+AF8-method=DELETE").expect(400);
    }
    assert_eq!(app.requests().len(), 0, "nothing reached the app");
    // What is not an override passes as it came.
    for (kind, body) in [
        (FORM, "title=_method".to_owned()),
        (PARTS, part("title", "_method")),
        ("application/json", r#"{"a": {"_method": 1}}"#.to_owned()),
        ("text/plain", "see _method=DELETE".to_owned()),
    ] {
        let told = post(&mut gate.client(), "/notes/7?q=_method", kind, &body).expect(200).json();
        assert_eq!(told["body"], body, "{kind}");
    }
    gate.client().ask("POST", "/notes/7", "X-HTTP-Method-Override: DELETE\r\n", b"").expect(200);
    assert!(app.requests().iter().all(|request| request.field("x-http-method-override").is_none()));
}

/// A body that comes in pieces, and one that is longer than what is ever held.
#[test]
fn b5_an_upload_streams_and_an_override_in_it_never_arrives() {
    let app = App::echo();
    let gate = gate(&app, "refuse");
    let file = "x".repeat(300 * 1024);
    let upload =
        format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n{file}\r\n");
    let told = post(&mut gate.client(), "/notes/7", PARTS, &format!("{upload}--b--\r\n")).expect(200);
    assert!(told.text().contains(&file));
    let head = |framing: &str| {
        format!("POST /notes/7 HTTP/1.1\r\nHost: a\r\nContent-Type: {PARTS}\r\n{framing}\r\n\r\n")
    };
    let body = format!("{upload}{}", part("_method", "DELETE"));
    let long = gate.client().send(head(&format!("Content-Length: {}", body.len()))).send(&body).response();
    assert_eq!(long.status, 400);
    let chunks = format!(
        "{:x}\r\n{upload}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        upload.len(),
        body.len() - upload.len(),
        part("_method", "DELETE")
    );
    gate.client().send(head("Transfer-Encoding: chunked")).send(chunks).response().expect(400);
    assert_eq!(app.requests().len(), 1, "the second and third were never whole");
}

#[test]
fn b5_an_override_is_judged_as_what_it_asks_for() {
    let app = App::echo();
    let gate = gate(&app, "judge");
    let ann = gate.sign_up("ann");
    let token = format!("Authorization: {}\r\n", ann.token);
    let form = format!("Content-Type: {FORM}\r\n{token}");
    let mut client = gate.client();
    client.ask("POST", "/notes/7?_method=DELETE", "", b"").expect(401);
    client.ask("POST", "/notes/7?_method=delete", &token, b"").expect(200);
    client.ask("POST", "/notes/7?_method=PUT", "", b"").expect(200);
    client.ask("POST", "/notes/7?_method=PUT&_method=DELETE", &token, b"").expect(400);
    client.ask("POST", "/notes/7?_method=PURGE", &token, b"").expect(403);
    post(&mut client, "/notes/7", FORM, "_method=DELETE").expect(401);
    post(&mut client, "/notes/7", PARTS, &part("_method", "delete")).expect(401);
    let told = client.ask("POST", "/notes/7", &form, b"a=b&_method=DELETE").expect(200).json();
    assert_eq!(told["body"], "a=b&_method=DELETE");
    let parts = format!("Content-Type: {PARTS}\r\n{token}");
    client.ask("POST", "/notes/7", &parts, part("_method", "DELETE").as_bytes()).expect(200);
    // What both ask for has to be the same.
    client.ask("POST", "/notes/7?_method=PUT", &form, b"_method=DELETE").expect(400);
}

#[test]
fn b5_where_the_app_does_not_look_it_passes() {
    let app = App::echo();
    let gate = gate(&app, "ignore");
    gate.client().ask("POST", "/notes/7?_method=DELETE", "", b"").expect(200);
    post(&mut gate.client(), "/notes/7", FORM, "_method=DELETE").expect(200);
}

fn moving(gate: &Gate, token: &str, method: &str, lines: &str) -> u16 {
    let lines = format!("Authorization: {token}\r\n{lines}");
    gate.client().ask(method, "/dav/1/f", &lines, b"").status
}

#[test]
fn b6_a_destination_is_a_target_that_is_written() {
    let app = App::echo();
    let gate = gate(&app, "refuse");
    let ann = gate.sign_up("ann");
    assert_eq!(ann.id, 1);
    for (destination, status) in [
        ("/dav/1/g", 200),
        ("http://gate.test/dav/1/g", 200),
        ("HTTP://GATE.TEST:80/dav/1/g", 200),
        ("https://gate.test/dav/1/g", 200),
        ("/drop/g", 200),
        ("/dav/2/f", 403),
        ("http://gate.test/dav/2/f", 403),
        ("/dav/2/kept/f", 403),
        ("/elsewhere", 403),
        ("http://other.test/dav/1/g", 400),
        ("http://gate.test:8080/dav/1/g", 400),
        ("http://gate.test@other.test/dav/1/g", 400),
        ("ftp://gate.test/dav/1/g", 400),
        ("http://gate.test", 400),
        ("dav/1/g", 400),
        ("", 400),
        ("//gate.test/dav/1/g", 400),
        ("/dav/1/../2/f", 400),
        ("/dav/1/%2e%2e/2/f", 400),
        ("/dav/1%2f../2/f", 400),
        ("/dav//2/f", 400),
        ("/dav/1/%5cf", 400),
        ("/dav%2f2/f", 400),
        ("/dav/1/g?x", 400),
        ("/dav/1/g#x", 400),
        ("/dav/1/ g", 400),
        ("/.portcullis/x", 400),
        ("/api/users/1", 400),
    ] {
        for method in ["MOVE", "COPY"] {
            let got = moving(&gate, &ann.token, method, &format!("Destination: {destination}\r\n"));
            assert_eq!(got, status, "{method} {destination}");
        }
    }
    let twice = "Destination: /dav/1/g\r\ndestination: /dav/2/f\r\n";
    assert_eq!(moving(&gate, &ann.token, "MOVE", twice), 400);
    assert_eq!(moving(&gate, &ann.token, "MOVE", ""), 200);
    assert_eq!(moving(&gate, &ann.token, "PUT", "Destination: /dav/2/f\r\n"), 403, "whatever the method");
    assert!(app.requests().iter().all(|request| {
        let to = request.field("destination").unwrap_or("/dav/1/");
        to.contains("/dav/1/") || to.contains("/drop/")
    }));
}

/// A field of an object store that has it read what another path holds.
#[test]
fn b6_behind_a_proxy_this_host_is_the_one_that_the_proxy_tells() {
    let app = App::echo();
    let setup = Setup::new(&app).policy("dav.json", DAV).set("server.trusted_proxies", "127.0.0.0/8");
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    for (destination, status) in
        [("http://shop.test/dav/1/g", 200), ("http://gate.test/dav/1/g", 400), ("/dav/1/g", 200)]
    {
        let lines = format!("X-Forwarded-Host: shop.test\r\nDestination: {destination}\r\n");
        assert_eq!(moving(&gate, &ann.token, "MOVE", &lines), status, "{destination}");
    }
}

#[test]
fn b6_a_source_to_copy_from_is_refused() {
    let app = App::echo();
    let gate = gate(&app, "ignore");
    let ann = gate.sign_up("ann");
    let names = "X-Amz-Copy-Source x-amz-copy-source X-AMZ-COPY-SOURCE X-Copy-From X-Ms-Copy-Source X-Ms-Rename-Source \
        X-Ms-File-Rename-Source X-Goog-Copy-Source X-Oss-Copy-Source X-Cos-Copy-Source X-Obs-Copy-Source \
        X-Tos-Copy-Source X-Object-Manifest X-Symlink-Target X-Oss-Symlink-Target";
    for name in names.split_whitespace() {
        for (method, body) in [("PUT", &b"x"[..]), ("PUT", b""), ("POST", b"x"), ("COPY", b"")] {
            let lines = format!("Authorization: {}\r\n{name}: /dav/2/secret\r\n", ann.token);
            let refused = gate.client().ask(method, "/dav/1/f", &lines, body).expect(400);
            assert!(refused.text().contains("(copy-source)"), "{name}: {}", refused.text());
        }
    }
    let lines = format!("Authorization: {}\r\nUpload-Concat: Final;/dav/2/a /dav/2/b\r\n", ann.token);
    gate.client().ask("PUT", "/dav/1/f", &lines, b"").expect(400);
    assert_eq!(app.requests().len(), 0, "nothing reached the app");
    let other = "Upload-Concat: partial\r\nX-Amz-Date: 1\r\nX-Source: 1\r\nX-Amz-Meta-Source: 1\r\nCopy-Source-Of: 1\r\n";
    assert_eq!(moving(&gate, &ann.token, "PUT", other), 200);
}

#[test]
fn b6_a_destination_that_speaks_of_the_caller_is_refused() {
    let app = App::echo();
    let setup = Setup::new(&app).policy("dav.json", DAV).set("users.current_user_literal", "me");
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    assert_eq!(moving(&gate, &ann.token, "MOVE", "Destination: /dav/me/g\r\n"), 400);
}
