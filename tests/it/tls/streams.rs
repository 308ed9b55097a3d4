//! What takes its time over TLS: events as they happen, and git, which streams both ways.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
};

use crate::{
    process::support::{DEADLINE, finish, has},
    support::{App, Authority, GUARD, Gate, Request, Setup, answer},
};

fn gate(app: &App, change: impl FnOnce(Setup) -> Setup) -> Gate {
    let authority = Authority::new();
    let setup = Setup::new(app).tls(&[&authority.issue(&["127.0.0.1"])]);
    let gate = Gate::start(change(setup));
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    gate
}

#[test]
fn events_arrive_as_they_happen() {
    if !has("curl") {
        return;
    }
    for version in ["--http1.1", "--http2"] {
        let (next, wanted) = mpsc::channel::<()>();
        let wanted = Mutex::new(wanted);
        let app = App::start(move |connection| {
            connection.head();
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            // One at a time: the next one happens when the last one has been seen.
            for at in 0..20 {
                wanted.lock().unwrap().recv_timeout(GUARD).unwrap();
                connection.send(format!("data: {at}\n\n"));
            }
        });
        let gate = gate(&app, |setup| setup);
        let mut curl = Command::new("curl");
        curl.args(["-sSN", "--fail", version, "--cacert"]).arg(gate.path("ca.pem"));
        curl.arg(format!("https://127.0.0.1:{}/events", gate.tls_address().port()));
        let mut curl = curl.stdout(Stdio::piped()).spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let out = curl.stdout.take().unwrap();
        thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        for at in 0..20 {
            next.send(()).unwrap();
            assert_eq!(told.recv_timeout(DEADLINE), Ok(format!("data: {at}")), "{version}");
            assert_eq!(told.recv_timeout(DEADLINE).as_deref(), Ok(""));
        }
        assert!(curl.wait().unwrap().success(), "{version}");
    }
}

/// Runs git's own server for a request (RFC 3875).
fn http_backend(root: &std::path::Path, request: &Request) -> Vec<u8> {
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    let mut git = Command::new("git");
    git.arg("http-backend").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
    for (name, value) in [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("GIT_PROJECT_ROOT", root.to_str().unwrap()),
        ("GIT_HTTP_EXPORT_ALL", "1"),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", request.line().split(' ').next().unwrap()),
        ("CONTENT_TYPE", request.field("content-type").unwrap_or_default()),
        ("CONTENT_LENGTH", &request.body.len().to_string()),
        ("HTTP_CONTENT_ENCODING", request.field("content-encoding").unwrap_or_default()),
        ("GIT_PROTOCOL", request.field("git-protocol").unwrap_or_default()),
        // It takes a push of a user that it knows, and of no other.
        ("REMOTE_USER", request.field("x-forwarded-user").unwrap_or_default()),
    ] {
        git.env(name, value);
    }
    let mut git = git.spawn().unwrap();
    let (mut input, body) = (git.stdin.take().unwrap(), request.body.clone());
    // It may answer before it has read all.
    let writing = thread::spawn(move || _ = input.write_all(&body));
    let output = git.wait_with_output().unwrap();
    writing.join().unwrap();
    let at = output.stdout.windows(4).position(|mark| mark == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(output.stdout[..at].to_vec()).unwrap();
    let (mut status, mut lines) = ("200 OK".to_owned(), String::new());
    for line in head.lines() {
        match line.strip_prefix("Status: ") {
            Some(given) => given.clone_into(&mut status),
            None => lines += &format!("{line}\r\n"),
        }
    }
    answer(&status, &lines, &output.stdout[at + 4..])
}

#[test]
fn git_clones_and_pushes() {
    if !has("git") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str, token: &str, gate: &Gate, version: &str| {
        let mut git = Command::new("git");
        git.current_dir(folder.path()).env("HOME", folder.path()).env("GIT_TERMINAL_PROMPT", "0");
        git.args(["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "protocol.version=2"]);
        // More than a setting, because this one is often set.
        git.env("GIT_SSL_CAINFO", gate.path("ca.pem"));
        git.arg("-c").arg(format!("http.version={version}"));
        git.arg("-c").arg(format!("http.extraHeader=Authorization: {token}"));
        git.args(line.split(' '));
        finish(git, "")
    };
    let root = folder.path().join("served");
    let served = root.clone();
    let app = App::answering(move |request| http_backend(&served, request));
    let gate = gate(&app, |setup| setup.set("policies.unmatched", "authenticated"));
    let token = gate.sign_up("ann").token;
    let ok = |line: &str, version: &str| run(line, &token, &gate, version).ok();
    ok("init -q --bare -b main served/notes.git", "HTTP/2");
    let url = format!("https://127.0.0.1:{}/notes.git", gate.tls_address().port());
    for (at, version) in ["HTTP/2", "HTTP/1.1"].into_iter().enumerate() {
        let (one, other) = (format!("one{at}"), format!("other{at}"));
        assert_ne!(run(&format!("clone -q {url} {one}"), "wrong", &gate, version).code, Some(0));
        ok(&format!("clone -q {url} {one}"), version);
        // More than git sends in one piece, and nothing that can be compressed.
        let mut state = 0x9e37_79b9_u64 + at as u64;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let content: Vec<u8> = (0..400_000).flat_map(|_| noise()).collect();
        fs::write(folder.path().join(&one).join("large"), &content).unwrap();
        ok(&format!("-C {one} add large"), version);
        ok(&format!("-C {one} commit -q -m large"), version);
        ok(&format!("-C {one} push -q origin HEAD:main"), version);
        ok(&format!("clone -q {url} {other}"), version);
        assert!(fs::read(folder.path().join(&other).join("large")).unwrap() == content, "{version}");
    }
    let pushed = app.requests();
    let is_streamed = |request: &Request| {
        request.target() == "/notes.git/git-receive-pack" && request.body.len() > 3_000_000
    };
    assert_eq!(pushed.iter().filter(|request| is_streamed(request)).count(), 2);
    assert!(pushed.iter().all(|request| request.field("x-forwarded-user") == Some("1")));
}
