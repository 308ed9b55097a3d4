//! A folder with a configuration, commands run in it, a gate that serves from it, and an app behind the gate.

mod app;
mod gate;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use app::App;
pub(crate) use gate::{Answer, Gate, Http};

/// Longer than any step takes: a timeout means that the process is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A password that the rules take.
pub(crate) const PASSWORD: &str = "a-good-password-9";

/// A folder with `portcullis.toml` and the sample policies.
pub(crate) struct House {
    folder: TempDir,
    pub(crate) app: App,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    /// The usual one: cheap passwords, no limits, and paths without a policy need a login.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same, with `settings` at the end of the file.
    pub(crate) fn with(settings: &str) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap(), app: App::start() };
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        fs::create_dir(house.path("policies")).unwrap();
        for entry in fs::read_dir(samples).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, house.path("policies").join(from.file_name().unwrap())).unwrap();
        }
        house.write("portcullis.toml", &house.configuration(settings));
        house
    }

    pub(crate) fn configuration(&self, settings: &str) -> String {
        format!(
            r#"[server]
http = "127.0.0.1:0"
threads = 1
shutdown_grace = "2s"
[upstream]
servers = ["http://{}"]
[password]
memory_kib = 8
iterations = 1
[policies]
unmatched = "authenticated"
[limits]
login_per_client = ""
register_per_client = ""
{settings}
"#,
            self.app.address
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A command line, in the folder.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = portcullis();
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command
    }

    /// Runs a command line to its end.
    pub(crate) fn run(&self, line: &str) -> Done {
        finish(self.command(line), "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Done {
        finish(self.command(line), input)
    }

    /// Runs a command that has to succeed; what it printed.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.run(line).ok()
    }

    /// The same, as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json"))).unwrap()
    }

    /// Adds a user called `name`.
    pub(crate) fn add_user(&self, name: &str) {
        let line = format!("user add --email {name}@example.com --username {name} --password-stdin");
        self.run_with(&line, PASSWORD).ok();
    }

    /// Starts the gate and waits until it serves.
    pub(crate) fn serve(&self) -> Gate {
        Gate::start(self.command("serve"))
    }

    /// All files below the folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.metadata().unwrap() {
                    about if about.is_dir() => walk(&path, found),
                    about if about.is_file() => found.push(path),
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found
    }
}

impl Done {
    /// Its standard output; it has to have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Its error messages; it has to have failed with 1, and to have printed one line or more.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(!self.err.is_empty(), "{}", self.out);
        self.err
    }
}

/// The program, far from any configuration of this machine.
pub(crate) fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    // Also what `.ci/run` says to the tests themselves.
    for name in ["PORTCULLIS_CONFIG", "PORTCULLIS_PROFILE", "PORTCULLIS_NO_SKIP"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end, or stops it at [`DEADLINE`].
pub(crate) fn finish(command: Command, input: &str) -> Done {
    finish_within(DEADLINE, command, input)
}

/// The same for what takes its time.
pub(crate) fn finish_within(deadline: Duration, mut command: Command, input: &str) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing is gone before it is written to.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let pid = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let Ok(output) = told.recv_timeout(deadline) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("{command:?} hangs");
    };
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Sends a signal and waits for the end; the exit code, `None` after a signal that killed.
pub(crate) fn end(child: &mut Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(child), signal).unwrap();
    wait_until("the process ends", || child.try_wait().unwrap()).code()
}

/// Asks again and again, until there is an answer or the deadline has passed.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the shell finds this program; `.ci/run` says by PORTCULLIS_NO_SKIP that a test may not do without.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    #[expect(clippy::disallowed_methods, reason = "a wish to the tests, no setting of the gate")]
    let no_skip = std::env::var_os("PORTCULLIS_NO_SKIP").is_some();
    assert!(found || !no_skip, "`{program}` is missing");
    if !found {
        // `eprintln!` would be captured, and the test would seem to have run.
        let test = thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {test}: `{program}` is missing");
    }
    found
}
