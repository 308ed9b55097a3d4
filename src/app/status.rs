//! The status of a running gate, for `portcullis status`.

mod about;
mod last_reload;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Addresses, Live, LiveError, reload::LastReload};
use crate::{
    clock::{Clock, Timestamp},
    config::{Config, Profile},
    forward::Health,
    gate::Rules,
    observe::metrics::Metrics,
    store::Store,
    tls::ServerTls,
};

pub(super) use about::{About, Configured};
pub use last_reload::Reload;

/// The status of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The gate's version.
    pub version: String,
    /// The time of the start: ISO 8601, UTC.
    pub since: String,
    /// The listeners for clients, and for health and metrics.
    pub listeners: Vec<String>,
    /// `standard` or `loopback3`.
    pub profile: String,
    /// The ruleset in force.
    pub policies: PoliciesInForce,
    /// The result of the last reload.
    pub last_reload: Reload,
    /// The number of rows in the store.
    pub store: Rows,
    /// The number of live tokens, as in the metrics.
    pub sessions: u64,
    /// The servers of the app.
    pub upstreams: Vec<String>,
    /// Their health, in the same order.
    pub upstream_health: Vec<ServerHealth>,
    /// Settings of the file that wait for a restart.
    pub needs_restart: Vec<String>,
    /// Certificates; empty without TLS.
    pub certificates: Vec<String>,
}

/// The health of a server of the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHealth {
    /// Whether it answers; `None` = not checked yet.
    pub up: Option<bool>,
    /// The source: `probe`, or the last new `connection`.
    pub by: Option<String>,
    /// The time of the last change: ISO 8601, UTC.
    pub since: Option<String>,
}

/// The ruleset in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoliciesInForce {
    /// Its digest.
    pub digest: String,
    /// The number of routes.
    pub routes: u64,
    /// The number of files.
    pub files: u64,
    /// The folder.
    pub dir: String,
}

/// Numbers of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Accounts.
    pub users: u64,
    /// Roles.
    pub roles: u64,
    /// Stored rules.
    pub rules: u64,
}

impl About {
    pub(super) fn new(
        configured: Configured,
        clock: &Clock,
        rules: &Arc<Rules>,
        metrics: Arc<Metrics>,
        last: Arc<LastReload>,
    ) -> Self {
        let (clock, rules) = (clock.clone(), Arc::clone(rules));
        Self { since: clock.now(), clock, configured, rules, metrics, last, tls: None }
    }

    /// With the certificates in force.
    pub(super) fn showing(self, tls: Option<Arc<ServerTls>>) -> Self {
        Self { tls, ..self }
    }
}

impl About {
    fn certificates(&self) -> Vec<String> {
        let certificates = self.tls.as_ref().map(|tls| tls.certificates()).unwrap_or_default();
        certificates.iter().map(ToString::to_string).collect()
    }
}

impl Configured {
    pub(super) fn new(config: &Config, addresses: &Addresses) -> Self {
        let admin = addresses.admin.map(|address| format!("http://{address} (health, metrics)"));
        Self {
            listeners: addresses.names().into_iter().chain(admin).collect(),
            upstreams: config.upstream.servers.iter().map(ToString::to_string).collect(),
            policies: config.policies.dir.display().to_string(),
            profile: match config.profile {
                Profile::Standard => "standard",
                Profile::Loopback3 => "loopback3",
            },
        }
    }
}

impl Live {
    /// The status of the gate.
    ///
    /// # Errors
    /// When the queue of reloads is full, or the store cannot answer.
    pub async fn status(&self, store: &dyn Store) -> Result<Status, LiveError> {
        let inputs = self.inputs().await?;
        let counters = store.counters();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let about = &self.about;
        let configured = &about.configured;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: about.since.to_string(),
            listeners: configured.listeners.clone(),
            profile: configured.profile.to_owned(),
            policies: PoliciesInForce {
                digest: inputs.ruleset.set.digest.clone(),
                routes: count(about.rules.current().set.routes().count()),
                files: count(inputs.sources.len()),
                dir: configured.policies.clone(),
            },
            last_reload: about.last.to_view(),
            store: Rows {
                users: counters.users,
                roles: counters.roles,
                rules: count(inputs.stored.rules.len()),
            },
            // The store counts expired tokens until the sweep deletes them. The metrics know how many these are.
            sessions: counters.tokens.saturating_sub(about.metrics.over()),
            upstreams: configured.upstreams.clone(),
            upstream_health: self
                .forward
                .servers
                .iter()
                .map(|(_, health)| self.server_health(health))
                .collect(),
            needs_restart: about.last.waiting(),
            certificates: about.certificates(),
        })
    }

    fn server_health(&self, health: &Health) -> ServerHealth {
        let Some(seen) = health.seen() else { return ServerHealth { up: None, by: None, since: None } };
        let ago = i64::try_from(seen.ago.as_millis()).unwrap_or(i64::MAX);
        // Health measures with the monotonic clock, which has no date.
        let since = Timestamp(self.about.clock.now().0.saturating_sub(ago));
        let by = if seen.by_probe { "probe" } else { "connection" };
        ServerHealth { up: Some(seen.up), by: Some(by.to_owned()), since: Some(since.to_string()) }
    }
}
