//! Large bodies over TLS: they pass in both directions, and the gate holds little of them.

use std::{fs, process::Command, time::Duration};

use super::support::{Gate, House, finish_within, has};
use crate::support::App;

const MIB: u64 = 1024 * 1024;
/// The memory that all transfers may add, in KiB: windows and buffers.
const MOST: u64 = 16 * 1024;
/// A gibibyte each way in a debug build takes half a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// An app that takes and gives what the target says: `/up`, or `/down/BYTES`.
fn app() -> App {
    App::start(|connection| {
        while let Some(head) = connection.head() {
            let target = head.split(' ').nth(1).unwrap();
            if let Some(length) = target.strip_prefix("/down/") {
                let length: u64 = length.parse().unwrap();
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
                let piece = vec![b'x'; MIB as usize];
                (0..length / MIB).for_each(|_| _ = connection.send(&piece));
            } else {
                let lines = head.to_ascii_lowercase();
                let length = lines.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                let (length, mut got): (u64, u64) = (length.parse().unwrap(), 0);
                while got < length {
                    let piece = connection.piece().len() as u64;
                    assert_ne!(piece, 0, "the upload is whole");
                    got += piece;
                }
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Got: {got}\r\n\r\ndone"));
            }
        }
    })
}

/// The most memory that the process has had so far, in KiB.
fn peak(gate: &Gate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Both directions in both versions of HTTP.
fn transfer(size: u64) {
    if !has("curl") {
        return;
    }
    let (house, app) = (House::new(), app());
    house.ok("cert dev");
    let line = format!(
        "serve --set server.https=127.0.0.1:0 --set policies.unmatched=allow --set upstream.servers={}",
        app.url()
    );
    let gate = Gate::start(house.command(&line));
    let serving: serde_json::Value = serde_json::from_str(&gate.logged(r#""msg":"serving""#)).unwrap();
    let address = serving["https"].as_str().unwrap().to_owned();
    fs::File::create(house.path("large")).unwrap().set_len(size).unwrap();
    let curl = |version: &str, args: &[&str], target: &str| {
        let mut curl = Command::new("curl");
        curl.current_dir(house.path("")).args([
            "-sS",
            "--fail",
            "--cacert",
            "certs/ca.pem",
            "-o",
            "/dev/null",
        ]);
        curl.args(["-w", "%{http_version} %{size_upload} %{size_download}", version]).args(args);
        curl.arg(format!("{address}{target}"));
        finish_within(PATIENCE, curl, "").ok()
    };
    curl("--http2", &[], "/down/1048576");
    let before = peak(&gate);
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        assert_eq!(curl(flag, &["-T", "large"], "/up"), format!("{version} {size} 4"));
        assert_eq!(curl(flag, &[], &format!("/down/{size}")), format!("{version} 0 {size}"));
    }
    let more = peak(&gate) - before;
    assert!(more < MOST, "the gate took {more} KiB more for bodies of {} MiB", size / MIB);
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn the_memory_is_flat_while_large_bodies_pass() {
    transfer(256 * MIB);
}

#[test]
#[ignore = "a gibibyte each way; CONTRIBUTING.md has the command"]
fn the_memory_is_flat_while_a_gibibyte_passes() {
    transfer(1024 * MIB);
}
