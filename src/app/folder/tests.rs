//! What is read of a folder, and when a change of it is taken up.

use std::os::unix::fs::symlink;

use super::*;

/// A folder that was read, and a time that is turned by hand.
struct Watched {
    dir: tempfile::TempDir,
    folder: Folder,
    now: Instant,
}

impl Watched {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut watched = Self { folder: Folder::new(dir.path().to_owned()), dir, now: Instant::now() };
        for (name, text) in files {
            watched.write(name, text);
        }
        watched.folder.read().unwrap();
        watched.now = Instant::now();
        watched
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn after(&mut self, time: Duration) -> Option<Result<Vec<Source>, PolicyError>> {
        self.now += time;
        self.folder.poll(self.now)
    }

    /// What the watch takes up when nothing more happens.
    fn settled(&mut self) -> Option<Vec<String>> {
        let mut taken = None;
        for _ in 0..20 {
            if let Some(read) = self.after(POLL) {
                assert!(taken.is_none(), "taken up twice");
                let texts = |sources: Vec<Source>| sources.into_iter().map(|source| source.text).collect();
                taken = Some(read.map_or_else(|error| vec![error.to_string()], texts));
            }
        }
        taken
    }
}

#[test]
fn reads_policies_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "b.json",
        "a.json",
        "a.cases.json",
        "policy.schema.json",
        "model-config.json",
        "model-config.local.json",
        "notes.txt",
        ".x.json",
    ] {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    let names: Vec<_> = read(folder.path()).unwrap().into_iter().map(|source| source.name).collect();
    assert_eq!(names, ["a.json", "b.json", "model-config.json"]);
}

#[test]
fn an_empty_or_missing_folder_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("holds no `.json` file"), "{error}");
    assert!(matches!(read(&folder.path().join("none")), Err(PolicyError::Unreadable { .. })));
}

/// What a folder with this beside a sound file is told of.
fn findings_of(make: impl FnOnce(&Path)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{}").unwrap();
    make(folder.path());
    let (sources, findings) = read_all(folder.path()).unwrap();
    assert_eq!(sources.len(), 1, "what is sound is read");
    assert!(matches!(read(folder.path()), Err(PolicyError::ConfigErrors(_))));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let huge = findings_of(|dir| fs::File::create(dir.join("b.json")).unwrap().set_len(100 << 20).unwrap());
    assert_eq!(
        huge,
        [
            "b.json:1:1: error: the file has 104857600 bytes, and a policy file has at most 1 MiB; split it into several"
        ]
    );
    let folder = findings_of(|dir| fs::create_dir(dir.join("b.json")).unwrap());
    assert_eq!(folder, ["b.json:1:1: error: this is a folder, not a file; rename it"]);
    let link = findings_of(|dir| symlink("nowhere", dir.join("b.json")).unwrap());
    assert_eq!(link, ["b.json:1:1: error: this link leads nowhere; remove or repair it"]);
    let latin = findings_of(|dir| fs::write(dir.join("b.json"), b"{\n  \"\xe9\": 1}").unwrap());
    assert_eq!(latin, ["b.json:2:4: error: the file is not UTF-8 from here on; save it as UTF-8"]);
    let pipe = findings_of(|dir| {
        let made = std::process::Command::new("mkfifo").arg(dir.join("b.json")).status().unwrap();
        assert!(made.success());
    });
    assert_eq!(pipe, ["b.json:1:1: error: this is not a plain file; remove it"]);
    let name = findings_of(|dir| {
        let name = std::os::unix::ffi::OsStringExt::from_vec(b"\xff.json".to_vec());
        fs::write(dir.join::<std::ffi::OsString>(name), "{}").unwrap();
    });
    assert_eq!(name, ["\u{fffd}.json:1:1: error: the file's name is not UTF-8; rename it"]);
}

#[test]
fn a_file_that_nobody_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let secret = findings_of(|dir| {
        fs::write(dir.join("b.json"), "{}").unwrap();
        fs::set_permissions(dir.join("b.json"), fs::Permissions::from_mode(0o000)).unwrap();
    });
    assert_eq!(
        secret,
        ["b.json:1:1: error: the file cannot be read: permission denied; let the gate's user read it"]
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "\u{feff}{}").unwrap();
    assert_eq!(read(folder.path()).unwrap()[0].text, "{}");
}

#[test]
fn thousands_of_files_are_read_and_no_end_of_them_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..3_000 {
        fs::write(folder.path().join(format!("{index}.json")), "{}").unwrap();
    }
    assert_eq!(read(folder.path()).unwrap().len(), 3_000);
    // Sparse files: their size is all that is looked at.
    for index in 0..257 {
        let file = fs::File::create(folder.path().join(format!("a{index}.json"))).unwrap();
        file.set_len(1 << 20).unwrap();
    }
    assert!(matches!(read(folder.path()), Err(PolicyError::TooMuch { .. })));
}

#[test]
fn nothing_happens_while_nothing_changes() {
    let mut watched = Watched::with(&[("a.json", "1")]);
    assert_eq!(watched.settled(), None);
    // A new time stamp is not a new text.
    watched.write("a.json", "1");
    assert_eq!(watched.settled(), None);
}

