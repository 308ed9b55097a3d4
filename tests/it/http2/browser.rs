//! A browser: a page over HTTP/2 that posts a form of data and listens to events.

use std::{
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use super::gate;
use crate::{
    process::support::{DEADLINE, has},
    support::{App, answer},
};

/// What the page has found goes to `/done`.
const PAGE: &str = r"<!doctype html><title>a page</title><script>
async function run() {
    const body = 'x'.repeat(200000);
    const mirrored = await (await fetch('/mirror', {method: 'POST', body})).text();
    const events = await new Promise((resolve, reject) => {
        const seen = [], source = new EventSource('/events');
        source.onmessage = event => { seen.push(event.data); if (seen.length === 3) { source.close(); resolve(seen); } };
        source.onerror = () => reject(new Error('the events broke off'));
    });
    const many = await Promise.all([...Array(30).keys()].map(at => fetch('/many/' + at).then(got => got.status)));
    const protocols = performance.getEntriesByType('resource').map(entry => entry.nextHopProtocol);
    protocols.push(performance.getEntriesByType('navigation')[0].nextHopProtocol);
    return {mirrored: mirrored === body, events, many: many.every(status => status === 200), protocols: [...new Set(protocols)]};
}
run().catch(error => ({error: String(error)})).then(found => fetch('/done', {method: 'POST', body: JSON.stringify(found)}));
</script>";

/// A browser that is ended with the test.
struct Browser(Child);

#[test]
fn chromium_is_served() {
    if !has("chromium") {
        return;
    }
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        while let Some(request) = connection.request() {
            match request.target() {
                "/" => connection.send(answer("200 OK", "Content-Type: text/html\r\n", PAGE)),
                "/mirror" => connection.send(answer("200 OK", "", &request.body)),
                "/events" => {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
                    (0..3).for_each(|at| _ = connection.send(format!("data: {at}\n\n")));
                    connection.hang()
                }
                "/done" => {
                    tell.send(String::from_utf8(request.body.clone()).unwrap()).unwrap();
                    connection.send(answer("200 OK", "", ""))
                }
                _ => connection.send(answer("200 OK", "", "")),
            };
        }
    });
    let (gate, _) = gate(&app, |setup| setup);
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        // Its own authorities are not ours.
        .args(["--ignore-certificate-errors", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("https://127.0.0.1:{}/", gate.tls_address().port()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let browser = Browser(chromium.spawn().unwrap());
    let found = told.recv_timeout(DEADLINE).expect("the page tells what it has found");
    drop(browser);
    assert_eq!(found, r#"{"mirrored":true,"events":["0","1","2"],"many":true,"protocols":["h2"]}"#);
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
