//! What the log says of an app that fails: which app, which server, and what may be wrong with the settings.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use serde_json::Value;

use super::support::{Gate, House};
use crate::support::App;

fn broken(answer: &'static str) -> App {
    App::start(move |connection| {
        connection.request();
        connection.send(answer);
    })
}

/// The line of the log about the failure.
fn failure(gate: &Gate) -> Value {
    serde_json::from_str(&gate.logged("\"the app failed\"")).unwrap()
}

#[test]
fn an_app_that_fails_is_told_with_its_name_and_its_server() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (cut, silent) = (broken("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), broken(""));
    let speaks_http2 = broken("\0\0\0\u{4}\0\0\0\0\0");
    // A POST is not sent again, a GET is.
    for (method, server, status, text) in [
        ("GET", cut.address(), 200, "ended the connection before its answer was whole"),
        ("GET", silent.address(), 502, "(does it speak TLS? then write https:// for it"),
        ("POST", silent.address(), 502, "(does it speak TLS? then write https:// for it"),
        ("GET", speaks_http2.address(), 502, "write h2c:// for it"),
        ("GET", unused, 502, "cannot connect to the app"),
    ] {
        let house = House::with(&format!(
            "\n[[apps]]\nname = \"notes\"\nhosts = []\nupstream = {{ servers = [\"http://{server}\"] }}\n\
             policies = {{ unmatched = \"allow\" }}\n"
        ));
        let gate = house.serve();
        let mut client = TcpStream::connect(gate.http.0).unwrap();
        write!(client, "{method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (line, server) = (failure(&gate), Value::from(server.to_string()));
        assert_eq!((&line["app"], &line["server"]), (&"notes".into(), &server), "{line}");
        assert!(line["error"].as_str().unwrap().contains(text), "{line}");
        let access: Value = serde_json::from_str(&gate.logged("\"path\":\"/x\"")).unwrap();
        assert_eq!(access["upstream"], server, "{access}");
        assert!(access["upstream_ms"].is_null(), "{access}");
        assert_eq!(gate.stop(), Some(0));
    }
}
