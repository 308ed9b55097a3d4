//! The policies in force are replaced: read whole, checked whole, swapped whole. On a mistake the old set stays.
//!
//! A thread of its own does it: a folder on a file system that hangs, or a large set to compile, delays no request.

mod reloader;
mod watch;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    PolicyError,
    folder::{Folder, POLL, SLOW_POLL, Watched},
    policies::{RulesetBuilder, stored},
    signs::Watches,
    status::Reload,
};

use crate::{
    clock::{Clock, Timestamp},
    config::ConfigErrors,
    gate::{Rules, Ruleset},
    observe::metrics::Metrics,
    policy::{Severity, Source, Stored},
};
use reloader::{Request, What};
use watch::{latest, watch_files, watch_store};

pub(super) use reloader::{MadeOf, Reloader};

/// This many wait for their turn at most.
const WAITING: usize = 8;

/// This many mistakes are told line by line.
const MOST_MISTAKES: usize = 100;

/// How the last reload went, for readiness and `status`.
#[derive(Debug)]
pub(super) struct LastReload {
    last: Mutex<Option<(Timestamp, Result<(), String>)>>,
    /// Settings of the file that wait for a restart.
    waiting: Mutex<Vec<&'static str>>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// What is needed to replace the first set.
pub(super) struct Loaded {
    maker: RulesetBuilder,
    folder: Folder,
    in_force: InForce,
    /// The store's changes up to this one are in it.
    seen: u64,
}

/// What the set in force was made of.
struct InForce {
    sources: Vec<Source>,
    stored: Stored,
}

/// The thread's own.
struct Work {
    maker: RulesetBuilder,
    folder: Folder,
    in_force: InForce,
    rules: Arc<Rules>,
    last: Arc<LastReload>,
    config_file: Watched,
    watches: Watches,
    /// Whether there was a sign of a change, or one was found: paths may lead elsewhere now.
    stirred: bool,
}

/// Loads the rules at the start.
///
/// # Errors
/// Whatever is wrong with them: a gate does not start without.
pub(super) async fn load(maker: RulesetBuilder) -> Result<(Ruleset, Loaded), PolicyError> {
    let mut folder = Folder::new(maker.config.policies.dir.clone());
    let sources = folder.read()?;
    // Before the rows are read: what changes in between is then read twice, not never.
    let seen = latest(&*maker.store).await;
    let stored = stored(&*maker.store).await?;
    let ruleset = maker.make(&sources, &stored)?;
    Ok((ruleset, Loaded { maker, folder, in_force: InForce { sources, stored }, seen }))
}

/// Watches the folder and the store from now on. Aborting the task ends both, once there is no other [`Reloader`].
///
/// # Errors
/// When the system gives no thread.
pub(super) fn watch(
    Loaded { maker, folder, in_force, seen }: Loaded,
    rules: Arc<Rules>,
    last: Arc<LastReload>,
) -> anyhow::Result<(Reloader, JoinHandle<()>)> {
    let (requests, requested) = sync_channel(WAITING);
    let store = Arc::clone(&maker.store);
    let config_file = Watched::new(maker.config.file().to_owned());
    let watches = Watches::new();
    let signs = watches.signs();
    let work = Work { maker, folder, in_force, rules, last, config_file, watches, stirred: true };
    thread::Builder::new()
        .name("policies".into())
        .spawn(move || work.run(&requested))
        .context("cannot start a thread")?;
    let reloader = Reloader { requests };
    let (of_store, of_files) = (reloader.clone(), reloader.clone());
    let watching = async move {
        tokio::join!(watch_store(store, seen, of_store), watch_files(signs, of_files));
    };
    Ok((reloader, tokio::runtime::Handle::current().spawn(watching)))
}

impl Reloader {
    /// Reads and checks the files now. The request is taken in at once; the answer may be waited for, or not.
    pub(super) fn files(&self) -> impl Future<Output = Result<(), String>> + use<> {
        let requested = self.request(What::Files);
        async move { requested.await.unwrap_or_else(|| Err("other reloads are under way; try again".to_owned())) }
    }

    /// Compiles with other rows of the store, and waits for it.
    pub(super) async fn rows(&self, stored: Stored) -> Result<(), String> {
        let requested = self.request(What::Rows(stored)).await;
        requested.unwrap_or_else(|| Err("other reloads are under way; try again".to_owned()))
    }

    /// Has the files looked at now; `false` when too many are waiting.
    fn look(&self) -> bool {
        let (answer, _) = oneshot::channel();
        self.requests.try_send(Request { what: What::Look, answer }).is_ok()
    }

    /// What the set in force was made of; `None` when too many are waiting.
    pub(super) async fn made_of(&self) -> Option<MadeOf> {
        let (tell, told) = oneshot::channel();
        self.request(What::Tell(tell)).await?.ok()?;
        told.await.ok()
    }

    /// `None` when too many are waiting.
    fn request(&self, what: What) -> impl Future<Output = Option<Result<(), String>>> + use<> {
        let (answer, answered) = oneshot::channel();
        let taken = self.requests.try_send(Request { what, answer }).is_ok();
        async move { if taken { answered.await.ok() } else { None } }
    }
}

impl LastReload {
    /// There was none, or it was good.
    pub(super) fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { last: Mutex::default(), waiting: Mutex::default(), metrics, clock }
    }

    /// Why the last one failed, in one line, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.told().failure
    }

    /// When it was, and how it went.
    pub(super) fn told(&self) -> Reload {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.map_or_else(Reload::default, |(at, result)| Reload {
            at: Some(at.to_string()),
            failure: result.err(),
        })
    }

    /// The settings of the file that wait for a restart.
    pub(super) fn waiting(&self) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|key| (*key).to_owned()).collect()
    }

    fn set(&self, result: Result<(), String>) {
        self.metrics.reloaded(result.is_ok());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), result));
    }
}

