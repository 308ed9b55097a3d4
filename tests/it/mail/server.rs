//! The mail server as a process, and what it tells.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    process::support::{DEADLINE, has},
    support::Authority,
};

/// A mail server that is stopped when it is dropped.
pub(crate) struct MailServer {
    pub(super) port: u16,
    pub(super) scheme: &'static str,
    child: Child,
    commands: ChildStdin,
    told: Receiver<Value>,
    folder: TempDir,
}

impl MailServer {
    /// A server that listens; `None` where Python or its package is missing.
    pub(crate) fn start(arguments: &str) -> Option<Self> {
        let mut server = Self::bound(arguments)?;
        server.listen();
        Some(server)
    }

    /// A server that refuses connections so far. In `arguments`, `CERT KEY` stands for a certificate of [`Self::ca`].
    pub(super) fn bound(arguments: &str) -> Option<Self> {
        let is_there = has("python3")
            && Command::new("python3").args(["-c", "import aiosmtpd"]).output().unwrap().status.success();
        if !is_there && !has("pip install aiosmtpd") {
            return None;
        }
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let issued = authority.issue(&["127.0.0.1"]);
        for (name, text) in [("ca.pem", authority.pem()), ("cert.pem", issued.chain), ("key.pem", issued.key)]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mail/server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(arguments.split_whitespace().map(|word| match word {
                "CERT" => "cert.pem",
                "KEY" => "key.pem",
                word => word,
            }))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        let commands = child.stdin.take().unwrap();
        let scheme = if arguments.contains("--tls") { "smtps" } else { "smtp" };
        let mut server = Self { port: 0, scheme, child, commands, told, folder };
        server.port = u16::try_from(server.next("port")["port"].as_u64().unwrap()).unwrap();
        Some(server)
    }

    /// The setting that trusts the server's certificate.
    pub(super) fn ca(&self) -> String {
        format!("ca = \"{}\"\n", self.folder.path().join("ca.pem").display())
    }

    pub(super) fn listen(&mut self) {
        self.tell(&json!({"listen": true}));
    }

    /// Sends a command, and waits until it is carried out.
    pub(super) fn tell(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").unwrap();
        self.next("done");
    }

    /// The next mail that was handed over.
    #[track_caller]
    pub(crate) fn mail(&self) -> Value {
        self.next("mail")
    }

    /// Waits until this recipient was named.
    #[track_caller]
    pub(super) fn named(&self, to: &str) {
        while self.next("rcpt")["rcpt"] != to {}
    }

    /// The next fact of a kind. Others before it are passed over.
    #[track_caller]
    fn next(&self, kind: &str) -> Value {
        loop {
            let fact =
                self.told.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no `{kind}` from the server"));
            if fact.get(kind).is_some() {
                return fact;
            }
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
