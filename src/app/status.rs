//! The status of a running gate, for `portcullis status`.

mod about;
mod last_reload;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Addresses, Live, LiveError,
    reload::{LastReload, RulesetInputs},
};
use crate::{
    clock::{Clock, Timestamp},
    config::{Config, Profile},
    forward::Health,
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
    /// The apps; empty if there is only one. The fields above are then about the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppStatus>,
    /// Settings of the file that wait for a restart.
    pub needs_restart: Vec<String>,
    /// Certificates; empty without TLS.
    pub certificates: Vec<String>,
}

/// One of several apps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppStatus {
    /// Its name.
    pub name: String,
    /// Its hosts; empty = every host that no other app names.
    pub hosts: Vec<String>,
    /// The prefix of its paths.
    pub path: String,
    /// Its ruleset in force.
    pub policies: PoliciesInForce,
    /// Its servers.
    pub upstreams: Vec<String>,
    /// Their health, in the same order.
    pub upstream_health: Vec<ServerHealth>,
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
    /// Those among them that are the gate's own: the User API, and those for requests that no file covers.
    #[serde(default)]
    pub own_routes: u64,
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
        metrics: Arc<Metrics>,
        last: Arc<LastReload>,
    ) -> Self {
        let clock = clock.clone();
        Self { since: clock.now(), clock, configured, metrics, last, tls: None }
    }

    /// With the certificates in force.
    pub(super) fn showing(self, tls: Option<Arc<ServerTls>>) -> Self {
        Self { tls, ..self }
    }
}

impl About {
    fn certificates(&self) -> Vec<String> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let awaited =
            tls.issued().awaited().into_iter().map(|name| format!("{name}: no certificate by ACME yet"));
        tls.certificates().iter().map(ToString::to_string).chain(awaited).collect()
    }
}

impl Configured {
    pub(super) fn new(config: &Config, addresses: &Addresses) -> Self {
        let admin = addresses.admin.map(|address| format!("http://{address} (health, metrics)"));
        Self {
            listeners: addresses.names().into_iter().chain(admin).collect(),
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
        let first = inputs.first().ok_or(LiveError::Busy)?;
        let counters = store.counters();
        let about = &self.about;
        let configured = &about.configured;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: about.since.to_string(),
            listeners: configured.listeners.clone(),
            profile: configured.profile.to_owned(),
            policies: PoliciesInForce::of(first),
            last_reload: about.last.to_view(),
            store: Rows {
                users: counters.users,
                roles: counters.roles,
                rules: count(first.stored.rules.len()),
            },
            // The store counts expired tokens until the sweep deletes them. The metrics know how many these are.
            sessions: counters.tokens.saturating_sub(about.metrics.over()),
            upstreams: upstreams(first),
            upstream_health: self.server_health(0),
            apps: self.apps_status(&inputs),
            needs_restart: about.last.waiting(),
            certificates: about.certificates(),
        })
    }

    /// The apps, if there are several.
    fn apps_status(&self, inputs: &[RulesetInputs]) -> Vec<AppStatus> {
        let one = |(index, inputs): (usize, &RulesetInputs)| {
            let app = inputs.config.app.as_ref()?;
            Some(AppStatus {
                name: app.name.clone(),
                hosts: app.hosts.clone(),
                path: app.path.clone(),
                policies: PoliciesInForce::of(inputs),
                upstreams: upstreams(inputs),
                upstream_health: self.server_health(index),
            })
        };
        inputs.iter().enumerate().filter_map(one).collect()
    }

    /// The health of an app's servers.
    fn server_health(&self, app: usize) -> Vec<ServerHealth> {
        let servers = self.apps.iter().nth(app).into_iter().flat_map(|app| &app.forward.servers);
        servers.map(|(_, health)| self.health_of(health)).collect()
    }

    fn health_of(&self, health: &Health) -> ServerHealth {
        let Some(seen) = health.seen() else { return ServerHealth { up: None, by: None, since: None } };
        let ago = i64::try_from(seen.ago.as_millis()).unwrap_or(i64::MAX);
        // Health measures with the monotonic clock, which has no date.
        let since = Timestamp(self.about.clock.now().0.saturating_sub(ago));
        let by = if seen.by_probe { "probe" } else { "connection" };
        ServerHealth { up: Some(seen.up), by: Some(by.to_owned()), since: Some(since.to_string()) }
    }
}

impl PoliciesInForce {
    fn of(inputs: &RulesetInputs) -> Self {
        Self {
            digest: inputs.ruleset.set.digest.clone(),
            routes: count(inputs.ruleset.set.routes().count()),
            own_routes: count(inputs.ruleset.set.own_routes()),
            files: count(inputs.sources.len()),
            dir: inputs.config.policies.dir.display().to_string(),
        }
    }
}

fn upstreams(inputs: &RulesetInputs) -> Vec<String> {
    inputs.config.upstream.servers.iter().map(ToString::to_string).collect()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
