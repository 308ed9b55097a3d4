//! Wiring: settings in, a running gate out.

mod admin;
mod cores;
mod policies;
mod translate;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::sync::oneshot;

use crate::{
    accounts::{Accounts, Courier, Pace},
    api::Api,
    clock::Clock,
    config::{Config, Secret},
    gate::{Gate, Rules},
    hasher::Hasher,
    limit::Limits,
    listen::{self, Bound, Shared},
    notify::Webhook,
    observe::{Log, metrics::Metrics},
    store::{self, Store},
};

pub use policies::{PolicyError, read as read_policies, stored as stored_rules};
pub use translate::{accounts as account_settings, policy as policy_settings};

/// Where a running gate can be reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The listener for clients.
    pub http: listen::Address,
    /// The listener for health and metrics, if there is one.
    pub admin: Option<SocketAddr>,
}

/// What an operator's command works on, in the gate's own process.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The accounts.
    pub accounts: Accounts,
    /// The hashing threads.
    pub hasher: Hasher,
    /// Wall time.
    pub clock: Clock,
}

/// A gate that serves. Dropping it does not stop it: [`Running::stop`] does.
pub struct Running {
    /// Where it can be reached.
    pub addresses: Addresses,
    /// What commands work on.
    pub parts: Parts,
    shared: Arc<Shared>,
    cores: Vec<oneshot::Receiver<()>>,
    grace: Duration,
    readiness: Arc<admin::Readiness>,
    background: Vec<tokio::task::JoinHandle<()>>,
}

/// Starts a gate. Its cores get threads of their own; the rest runs on the calling runtime.
///
/// # Errors
/// Everything that keeps it from serving: policies, the store, a port in use.
pub async fn start(config: &Config, clock: Clock, log: Log) -> anyhow::Result<Running> {
    let hasher = Hasher::new(config.password.hasher).context("`[password]` cannot be used")?;
    let store = store::open(&config.store).await.context("cannot open the store")?;
    let metrics = Metrics::new();
    let (ruleset, model) = policies::load(config, &*store, &metrics).await?;
    let limits = Arc::new(Limits::new(&config.limits));
    let bound = bind(config)?;
    let mut settings = translate::accounts(config, model.as_ref());
    settings.links.base = translate::link_base(config, Some(&bound.address));
    let accounts =
        Accounts::new(Arc::clone(&store), hasher.clone(), Arc::clone(&limits), clock.clone(), settings);
    let courier = courier(config, &accounts)?;
    let api = Api::new(accounts.clone(), translate::api(config));
    let rules = Arc::new(Rules::new(ruleset));
    let gate = Arc::new(Gate {
        settings: translate::gate(config),
        store: Arc::clone(&store),
        api,
        limits,
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
    });
    let shared = Shared::new(translate::listen(config), bound.listeners.len());
    let readiness = Arc::new(admin::Readiness::new(
        Arc::clone(&store),
        hasher.clone(),
        Arc::clone(&metrics),
        log.clone(),
    ));
    let admin = admin::listen(config.admin.listen, &readiness).await?;
    let http = bound.address.clone();
    let cores = cores::start(config, bound, &gate, (&rules, &shared), &metrics, &log)?;
    let watching = policies::watch(config.clone(), Arc::clone(&store), Arc::clone(&rules), metrics);
    readiness.set(true);
    let (admin, mut background) =
        admin.map_or((None, Vec::new()), |(address, task)| (Some(address), vec![task]));
    background.push(watching);
    background.extend(courier.map(|courier| tokio::runtime::Handle::current().spawn(courier.run())));
    tracing::info!(http = %http_name(&http), admin = ?admin, "serving");
    Ok(Running {
        addresses: Addresses { http, admin },
        parts: Parts { store, accounts, hasher, clock },
        shared,
        cores,
        grace: config.server.shutdown_grace,
        readiness,
        background,
    })
}

impl Running {
    /// Stops in order: not ready, no new request, those under way end, the store is closed.
    ///
    /// # Errors
    /// When the store's last flush failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.readiness.set(false);
        self.shared.drain();
        let ended = async {
            for core in self.cores {
                // A core that ended by a panic has nothing left to wait for.
                let _ = core.await;
            }
        };
        if tokio::time::timeout(self.grace + Duration::from_secs(1), ended).await.is_err() {
            tracing::warn!("a core did not end in time");
        }
        for task in self.background {
            task.abort();
        }
        self.parts.store.close().await.context("the store could not be closed")
    }
}

/// Who delivers events, if there is anybody to deliver them to.
fn courier(config: &Config, accounts: &Accounts) -> anyhow::Result<Option<Courier>> {
    let Some(url) = &config.webhook.url else {
        tracing::info!("`webhook.url` is not set: reset and verification requests reach nobody");
        return Ok(None);
    };
    let secret = config.webhook.secret.as_ref().map(Secret::expose).unwrap_or_default();
    let webhook = Webhook::new(url, secret).context("`webhook.url` cannot be used")?;
    Ok(Some(Courier::new(accounts.clone(), webhook, Pace::default())))
}

/// An address as people write it.
#[must_use]
pub fn http_name(address: &listen::Address) -> String {
    match address {
        listen::Address::Tcp(address) => format!("http://{address}"),
        listen::Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn bind(config: &Config) -> anyhow::Result<Bound> {
    let address = translate::address(&config.server.http)
        .context("`server.http` is off, and there is no other listener")?;
    let cores = match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    Ok(listen::bind(&address, cores)?)
}
