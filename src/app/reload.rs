//! Replaces the ruleset in force: it is read, checked and swapped as a whole. On an error the old one stays.
//!
//! This runs in a thread of its own, so that a hanging file system or a large ruleset delays no request.

mod last;
mod reloader;
mod watch;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    PolicyError,
    certificates::{self, CertificateFiles},
    file_watcher::Watches,
    folder::{Folder, POLL, SLOW_POLL, Watched},
    policies::{RulesetBuilder, stored},
};

use crate::{
    config::ConfigErrors,
    gate::{Rules, Ruleset},
    policy::{Severity, Source, Stored},
    tls::{Prepared, ServerTls},
};
use reloader::{Request, What};
use watch::{latest, watch_files, watch_store};

pub(super) use last::LastReload;
pub(super) use reloader::{Reloader, RulesetInputs};

/// Maximum number of queued requests.
const QUEUE_CAPACITY: usize = 8;

/// Maximum number of errors that are logged one by one.
const MAX_LOGGED_ERRORS: usize = 100;

/// The state for replacing the first ruleset.
pub(super) struct Loaded {
    builder: RulesetBuilder,
    folder: Folder,
    in_force: InForce,
    /// The last change of the store that is included.
    seen: u64,
}

/// The inputs of the ruleset in force.
struct InForce {
    sources: Vec<Source>,
    stored: Stored,
}

/// The state of the thread.
struct Work {
    builder: RulesetBuilder,
    folder: Folder,
    in_force: InForce,
    rules: Arc<Rules>,
    last: Arc<LastReload>,
    config_file: Watched,
    /// `None` without TLS.
    certificates: Option<CertificateFiles>,
    watches: Watches,
    /// Set by a notification or a detected change: symlinks may resolve differently, so the watches must be renewed.
    watches_outdated: bool,
}

/// Loads the ruleset at the start.
///
/// # Errors
/// All errors of the policies: a gate does not start without rules.
pub(super) async fn load(builder: RulesetBuilder) -> Result<(Ruleset, Loaded), PolicyError> {
    let mut folder = Folder::new(builder.config.policies.dir.clone());
    let sources = folder.read()?;
    // Determined before the rows are read, so that a change in between is read twice and not missed.
    let seen = latest(&*builder.store).await;
    let stored = stored(&*builder.store).await?;
    let ruleset = builder.make(&sources, &stored)?;
    Ok((ruleset, Loaded { builder, folder, in_force: InForce { sources, stored }, seen }))
}

/// Watches the files and the store. Aborting the task ends both, once all other [`Reloader`]s are dropped.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn watch(
    Loaded { builder, folder, in_force, seen }: Loaded,
    rules: Arc<Rules>,
    last: Arc<LastReload>,
    tls: Option<Arc<ServerTls>>,
) -> anyhow::Result<(Reloader, JoinHandle<()>)> {
    let (requests, requested) = sync_channel(QUEUE_CAPACITY);
    let store = Arc::clone(&builder.store);
    let config_file = Watched::new(builder.config.file().to_owned());
    let watches = Watches::new();
    let events = watches.events();
    let certificates = tls.map(|tls| CertificateFiles::new(tls, &builder.config, builder.clock.clone()));
    let work = Work {
        builder,
        folder,
        in_force,
        rules,
        last,
        config_file,
        certificates,
        watches,
        watches_outdated: true,
    };
    thread::Builder::new()
        // Not on the runtime: reading a folder on a dead network mount blocks.
        .name("policies".into())
        .spawn(move || work.run(&requested))
        .context("cannot start a thread")?;
    let reloader = Reloader { requests };
    let (of_store, of_files) = (reloader.clone(), reloader.clone());
    let watching = async move {
        tokio::join!(watch_store(store, seen, of_store), watch_files(events, of_files));
    };
    Ok((reloader, tokio::runtime::Handle::current().spawn(watching)))
}

impl Reloader {
    /// Reads and checks the files. The request is queued at once; the result need not be awaited.
    pub(super) fn files(&self) -> impl Future<Output = Result<(), String>> + use<> {
        let requested = self.request(What::Files);
        async move { requested.await.unwrap_or_else(|| Err("other reloads are under way; try again".to_owned())) }
    }

