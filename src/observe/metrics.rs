//! Metrics for Prometheus (docs/metrics.md, "Metrics").
//!
//! Counters of the request path belong to one core each, and are summed up for each scrape.

mod core;
mod gauges;
mod process;
mod render;
mod values;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

pub use self::core::{CoreMetrics, Decision};
use crate::rate::LimitName;
pub use gauges::{CoreGauges, LookUp, ServerGauges};
pub use process::ProcessFigures;
use values::Label;
pub use values::{CertificateEnd, Gauges, Handshake, LoginResult, MailResult, Metrics, UpstreamError};

/// The number of routes with a label, over all reloads. Further routes count as [`OTHER`], so that reloads
/// cannot make the page grow without a bound.
const MAX_ROUTES: usize = 1024;
/// The label of routes without their own.
const OTHER: &str = "other";

impl Metrics {
    /// All metrics, at 0.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cores: Mutex::default(),
            // Id 0 is `other`, so that an unknown id counts there.
            labels: Mutex::new(vec![Label { app: None, route: OTHER.into() }]),
            logins: Default::default(),
            upstream_errors: Default::default(),
            handshakes: Default::default(),
            mails: Default::default(),
            limited: Default::default(),
            store_errors: AtomicU64::new(0),
            tokens_over: AtomicU64::new(0),
            last_reload_failed: AtomicBool::new(false),
        })
    }

    /// The counters of a new core. INVARIANT: only that core's thread increments them.
    #[must_use]
    pub fn core(&self) -> Arc<CoreMetrics> {
        let core = Arc::new(CoreMetrics::new(MAX_ROUTES));
        self.cores.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&core));
        core
    }

    /// The label ids of routes, in the same order. A name keeps its id over reloads. `app`: where there are several.
    #[must_use]
    pub fn register_routes(&self, app: Option<&str>, names: &[&str]) -> Arc<[u32]> {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(|name| label(&mut labels, app, name)).collect()
    }

    /// Counts a login.
    pub fn login(&self, result: LoginResult) {
        count(self.logins.get(result as usize));
    }

    /// Counts a failed request to the app.
    pub fn upstream_error(&self, kind: UpstreamError) {
        count(self.upstream_errors.get(kind as usize));
    }

    /// Counts a handshake of TLS.
    pub fn handshake(&self, kind: Handshake) {
        count(self.handshakes.get(kind as usize));
    }

    /// Counts what became of a mail.
    pub fn mail(&self, result: MailResult) {
        count(self.mails.get(result as usize));
    }

    /// Counts a request beyond a rate limit. `is_shadow`: the limit refuses nothing.
    pub fn limited(&self, limit: LimitName, is_shadow: bool) {
        let counters = self.limited.get(usize::from(is_shadow));
        count(counters.and_then(|counters| counters.get(limit as usize)));
    }

    /// Counts an error of the store.
    pub fn store_error(&self) {
        count(Some(&self.store_errors));
    }

    /// Sets the number of tokens that have ended and are still stored.
    pub fn tokens_over(&self, count: u64) {
        self.tokens_over.store(count, Ordering::Relaxed);
    }

    /// The number of ended tokens at the last count.
    #[must_use]
    pub fn over(&self) -> u64 {
        self.tokens_over.load(Ordering::Relaxed)
    }

    /// Records whether the last load of configuration, policies and certificates succeeded.
    pub fn reloaded(&self, success: bool) {
        self.last_reload_failed.store(!success, Ordering::Relaxed);
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        // Cloned, so that a scrape does not hold the lock while it renders.
        let cores = self.cores.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner).clone();
        render::page(self, &cores, &labels, gauges)
    }
}

/// The id of a name. A new name gets an id if there is room.
fn label(labels: &mut Vec<Label>, app: Option<&str>, name: &str) -> u32 {
    // A linear search: it runs only at a reload.
    let known = labels.iter().position(|label| *label.route == *name && label.app.as_deref() == app);
    let index = known.or_else(|| {
        (labels.len() < MAX_ROUTES).then(|| {
            labels.push(Label { app: app.map(Into::into), route: name.into() });
            labels.len() - 1
        })
    });
    index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0)
}

