//! Wiring: from the settings to a running gate.

mod acme;
mod addresses;
mod admin;
mod apps;
mod assertion;
mod certificates;
mod cores;
mod file_watcher;
mod folder;
mod listeners;
mod live;
mod own;
mod pages;
mod policies;
mod pulse;
mod reload;
mod status;
mod supervised;
mod translate;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::sync::oneshot;

use crate::{
    accounts::{Accounts, Dispatcher, LastUseWriter, LifetimesNow, Outlet, Pace, TokenCleanup, WakeUps},
    clock::Clock,
    config::{Config, Secret},
    forward::Instance,
    gate::{self, Failures, Gate, Rules},
    hasher::Hasher,
    limit::{self, Limits},
    listen::Shared,
    notify::Webhook,
    observe::{Log, metrics::Metrics},
    store::{self, Store},
    systemd::SocketsFromManager,
};
use cores::Common;

pub use addresses::{Addresses, http_name};
pub use apps::router;
pub use folder::{
    passed_over as passed_over_policies, read as read_policies, read_all as read_all_policies,
    read_file as read_policy_file,
};
pub use live::{
    HypotheticalCaller, HypotheticalRequest, InForce, InputsOfApp, Live, LiveError, OwnerAnswer, no_app,
};
pub use pages::{PagesError, check_pages};
pub use policies::{PolicyError, account_model, account_model_of_all, stored as stored_rules};
pub use pulse::Pulse;
pub use status::{AppStatus, PoliciesInForce, Reload, Rows, ServerHealth, Status};
pub use supervised::{Manager, sockets};
pub use translate::{
    accounts as account_settings, addresses as configured_addresses, link_base, mail as mail_settings,
    policy as policy_settings, store as store_settings, tls as tls_settings, upstream_tls,
};

/// The parts that an operator's command uses in the process of the gate.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The ruleset in force, with the accounts under its settings. With several apps that of the first; the accounts are
    /// those of all.
    pub rules: Arc<Rules>,
    /// The hashing threads.
    pub hasher: Hasher,
    /// The clock.
    pub clock: Clock,
}

impl Parts {
    /// The accounts under the ruleset in force.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.rules.current().api.accounts().clone()
    }
}

/// A running gate. [`Running::stop`] stops it; dropping it does not.
pub struct Running {
    /// The addresses of the listeners.
    pub addresses: Addresses,
    /// The parts that commands use.
    pub parts: Parts,
    /// The rules in force, for `explain` and `status`.
    pub live: Live,
    /// The event loops of the cores.
    pub pulse: Pulse,
    shared: Arc<Shared>,
    cores: Vec<oneshot::Receiver<()>>,
    grace: Duration,
    drain_delay: Duration,
    readiness: Arc<admin::Readiness>,
    reloader: reload::Reloader,
    last_use: Arc<LastUseWriter>,
    background: Vec<tokio::task::JoinHandle<()>>,
}

/// Starts a gate. Its cores get threads of their own; all else runs on the calling runtime.
///
/// # Errors
/// Every reason for which it cannot serve: policies, the store, a port in use.
pub async fn start(config: &Config, clock: Clock, log: Log) -> anyhow::Result<Running> {
    start_on_sockets(config, SocketsFromManager::default(), clock, log).await
}

/// The same on sockets that a service manager has opened, in the place of those that the configuration names.
///
/// # Errors
/// As [`start`], and a socket that is for no listener of the configuration.
pub async fn start_on_sockets(
    config: &Config,
    sockets: SocketsFromManager,
    clock: Clock,
    log: Log,
) -> anyhow::Result<Running> {
    let hasher = Hasher::new(config.password.hasher).context("`[password]` cannot be used")?;
    policies::check_before_store_creation(config)?;
    // Errors in the policies are reported when the ruleset is compiled. Here only the account model is needed.
    let settings = translate::store(config, account_model(config).as_ref());
    let store = store::open(&settings).await.context("cannot open the store")?;
    let started = start_on(Arc::clone(&store), config, hasher, clock, log, sockets).await;
    if started.is_err() {
        // Closed in order for the next start in this process. The first error is the one to report.
        let _ = store.close().await;
    }
    started
}

