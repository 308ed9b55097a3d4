//! How the last reload went.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    app::status::Reload,
    clock::{Clock, Timestamp},
    observe::metrics::Metrics,
};

/// How the last reload went, for readiness and `status`.
#[derive(Debug)]
pub(in crate::app) struct LastReload {
    last: Mutex<Last>,
    /// What is wrong with the files of certificates.
    certificates: Mutex<Option<String>>,
    /// Settings of the file that wait for a restart.
    waiting: Mutex<Vec<&'static str>>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Last {
    at: Option<Timestamp>,
    /// Why it keeps what it had.
    failures: BTreeMap<Part, String>,
}

/// The part of the gate that a reload is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The configuration, with the policies of all apps: only a reload of everything ends its failure.
    Configuration,
    /// The policies of one app; `None` = there is one app.
    App(Option<String>),
}

impl Last {
    /// The one of the configuration first.
    fn failure(&self) -> Option<&String> {
        self.failures.values().next()
    }
}

impl LastReload {
    /// There was none, or it was good.
    pub(in crate::app) fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        let (last, certificates, waiting) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { last, certificates, waiting, metrics, clock }
    }

    /// Why the last one failed, in one line, if it did.
    pub(in crate::app) fn failure(&self) -> Option<String> {
        self.to_view().failure
    }

    /// What is wrong with the files of certificates, in one line.
    fn of_certificates(&self) -> Option<String> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the last reload of certificates went.
    pub(super) fn set_certificates(&self, failure: Option<String>) {
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        self.note(|_| ());
    }

    /// When it was, and how it went.
    pub(in crate::app) fn to_view(&self) -> Reload {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = last.failure().cloned().or_else(|| self.of_certificates());
        Reload { at: last.at.map(|at| at.to_string()), failure }
    }

    /// The settings of the file that wait for a restart.
    pub(in crate::app) fn waiting(&self) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|key| (*key).to_owned()).collect()
    }

    pub(super) fn set_waiting(&self, keys: Vec<&'static str>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// How the reload of a part went.
    pub(super) fn set(&self, part: Part, result: Result<(), String>) {
        self.note(|failures| match result {
            Ok(()) => drop(failures.remove(&part)),
            Err(why) => drop(failures.insert(part, why)),
        });
    }

    /// Everything was reloaded, which ends the failures of single apps, too.
    pub(super) fn set_all_good(&self) {
        self.note(BTreeMap::clear);
    }

    fn note(&self, change: impl FnOnce(&mut BTreeMap<Part, String>)) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut last.failures);
        last.at = Some(self.clock.now());
        self.metrics.reloaded(last.failures.is_empty() && self.of_certificates().is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_a_reload_that_failed() {
        let clock = Clock::System;
        let last = LastReload::new(Metrics::new(), clock);
        assert_eq!(last.to_view(), Reload::default());
        last.set_certificates(Some("`a.key`: not that of `a.pem`".to_owned()));
        let view = last.to_view();
        assert!(view.at.is_some(), "else `status` says that there was no reload");
        assert_eq!(view.failure.as_deref(), Some("`a.key`: not that of `a.pem`"));
        last.set_certificates(None);
        let view = last.to_view();
        assert!(view.at.is_some() && view.failure.is_none(), "{view:?}");
    }
}
