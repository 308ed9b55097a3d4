//! `log.file`: another program renames the file, and SIGHUP opens a new one (docs/operations.md, "Logs").

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use rustix::process::Signal;

use super::support::{House, finish, has, wait_until};

/// A gate with a log file tells its address there, not on standard output.
fn started(house: &House) -> (std::process::Child, super::support::Http) {
    let child = house.command("serve").stdout(std::process::Stdio::null()).spawn().unwrap();
    let log = wait_for(house, "gate.log", r#""msg":"serving""#);
    let line = log.lines().find(|line| line.contains(r#""msg":"serving""#)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let address = line["http"].as_str().unwrap().strip_prefix("http://").unwrap();
    (child, super::support::Http(address.parse().unwrap()))
}

fn wait_for(house: &House, file: &str, text: &str) -> String {
    wait_until(text, || fs::read_to_string(house.path(file)).ok().filter(|log| log.contains(text)))
}

fn hang_up(child: &std::process::Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), Signal::HUP).unwrap();
}

#[test]
fn a_renamed_file_is_left_and_a_new_one_begun() {
    let house = House::with("[log]\nfile = \"gate.log\"\n");
    house.write("gate.log", "the end of an earlier run\n");
    fs::remove_file(house.path("gate.log")).unwrap();
    let (mut child, http) = started(&house);
    assert_eq!(house.path("gate.log").metadata().unwrap().permissions().mode() & 0o007, 0);
    http.get("/before", "");
    wait_for(&house, "gate.log", "/before");
    fs::rename(house.path("gate.log"), house.path("gate.log.1")).unwrap();
    hang_up(&child);
    wait_until("a new file", || house.path("gate.log").exists().then_some(()));
    http.get("/after", "");
    let new = wait_for(&house, "gate.log", "/after");
    let old = fs::read_to_string(house.path("gate.log.1")).unwrap();
    assert!(
        !new.contains("/before") && !old.contains("/after") && old.contains("/before"),
        "{old}\n---\n{new}"
    );
    assert!(new.ends_with('\n') && old.ends_with('\n'), "no line is torn");
    assert_eq!(super::support::end(&mut child, Signal::TERM), Some(0));
}

#[test]
fn a_file_that_cannot_be_opened_again_stays_in_use() {
    let house = House::with("[log]\nfile = \"logs/gate.log\"\n");
    let refused = house.run("serve").refused();
    assert!(refused.contains("`log.file`: cannot open"), "{refused}");
    fs::create_dir(house.path("logs")).unwrap();
    house.write("portcullis.toml", &house.configuration("[log]\nfile = \"logs/gate.log\"\n"));
    let child = house.command("serve").stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut child = child;
    wait_for(&house, "logs/gate.log", r#""msg":"serving""#);
    fs::rename(house.path("logs"), house.path("moved")).unwrap();
    hang_up(&child);
    let log = wait_for(&house, "moved/gate.log", "cannot be opened again");
    assert!(log.contains("logs/gate.log"), "{log}");
    assert_eq!(super::support::end(&mut child, Signal::TERM), Some(0));
}

/// logrotate itself, with the block of the documentation.
#[test]
fn logrotate_reads_the_file_of_the_repository() {
    if !has("logrotate") {
        return;
    }
    let house = House::new();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let block = fs::read_to_string(repository.join("deploy/logrotate/portcullis")).unwrap();
    house.write("gate.log", "a line\n");
    // There is no systemd here to ask for a reload.
    let told = house.path("told");
    let block = block.replace("/var/log/portcullis/*.log", house.path("gate.log").to_str().unwrap());
    let block = block.replace("systemctl reload portcullis", &format!("touch {}", told.display()));
    // The test may run as a user that has no such account.
    let block: String = block
        .lines()
        .filter(|line| !line.trim().starts_with("su "))
        .map(|line| format!("{line}\n"))
        .collect();
    house.write("rotate.conf", &block);
    fs::set_permissions(house.path("rotate.conf"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = Command::new("logrotate");
    command.arg("--force").arg("--state").arg(house.path("state")).arg(house.path("rotate.conf"));
    let rotated = finish(command, "");
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(house.path("gate.log.1").exists() && told.exists(), "{rotated:?}");
}
