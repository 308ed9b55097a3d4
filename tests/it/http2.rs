//! HTTP/2 towards clients and towards the app: the same gate as by HTTP/1, and the limits of what HTTP/2 adds.

mod browser;
mod deadlines;
mod floods;
mod hostile;
mod malformed;
mod requests;
mod shares;
mod tools;
mod upstream;
mod upstream_tls;
mod websocket;

use std::process::Command;

use crate::{
    process::support::has,
    support::{
        App, Authority, Gate, Http2, Setup,
        http2::{DATA, END_STREAM},
    },
};

/// A gate in front of this app, and who issued its certificate.
fn gate(app: &App, change: impl FnOnce(Setup) -> Setup) -> (Gate, Authority) {
    gate_before(&app.url(), change)
}

/// The same in front of whatever is at this address.
fn gate_before(upstream: &str, change: impl FnOnce(Setup) -> Setup) -> (Gate, Authority) {
    let authority = Authority::new();
    let setup = Setup::before(upstream).tls(&[&authority.issue(&["gate.test", "127.0.0.1"])]);
    (Gate::start(change(setup)), authority)
}

/// Through to an app that mirrors: each piece comes back before the next is sent, and the trailers at the end.
fn stream_both_ways(client: &mut Http2) {
    let stream = client.request("POST", "/mirror", 0, &[("te", "trailers")]);
    for at in 1..=20 {
        client.send(DATA, 0, stream, b"piece");
        client.read_until(stream, move |answer| answer.body.len() == 5 * at);
    }
    client.send(DATA, END_STREAM, stream, b"");
    let got = client.answer(stream).unwrap();
    assert_eq!(
        (got.text(), &got.trailers[..]),
        ("piece".repeat(20).as_str(), &[("x-end".to_owned(), "1".to_owned())][..])
    );
}

/// Whether Python finds this module of a package.
fn has_module(module: &str, package: &str) -> bool {
    let script = format!("import {module}");
    let found =
        has("python3") && Command::new("python3").args(["-c", &script]).output().unwrap().status.success();
    // Fails where nothing may be skipped.
    found || has(&format!("pip install {package}"))
}
