//! Signs that the policies or the configuration may have changed, from the kernel (inotify).
//!
//! A sign only brings the next look at the files forward ([`super::folder`]): what it is about does not matter. Watched
//! is each directory that a path leads through: one that holds a link of it for names, the others for being moved or
//! removed. So a link that is swapped (Kubernetes swaps one), a folder that is renamed and one that appears later are
//! all noticed. No sign comes from changes that another machine makes on a network file system, nor from mounts: for
//! those the files are looked at all the same, less often.

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

/// What is watched, of one folder and one file.
#[derive(Debug)]
pub(super) struct Watches {
    /// `None` where the system gives none.
    inotify: Option<Arc<OwnedFd>>,
    held: BTreeSet<i32>,
    whole: bool,
}

/// Where the signs come from.
#[derive(Debug)]
pub(super) struct Signs(AsyncFd<Arc<OwnedFd>>);

/// Which signs of a file or directory are wanted. Its path leads through it:
const PASSED: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF);
/// …or the path's next name in it is a link, or missing:
const NAMES: WatchFlags = PASSED
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO);
/// …or it is the file at the path's end:
const CONTENT: WatchFlags =
    PASSED.union(WatchFlags::MODIFY).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::ATTRIB);
/// …or the folder there.
const FILES: WatchFlags = NAMES.union(CONTENT);

/// Links in a path, as the kernel counts them.
const MOST_LINKS: usize = 40;

/// Paths that change while they are resolved are resolved so often.
const TRIES: usize = 5;

type Wanted = BTreeMap<PathBuf, WatchFlags>;

impl Watches {
    /// Nothing is watched yet.
    pub(super) fn new() -> Self {
        let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok().map(Arc::new);
        Self { inotify, held: BTreeSet::new(), whole: false }
    }

    /// The signs; `None` where there are none. Needs a runtime.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe, and needs what holds here: the descriptor lives as long as the signs"
    )]
    pub(super) fn signs(&self) -> Option<Signs> {
        let inotify = Arc::clone(self.inotify.as_ref()?);
        AsyncFd::new(inotify).ok().map(Signs)
    }

    /// Whether all that is wanted is watched.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Watches what these paths lead through now, and nothing else.
    pub(super) fn renew(&mut self, folder: &Path, file: &Path) {
        let Some(inotify) = &self.inotify else { return };
        let mut held = BTreeSet::new();
        for _ in 0..TRIES {
            let wanted = wanted(folder, file);
            self.whole = true;
            for (path, flags) in &wanted {
                match add_watch(inotify, path, *flags | WatchFlags::MASK_ADD) {
                    Ok(watch) => drop(held.insert(watch)),
                    // It has just gone: the next try sees that.
                    Err(Errno::NOENT | Errno::NOTDIR) => {}
                    // A directory that may be passed need not be readable.
                    Err(_) if *flags == PASSED => {}
                    Err(_) => self.whole = false,
                }
            }
            // What came between the look and the watch gives no sign.
            if self::wanted(folder, file) == wanted {
                break;
            }
        }
        for watch in self.held.difference(&held) {
            // It may be gone with its file.
            let _ = remove_watch(inotify, *watch);
        }
        self.held = held;
    }
}

impl Signs {
    /// Waits for the next.
    pub(super) async fn next(&self) {
        let Ok(mut ready) = self.0.readable().await else { return std::future::pending().await };
        let mut events = [0; 4096];
        while rustix::io::read(self.0.get_ref(), &mut events).is_ok_and(|count| count > 0) {}
        ready.clear_ready();
    }
}

/// All that has to be watched for these two, and for the files that links in the folder lead to.
fn wanted(folder: &Path, file: &Path) -> Wanted {
    let mut wanted = Wanted::new();
    add_path(&mut wanted, file);
    add_path(&mut wanted, folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && is_policy(&entry.file_name().to_string_lossy())
        {
            add_path(&mut wanted, &entry.path());
        }
    }
    wanted
}

/// Adds what one path leads through. Links are followed as the kernel follows them.
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
                add(&at, NAMES);
                links += 1;
                let Ok(target) = fs::read_link(&next) else { return };
                if links > MOST_LINKS {
                    return;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                left.extend(names(&target));
            }
            Ok(kind) if left.is_empty() => add(&next, if kind.is_dir() { FILES } else { CONTENT }),
            Ok(_) => {
                add(&next, PASSED);
                at = next;
            }
            Err(_) => return add(&at, NAMES),
        }
    }
}

fn kind(path: &Path) -> io::Result<fs::FileType> {
    fs::symlink_metadata(path).map(|about| about.file_type())
}

/// The names of a path, the last one first.
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

    /// A folder of policies and a configuration in a folder, and the signs of them.
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
            self.watches.renew(&folder, &file);
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
        let signs = watched.watches.signs().unwrap();
        let change = async { fs::write(watched.dir.path().join("app/policies/b.json"), "{}").unwrap() };
        tokio::join!(signs.next(), change);
        assert!(!watched.has_sign(), "it has been taken");
    }
}
