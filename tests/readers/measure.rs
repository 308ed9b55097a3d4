//! Each server's reading of a path, without the gate: the table of `docs/app-servers.md`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    reading::{Reading, Report},
    server::{App, SERVERS},
};

const REQUESTS: &[&str] = &[
    "GET /SHOP/x",
    "GET /shop/x/",
    "GET /shop//x",
    "GET /shop/x;a=b",
    "GET /shop/x%3ba",
    "GET /files/a%2fsecret",
    "GET /shop/%78",
    "GET /shop/y/../x",
    "GET /shop/%2e%2e/x",
    "GET /shop/a%20b",
    "GET /shop/%c3%a9",
    "get /shop/x",
    "FOO /shop/x",
    "POST /shop/x?_method=DELETE",
];

#[test]
#[ignore = "prints a table for the docs"]
fn what_each_server_makes_of_a_path() {
    for server in SERVERS {
        let Ok(app) = server.start() else { continue };
        println!("== {} {}", server.name, server.version());
        let mut report = Report::open(&app.readings).unwrap();
        report.lines();
        for request in REQUESTS {
            println!("{request}: {}", read(&app, &mut report, request));
        }
    }
}

/// The status, and what was read.
fn read(app: &App, report: &mut Report, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let length = if request.starts_with("POST") { "Content-Length: 0\r\n" } else { "" };
    let head = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nX-Rig-Tag: ready\r\n{length}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let status = String::from_utf8_lossy(&answer).chars().skip(9).take(3).collect::<String>();
    let readings: Vec<Reading> =
        report.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told =
        readings.iter().map(|reading| format!("{} {} {:?}", reading.method, reading.path, reading.also));
    format!("{status} {}", told.collect::<Vec<_>>().join(" and "))
}