impl Work {
    /// Until there is no [`Reloader`] any more.
    fn run(mut self, requested: &Receiver<Request>) {
        // What changed before it was watched is found by a look.
        let mut due = Instant::now();
        loop {
            // Requests do not delay the look at the files.
            let next = requested.recv_timeout(due.saturating_duration_since(Instant::now()));
            if Instant::now() >= due {
                self.look();
                due = Instant::now() + self.pace();
            }
            match next {
                Ok(Request { what: What::Look, .. }) => {
                    self.stirred = true;
                    due = Instant::now();
                }
                Ok(Request { what, answer }) => {
                    let result = self.guarded(|work| match what {
                        What::Files => work.take_all(),
                        What::Rows(stored) => work.take_rows(stored),
                        What::Look => Ok(()),
                        What::Tell(tell) => {
                            // The caller may be gone.
                            let _ = tell.send(work.made_of());
                            Ok(())
                        }
                    });
                    // The caller may be gone.
                    let _ = answer.send(result);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether the files have changed; if so, they are taken.
    fn look(&mut self) {
        // Before the look: what changes after it gives a sign.
        if self.stirred {
            self.watches.renew(self.folder.path(), self.config_file.path());
        }
        // It has been logged.
        let _ = self.guarded(|work| {
            let now = Instant::now();
            if work.config_file.poll(now) {
                return work.take_all();
            }
            work.folder.poll(now).map_or(Ok(()), |read| work.take_files(read))
        });
        self.stirred = !self.is_settled();
    }

    fn is_settled(&self) -> bool {
        self.folder.is_settled() && self.config_file.is_settled()
    }

    /// How soon the files are looked at again, if no sign comes.
    fn pace(&self) -> Duration {
        if self.is_settled() && self.watches.is_whole() { SLOW_POLL } else { POLL }
    }

    /// A set that makes the compiler panic is refused like any other: the thread goes on, and so does the old set.
    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        // INVARIANT: what the work holds is replaced only once a set is made, so nothing half done is seen.
        catch_unwind(AssertUnwindSafe(|| step(self))).unwrap_or_else(|_| {
            let told = "a fault of ours: the policies made it panic";
            tracing::error!(reason = told, "the new policies are refused; the old ones stay in force");
            self.last.set(Err(told.to_owned()));
            Err(told.to_owned())
        })
    }

    /// The configuration and the files, or neither.
    fn take_all(&mut self) -> Result<(), String> {
        let before = self.maker.config.clone();
        let taken = match before.reread() {
            Ok(loaded) => self.maker.config.apply_reload(loaded.config),
            Err(mistakes) => {
                let told = tell_mistakes(&mistakes);
                self.last.set(Err(told.clone()));
                return Err(told);
            }
        };
        let read = self.folder.read();
        let result = self.take_files(read);
        if result.is_err() {
            self.maker.config = before;
            return result;
        }
        *self.last.waiting.lock().unwrap_or_else(PoisonError::into_inner) = taken.waiting;
        for key in taken.now {
            tracing::info!(key, "the new setting is in force");
        }
        for key in taken.restart {
            tracing::warn!(key, "the new setting needs a restart; the old one stays in force");
        }
        result
    }

    fn take_files(&mut self, read: Result<Vec<Source>, PolicyError>) -> Result<(), String> {
        let made = read.and_then(|sources| {
            let ruleset = self.maker.make(&sources, &self.in_force.stored)?;
            Ok((ruleset, sources))
        });
        let result = match made {
            Ok((ruleset, sources)) => {
                self.rules.replace(ruleset);
                self.in_force.sources = sources;
                Ok(())
            }
            Err(error) => Err(tell(error)),
        };
        self.last.set(result.clone());
        result
    }

    fn made_of(&self) -> MadeOf {
        let InForce { sources, stored } = &self.in_force;
        MadeOf { sources: sources.clone(), stored: stored.clone(), ruleset: self.rules.current() }
    }

    /// With the files in force, whatever lies in the folder meanwhile: a row that denies does not wait for it. How the
    /// last reload of the files went stays as it is.
    fn take_rows(&mut self, stored: Stored) -> Result<(), String> {
        let ruleset = self.maker.make(&self.in_force.sources, &stored).map_err(tell)?;
        self.rules.replace(ruleset);
        self.in_force.stored = stored;
        Ok(())
    }
}

/// Logs why a set was refused, a line a mistake; says it in one line.
fn tell(error: PolicyError) -> String {
    let told = match &error {
        PolicyError::ConfigErrors(findings) => {
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            for finding in errors.iter().take(MOST_MISTAKES) {
                let (file, line, column) = (&finding.file, finding.line, finding.column);
                tracing::error!(file, line, column, code = finding.code, "{finding}");
            }
            match &*errors {
                [only] => only.to_string(),
                [first, more @ ..] => format!("{first} (and {} more)", more.len()),
                [] => error.to_string(),
            }
        }
        _ => format!("{:#}", anyhow::Error::from(error)),
    };
    tracing::error!(reason = told, "the new policies are refused; the old ones stay in force");
    told
}

/// Logs why a configuration was refused, a line a mistake; says it in one line.
fn tell_mistakes(mistakes: &ConfigErrors) -> String {
    let errors: Vec<_> = mistakes.0.iter().filter(|mistake| mistake.severity == Severity::Error).collect();
    for mistake in errors.iter().take(MOST_MISTAKES) {
        tracing::error!(code = mistake.code, "{mistake}");
    }
    let told = match &*errors {
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
        [] => mistakes.to_string(),
    };
    tracing::error!(reason = told, "the new configuration is refused; the old one stays in force");
    told
}

#[cfg(test)]
mod tests;
