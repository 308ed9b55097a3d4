//! A soak: full load of HTTP/1.1 and HTTP/2 over TLS while certificates and policies are renewed every five seconds, and one of
//! two apps is ended and started again every seven. No request fails, and nothing grows. That of HTTP/1.1 is killed: its answers
//! are one write each. That of HTTP/2 ends in order, with GOAWAY, because a kill cuts answers of which the head has been sent.
//!
//!     cargo build --release && PORTCULLIS_BIN=target/release/portcullis \
//!         cargo test --test it process::soak -- --ignored --nocapture
//!
//! It takes ten minutes, or PORTCULLIS_SOAK_SECONDS.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{Gate, House, finish_within, has, wait_until};

/// An app in a process of its own, on a port that stays the same.
struct App {
    script: &'static str,
    port: u16,
    child: Child,
}

const HTTP1: &str =
    "require('http').createServer((q, r) => r.end('x'.repeat(1024))).listen(process.argv[1], '127.0.0.1')";
const HTTP2: &str = "const sessions = new Set();
    const server = require('http2').createServer((q, r) => r.end('x'.repeat(1024)));
    server.on('session', session => { sessions.add(session); session.on('close', () => sessions.delete(session)) });
    process.on('SIGTERM', () => { server.close(() => process.exit()); sessions.forEach(session => session.close()) });
    server.listen(process.argv[1], '127.0.0.1')";

impl App {
    fn start(script: &'static str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let app = Self { script, port, child: spawn(script, port) };
        app.wait();
        app
    }

    /// Ends it under load, and starts it again.
    fn restart(&mut self) {
        let signal = if self.script == HTTP1 { Signal::KILL } else { Signal::TERM };
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.script, self.port);
        self.wait();
    }

    fn wait(&self) {
        wait_until("the app listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }
}

fn spawn(script: &str, port: u16) -> Child {
    let mut node = Command::new("node");
    node.args(["-e", script, &port.to_string()]).stdin(Stdio::null()).spawn().unwrap()
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wish(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a wish to the tests, no setting of the gate")]
    std::env::var(name).ok()
}

/// The build that is named, or that of the tests.
fn serve(house: &House, apps: &[App; 2]) -> Gate {
    let [one, two] = apps.each_ref().map(|app| app.port);
    let usual = house.command(&format!(
        "serve --set server.https=127.0.0.1:0 --set server.max_connections_per_client=0 \
         --set upstream.servers=http://127.0.0.1:{one},h2c://127.0.0.1:{two} --set policies.unmatched=allow"
    ));
    let named = wish("PORTCULLIS_BIN").map(|path| fs::canonicalize(path).unwrap().into_os_string());
    let mut command = Command::new(named.unwrap_or_else(|| usual.get_program().to_owned()));
    command.args(usual.get_args()).current_dir(usual.get_current_dir().unwrap());
    Gate::start(command)
}

/// Memory in KiB, and descriptors.
fn size(gate: &Gate) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory = line.trim().trim_end_matches(" kB").parse().unwrap();
    (memory, fs::read_dir(format!("/proc/{}/fd", gate.id())).unwrap().count())
}

/// Load for so long: its summary.
fn load(args: &[&str], time: Duration, url: &str) -> String {
    let mut h2load = Command::new("h2load");
    h2load.args(args).args(["-D", &time.as_secs().to_string(), url]);
    finish_within(time + Duration::from_secs(60), h2load, "").ok()
}

#[test]
#[ignore = "ten minutes of full load"]
fn no_request_fails_and_nothing_grows() {
    if !has("h2load") || !has("node") {
        return;
    }
    let time = wish("PORTCULLIS_SOAK_SECONDS").map_or(600, |seconds| seconds.parse().unwrap());
    let time = Duration::from_secs(time);
    let house = House::new();
    house.ok("cert dev");
    let mut apps = [App::start(HTTP1), App::start(HTTP2)];
    let gate = serve(&house, &apps);
    let serving: serde_json::Value = serde_json::from_str(&gate.logged(r#""msg":"serving""#)).unwrap();
    let url = format!("{}/a", serving["https"].as_str().unwrap());
    let kinds: [&[&str]; 2] = [&["-c", "8", "-m", "10"], &["--h1", "-c", "32"]];
    // What it takes under this load, whatever it was before.
    kinds.iter().for_each(|kind| _ = load(kind, Duration::from_secs(5), &url));
    let before = size(&gate);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let loads = kinds.map(|kind| scope.spawn(|| load(kind, time, &url)));
        scope.spawn(|| {
            let every = |seconds| (Duration::from_secs(seconds), Instant::now());
            let (mut reload, mut restart, mut turn) = (every(5), every(7), 0);
            while !is_over.load(Ordering::Relaxed) {
                if reload.1.elapsed() > reload.0 {
                    reload.1 = Instant::now();
                    // The same policies with another time, and a new certificate of the same authority.
                    house.ok("cert dev");
                    gate.signal(Signal::HUP);
                }
                if restart.1.elapsed() > restart.0 {
                    restart.1 = Instant::now();
                    turn += 1;
                    apps[turn % 2].restart();
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        for (kind, told) in kinds.iter().zip(loads.map(|load| load.join())) {
            is_over.store(true, Ordering::Relaxed);
            let told = told.unwrap();
            println!("{kind:?}: {told}");
            assert!(told.contains(" 0 failed, 0 errored, 0 timeout"), "{told}");
            assert!(told.contains(" 0 3xx, 0 4xx, 0 5xx"), "{told}");
        }
    });
    let after = size(&gate);
    println!("memory in KiB and descriptors: before {before:?}, after {after:?}");
    assert!(after.0 < before.0 + before.0 / 4 + 4096, "memory: {before:?}, then {after:?}");
    wait_until("its descriptors are as many as before", || (size(&gate).1 <= before.1 + 8).then_some(()));
    assert_eq!(gate.stop(), Some(0));
}
