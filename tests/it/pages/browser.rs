//! Real Chromium, driven by the scripts in `browser/`.

mod apps;
mod challenge;
mod cors;
mod flows;
mod hosts;
mod look;

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::process::support::has;

/// Longer than a script is silent: a timeout means that it is stuck.
const SILENCE: Duration = Duration::from_secs(240);

/// A program and what it has started, in a process group of their own. Dropping it ends them all.
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pages/browser")
}

/// The file of a package of npm; `None` where it is missing, which fails where nothing may be skipped.
fn package(file: &str) -> Option<PathBuf> {
    let script = format!("require.resolve('{file}')");
    let found = Command::new("node").args(["-p", &script]).current_dir(scripts()).output().unwrap();
    if !found.status.success() {
        has(&format!("npm ci in tests/it/pages/browser, for {file}"));
        return None;
    }
    Some(PathBuf::from(String::from_utf8(found.stdout).unwrap().trim_end()))
}

/// Whether Chromium and the packages are there.
fn has_browser() -> bool {
    has("node")
        && has("chromium")
        && ["playwright-core", "axe-core"].iter().all(|name| package(name).is_some())
}

/// Runs a script to its end, and returns its lines. To a line `ask: …` it gets an answer.
#[track_caller]
fn converse(mut command: Command, mut answer: impl FnMut(&str) -> String) -> String {
    command.current_dir(scripts()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = Group::start(&mut command);
    let mut input = script.0.stdin.take().unwrap();
    let (output, mut errors) = (script.0.stdout.take().unwrap(), script.0.stderr.take().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    let errors = thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        text
    });
    let mut lines = String::new();
    loop {
        match told.recv_timeout(SILENCE) {
            Ok(line) => {
                if let Some(asked) = line.strip_prefix("ask: ") {
                    writeln!(input, "{}", answer(asked)).unwrap();
                }
                lines = lines + &line + "\n";
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("the script is silent after:\n{lines}"),
        }
    }
    let status = script.0.wait().unwrap();
    assert!(status.success(), "{lines}{}", errors.join().unwrap());
    lines
}
