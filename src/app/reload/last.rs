//! How the last reload went.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    app::status::Reload,
    clock::{Clock, Timestamp},
    observe::metrics::Metrics,
};

/// How the last reload went, for readiness and `status`.
#[derive(Debug)]
pub(in crate::app) struct LastReload {
    last: Mutex<Option<(Timestamp, Result<(), String>)>>,
    /// What is wrong with the files of certificates.
    certificates: Mutex<Option<String>>,
    /// Settings of the file that wait for a restart.
    waiting: Mutex<Vec<&'static str>>,
    metrics: Arc<Metrics>,
    clock: Clock,
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
        let of_files = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.metrics.reloaded(failure.is_none() && of_files.is_none_or(|(_, result)| result.is_ok()));
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// When it was, and how it went.
    pub(in crate::app) fn to_view(&self) -> Reload {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = self.of_certificates();
        match last {
            Some((at, result)) => Reload { at: Some(at.to_string()), failure: result.err().or(failure) },
            None => Reload { at: None, failure },
        }
    }

    /// The settings of the file that wait for a restart.
    pub(in crate::app) fn waiting(&self) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|key| (*key).to_owned()).collect()
    }

    pub(super) fn set_waiting(&self, keys: Vec<&'static str>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(super) fn set(&self, result: Result<(), String>) {
        self.metrics.reloaded(result.is_ok() && self.of_certificates().is_none());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock.now(), result));
    }
}
