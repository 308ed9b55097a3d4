//! The shared state of all requests, and the reasons for which one ends early.

use std::{cell::RefCell, sync::Arc};

use ipnet::IpNet;

use super::{apps::Apps, context::RequestIds, origins::Cors};
use crate::{
    acme::Tokens,
    api::Problem,
    assertion::Signer,
    clock::Clock,
    credential,
    forward::Preset,
    limit::Limits,
    observe::{
        LogThrottle,
        access::AccessLog,
        metrics::{CoreMetrics, Metrics, UpstreamError},
    },
    refusal::Refusal,
    store::Store,
    tls::ServerTls,
};

/// Settings of the gate.
#[derive(Debug)]
pub struct Settings {
    /// The places of credentials.
    pub credentials: credential::Settings,
    /// `[identity] preset`.
    pub presets: Vec<Preset>,
    /// `[identity] forward_credentials`.
    pub forward_credentials: bool,
    /// The public URL of this site, the base of links.
    pub public_url: Option<String>,
    /// Profile `loopback3`: LoopBack's quirks, no challenge, only the first credential is read.
    pub loopback: bool,
    /// Networks whose proxies are believed about clients.
    pub trusted_proxies: Vec<IpNet>,
    /// LoopBack's `restApiRoot`.
    pub api_root: String,
    /// The largest body that is read before a decision, in bytes.
    pub body_limit: u64,
    /// The open challenges of ACME; `None` without TLS.
    pub acme: Option<Arc<Tokens>>,
    /// Where plain HTTP is redirected to; `None` = it is served.
    pub redirect: Option<Redirect>,
    /// Signs assertions for the app; `None` = there are none.
    pub assertion: Option<Arc<Signer>>,
    /// What pages of other origins may do; `None` = the app says so itself.
    pub cors: Option<Cors>,
    /// The proxies that may describe requests.
    pub forward_auth: ForwardAuth,
}

/// Where plain HTTP is redirected to.
#[derive(Debug)]
pub struct Redirect {
    /// Knows the hosts that there are certificates for.
    pub tls: Arc<ServerTls>,
    /// Where TLS is spoken.
    pub port: u16,
}

/// Which proxies may describe requests, and whom they are believed about.
#[derive(Debug, Default)]
pub struct ForwardAuth {
    /// The networks of the proxies that may ask.
    pub trusted: Vec<IpNet>,
    /// The networks whose addresses in `X-Forwarded-For` are proxies.
    pub believed: Vec<IpNet>,
}

/// The gate, shared by all cores.
pub struct Gate {
    /// Settings of the decision.
    pub settings: Settings,
    /// Accounts and tokens.
    pub store: Arc<dyn Store>,
    /// Rate limits.
    pub limits: Arc<Limits>,
    /// Wall time.
    pub clock: Clock,
    /// Counters that are incremented rarely.
    pub metrics: Arc<Metrics>,
    /// Throttles of log lines.
    pub failures: Failures,
}

/// Throttles of log lines about failures that a client can cause at will.
#[derive(Debug, Default)]
pub struct Failures {
    /// For each kind of error of the app.
    pub(super) app: [LogThrottle; UpstreamError::COUNT],
    pub(super) owner: LogThrottle,
    pub(super) look_up: LogThrottle,
    pub(super) store: LogThrottle,
    pub(super) expired: LogThrottle,
    pub(super) looped: LogThrottle,
    pub(super) untrusted_peer: LogThrottle,
    pub(super) undescribed: LogThrottle,
}

/// The state of one core. Nothing on the request path is shared with another core.
#[derive(Debug)]
pub struct Core {
    /// The apps.
    pub apps: Apps,
    /// Request ids.
    pub ids: RequestIds,
    /// This core's counters.
    pub metrics: Arc<CoreMetrics>,
    /// This core's access log.
    pub access: RefCell<AccessLog>,
}

/// Why a request ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The gate refuses it.
    Refused(Refusal),
    /// An error in LoopBack's words.
    Problem(Problem),
    /// The client has disconnected.
    Gone,
}