/// Raises the limit of open files and returns it; logs if `server.max_connections` does not fit.
fn open_files(config: &Config) -> u64 {
    let open_files = limit::raise_open_files();
    let connections = limit::connections_within(open_files);
    if connections < config.server.max_connections {
        tracing::info!(
            open_files,
            connections,
            "fewer connections than `server.max_connections` are taken at once: each may need two open files"
        );
    }
    open_files
}

async fn start_on(
    store: Arc<dyn Store>,
    config: &Config,
    hasher: Hasher,
    clock: Clock,
    log: Log,
    sockets: SocketsFromManager,
) -> anyhow::Result<Running> {
    let (metrics, tls) = (Metrics::new(), listeners::tls(config)?);
    let limits = Arc::new(Limits::new(&config.limits).reported(Arc::clone(&metrics), clock.clone()));
    // Bound before anything is started, so that a port in use ends the start early.
    let bound = listeners::bind(config, sockets)?;
    let maker = policies::RulesetBuilder {
        config: config.clone(),
        store: Arc::clone(&store),
        hasher: hasher.clone(),
        limits: Arc::clone(&limits),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        link_base: translate::link_base(config, &bound.addresses),
        pages: pages::shared()?,
        wake_up: Arc::default(),
    };
    let wake_up = Arc::clone(&maker.wake_up);
    // Before the cores start: a gate without rules must not accept a request.
    let loaded = reload::load(maker).await?;
    // All apps have the same accounts.
    let rules = loaded.first_rules()?;
    let dispatchers = dispatchers(config, &rules, &wake_up, &metrics)?;
    let redirect = listeners::redirect(config, tls.as_ref(), &bound.addresses);
    let (certificates, tokens) = acme::Certificates::new(tls.as_ref(), config, &clock).unzip();
    let (signer, rotating) = assertion::start(config, &clock)?.unzip();
    let settings = translate::gate(config, signer, tokens, redirect);
    let gate = gate(settings, &store, limits, &clock, &metrics);
    let shared =
        Shared::new(translate::listen(config, open_files(config)), bound.listeners.len(), tls.clone());
    let last = Arc::new(reload::LastReload::new(Arc::clone(&metrics), clock.clone()));
    let readiness = admin::Readiness::new(&store, &hasher, &metrics, &last, &log);
    let readiness = Arc::new(readiness.showing(tls.clone(), clock.now()));
    // The admin listener runs before the gate is ready, so that `/startupz` can report the progress.
    let admin = bound.admin.map(|listener| admin::serve(listener, &readiness)).transpose()?;
    let addresses = bound.addresses;
    // After the ports are known: port 0 and names of this machine can only be compared now.
    own::refuse(config, &addresses).await?;
    // Random at each start, so that two gates in a row do not take each other's requests for their own.
    let apps = apps::Apps::new(config, instance()?, loaded.rules())?;
    let common = Common { gate: &gate, apps: &apps, shared: &shared };
    let (cores, pulse) = cores::start(config, bound.listeners, common, &metrics, &log)?;
    let (files, keeping) = certificates.map(acme::Certificates::start).unzip();
    let (reloader, watching) = reload::watch(loaded, Arc::clone(&last), files)?;
    let lifetimes = lifetimes(&rules);
    let last_use = Arc::new(LastUseWriter::new(Arc::clone(&store), Arc::clone(&lifetimes)));
    let cleanup = TokenCleanup::new(Arc::clone(&store), clock.clone(), lifetimes, Arc::clone(&metrics));
    // Last, because `/readyz` must not promise more than the cores keep.
    readiness.serve(pulse.clone());
    let cleaning = tokio::runtime::Handle::current().spawn(cleanup.run(Arc::clone(&last_use)));
    let background = admin.into_iter().chain(keeping).chain(rotating).chain([watching, cleaning]);
    addresses.log();
    let about = status::About::new(status::Configured::new(config, &addresses), &clock, metrics, last);
    Ok(Running {
        addresses,
        live: Live { reloader: reloader.clone(), apps, about: about.showing(tls) },
        parts: Parts { store, rules, hasher, clock },
        pulse,
        shared,
        cores,
        grace: config.server.shutdown_grace,
        drain_delay: config.server.drain_delay,
        readiness,
        reloader,
        last_use,
        background: background.chain(started(dispatchers)).collect(),
    })
}