#[test]
fn a_change_is_taken_up_once_and_at_rest() {
    let mut watched = Watched::with(&[("a.json", "1")]);
    watched.write("a.json", "22");
    assert!(watched.after(POLL).is_none(), "it has only just changed");
    assert!(watched.after(POLL).is_none(), "it has been still for half a second");
    assert!(watched.after(POLL).is_some());
    watched.write("a.json", "333");
    assert_eq!(watched.settled().unwrap(), ["333"]);
}

#[test]
fn a_single_file_is_taken_up_once_and_at_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("portcullis.toml");
    let mut file = super::Watched::new(path.clone());
    let mut now = Instant::now();
    let mut after = |file: &mut super::Watched| {
        now += POLL;
        file.poll(now)
    };
    assert!(!after(&mut file), "it is not there");
    fs::write(&path, "1").unwrap();
    assert!(!after(&mut file) && !after(&mut file), "it has only just come");
    fs::write(&path, "22").unwrap();
    assert!(!after(&mut file) && !after(&mut file), "the rest begins anew");
    assert!(after(&mut file));
    assert!(!after(&mut file), "taken up twice");
}

#[test]
fn an_editor_that_renames_never_shows_a_set_without_the_file() {
    let mut watched = Watched::with(&[("a.json", "1"), ("b.json", "2")]);
    fs::rename(watched.path("a.json"), watched.path("a.json~")).unwrap();
    assert!(watched.after(POLL).is_none());
    assert!(watched.after(POLL).is_none());
    watched.write("a.json.new", "new");
    fs::rename(watched.path("a.json.new"), watched.path("a.json")).unwrap();
    assert!(watched.after(POLL).is_none(), "the rest begins anew");
    assert_eq!(watched.settled().unwrap(), ["new", "2"]);
}

#[test]
fn a_file_that_is_still_being_written_is_left_alone() {
    let mut watched = Watched::with(&[("a.json", "1")]);
    for length in 1..10 {
        watched.write("a.json", &"x".repeat(length));
        assert!(watched.after(POLL).is_none());
    }
    assert_eq!(watched.settled().unwrap(), ["xxxxxxxxx"]);
}

#[test]
fn the_swapped_link_of_kubernetes_is_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (version, text) in [("..1", "old"), ("..2", "new")] {
        fs::create_dir(path(version)).unwrap();
        fs::write(path(version).join("a.json"), text).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/a.json", path("a.json")).unwrap();
    let mut folder = Folder::new(dir.path().to_owned());
    assert_eq!(folder.read().unwrap()[0].text, "old");
    symlink("..2", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    let mut watched = Watched { dir, folder, now: Instant::now() };
    assert_eq!(watched.settled().unwrap(), ["new"]);
}

#[test]
fn a_second_write_under_the_same_time_stamp_is_seen() {
    let mut watched = Watched::with(&[("a.json", "1")]);
    watched.write("a.json", "22");
    let stamp = fs::metadata(watched.path("a.json")).unwrap().modified().unwrap();
    assert!(watched.after(POLL).is_none());
    assert!(watched.after(SETTLE_TIME).is_some());
    watched.write("a.json", "33");
    fs::File::options().write(true).open(watched.path("a.json")).unwrap().set_modified(stamp).unwrap();
    // The change of the inode is the one thing that no call can set back: a coarse clock would not show it.
    let FolderState::Files(files) = FolderState::at(watched.dir.path()) else { panic!() };
    watched.folder.state = FolderState::Files(files);
    assert_eq!(watched.after(POLL).unwrap().unwrap()[0].text, "33");
    assert_eq!(watched.settled(), None);
}

#[test]
fn what_is_gone_or_broken_is_told_once() {
    let mut watched = Watched::with(&[("a.json", "1")]);
    fs::remove_file(watched.path("a.json")).unwrap();
    let findings = watched.settled().unwrap();
    assert!(findings[0].contains("holds no `.json` file"), "{findings:?}");
    symlink("nowhere", watched.path("b.json")).unwrap();
    let findings = watched.settled().unwrap();
    assert!(findings[0].contains("b.json"), "{findings:?}");
    fs::remove_file(watched.path("b.json")).unwrap();
    watched.write("a.json", "1");
    assert_eq!(watched.settled().unwrap(), ["1"], "what was in force before is tried again");
}

#[test]
fn f2_what_is_passed_over_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let named = [
        ".b.json",
        "a.json.bak",
        "a.json5",
        "a.jsonc",
        "a.json~",
        "a.yaml",
        "model-config.local.json",
        "ops.JSON",
        "x.Json",
    ];
    let silent =
        ["a.json", "a.cases.json", "a.schema.json", "README.md", "..2024_01_01", ".gitignore", "a.js"];
    for name in named.iter().chain(&silent) {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    for name in ["sub", "..data", ".git"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", folder.path().join("lost")).unwrap();
    let found = passed_over(folder.path());
    let names: Vec<&str> = found.iter().map(|finding| &*finding.file).collect();
    let mut expected: Vec<&str> = named.into_iter().chain(["lost", "sub"]).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(found.iter().all(|finding| finding.severity == Severity::Warning && finding.fix.is_some()));
}
