//! The fixed part of the status, and the sources of the rest.

use std::sync::Arc;

use crate::{
    app::reload::LastReload,
    clock::{Clock, Timestamp},
    observe::metrics::Metrics,
    tls::ServerTls,
};

/// The fixed part of the status, and the sources of the rest.
#[derive(Clone)]
pub(in crate::app) struct About {
    pub(in crate::app) since: Timestamp,
    pub(in crate::app) clock: Clock,
    pub(in crate::app) configured: Configured,
    pub(in crate::app) metrics: Arc<Metrics>,
    pub(in crate::app) last: Arc<LastReload>,
    /// `None` without TLS.
    pub(in crate::app) tls: Option<Arc<ServerTls>>,
}

/// The part of the status that comes from the configuration.
#[derive(Clone)]
pub(in crate::app) struct Configured {
    pub(in crate::app) listeners: Vec<String>,
    pub(in crate::app) profile: &'static str,
}
