//! Prompts at a terminal: a real one, whose other end the tests hold.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::OwnedFd,
    process::Stdio,
    sync::{Arc, Condvar, Mutex},
    thread,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use super::support::{DEADLINE, House, PASSWORD, wait_until};

/// A terminal, and what it has shown so far.
struct Terminal {
    keyboard: File,
    end: File,
    shown: Arc<(Mutex<String>, Condvar)>,
}

impl Terminal {
    fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let end = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let keyboard = File::from(master);
        let (mut screen, shown) = (keyboard.try_clone().unwrap(), Arc::<(Mutex<String>, Condvar)>::default());
        let seen = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                seen.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
                seen.1.notify_all();
            }
        });
        Self { keyboard, end, shown }
    }

    /// Runs a command on it, and types each answer when its question is there; the exit code and all that was shown.
    fn run(&mut self, house: &House, line: &str, answers: &[(&str, &str)]) -> (Option<i32>, String) {
        self.shown.0.lock().unwrap().clear();
        let end = || Stdio::from(OwnedFd::from(self.end.try_clone().unwrap()));
        let mut command = house.command(line);
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        for (question, answer) in answers {
            let shown = self.shown.0.lock().unwrap();
            let missing = |shown: &mut String| !shown.contains(question);
            let (shown, late) = self.shown.1.wait_timeout_while(shown, DEADLINE, missing).unwrap();
            assert!(!late.timed_out(), "{line}: `{question}` is not asked: {shown}");
            drop(shown);
            self.keyboard.write_all(answer.as_bytes()).unwrap();
        }
        let code = wait_until("the command ends", || child.try_wait().unwrap()).code();
        // Its last output is still in the terminal.
        let mark = "\u{1}the end\u{1}";
        self.end.write_all(mark.as_bytes()).unwrap();
        let shown = self.shown.0.lock().unwrap();
        let (shown, _) =
            self.shown.1.wait_timeout_while(shown, DEADLINE, |shown| !shown.contains(mark)).unwrap();
        (code, shown.replace(mark, ""))
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.end).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ISIG)
    }
}

const ADD: &str = "user add --email ann@example.com --username ann";

#[test]
fn f11_user_add_asks_for_the_password_twice_and_does_not_show_it() {
    let (house, mut terminal) = (House::new(), Terminal::new());
    let typed = format!("{PASSWORD}\n");
    let (code, shown) = terminal.run(
        &house,
        ADD,
        &[("password for ann@example.com: ", &typed), ("the same again: ", &typed)],
    );
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(PASSWORD) && terminal.echoes(), "{shown}");
    let gate = house.serve();
    gate.http.login("ann");
    let other = "another-password-7\n";
    let (code, shown) =
        terminal.run(&house, "user set-password ann", &[("password for ann: ", other), ("again: ", other)]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("another-password-7"), "{shown}");
    assert_eq!(gate.http.try_login("ann", "another-password-7").status, 200);
}

#[test]
fn f11_what_is_not_typed_twice_the_same_changes_nothing() {
    let (house, mut terminal) = (House::new(), Terminal::new());
    let (code, shown) =
        terminal.run(&house, ADD, &[("password", "one-password-1\n"), ("again", "one-password-2\n")]);
    assert_eq!(code, Some(1));
    assert!(shown.contains("the two passwords differ; nothing was changed"), "{shown}");
    let (code, shown) = terminal.run(&house, ADD, &[("password", "one-passw\u{3}")]);
    assert_eq!(code, Some(1));
    assert!(shown.contains("interrupted; nothing was changed") && !shown.contains("one-passw"), "{shown}");
    assert!(terminal.echoes(), "the terminal is as it was");
    assert!(!house.path("data").exists());
}

#[test]
fn f11_password_stdin_on_a_terminal_does_not_show_what_is_typed() {
    let (house, mut terminal) = (House::new(), Terminal::new());
    let typed = format!("{PASSWORD}\n");
    let (code, shown) = terminal.run(&house, &format!("{ADD} --password-stdin"), &[("password", &typed)]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    house.serve().http.login("ann");
}

#[test]
fn f11_user_delete_asks_first() {
    let (house, mut terminal) = (House::new(), Terminal::new());
    house.add_user("ann");
    let question = "delete user 1 (ann@example.com), with all tokens and roles? [y/N] ";
    for no in ["\n", "n\n", "nay\n", "\u{4}"] {
        let (code, shown) = terminal.run(&house, "user delete ann", &[(question, no)]);
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.contains("nothing was deleted"), "{shown}");
    }
    let piped = house.run_with("user delete ann", "y\n");
    assert_eq!(piped.code, Some(64), "{piped:?}");
    assert!(piped.err.contains("say `--yes`"), "{piped:?}");
    assert_eq!(house.json("user list").as_array().unwrap().len(), 1);
    let (code, shown) = terminal.run(&house, "user delete ann", &[(question, "yes\n")]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("user 1 (ann@example.com) is deleted"), "{shown}");
    house.add_user("bob");
    assert!(house.ok("user delete bob --yes").contains("is deleted"));
}

#[test]
fn f11_without_a_terminal_a_missing_password_is_wrong_usage() {
    let house = House::new();
    for line in [ADD, "user set-password ann"] {
        let done = house.run_with(line, PASSWORD);
        assert_eq!(done.code, Some(64), "{done:?}");
        assert!(done.err.contains("say `--password-stdin` or `--password-file F`"), "{done:?}");
    }
    assert!(!house.path("data").exists());
}
