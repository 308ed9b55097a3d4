//! The units, read by systemd. What the gate tells it is tested in `process::supervised`.

use std::{fs, process::Command};

use super::read;
use crate::process::support::has;

const UNITS: [&str; 3] = ["portcullis.service", "portcullis.socket", "portcullis-https.socket"];

/// What systemd says against a unit; it reads the others, too.
fn complaints(unit: &str, change: fn(String) -> String) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for name in UNITS {
        let text = read(&format!("systemd/{name}"));
        // It looks whether there is such a program.
        let text = text.replace("/usr/local/bin/portcullis", "/bin/true");
        fs::write(folder.path().join(name), if name == unit { change(text) } else { text }).unwrap();
    }
    let out = Command::new("systemd-analyze").arg("verify").arg(folder.path().join(unit)).output().unwrap();
    let text = String::from_utf8(out.stderr).unwrap();
    // Units of this machine that it depends on may have mistakes of their own.
    text.lines().filter(|line| line.contains("portcullis")).map(str::to_owned).collect()
}

#[test]
fn systemd_reads_the_units_without_a_complaint() {
    if !has("systemd-analyze") {
        return;
    }
    for unit in UNITS {
        assert_eq!(complaints(unit, |text| text), [] as [&str; 0], "{unit}");
    }
    let wrong = |text: String| text.replace("ProtectHome", "ProtectHouse");
    assert_eq!(complaints("portcullis.service", wrong).len(), 1);
    let wrong = |text: String| text.replace("ListenStream=8080", "ListenStream=eighty");
    assert!(!complaints("portcullis.socket", wrong).is_empty());
}

#[test]
fn the_service_is_exposed_little() {
    if !has("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let figure = |unit: String| {
        let file = folder.path().join("portcullis.service");
        fs::write(&file, unit).unwrap();
        let mut analyze = Command::new("systemd-analyze");
        analyze.args(["security", "--offline=true", "--no-pager"]).arg(file);
        let out = String::from_utf8(analyze.output().unwrap().stdout).unwrap();
        let last =
            out.lines().find(|line| line.contains("Overall exposure level")).expect("a figure").to_owned();
        let figure = last.split(": ").nth(1).and_then(|rest| rest.split(' ').next());
        figure.and_then(|figure| figure.parse::<f64>().ok()).unwrap_or_else(|| panic!("{last}"))
    };
    let unit = read("systemd/portcullis.service");
    // docs/operations.md has the figure. Another version of systemd may weigh things a little differently.
    assert!(figure(unit.clone()) <= 1.5);
    assert!(figure(unit.replace("ProtectSystem=strict", "")) > figure(unit));
}
