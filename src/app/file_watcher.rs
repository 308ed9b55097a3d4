//! Watches the policies, the configuration and the certificates by inotify.
//!
//! A notification only triggers the next check of the files ([`super::folder`]); its content is ignored. Every
//! directory on a path is watched: one that contains a symlink of the path for changes of its entries, the others for
//! being moved or removed. So a swapped symlink (Kubernetes swaps one), a renamed folder and one that is created later
//! are all noticed. Changes by other machines on a network file system, and mounts, cause no notifications; therefore
//! the files are checked occasionally anyway.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::inotify::{CreateFlags, WatchFlags, add_watch, init, remove_watch},
    io::Errno,
};
use tokio::io::unix::AsyncFd;

use super::folder::is_policy;

/// The watches for a folder and some files.
#[derive(Debug)]
pub(super) struct Watches {
    /// `None` if the system provides no inotify.
    inotify: Option<Arc<OwnedFd>>,
    held: BTreeSet<i32>,
    whole: bool,
}

/// The stream of notifications.
#[derive(Debug)]
pub(super) struct FileEvents(AsyncFd<Arc<OwnedFd>>);

/// Events of a directory on the path.
const DIR_ON_PATH: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF);
/// Events of a directory whose next entry is a symlink or missing.
const DIR_WITH_LINK: WatchFlags = DIR_ON_PATH
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO);
/// Events of the file at the end of the path.
const TARGET_FILE: WatchFlags =
    DIR_ON_PATH.union(WatchFlags::MODIFY).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ATTRIB);
/// Events of the folder at the end of the path.
const TARGET_DIR: WatchFlags = DIR_WITH_LINK.union(TARGET_FILE);

/// Maximum number of symlinks in a path, as in the kernel (`ELOOP`).
const MAX_LINKS: usize = 40;

/// Attempts to resolve paths that change meanwhile.
const TRIES: usize = 5;

type Wanted = BTreeMap<PathBuf, WatchFlags>;

impl Watches {
    /// Creates a set without watches.
    pub(super) fn new() -> Self {
        let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok().map(Arc::new);
        Self { inotify, held: BTreeSet::new(), whole: false }
    }

    /// The notifications; `None` without inotify. Requires a runtime.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe, and needs what holds here: the descriptor lives as long as the events"
    )]
    pub(super) fn events(&self) -> Option<FileEvents> {
        let inotify = Arc::clone(self.inotify.as_ref()?);
        AsyncFd::new(inotify).ok().map(FileEvents)
    }

    /// Whether everything is watched.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Watches what these paths lead through now, and nothing else.
    pub(super) fn renew(&mut self, folders: &[&Path], files: &[&Path]) {
        let Some(inotify) = &self.inotify else { return };
        let mut held = BTreeSet::new();
        for _ in 0..TRIES {
            let wanted = wanted(folders, files);
            self.whole = true;
            for (path, flags) in &wanted {
                match add_watch(inotify, path, *flags | WatchFlags::MASK_ADD) {
                    Ok(watch) => drop(held.insert(watch)),
                    // It has just been removed; the next attempt notices that.
                    Err(Errno::NOENT | Errno::NOTDIR) => {}
                    // A directory on the path may be searchable but not readable. That is no error.
                    Err(_) if *flags == DIR_ON_PATH => {}
                    Err(_) => self.whole = false,
                }
            }
            // A change between the look-up and the watch would cause no notification, so the look-up is repeated.
            if self::wanted(folders, files) == wanted {
                break;
            }
        }
        for watch in self.held.difference(&held) {
            // The kernel may have removed the watch with its file.
            let _ = remove_watch(inotify, *watch);
        }
        self.held = held;
    }
}

impl FileEvents {
    /// Waits for the next notification.
    pub(super) async fn next(&self) {
        let Ok(mut ready) = self.0.readable().await else { return std::future::pending().await };
        let mut events = [0; 4096];
        // The events are only drained: which file they name does not matter.
        while rustix::io::read(self.0.get_ref(), &mut events).is_ok_and(|count| count > 0) {}
        ready.clear_ready();
    }
}

