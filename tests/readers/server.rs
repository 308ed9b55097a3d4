//! The app servers: how each is started, and by which rules of equality it reads.

mod native;
mod scripts;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{process::Running, setting};

/// A kind of app server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// Whether its router takes `/A` for `/a`.
    pub(crate) ignore_case: bool,
    /// Whether it leaves a chunked body that the app does not read on the connection, so that the next request on it is
    /// answered with a 400: cheroot does.
    pub(crate) leaves_chunks: bool,
    /// The commands that it is made of, or what is missing.
    start: fn(&Place) -> Result<Vec<Command>, String>,
    /// The command that prints its version.
    version: fn(&Tools) -> Option<Command>,
}

/// The environment that an app runs in.
pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    pub(crate) readings: PathBuf,
    pub(crate) tools: Tools,
}

/// The directories of the servers from PyPI and npm.
pub(crate) struct Tools(PathBuf);

/// An app server that runs.
pub(crate) struct App {
    pub(crate) port: u16,
    pub(crate) readings: PathBuf,
    running: Vec<Running>,
    folder: TempDir,
}

/// The number of ports that are tried.
const TRIES: usize = 3;

pub(crate) const SERVERS: &[Server] = &[
    scripts::GUNICORN,
    scripts::WAITRESS,
    scripts::UVICORN,
    scripts::HYPERCORN,
    scripts::WERKZEUG,
    scripts::DJANGO,
    scripts::WSGIDAV,
    scripts::HTTP_SERVER,
    scripts::HTTP_SERVER_STRAY,
    scripts::NODE,
    scripts::EXPRESS,
    scripts::EXPRESS_CASE,
    scripts::FASTIFY,
    scripts::FASTIFY_NO_CASE,
    scripts::KOA,
    scripts::PUMA,
    scripts::WEBRICK,
    native::NGINX_PHP,
    native::APACHE_CGI,
    native::TOMCAT,
];

impl Server {
    /// Starts it; `Err` says what this machine lacks.
    pub(crate) fn start(&self) -> Result<App, String> {
        let mut log = String::new();
        for _ in 0..TRIES {
            match self.start_on_free_port()? {
                Ok(app) => return Ok(app),
                Err(ended) => log = ended,
            }
        }
        panic!("{} ends:\n{log}", self.name);
    }

    /// The inner `Err` is the output of a server that has ended: another program may have taken the port before it.
    fn start_on_free_port(&self) -> Result<Result<App, String>, String> {
        let folder = tempfile::Builder::new().prefix("readers-").tempdir().unwrap();
        // Workers of another user read and write here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let readings = folder.path().join("readings");
        fs::write(&readings, "").unwrap();
        fs::set_permissions(&readings, fs::Permissions::from_mode(0o666)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = Place {
            port,
            folder: folder.path().to_owned(),
            readings: readings.clone(),
            tools: Tools::find(),
        };
        let commands = (self.start)(&place)?;
        let mut app = App { port, readings, running: Vec::new(), folder };
        for mut command in commands {
            let log = fs::File::create(app.folder.path().join(format!("log-{}", app.running.len()))).unwrap();
            command
                .env("READINGS", &app.readings)
                .env("PORT", port.to_string())
                .env("FOLDER", app.folder.path());
            command.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            app.running.push(Running::start(&mut command));
        }
        Ok(app.wait(self.name).map(|()| app))
    }

    /// Its version, as it says it.
    pub(crate) fn version(&self) -> String {
        let Some(mut command) = (self.version)(&Tools::find()) else { return String::new() };
        let Ok(done) = command.output() else { return String::new() };
        let text = [done.stdout, done.stderr].concat();
        String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
    }
}

impl App {
    /// Waits until it answers; `Err`: its output, if it has ended.
    fn wait(&mut self, name: &str) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let answers = self.answers();
            // Afterwards: the answer may be that of another server, which has the port.
            if self.running.iter_mut().any(Running::has_ended) {
                return Err(self.log());
            }
            if answers {
                return Ok(());
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{name} does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request =
            "GET /pub/ready HTTP/1.1\r\nHost: localhost\r\nX-Rig-Tag: ready\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
        asked.is_ok() && String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("x-rig-seen: ready")
    }

    /// The output of its programs.
    pub(crate) fn log(&self) -> String {
        let logs = (0..self.running.len()).map(|at| self.folder.path().join(format!("log-{at}")));
        let texts = logs.filter_map(|log| fs::read(log).ok());
        let text = texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect::<String>();
        let from = text.len().saturating_sub(4000);
        text.get(from..).unwrap_or(&text).to_owned()
    }
}

impl Tools {
    /// READERS_TOOLS, or where `.ci/run` installs them.
    fn find() -> Self {
        let usual = || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools/readers");
        Self(setting("READERS_TOOLS").map_or_else(usual, PathBuf::from))
    }
}

/// The directory of the apps.
fn apps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/apps")
}

/// Whether a program is there.
fn has(program: &str) -> Result<(), String> {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let found = found.is_ok_and(|done| done.status.success());
    if found { Ok(()) } else { Err(format!("`{program}` is missing")) }
}
