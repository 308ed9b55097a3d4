//! What became of requests beyond a limit, for the metrics and the log.

use std::sync::Arc;

use crate::{
    clock,
    observe::{LogThrottle, metrics::Metrics},
    rate::{Exceeded, LimitName},
};

/// Counts requests beyond a limit, and logs those that a shadow lets through.
#[derive(Debug)]
pub(super) struct Report {
    metrics: Arc<Metrics>,
    clock: clock::Clock,
    throttles: [LogThrottle; LimitName::NAMES.len()],
}

impl Report {
    pub(super) fn new(metrics: Arc<Metrics>, clock: clock::Clock) -> Self {
        Self { metrics, clock, throttles: Default::default() }
    }

    pub(super) fn exceeded(&self, exceeded: &Exceeded, is_shadow: bool) {
        let Exceeded { limit, rate, .. } = exceeded;
        self.metrics.limited(*limit, is_shadow);
        let throttle = self.throttles.get(*limit as usize).filter(|_| is_shadow);
        if let Some(more) = throttle.and_then(|throttle| throttle.say(self.clock.now())) {
            let limit = limit.name();
            tracing::warn!(limit, %rate, more, "a request beyond a limit was let through: `limits.shadow` names it");
        }
    }
}