/// An atomic addition. These counters are incremented rarely, and from any thread.
fn count(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn adds_up_what_the_cores_counted() {
        let metrics = Metrics::new();
        let routes = metrics.register_routes(None, &["User.login", "GET /a\"b\\c\nd"]);
        let (one, two) = (metrics.core(), metrics.core());
        one.request(routes[0], 200, Duration::from_micros(400));
        two.request(routes[0], 200, Duration::from_millis(3));
        two.request(routes[0], 401, Duration::from_secs(20));
        two.request(routes[1], 299, Duration::from_millis(1));
        one.request(9999, 999, Duration::ZERO);
        one.decision(Decision::Allow);
        two.decision(Decision::Allow);
        two.decision(Decision::Deny);
        metrics.login(LoginResult::Limited);
        metrics.upstream_error(UpstreamError::Protocol);
        metrics.store_error();
        metrics.handshake(Handshake::Failed);
        metrics.mail(MailResult::GivenUp);
        metrics.limited(LimitName::RequestsPerToken, true);
        metrics.reloaded(false);
        let gauges = Gauges {
            hash_queue_depth: 3,
            tokens_live: 4,
            log_lines_dropped: 5,
            certificates: vec![CertificateEnd {
                name: "a.test".into(),
                file: "a\"b.pem".into(),
                not_after_seconds: 6,
            }],
            cores: CoreGauges::sum(vec![gauges::tests::core(1), gauges::tests::core(10)]),
            is_complete: true,
            process: ProcessFigures {
                cpu: Duration::from_millis(1500),
                resident_bytes: Some(7),
                virtual_bytes: Some(8),
                open_files: Some(9),
                max_open_files: 10,
                started: Timestamp(1_500),
            },
        };
        assert_eq!(metrics.render(&gauges), include_str!("metrics/page.txt"));
    }

    #[test]
    fn a_core_that_does_not_answer_makes_no_counter_smaller() {
        let page = Metrics::new().render(&Gauges { is_complete: false, ..Gauges::default() });
        assert!(!page.contains("portcullis_owner_lookups_total"), "{page}");
        assert!(page.contains("portcullis_connections_open 0\n"), "{page}");
    }

    #[test]
    fn a_reload_keeps_the_ids_of_the_names_that_stay() {
        let metrics = Metrics::new();
        let before = metrics.register_routes(None, &["a", "b"]);
        let after = metrics.register_routes(None, &["c", "b", "a"]);
        assert_eq!([after[1], after[2]], [before[1], before[0]]);
        assert!(!before.contains(&after[0]));
    }

    #[test]
    fn routes_of_several_apps_are_told_apart() {
        let metrics = Metrics::new();
        let shop = metrics.register_routes(Some("shop"), &["a"]);
        let admin = metrics.register_routes(Some("admin"), &["a"]);
        let core = metrics.core();
        core.request(shop[0], 200, Duration::ZERO);
        core.request(admin[0], 404, Duration::ZERO);
        let page = metrics.render(&Gauges::default());
        assert!(
            page.contains("portcullis_requests_total{app=\"shop\",route=\"a\",status=\"200\"} 1\n"),
            "{page}"
        );
        assert!(
            page.contains("portcullis_requests_total{app=\"admin\",route=\"a\",status=\"404\"} 1\n"),
            "{page}"
        );
        assert_eq!(metrics.register_routes(Some("shop"), &["a"]), shop);
    }

    #[test]
    fn endless_reloads_make_it_no_larger() {
        let metrics = Metrics::new();
        let names: Vec<_> = (0..MAX_ROUTES * 2).map(|number| format!("route {number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let ids = metrics.register_routes(None, &names);
        assert_eq!(ids.iter().filter(|id| **id != 0).count(), MAX_ROUTES - 1);
        metrics.core().request(ids[MAX_ROUTES * 2 - 1], 200, Duration::ZERO);
        assert!(
            metrics
                .render(&Gauges::default())
                .contains("portcullis_requests_total{route=\"other\",status=\"200\"} 1\n")
        );
    }

    #[test]
    fn every_kind_has_its_name() {
        for (kind, name) in
            [(LoginResult::Succeeded as usize, "succeeded"), (LoginResult::Error as usize, "error")]
        {
            assert_eq!(LoginResult::NAMES.get(kind), Some(&name));
        }
        for (kind, name) in
            [(UpstreamError::Connect as usize, "connect"), (UpstreamError::Protocol as usize, "protocol")]
        {
            assert_eq!(UpstreamError::NAMES.get(kind), Some(&name));
        }
        for (kind, name) in [(MailResult::Sent as usize, "sent"), (MailResult::GivenUp as usize, "given_up")]
        {
            assert_eq!(MailResult::NAMES.get(kind), Some(&name));
        }
        for (kind, name) in [(Decision::Allow as usize, "allow"), (Decision::Error as usize, "error")] {
            assert_eq!(Decision::NAMES.get(kind), Some(&name));
        }
    }
}
