//! What the steps of the walk work with, and how a walk ends early.

use std::{cell::RefCell, sync::Arc};

use ipnet::IpNet;

use super::{context::RequestIds, implied::MethodOverride, rules::RulesView};
use crate::{
    api::Problem,
    clock::Clock,
    credential,
    forward::{Forwarder, Names, Preset},
    limit::Limits,
    observe::{
        LogThrottle,
        access::AccessLog,
        metrics::{CoreMetrics, Metrics, UpstreamError},
    },
    refusal::Refusal,
    store::Store,
};

/// What the gate decides by.
#[derive(Debug)]
pub struct Settings {
    /// Where credentials are looked for.
    pub credentials: credential::Settings,
    /// Which names of fields go on.
    pub names: Names,
    /// `[identity] preset`.
    pub presets: Vec<Preset>,
    /// `[identity] forward_credentials`.
    pub forward_credentials: bool,
    /// What links begin with: this site by its public name.
    pub public_url: Option<String>,
    /// Profile `loopback3`: quirks on, no challenge, a credential beside the first is not looked at.
    pub loopback: bool,
    /// Whose word about a client is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// LoopBack's `restApiRoot`.
    pub api_root: String,
    /// `[upstream] method_override`.
    pub method_override: MethodOverride,
    /// The largest body that is read before a decision.
    pub body_limit: u64,
}

/// The gate, shared by all cores.
pub struct Gate {
    /// How it decides.
    pub settings: Settings,
    /// Accounts and tokens.
    pub store: Arc<dyn Store>,
    /// Rate limits.
    pub limits: Arc<Limits>,
    /// Wall time.
    pub clock: Clock,
    /// Low-rate counters.
    pub metrics: Arc<Metrics>,
    /// What the log hears of once a second at most.
    pub failures: Failures,
}

/// Failures that a client can cause as often as it likes.
#[derive(Debug, Default)]
pub struct Failures {
    /// By kind.
    pub(super) app: [LogThrottle; UpstreamError::COUNT],
    pub(super) owner: LogThrottle,
    pub(super) look_up: LogThrottle,
    pub(super) store: LogThrottle,
    pub(super) expired: LogThrottle,
    pub(super) looped: LogThrottle,
}

/// What one core has for itself: nothing on the request path crosses to another.
#[derive(Debug)]
pub struct Core {
    /// Connections to the app.
    pub forwarder: Forwarder,
    /// The rules in force.
    pub rules: RulesView,
    /// Request ids.
    pub ids: RequestIds,
    /// This core's counters.
    pub metrics: Arc<CoreMetrics>,
    /// This core's share of the access log.
    pub access: RefCell<AccessLog>,
}

/// Why a request was not served.
#[derive(Debug)]
pub(super) enum Stop {
    /// We say no.
    Refused(Refusal),
    /// LoopBack's own error, in its words.
    Problem(Problem),
    /// There is no client to tell.
    Gone,
}
