//! Servers of PyPI, npm and Ruby.

use std::process::Command;

use super::{Place, Server, Tools, apps, has};

pub(super) const GUNICORN: Server = Server {
    name: "gunicorn",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "gunicorn")?;
        command.args([
            "-m",
            "gunicorn",
            "-k",
            "gthread",
            "--threads",
            "4",
            "--keep-alive",
            "75",
            "--log-level",
            "error",
        ]);
        command.args(["--bind", &format!("127.0.0.1:{}", place.port), "wsgi:app"]);
        Ok(vec![command])
    },
    version: |tools| package(tools, "gunicorn"),
};

pub(super) const WAITRESS: Server = Server {
    name: "waitress",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "waitress")?;
        command.args(["wsgi.py", "waitress"]);
        Ok(vec![command])
    },
    version: |tools| package(tools, "waitress"),
};

pub(super) const UVICORN: Server = Server {
    name: "uvicorn",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "uvicorn")?;
        command.args([
            "-m",
            "uvicorn",
            "asgi:app",
            "--no-access-log",
            "--log-level",
            "error",
            "--timeout-keep-alive",
            "75",
        ]);
        command.args(["--port", &place.port.to_string()]);
        Ok(vec![command])
    },
    version: |tools| package(tools, "uvicorn"),
};

pub(super) const HYPERCORN: Server = Server {
    name: "hypercorn",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "hypercorn")?;
        command.args(["-m", "hypercorn", "asgi:app", "--log-level", "error", "--keep-alive", "75"]);
        command.args(["--bind", &format!("127.0.0.1:{}", place.port)]);
        Ok(vec![command])
    },
    version: |tools| package(tools, "hypercorn"),
};

pub(super) const WERKZEUG: Server = Server {
    name: "werkzeug",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "werkzeug")?;
        command.args(["wsgi.py", "werkzeug"]);
        Ok(vec![command])
    },
    version: |tools| package(tools, "werkzeug"),
};

pub(super) const DJANGO: Server = Server {
    name: "django",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        let mut command = python(&place.tools, "django")?;
        command.arg("django_app.py");
        Ok(vec![command])
    },
    version: |tools| package(tools, "django"),
};

pub(super) const WSGIDAV: Server = Server {
    name: "wsgidav",
    ignore_case: false,
    leaves_chunks: true,
    start: |place| {
        let mut command = python(&place.tools, "wsgidav")?;
        command.arg("dav.py");
        Ok(vec![command])
    },
    version: |tools| package(tools, "wsgidav"),
};

/// Of the standard library: any Python will do.
pub(super) const HTTP_SERVER: Server = Server {
    name: "http.server",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| stdlib(place, &[]),
    version: |_| python_itself(),
};

/// An app of our own that writes bodies where there are none: see `apps/stdlib.py`.
pub(super) const HTTP_SERVER_STRAY: Server = Server {
    name: "http.server-stray",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| stdlib(place, &["stray"]),
    version: |_| python_itself(),
};

pub(super) const NODE: Server = Server {
    name: "node",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("node")?;
        node(place, "node")
    },
    version: |_| {
        let mut command = Command::new("node");
        command.arg("--version");
        Some(command)
    },
};

pub(super) const EXPRESS: Server = Server {
    name: "express",
    ignore_case: true,
    leaves_chunks: false,
    start: |place| framework(place, "express", "express"),
    version: |tools| module(tools, "express"),
};

pub(super) const EXPRESS_CASE: Server = Server {
    name: "express-case",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| framework(place, "express", "express-case"),
    version: |tools| module(tools, "express"),
};

pub(super) const FASTIFY: Server = Server {
    name: "fastify",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| framework(place, "fastify", "fastify"),
    version: |tools| module(tools, "fastify"),
};

pub(super) const FASTIFY_NO_CASE: Server = Server {
    name: "fastify-nocase",
    ignore_case: true,
    leaves_chunks: false,
    start: |place| framework(place, "fastify", "fastify-nocase"),
    version: |tools| module(tools, "fastify"),
};

pub(super) const KOA: Server = Server {
    name: "koa",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| framework(place, "koa", "koa"),
    version: |tools| module(tools, "koa"),
};

pub(super) const PUMA: Server = Server {
    name: "puma",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("puma")?;
        has("rackup")?;
        let mut command = in_apps("puma");
        command.args([
            "-q",
            "-e",
            "none",
            "-t",
            "16:16",
            "-b",
            &format!("tcp://127.0.0.1:{}", place.port),
            "config.ru",
        ]);
        Ok(vec![command])
    },
    version: |_| {
        let mut command = Command::new("puma");
        command.arg("--version");
        Some(command)
    },
};

pub(super) const WEBRICK: Server = Server {
    name: "webrick",
    ignore_case: false,
    leaves_chunks: false,
    start: |place| {
        has("rackup")?;
        let found = Command::new("ruby").args(["-e", "require 'webrick'"]).output();
        if !found.is_ok_and(|done| done.status.success()) {
            return Err("Ruby's webrick is missing".to_owned());
        }
        let mut command = in_apps("rackup");
        command.args([
            "-q",
            "-s",
            "webrick",
            "-o",
            "127.0.0.1",
            "-E",
            "none",
            "-p",
            &place.port.to_string(),
            "config.ru",
        ]);
        Ok(vec![command])
    },
    version: |_| {
        let mut command = Command::new("ruby");
        command.args(["-e", "require 'webrick'; puts WEBrick::VERSION"]);
        Some(command)
    },
};

fn in_apps(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(apps()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The Python of the tools, where it has this package.
fn python(tools: &Tools, package: &str) -> Result<Command, String> {
    let program = tools.0.join("python/bin/python");
    if program.exists() { Ok(in_apps(program)) } else { Err(format!("{package} of PyPI is missing")) }
}

fn stdlib(place: &Place, arguments: &[&str]) -> Result<Vec<Command>, String> {
    let mut command = python(&place.tools, "http.server").or_else(|_| {
        has("python3")?;
        Ok::<_, String>(in_apps("python3"))
    })?;
    command.arg("stdlib.py").args(arguments);
    Ok(vec![command])
}

fn python_itself() -> Option<Command> {
    let mut command = Command::new("python3");
    command.arg("--version");
    Some(command)
}

fn package(tools: &Tools, name: &str) -> Option<Command> {
    let mut command = python(tools, name).ok()?;
    command.args(["-c", &format!("import importlib.metadata as m; print(m.version('{name}'))")]);
    Some(command)
}

fn framework(place: &Place, package: &str, name: &str) -> Result<Vec<Command>, String> {
    has("node")?;
    if !place.tools.0.join("node/node_modules").join(package).exists() {
        return Err(format!("{package} of npm is missing"));
    }
    node(place, name)
}

fn node(place: &Place, name: &str) -> Result<Vec<Command>, String> {
    let mut command = in_apps("node");
    command.args(["node.js", name]).env("NODE_PATH", place.tools.0.join("node/node_modules"));
    command.env("NODE_ENV", "production");
    Ok(vec![command])
}

fn module(tools: &Tools, name: &str) -> Option<Command> {
    let mut command = Command::new("node");
    command
        .arg("-p")
        .arg(format!("require('{}/node/node_modules/{name}/package.json').version", tools.0.display()));
    Some(command)
}
