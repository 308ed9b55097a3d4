//! In front of apps that know nothing of the gate: JupyterLab, Django's admin, datasette and json-server.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use portcullis::store::Change;
use tempfile::TempDir;

use super::{Group, converse, has_browser, package, scripts};
use crate::{
    process::support::{has, wait_until},
    support::{Gate, Port, Setup},
};

/// An app's server, in a folder of its own.
struct Server {
    port: Port,
    _group: Group,
    _folder: TempDir,
}

impl Server {
    /// Starts the command that `command` makes of a folder and a port, and waits until it listens.
    fn start(command: impl FnOnce(&Path, u16) -> Command) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), Port::free());
        let mut command = command(folder.path(), port.address().port());
        // Nothing of this machine's user counts.
        command.current_dir(folder.path()).env("HOME", folder.path());
        let log = File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut group = Group::start(&mut command);
        wait_until("the server listens", || {
            assert!(!group.has_ended(), "{}", fs::read_to_string(folder.path().join("log")).unwrap());
            TcpStream::connect(port.address()).ok()
        });
        Self { port, _group: group, _folder: folder }
    }

    /// A person uses the app through a gate with this policy; Bob has the role `admin`.
    fn is_used(&self, app: &str, policy: &str) {
        let setup = Setup::before(&format!("http://{}", self.port.address())).policy("app.json", policy);
        let gate = Gate::start(setup.set("policies.unmatched", "deny"));
        gate.sign_up("ann");
        let bob = gate.sign_up("bob");
        let role = "admin".to_owned();
        let grants =
            vec![Change::CreateRole { name: role.clone() }, Change::Grant { role, user: bob.id.into() }];
        gate.run(gate.parts().store.commit(grants)).unwrap();
        let mut command = Command::new("node");
        command.args(["apps.js", app, &format!("http://{}", gate.address())]);
        let told = converse(command, |asked| panic!("{asked}?"));
        assert!(told.ends_with("ok: no console error\n"), "{told}");
    }
}

#[test]
fn a_cell_of_jupyterlab_runs_and_a_logout_closes_its_websocket() {
    if !has_browser() || !has("jupyter-lab") {
        return;
    }
    let server = Server::start(|folder, port| {
        fs::copy(scripts().join("apps/note.ipynb"), folder.join("note.ipynb")).unwrap();
        fs::write(folder.join("other.txt"), "plain text").unwrap();
        let mut command = Command::new("jupyter-lab");
        command.args(["--no-browser", "--ip=127.0.0.1", "--allow-root", "--IdentityProvider.token="]);
        command.arg(format!("--port={port}"));
        command
    });
    server.is_used("jupyterlab", include_str!("apps/jupyterlab.json"));
}

#[test]
fn a_record_is_added_in_the_admin_of_django() {
    if !has_browser() || !has("django-admin") {
        return;
    }
    let server = Server::start(|folder, port| {
        let mut command = Command::new("python3");
        command.arg(scripts().join("apps/admin.py")).env("FOLDER", folder).env("PORT", port.to_string());
        command
    });
    server.is_used("django", include_str!("apps/django.json"));
}

#[test]
fn tables_of_datasette_are_read() {
    if !has_browser() || !has("datasette") {
        return;
    }
    let server = Server::start(|folder, port| {
        let rows = "import sqlite3; sqlite3.connect('shop.db').executescript(\"create table fish (name text primary key, \
                    sea text, price integer); insert into fish values ('turbot', 'North Sea', 30), \
                    ('herring', 'North Sea', 4), ('sprat', 'Baltic', 2)\")";
        let made = Command::new("python3").args(["-c", rows]).current_dir(folder).status().unwrap();
        assert!(made.success());
        let mut command = Command::new("datasette");
        command.args(["serve", "shop.db", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command
    });
    server.is_used("datasette", include_str!("apps/datasette.json"));
}

#[test]
fn rows_of_json_server_are_written_by_a_page() {
    if !has_browser() {
        return;
    }
    let Some(program) = package("json-server/lib/cli/bin.js") else { return };
    let server = Server::start(|folder, port| {
        fs::write(folder.join("db.json"), r#"{"posts": [{"id": 1, "title": "first"}]}"#).unwrap();
        let mut command = Command::new("node");
        command.arg(&program).args(["--host", "127.0.0.1", "--port", &port.to_string(), "db.json"]);
        command
    });
    server.is_used("jsonServer", include_str!("apps/json-server.json"));
}