    /// Compiles with other rows of the store, and waits for the result.
    pub(super) async fn rows(&self, stored: Stored) -> Result<(), String> {
        let requested = self.request(What::Rows(stored)).await;
        requested.unwrap_or_else(|| Err("other reloads are under way; try again".to_owned()))
    }

    /// Requests a check of the files; `false` if the queue is full.
    fn look(&self) -> bool {
        let (answer, _) = oneshot::channel();
        self.requests.try_send(Request { what: What::Check, answer }).is_ok()
    }

    /// The inputs of the ruleset in force; `None` if the queue is full.
    pub(super) async fn inputs(&self) -> Option<RulesetInputs> {
        let (sender, receiver) = oneshot::channel();
        self.request(What::Inputs(sender)).await?.ok()?;
        receiver.await.ok()
    }

    /// Returns `None` if the queue is full.
    fn request(&self, what: What) -> impl Future<Output = Option<Result<(), String>>> + use<> {
        let (answer, answered) = oneshot::channel();
        let taken = self.requests.try_send(Request { what, answer }).is_ok();
        async move { if taken { answered.await.ok() } else { None } }
    }
}

impl Work {
    /// Runs until all [`Reloader`]s are dropped.
    fn run(mut self, requested: &Receiver<Request>) {
        // A check at the start finds changes from before the watches were set.
        let mut due = Instant::now();
        loop {
            // Checked in any case: a stream of requests must not delay the files.
            let next = requested.recv_timeout(due.saturating_duration_since(Instant::now()));
            if Instant::now() >= due {
                self.look();
                due = Instant::now() + self.pace();
            }
            match next {
                Ok(Request { what: What::Check, .. }) => {
                    self.watches_outdated = true;
                    due = Instant::now();
                }
                Ok(Request { what, answer }) => {
                    let result = self.guarded(|work| match what {
                        What::Files => work.reload_all(),
                        What::Rows(stored) => work.apply_rows(stored),
                        What::Check => Ok(()),
                        What::Inputs(sender) => {
                            // The caller may have given up.
                            let _ = sender.send(work.inputs());
                            Ok(())
                        }
                    });
                    // The caller may have given up.
                    let _ = answer.send(result);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Checks the files, and loads them if they have changed.
    fn look(&mut self) {
        // Renewed before the check: any later change causes a notification.
        if self.watches_outdated {
            let certificates = self.certificates.iter().flat_map(CertificateFiles::paths);
            let files: Vec<_> = std::iter::once(self.config_file.path()).chain(certificates).collect();
            self.watches.renew(self.folder.path(), &files);
        }
        // The error has been logged.
        let _ = self.guarded(|work| {
            let now = Instant::now();
            if work.config_file.poll(now) {
                return work.reload_all();
            }
            work.look_at_certificates(now);
            work.folder.poll(now).map_or(Ok(()), |read| work.reload_files(read))
        });
        self.watches_outdated = !self.is_settled();
    }

    fn is_settled(&self) -> bool {
        let certificates = self.certificates.as_ref().is_none_or(CertificateFiles::is_settled);
        certificates && self.folder.is_settled() && self.config_file.is_settled()
    }

    /// The interval to the next check without a notification.
    fn pace(&self) -> Duration {
        if self.is_settled() && self.watches.is_whole() { SLOW_POLL } else { POLL }
    }

    /// Runs a step and turns a panic of the compiler into a failed reload.
    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        // INVARIANT: the state of `self` is replaced only after a ruleset was built, so a panic leaves it consistent.
        catch_unwind(AssertUnwindSafe(|| step(self))).unwrap_or_else(|_| {
            let reason = "a fault of ours: the policies made it panic";
            tracing::error!(reason, "the new policies are refused; the old ones stay in force");
            self.last.set(Err(reason.to_owned()));
            Err(reason.to_owned())
        })
    }

    /// Loads configuration and files, both or neither.
    fn reload_all(&mut self) -> Result<(), String> {
        let before = self.builder.config.clone();
        let taken = match before.reread() {
            Ok(loaded) => self.builder.config.apply_reload(loaded.config),
            Err(config_errors) => {
                let reason = log_config_errors(&config_errors);
                self.last.set(Err(reason.clone()));
                return Err(reason);
            }
        };
        let prepared = self.prepare_certificates();
        let result = prepared.and_then(|prepared| {
            let read = self.folder.read();
            self.reload_files(read).map(|()| prepared)
        });
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(told) => {
                self.builder.config = before;
                return Err(told);
            }
        };
        if let (Some(files), Some(prepared)) = (&mut self.certificates, prepared) {
            files.take(&self.builder.config, prepared);
        }
        self.last.set_waiting(taken.waiting);
        for key in taken.now {
            tracing::info!(key, "the new setting is in force");
        }
        for key in taken.restart {
            tracing::warn!(key, "the new setting needs a restart; the old one stays in force");
        }
        Ok(())
    }

    /// All certificates have to be right, as the rest has.
    fn prepare_certificates(&mut self) -> Result<Option<Prepared>, String> {
        let Some(files) = &mut self.certificates else { return Ok(None) };
        let told = match files.prepare(&self.builder.config) {
            Ok(prepared) if prepared.mistakes.is_empty() => {
                self.last.set_certificates(None);
                return Ok(Some(prepared));
            }
            Ok(prepared) => certificates::tell(&prepared.mistakes),
            Err(error) => certificates::tell_error(&error),
        };
        self.last.set_certificates(Some(told.clone()));
        Err(told)
    }

    /// Each certificate on its own: one that is wrong keeps no other from being renewed.
    fn look_at_certificates(&mut self, now: Instant) {
        let Some(files) = &mut self.certificates else { return };
        if files.poll(now) {
            let failure = match files.prepare(&self.builder.config) {
                Ok(prepared) => {
                    let mistakes = prepared.mistakes.clone();
                    files.take(&self.builder.config, prepared);
                    (!mistakes.is_empty()).then(|| certificates::tell(&mistakes))
                }
                Err(error) => Some(certificates::tell_error(&error)),
            };
            self.last.set_certificates(failure);
        }
        files.tell_ending();
    }

    fn reload_files(&mut self, read: Result<Vec<Source>, PolicyError>) -> Result<(), String> {
        let made = read.and_then(|sources| {
            let ruleset = self.builder.make(&sources, &self.in_force.stored)?;
            Ok((ruleset, sources))
        });
        let result = match made {
            Ok((ruleset, sources)) => {
                self.rules.replace(ruleset);
                self.in_force.sources = sources;
                Ok(())
            }
            Err(error) => Err(log_errors(error)),
        };
        self.last.set(result.clone());
        result
    }

    fn inputs(&self) -> RulesetInputs {
        let InForce { sources, stored } = &self.in_force;
        RulesetInputs { sources: sources.clone(), stored: stored.clone(), ruleset: self.rules.current() }
    }

    /// Recompiles with the stored rules and the files that are in force, not those on disk, so that a new DENY row
    /// takes effect even while the folder is broken. The result of the last reload of the files stays.
    fn apply_rows(&mut self, stored: Stored) -> Result<(), String> {
        let ruleset = self.builder.make(&self.in_force.sources, &stored).map_err(log_errors)?;
        self.rules.replace(ruleset);
        self.in_force.stored = stored;
        Ok(())
    }
}

/// Logs the errors of a ruleset one by one, and returns a one-line summary.
fn log_errors(error: PolicyError) -> String {
    let reason = match &error {
        PolicyError::ConfigErrors(findings) => {
            let errors: Vec<_> =
                findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            for finding in errors.iter().take(MAX_LOGGED_ERRORS) {
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
    tracing::error!(reason, "the new policies are refused; the old ones stay in force");
    reason
}

/// Logs the errors of a configuration one by one, and returns a one-line summary.
fn log_config_errors(config_errors: &ConfigErrors) -> String {
    let errors: Vec<_> =
        config_errors.0.iter().filter(|finding| finding.severity == Severity::Error).collect();
    for finding in errors.iter().take(MAX_LOGGED_ERRORS) {
        tracing::error!(code = finding.code, "{finding}");
    }
    let reason = match &*errors {
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
        [] => config_errors.to_string(),
    };
    tracing::error!(reason, "the new configuration is refused; the old one stays in force");
    reason
}

#[cfg(test)]
mod tests;
