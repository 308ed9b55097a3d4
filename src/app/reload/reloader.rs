//! Sends requests to the reload thread.

use std::sync::{Arc, mpsc::SyncSender};

use tokio::sync::oneshot;

use crate::{
    config::Config,
    gate::Ruleset,
    policy::{Source, Stored},
};

/// Sends requests to the reload thread. Cheap to clone; the thread ends with the last clone.
#[derive(Clone, Debug)]
pub(in crate::app) struct Reloader {
    pub(super) requests: SyncSender<Request>,
}

/// A request with the channel for its result.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) what: What,
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

#[derive(Debug)]
pub(super) enum What {
    /// Read the files, even if they seem unchanged.
    Files,
    /// Compile the files in force with these rows of the store.
    Rows(Stored),
    /// Check whether the files have changed.
    Check,
    /// Return the inputs of the rulesets in force.
    Inputs(oneshot::Sender<Vec<RulesetInputs>>),
}

/// The ruleset in force with its inputs.
#[derive(Debug)]
pub(in crate::app) struct RulesetInputs {
    /// The configuration as it is for the app.
    pub(in crate::app) config: Config,
    pub(in crate::app) sources: Vec<Source>,
    pub(in crate::app) stored: Stored,
    pub(in crate::app) ruleset: Arc<Ruleset>,
}