/// The paths to watch for these, and for the targets of symlinks in the folders.
fn wanted(folders: &[&Path], files: &[&Path]) -> Wanted {
    let mut wanted = Wanted::new();
    files.iter().for_each(|file| add_path(&mut wanted, file));
    folders.iter().for_each(|folder| add_path(&mut wanted, folder));
    for entry in folders.iter().flat_map(fs::read_dir).flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && is_policy(&entry.file_name().to_string_lossy())
        {
            add_path(&mut wanted, &entry.path());
        }
    }
    wanted
}

/// Adds what a path leads through. Symlinks are followed as in the kernel.
fn add_path(wanted: &mut Wanted, path: &Path) {
    let mut add = |path: &Path, flags| {
        wanted.entry(path.to_owned()).or_insert(WatchFlags::empty()).insert(flags);
    };
    let Ok(path) = std::path::absolute(path) else { return };
    let mut at = PathBuf::from("/");
    let mut left = names(&path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        match kind(&next) {
            Ok(kind) if kind.is_symlink() => {
                add(&at, DIR_WITH_LINK);
                links += 1;
                let Ok(target) = fs::read_link(&next) else { return };
                if links > MAX_LINKS {
                    return;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                left.extend(names(&target));
            }
            Ok(kind) if left.is_empty() => add(&next, if kind.is_dir() { TARGET_DIR } else { TARGET_FILE }),
            Ok(_) => {
                add(&next, DIR_ON_PATH);
                at = next;
            }
            Err(_) => return add(&at, DIR_WITH_LINK),
        }
    }
}

fn kind(path: &Path) -> io::Result<fs::FileType> {
    fs::symlink_metadata(path).map(|about| about.file_type())
}

/// The components of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut names: Vec<_> = named.map(|part| part.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of policies and a configuration in a folder, and the events of them.
    struct Watched {
        dir: tempfile::TempDir,
        watches: Watches,
    }

    impl Watched {
        fn with(make: impl FnOnce(&Path)) -> Self {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path());
            let mut watched = Self { dir, watches: Watches::new() };
            watched.renew();
            watched
        }

        fn renew(&mut self) {
            let (folder, file) =
                (self.dir.path().join("app/policies"), self.dir.path().join("portcullis.toml"));
            self.watches.renew(&[&folder], &[&file]);
            assert!(self.watches.is_whole());
            // What the renewal itself gave up.
            self.has_sign();
        }

        /// Whether a sign has come. The kernel queues them before the change returns.
        fn has_sign(&self) -> bool {
            let mut events = [0; 4096];
            let inotify = self.watches.inotify.as_ref().unwrap();
            let mut any = false;
            while rustix::io::read(inotify, &mut events).is_ok() {
                any = true;
            }
            any
        }

        fn tells_of(&mut self, what: &str, change: impl FnOnce(&Path)) {
            change(self.dir.path());
            assert!(self.has_sign(), "{what}");
            self.renew();
        }
    }

    fn plain(dir: &Path) {
        fs::create_dir_all(dir.join("app/policies")).unwrap();
        fs::write(dir.join("app/policies/a.json"), "{}").unwrap();
        fs::write(dir.join("portcullis.toml"), "").unwrap();
    }

    fn write(name: &str) -> impl FnOnce(&Path) {
        move |dir| fs::write(dir.join(name), "{ }").unwrap()
    }

    fn rename(from: &str, to: &str) -> impl FnOnce(&Path) {
        move |dir| fs::rename(dir.join(from), dir.join(to)).unwrap()
    }

    #[test]
    fn files_are_written_renamed_and_removed() {
        let mut watched = Watched::with(plain);
        watched.tells_of("a write", write("app/policies/a.json"));
        watched.tells_of("a new file", write("app/policies/b.json"));
        watched.tells_of("a rename", rename("app/policies/b.json", "app/policies/a.json"));
        watched.tells_of("an end", |dir| fs::remove_file(dir.join("app/policies/a.json")).unwrap());
        watched.tells_of("another configuration", write("portcullis.toml"));
        fs::write(watched.dir.path().join("new"), "").unwrap();
        watched.tells_of("a configuration over the other", rename("new", "portcullis.toml"));
        watched.tells_of("a write to that", write("portcullis.toml"));
    }

    #[test]
    fn what_happens_beside_them_gives_no_sign() {
        let watched = Watched::with(plain);
        fs::write(watched.dir.path().join("log"), "a line").unwrap();
        fs::create_dir(watched.dir.path().join("app/data")).unwrap();
        fs::read(watched.dir.path().join("app/policies/a.json")).unwrap();
        assert!(!watched.has_sign());
    }

    #[test]
    fn a_link_is_swapped_as_kubernetes_does() {
        let mut watched = Watched::with(|dir| {
            plain(dir);
            let policies = dir.join("app/policies");
            fs::remove_file(policies.join("a.json")).unwrap();
            fs::create_dir(policies.join("..1")).unwrap();
            fs::write(policies.join("..1/a.json"), "{}").unwrap();
            symlink("..1", policies.join("..data")).unwrap();
            symlink("..data/a.json", policies.join("a.json")).unwrap();
        });
        for new in ["..2", "..3"] {
            let policies = watched.dir.path().join("app/policies");
            fs::create_dir(policies.join(new)).unwrap();
            fs::write(policies.join(new).join("a.json"), "{ }").unwrap();
            symlink(new, policies.join("..tmp")).unwrap();
            watched.renew();
            watched.tells_of("a swap", rename("app/policies/..tmp", "app/policies/..data"));
            watched.tells_of("a write behind the link", |_| {
                fs::write(policies.join(new).join("a.json"), "{}").unwrap();
            });
        }
    }

    #[test]
    fn links_lead_to_the_folder_and_to_a_file() {
        let mut watched = Watched::with(|dir| {
            for release in ["1", "2"] {
                fs::create_dir_all(dir.join(release).join("policies")).unwrap();
            }
            fs::write(dir.join("portcullis.toml"), "").unwrap();
            fs::write(dir.join("common.json"), "{}").unwrap();
            symlink("../../common.json", dir.join("2/policies/a.json")).unwrap();
            symlink("1", dir.join("app")).unwrap();
            symlink("2", dir.join("next")).unwrap();
            fs::write(dir.join("new"), "{}").unwrap();
        });
        watched.tells_of("another release", rename("next", "app"));
        watched.tells_of("a file of it", write("2/policies/b.json"));
        watched.tells_of("a write to what a link leads to", write("common.json"));
        watched.tells_of("another file in its place", rename("new", "common.json"));
        watched.tells_of("a write to that", write("common.json"));
    }

    #[test]
    fn the_folder_goes_and_comes_back() {
        let mut watched = Watched::with(plain);
        watched.tells_of("it goes", rename("app/policies", "app/old"));
        watched.tells_of("it is made", |dir| fs::create_dir(dir.join("app/policies")).unwrap());
        watched.tells_of("it is filled", write("app/policies/a.json"));
        watched.tells_of("its parent goes", rename("app", "old"));
        watched.tells_of("its parent is made", |dir| fs::create_dir(dir.join("app")).unwrap());
        watched.tells_of("another one comes in its place", rename("old/old", "app/policies"));
        watched.tells_of("a write there", write("app/policies/a.json"));
    }

    #[tokio::test]
    async fn a_sign_is_waited_for() {
        let watched = Watched::with(plain);
        let events = watched.watches.events().unwrap();
        let change = async { fs::write(watched.dir.path().join("app/policies/b.json"), "{}").unwrap() };
        tokio::join!(events.next(), change);
        assert!(!watched.has_sign(), "it has been taken");
    }
}
