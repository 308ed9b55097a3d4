//! The demo as a newcomer meets it: what it prints is pasted, Ctrl-C ends it, and nothing is left.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::support::{DEADLINE, end, finish, has, portcullis};

/// A running demo, with a folder of its own for what is temporary.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = portcullis();
        command.arg("demo").env("TMPDIR", folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines, folder }
    }

    /// All that it prints, up to the line about Ctrl-C.
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        while !told.last().is_some_and(|line: &String| line.starts_with("Ctrl-C")) {
            told.push(self.lines.recv_timeout(DEADLINE).expect("the demo says no more"));
        }
        told
    }

    /// Stops it as Ctrl-C does; it has to have ended well, and to have left nothing.
    fn stop(mut self) {
        assert_eq!(end(&mut self.child, Signal::INT), Some(0));
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The printed commands: each is below the line that explains it.
fn commands(told: &[String]) -> Vec<(&str, &str)> {
    let pairs = told.windows(2).filter(|pair| pair[0].starts_with("# "));
    pairs.map(|pair| (pair[0].trim_start_matches("# "), &*pair[1])).collect()
}

/// The steps of the demo, and a part of each answer.
const SHOWN: [(&str, &str); 12] = [
    ("public page", "200 OK"),
    ("401", "HTTP/1.1 401"),
    ("browser is sent to the login page", "HTTP/1.1 303"),
    ("registration", r#""email":"carol@example.com""#),
    ("logs in", ""),
    ("her own note", r#""ownerId":1"#),
    ("refused with a 403", "HTTP/1.1 403"),
    ("identity headers", r#""x-forwarded-user":"1""#),
    ("role editor", ""),
    ("editor may read", r#""ownerId":1"#),
    ("logs out", "HTTP/1.1 204"),
    ("a 401", "HTTP/1.1 401"),
];

#[test]
fn every_printed_command_works_and_nothing_is_left() {
    if !has("curl") {
        return;
    }
    for shell in ["sh", "bash"] {
        if shell == "bash" && !has(shell) {
            continue;
        }
        let demo = Demo::start();
        let told = demo.told();
        let commands = commands(&told);
        assert_eq!(commands.len(), SHOWN.len(), "{told:#?}");
        let script: String = commands.iter().map(|(_, line)| format!("{line}\necho ==next==\n")).collect();
        let mut paste = Command::new(shell);
        paste.arg("-c").arg(script);
        let answers = finish(paste, "").out;
        for (((shows, line), (word, answer)), got) in
            commands.iter().zip(SHOWN).zip(answers.split("==next=="))
        {
            assert!(shows.contains(word), "`{shows}` is not about `{word}`");
            assert!(got.contains(answer), "{shell}: {line}\n{got}");
        }
        demo.stop();
    }
}

#[test]
fn the_printed_configuration_serves_for_commands() {
    let demo = Demo::start();
    let told = demo.told().join("\n");
    let (_, line) = told.split_once("from another terminal:\n").unwrap();
    // As printed: it needs no PATH.
    let mut command = Command::new("sh");
    command.args(["-c", line.lines().next().unwrap()]).env_remove("PATH");
    let users = finish(command, "").ok();
    assert!(users.contains("ann@example.com") && users.contains("bob@example.com"), "{users}");
    demo.stop();
}

#[test]
fn usual_ports_that_are_taken_are_passed_over() {
    // If another process has these ports, they are taken as well.
    let _taken = [8080, 3000].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let demo = Demo::start();
    let told = demo.told();
    let first = &told[0];
    assert!(first.contains("http://127.0.0.1:"), "{first}");
    assert!(!first.contains(":8080") && !first.contains(":3000"), "{first}");
    demo.stop();
}

#[test]
fn a_demo_that_is_stopped_while_it_starts_leaves_nothing() {
    let demo = Demo::start();
    // Before it has said anything: at whatever it is just doing, except for the first moments of the process.
    super::support::wait_until("its folder", || fs::read_dir(demo.folder.path()).unwrap().next().map(|_| ()));
    demo.stop();
}