/// The part that decides requests, shared by all cores.
fn gate(
    settings: gate::Settings,
    store: &Arc<dyn Store>,
    limits: Arc<Limits>,
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Arc<Gate> {
    Arc::new(Gate {
        settings,
        store: Arc::clone(store),
        limits,
        clock: clock.clone(),
        metrics: Arc::clone(metrics),
        failures: Failures::default(),
    })
}

/// The lifetime rules of tokens in the ruleset in force.
fn lifetimes(rules: &Arc<Rules>) -> LifetimesNow {
    let rules = Arc::clone(rules);
    Arc::new(move || rules.current().api.accounts().settings().lifetimes())
}

impl Running {
    /// Reads the policies again and replaces the ruleset as a whole. On an error the old one stays, and the result is a
    /// one-line summary. The request is queued at once; the result need not be awaited.
    /// # Errors
    /// The error in the policies. The log has the details.
    pub fn reload(&self) -> impl Future<Output = Result<(), String>> + use<> {
        self.reloader.files()
    }

    /// Stops in order: no longer ready, no new requests, running requests end, the store is closed.
    ///
    /// # Errors
    /// When the last flush of the store failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.readiness.leave();
        self.shared.leave();
        // Load balancers poll readiness. Until they have noticed, new connections still arrive.
        tokio::time::sleep(self.drain_delay).await;
        self.shared.drain();
        let ended = async {
            for core in self.cores {
                // A core that panicked has ended, too.
                let _ = core.await;
            }
        };
        // A second more than the cores' own limit: they abort what is left when the grace is over.
        if tokio::time::timeout(self.grace + Duration::from_secs(1), ended).await.is_err() {
            tracing::warn!("a core did not end in time");
        }
        for task in self.background {
            task.abort();
        }
        // Before the store is closed: afterwards nothing can be written.
        if tokio::time::timeout(LAST_USE_TIMEOUT, self.last_use.finish()).await.is_err() {
            tracing::warn!("the last uses of some tokens are not written down: there was no time");
        }
        self.parts.store.close().await.context("the store could not be closed")
    }
}

/// The identifier by which this gate recognizes its own forwarded requests.
fn instance() -> anyhow::Result<Instance> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(Instance::new(random))
}

/// Time limit for persisting last uses at a stop.
const LAST_USE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the dispatchers on the calling runtime.
fn started(dispatchers: Vec<Dispatcher>) -> impl Iterator<Item = tokio::task::JoinHandle<()>> {
    dispatchers.into_iter().map(|dispatcher| tokio::runtime::Handle::current().spawn(dispatcher.run()))
}

/// Creates the dispatchers: of mails, and of events if there is a receiver.
fn dispatchers(
    config: &Config,
    rules: &Arc<Rules>,
    wake_up: &Arc<WakeUps>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Vec<Dispatcher>> {
    let dispatcher = |outlet: Outlet, pace: Pace| {
        let rules = Arc::clone(rules);
        // A reload may change the account model, and how mails are sent.
        let accounts = move || rules.current().api.accounts().clone();
        Dispatcher::new(accounts, Arc::clone(wake_up), outlet, pace)
    };
    // Without a mail server, too: a reload may set one. It costs nothing while there is nothing to send.
    let mut dispatchers = vec![dispatcher(Outlet::mail(Arc::clone(metrics)), Pace::of_mails())];
    if config.mail.smtp.is_none() && config.sends_mail() {
        let outbox = config.server.data_dir.join("outbox");
        let outbox = outbox.display();
        tracing::info!(
            "neither `mail.smtp` nor `webhook.url` is set: mails are written as files into `{outbox}`"
        );
        if rules.current().api.accounts().settings().email_verification_required {
            tracing::warn!("addresses have to be confirmed, and no mail is sent: new users cannot log in");
        }
    }
    if let Some(url) = &config.webhook.url {
        let secret = config.webhook.secret.as_ref().map(Secret::expose).unwrap_or_default();
        let webhook = Webhook::new(url, secret).context("`webhook.url` cannot be used")?;
        dispatchers.push(dispatcher(Outlet::webhook(webhook), Pace::default()));
    }
    Ok(dispatchers)
}
