//! Real apps with the middleware of `deploy/middleware`.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{AUDIENCE, ISSUER, JWKS, with_assertions};
use crate::{
    process::support::has,
    support::{Client, Gate, Port, Setup},
};

/// A framework.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    program: &'static str,
    script: &'static str,
    packages: &'static [&'static str],
}

pub(super) const EXPRESS: Kind = Kind { program: "node", script: "express.js", packages: &["express"] };
pub(super) const LOOPBACK: Kind = Kind { program: "node", script: "loopback.js", packages: &["loopback"] };
pub(super) const FLASK: Kind =
    Kind { program: "python3", script: "flask_app.py", packages: &["cryptography", "flask"] };
pub(super) const FASTAPI: Kind =
    Kind { program: "python3", script: "fastapi_app.py", packages: &["cryptography", "fastapi", "uvicorn"] };
pub(super) const DJANGO: Kind =
    Kind { program: "python3", script: "django_app.py", packages: &["cryptography", "django"] };

impl Kind {
    /// Whether the machine has it; otherwise the test is reported as skipped.
    pub(super) fn is_here(self) -> bool {
        if !has(self.program) {
            return false;
        }
        let imports = self.packages.iter().map(|package| match self.program {
            "node" => format!("require.resolve('{package}');"),
            _ => format!("import {package}\n"),
        });
        let flag = if self.program == "node" { "-e" } else { "-c" };
        let found = Command::new(self.program).args([flag, &imports.collect::<String>()]).output().unwrap();
        found.status.success() || has(&format!("the packages {}", self.packages.join(", ")))
    }
}

/// An answer of the app itself.
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: Value,
}

/// An app with its middleware, behind a gate.
pub(super) struct Guarded {
    gate: Option<Gate>,
    app: SocketAddr,
    child: Child,
}

impl Guarded {
    /// `required`: an assertion is. `more`: settings of the gate.
    pub(super) fn start(kind: Kind, required: bool, more: impl FnOnce(Setup) -> Setup) -> Self {
        let port = Port::free();
        let app = port.address();
        let gate = gate_before(app, more);
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(kind.program)
            .arg(Path::new("tests/it/assertion/apps").join(kind.script))
            .arg(folder.join("deploy/middleware"))
            .args([app.port().to_string(), format!("http://{}{JWKS}", gate.address())])
            .args([ISSUER, AUDIENCE, &required.to_string()])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "{kind:?}");
        Self { gate: Some(gate), app, child }
    }

    pub(super) fn gate(&self) -> &Gate {
        self.gate.as_ref().unwrap()
    }

    /// Puts another gate in front of the app. `more`: its settings.
    pub(super) fn replace_gate(&mut self, more: impl FnOnce(Setup) -> Setup) {
        self.gate = None;
        self.gate = Some(gate_before(self.app, more));
    }

    /// Asks the app around the gate. It may answer in HTTP/1.0.
    pub(super) fn ask(&self, method: &str, target: &str, lines: &str) -> Answer {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n{lines}\r\n");
        let text = Client::tcp(self.app).send(head).rest();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
        Answer { status, head: head.to_ascii_lowercase(), body }
    }
}

fn gate_before(app: SocketAddr, more: impl FnOnce(Setup) -> Setup) -> Gate {
    Gate::start(more(with_assertions(Setup::before(&format!("http://{app}")))))
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
