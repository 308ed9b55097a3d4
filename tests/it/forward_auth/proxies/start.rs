//! Starts a proxy with its configuration from `deploy/forward-auth`, in a folder and on ports of its own.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    process::support::{has, wait_until},
    support::{App, Client, Gate},
};

/// A running proxy. Dropping it kills it.
pub(super) struct Proxy {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

/// Whether the proxy is on this machine; a test without it says that it is skipped.
pub(super) fn is_there(name: &str) -> bool {
    has(name)
}

impl Proxy {
    pub(super) fn start(name: &'static str, app: &App, gate: &Gate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let ports = [
            ("3000", app.url().rsplit(':').next().unwrap().to_owned()),
            ("8080", gate.address().port().to_string()),
            ("9191", gate.judge_address().port().to_string()),
            ("8000", address.port().to_string()),
        ];
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/forward-auth");
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let text = with_ports(&fs::read_to_string(entry.path()).unwrap(), &ports);
            fs::write(folder.path().join(entry.file_name()), in_folder(&text, folder.path())).unwrap();
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command(name)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut proxy = Self { name, address, child, _folder: folder };
        wait_until(name, || proxy.is_ready());
        proxy
    }

    fn is_ready(&mut self) -> Option<()> {
        if let Some(status) = self.child.try_wait().unwrap() {
            let log = fs::read_to_string(self._folder.path().join("log")).unwrap();
            panic!("the proxy ended, {status}:\n{log}");
        }
        TcpStream::connect(self.address).ok()?;
        (Client::tcp(self.address).get("/open").status == 200).then_some(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    match name {
        "nginx" => {
            let own = "daemon off; master_process off; pid nginx.pid; error_log stderr warn;";
            command.args(["-p", ".", "-c", "nginx.conf", "-g", own])
        }
        "traefik" => command.arg("--configFile=traefik.yml"),
        "caddy" => command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]),
        "envoy" => {
            command.args(["-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1", "-l", "warn"])
        }
        "haproxy" => command.args(["-db", "-f", "haproxy.cfg"]),
        other => panic!("no such proxy: {other}"),
    };
    command
}

/// The port that a configuration has for each of the others. All at once, because a free port may contain another's digits.
fn with_ports(text: &str, ports: &[(&str, String)]) -> String {
    let marked = ports
        .iter()
        .enumerate()
        .fold(text.to_owned(), |text, (at, (port, _))| text.replace(port, &format!("<{at}>")));
    ports.iter().enumerate().fold(marked, |text, (at, (_, port))| text.replace(&format!("<{at}>"), port))
}

/// Has nginx write nothing outside of its folder: a test may not run as root.
fn in_folder(text: &str, folder: &Path) -> String {
    let at = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};"));
    text.replace("\nhttp {", &format!("\nhttp {{ access_log off; {}", paths.concat()))
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
