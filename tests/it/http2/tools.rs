//! What people use: curl, Node, and httpx for Python.

use std::{fs, process::Command};

use super::{gate, has_module};
use crate::{
    process::support::{finish, has},
    support::{App, Gate, answer},
};

fn mirror() -> App {
    App::answering(|request| answer("200 OK", "", &request.body))
}

#[test]
fn curl_is_served() {
    if !has("curl") {
        return;
    }
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    fs::write(gate.path("body"), &body).unwrap();
    let port = gate.tls_address().port();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--http2", "--fail", "-w", "%{http_version}", "-X", "POST", "--cacert"]);
    curl.arg(gate.path("ca.pem")).args(["--resolve", &format!("gate.test:{port}:127.0.0.1"), "-o"]);
    curl.arg(gate.path("out")).arg("--data-binary").arg(format!("@{}", gate.path("body").display()));
    curl.arg(format!("https://gate.test:{port}/a"));
    assert_eq!(finish(curl, "").ok(), "2");
    assert!(fs::read(gate.path("out")).unwrap() == body);
}

#[test]
fn curl_sends_a_filter_as_it_is_written() {
    if !has("curl") {
        return;
    }
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    let port = gate.tls_address().port();
    let mut curl = Command::new("curl");
    curl.args(["-sSg", "--http2", "--fail", "-w", "%{http_version}", "--cacert"]).arg(gate.path("ca.pem"));
    curl.args(["--resolve", &format!("gate.test:{port}:127.0.0.1")]);
    curl.arg(format!(r#"https://gate.test:{port}/notes?filter={{"where":{{"size":{{"gt":1}}}}}}"#));
    assert_eq!(finish(curl, "").ok(), "1.1");
    assert_eq!(app.only_request().target(), r#"/notes?filter={"where":{"size":{"gt":1}}}"#);
}

#[test]
fn node_is_served() {
    if !has("node") {
        return;
    }
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    let script = r#"
        const http2 = require('http2'), fs = require('fs');
        const [port, ca] = process.argv.slice(1);
        const client = http2.connect(`https://127.0.0.1:${port}`, {ca: fs.readFileSync(ca), servername: 'gate.test'});
        let left = 50;
        for (let at = 0; at < 50; at++) {
            const stream = client.request({':method': 'POST', ':path': '/' + at, ':authority': 'gate.test'});
            let text = '';
            stream.setEncoding('utf8').on('data', piece => text += piece).on('end', () => {
                if (text !== 'body ' + at) throw new Error(text);
                if (--left === 0) { console.log('done'); client.close(); }
            });
            stream.end('body ' + at);
        }"#;
    let mut node = Command::new("node");
    node.args(["-e", script, &gate.tls_address().port().to_string()]).arg(gate.path("ca.pem"));
    assert_eq!(finish(node, "").ok().trim(), "done");
    assert_eq!(app.requests().len(), 50);
}

#[test]
fn httpx_is_served() {
    if !has_module("httpx, h2", "httpx[http2]") {
        return;
    }
    let app = mirror();
    let (gate, authority) = gate(&app, |setup| setup);
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    let script = r"
import httpx, ssl, sys
port, ca = sys.argv[1:]
with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=ca)) as client:
    for at in range(20):
        got = client.post(f'https://127.0.0.1:{port}/{at}', content=b'x' * at * 10000)
        assert got.http_version == 'HTTP/2' and got.content == b'x' * at * 10000, (got, at)
print('done')";
    let mut python = Command::new("python3");
    python.args(["-c", script, &gate.tls_address().port().to_string()]).arg(gate.path("ca.pem"));
    assert_eq!(finish(python, "").ok().trim(), "done");
}

#[test]
fn nghttp_is_served() {
    if !has("nghttp") {
        return;
    }
    let app = mirror();
    let (gate, _) = gate(&app, |setup| setup);
    let body = "0123456789".repeat(20_000);
    fs::write(gate.path("body"), &body).unwrap();
    let url = |path: &str| format!("https://127.0.0.1:{}{path}", gate.tls_address().port());
    let mut nghttp = Command::new("nghttp");
    // With padding, trailers, and small windows of its own.
    nghttp.args(["-b", "8", "--trailer", "x-end: 1", "-w", "14", "-W", "14", "-d"]);
    nghttp.arg(gate.path("body")).arg(url("/a"));
    assert!(finish(nghttp, "").ok() == body);
    // Many streams at once, with dependencies and priorities, which mean nothing to the gate.
    let mut nghttp = Command::new("nghttp");
    nghttp.args(["-n", "-s", "-m", "150", "-p", "7"]).arg(url("/b"));
    let told = finish(nghttp, "").ok();
    assert_eq!(told.matches("/b").count(), 150, "{told}");
    assert_eq!(app.requests().iter().filter(|request| request.target() == "/b").count(), 150);
}

#[test]
fn h2load_keeps_to_the_limits_and_is_held_to_them() {
    if !has("h2load") {
        return;
    }
    let app = App::answering(|_| answer("200 OK", "", "x"));
    let load = |gate: &Gate, args: &[&str]| {
        let mut h2load = Command::new("h2load");
        h2load.args(args).arg(format!("https://127.0.0.1:{}/a", gate.tls_address().port()));
        finish(h2load, "").ok()
    };
    // It wants 300 streams at once on one connection, and gets as many as the settings say.
    let (usual, _) = gate(&app, |setup| setup);
    let told = load(&usual, &["-n", "3000", "-c", "1", "-m", "300"]);
    assert!(told.contains("3000 succeeded, 0 failed, 0 errored"), "{told}");
    // Streams beyond those of a client are refused. It goes on with new ones, and its connection ends.
    let (strict, authority) = gate(&app, |setup| setup.set("server.max_connections_per_client", "20"));
    let told = load(&strict, &["-n", "3000", "-c", "4", "-m", "100"]);
    assert!(told.contains("Process Request Failure") && !told.contains(" 0 errored"), "{told}");
    // All places have been given back.
    strict.tls_client("gate.test", &authority).get("/b").expect(200);
    let told = load(&strict, &["-n", "1000", "-c", "4", "-m", "4"]);
    assert!(told.contains("1000 succeeded, 0 failed, 0 errored"), "{told}");
}
