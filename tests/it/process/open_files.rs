//! The limit of open files, and the log lines about connections beyond it.

use std::{fs, process::Command};

use super::support::{Gate, House, finish, portcullis};

/// The command under other limits of open files.
fn limited(house: &House, limits: &str, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]);
    command.arg(portcullis().get_program()).args(line.split_whitespace());
    command.current_dir(house.path(""));
    command
}

#[test]
fn d5_the_limit_of_open_files_is_raised_to_what_the_system_allows() {
    let house = House::new();
    let gate = Gate::start(limited(&house, "ulimit -Sn 60 && ulimit -Hn 4096", "serve"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", gate.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3..5], ["4096", "4096"], "{line}");
    assert!(gate.logged("`server.max_connections` are taken").contains("\"connections\":1920"));
    assert_eq!(gate.stop(), Some(0));
}

#[test]
fn d5_connections_that_do_not_fit_are_told() {
    let house = House::new();
    house.ok("role add editor");
    let check = |limits: &str, line: &str| finish(limited(&house, limits, line), "").ok();
    let told = check("ulimit -n 1024", "check");
    assert!(told.contains("`server.max_connections` is 10000") && told.contains("have 1024; 384"), "{told}");
    let cured = check("ulimit -n 1024", "check --set server.max_connections=384");
    assert!(!cured.contains("open files"), "{cured}");
}
