//! Replaces the ruleset in force: it is read, checked and swapped as a whole. On an error the old one stays.
//!
//! This runs in a thread of its own, so that a hanging file system or a large ruleset delays no request.

mod last;
mod refused;
mod reloader;
mod rulesets;
mod told;
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
    folder::{POLL, SLOW_POLL, Watched},
    policies::RulesetBuilder,
};

use crate::{
    config::{Config, ReloadedKeys},
    gate::Rules,
    policy::{Source, Stored},
    tls::Prepared,
};
use last::Part;
use refused::{Refused, RetryTrigger};
use reloader::{Request, What};
use rulesets::Rulesets;
use told::{log_config_errors, log_errors};
use watch::{watch_files, watch_store};

pub(super) use last::LastReload;
pub(super) use reloader::{Reloader, RulesetInputs};

/// Maximum number of queued requests.
const QUEUE_CAPACITY: usize = 8;

/// The state for replacing the first rulesets.
pub(super) struct Loaded {
    rulesets: Rulesets,
    /// The last change of the store that is included.
    seen: u64,
}

/// The state of the thread.
struct Work {
    rulesets: Rulesets,
    last: Arc<LastReload>,
    config_file: Watched,
    /// When a refused configuration is tried again.
    retry_on: Option<RetryTrigger>,
    /// `None` without TLS.
    certificates: Option<CertificateFiles>,
    watches: Watches,
    /// Set by a notification or a detected change: symlinks may resolve differently, so the watches must be renewed.
    watches_outdated: bool,
}

/// Loads the rulesets at the start.
///
/// # Errors
/// An error of the policies: a gate does not start without rules.
pub(super) async fn load(builder: RulesetBuilder) -> Result<Loaded, PolicyError> {
    let (rulesets, seen) = Rulesets::load(builder).await?;
    Ok(Loaded { rulesets, seen })
}

impl Loaded {
    /// The rules of each app.
    pub(super) fn rules(&self) -> Vec<Arc<Rules>> {
        self.rulesets.apps.iter().map(|app| Arc::clone(&app.rules)).collect()
    }

    /// The rules of the first app.
    ///
    /// # Errors
    /// There is no app, which no configuration can say.
    pub(super) fn first_rules(&self) -> anyhow::Result<Arc<Rules>> {
        self.rules().into_iter().next().context("there is no app")
    }
}

