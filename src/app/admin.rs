//! The admin listener: health, readiness and metrics. It is separate from the public port.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    routing::get,
};
use tokio::task::JoinHandle;

use super::{pulse::Pulse, reload::LastReload};
use crate::{
    clock::Timestamp,
    hasher::Hasher,
    listen::{Listener, Raw},
    observe::{
        Log,
        metrics::{CertificateEnd, CoreGauges, Gauges, Metrics, ProcessFigures},
    },
    store::Store,
    tls::{Certificate, ServerTls},
};

/// The state that determines readiness.
pub(super) struct Readiness {
    ready: AtomicBool,
    store: Arc<dyn Store>,
    hasher: Hasher,
    metrics: Arc<Metrics>,
    last_reload: Arc<LastReload>,
    log: Log,
    tls: Option<Arc<ServerTls>>,
    started: Timestamp,
    pulse: OnceLock<Pulse>,
}

/// A core that takes longer is left out of a scrape.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(1);

impl Readiness {
    /// Creates the state of a gate that is not ready yet.
    pub(super) fn new(
        store: &Arc<dyn Store>,
        hasher: &Hasher,
        metrics: &Arc<Metrics>,
        last_reload: &Arc<LastReload>,
        log: &Log,
    ) -> Self {
        Self {
            ready: AtomicBool::new(false),
            store: Arc::clone(store),
            hasher: hasher.clone(),
            metrics: Arc::clone(metrics),
            last_reload: Arc::clone(last_reload),
            log: log.clone(),
            tls: None,
            started: Timestamp::default(),
            pulse: OnceLock::new(),
        }
    }

    /// With the certificates in force, and the time of the start.
    pub(super) fn showing(self, tls: Option<Arc<ServerTls>>, started: Timestamp) -> Self {
        Self { tls, started, ..self }
    }

    /// Ready from now on. `pulse`: of the cores that serve.
    pub(super) fn serve(&self, pulse: Pulse) {
        // Set once, because a gate starts once.
        let _ = self.pulse.set(pulse);
        self.ready.store(true, Ordering::Release);
    }

    /// Not ready any more.
    pub(super) fn leave(&self) {
        self.ready.store(false, Ordering::Release);
    }

    async fn metrics(&self) -> String {
        let counters = self.store.counters();
        let cores = match self.pulse.get() {
            Some(pulse) => pulse.gauges(SCRAPE_TIMEOUT).await,
            None => (Vec::new(), false),
        };
        self.metrics.render(&Gauges {
            hash_queue_depth: self.hasher.depth() as u64,
            tokens_live: counters.tokens.saturating_sub(self.metrics.over()),
            log_lines_dropped: self.log.dropped(),
            certificates: self.certificates(),
            cores: CoreGauges::sum(cores.0),
            is_complete: cores.1,
            process: ProcessFigures::measure(self.started),
        })
    }

    fn certificates(&self) -> Vec<CertificateEnd> {
        let certificates = self.tls.as_ref().map(|tls| tls.certificates()).unwrap_or_default();
        let end = |of: Certificate| CertificateEnd {
            name: of.names.into_iter().next().unwrap_or_default(),
            file: of.file.display().to_string(),
            not_after_seconds: of.not_after.0.div_euclid(1000),
        };
        certificates.into_iter().map(end).collect()
    }
}

/// Serves on a bound listener.
pub(super) fn serve(listener: Raw, readiness: &Arc<Readiness>) -> anyhow::Result<JoinHandle<()>> {
    let Listener::Tcp(listener) = listener.start().context("the admin listener cannot be used")? else {
        anyhow::bail!("`admin.listen` needs a port");
    };
    let router = router(Arc::clone(readiness));
    Ok(tokio::runtime::Handle::current().spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin listener ended");
        }
    }))
}

fn router(readiness: Arc<Readiness>) -> Router {
    Router::new()
        // Always "ok": a restart of the process would not help against a broken store or policy.
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/startupz",
            get(|State(state): State<Arc<Readiness>>| async move {
                answer(state.ready.load(Ordering::Acquire), "starting")
            }),
        )
        .route("/readyz", get(ready))
        .route("/metrics", get(|State(state): State<Arc<Readiness>>| async move { state.metrics().await }))
        .with_state(readiness)
}

/// With `?strict`, a gate that serves under old rules because the new ones have errors is not ready. A deployment can
/// stop then.
async fn ready(State(state): State<Arc<Readiness>>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    if !state.ready.load(Ordering::Acquire) {
        return answer(false, "stopping or starting");
    }
    let strict = query.as_deref().is_some_and(is_strict);
    if let Some(failure) = state.last_reload.failure().filter(|_| strict) {
        return answer(false, &format!("the new policies are refused, the old ones are in force: {failure}"));
    }
    match state.store.health().await {
        Ok(()) => answer(true, ""),
        Err(error) => answer(false, &error.to_string()),
    }
}

fn is_strict(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "strict" | "strict=" | "strict=1" | "strict=true"))
}

fn answer(ok: bool, why: &str) -> (StatusCode, String) {
    if ok {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"))
    }
}