/// Watches the files and the store. Aborting the task ends both, once all other [`Reloader`]s are dropped.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn watch(
    Loaded { rulesets, seen }: Loaded,
    last: Arc<LastReload>,
    certificates: Option<CertificateFiles>,
) -> anyhow::Result<(Reloader, JoinHandle<()>)> {
    let (requests, requested) = sync_channel(QUEUE_CAPACITY);
    let builder = &rulesets.builder;
    let store = Arc::clone(&builder.store);
    let config_file = Watched::new(builder.config.file().to_owned());
    let watches = Watches::new();
    let events = watches.events();
    let retry_on = None;
    let work = Work { rulesets, last, config_file, retry_on, certificates, watches, watches_outdated: true };
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

    /// The inputs of the rulesets in force, of each app; `None` if the queue is full.
    pub(super) async fn inputs(&self) -> Option<Vec<RulesetInputs>> {
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
            let folders: Vec<_> = self.rulesets.apps.iter().map(|app| app.folder.path()).collect();
            self.watches.renew(&folders, &files);
            self.watches_outdated = false;
        }
        // The error has been logged.
        let _ = self.guarded(|work| work.look_at_files(Instant::now()));
        self.watches_outdated |= !self.is_settled();
    }

    /// Loads what has changed: everything with the configuration, else each app on its own, so that one that is broken keeps
    /// no other from its new policies.
    fn look_at_files(&mut self, now: Instant) -> Result<(), String> {
        if self.config_file.poll(now) {
            return self.reload_all();
        }
        let certificates = self.look_at_certificates(now);
        let mut changed = Vec::new();
        for app in 0..self.rulesets.apps.len() {
            if let Some(read) = self.rulesets.poll(app, now) {
                changed.push((app, read));
            }
        }
        let apps = &self.rulesets.apps;
        let names = changed.iter().filter_map(|(app, _)| Some(apps.get(*app)?.config.app_name()));
        let trigger = self.retry_on.as_ref();
        let may_be_right = trigger.is_some_and(|trigger| trigger.fires(names, certificates));
        let retried = may_be_right.then(|| self.try_all());
        if let Some(Ok(keys)) = retried {
            self.tell(keys);
            return Ok(());
        }
        let mut result = Ok(());
        for (app, read) in changed {
            result = self.reload_app(app, read).and(result);
        }
        match retried {
            // Told only if nothing else was: the policies may be wrong under either configuration.
            Some(Err(refused)) if result.is_ok() => Err(self.refuse(refused)),
            _ => result,
        }
    }

    fn is_settled(&self) -> bool {
        let certificates = self.certificates.as_ref().is_none_or(CertificateFiles::is_settled);
        certificates && self.rulesets.is_settled() && self.config_file.is_settled()
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
            self.last.set(Part::Configuration, Err(reason.to_owned()));
            self.retry_on = Some(RetryTrigger::Policies(None));
            Err(reason.to_owned())
        })
    }

    /// Loads configuration and files, both or neither.
    fn reload_all(&mut self) -> Result<(), String> {
        match self.try_all() {
            Ok(keys) => {
                self.tell(keys);
                Ok(())
            }
            Err(refused) => Err(self.refuse(refused)),
        }
    }

    fn try_all(&mut self) -> Result<ReloadedKeys, Refused> {
        let mut config = self.rulesets.builder.config.clone();
        let loaded = config.reread().map_err(|errors| {
            // Only another configuration helps.
            self.retry_on = None;
            Refused::Configuration(errors)
        })?;
        let keys = config.apply_reload(loaded.config);
        let prepared = self.prepare_certificates(&config).map_err(|told| {
            self.retry_on = Some(RetryTrigger::Certificates);
            Refused::Certificates(told)
        })?;
        self.rulesets.replace_all(&config).map_err(|error| {
            self.retry_on = Some(RetryTrigger::Policies(error.app().map(str::to_owned)));
            Refused::Policies(error)
        })?;
        if let (Some(files), Some(prepared)) = (&mut self.certificates, prepared) {
            files.take(&config, prepared);
        }
        self.rulesets.builder.config = config;
        self.retry_on = None;
        self.last.set_all_good();
        Ok(keys)
    }

    /// Logs what is in force and what waits.
    fn tell(&self, keys: ReloadedKeys) {
        self.last.set_waiting(keys.waiting);
        for key in keys.now {
            tracing::info!(key, "the new setting is in force");
        }
        for key in keys.restart {
            tracing::warn!(key, "the new setting needs a restart; the old one stays in force");
        }
    }

    /// Logs why nothing of it is in force, and returns that in one line.
    fn refuse(&self, refused: Refused) -> String {
        let told = match refused {
            Refused::Configuration(errors) => log_config_errors(&errors),
            Refused::Policies(error) => log_errors(error),
            // The configuration itself is right, whatever was wrong with it before; of certificates it has been noted.
            Refused::Certificates(told) => {
                self.last.set(Part::Configuration, Ok(()));
                return told;
            }
        };
        self.last.set(Part::Configuration, Err(told.clone()));
        told
    }

    /// All certificates have to be right, as the rest has.
    fn prepare_certificates(&mut self, config: &Config) -> Result<Option<Prepared>, String> {
        let Some(files) = &mut self.certificates else { return Ok(None) };
        // Before they are read, so that a change after that is seen, and from the next look on by the kernel's events.
        files.watch_too(config);
        self.watches_outdated = true;
        let told = match files.prepare(config) {
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

    /// Each certificate on its own: one that is wrong keeps no other from being renewed. Whether a file has changed.
    fn look_at_certificates(&mut self, now: Instant) -> bool {
        let Some(files) = &mut self.certificates else { return false };
        let changed = files.poll(now);
        if changed {
            let failure = match files.prepare(&self.rulesets.builder.config) {
                Ok(prepared) => {
                    let mistakes = prepared.mistakes.clone();
                    files.take(&self.rulesets.builder.config, prepared);
                    (!mistakes.is_empty()).then(|| certificates::tell(&mistakes))
                }
                Err(error) => Some(certificates::tell_error(&error)),
            };
            self.last.set_certificates(failure);
        }
        files.tell_doubts(&self.rulesets.builder.config);
        changed
    }

    /// Replaces the rules of one app.
    fn reload_app(&mut self, app: usize, read: Result<Vec<Source>, PolicyError>) -> Result<(), String> {
        let result = self.rulesets.replace_one(app, read).map_err(log_errors);
        let part = |app: usize| {
            let name = self.rulesets.apps.get(app).and_then(|app| app.config.app_name());
            Part::App(name.map(str::to_owned))
        };
        match &result {
            Ok(replaced) => replaced.iter().for_each(|app| self.last.set(part(*app), Ok(()))),
            Err(reason) => self.last.set(part(app), Err(reason.clone())),
        }
        result.map(|_| ())
    }

    fn inputs(&self) -> Vec<RulesetInputs> {
        let inputs = self.rulesets.apps.iter().map(|app| RulesetInputs {
            config: app.config.clone(),
            sources: app.sources.clone(),
            stored: self.rulesets.stored.clone(),
            ruleset: app.rules.current(),
        });
        inputs.collect()
    }

    /// The result of the last reload of the files stays.
    fn apply_rows(&mut self, stored: Stored) -> Result<(), String> {
        self.rulesets.apply_rows(stored).map_err(log_errors)
    }
}

#[cfg(test)]
mod tests;
